/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/auth_seen.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_BITS 20 /* two years, then they come again */
#define MINUTE_MASK ((UINT64_C(1) << MINUTE_BITS) - 1)

tkr_error_t auth_seen_new(struct auth_seen **ret_seen)
{
    struct auth_seen *seen = aligned_alloc(_Alignof(struct auth_seen), sizeof(*seen));
    ENSURE(seen != NULL, TKR_MEMORY);
    memset(seen, 0, sizeof(*seen));
    *ret_seen = seen;
    return TKR_OK;
}

/* The identifier is a time and 80 random bits: two multiplications spread them well enough. */
static uint64_t hash(const uint8_t token_id[TOKEN_ID_BYTES])
{
    uint64_t halves[2];
    memcpy(halves, token_id, sizeof(halves));
    uint64_t mixed = halves[0] * UINT64_C(0x9e3779b97f4a7c15) ^ halves[1];
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return mixed ^ mixed >> 32;
}

/* Whose place is taken: the token's own of another minute, else the one that was seen longest ago,
 * where all are of this minute any one. */
static unsigned place(const uint64_t words[AUTH_SEEN_WAYS], uint64_t word, uint64_t any)
{
    uint64_t oldest = 0;
    unsigned at = (unsigned)(any % AUTH_SEEN_WAYS);
    for (unsigned i = 0; i < AUTH_SEEN_WAYS; i++) {
        uint64_t age = (word - words[i]) & MINUTE_MASK;
        if (words[i] >> MINUTE_BITS == word >> MINUTE_BITS) {
            return i;
        }
        if (age > oldest) {
            oldest = age;
            at = i;
        }
    }
    return at;
}

bool auth_seen_take(struct auth_seen *seen, const uint8_t token_id[TOKEN_ID_BYTES], int64_t now_ms)
{
    uint64_t hashed = hash(token_id);
    uint64_t minute = (uint64_t)(now_ms / 60000 + 1) & MINUTE_MASK; /* a word of 0 is none */
    uint64_t word = (hashed & ~MINUTE_MASK) | minute;
    _Atomic uint64_t *bucket = seen->words[hashed % AUTH_SEEN_BUCKETS];
    uint64_t words[AUTH_SEEN_WAYS];
    for (unsigned i = 0; i < AUTH_SEEN_WAYS; i++) {
        words[i] = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if (words[i] == word) {
            return true;
        }
    }
    atomic_store_explicit(&bucket[place(words, word, hashed >> 32)], word, memory_order_relaxed);
    return false;
}
