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
 */
#ifndef SEGMENT_USAGE_LINE_H
#define SEGMENT_USAGE_LINE_H

#include <stdatomic.h>
#include <stdint.h>

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

#endif
