/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, injected. Production uses clock_system(); tests use the virtual clock of
 * tests/support, so that a test moves time instead of sleeping.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *context);      /* Unix time in milliseconds; may jump */
    int64_t (*monotonic_ns)(void *context); /* never goes back; the same for all processes */
    /* like monotonic_ns, cheaper, up to 10 ms behind it */
    int64_t (*monotonic_coarse_ns)(void *context);
    void *context;
};

/* The machine's clocks: CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->context);
}
static inline int64_t clock_monotonic_ns(const struct clock *clock)
{
    return clock->monotonic_ns(clock->context);
}
static inline int64_t clock_monotonic_coarse_ns(const struct clock *clock)
{
    return clock->monotonic_coarse_ns(clock->context);
}

#endif
