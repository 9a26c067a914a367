/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness that a test can repeat: the same seed gives the same bytes.
 *
 *     struct seeded_random random;
 *     seeded_random_init(&random, 1);
 *     options.random = &random.source;
 *     size_t length = seeded_random_below(&random, 100);
 *
 * xorshift64*: plenty for tests, useless for secrets. Not thread-safe.
 */
#ifndef SUPPORT_SEEDED_RANDOM_H
#define SUPPORT_SEEDED_RANDOM_H

#include <stdint.h>

#include "base/random.h"

struct seeded_random {
    struct random_source source;
    uint64_t state;
};

void seeded_random_init(struct seeded_random *random, uint64_t seed);
uint64_t seeded_random_next(struct seeded_random *random);
/* 0 to `bound` - 1; `bound` must not be 0. */
uint64_t seeded_random_below(struct seeded_random *random, uint64_t bound);

#endif
