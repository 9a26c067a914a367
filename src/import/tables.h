/* SPDX-License-Identifier: Apache-2.0 */
/* What the databases share: which table, and the SELECT over its columns. */
#ifndef IMPORT_TABLES_H
#define IMPORT_TABLES_H

#include "base/buffer.h"
#include "import/columns.h"

#define TABLES_QUOTED_SIZE 160

/*
 * `asked`, which must exist; NULL: the one of the tables that the old services have which exists.
 * Errors: TKR_NOT_FOUND, TKR_CONFLICT (several exist: which?), those of `exists`.
 */
MUST_USE tkr_error_t tables_find(const char *asked,
                                 tkr_error_t (*exists)(void *context, const char *table,
                                                       bool *ret_exists, struct fault *fault),
                                 void *context, const char **ret_table, struct fault *fault);
/* As an identifier of SQL; `schema.table` as two. Errors: TKR_INVALID. */
MUST_USE tkr_error_t tables_quote(const char *table, char ret_quoted[TABLES_QUOTED_SIZE],
                                  struct fault *fault);
/* The SELECT of what is chosen, into `sql`, and where each member stands in its rows. Errors:
 * TKR_TOO_LARGE. */
MUST_USE tkr_error_t tables_select(const char *quoted, const char *const *names,
                                   const size_t chosen[IMPORT_MEMBER_COUNT],
                                   size_t ret_positions[IMPORT_MEMBER_COUNT], struct buffer *sql);

#endif
