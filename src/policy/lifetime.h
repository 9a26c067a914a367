/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetimes of new tokens: a default and a maximum by kind, and what happens beyond. Pure. */
#ifndef POLICY_LIFETIME_H
#define POLICY_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum on_exceed { ON_EXCEED_CLAMP, ON_EXCEED_REJECT };

struct lifetime_policy {
    int64_t default_s; /* given to a token that asks for none; 0: it never expires */
    int64_t max_s;     /* 0: no maximum; then "never" may be asked for explicitly */
    enum on_exceed on_exceed;
};

struct lifetime_asked {
    bool never;          /* explicitly asked not to expire */
    bool has_expires_at; /* an absolute time was asked for */
    int64_t expires_at_ms;
};

/*
 * Decides the expiry. *ret_expires_at_ms is 0 for "never" (only here and in memory: at the
 * edges it is null). *ret_clamped tells that the maximum cut what was asked for; a default
 * beyond the maximum becomes the maximum and is not called cut. Errors, with the field
 * `expires_at`: TKR_OUT_OF_RANGE (reject, or a time that is not in the future), TKR_INVALID
 * (both never and a time).
 */
MUST_USE tkr_error_t lifetime_decide(const struct lifetime_policy *policy,
                                     const struct lifetime_asked *asked, int64_t now_ms,
                                     int64_t *ret_expires_at_ms, bool *ret_clamped,
                                     struct fault *fault);

#endif
