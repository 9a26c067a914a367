/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": the known word that is nearest to a mistyped one. Pure. */
#ifndef DAEMON_SUGGEST_H
#define DAEMON_SUGGEST_H

#include <stddef.h>

/* Longer words are never suggested, nor is anything suggested for them. */
#define SUGGEST_WORD_BYTES_MAX 64

/*
 * Edits between two words: one inserts, removes or replaces a byte, or swaps two
 * neighbours. Words beyond SUGGEST_WORD_BYTES_MAX are as far apart as can be.
 */
size_t suggest_distance(const char *a, const char *b);

/*
 * Keeps the best candidate. Start with {.word = typed}; offer each known word; `best` is NULL
 * when none is near: at most a third of the typed word's length, and one edit at least.
 * `best` points to what was offered.
 */
struct suggestion {
    const char *word;
    const char *best;
    size_t distance;
};
void suggest_offer(struct suggestion *suggestion, const char *known);

#endif
