/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/suggest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The restricted Damerau distance with three rows of the matrix. */
size_t suggest_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > SUGGEST_WORD_BYTES_MAX || b_length > SUGGEST_WORD_BYTES_MAX) {
        return SIZE_MAX;
    }
    size_t rows[3][SUGGEST_WORD_BYTES_MAX + 1] = {{0}};
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1);
            row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

void suggest_offer(struct suggestion *suggestion, const char *known)
{
    size_t allowed = strlen(suggestion->word) / 3;
    size_t distance = suggest_distance(suggestion->word, known);
    if (distance > (allowed > 0 ? allowed : 1)) {
        return;
    }
    if (suggestion->best == NULL || distance < suggestion->distance) {
        suggestion->best = known;
        suggestion->distance = distance;
    }
}
