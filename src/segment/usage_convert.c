/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A usage line whose windows were of other kinds. What the old window counted at this moment
 * counts in the new one as if it had just happened: stricter for one window's length than
 * either kind alone, and never twice the limit.
 *
 * A credit line has no windows and is kept as it is. Only when the clock was set back are
 * periods of the future made the present one, with all that was used: a stock would otherwise
 * not be refilled until that future comes.
 */
#include <string.h>

#include "segment/sliding.h"
#include "segment/writer.h"

/* What the window counts now. With `drop_future`, nothing when it lies in the future. */
static uint64_t counted(enum window window, enum window_kind kind, const uint64_t *words,
                        int64_t now_ms, bool drop_future)
{
    if (kind == WINDOW_FIXED) {
        uint32_t period = (uint32_t)(now_ms / window_ms(window));
        bool future = fixed_period(words[0]) > period;
        bool now = fixed_period(words[0]) == period;
        return now || (future && !drop_future) ? fixed_count(words[0]) : 0;
    }
    line_word copy[SLIDING_LONG_WORDS];
    struct sliding_shape shape = sliding_shape(window, 0);
    for (uint32_t i = 0; i < shape.words; i++) {
        atomic_init(&copy[i], words[i]);
    }
    struct sliding_view view;
    sliding_read(window, shape, copy, (struct sliding_clock){.now_ms = now_ms}, &view);
    bool future = view.at.bucket > sliding_moment(shape, now_ms).bucket;
    return drop_future && future ? 0 : view.used;
}

static void put_count(enum window window, enum window_kind kind, uint64_t count, uint64_t *words,
                      int64_t now_ms)
{
    if (count == 0) {
        return;
    }
    uint32_t held = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    if (kind == WINDOW_FIXED) {
        words[0] = fixed_word((uint32_t)(now_ms / window_ms(window)), held);
        return;
    }
    struct sliding_shape shape = sliding_shape(window, sliding_layout(window, held));
    uint64_t most = sliding_counter_mask(shape);
    struct sliding_view view = {.at = sliding_moment(shape, now_ms)};
    words[view.at.word] = sliding_added(shape, &view, held < most ? held : (uint32_t)most);
}

/* `word` with a period that is not later than now. */
static uint64_t in_the_present(uint64_t word, int64_t now_ms)
{
    struct credits_amount amount = credit_amount(word);
    uint32_t present = credits_period(credits_period_interval(amount.period), now_ms);
    amount.period = amount.period > present ? present : amount.period;
    return credit_word(amount);
}

static void keep_credits(const uint64_t *from, uint64_t *to, int64_t now_ms, bool drop_future)
{
    memcpy(to, from, LINE_BASE_BYTES);
    if (drop_future) {
        to[CREDIT_LINE_USED] = in_the_present(from[CREDIT_LINE_USED], now_ms);
        to[CREDIT_LINE_ALLOWANCE] = in_the_present(from[CREDIT_LINE_ALLOWANCE], now_ms);
    }
}

void segment_line_convert(const enum window_kind from_kinds[WINDOW_COUNT], const uint64_t *from,
                          const enum window_kind to_kinds[WINDOW_COUNT], uint64_t *to,
                          int64_t now_ms, bool drop_future)
{
    if (from[CREDIT_LINE_TAG] == CREDIT_LINE_TAGGED) {
        keep_credits(from, to, now_ms, drop_future);
        return;
    }
    to[LINE_TOTAL] = from[LINE_TOTAL];
    to[LINE_LAST_USED] = from[LINE_LAST_USED];
    for (int i = 0; i < WINDOW_COUNT; i++) {
        enum window window = (enum window)i;
        const uint64_t *old = from + line_window_word(from_kinds, window);
        uint64_t *new = to + line_window_word(to_kinds, window);
        if (from_kinds[i] == to_kinds[i] && !drop_future) {
            uint32_t sliding = window == WINDOW_MINUTE ? SLIDING_MINUTE_WORDS : SLIDING_LONG_WORDS;
            memcpy(new, old, (from_kinds[i] == WINDOW_FIXED ? 1 : sliding) * sizeof *new);
            continue;
        }
        uint64_t count = counted(window, from_kinds[i], old, now_ms, drop_future);
        put_count(window, to_kinds[i], count, new, now_ms);
    }
}
