/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plot.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/table.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_LEAST 10 /* of the longest bar, however narrow the terminal is */
#define EIGHTHS 8

/* POSIX: the first of these that is set and not empty decides. */
static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *value = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && value[0] == '\0'; i++) {
        const char *set = getenv(names[i]);
        value = set != NULL ? set : "";
    }
    return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
}

static size_t width_of(FILE *out)
{
    struct winsize size;
    bool known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : COLUMNS_DEFAULT;
}

struct plot plot_for(FILE *out)
{
    return (struct plot){
        .columns = width_of(out),
        .blocks = isatty(fileno(out)) == 1 && is_utf8(),
        .colour = terminal_colour(out),
    };
}

void plot_release(struct plot *plot)
{
    for (size_t i = 0; i < plot->count; i++) {
        free(plot->rows[i].label);
    }
    free(plot->rows);
}

void plot_bar(struct plot *plot, const char *label, uint64_t count)
{
    if (plot->count == plot->capacity) {
        size_t capacity = plot->capacity > 0 ? 2 * plot->capacity : 64;
        struct plot_row *rows = reallocarray(plot->rows, capacity, sizeof(*rows));
        if (rows == NULL) {
            plot->failed = true;
            return;
        }
        plot->rows = rows;
        plot->capacity = capacity;
    }
    char *copy = strdup(label);
    if (copy == NULL) {
        plot->failed = true;
        return;
    }
    for (char *at = copy; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
    plot->rows[plot->count++] = (struct plot_row){copy, count};
}

static size_t digits_of(uint64_t number)
{
    size_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

/* `eighths` of a column; in ASCII whole columns, rounded up. */
static void print_bar(const struct plot *plot, size_t eighths, FILE *out)
{
    static const char *const parts[EIGHTHS] = {"",       "\u258f", "\u258e", "\u258d",
                                               "\u258c", "\u258b", "\u258a", "\u2589"};
    size_t whole = plot->blocks ? eighths / EIGHTHS : (eighths + EIGHTHS - 1) / EIGHTHS;
    fputs(plot->colour ? "  \x1b[36m" : "  ", out);
    for (size_t i = 0; i < whole; i++) {
        fputs(plot->blocks ? "\u2588" : "#", out);
    }
    fputs(plot->blocks ? parts[eighths % EIGHTHS] : "", out);
    fputs(plot->colour ? "\x1b[0m" : "", out);
}

static void print_row(const struct plot *plot, const struct plot_row *row, size_t label_columns,
                      size_t count_columns, uint64_t most, FILE *out)
{
    size_t used = label_columns + 2 + count_columns + 2;
    size_t room = plot->columns > used + COLUMNS_LEAST ? plot->columns - used : COLUMNS_LEAST;
    fprintf(out, "%s%*s  %*llu", row->label, (int)(label_columns - table_text_width(row->label)),
            "", (int)count_columns, (unsigned long long)row->count);
    size_t eighths =
        most > 0 ? (size_t)((double)row->count / (double)most * (double)room * EIGHTHS) : 0;
    if (row->count > 0) {
        print_bar(plot, eighths > 0 ? eighths : 1, out);
    }
    fputc('\n', out);
}

bool plot_print(const struct plot *plot, FILE *out)
{
    size_t label_columns = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < plot->count; i++) {
        size_t width = table_text_width(plot->rows[i].label);
        label_columns = width > label_columns ? width : label_columns;
        most = plot->rows[i].count > most ? plot->rows[i].count : most;
    }
    for (size_t i = 0; i < plot->count; i++) {
        print_row(plot, &plot->rows[i], label_columns, digits_of(most), most, out);
    }
    return !plot->failed;
}
