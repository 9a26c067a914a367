/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lifetime.h"

#include <stddef.h>

#include "base/text.h"

#define FIELD "expires_at"

/* Ends at the last time that can be written, so that no sum wraps around. */
static int64_t after(int64_t now_ms, int64_t seconds)
{
    int64_t left_ms = TEXT_TIME_MS_MAX - now_ms;
    return seconds > left_ms / 1000 ? TEXT_TIME_MS_MAX : now_ms + seconds * 1000;
}

static int64_t default_expiry(const struct lifetime_policy *policy, int64_t now_ms)
{
    bool beyond =
        policy->max_s > 0 && (policy->default_s == 0 || policy->default_s > policy->max_s);
    int64_t lifetime_s = beyond ? policy->max_s : policy->default_s;
    return lifetime_s == 0 ? 0 : after(now_ms, lifetime_s);
}

tkr_error_t lifetime_decide(const struct lifetime_policy *policy,
                            const struct lifetime_asked *asked, int64_t now_ms,
                            int64_t *ret_expires_at_ms, bool *ret_clamped, struct fault *fault)
{
    if (asked->never && asked->has_expires_at) {
        return fault_set(fault, TKR_INVALID, FIELD, "either a time or never, not both");
    }
    if (!asked->never && !asked->has_expires_at) {
        *ret_expires_at_ms = default_expiry(policy, now_ms);
        *ret_clamped = false;
        return TKR_OK;
    }
    if (asked->has_expires_at && asked->expires_at_ms <= now_ms) {
        return fault_set(fault, TKR_OUT_OF_RANGE, FIELD, "must be in the future");
    }
    int64_t latest_ms = policy->max_s > 0 ? after(now_ms, policy->max_s) : TEXT_TIME_MS_MAX;
    bool allowed = asked->never ? policy->max_s == 0 : asked->expires_at_ms <= latest_ms;
    if (!allowed && policy->on_exceed == ON_EXCEED_REJECT) {
        char latest[TEXT_TIME_SIZE];
        return fault_set(fault, TKR_OUT_OF_RANGE, FIELD, "must be no later than %s",
                         text_format_time(latest_ms, latest));
    }
    *ret_expires_at_ms = !allowed ? latest_ms : asked->never ? 0 : asked->expires_at_ms;
    *ret_clamped = !allowed;
    return TKR_OK;
}
