/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/check.h"

static struct timespec read_clock(clockid_t id)
{
    struct timespec now;
    int result = clock_gettime(id, &now); /* fails only for a clock that does not exist */
    ASSERT(result == 0);
    return now;
}

static int64_t wall_ms(void *context)
{
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ns(void *context)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t monotonic_coarse_ns(void *context)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC_COARSE);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {wall_ms, monotonic_ns, monotonic_coarse_ns, NULL};
    return &system_clock;
}
