/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row in the making: members come as text, in any order, and are checked one by one and once
 * more together. What is wrong with it is kept (the first fault); the row is bad from then on.
 */
#ifndef IMPORT_ROW_H
#define IMPORT_ROW_H

#include "import/source.h"

struct row {
    struct import_source *source;
    struct import_row out;
    bool has_digest, has_kind, has_env, has_scopes, expired;
    bool bad;
    struct fault fault;
};

/* Empties the source's row; its arena is reset. */
void row_begin(struct row *row, struct import_source *source, uint64_t number);
/* Whatever is known about it, the row is bad. `field` is the column's name, "" for none. */
void row_bad(struct row *row, const char *field, const char *format, ...) PRINTF_LIKE(3, 4);
/* The member as text, as `column` has it; NULL: null there. A text that holds a token is the
 * caller's to wipe. */
void row_set(struct row *row, enum import_member member, const char *column, const char *text,
             size_t length);
/*
 * What stands in no column is completed: a row without a name is called as its user; a row without
 * a user is the default user's, else it is a service's of its own name; the environment is that of
 * its prefix; scopes may stand in the metadata as `permissions`. Errors: TKR_MEMORY.
 */
MUST_USE tkr_error_t row_finish(struct row *row);

/* --- row_values.c and row_lists.c: one function a member, in a table ------------------------- */

typedef void (*row_setter)(struct row *row, const char *column, const char *text, size_t length);
extern const row_setter row_setters[IMPORT_MEMBER_COUNT];
/* `["a","b"]`, `{a,b}`, or words with commas or blanks between. */
void row_set_scopes(struct row *row, const char *column, const char *text, size_t length);
void row_set_networks(struct row *row, const char *column, const char *text, size_t length);
void row_set_metadata(struct row *row, const char *column, const char *text, size_t length);
/* As the API writes them: {"minute": 60, "hour": null, "day": "unlimited"}. */
void row_set_limits(struct row *row, const char *column, const char *text, size_t length);

#endif
