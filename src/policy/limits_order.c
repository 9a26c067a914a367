/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limits_order.h"

/* LIMIT_NONE is the largest number there is, so that "less" is what it says. */
static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t limit_in(const struct limits *limits, enum window window)
{
    return (limits->set & (1U << window)) != 0 ? limits->limit[window] : LIMIT_NONE;
}

static uint32_t limit_of_user(const struct tier *tier, enum window window)
{
    return (tier->subject & LIMITS_OF_USER) != 0 ? limit_in(&tier->limits, window) : LIMIT_NONE;
}

uint32_t limit_of_token(const struct tier *tier, const struct limits *overrides, enum window window)
{
    uint32_t own =
        (tier->subject & LIMITS_OF_TOKEN) != 0 ? limit_in(&tier->limits, window) : LIMIT_NONE;
    if ((overrides->set & (1U << window)) != 0) {
        own = overrides->limit[window];
    }
    return lesser(own, limit_of_user(tier, window));
}

bool tier_within(const struct tier *asked, const struct tier *bound, enum window *ret_window)
{
    static const struct limits none = {0};
    for (enum window window = 0; window < WINDOW_COUNT; window++) {
        if (limit_of_token(asked, &none, window) > limit_of_token(bound, &none, window) ||
            limit_of_user(asked, window) > limit_of_user(bound, window)) {
            *ret_window = window;
            return false;
        }
    }
    return true;
}
