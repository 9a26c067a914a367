/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A usage line: what is counted for one lineage of tokens, or for one user. Every verifier
 * may write it, so whoever reads it takes any bit pattern for possible.
 *
 *   word 0     requests let through, ever
 *        1     logical milliseconds of the last one
 *        2     hour, fixed    {period:32 │ count:32}
 *        3     day, fixed     {period:32 │ count:32}
 *        4…7   minute, sliding (segment/sliding.h); fixed: word 4 as the hour
 *        8…15  the hour when it slides; else absent
 *        next 8  the day when it slides; else absent
 *
 * A credit line is a usage line that counts credits (policy/credits.h) instead of requests:
 *
 *   word 0     credits used by verifications, ever
 *        1     logical milliseconds of the last use
 *        2     used        {period:20 │ amount:44}   verifiers swap it
 *        3     allowance   {period:20 │ amount:44}   only the authority writes it
 *        4     refill      amount                    only the authority writes it
 *        7     ~0: this is a credit line; never a word of a minute, which counts at most
 *              LIMIT_SLIDING_MINUTE_MAX in its 20 bits, nor of a fixed one, which ends at word 4
 *
 * The allowance's period says what the interval of the refills is. The authority writes the
 * allowance first, always with the present period, and then the refill, which matters only in
 * later ones: so no reader sees half of a change. Who uses reads `used` before the allowance,
 * swaps `used`, and reads the allowance again; who lowers the allowance reads `used` after it.
 * So of a use and a lowering that together are too much, at least one sees the other.
 */
#ifndef SEGMENT_USAGE_LINE_H
#define SEGMENT_USAGE_LINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "policy/credits.h"
#include "policy/limits_spec.h"

#define LINE_BASE_BYTES 64U
#define LINE_WORDS_MAX 24U

typedef _Atomic uint64_t line_word;

enum line_word_number {
    LINE_TOTAL,
    LINE_LAST_USED,
    LINE_HOUR,
    LINE_DAY,
    LINE_MINUTE,
    LINE_SLIDING = 8
};

enum credit_line_word_number {
    CREDIT_LINE_USED = 2,
    CREDIT_LINE_ALLOWANCE = 3,
    CREDIT_LINE_REFILL = 4,
    CREDIT_LINE_TAG = 7
};
#define CREDIT_LINE_TAGGED UINT64_MAX

/* Words that a window has when it slides. */
#define SLIDING_MINUTE_WORDS 4U
#define SLIDING_LONG_WORDS 8U

static inline uint32_t line_stride(const enum window_kind kinds[WINDOW_COUNT])
{
    uint32_t lines = 1;
    lines += kinds[WINDOW_HOUR] == WINDOW_SLIDING;
    lines += kinds[WINDOW_DAY] == WINDOW_SLIDING;
    return lines * LINE_BASE_BYTES;
}

/* Index of the word of a fixed window. */
static inline uint32_t line_fixed_word(enum window window)
{
    return window == WINDOW_MINUTE ? LINE_MINUTE : window == WINDOW_HOUR ? LINE_HOUR : LINE_DAY;
}

/* Index of the first word of a window. */
static inline uint32_t line_window_word(const enum window_kind kinds[WINDOW_COUNT],
                                        enum window window)
{
    if (window == WINDOW_MINUTE) {
        return LINE_MINUTE;
    }
    if (kinds[window] == WINDOW_FIXED) {
        return line_fixed_word(window);
    }
    bool behind_hour = window == WINDOW_DAY && kinds[WINDOW_HOUR] == WINDOW_SLIDING;
    return behind_hour ? LINE_SLIDING + SLIDING_LONG_WORDS : LINE_SLIDING;
}

/* Fixed windows: the number of the window since 1970 in UTC, and what it counted. */
static inline uint64_t fixed_word(uint32_t period, uint32_t count)
{
    return (uint64_t)period << 32 | count;
}
static inline uint32_t fixed_period(uint64_t word)
{
    return (uint32_t)(word >> 32);
}
static inline uint32_t fixed_count(uint64_t word)
{
    return (uint32_t)word;
}

/* Credit lines. An amount beyond CREDITS_ALLOWANCE_MAX is a programmer's mistake. */
static inline uint64_t credit_word(struct credits_amount amount)
{
    return (uint64_t)amount.period << CREDITS_AMOUNT_BITS | amount.amount;
}
static inline struct credits_amount credit_amount(uint64_t word)
{
    return (struct credits_amount){(uint32_t)(word >> CREDITS_AMOUNT_BITS),
                                   word & CREDITS_ALLOWANCE_MAX};
}

/* What was read of a credit line in one go, and what it means. Any bit pattern is possible. */
struct credit_line_view {
    uint64_t used_word, allowance_word;
    uint64_t refill;
    struct credits_state state;
};
static inline struct credit_line_view credit_line_read(line_word *line, int64_t now_ms)
{
    struct credit_line_view view;
    view.used_word = atomic_load(&line[CREDIT_LINE_USED]);
    view.allowance_word = atomic_load(&line[CREDIT_LINE_ALLOWANCE]);
    view.refill = atomic_load(&line[CREDIT_LINE_REFILL]) & CREDITS_ALLOWANCE_MAX;
    view.state = credits_at(credit_amount(view.allowance_word), view.refill,
                            credit_amount(view.used_word), now_ms);
    return view;
}

#endif
