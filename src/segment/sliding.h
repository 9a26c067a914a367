/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sliding window in a few 64-bit words: at most N in any window of 60 s (1 h, 1 d), never
 * more; sometimes a little less, because the oldest sub-bucket is counted whole.
 *
 * A window of W words has n = W·c sub-buckets of width b = ceil(window / (n - 1)): the one
 * that is filling now, and n - 1 whole ones before it that span the window. How many counters
 * c share a word depends on the limit, because a counter must hold the whole limit:
 *
 *     minute, 4 words         c  bits   n     b         hour and day, 8 words   c   n
 *     limit below 256         5     8  20   3.158 s     below 1,024             4  32
 *                 1,024       4    10  16   4.000 s           8,192             3  24
 *                 8,192       3    13  12   5.455 s       1,048,576             2  16
 *             1,048,576       2    20   8   8.572 s       above                 1   8
 *
 * So at the limit of the free tier the window is at most 3.158 s longer than a minute, where
 * one packing for every limit would have made it 8.572 s. Bucket k (time / b) lies in ring
 * place i = k mod n: word i / c, counter i mod c. A word is
 *
 *     layout:2 │ tag:22 │ counters:40         layout = 5 - c (minute), 4 - c (hour, day)
 *
 * The tag is u = (k / n)·c + (i mod c) modulo 2^22 of the newest bucket written in that word.
 * It dates each of its counters: those up to the tag's are of that turn of the ring, those
 * behind it of the turn before. So a word keeps the older counters that are still inside the
 * window while the newer ones fill; a tag for the whole word would waste c - 1 buckets.
 *
 * A tag between 1 and SLIDING_AHEAD_MAX ahead of the clock is of the future: somebody with a
 * later clock was here, and the reader adopts that time. Otherwise it is of the past. A line
 * that nobody used for 1.6 years and then, within the right 14 hours, somebody does, may read
 * a stale tag as future and limit more strictly for at most 14 hours; never less.
 *
 * When a limit changes so much that the layout does, a word of the other layout counts by the
 * times of its own buckets, and whoever overwrites it takes what it still counts into the
 * present bucket. That makes the counts younger than they are, which is the safe side, only
 * if the present is read after the word was: a thread whose clock is 742 ms behind could
 * otherwise move a count from a bucket of 4.000 s to one of 3.158 s that ends before it.
 */
#ifndef SEGMENT_SLIDING_H
#define SEGMENT_SLIDING_H

#include <stdbool.h>
#include <stdint.h>

#include "segment/usage_line.h"

#define SLIDING_LAYOUTS 4U
#define SLIDING_COUNTER_BITS 40U
#define SLIDING_TAG_BITS 22U
#define SLIDING_TAG_MASK ((1U << SLIDING_TAG_BITS) - 1)
#define SLIDING_AHEAD_MAX 4096U
#define SLIDING_COUNTERS_MASK ((1ULL << SLIDING_COUNTER_BITS) - 1)

/* One packing: all that follows from (window, layout). */
struct sliding_shape {
    uint32_t words, layout;
    uint32_t counters; /* c */
    uint32_t bits;     /* of a counter */
    uint32_t buckets;  /* n */
    int64_t bucket_ms; /* b */
    int64_t window_ms;
};

static inline __attribute__((always_inline)) struct sliding_shape sliding_shape(enum window window,
                                                                                uint32_t layout)
{
    struct sliding_shape shape = {.layout = layout};
    shape.words = window == WINDOW_MINUTE ? SLIDING_MINUTE_WORDS : SLIDING_LONG_WORDS;
    shape.window_ms = window == WINDOW_MINUTE ? 60000 : window == WINDOW_HOUR ? 3600000 : 86400000;
    shape.counters = (window == WINDOW_MINUTE ? 5 : 4) - layout;
    shape.bits = SLIDING_COUNTER_BITS / shape.counters;
    shape.buckets = shape.words * shape.counters;
    shape.bucket_ms = (shape.window_ms + shape.buckets - 2) / (shape.buckets - 1);
    return shape;
}

/* The finest packing whose counters hold `limit`. */
static inline uint32_t sliding_layout(enum window window, uint32_t limit)
{
    uint32_t layout = (limit >= 1U << 10) + (limit >= 1U << 13);
    if (window == WINDOW_MINUTE) {
        return layout + (limit >= 1U << 8);
    }
    return layout + (limit >= 1U << 20);
}

/* A moment in a window: which word and counter is filling, and its tag before truncation. */
struct sliding_moment {
    uint64_t bucket; /* k */
    uint64_t turn;   /* k / n */
    uint32_t word, counter;
};

static inline __attribute__((always_inline)) struct sliding_moment
sliding_moment(struct sliding_shape shape, int64_t now_ms)
{
    struct sliding_moment at;
    at.bucket = (uint64_t)now_ms / (uint64_t)shape.bucket_ms;
    at.turn = at.bucket / shape.buckets;
    uint32_t place = (uint32_t)(at.bucket - at.turn * shape.buckets);
    at.word = place / shape.counters;
    at.counter = place - at.word * shape.counters;
    return at;
}

/* The newest counter of `word` that has begun at this moment, and its tag (not truncated). */
static inline __attribute__((always_inline)) uint64_t
sliding_expected(struct sliding_shape shape, const struct sliding_moment *at, uint32_t word,
                 uint32_t *ret_counter)
{
    uint32_t last = shape.counters - 1;
    *ret_counter = word == at->word ? at->counter : last;
    uint64_t turn = word <= at->word ? at->turn : at->turn - 1;
    return turn * shape.counters + *ret_counter;
}

static inline uint32_t sliding_word_layout(uint64_t word)
{
    return (uint32_t)(word >> 62);
}
static inline uint32_t sliding_word_tag(uint64_t word)
{
    return (uint32_t)(word >> SLIDING_COUNTER_BITS) & SLIDING_TAG_MASK;
}
static inline uint64_t sliding_word(uint32_t layout, uint64_t tag, uint64_t counters)
{
    return (uint64_t)layout << 62 | (tag & SLIDING_TAG_MASK) << SLIDING_COUNTER_BITS | counters;
}
static inline uint64_t sliding_counter_mask(struct sliding_shape shape)
{
    return (1ULL << shape.bits) - 1;
}

/*
 * The counters of a word that are still inside the window, others 0. `age` is how far the tag
 * is behind the expected one, `newest` the expected counter: dead are the `age` counters that
 * end at `newest`, going round.
 */
static inline __attribute__((always_inline)) uint64_t
sliding_live(struct sliding_shape shape, uint64_t word, uint32_t age, uint32_t newest)
{
    if (age >= shape.counters) {
        return 0;
    }
    uint64_t dead = (1ULL << (age * shape.bits)) - 1; /* `age` counters from the lowest */
    uint32_t begin = newest + 1 >= age ? newest + 1 - age : newest + 1 - age + shape.counters;
    uint32_t total = shape.counters * shape.bits;
    uint64_t turned = dead << (begin * shape.bits);
    turned |= turned >> total; /* what went past the last counter goes round */
    return word & ((1ULL << total) - 1) & ~turned;
}

static inline __attribute__((always_inline)) uint64_t sliding_sum(struct sliding_shape shape,
                                                                  uint64_t counters)
{
    uint64_t sum = 0;
#pragma GCC unroll 5
    for (uint32_t i = 0; i < shape.counters; i++) {
        sum += counters >> (i * shape.bits) & sliding_counter_mask(shape);
    }
    return sum;
}

/* Counters of several words added up: every second one in a lane of twice its width, so that
 * nothing overflows (at most 2 × 8 words). */
struct sliding_lanes {
    uint64_t even, odd;
};

static inline __attribute__((always_inline)) uint64_t sliding_lanes_mask(struct sliding_shape shape)
{
    uint64_t mask = sliding_counter_mask(shape);
    for (uint32_t i = 2; i < shape.counters; i += 2) {
        mask |= sliding_counter_mask(shape) << (i * shape.bits);
    }
    return mask;
}

static inline __attribute__((always_inline)) void
sliding_lanes_add(struct sliding_shape shape, struct sliding_lanes *lanes, uint64_t counters)
{
    lanes->even += counters & sliding_lanes_mask(shape);
    lanes->odd += shape.counters == 1 ? 0 : counters >> shape.bits & sliding_lanes_mask(shape);
}

static inline __attribute__((always_inline)) uint64_t sliding_lanes_sum(struct sliding_shape shape,
                                                                        struct sliding_lanes lanes)
{
    uint64_t both = lanes.even + lanes.odd, sum = 0;
    if (shape.counters <= 2) {
        return both;
    }
    for (uint32_t shift = 0; shift < 64; shift += 2 * shape.bits) {
        sum += both >> shift & ((1ULL << (2 * shape.bits)) - 1);
    }
    return sum;
}

#define SLIDING_NEVER INT64_MAX

/* What a window holds at a moment. */
struct sliding_view {
    struct sliding_moment at; /* after adopting a future that others have seen */
    uint64_t used;
    uint64_t loaded[SLIDING_LONG_WORDS]; /* the words as they were read */
    uint64_t live[SLIDING_LONG_WORDS];   /* their counters inside the window */
    uint64_t foreign_sum; /* what the filling word counts in another layout; part of `used` */
};

/*
 * Reads `words`. Any bit pattern is possible; the result is then some count, never a fault.
 * Words that were written with another layout, or by somebody with a later clock, go the long
 * way. `window` and `shape` are compile-time constants where speed matters.
 */
struct sliding_clock {
    int64_t now_ms;
    int64_t (*later_ms)(void *context); /* NULL: nobody counts at the same time */
    void *context;
};
void sliding_read_foreign(enum window window, line_word *words, struct sliding_clock clock,
                          struct sliding_shape shape, struct sliding_view *view);

/* Whether a word needs the long way; one that was never written does not. */
static inline __attribute__((always_inline)) bool sliding_is_odd(struct sliding_shape shape,
                                                                 uint64_t word, uint32_t age)
{
    bool future = age > SLIDING_TAG_MASK - SLIDING_AHEAD_MAX;
    return (word != 0) & (future | (sliding_word_layout(word) != shape.layout));
}

static inline __attribute__((always_inline)) void
sliding_read(enum window window, struct sliding_shape shape, line_word *words,
             struct sliding_clock clock, struct sliding_view *ret_view)
{
    struct sliding_view *view = ret_view;
    view->at = sliding_moment(shape, clock.now_ms);
    view->foreign_sum = 0;
    const uint64_t all = (1ULL << (shape.counters * shape.bits)) - 1;
    uint64_t newest = (view->at.turn + 1) * shape.counters - 1;
    bool odd = false;
    struct sliding_lanes lanes = {0, 0};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < shape.words; i++) {
        uint64_t word = atomic_load(&words[i]);
        uint64_t expected = i < view->at.word ? newest : newest - shape.counters;
        uint32_t age = (uint32_t)(expected - sliding_word_tag(word)) & SLIDING_TAG_MASK;
        view->loaded[i] = word;
        bool filling = i == view->at.word;
        odd |= sliding_is_odd(shape, word, age) & !filling;
        bool live = (age < shape.counters) & !filling;
        view->live[i] = live ? word & all >> (age * shape.bits % 64) : 0;
        sliding_lanes_add(shape, &lanes, view->live[i]);
    }
    uint64_t word = view->loaded[view->at.word];
    uint64_t expected = view->at.turn * shape.counters + view->at.counter;
    uint32_t age = (uint32_t)(expected - sliding_word_tag(word)) & SLIDING_TAG_MASK;
    odd |= sliding_is_odd(shape, word, age);
    if (__builtin_expect(odd, 0)) {
        sliding_read_foreign(window, words, clock, shape, view);
        return;
    }
    view->live[view->at.word] = sliding_live(shape, word, age, view->at.counter);
    sliding_lanes_add(shape, &lanes, view->live[view->at.word]);
    view->used = sliding_lanes_sum(shape, lanes);
}

/* The word that `cost` more makes of the filling one. `view->used + cost` is within the limit
 * that chose the layout, so no counter overflows. */
static inline __attribute__((always_inline)) uint64_t
sliding_added(struct sliding_shape shape, const struct sliding_view *view, uint32_t cost)
{
    uint64_t counters = view->live[view->at.word];
    counters += (view->foreign_sum + cost) << (view->at.counter * shape.bits);
    uint64_t tag = view->at.turn * shape.counters + view->at.counter;
    return sliding_word(shape.layout, tag, counters & SLIDING_COUNTERS_MASK);
}

/* When the oldest bucket that counts leaves the window; the filling one if no other does. */
static inline __attribute__((always_inline)) int64_t
sliding_reset_ms(struct sliding_shape shape, const struct sliding_view *view)
{
    uint32_t filling = view->at.word * shape.counters + view->at.counter;
    uint64_t bucket = view->at.bucket;
    /* Behind the filling counter its word holds the oldest buckets of all. */
    uint64_t older = view->live[view->at.word] >> (view->at.counter * shape.bits) >> shape.bits;
    uint64_t found = older << (view->at.counter * shape.bits) << shape.bits;
    uint32_t word = view->at.word;
    for (uint32_t i = 1; found == 0 && i <= shape.words; i++) {
        word = word + 1 == shape.words ? 0 : word + 1;
        found = view->live[word];
    }
    if (found != 0) {
        uint32_t place = word * shape.counters + (uint32_t)__builtin_ctzll(found) / shape.bits;
        bucket = (view->at.turn - (place > filling)) * shape.buckets + place;
    }
    return (int64_t)(bucket + shape.buckets) * shape.bucket_ms;
}

/*
 * When buckets leave the window, oldest first: calls for the moment at which at least `excess`
 * of the counts are gone. SLIDING_NEVER when less than that is there. With excess 1 it is when
 * the oldest bucket leaves.
 */
int64_t sliding_leaves_ms(enum window window, struct sliding_shape shape,
                          const struct sliding_view *view, uint64_t excess);

#endif
