/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up use of tokens, hour by hour, as the meter would tell it: the same seed gives the same
 * traffic. Eight ways in which tokens are used; what is drawn for each token (its pace, its hours,
 * its networks) differs.
 *
 *     struct traffic traffic;
 *     traffic_init(&traffic, TRAFFIC_OFFICE, 1);
 *     size_t count = traffic_hour(&traffic, hour, observations);
 *
 *   ci          all hours, 5 to 500 requests in one, fewer at the weekend; 2 networks that change
 *               about twice a year; a client that is updated every month
 *   office      working days from 8 to 18, seldom in the evening or at the weekend; at home, in
 *               the office, under way (a new network in six weeks); a browser that is updated
 *               every month, another device twice a year
 *   cron        one to four times a day at its hours (or an hour beside), 100 to 5,000 requests
 *   weekend     long runs on Saturdays and Sundays, little else
 *   growing     as ci, doubling every two months
 *   rotating    as ci, from 400 networks of 20 wide ones, each run from another
 *   bursty      calls of people: at any hour, few, and now and then a hundred times as many
 *   limited     as ci, and on some days a tenth of the hours runs into its limits
 */
#ifndef SUPPORT_TRAFFIC_H
#define SUPPORT_TRAFFIC_H

#include "monitor/sketch.h"
#include "seeded_random.h"

enum traffic_profile {
    TRAFFIC_CI,
    TRAFFIC_OFFICE,
    TRAFFIC_CRON,
    TRAFFIC_WEEKEND,
    TRAFFIC_GROWING,
    TRAFFIC_ROTATING,
    TRAFFIC_BURSTY,
    TRAFFIC_LIMITED,
    TRAFFIC_PROFILES,
};
const char *traffic_name(enum traffic_profile profile);

#define TRAFFIC_PIECES_MAX 24

struct traffic {
    enum traffic_profile profile;
    struct seeded_random random;
    double pace;         /* requests in an hour of use */
    uint32_t first_hour; /* of the day, office and cron */
    uint32_t cron_hours[4], cron_times;
    uint64_t networks[3], roaming;
    uint64_t agent;
    int64_t start; /* the hour of the first call; 0: none yet */
    bool limited_today;
};

void traffic_init(struct traffic *traffic, enum traffic_profile profile, uint64_t seed);
/* What happens in the hour, in up to TRAFFIC_PIECES_MAX observations. Returns how many. */
size_t traffic_hour(struct traffic *traffic, int64_t hour,
                    struct monitor_observation *observations);

enum traffic_attack {
    TRAFFIC_RISE,     /* ten times what an hour of use has, from where it is always used */
    TRAFFIC_STRANGER, /* five requests an hour from another country */
    TRAFFIC_TOOL,     /* five requests an hour with another program */
    TRAFFIC_STUFFING, /* 200 refused requests an hour */
    TRAFFIC_NIGHT,    /* five requests at 3 in the morning, of the owner's time */
    TRAFFIC_ATTACKS,
};
const char *traffic_attack_name(enum traffic_attack attack);
size_t traffic_attack_hour(struct traffic *traffic, enum traffic_attack attack, int64_t hour,
                           struct monitor_observation *observations);

#endif
