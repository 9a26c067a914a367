/* SPDX-License-Identifier: Apache-2.0 */
/* What credit lines may use, and the charges and reservations that were made on them. */
#include <string.h>

#include "store/sqlite/store.h"

/* --- credits ----------------------------------------------------------------------------- */

static tkr_error_t read_credits(sqlite3_stmt *statement, struct store_credits *ret_credits)
{
    int64_t line = sqlite3_column_int64(statement, 0);
    int64_t period = sqlite3_column_int64(statement, 1);
    int64_t allowance = sqlite3_column_int64(statement, 2);
    int64_t refill = sqlite3_column_int64(statement, 3);
    ENSURE(line >= 0 && line < SEGMENT_NO_LINE, TKR_CORRUPT);
    ENSURE(period >= 0 && period < 1 << CREDITS_PERIOD_BITS, TKR_CORRUPT);
    ENSURE(allowance >= 0 && (uint64_t)allowance <= CREDITS_ALLOWANCE_MAX, TKR_CORRUPT);
    ENSURE(refill >= 0 && (uint64_t)refill <= CREDITS_MAX, TKR_CORRUPT);
    *ret_credits = (struct store_credits){
        .line = (uint32_t)line,
        .allowance = {(uint32_t)period, (uint64_t)allowance},
        .refill = (uint64_t)refill,
    };
    return TKR_OK;
}

static tkr_error_t visit_all(struct connection *connection,
                             tkr_error_t (*visit)(void *context, const struct store_credits *),
                             void *context)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_LOAD_CREDITS, &statement));
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        struct store_credits credits;
        TRY(read_credits(statement, &credits));
        TRY(visit(context, &credits));
        error = statement_row(connection, statement);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_load_credits(struct store *store,
                               tkr_error_t (*visit)(void *context, const struct store_credits *),
                               void *context)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = visit_all(connection, visit, context);
    reader_return(store, connection);
    return error;
}

tkr_error_t store_find_credits(struct store *store, uint32_t line,
                               struct store_credits *ret_credits)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_CREDITS, &statement));
    bind_integer(statement, 1, line);
    TRY(statement_row(&store->writer, statement));
    return read_credits(statement, ret_credits);
}

tkr_error_t store_put_credits(struct store *store, const struct store_credits *credits,
                              const struct store_event *event)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_CREDITS, &statement));
    bind_integer(statement, 1, credits->line);
    bind_integer(statement, 2, credits->allowance.period);
    bind_integer(statement, 3, (int64_t)credits->allowance.amount);
    bind_integer(statement, 4, (int64_t)credits->refill);
    TRY(statement_run(&store->writer, statement));
    store->changed = true;
    return event != NULL ? store_insert_event(store, event) : TKR_OK;
}

tkr_error_t store_drop_credits(struct store *store, uint32_t line)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_DROP_CREDITS, &statement));
    bind_integer(statement, 1, line);
    store->changed = true;
    return statement_run(&store->writer, statement);
}

tkr_error_t store_list_lineage(struct store *store, const char *lineage_id, uint32_t credit_line,
                               struct arena *arena, char (**ret_ids)[TOKEN_ID_CHARS + 1],
                               size_t *ret_count)
{
    char ids[LINEAGE_TOKENS_MAX][TOKEN_ID_CHARS + 1];
    size_t count = 0;
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_LINEAGE, &statement));
    bind_text(statement, 1, lineage_id);
    if (credit_line != SEGMENT_NO_LINE) {
        bind_integer(statement, 2, credit_line);
    }
    tkr_error_t error = statement_row(&store->writer, statement);
    while (error == TKR_OK) {
        const char *id = column_text(statement, 0);
        ENSURE(strlen(id) == TOKEN_ID_CHARS, TKR_CORRUPT);
        ENSURE(count < LINEAGE_TOKENS_MAX, TKR_CAPACITY);
        memcpy(ids[count++], id, TOKEN_ID_CHARS + 1);
        error = statement_row(&store->writer, statement);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    *ret_ids = arena_alloc(arena, (count + 1) * sizeof(ids[0]));
    ENSURE(*ret_ids != NULL, TKR_TOO_LARGE);
    memcpy(*ret_ids, ids, count * sizeof(ids[0]));
    *ret_count = count;
    return TKR_OK;
}

/* --- charges ----------------------------------------------------------------------------- */

/* In the order of CHARGE_COLUMNS. */
enum {
    COLUMN_ID,
    COLUMN_ORG,
    COLUMN_KEY,
    COLUMN_DIGEST,
    COLUMN_LINE,
    COLUMN_PERIOD,
    COLUMN_AMOUNT,
    COLUMN_STATE,
    COLUMN_ANSWER,
    COLUMN_TOKEN,
    COLUMN_CREATED,
    COLUMN_EXPIRES
};

static const char *keep(struct arena *arena, sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static tkr_error_t keep_id(sqlite3_stmt *statement, int column, char ret_id[TOKEN_ID_CHARS + 1])
{
    const char *text = column_text(statement, column);
    size_t length = strlen(text);
    ENSURE(length == TOKEN_ID_CHARS || length == 0, TKR_CORRUPT);
    memcpy(ret_id, text, length + 1);
    return TKR_OK;
}

static tkr_error_t read_charge(sqlite3_stmt *statement, struct arena *arena,
                               struct store_charge *ret_charge)
{
    struct store_charge charge = {.line = SEGMENT_NO_LINE};
    TRY(keep_id(statement, COLUMN_ID, charge.id));
    TRY(keep_id(statement, COLUMN_TOKEN, charge.token_id));
    charge.org_id = keep(arena, statement, COLUMN_ORG);
    charge.key = keep(arena, statement, COLUMN_KEY);
    charge.answer = keep(arena, statement, COLUMN_ANSWER);
    const void *digest = sqlite3_column_blob(statement, COLUMN_DIGEST);
    if (digest != NULL) {
        ENSURE(sqlite3_column_bytes(statement, COLUMN_DIGEST) == TOKEN_DIGEST_BYTES, TKR_CORRUPT);
        memcpy(charge.request_digest, digest, TOKEN_DIGEST_BYTES);
    }
    if (sqlite3_column_type(statement, COLUMN_LINE) != SQLITE_NULL) {
        charge.line = (uint32_t)sqlite3_column_int64(statement, COLUMN_LINE);
    }
    int64_t amount = sqlite3_column_int64(statement, COLUMN_AMOUNT);
    int state = sqlite3_column_int(statement, COLUMN_STATE);
    ENSURE(amount >= 0 && (uint64_t)amount <= CREDITS_ALLOWANCE_MAX, TKR_CORRUPT);
    ENSURE(state >= CHARGE_OPEN && state <= CHARGE_EXPIRED, TKR_CORRUPT);
    charge.amount = (struct credits_amount){
        (uint32_t)sqlite3_column_int64(statement, COLUMN_PERIOD), (uint64_t)amount};
    charge.state = (enum charge_state)state;
    charge.created_at_ms = sqlite3_column_int64(statement, COLUMN_CREATED);
    charge.expires_at_ms = sqlite3_column_int64(statement, COLUMN_EXPIRES);
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_charge = charge;
    return TKR_OK;
}

tkr_error_t store_find_charge(struct store *store, const char *id, struct arena *arena,
                              struct store_charge *ret_charge)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_CHARGE, &statement));
    bind_text(statement, 1, id);
    TRY(statement_row(&store->writer, statement));
    return read_charge(statement, arena, ret_charge);
}

tkr_error_t store_find_charge_by_key(struct store *store, const char *key, int64_t now_ms,
                                     struct arena *arena, struct store_charge *ret_charge)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_CHARGE_KEY, &statement));
    bind_text(statement, 1, key);
    bind_integer(statement, 2, now_ms);
    TRY(statement_row(&store->writer, statement));
    return read_charge(statement, arena, ret_charge);
}

tkr_error_t store_find_expired_charge(struct store *store, int64_t now_ms, struct arena *arena,
                                      struct store_charge *ret_charge)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_EXPIRED_CHARGE, &statement));
    bind_integer(statement, 1, now_ms);
    TRY(statement_row(&store->writer, statement));
    return read_charge(statement, arena, ret_charge);
}

/* A key that came back after it was forgotten, and is still there. */
static tkr_error_t free_key(struct store *store, const char *key)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FORGET_CHARGE_KEY, &statement));
    bind_text(statement, 1, key);
    return statement_run(&store->writer, statement);
}

/* More are deleted than come, so the table shrinks to those of one day. */
static tkr_error_t forget_old(struct store *store, int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FORGET_CHARGES, &statement));
    bind_integer(statement, 1, now_ms);
    bind_integer(statement, 2, IDEMPOTENCY_EXPIRE_MAX);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_put_charge(struct store *store, const struct store_charge *charge,
                             const struct store_event *event)
{
    if (charge->key != NULL) {
        TRY(free_key(store, charge->key));
    }
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_PUT_CHARGE, &statement));
        bind_text_optional(statement, 1, charge->id);
        bind_text(statement, 2, charge->org_id);
        bind_text(statement, 3, charge->key);
        if (charge->key != NULL) {
            bind_bytes(statement, 4, charge->request_digest, TOKEN_DIGEST_BYTES);
        }
        if (charge->line != SEGMENT_NO_LINE) {
            bind_integer(statement, 5, charge->line);
        }
        bind_integer(statement, 6, charge->amount.period);
        bind_integer(statement, 7, (int64_t)charge->amount.amount);
        bind_integer(statement, 8, charge->state);
        bind_text(statement, 9, charge->answer);
        bind_text(statement, 10, charge->token_id);
        bind_integer(statement, 11, charge->created_at_ms);
        bind_integer_optional(statement, 12, charge->expires_at_ms);
        if (charge->state != CHARGE_OPEN) {
            bind_integer(statement, 13, charge->created_at_ms + (int64_t)IDEMPOTENCY_TTL_S * 1000);
        }
        TRY(statement_run(&store->writer, statement));
    }
    TRY(forget_old(store, charge->created_at_ms));
    return store_insert_event(store, event);
}

tkr_error_t store_finish_charge(struct store *store, const struct store_charge *charge,
                                int64_t now_ms, const struct store_event *event)
{
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_FINISH_CHARGE, &statement));
        bind_text(statement, 1, charge->id);
        bind_integer(statement, 2, charge->state);
        bind_integer(statement, 3, (int64_t)charge->amount.amount);
        bind_integer(statement, 4, now_ms + (int64_t)IDEMPOTENCY_TTL_S * 1000);
        TRY(statement_run(&store->writer, statement));
        ENSURE(sqlite3_changes(store->writer.db) == 1, TKR_CONFLICT);
    }
    return store_insert_event(store, event);
}
