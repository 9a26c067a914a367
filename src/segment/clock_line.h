/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the logical clock: a line (base, slope) over the monotonic clock, of which there are
 * two copies. While the sequence is odd readers take the second and the writer is at the
 * first; while it is even, the other way round. So a writer that is stopped or killed anywhere
 * in a beat holds nobody up.
 */
#ifndef SEGMENT_CLOCK_LINE_H
#define SEGMENT_CLOCK_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "segment/format.h"

#define SEGMENT_NS_PER_MS 1000000
/* Each failed try means that a whole beat went by meanwhile. */
#define SEGMENT_CLOCK_TRIES 100

struct segment_clock_point {
    int64_t base_ns, monotonic_ns;
    bool slow;
};

static inline int64_t segment_clock_at(const struct segment_clock_point *point,
                                       int64_t monotonic_ns)
{
    int64_t elapsed = monotonic_ns - point->monotonic_ns;
    if (UNLIKELY(point->slow)) {
        elapsed -= elapsed / 100;
    }
    return point->base_ns + elapsed;
}

static inline bool segment_clock_point(const struct segment_clock_line *line,
                                       struct segment_clock_point *ret_point)
{
    for (int i = 0; i < SEGMENT_CLOCK_TRIES; i++) {
        uint32_t seq = atomic_load_explicit(&line->seq, memory_order_acquire);
        const struct segment_clock_copy *copy = &line->copies[seq & 1];
        ret_point->base_ns = atomic_load_explicit(&copy->base_ns, memory_order_acquire);
        int64_t packed = atomic_load_explicit(&copy->monotonic_ns_slow, memory_order_acquire);
        ret_point->monotonic_ns = packed >> 1;
        ret_point->slow = (packed & 1) != 0;
        if (LIKELY(atomic_load_explicit(&line->seq, memory_order_relaxed) == seq)) {
            return true;
        }
    }
    return false;
}

/* Logical milliseconds, and how long ago the last beat was. */
static inline bool segment_clock_read(const struct segment_clock_line *line, int64_t monotonic_ns,
                                      int64_t *ret_now_ms, int64_t *ret_silent_ns)
{
    struct segment_clock_point point;
    if (UNLIKELY(!segment_clock_point(line, &point))) {
        return false;
    }
    *ret_now_ms = segment_clock_at(&point, monotonic_ns) / SEGMENT_NS_PER_MS;
    *ret_silent_ns = monotonic_ns - point.monotonic_ns;
    return true;
}

#endif
