/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, the hot path. See meter/meter.h for why these few stores are enough. */
#include "meter/format.h"

struct key {
    uint64_t word[2];
    uint64_t hour;
};

/* What a key that found no room is counted as instead, and in how many places of its bucket. */
static const struct {
    uint64_t drop[2], set[2];
    uint32_t places;
} steps[] = {
    {{0, 0}, {0, 0}, METER_BUCKET_SLOTS - 2},
    {{METER_LABEL_MASK << METER_LABEL_SHIFT, METER_NETWORK_MASK},
     {(uint64_t)METER_LABEL_OTHER << METER_LABEL_SHIFT, METER_NETWORK_OTHER},
     METER_BUCKET_SLOTS - 1},
    {{0, 0}, {METER_NO_LINE, 0}, METER_BUCKET_SLOTS},
};

static struct key key_of(const struct meter_event *event)
{
    uint64_t has_org = event->org != METER_NO_ORG ? METER_HAS_ORG : 0;
    uint64_t org = has_org != 0 ? event->org & 0xffff : 0;
    uint64_t hour = event->now_ms > 0 ? (uint64_t)event->now_ms / METER_HOUR_MS : 0;
    return (struct key){
        .word = {event->line | org << METER_ORG_SHIFT |
                     (uint64_t)event->label << METER_LABEL_SHIFT |
                     (uint64_t)event->verdict << METER_VERDICT_SHIFT,
                 has_org | (event->network & METER_NETWORK_MASK)},
        .hour = hour & METER_HOUR_MASK,
    };
}

static struct meter_slot *bucket_of(const struct meter_seat *seat, const struct key *key)
{
    uint64_t a = key->word[0] ^ seat->seed[0];
    uint64_t b = (key->word[1] + key->hour * 0x9e3779b97f4a7c15ULL) ^ seat->seed[1];
    unsigned __int128 product = (unsigned __int128)a * b;
    uint32_t hash = (uint32_t)((uint64_t)product ^ (uint64_t)(product >> 64));
    return seat->slots + ((uint64_t)hash * seat->buckets >> 32) * METER_BUCKET_SLOTS;
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static bool matches(const struct meter_slot *slot, const struct key *key)
{
    return load(&slot->key[0]) == key->word[0] && load(&slot->key[1]) == key->word[1] &&
           load(&slot->count) >> METER_COUNT_BITS == key->hour;
}

/* The hour and the count in one store: killed before it, nothing is counted, after it, all is. */
static void add(struct meter_slot *slot, uint64_t hour, uint64_t times)
{
    uint64_t count = (load(&slot->count) + times) & METER_COUNT_MASK;
    atomic_store_explicit(&slot->count, hour << METER_COUNT_BITS | count, memory_order_release);
}

/* Acquire: the drain is done with the key. */
static bool is_free(const struct meter_slot *slot)
{
    uint64_t booked = atomic_load_explicit(&slot->booked, memory_order_acquire);
    return ((load(&slot->count) ^ booked) & METER_COUNT_MASK) == 0;
}

static void give(struct meter_slot *slot, const struct key *key, uint64_t times)
{
    atomic_store_explicit(&slot->key[0], key->word[0], memory_order_relaxed);
    atomic_store_explicit(&slot->key[1], key->word[1], memory_order_relaxed);
    add(slot, key->hour, times);
}

/*
 * The place for a new key: one that never counted, else one of another hour, else any that is
 * free, so that the keys of this hour, which come back, are driven out last.
 */
static struct meter_slot *find_free(struct meter_slot *bucket, const struct key *key,
                                    uint32_t places)
{
    struct meter_slot *found = NULL;
    for (uint32_t i = 0; i < places; i++) {
        struct meter_slot *slot = &bucket[i];
        if (!is_free(slot)) {
            continue;
        }
        uint64_t count = load(&slot->count);
        if (count == 0) {
            return slot;
        }
        bool is_old = count >> METER_COUNT_BITS != key->hour;
        if (found == NULL || (is_old && load(&found->count) >> METER_COUNT_BITS == key->hour)) {
            found = slot;
        }
    }
    return found;
}

/* Slots are looked at in their order. Beginning with one that depends on the key was tried: for
 * 8,000 keys 30 ns a count instead of 20, because it touches twice as many cache lines. */
static bool count_in_bucket(struct meter_seat *seat, const struct key *key, uint32_t places,
                            uint64_t times)
{
    struct meter_slot *bucket = bucket_of(seat, key);
    for (uint32_t i = 0; i < METER_BUCKET_SLOTS; i++) {
        if (matches(&bucket[i], key)) {
            add(&bucket[i], key->hour, times);
            return true;
        }
    }
    struct meter_slot *slot = find_free(bucket, key, places);
    if (slot != NULL) {
        give(slot, key, times);
    }
    return slot != NULL;
}

/* Under the verdict alone. While it waits to be drained its hour stays the first one. */
static void count_verdict(struct meter_seat *seat, struct key *key, uint64_t times)
{
    uint32_t verdict = (uint32_t)(key->word[0] >> METER_VERDICT_SHIFT);
    struct meter_slot *slot = &seat->slots[seat->buckets * METER_BUCKET_SLOTS + verdict];
    key->word[0] &= ~(0xffffULL << METER_ORG_SHIFT);
    key->word[1] &= ~METER_HAS_ORG;
    if (is_free(slot)) {
        give(slot, key, times);
    } else {
        add(slot, load(&slot->count) >> METER_COUNT_BITS, times);
    }
}

static __attribute__((noinline)) void count_new(struct meter_seat *seat, struct key key,
                                                uint64_t times)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (int j = 0; j < 2; j++) {
            key.word[j] = (key.word[j] & ~steps[i].drop[j]) | steps[i].set[j];
        }
        if (count_in_bucket(seat, &key, steps[i].places, times)) {
            return;
        }
    }
    count_verdict(seat, &key, times);
}

void meter_count(struct meter_seat *seat, const struct meter_event *event, uint32_t times)
{
    ASSERT(event->verdict < METER_VERDICTS_MAX && event->label <= METER_LABEL_OTHER);
    struct key key = key_of(event);
    struct meter_slot *bucket = bucket_of(seat, &key);
    for (uint32_t i = 0; i < METER_BUCKET_SLOTS; i++) {
        if (matches(&bucket[i], &key)) {
            add(&bucket[i], key.hour, times);
            return;
        }
    }
    count_new(seat, key, times);
}

void meter_prefetch(const struct meter_seat *seat, const struct meter_event *event)
{
    struct key key = key_of(event);
    const struct meter_slot *bucket = bucket_of(seat, &key);
    __builtin_prefetch(&bucket[0], 1);
    __builtin_prefetch(&bucket[2], 1);
}
