/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that ended long ago; and those that live on beside a successor. */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- cleanup --------------------------------------------------------------------------------- */

struct ended {
    int64_t number;
    bool buried;
    struct store_cleaned cleaned;
};

/* The next of them; NOT_FOUND: there is none. Its texts live until the statement goes on. */
static tkr_error_t next_ended(struct store *store, sqlite3_stmt *statement, struct ended *ret_ended)
{
    TRY(statement_row(&store->writer, statement));
    struct ended ended = {
        .number = sqlite3_column_int64(statement, 0),
        .buried = sqlite3_column_int(statement, 8) != 0,
        .cleaned.org_id = column_text(statement, 3),
        .cleaned.user_id = column_text(statement, 4),
        .cleaned.name = column_text(statement, 5),
        .cleaned.revoked = sqlite3_column_type(statement, 6) != SQLITE_NULL,
        .cleaned.quarantined = sqlite3_column_type(statement, 7) != SQLITE_NULL,
    };
    const void *digest = sqlite3_column_blob(statement, 1);
    const char *id = column_text(statement, 2);
    ENSURE(digest != NULL && sqlite3_column_bytes(statement, 1) == TOKEN_DIGEST_BYTES, TKR_CORRUPT);
    ENSURE(strlen(id) == TOKEN_ID_CHARS, TKR_CORRUPT);
    memcpy(ended.cleaned.digest, digest, TOKEN_DIGEST_BYTES);
    memcpy(ended.cleaned.id, id, TOKEN_ID_CHARS + 1);
    *ret_ended = ended;
    return TKR_OK;
}

/* What it made is from now on counted among what another version of it made, or what made it. */
static tkr_error_t give_children_away(struct store *store, const struct ended *ended)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_ADOPT_CHILDREN, &statement));
    bind_integer(statement, 1, ended->number);
    bind_integer(statement, 2, FAMILY_TOKENS_MAX + 1);
    return statement_run(&store->writer, statement);
}

static tkr_error_t run_on(struct store *store, enum statement which, const struct ended *ended,
                          int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    bind_integer(statement, 1, ended->number);
    bind_integer(statement, 2, now_ms);
    return statement_run(&store->writer, statement);
}

static tkr_error_t clean(struct store *store, const struct ended *ended, bool deactivate,
                         int64_t now_ms)
{
    if (deactivate) {
        return run_on(store, STATEMENT_DEACTIVATE_TOKEN, ended, now_ms);
    }
    if (ended->buried) {
        TRY(run_on(store, STATEMENT_BURY_TOKEN, ended, now_ms));
    }
    TRY(run_on(store, STATEMENT_DELETE_LINE, ended, now_ms));
    TRY(run_on(store, STATEMENT_DELETE_SKETCH, ended, now_ms));
    TRY(run_on(store, STATEMENT_DELETE_CREDITS, ended, now_ms));
    TRY(give_children_away(store, ended));
    TRY(run_on(store, STATEMENT_DELETE_TOKEN, ended, now_ms));
    store->current.tokens--;
    return TKR_OK;
}

/* Rows are found first and changed after, in one list, because the index that finds them is the
 * one that changes. */
static tkr_error_t find_ended(struct store *store, enum statement which, int64_t before_ms,
                              uint32_t limit, int64_t *ret_numbers, uint32_t *count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    bind_integer(statement, 1, before_ms);
    bind_integer(statement, 2, limit - *count);
    tkr_error_t error = TKR_OK;
    while (*count < limit && (error = statement_row(&store->writer, statement)) == TKR_OK) {
        ret_numbers[(*count)++] = sqlite3_column_int64(statement, 0);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t
clean_number(struct store *store, int64_t number, bool deactivate, int64_t now_ms,
             tkr_error_t (*visit)(void *context, const struct store_cleaned *cleaned,
                                  struct store_event *ret_event),
             void *context)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct ended ended;
    struct store_event event = {0};
    TRY(connection_prepare(&store->writer, STATEMENT_READ_ENDED, &statement));
    bind_integer(statement, 1, number);
    TRY(next_ended(store, statement, &ended));
    TRY(visit(context, &ended.cleaned, &event));
    TRY(store_insert_event(store, &event));
    return clean(store, &ended, deactivate, now_ms);
}

tkr_error_t store_cleanup(struct store *store, int64_t before_ms, bool deactivate, uint32_t limit,
                          int64_t now_ms,
                          tkr_error_t (*visit)(void *context, const struct store_cleaned *cleaned,
                                               struct store_event *ret_event),
                          void *context, uint32_t *ret_count)
{
    int64_t numbers[CLEANUP_BATCH_MAX];
    uint32_t count = 0;
    ENSURE(limit <= CLEANUP_BATCH_MAX, TKR_OUT_OF_RANGE);
    TRY(find_ended(store, STATEMENT_FIND_EXPIRED, before_ms, limit, numbers, &count));
    TRY(find_ended(store, STATEMENT_FIND_HELD, before_ms, limit, numbers, &count));
    if (!deactivate) {
        TRY(find_ended(store, STATEMENT_FIND_REVOKED, before_ms, limit, numbers, &count));
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(clean_number(store, numbers[i], deactivate, now_ms, visit, context));
    }
    *ret_count = count;
    return TKR_OK;
}

static tkr_error_t count_on(struct connection *connection, enum statement which, int64_t before_ms,
                            uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, which, &statement));
    bind_integer(statement, 1, before_ms);
    TRY(statement_row(connection, statement));
    *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

static tkr_error_t count_all(struct connection *connection, int64_t before_ms,
                             uint64_t *ret_expired, uint64_t *ret_revoked)
{
    uint64_t expired, held;
    TRY(count_on(connection, STATEMENT_COUNT_ENDED_EXPIRED, before_ms, &expired));
    TRY(count_on(connection, STATEMENT_COUNT_ENDED_HELD, before_ms, &held));
    TRY(count_on(connection, STATEMENT_COUNT_ENDED_REVOKED, before_ms, ret_revoked));
    *ret_expired = expired + held;
    return TKR_OK;
}

tkr_error_t store_count_ended(struct store *store, int64_t before_ms, uint64_t *ret_expired,
                              uint64_t *ret_revoked)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = count_all(connection, before_ms, ret_expired, ret_revoked);
    reader_return(store, connection);
    return error;
}

/* --- overlaps --------------------------------------------------------------------------------- */

static tkr_error_t list_on(struct connection *connection, int64_t now_ms, uint32_t limit,
                           struct store_overlap *ret_overlaps, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    size_t count = 0;
    TRY(connection_prepare(connection, STATEMENT_LIST_OVERLAPS, &statement));
    bind_integer(statement, 1, now_ms);
    bind_integer(statement, 2, limit);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && count < limit) {
        const char *id = column_text(statement, 0);
        ENSURE(strlen(id) == TOKEN_ID_CHARS, TKR_CORRUPT);
        memcpy(ret_overlaps[count].id, id, TOKEN_ID_CHARS + 1);
        ret_overlaps[count].line = (uint32_t)sqlite3_column_int64(statement, 1);
        ret_overlaps[count++].successor_line = (uint32_t)sqlite3_column_int64(statement, 2);
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_NOT_FOUND || error == TKR_OK, error);
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_list_overlaps(struct store *store, int64_t now_ms, uint32_t limit,
                                struct store_overlap *ret_overlaps, size_t *ret_count)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_on(connection, now_ms, limit, ret_overlaps, ret_count);
    reader_return(store, connection);
    return error;
}
