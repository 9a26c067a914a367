/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by what made them and where they come from; on the writer's connection, so that a batch
 * sees its own. */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

static tkr_error_t find_user_number(struct store *store, const char *org_id, const char *user_id,
                                    int64_t *ret_number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_USER, &statement));
    bind_text(statement, 1, org_id);
    bind_text(statement, 2, user_id);
    TRY(statement_row(&store->writer, statement));
    *ret_number = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_count_made(struct store *store, const char *org_id, const char *user_id,
                             int64_t now_ms, uint32_t most, uint32_t *ret_count)
{
    int64_t user = 0;
    tkr_error_t error = find_user_number(store, org_id, user_id, &user);
    if (error == TKR_NOT_FOUND) {
        *ret_count = 0;
        return TKR_OK;
    }
    TRY(error);
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_COUNT_MADE, &statement));
    bind_integer(statement, 1, user);
    bind_integer(statement, 2, now_ms);
    bind_integer(statement, 3, most);
    TRY(statement_row(&store->writer, statement));
    uint64_t count = (uint64_t)sqlite3_column_int64(statement, 0);
    *ret_count = count < most ? (uint32_t)count : most;
    return TKR_OK;
}

static tkr_error_t read_ids(struct store *store, sqlite3_stmt *statement, uint32_t most,
                            char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count)
{
    uint32_t count = 0;
    bind_integer(statement, 2, most);
    tkr_error_t error = statement_row(&store->writer, statement);
    while (error == TKR_OK && count < most) {
        const char *id = column_text(statement, 0);
        ENSURE(strlen(id) == TOKEN_ID_CHARS, TKR_CORRUPT);
        memcpy(ret_ids[count++], id, TOKEN_ID_CHARS + 1);
        error = statement_row(&store->writer, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_list_made(struct store *store, const char *token_id, uint32_t most,
                            char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_MADE, &statement));
    bind_text(statement, 1, token_id);
    return read_ids(store, statement, most, ret_ids, ret_count);
}

tkr_error_t store_list_versions(struct store *store, const char *lineage_id, uint32_t most,
                                char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_VERSIONS, &statement));
    bind_text(statement, 1, lineage_id);
    return read_ids(store, statement, most, ret_ids, ret_count);
}

tkr_error_t store_list_overlapping(struct store *store, const char *lineage_id, int64_t now_ms,
                                   uint32_t most, char (*ret_ids)[TOKEN_ID_CHARS + 1],
                                   uint32_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_OVERLAPPING, &statement));
    bind_text(statement, 1, lineage_id);
    bind_integer(statement, 3, now_ms);
    return read_ids(store, statement, most, ret_ids, ret_count);
}

tkr_error_t store_list_environment(struct store *store, uint32_t most,
                                   char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_LIST_ENVIRONMENT, &statement));
    return read_ids(store, statement, most, ret_ids, ret_count);
}

tkr_error_t store_read_digest(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                              struct arena *arena, struct token *ret_token)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(connection_prepare(&store->writer, STATEMENT_GET_BY_DIGEST, &statement));
    bind_bytes(statement, 1, digest, TOKEN_DIGEST_BYTES);
    TRY(statement_row(&store->writer, statement));
    return row_token(&store->writer, statement, arena, ret_token, &number);
}
