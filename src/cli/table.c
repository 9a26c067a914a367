/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <wchar.h>

#include "base/check.h"
#include "base/text.h"

static const char *const colours[] = {[TABLE_PLAIN] = "",
                                      [TABLE_GOOD] = "\x1b[32m",
                                      [TABLE_BAD] = "\x1b[31m",
                                      [TABLE_FAINT] = "\x1b[2m",
                                      [TABLE_BOLD] = "\x1b[1m"};

void table_init(struct table *table, const char *const *headings, size_t columns, bool colour)
{
    ASSERT(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.headings = headings, .columns = columns, .colour = colour};
    for (size_t i = 0; i < columns; i++) {
        table->widths[i] = strlen(headings[i]);
    }
}

static void forget_rows(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i].text);
    }
    table->count = 0;
}

void table_release(struct table *table)
{
    forget_rows(table);
    free(table->cells);
    table->cells = NULL;
}

/* wcwidth of the C library needs a UTF-8 locale; the program sets one (cli/main.c). */
size_t table_text_width(const char *text)
{
    size_t width = 0, length = strlen(text);
    for (size_t i = 0; i < length;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        int columns = bytes > 0 ? wcwidth((wchar_t)point) : 1;
        width += columns > 0 ? (size_t)columns : columns == 0 ? 0 : 1;
        i += bytes > 0 ? bytes : 1;
    }
    return width;
}

/* What a terminal would act upon, or cannot show, becomes `?`. */
static char *clean_copy(const char *text)
{
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        return NULL;
    }
    size_t out = 0;
    for (size_t i = 0; i < length;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        if (bytes == 0 || !text_is_printable(point)) {
            copy[out++] = '?';
        } else {
            memcpy(copy + out, text + i, bytes);
            out += bytes;
        }
        i += bytes > 0 ? bytes : 1;
    }
    copy[out] = '\0';
    return copy;
}

/* Bytes of `text` that take at most `columns`. */
static size_t bytes_within(const char *text, size_t columns)
{
    size_t length = strlen(text), i = 0, width = 0;
    while (i < length) {
        char one[8] = "";
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        bytes = bytes > 0 ? bytes : 1;
        memcpy(one, text + i, bytes);
        width += table_text_width(one);
        if (width > columns) {
            break;
        }
        i += bytes;
    }
    return i;
}

/* A clean copy that fits its column. */
static char *cell_copy(const char *text, size_t columns_max)
{
    static const char ellipsis[] = "\u2026";
    char *copy = clean_copy(text);
    if (copy == NULL || columns_max == 0 || table_text_width(copy) <= columns_max) {
        return copy;
    }
    char *cut = NULL;
    if (asprintf(&cut, "%.*s%s", (int)bytes_within(copy, columns_max - 1), copy, ellipsis) < 0) {
        cut = NULL;
    }
    free(copy);
    return cut;
}

void table_cell(struct table *table, const char *text, enum table_colour colour)
{
    ASSERT(table->columns > 0);
    if (table->count == table->capacity) {
        size_t capacity = table->capacity > 0 ? 2 * table->capacity : 16 * table->columns;
        struct table_cell *cells = reallocarray(table->cells, capacity, sizeof(*cells));
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    char *copy = cell_copy(text != NULL && text[0] != '\0' ? text : "-", table->cell_columns_max);
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    size_t width = table_text_width(copy);
    size_t *widest = &table->widths[table->count % table->columns];
    *widest = width > *widest ? width : *widest;
    table->cells[table->count++] = (struct table_cell){copy, colour};
}

static void print_cell(const struct table *table, size_t column, const char *text,
                       enum table_colour colour, FILE *out)
{
    bool last = column + 1 == table->columns;
    size_t padding = last ? 0 : table->widths[column] - table_text_width(text) + 2;
    bool coloured = table->colour && colour != TABLE_PLAIN;
    fprintf(out, "%s%s%s%*s%s", coloured ? colours[colour] : "", text, coloured ? "\x1b[0m" : "",
            (int)padding, "", last ? "\n" : "");
}

bool table_print(struct table *table, FILE *out)
{
    ASSERT(table->columns > 0);
    for (size_t i = 0; i < table->columns && !table->headings_printed && table->count > 0; i++) {
        print_cell(table, i, table->headings[i], TABLE_BOLD, out);
    }
    table->headings_printed = table->headings_printed || table->count > 0;
    size_t whole = table->count - table->count % table->columns;
    for (size_t i = 0; i < whole; i++) {
        print_cell(table, i % table->columns, table->cells[i].text, table->cells[i].colour, out);
    }
    forget_rows(table);
    return !table->failed;
}

bool terminal_colour(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fileno(out)) == 1 && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

bool terminal_confirm(const char *question)
{
    char answer[16] = "";
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) == NULL) {
        fputc('\n', stderr);
        return false;
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
