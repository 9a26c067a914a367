/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that stands still until a test moves it. Reads are atomic, so several threads may
 * use it.
 *
 *     struct virtual_clock time;
 *     virtual_clock_init(&time, 1767225600000);
 *     options.clock = &time.clock;
 *     virtual_clock_advance(&time, 60 * 1000);
 */
#ifndef SUPPORT_VIRTUAL_CLOCK_H
#define SUPPORT_VIRTUAL_CLOCK_H

#include <stdatomic.h>

#include "base/clock.h"

struct virtual_clock {
    struct clock clock;
    _Atomic int64_t wall_ms, monotonic_ns;
};

void virtual_clock_init(struct virtual_clock *time, int64_t wall_ms);
/* Both clocks go forward. */
void virtual_clock_advance(struct virtual_clock *time, int64_t ms);
/* Only the wall clock jumps, in either direction, as when somebody sets it. */
void virtual_clock_set_wall(struct virtual_clock *time, int64_t wall_ms);

#endif
