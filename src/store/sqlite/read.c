/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

static tkr_error_t fetch_token(struct connection *connection, const char *token_id,
                               struct arena *arena, struct token *ret_token)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(connection_prepare(connection, STATEMENT_GET_TOKEN, &statement));
    bind_text(statement, 1, token_id);
    TRY(statement_row(connection, statement));
    return row_token(connection, statement, arena, ret_token, &number);
}

tkr_error_t store_read_token(struct store *store, const char *token_id, struct arena *arena,
                             struct token *ret_token)
{
    return fetch_token(&store->writer, token_id, arena, ret_token);
}

tkr_error_t store_get_token(struct store *store, const char *token_id, struct arena *arena,
                            struct token *ret_token)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_token(connection, token_id, arena, ret_token);
    reader_return(store, connection);
    return error;
}

static tkr_error_t fetch_tiers(struct connection *connection, struct arena *arena,
                               struct tier **ret_tiers, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct tier *tiers = arena_alloc(arena, SEGMENT_TIERS_MAX * sizeof(*tiers));
    size_t count = 0;
    ENSURE(tiers != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, STATEMENT_LIST_TIERS, &statement));
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        ENSURE(count < SEGMENT_TIERS_MAX, TKR_CAPACITY);
        TRY(row_tier(statement, &tiers[count++]));
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    *ret_tiers = tiers;
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_list_tiers(struct store *store, struct arena *arena, struct tier **ret_tiers,
                             size_t *ret_count)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_tiers(connection, arena, ret_tiers, ret_count);
    reader_return(store, connection);
    return error;
}

static tkr_error_t count_one(struct connection *connection, enum statement which, bool with_now,
                             int64_t now_ms, uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, which, &statement));
    if (with_now) {
        bind_integer(statement, 1, now_ms);
    }
    TRY(statement_row(connection, statement));
    *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

/* The states that most tokens are not in are counted; the rest is active. */
static tkr_error_t count_all(struct connection *connection, int64_t now_ms,
                             uint64_t ret_counts[TOKEN_STATUS_COUNT])
{
    static const struct {
        enum statement statement;
        enum token_status status;
        bool with_now;
    } rows[] = {
        {STATEMENT_COUNT_REVOKED, TOKEN_REVOKED, false},
        {STATEMENT_COUNT_DISABLED, TOKEN_DISABLED, false},
        {STATEMENT_COUNT_QUARANTINED, TOKEN_QUARANTINED, false},
        {STATEMENT_COUNT_NOT_YET_VALID, TOKEN_NOT_YET_VALID, true},
        {STATEMENT_COUNT_EXPIRED, TOKEN_EXPIRED, true},
    };
    uint64_t counts[TOKEN_STATUS_COUNT] = {0};
    uint64_t early = 0; /* expired before it became valid: that is not yet valid */
    int64_t total = 0;
    TRY(connection_integer(connection, "SELECT tokens FROM meta", &total));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        TRY(count_one(connection, rows[i].statement, rows[i].with_now, now_ms,
                      &counts[rows[i].status]));
    }
    TRY(count_one(connection, STATEMENT_COUNT_EXPIRED_EARLY, true, now_ms, &early));
    counts[TOKEN_EXPIRED] -= early;
    uint64_t inactive = 0;
    for (size_t i = 0; i < TOKEN_STATUS_COUNT; i++) {
        inactive += counts[i];
    }
    counts[TOKEN_ACTIVE] = (uint64_t)total >= inactive ? (uint64_t)total - inactive : 0;
    memcpy(ret_counts, counts, sizeof(counts));
    return TKR_OK;
}

tkr_error_t store_count_tokens(struct store *store, int64_t now_ms,
                               uint64_t ret_counts[TOKEN_STATUS_COUNT])
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = count_all(connection, now_ms, ret_counts);
    reader_return(store, connection);
    return error;
}
