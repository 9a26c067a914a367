/* SPDX-License-Identifier: Apache-2.0 */
#include "virtual_clock.h"

static int64_t virtual_wall(void *context)
{
    struct virtual_clock *time = context;
    return atomic_load(&time->wall_ms);
}

static int64_t virtual_monotonic(void *context)
{
    struct virtual_clock *time = context;
    return atomic_load(&time->monotonic_ns);
}

void virtual_clock_init(struct virtual_clock *time, int64_t wall_ms)
{
    time->clock = (struct clock){virtual_wall, virtual_monotonic, virtual_monotonic, time};
    atomic_init(&time->wall_ms, wall_ms);
    atomic_init(&time->monotonic_ns, 1000000000);
}

void virtual_clock_advance(struct virtual_clock *time, int64_t ms)
{
    atomic_fetch_add(&time->wall_ms, ms);
    atomic_fetch_add(&time->monotonic_ns, ms * 1000000);
}

void virtual_clock_set_wall(struct virtual_clock *time, int64_t wall_ms)
{
    atomic_store(&time->wall_ms, wall_ms);
}
