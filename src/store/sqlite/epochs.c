/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emergency revocations. An epoch is one row; settling it goes through the tokens in order of
 * their row numbers, a slice at a time, and remembers how far it came. Of a user there are few,
 * found by an index; of all others a slice is a range of numbers, so that a slice is short also
 * where it finds nothing.
 */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- making one ----------------------------------------------------------------------------- */

tkr_error_t store_put_epoch(struct store *store, struct store_epoch *epoch,
                            const struct store_event *event)
{
    uint8_t last[TOKEN_ID_BYTES];
    char born_max[TOKEN_ID_CHARS + 1];
    int64_t org = 0;
    int64_t user = 0;
    if (epoch->user_id != NULL) {
        TRY(store_find_user_numbers(store, epoch->org_id, epoch->user_id, &user, &org));
    } else if (epoch->org_id != NULL) {
        TRY(store_find_org_number(store, epoch->org_id, &org));
    }
    token_id_last(epoch->at_ms, last);
    token_id_format(last, born_max);
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_PUT_EPOCH, &statement));
        bind_integer(statement, 1, epoch->at_ms);
        bind_text(statement, 2, born_max);
        bind_integer_optional(statement, 3, org);
        bind_integer_optional(statement, 4, user);
        if (epoch->has_kind) {
            bind_integer(statement, 5, epoch->kind);
        }
        bind_text(statement, 6, epoch->reason);
        TRY(statement_run(&store->writer, statement));
    }
    epoch->number = (uint64_t)sqlite3_last_insert_rowid(store->writer.db);
    return store_insert_event(store, event);
}

/* --- settling it ---------------------------------------------------------------------------- */

struct settling {
    int64_t number, cursor, org, user, last; /* last: the highest row number of a token */
    bool of_user;
};

static tkr_error_t read_settling(struct store *store, uint64_t number, struct settling *ret)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_READ_SETTLING, &statement));
    bind_integer(statement, 1, (int64_t)number);
    TRY(statement_row(&store->writer, statement));
    *ret = (struct settling){
        .number = (int64_t)number,
        .cursor = sqlite3_column_int64(statement, 0),
        .of_user = sqlite3_column_type(statement, 1) != SQLITE_NULL,
        .user = sqlite3_column_int64(statement, 1),
        .last = sqlite3_column_int64(statement, 2),
    };
    return TKR_OK;
}

/* Revokes the rows of a slice. *ret_seen: the last row number that is done with. */
static tkr_error_t revoke_slice(struct store *store, const struct settling *settling, int64_t to,
                                tkr_error_t (*visit)(void *context,
                                                     const uint8_t digest[TOKEN_DIGEST_BYTES]),
                                void *context, int64_t *ret_seen, int64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer,
                           settling->of_user ? STATEMENT_SETTLE_USER : STATEMENT_SETTLE_RANGE,
                           &statement));
    bind_integer(statement, 1, settling->number);
    bind_integer(statement, 2, settling->cursor);
    bind_integer(statement, 3, to);
    bind_integer(statement, 4, EMERGENCY_SETTLE_ROWS);
    tkr_error_t error = statement_row(&store->writer, statement);
    int64_t last_row = 0;
    while (error == TKR_OK) {
        const void *digest = sqlite3_column_blob(statement, 0);
        ENSURE(digest != NULL && sqlite3_column_bytes(statement, 0) == TOKEN_DIGEST_BYTES,
               TKR_CORRUPT);
        TRY(visit(context, digest));
        int64_t row = sqlite3_column_int64(statement, 1);
        last_row = row > last_row ? row : last_row;
        (*ret_count)++;
        error = statement_row(&store->writer, statement);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    *ret_seen = *ret_count == EMERGENCY_SETTLE_ROWS ? last_row : to;
    return TKR_OK;
}

tkr_error_t store_settle_epoch(struct store *store, uint64_t number,
                               tkr_error_t (*visit)(void *context,
                                                    const uint8_t digest[TOKEN_DIGEST_BYTES]),
                               void *context, bool *ret_settled)
{
    struct settling settling;
    int64_t seen = 0;
    int64_t count = 0;
    TRY(read_settling(store, number, &settling));
    int64_t to = settling.of_user ? settling.last : settling.cursor + EMERGENCY_SETTLE_RANGE;
    to = to < settling.last ? to : settling.last;
    TRY(revoke_slice(store, &settling, to, visit, context, &seen, &count));
    bool settled = seen >= settling.last;
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_WRITE_SETTLING, &statement));
    bind_integer(statement, 1, settling.number);
    bind_integer(statement, 2, seen);
    bind_integer(statement, 3, settled);
    bind_integer(statement, 4, count);
    TRY(statement_run(&store->writer, statement));
    store->changed = true; /* the records have to say it, too */
    *ret_settled = settled;
    return TKR_OK;
}

/* --- reading -------------------------------------------------------------------------------- */

static const char *keep_optional(struct arena *arena, sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static void read_epoch(sqlite3_stmt *statement, struct arena *arena, struct store_epoch *ret_epoch)
{
    *ret_epoch = (struct store_epoch){
        .number = (uint64_t)sqlite3_column_int64(statement, 0),
        .at_ms = sqlite3_column_int64(statement, 1),
        .org_id = keep_optional(arena, statement, 2),
        .user_id = keep_optional(arena, statement, 3),
        .has_kind = sqlite3_column_type(statement, 4) != SQLITE_NULL,
        .kind = (enum token_kind)sqlite3_column_int(statement, 4),
        .reason = keep_optional(arena, statement, 5),
        .settled = sqlite3_column_int(statement, 6) != 0,
        .tokens = (uint64_t)sqlite3_column_int64(statement, 7),
    };
}

static tkr_error_t list_on(struct connection *connection, const char *org_id, bool pending_only,
                           uint32_t limit, struct arena *arena, struct store_epoch **ret_epochs,
                           size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct store_epoch *epochs = arena_alloc(arena, limit * sizeof(*epochs));
    size_t count = 0;
    ENSURE(epochs != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, STATEMENT_LIST_EPOCHS, &statement));
    bind_text(statement, 1, org_id);
    bind_integer(statement, 2, pending_only);
    bind_integer(statement, 3, limit);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && count < limit) {
        read_epoch(statement, arena, &epochs[count++]);
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_NOT_FOUND || error == TKR_OK, error);
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_epochs = epochs;
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_list_epochs(struct store *store, const char *org_id, bool pending_only,
                              uint32_t limit, struct arena *arena, struct store_epoch **ret_epochs,
                              size_t *ret_count)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        list_on(connection, org_id, pending_only, limit, arena, ret_epochs, ret_count);
    reader_return(store, connection);
    return error;
}

tkr_error_t store_newest_epoch(struct store *store, int64_t *ret_at_ms)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        connection_integer(connection, "SELECT coalesce(max(at), 0) FROM epochs", ret_at_ms);
    reader_return(store, connection);
    return error;
}
