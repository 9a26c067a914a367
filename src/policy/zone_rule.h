/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last line of a TZif file: a POSIX TZ string (POSIX.1-2017 §8.3, with RFC 8536 §3.3.1's hours
 * to 167), which holds after the last moment that the file lists.
 *
 *     CET-1CEST,M3.5.0,M10.5.0/3
 */
#ifndef POLICY_ZONE_RULE_H
#define POLICY_ZONE_RULE_H

#include "policy/zone.h"

enum zone_day_kind {
    ZONE_DAY_JULIAN, /* 1 to 365: 29 February is never counted */
    ZONE_DAY_ZERO,   /* 0 to 365 */
    ZONE_DAY_MONTH,  /* the week-th weekday of a month; 5 is the last */
};
struct zone_change {
    enum zone_day_kind kind;
    int day, month, week; /* of MONTH: `day` is the weekday, Sunday 0 */
    int32_t time_s;       /* by the wall clock until then */
};
struct zone_rule {
    int32_t standard_s, daylight_s;
    bool has_daylight;
    struct zone_change start, end; /* of daylight-saving time */
};

/* Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t zone_rule_parse(const char *text, size_t length, struct zone_rule *ret_rule);
struct zone_stretch zone_rule_at(const struct zone_rule *rule, int64_t unix_s);

#endif
