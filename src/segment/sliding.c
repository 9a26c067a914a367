/* SPDX-License-Identifier: Apache-2.0 */
/* The rare halves of a sliding window: a clock behind that of others, a layout that changed,
 * and when there will be room. */
#include "segment/sliding.h"

/* More adoptions of a later time than this need words that no verifier wrote. */
#define ADOPTIONS_MAX 4

static bool is_future(uint64_t expected, uint64_t word, uint32_t *ret_ahead)
{
    *ret_ahead = (sliding_word_tag(word) - (uint32_t)expected) & SLIDING_TAG_MASK;
    return *ret_ahead != 0 && *ret_ahead <= SLIDING_AHEAD_MAX;
}

/* The latest time that the words prove somebody has seen, at least `now_ms`. */
static int64_t newest_ms(enum window window, const uint64_t *loaded, uint32_t words, int64_t now_ms)
{
    int64_t newest = now_ms;
    for (uint32_t i = 0; i < words; i++) {
        struct sliding_shape shape = sliding_shape(window, sliding_word_layout(loaded[i]));
        struct sliding_moment at = sliding_moment(shape, now_ms);
        uint32_t counter, ahead;
        uint64_t expected = sliding_expected(shape, &at, i, &counter);
        if (loaded[i] == 0 || !is_future(expected, loaded[i], &ahead)) {
            continue;
        }
        uint64_t tag = expected + ahead;
        uint64_t bucket = tag / shape.counters * shape.buckets + i * (uint64_t)shape.counters +
                          tag % shape.counters;
        int64_t begins_ms = (int64_t)bucket * shape.bucket_ms;
        newest = begins_ms > newest ? begins_ms : newest;
    }
    return newest;
}

/*
 * What a word of another layout counts. Its age is taken at the beginning of the bucket that
 * is filling in ours: whoever overwrites the word then drops only what nobody with a clock
 * past that beginning would count, and nobody with an earlier clock misses that we were here.
 */
static uint64_t foreign_count(enum window window, uint64_t word, uint32_t number, int64_t begins_ms)
{
    struct sliding_shape shape = sliding_shape(window, sliding_word_layout(word));
    struct sliding_moment at = sliding_moment(shape, begins_ms);
    uint32_t newest, ahead;
    uint64_t expected = sliding_expected(shape, &at, number, &newest);
    if (is_future(expected, word, &ahead)) {
        return sliding_sum(shape, word & SLIDING_COUNTERS_MASK);
    }
    uint32_t age = (uint32_t)(expected - sliding_word_tag(word)) & SLIDING_TAG_MASK;
    return sliding_sum(shape, sliding_live(shape, word, age, newest));
}

/* A time that is not before any count in the words: that of a later clock that was here, and
 * with words of another layout, whose counts may have to be moved, the time after reading. */
static int64_t adopted_ms(enum window window, struct sliding_shape shape,
                          struct sliding_clock clock, const uint64_t *loaded)
{
    int64_t now_ms = clock.now_ms;
    bool foreign = false;
    for (uint32_t i = 0; i < shape.words; i++) {
        foreign |= loaded[i] != 0 && sliding_word_layout(loaded[i]) != shape.layout;
    }
    if (foreign && clock.later_ms != NULL) {
        int64_t later_ms = clock.later_ms(clock.context);
        now_ms = later_ms > now_ms ? later_ms : now_ms;
    }
    for (int i = 0; i < ADOPTIONS_MAX; i++) {
        int64_t newest = newest_ms(window, loaded, shape.words, now_ms);
        if (newest == now_ms) {
            break;
        }
        now_ms = newest;
    }
    return now_ms;
}

void sliding_read_foreign(enum window window, line_word *words, struct sliding_clock clock,
                          struct sliding_shape shape, struct sliding_view *view)
{
    for (uint32_t i = 0; i < shape.words; i++) {
        view->loaded[i] = atomic_load(&words[i]);
    }
    view->at = sliding_moment(shape, adopted_ms(window, shape, clock, view->loaded));
    view->used = view->foreign_sum = 0;
    for (uint32_t i = 0; i < shape.words; i++) {
        uint64_t word = view->loaded[i];
        view->live[i] = 0;
        if (word == 0) {
            continue;
        }
        uint64_t count;
        if (sliding_word_layout(word) == shape.layout) {
            uint32_t newest;
            uint64_t expected = sliding_expected(shape, &view->at, i, &newest);
            uint32_t age = (uint32_t)(expected - sliding_word_tag(word)) & SLIDING_TAG_MASK;
            view->live[i] = sliding_live(shape, word, age, newest);
            count = sliding_sum(shape, view->live[i]);
        } else {
            int64_t begins_ms = (int64_t)view->at.bucket * shape.bucket_ms;
            count = foreign_count(window, word, i, begins_ms);
            view->foreign_sum = i == view->at.word ? count : view->foreign_sum;
        }
        view->used += count;
    }
}

int64_t sliding_leaves_ms(enum window window, struct sliding_shape shape,
                          const struct sliding_view *view, uint64_t excess)
{
    (void)window;
    uint64_t gone = 0;
    for (uint32_t back = shape.buckets; back-- > 0;) {
        uint64_t bucket = view->at.bucket - back;
        uint32_t place = (uint32_t)(bucket % shape.buckets);
        uint32_t word = place / shape.counters;
        uint32_t shift = place % shape.counters * shape.bits;
        gone += view->live[word] >> shift & sliding_counter_mask(shape);
        if (gone >= excess) {
            return (int64_t)(bucket + shape.buckets) * shape.bucket_ms;
        }
    }
    /* The rest is in words of another layout: all of it is gone a whole ring from now. */
    return view->used >= excess ? (int64_t)(view->at.bucket + shape.buckets) * shape.bucket_ms
                                : SLIDING_NEVER;
}
