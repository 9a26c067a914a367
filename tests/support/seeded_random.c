/* SPDX-License-Identifier: Apache-2.0 */
#include "seeded_random.h"

static tkr_error_t fill(void *context, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    for (size_t i = 0; i < length; i++) {
        to[i] = (uint8_t)(seeded_random_next(context) >> 56);
    }
    return TKR_OK;
}

void seeded_random_init(struct seeded_random *random, uint64_t seed)
{
    random->source = (struct random_source){fill, random};
    random->state = seed * 0x9E3779B97F4A7C15ULL + 1; /* 0 would stay 0 for ever */
}

uint64_t seeded_random_next(struct seeded_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * 0x2545F4914F6CDD1DULL;
}

uint64_t seeded_random_below(struct seeded_random *random, uint64_t bound)
{
    ASSERT(bound > 0);
    return (seeded_random_next(random) >> 11) % bound;
}
