/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/auth_repeats.h"

#include <string.h>

#define MINUTE_MS 60000

static int64_t minute_of(int64_t at_ms)
{
    return at_ms / MINUTE_MS + 1;
}

/* A host has all the IPv6 addresses of its network, so those are told apart by network. */
static struct auth_refusal compared(const struct auth_refusal *refusal)
{
    struct auth_refusal compared = *refusal;
    if (compared.client.family == 6) {
        memset(compared.client.bytes + 8, 0, 8);
    }
    return compared;
}

/* FNV-1a. */
static struct auth_repeat *bucket_of(struct auth_repeats *repeats,
                                     const struct auth_refusal *refusal)
{
    const struct auth_refusal key = compared(refusal);
    const uint8_t *bytes = (const uint8_t *)&key; /* bytes all through: no padding */
    uint64_t hash = repeats->seed;
    for (size_t i = 0; i < sizeof(key); i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return repeats->entries[(hash >> 32) % AUTH_REPEATS_BUCKETS];
}

static bool same(const struct auth_refusal *a, const struct auth_refusal *b)
{
    const struct auth_refusal first = compared(a), second = compared(b);
    return memcmp(&first, &second, sizeof(first)) == 0;
}

bool auth_repeats_take(struct auth_repeats *repeats, const struct auth_refusal *refusal,
                       int64_t at_ms)
{
    struct auth_repeat *bucket = bucket_of(repeats, refusal);
    for (size_t i = 0; i < AUTH_REPEATS_WAYS; i++) {
        struct auth_repeat *entry = &bucket[i];
        if (entry->minute == 0 || !same(&entry->refusal, refusal) ||
            (entry->minute < minute_of(at_ms) && entry->count == 0)) {
            continue;
        }
        entry->first_ms = entry->count == 0 ? at_ms : entry->first_ms;
        entry->last_ms = at_ms;
        entry->count++;
        return true;
    }
    return false;
}

/* A place is free when its minute is over and nothing of it is left to tell. */
void auth_repeats_add(struct auth_repeats *repeats, const struct auth_refusal *refusal,
                      int64_t at_ms)
{
    struct auth_repeat *bucket = bucket_of(repeats, refusal);
    for (size_t i = 0; i < AUTH_REPEATS_WAYS; i++) {
        struct auth_repeat *entry = &bucket[i];
        if (entry->minute < minute_of(at_ms) && entry->count == 0) {
            *entry = (struct auth_repeat){.refusal = *refusal, .minute = minute_of(at_ms)};
            return;
        }
    }
}

struct auth_repeat *auth_repeats_due(struct auth_repeats *repeats, int64_t now_ms, bool all,
                                     size_t *cursor)
{
    while (*cursor < AUTH_REPEATS_MAX) {
        struct auth_repeat *entry =
            &repeats->entries[*cursor / AUTH_REPEATS_WAYS][*cursor % AUTH_REPEATS_WAYS];
        (*cursor)++;
        if (entry->count > 0 && (all || entry->minute < minute_of(now_ms))) {
            return entry;
        }
    }
    return NULL;
}
