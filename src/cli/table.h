/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: aligned columns, colour only where asked for. Cells are collected row by
 * row and printed at once; the next rows keep at least the widths of the former, so that a
 * list that comes page by page stays aligned.
 *
 *     struct table table CLEANUP(table_release);
 *     table_init(&table, headings, 3, terminal_colour(stdout));
 *     table_cell(&table, "tok_...", TABLE_PLAIN);
 *     table_print(&table, stdout);
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

enum table_colour { TABLE_PLAIN, TABLE_GOOD, TABLE_BAD, TABLE_FAINT, TABLE_BOLD };

struct table_cell {
    char *text;
    enum table_colour colour;
};

struct table {
    const char *const *headings;
    size_t columns;
    size_t widths[TABLE_COLUMNS_MAX];
    struct table_cell *cells;
    size_t count, capacity;
    bool colour;
    bool headings_printed;
    size_t cell_columns_max; /* longer texts are cut, and end in an ellipsis; 0: none is */
    bool failed;             /* no memory: what is there is printed, and table_print says false */
};

/* `headings` are static, at most TABLE_COLUMNS_MAX of them. */
void table_init(struct table *table, const char *const *headings, size_t columns, bool colour);
void table_release(struct table *table);
/* The next cell, left to right and row by row. The text is copied; control characters become
 * `?`, NULL and "" become `-`. */
void table_cell(struct table *table, const char *text, enum table_colour colour);
/* Prints and forgets the rows that are there; false when some are missing. The headings come
 * with the first rows. */
bool table_print(struct table *table, FILE *out);

/* Columns that a text takes on a terminal, UTF-8 decoded; bytes that are none count as one. */
size_t table_text_width(const char *text);

/* --- the terminal -------------------------------------------------------------------------- */

/* Whether to colour what goes to `out`: a terminal, NO_COLOR not set, TERM not `dumb`. */
bool terminal_colour(FILE *out);
/* Asks `question` on standard error; true for y or yes. */
bool terminal_confirm(const char *question);

#endif
