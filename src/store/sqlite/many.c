/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of many tokens at once: of a user, or of a role. One hundred thousand of them are one
 * transaction, and memory is that of STORE_SCAN_TOKENS: who goes through them takes them in
 * slices, by their numbers, and may change rows between the slices.
 */
#include <string.h>

#include "store/sqlite/store.h"

/* The order of SCAN_COLUMNS. */
enum column {
    COLUMN_NUMBER,
    COLUMN_ID,
    COLUMN_DIGEST,
    COLUMN_KIND,
    COLUMN_SCOPES,
    COLUMN_OWN_SCOPES,
    COLUMN_TIER_INHERITED,
    COLUMN_REVOKED,
    COLUMN_EXPIRES,
};

static const char *keep(struct arena *arena, sqlite3_stmt *statement, int column)
{
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static tkr_error_t row_scanned(sqlite3_stmt *statement, struct arena *arena,
                               struct scanned_token *ret_token)
{
    struct scanned_token token = {
        .number = sqlite3_column_int64(statement, COLUMN_NUMBER),
        .id = keep(arena, statement, COLUMN_ID),
        .kind = (enum token_kind)sqlite3_column_int(statement, COLUMN_KIND),
        .scopes = keep(arena, statement, COLUMN_SCOPES),
        .own_scopes = keep(arena, statement, COLUMN_OWN_SCOPES),
        .tier_inherited = sqlite3_column_int(statement, COLUMN_TIER_INHERITED) != 0,
        .revoked_at_ms = sqlite3_column_int64(statement, COLUMN_REVOKED),
        .expires_at_ms = sqlite3_column_int64(statement, COLUMN_EXPIRES),
    };
    const void *digest = sqlite3_column_blob(statement, COLUMN_DIGEST);
    ENSURE(digest != NULL && sqlite3_column_bytes(statement, COLUMN_DIGEST) == TOKEN_DIGEST_BYTES,
           TKR_CORRUPT);
    memcpy(token.digest, digest, TOKEN_DIGEST_BYTES);
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_token = token;
    return TKR_OK;
}

tkr_error_t store_scan_tokens(struct store *store, const struct token_scan *scan,
                              struct arena *arena,
                              struct scanned_token ret_tokens[STORE_SCAN_TOKENS], size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    bool of_user = scan->user_id != NULL;
    size_t count = 0;
    TRY(connection_prepare(&store->writer, of_user ? STATEMENT_SCAN_USER : STATEMENT_SCAN_ROLE,
                           &statement));
    bind_text(statement, 1, scan->org_id);
    bind_text(statement, 2, of_user ? scan->user_id : scan->role);
    bind_integer(statement, 3, scan->after);
    bind_integer(statement, 4, STORE_SCAN_TOKENS);
    tkr_error_t error = statement_row(&store->writer, statement);
    while (error == TKR_OK) {
        TRY(row_scanned(statement, arena, &ret_tokens[count++]));
        error = statement_row(&store->writer, statement);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_set_inherited_tier(struct store *store, const struct user *user, const char *tier,
                                     int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(store_find_tier(store, tier, &number));
    TRY(connection_prepare(&store->writer, STATEMENT_SET_INHERITED_TIER, &statement));
    bind_text(statement, 1, user->org_id);
    bind_text(statement, 2, user->id);
    bind_integer(statement, 3, number);
    bind_integer(statement, 4, now_ms);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_set_token_scopes(struct store *store, int64_t number, const char *scopes,
                                   int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_SET_TOKEN_SCOPES, &statement));
    bind_integer(statement, 1, number);
    bind_text(statement, 2, scopes);
    bind_integer(statement, 3, now_ms);
    return statement_run(&store->writer, statement);
}

/* --- replacement ------------------------------------------------------------------------- */

static void bind_replaced(sqlite3_stmt *statement, const struct token_replacement *replacement)
{
    bind_text(statement, 1, replacement->org_id);
    bind_text(statement, 2, replacement->user_id);
    bind_integer(statement, 3, replacement->kind);
    bind_integer(statement, 4, replacement->env);
    bind_text(statement, 5, replacement->kept_lineage_id);
    bind_integer(statement, 6, replacement->at_ms);
}

/* One for each that will be replaced. */
static tkr_error_t insert_events(struct store *store, const struct token_replacement *replacement,
                                 const struct store_event *event, uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct store_event each = *event;
    uint64_t count = 0;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_REPLACED, &statement));
    bind_replaced(statement, replacement);
    each.at_ms = replacement->at_ms;
    each.org_id = replacement->org_id;
    each.user_id = replacement->user_id;
    tkr_error_t error = statement_row(&store->writer, statement);
    while (error == TKR_OK) {
        each.token_id = column_text(statement, 0);
        each.token_name = column_text(statement, 1);
        TRY(store_insert_event(store, &each));
        count++;
        error = statement_row(&store->writer, statement);
    }
    *ret_count = count;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_replace_tokens(struct store *store, const struct token_replacement *replacement,
                                 const struct store_event *event, uint64_t *ret_count)
{
    uint64_t told = 0;
    TRY(insert_events(store, replacement, event, &told));
    if (told > 0) {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_REPLACE_TOKENS, &statement));
        bind_replaced(statement, replacement);
        bind_text(statement, 7, replacement->reason);
        TRY(statement_run(&store->writer, statement));
        ENSURE((uint64_t)sqlite3_changes(store->writer.db) == told, TKR_INTERNAL);
        store->changed = true;
    }
    *ret_count = told;
    return TKR_OK;
}
