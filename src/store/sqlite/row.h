/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into structs, for the columns that statements.h names. What a row holds that cannot be
 * is TKR_CORRUPT. */
#ifndef STORE_SQLITE_ROW_H
#define STORE_SQLITE_ROW_H

#include "base/arena.h"
#include "engine/store_port.h"
#include "store/sqlite/connection.h"

#define TOKEN_CORE_COLUMNS 20 /* in TOKEN_COLUMNS_CORE; the next column has this index */
#define TOKEN_FULL_COLUMNS 43 /* likewise in TOKEN_COLUMNS_FULL */

/* TOKEN_COLUMNS_CORE. Texts point into the statement, networks are in `cidrs`: both live until
 * the next row. All other members are untouched. */
MUST_USE tkr_error_t row_token_core(struct connection *connection, sqlite3_stmt *statement,
                                    struct cidr cidrs[CIDRS_PER_TOKEN_MAX], struct token *token);
/* TOKEN_COLUMNS_FULL, copied into the arena; TKR_TOO_LARGE when it is full. */
MUST_USE tkr_error_t row_token(struct connection *connection, sqlite3_stmt *statement,
                               struct arena *arena, struct token *ret_token, int64_t *ret_number);
/* name, limits, subject from column 0 on. */
MUST_USE tkr_error_t row_tier(sqlite3_stmt *statement, struct tier *ret_tier);
/* A column with a limits text or NULL. */
MUST_USE tkr_error_t row_limits(sqlite3_stmt *statement, int column, struct limits *ret_limits);

/* Networks as the text that the store keeps; "" for none. */
#define CIDRS_TEXT_BYTES_MAX (CIDRS_PER_TOKEN_MAX * CIDR_TEXT_SIZE)
const char *row_format_cidrs(const struct token *token, char out[CIDRS_TEXT_BYTES_MAX]);

#endif
