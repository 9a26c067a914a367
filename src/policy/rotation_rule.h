/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a token is to be rotated by its schedule. Pure.
 *
 *     moment = rotation_when(&rule, &subject, now_ms);
 *     if (moment.reason != ROTATION_NONE && moment.at_ms <= now_ms) ... rotate
 *
 * It is due by its age, by its age when it was used more than so often, by its end, or because
 * somebody asked. By its end: the successor must be there one overlap before the token ends (a
 * quarter of its life, when that is shorter), and in the last window before that when there are
 * windows. So a token of 90 days is rotated in time although its age never is more than 90 days.
 * What is due waits for a window; a wish, which is somebody's who is there, does not.
 */
#ifndef POLICY_ROTATION_RULE_H
#define POLICY_ROTATION_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/calendar.h"

enum rotation_reason {
    ROTATION_NONE, /* never, as the rule is: it has no age and the token no end */
    ROTATION_BY_AGE,
    ROTATION_BY_USE,
    ROTATION_BY_END,
    ROTATION_BY_RETRY, /* nobody knows which version its receiver has */
    ROTATION_BY_WISH,
};
const char *rotation_reason_name(enum rotation_reason reason); /* "none", "age", "use", ... */

struct rotation_rule {
    int64_t max_age_s;  /* 0: not by age */
    uint64_t uses;      /* a token that was used more often than so ... */
    int64_t uses_age_s; /* ... is due at this age; 0: not by use */
    int64_t overlap_s;
    const struct calendar *window; /* NULL: at any time */
    const struct zone *zone;       /* of the window */
};

struct rotation_subject {
    int64_t created_at_ms; /* of the version that is current */
    int64_t expires_at_ms; /* 0: never */
    uint64_t uses;         /* of that version */
    int64_t not_before_ms; /* the next try; 0: at once */
    bool unfinished;       /* it is to be tried again, whatever its age */
    bool wished;
};

struct rotation_moment {
    enum rotation_reason reason;
    int64_t due_ms;
    int64_t at_ms; /* the first moment at which it may be done, not before now */
    bool too_late; /* no window opens before the token ends, or none ever; at_ms is 0 then */
};

struct rotation_moment rotation_when(const struct rotation_rule *rule,
                                     const struct rotation_subject *subject, int64_t now_ms);

#endif
