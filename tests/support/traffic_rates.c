/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic_rates.h"

#define SEED 0x5eed
#define FIRST_HOUR (20454 * 24) /* 2026-01-01 */
#define LEARNING_DAYS 14
#define ATTACK_DAYS 60
#define ATTACK_HOURS 24

static const enum monitor_kind kind_of[TRAFFIC_ATTACKS] = {
    [TRAFFIC_RISE] = MONITOR_RISE,  [TRAFFIC_STRANGER] = MONITOR_NETWORK,
    [TRAFFIC_TOOL] = MONITOR_AGENT, [TRAFFIC_STUFFING] = MONITOR_REFUSALS,
    [TRAFFIC_NIGHT] = MONITOR_HOUR,
};

static uint8_t observe(struct monitor_sketch *sketch, const struct monitor_observation *pieces,
                       size_t count)
{
    uint8_t kinds = 0;
    for (size_t i = 0; i < count; i++) {
        struct monitor_alarms alarms;
        monitor_sketch_observe(sketch, SEED, &pieces[i], &alarms);
        kinds |= alarms.kinds;
    }
    return kinds;
}

static uint8_t live(struct traffic *traffic, struct monitor_sketch *sketch, int64_t hour)
{
    struct monitor_observation pieces[TRAFFIC_PIECES_MAX];
    return observe(sketch, pieces, traffic_hour(traffic, hour, pieces));
}

struct traffic_false_alarms traffic_false_alarms(enum traffic_profile profile, uint32_t tokens,
                                                 uint32_t days)
{
    struct traffic_false_alarms result = {.token_months =
                                              tokens * (double)(days - LEARNING_DAYS) / 30};
    for (uint32_t token = 0; token < tokens; token++) {
        struct traffic traffic;
        struct monitor_sketch sketch;
        traffic_init(&traffic, profile, token + 1);
        monitor_sketch_init(&sketch, FIRST_HOUR * INT64_C(3600000));
        for (int64_t hour = 0; hour < (int64_t)days * 24; hour++) {
            uint8_t kinds = live(&traffic, &sketch, FIRST_HOUR + hour);
            for (uint32_t i = 0; i < MONITOR_KINDS && hour >= LEARNING_DAYS * 24; i++) {
                result.alarms[i] += kinds >> i & 1;
            }
        }
    }
    return result;
}

/* The owner begins at 8. */
static uint32_t hour_of_owner(const struct traffic *traffic, uint32_t hour)
{
    return (traffic->first_hour + 24 - 8 + hour) % 24;
}

static int64_t begin_of_attack(const struct traffic *traffic, enum traffic_attack attack,
                               uint32_t token)
{
    int64_t day = FIRST_HOUR / 24 + ATTACK_DAYS + token % 7;
    while ((day + 3) % 7 >= 5) {
        day++;
    }
    return day * 24 + hour_of_owner(traffic, attack == TRAFFIC_NIGHT ? 3 : 14);
}

struct traffic_found traffic_find(enum traffic_profile profile, enum traffic_attack attack,
                                  uint32_t tokens)
{
    struct traffic_found result = {.tokens = tokens};
    for (uint32_t token = 0; token < tokens; token++) {
        struct traffic traffic;
        struct monitor_sketch sketch;
        struct monitor_observation pieces[TRAFFIC_PIECES_MAX];
        traffic_init(&traffic, profile, token + 1);
        monitor_sketch_init(&sketch, FIRST_HOUR * INT64_C(3600000));
        int64_t begin = begin_of_attack(&traffic, attack, token), hour = FIRST_HOUR;
        for (; hour < begin; hour++) {
            (void)live(&traffic, &sketch, hour);
        }
        uint8_t first = 0, all = 0;
        for (; hour < begin + (attack == TRAFFIC_NIGHT ? 1 : ATTACK_HOURS); hour++) {
            uint8_t kinds = live(&traffic, &sketch, hour);
            size_t count = traffic_attack_hour(&traffic, attack, hour, pieces);
            kinds |= observe(&sketch, pieces, count);
            first |= hour == begin ? kinds : 0;
            all |= kinds;
        }
        result.first_hour += first != 0;
        result.day += all != 0;
        result.by_kind += all >> kind_of[attack] & 1;
    }
    return result;
}
