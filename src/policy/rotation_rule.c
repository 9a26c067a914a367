/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rotation_rule.h"

#define MS INT64_C(1000)

static const char *const names[] = {
    [ROTATION_NONE] = "none",  [ROTATION_BY_AGE] = "age",     [ROTATION_BY_USE] = "use",
    [ROTATION_BY_END] = "end", [ROTATION_BY_RETRY] = "retry", [ROTATION_BY_WISH] = "wish",
};

const char *rotation_reason_name(enum rotation_reason reason)
{
    ASSERT((unsigned)reason < sizeof(names) / sizeof(names[0]));
    return names[reason];
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first moment from `from_ms` on at which a window is open; false: never. */
static bool first_open(const struct rotation_rule *rule, int64_t from_ms, int64_t *ret_ms)
{
    int64_t at_s = 0;
    if (rule->window == NULL) {
        *ret_ms = from_ms;
        return true;
    }
    if (calendar_first_open(rule->window, rule->zone, from_ms / MS, &at_s) != TKR_OK) {
        return false;
    }
    *ret_ms = later(at_s * MS, from_ms);
    return true;
}

/* When the end makes it due: the beginning of the last window that leaves the overlap, of all of
 * the token's life. When none does, every moment is late, and the next window is as good as any. */
static int64_t due_by_end(const struct rotation_rule *rule, const struct rotation_subject *subject)
{
    int64_t quarter_ms = (subject->expires_at_ms - subject->created_at_ms) / 4;
    int64_t overlap_ms = rule->overlap_s * MS;
    int64_t latest_ms =
        subject->expires_at_ms - (overlap_ms < quarter_ms ? overlap_ms : later(quarter_ms, 0));
    int64_t start_s = 0;
    if (rule->window == NULL) {
        return latest_ms;
    }
    if (calendar_last(rule->window, rule->zone, latest_ms / MS, &start_s) != TKR_OK) {
        return subject->created_at_ms;
    }
    return later(start_s * MS, subject->created_at_ms);
}

static void consider(struct rotation_moment *moment, enum rotation_reason reason, int64_t due_ms)
{
    if (moment->reason == ROTATION_NONE || due_ms < moment->due_ms) {
        moment->reason = reason;
        moment->due_ms = due_ms;
    }
}

struct rotation_moment rotation_when(const struct rotation_rule *rule,
                                     const struct rotation_subject *subject, int64_t now_ms)
{
    struct rotation_moment moment = {0};
    if (subject->wished) {
        return (struct rotation_moment){ROTATION_BY_WISH, now_ms, now_ms, false};
    }
    if (subject->unfinished) {
        consider(&moment, ROTATION_BY_RETRY, subject->created_at_ms);
    }
    if (rule->max_age_s > 0) {
        consider(&moment, ROTATION_BY_AGE, subject->created_at_ms + rule->max_age_s * MS);
    }
    if (rule->uses_age_s > 0 && subject->uses > rule->uses) {
        consider(&moment, ROTATION_BY_USE, subject->created_at_ms + rule->uses_age_s * MS);
    }
    if (subject->expires_at_ms != 0) {
        consider(&moment, ROTATION_BY_END, due_by_end(rule, subject));
    }
    if (moment.reason == ROTATION_NONE) {
        return moment;
    }
    int64_t from_ms = later(later(moment.due_ms, now_ms), subject->not_before_ms);
    bool opens = first_open(rule, from_ms, &moment.at_ms);
    if (!opens || (subject->expires_at_ms != 0 && moment.at_ms >= subject->expires_at_ms)) {
        moment.too_late = true;
        moment.at_ms = 0;
    }
    return moment;
}
