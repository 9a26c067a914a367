/* SPDX-License-Identifier: Apache-2.0 */
/* What imports need of the store; see engine/import_port.h. */
#include <string.h>

#include "store/sqlite/store.h"

static tkr_error_t copy_column(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = column_text(statement, column);
    ENSURE(strlen(text) < size, TKR_CORRUPT);
    memcpy(out, text, strlen(text) + 1);
    return TKR_OK;
}

tkr_error_t store_find_digest(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                              struct store_found *ret_found)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct store_found found = {0};
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_DIGEST, &statement));
    bind_bytes(statement, 1, digest, TOKEN_DIGEST_BYTES);
    TRY(statement_row(&store->writer, statement));
    TRY(copy_column(statement, 0, found.id, sizeof(found.id)));
    TRY(copy_column(statement, 1, found.org_id, sizeof(found.org_id)));
    found.revoked = sqlite3_column_int(statement, 2) != 0;
    *ret_found = found;
    return TKR_OK;
}

tkr_error_t store_put_line(struct store *store, uint32_t line, uint64_t total, int64_t last_used_ms,
                           const uint8_t *image, size_t bytes)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_LINE, &statement));
    bind_integer(statement, 1, line);
    bind_integer(statement, 2, (int64_t)total);
    bind_integer_optional(statement, 3, last_used_ms);
    bind_bytes(statement, 4, image, bytes);
    return statement_run(&store->writer, statement);
}
