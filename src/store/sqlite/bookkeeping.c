/* SPDX-License-Identifier: Apache-2.0 */
/* What is written beside the changes, without an event: idempotency keys and usage. */
#include <string.h>

#include "store/sqlite/store.h"

tkr_error_t store_find_idempotency(struct store *store, const char *org_id, const char *key,
                                   int64_t now_ms, char ret_token_id[TOKEN_ID_CHARS + 1],
                                   uint8_t ret_request_digest[TOKEN_DIGEST_BYTES])
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_KEY, &statement));
    bind_text(statement, 1, org_id);
    bind_text(statement, 2, key);
    bind_integer(statement, 3, now_ms - (int64_t)IDEMPOTENCY_TTL_S * 1000);
    TRY(statement_row(&store->writer, statement));
    const void *id = sqlite3_column_text(statement, 0);
    const void *digest = sqlite3_column_blob(statement, 1);
    ENSURE(id != NULL && sqlite3_column_bytes(statement, 0) == TOKEN_ID_CHARS, TKR_CORRUPT);
    ENSURE(digest != NULL && sqlite3_column_bytes(statement, 1) == TOKEN_DIGEST_BYTES, TKR_CORRUPT);
    memcpy(ret_token_id, id, TOKEN_ID_CHARS);
    ret_token_id[TOKEN_ID_CHARS] = '\0';
    memcpy(ret_request_digest, digest, TOKEN_DIGEST_BYTES);
    return TKR_OK;
}

/* More are deleted than come, so the table shrinks to the keys of one day. */
static tkr_error_t expire_keys(struct store *store, int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_EXPIRE_KEYS, &statement));
    bind_integer(statement, 1, now_ms - (int64_t)IDEMPOTENCY_TTL_S * 1000);
    bind_integer(statement, 2, IDEMPOTENCY_EXPIRE_MAX);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_put_idempotency(struct store *store, const char *org_id, const char *key,
                                  const uint8_t request_digest[TOKEN_DIGEST_BYTES],
                                  const char *token_id, int64_t now_ms)
{
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_PUT_KEY, &statement));
        bind_text(statement, 1, org_id);
        bind_text(statement, 2, key);
        bind_bytes(statement, 3, request_digest, TOKEN_DIGEST_BYTES);
        bind_text(statement, 4, token_id);
        bind_integer(statement, 5, now_ms);
        TRY(statement_run(&store->writer, statement));
    }
    return expire_keys(store, now_ms);
}

/* --- usage ------------------------------------------------------------------------------- */

/* 0 for a line that was never flushed. */
static tkr_error_t known_total(struct store *store, uint32_t line, uint64_t *ret_total)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_LINE, &statement));
    bind_integer(statement, 1, line);
    tkr_error_t error = statement_row(&store->writer, statement);
    int64_t total = error == TKR_OK ? sqlite3_column_int64(statement, 0) : 0;
    *ret_total = total > 0 ? (uint64_t)total : 0;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t put_line(struct store *store, const struct segment_usage *usage, uint64_t total)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_LINE, &statement));
    bind_integer(statement, 1, usage->line);
    bind_integer(statement, 2, (int64_t)total);
    bind_integer_optional(statement, 3, usage->last_used_ms);
    bind_bytes(statement, 4, usage->image, usage->bytes);
    return statement_run(&store->writer, statement);
}

static tkr_error_t add_minute(struct store *store, uint32_t line, int64_t minute_ms, uint64_t count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_ADD_MINUTE, &statement));
    bind_integer(statement, 1, line);
    bind_integer(statement, 2, minute_ms);
    bind_integer(statement, 3, (int64_t)count);
    return statement_run(&store->writer, statement);
}

/*
 * A line is marked with its neighbours, so most that come have not moved: they cost a look. A
 * line that is behind what is stored was begun anew and not restored: it does not take back
 * what was counted.
 *
 * Any verifier may write the totals, a broken or hostile one too. Whatever it wrote, the row
 * stays a number that can be written and can grow: a flush books at most USAGE_FLUSH_COUNT_MAX,
 * and keeps as the total what was booked, not what the line says.
 */
static tkr_error_t flush_line(struct store *store, const struct store_usage *usage)
{
    uint64_t total = usage->usage->total < INT64_MAX ? usage->usage->total : INT64_MAX;
    uint64_t known = 0;
    TRY(known_total(store, usage->usage->line, &known));
    if (total <= known) {
        return TKR_OK;
    }
    uint64_t more = total - known;
    more = more < USAGE_FLUSH_COUNT_MAX ? more : USAGE_FLUSH_COUNT_MAX;
    TRY(put_line(store, usage->usage, known + more));
    return add_minute(store, usage->usage->line, usage->minute_ms, more);
}

tkr_error_t store_flush_usage(struct store *store, const struct store_usage *usage, size_t count,
                              int64_t clock_ms)
{
    for (size_t i = 0; i < count; i++) {
        TRY(flush_line(store, &usage[i]));
    }
    if (clock_ms > store->current.clock_ms) {
        store->current.clock_ms = clock_ms;
        store->touched = true;
    }
    return TKR_OK;
}

tkr_error_t store_put_leak_report(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                                  const char *source, size_t tokens, int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_LEAK_REPORT, &statement));
    sqlite3_bind_blob(statement, 1, digest, TOKEN_DIGEST_BYTES, SQLITE_STATIC);
    bind_text(statement, 2, source);
    bind_integer(statement, 3, now_ms);
    bind_integer(statement, 4, (int64_t)tokens);
    return statement_run(&store->writer, statement);
}
