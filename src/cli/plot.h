/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bars for people: a line a row, `LABEL  COUNT  ████▌`, as long as the terminal is wide.
 *
 *     struct plot plot = plot_for(stdout);
 *     plot_bar(&plot, "2026-01-31", 1234)...     twice the same rows: first they are
 *     plot_print(&plot, stdout);                 collected, then printed
 *     plot_release(&plot);
 *
 * On a UTF-8 terminal bars are made of block characters, an eighth of a column fine; elsewhere
 * of `#`. A count that is not 0 has at least the thinnest bar.
 */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct plot_row {
    char *label;
    uint64_t count;
};

struct plot {
    struct plot_row *rows;
    size_t count, capacity;
    size_t columns; /* of the terminal */
    bool blocks, colour;
    bool failed; /* no memory: what is there is printed, and plot_print says false */
};

/* For what `out` is: its width (80 when it has none), whether blocks and colour are for it. */
struct plot plot_for(FILE *out);
void plot_release(struct plot *plot); /* for CLEANUP */
/* The label is copied; control characters become `?`. */
void plot_bar(struct plot *plot, const char *label, uint64_t count);
bool plot_print(const struct plot *plot, FILE *out);

#endif
