/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that were refused, by their digest, for a while. Sets of four: the digest says which set,
 * and the entry that ends first makes room. Not thread-safe.
 */
#ifndef ADOPT_REFUSED_H
#define ADOPT_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"

struct refused_entry {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    int64_t until_ns; /* 0: empty */
};
struct refused {
    struct refused_entry *entries;
    uint32_t sets; /* a power of two */
};

/* At least `entries`, 48 bytes each. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t refused_init(struct refused *refused, uint32_t entries);
void refused_deinit(struct refused *refused);
bool refused_has(const struct refused *refused, const uint8_t digest[TOKEN_DIGEST_BYTES],
                 int64_t now_ns);
void refused_add(struct refused *refused, const uint8_t digest[TOKEN_DIGEST_BYTES],
                 int64_t until_ns);

#endif
