/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor makes of made-up traffic: false alarms, and attacks that it finds. */
#ifndef SUPPORT_TRAFFIC_RATES_H
#define SUPPORT_TRAFFIC_RATES_H

#include "traffic.h"

struct traffic_false_alarms {
    double token_months;            /* of 30 days, the first 14 days of each token left out */
    uint32_t alarms[MONITOR_KINDS]; /* in them */
};
/* `tokens` tokens for `days` days, without any attack. */
struct traffic_false_alarms traffic_false_alarms(enum traffic_profile profile, uint32_t tokens,
                                                 uint32_t days);

struct traffic_found {
    uint32_t tokens;
    uint32_t first_hour, day; /* attacks that were told within their first hour, and 24 hours */
    uint32_t by_kind;         /* within 24 hours, by the kind that is for it */
};
/* An attack of 24 hours on each of `tokens` tokens, in the afternoon of a working day (the night
 * attack at 3) after 60 to 66 days of use. */
struct traffic_found traffic_find(enum traffic_profile profile, enum traffic_attack attack,
                                  uint32_t tokens);

#endif
