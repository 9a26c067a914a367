/* SPDX-License-Identifier: Apache-2.0 */
/* Images of sketches, and tokens that end soon or that nobody uses. */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- sketches -------------------------------------------------------------------------------- */

tkr_error_t store_put_sketch(struct store *store, uint32_t line, uint32_t hour, const void *image,
                             size_t bytes)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_SKETCH, &statement));
    bind_integer(statement, 1, line);
    bind_integer(statement, 2, hour);
    bind_bytes(statement, 3, image, bytes);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_forget_sketches(struct store *store, uint32_t before_hour)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FORGET_SKETCHES, &statement));
    bind_integer(statement, 1, before_hour);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_find_line_token(struct store *store, uint32_t line,
                                  char ret_token_id[TOKEN_ID_CHARS + 1])
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_LINE_TOKEN, &statement));
    bind_integer(statement, 1, line);
    TRY(statement_row(&store->writer, statement));
    const char *id = column_text(statement, 0);
    ENSURE(strlen(id) == TOKEN_ID_CHARS, TKR_CORRUPT);
    memcpy(ret_token_id, id, TOKEN_ID_CHARS + 1);
    return TKR_OK;
}

static tkr_error_t each_on(struct connection *connection, uint32_t most,
                           tkr_error_t (*visit)(void *context, uint32_t line, const void *image,
                                                size_t bytes),
                           void *context)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_EACH_SKETCH, &statement));
    bind_integer(statement, 1, most);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        const void *image = sqlite3_column_blob(statement, 1);
        TRY(visit(context, (uint32_t)sqlite3_column_int64(statement, 0), image,
                  (size_t)sqlite3_column_bytes(statement, 1)));
        error = statement_row(connection, statement);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_each_sketch(struct store *store, uint32_t most,
                              tkr_error_t (*visit)(void *context, uint32_t line, const void *image,
                                                   size_t bytes),
                              void *context)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = each_on(connection, most, visit, context);
    reader_return(store, connection);
    return error;
}

/* --- tokens that are watched ------------------------------------------------------------------ */

/* The rows of a prepared statement, at most `room`; the last use and `told` stand behind the
 * token's columns. */
static tkr_error_t read_tokens(struct connection *connection, sqlite3_stmt *statement,
                               struct arena *arena, struct watched_token *tokens, size_t room,
                               size_t *ret_count)
{
    size_t count = 0;
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && count < room) {
        int64_t number = 0;
        tokens[count] = (struct watched_token){0};
        TRY(row_token(connection, statement, arena, &tokens[count].token, &number));
        tokens[count].used_ms = sqlite3_column_int64(statement, TOKEN_FULL_COLUMNS);
        tokens[count++].told = sqlite3_column_int(statement, TOKEN_FULL_COLUMNS + 1) != 0;
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_NOT_FOUND || error == TKR_OK, error);
    *ret_count = count;
    return TKR_OK;
}

static void bind_question(sqlite3_stmt *statement, const struct expiring_question *question)
{
    bind_integer(statement, 1, question->from_ms);
    bind_integer(statement, 2, question->until_ms);
    bind_integer(statement, 3, question->lifetime_ms);
    bind_integer(statement, 4, question->used_since_ms);
    bind_text(statement, 5, question->key);
    bind_text(statement, 6, question->org_id);
}

static tkr_error_t expiring_on(struct connection *connection,
                               const struct expiring_question *question, struct arena *arena,
                               struct watched_token *tokens, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_LIST_EXPIRING, &statement));
    bind_question(statement, question);
    bind_integer(statement, 7, question->limit);
    return read_tokens(connection, statement, arena, tokens, question->limit, ret_count);
}

tkr_error_t store_list_expiring(struct store *store, const struct expiring_question *question,
                                struct arena *arena, struct watched_token **ret_tokens,
                                size_t *ret_count)
{
    struct connection *connection = NULL;
    struct watched_token *tokens = arena_alloc(arena, question->limit * sizeof(*tokens));
    ENSURE(tokens != NULL, TKR_TOO_LARGE);
    TRY(reader_take(store, &connection));
    tkr_error_t error = expiring_on(connection, question, arena, tokens, ret_count);
    reader_return(store, connection);
    *ret_tokens = tokens;
    return error;
}

static tkr_error_t tally_on(struct connection *connection, const struct expiring_question *question,
                            uint64_t *ret_count, uint64_t *ret_used)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_TALLY_EXPIRING, &statement));
    bind_question(statement, question);
    TRY(statement_row(connection, statement));
    *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
    *ret_used = (uint64_t)sqlite3_column_int64(statement, 1);
    return TKR_OK;
}

tkr_error_t store_tally_expiring(struct store *store, const struct expiring_question *question,
                                 uint64_t *ret_count, uint64_t *ret_used)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = tally_on(connection, question, ret_count, ret_used);
    reader_return(store, connection);
    return error;
}

static tkr_error_t count_on(struct connection *connection, int64_t from_ms, int64_t until_ms,
                            uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_COUNT_EXPIRING, &statement));
    bind_integer(statement, 1, from_ms);
    bind_integer(statement, 2, until_ms);
    TRY(statement_row(connection, statement));
    *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_count_expiring(struct store *store, int64_t from_ms, int64_t until_ms,
                                 uint64_t *ret_count)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = count_on(connection, from_ms, until_ms, ret_count);
    reader_return(store, connection);
    return error;
}

static tkr_error_t next_rows(struct connection *connection, const struct unused_question *question,
                             int64_t *next)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_NEWEST_TOKEN, &statement));
    TRY(statement_row(connection, statement));
    int64_t newest = sqlite3_column_int64(statement, 0);
    *next = *next + question->rows < newest ? *next + question->rows : 0;
    return TKR_OK;
}

static tkr_error_t unused_on(struct connection *connection, const struct unused_question *question,
                             int64_t *next, struct arena *arena, struct watched_token *tokens,
                             size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_LIST_UNUSED, &statement));
    bind_integer(statement, 1, *next);
    bind_integer(statement, 2, question->rows);
    bind_integer(statement, 3, question->before_ms);
    bind_integer(statement, 4, question->now_ms);
    TRY(read_tokens(connection, statement, arena, tokens, question->rows, ret_count));
    return next_rows(connection, question, next);
}

tkr_error_t store_list_unused(struct store *store, const struct unused_question *question,
                              int64_t *next, struct arena *arena, struct watched_token **ret_tokens,
                              size_t *ret_count)
{
    struct connection *connection = NULL;
    struct watched_token *tokens = arena_alloc(arena, question->rows * sizeof(*tokens));
    ENSURE(tokens != NULL, TKR_TOO_LARGE);
    TRY(reader_take(store, &connection));
    tkr_error_t error = unused_on(connection, question, next, arena, tokens, ret_count);
    reader_return(store, connection);
    *ret_tokens = tokens;
    return error;
}
