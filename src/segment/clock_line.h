/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the logical clock. */
#ifndef SEGMENT_CLOCK_LINE_H
#define SEGMENT_CLOCK_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "segment/format.h"

#define SEGMENT_NS_PER_MS 1000000
#define SEGMENT_CLOCK_TRIES 2000

static inline int64_t segment_clock_at(int64_t base_ns, int64_t base_monotonic_ns, bool slow,
                                       int64_t monotonic_ns)
{
    int64_t elapsed = monotonic_ns - base_monotonic_ns;
    if (UNLIKELY(slow)) {
        elapsed -= elapsed / 100;
    }
    return base_ns + elapsed;
}

/* Logical milliseconds, and how long ago the last beat was. False: a writer died in the middle
 * of a beat. */
static inline bool segment_clock_read(const struct segment_clock_line *line, int64_t monotonic_ns,
                                      int64_t *ret_now_ms, int64_t *ret_silent_ns)
{
    for (int i = 0; i < SEGMENT_CLOCK_TRIES; i++) {
        uint32_t seq = atomic_load_explicit(&line->seq, memory_order_acquire);
        int64_t base = atomic_load_explicit(&line->base_ns, memory_order_acquire);
        int64_t since = atomic_load_explicit(&line->base_monotonic_ns, memory_order_acquire);
        bool slow = atomic_load_explicit(&line->slow, memory_order_acquire) != 0;
        int64_t beat = atomic_load_explicit(&line->beat_monotonic_ns, memory_order_acquire);
        if (LIKELY((seq & 1) == 0 &&
                   atomic_load_explicit(&line->seq, memory_order_relaxed) == seq)) {
            *ret_now_ms = segment_clock_at(base, since, slow, monotonic_ns) / SEGMENT_NS_PER_MS;
            *ret_silent_ns = monotonic_ns - beat;
            return true;
        }
    }
    return false;
}

#endif
