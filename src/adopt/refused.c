/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/refused.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4U

tkr_error_t refused_init(struct refused *refused, uint32_t entries)
{
    uint32_t sets = 1;
    while (sets * WAYS < entries) {
        sets *= 2;
    }
    refused->sets = sets;
    refused->entries = calloc((size_t)sets * WAYS, sizeof(refused->entries[0]));
    return refused->entries != NULL ? TKR_OK : TKR_MEMORY;
}

void refused_deinit(struct refused *refused)
{
    free(refused->entries);
    refused->entries = NULL;
}

static struct refused_entry *set_of(const struct refused *refused,
                                    const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    uint32_t word;
    memcpy(&word, digest, sizeof(word));
    return &refused->entries[(size_t)(word & (refused->sets - 1)) * WAYS];
}

bool refused_has(const struct refused *refused, const uint8_t digest[TOKEN_DIGEST_BYTES],
                 int64_t now_ns)
{
    const struct refused_entry *set = set_of(refused, digest);
    bool found = false;
    for (unsigned i = 0; i < WAYS && !found; i++) {
        found = set[i].until_ns > now_ns && memcmp(set[i].digest, digest, TOKEN_DIGEST_BYTES) == 0;
    }
    return found;
}

void refused_add(struct refused *refused, const uint8_t digest[TOKEN_DIGEST_BYTES],
                 int64_t until_ns)
{
    struct refused_entry *set = set_of(refused, digest);
    struct refused_entry *chosen = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (memcmp(set[i].digest, digest, TOKEN_DIGEST_BYTES) == 0) {
            chosen = &set[i];
            break;
        }
        chosen = set[i].until_ns < chosen->until_ns ? &set[i] : chosen;
    }
    memcpy(chosen->digest, digest, TOKEN_DIGEST_BYTES);
    chosen->until_ns = until_ns;
}
