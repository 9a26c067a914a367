/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds on how often the monitor is wrong and on what it finds, on made-up traffic whose seeds are
 * fixed: so these are exact figures with some room, not chances. What was measured with more
 * tokens stands in docs/adr/0013-a-sketch-of-each-token.md.
 */
#include "traffic_rates.h"
#include "unit.h"

#define TOKENS 40
#define DAYS 104 /* the first 14 do not count: three months each */

/* False alarms in 100 token-months, at most. A network that is new in the traffic is one, too. */
static const uint32_t alarms_max[TRAFFIC_PROFILES][MONITOR_KINDS] = {
    /* rise, network, agent, refusals, hour */
    [TRAFFIC_CI] = {2, 30, 20, 2, 2},       [TRAFFIC_OFFICE] = {35, 80, 30, 2, 35},
    [TRAFFIC_CRON] = {3, 10, 20, 2, 2},     [TRAFFIC_WEEKEND] = {15, 15, 20, 2, 2},
    [TRAFFIC_GROWING] = {3, 30, 20, 2, 2},  [TRAFFIC_ROTATING] = {3, 5, 20, 2, 2},
    [TRAFFIC_BURSTY] = {150, 20, 20, 2, 2}, [TRAFFIC_LIMITED] = {3, 30, 20, 45, 2},
};

static void test_false_alarms_are_bounded(void **state)
{
    for (uint32_t profile = 0; profile < TRAFFIC_PROFILES; profile++) {
        struct traffic_false_alarms found = traffic_false_alarms(profile, TOKENS, DAYS);
        for (uint32_t kind = 0; kind < MONITOR_KINDS; kind++) {
            uint32_t rate = (uint32_t)(found.alarms[kind] * 100 / found.token_months);
            if (rate > alarms_max[profile][kind]) {
                fail_msg("%s, %s: %u alarms in 100 token-months", traffic_name(profile),
                         monitor_kind_name(kind), rate);
            }
        }
    }
}

/* Attacks found within a day by the kind that is for them, of 100, at least; 0: none is promised.
 * A pace of 5 an hour makes a rise that is too small; heavy tails and many networks hide much. */
static const uint32_t found_min[TRAFFIC_PROFILES][TRAFFIC_ATTACKS] = {
    /* rise, stranger, tool, stuffing, night */
    [TRAFFIC_CI] = {90, 95, 95, 98, 0},      [TRAFFIC_OFFICE] = {70, 70, 90, 98, 90},
    [TRAFFIC_CRON] = {95, 95, 95, 95, 50},   [TRAFFIC_WEEKEND] = {95, 95, 95, 95, 0},
    [TRAFFIC_GROWING] = {95, 95, 95, 98, 0}, [TRAFFIC_ROTATING] = {90, 95, 95, 98, 0},
    [TRAFFIC_BURSTY] = {0, 95, 95, 95, 0},   [TRAFFIC_LIMITED] = {85, 95, 95, 50, 0},
};

static void test_attacks_are_found(void **state)
{
    for (uint32_t profile = 0; profile < TRAFFIC_PROFILES; profile++) {
        for (uint32_t attack = 0; attack < TRAFFIC_ATTACKS; attack++) {
            struct traffic_found found = traffic_find(profile, attack, TOKENS);
            uint32_t share = found.by_kind * 100 / found.tokens;
            if (share < found_min[profile][attack]) {
                fail_msg("%s, %s: %u of 100 found", traffic_name(profile),
                         traffic_attack_name(attack), share);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_false_alarms_are_bounded),
        cmocka_unit_test(test_attacks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
