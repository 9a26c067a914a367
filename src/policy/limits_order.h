/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of two sets of limits allows more: nobody gives away more than they have. Pure.
 *
 * A tier is within another when no window of it lets more through: for one token, and for the
 * user across tokens. Limits of the user bound each of its tokens too, so a tier of users is
 * within a tier of tokens with the same numbers; the other way round it is not, because with
 * more tokens more would pass. A window without a limit lets through more than any number.
 */
#ifndef POLICY_LIMITS_ORDER_H
#define POLICY_LIMITS_ORDER_H

#include <stdbool.h>

#include "policy/limits_spec.h"

/* Whether `asked` is within `bound`; if not, *ret_window is the first window of it that is not. */
bool tier_within(const struct tier *asked, const struct tier *bound, enum window *ret_window);

/* What one token of the tier with these overrides may do in a window; LIMIT_NONE: anything. */
uint32_t limit_of_token(const struct tier *tier, const struct limits *overrides,
                        enum window window);

#endif
