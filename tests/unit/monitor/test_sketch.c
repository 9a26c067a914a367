/* SPDX-License-Identifier: Apache-2.0 */
/* What one sketch tells and what it does not, kind by kind; and when time goes wrong. */
#include "unit.h"

struct scene {
    struct monitor_sketch sketch;
    struct monitor_alarms alarms; /* of the last observation */
    int64_t now_ms;
};

static uint8_t see(struct scene *scene, struct monitor_observation observation)
{
    observation.at_ms = scene->now_ms;
    monitor_sketch_observe(&scene->sketch, SEED, &observation, &scene->alarms);
    return scene->alarms.kinds;
}

static uint8_t use(struct scene *scene, uint32_t count)
{
    return see(scene, (struct monitor_observation){.network = HOME, .count = count});
}

static uint8_t refuse(struct scene *scene, uint32_t count)
{
    return see(scene,
               (struct monitor_observation){.network = HOME, .count = count, .refused = true});
}

static void begin(struct scene *scene, int64_t at_ms)
{
    *scene = (struct scene){.now_ms = at_ms};
    monitor_sketch_init(&scene->sketch, at_ms);
}

/* From 8 to 17 of each working day 100 requests, for so many weeks; it is Monday, 0:00 then. */
static void live(struct scene *scene, int weeks)
{
    begin(scene, MONDAY_MS);
    for (int hour = 0; hour < weeks * 7 * 24; hour++, scene->now_ms += HOUR_MS) {
        bool works = hour / 24 % 7 < 5 && hour % 24 >= 8 && hour % 24 < 18;
        assert_int_equal(works ? use(scene, 100) : 0, 0);
    }
}

static void at_hour(struct scene *scene, int hour)
{
    scene->now_ms += hour * HOUR_MS;
}

/* --- rise ------------------------------------------------------------------------------------ */

static void test_ten_times_the_usual_is_a_rise(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 10);
    assert_int_equal(use(&scene, 200), 0);
    assert_int_equal(use(&scene, 800), bit(MONITOR_RISE));
    assert_int_equal(scene.alarms.count, 1000);
    assert_in_range(scene.alarms.usual_count, 80, 120);
}

static void test_a_rise_is_told_while_the_hour_goes_on_and_once_a_day(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 10);
    assert_int_equal(use(&scene, 1000), bit(MONITOR_RISE));
    assert_int_equal(use(&scene, 1000), 0);
    at_hour(&scene, 1);
    assert_int_equal(use(&scene, 10000), 0);
    at_hour(&scene, 23);
    assert_int_equal(use(&scene, 100000), bit(MONITOR_RISE));
}

static void test_few_requests_are_no_rise(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    for (int hour = 0; hour < 30 * 24; hour++, at_hour(&scene, 1)) {
        assert_int_equal(use(&scene, 1), 0);
    }
    assert_int_equal(use(&scene, 39), 0);
    assert_int_equal(use(&scene, 1), bit(MONITOR_RISE));
}

static void test_the_first_week_only_learns(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    for (int day = 0; day < 6; day++, at_hour(&scene, 24)) {
        assert_int_equal(use(&scene, 100), 0);
    }
    assert_int_equal(use(&scene, 100000), 0);
}

static void test_a_quiet_hour_of_the_day_has_a_measure_of_its_own(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    for (int hour = 0; hour < 28 * 24; hour++, at_hour(&scene, 1)) {
        assert_int_equal(use(&scene, hour % 24 < 12 ? 1000 : 10), 0);
    }
    at_hour(&scene, 5);
    assert_int_equal(use(&scene, 1100), 0);
    at_hour(&scene, 13);
    assert_int_equal(use(&scene, 1100), bit(MONITOR_RISE));
}

static void test_one_outbreak_does_not_hide_the_next(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 9);
    assert_int_equal(use(&scene, 100000), bit(MONITOR_RISE));
    for (int hour = 0; hour < 7; hour++) {
        at_hour(&scene, 1);
        assert_int_equal(use(&scene, 100000), 0);
    }
    at_hour(&scene, 17);
    assert_int_equal(use(&scene, 1000), bit(MONITOR_RISE));
}

/* Days of use make a profile of hours, not days since the birth. */
static void test_a_first_weekend_after_few_days_of_use_is_no_rise(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    (void)use(&scene, 1);
    scene.now_ms += 44 * DAY_MS + 10 * HOUR_MS; /* Wednesday */
    for (int day = 0; day < 8; day++, at_hour(&scene, 24)) {
        assert_int_equal(use(&scene, 100) & bit(MONITOR_RISE), 0);
    }
}

static void test_slow_growth_is_no_rise(void **state)
{
    struct scene scene;
    double pace = 100;
    begin(&scene, MONDAY_MS);
    for (int hour = 0; hour < 180 * 24; hour++, at_hour(&scene, 1), pace *= 1.001) {
        assert_int_equal(use(&scene, (uint32_t)pace), 0);
    }
    assert_true(pace > 5000);
}

/* --- networks and agents ---------------------------------------------------------------------- */

static void test_a_network_never_seen_is_new_once(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    struct monitor_observation away = {.network = AWAY, .count = 1};
    assert_int_equal(see(&scene, away), bit(MONITOR_NETWORK));
    assert_int_equal(see(&scene, away), 0);
    at_hour(&scene, 24);
    assert_int_equal(see(&scene, away), 0);
}

static void test_a_network_known_long_ago_is_new_again(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    (void)see(&scene, (struct monitor_observation){.network = AWAY, .count = 1});
    for (int day = 0; day < 100; day++, at_hour(&scene, 24)) {
        assert_int_equal(use(&scene, 1), 0);
    }
    assert_int_equal(see(&scene, (struct monitor_observation){.network = AWAY, .count = 1}),
                     bit(MONITOR_NETWORK));
}

static void test_a_network_nearby_is_new_too(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    assert_int_equal(see(&scene, (struct monitor_observation){.network = HOME + 1, .count = 1}),
                     bit(MONITOR_NETWORK));
}

static void test_ipv6_is_judged_likewise(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    uint64_t network = 6ULL << 48 | 0x20010db80001;
    assert_int_equal(see(&scene, (struct monitor_observation){.network = network, .count = 1}),
                     bit(MONITOR_NETWORK));
    assert_int_equal(see(&scene, (struct monitor_observation){.network = network, .count = 1}), 0);
}

/* 400 networks in 20 wide ones, another one each hour. */
static void wander(struct scene *scene, int days)
{
    begin(scene, MONDAY_MS);
    uint32_t random = 1;
    for (int hour = 0; hour < days * 24; hour++, at_hour(scene, 1)) {
        random = random * 1103515245 + 12345;
        uint32_t number = (random >> 16) % 400;
        uint64_t network = 4ULL << 48 | (20 + number % 20) << 16 | number / 20;
        (void)see(scene, (struct monitor_observation){.network = network, .count = 1});
    }
}

static void test_who_comes_from_everywhere_is_not_told_of_each_time(void **state)
{
    struct scene scene;
    wander(&scene, 30);
    assert_int_equal(see(&scene, (struct monitor_observation){.network = 4ULL << 48 | 20 << 16 | 77,
                                                              .count = 1}),
                     0);
}

static void test_who_comes_from_everywhere_but_not_from_there_is_told_of(void **state)
{
    struct scene scene;
    wander(&scene, 30);
    assert_int_equal(see(&scene, (struct monitor_observation){.network = AWAY, .count = 1}),
                     bit(MONITOR_NETWORK));
}

static void test_a_new_agent_is_told_without_a_request(void **state)
{
    struct scene scene;
    live(&scene, 1);
    (void)see(&scene, (struct monitor_observation){.agent = monitor_agent("a", 1)});
    for (int day = 0; day < 40; day++, at_hour(&scene, 24)) {
        assert_int_equal(use(&scene, 1), 0);
    }
    struct monitor_observation other = {.agent = monitor_agent("b", 1)};
    assert_int_equal(see(&scene, other), bit(MONITOR_AGENT));
    assert_int_equal(see(&scene, other), 0);
    assert_int_equal(see(&scene, (struct monitor_observation){.agent = monitor_agent("a", 1)}), 0);
}

static void test_an_observation_without_requests_is_no_use(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 3);
    assert_int_equal(see(&scene, (struct monitor_observation){.network = HOME}), 0);
    assert_int_equal(scene.sketch.count, 0);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void test_many_refusals_are_told_once_a_day(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    (void)use(&scene, 50);
    assert_int_equal(refuse(&scene, 19), 0);
    assert_int_equal(refuse(&scene, 30), bit(MONITOR_REFUSALS));
    assert_int_equal(scene.alarms.refused, 49);
    assert_int_equal(scene.alarms.usual_share, 0);
    assert_int_equal(refuse(&scene, 30), 0);
}

static void test_a_small_share_is_not_many(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    (void)use(&scene, 190);
    assert_int_equal(refuse(&scene, 20), 0);
}

static void test_who_is_always_refused_is_not_told_of(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    for (int hour = 0; hour < 40 * 24; hour++, at_hour(&scene, 1)) {
        (void)use(&scene, 60);
        uint8_t told = refuse(&scene, 40);
        assert_int_equal(hour > 24 ? told : 0, 0);
    }
}

/* --- the hour -------------------------------------------------------------------------------- */

static void test_three_in_the_morning_is_unusual(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 3);
    assert_int_equal(use(&scene, 1), bit(MONITOR_HOUR));
    assert_int_equal(use(&scene, 1), 0);
}

static void test_an_hour_beside_the_usual_ones_is_not(void **state)
{
    struct scene scene;
    live(&scene, 4);
    at_hour(&scene, 7);
    assert_int_equal(use(&scene, 1), 0);
    at_hour(&scene, 11);
    assert_int_equal(use(&scene, 1), 0);
}

static void test_two_weeks_only_learn_hours(void **state)
{
    struct scene scene;
    live(&scene, 1);
    at_hour(&scene, 3);
    assert_int_equal(use(&scene, 1), 0);
}

static void test_who_has_no_hours_has_no_unusual_ones(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    for (int hour = 0; hour < 60 * 24; hour += 5, at_hour(&scene, 5)) {
        assert_int_equal(use(&scene, 1), 0);
    }
}

/* --- surprising tokens ------------------------------------------------------------------------ */

static void test_a_kind_is_silent_about_whom_it_cannot_describe(void **state)
{
    struct scene scene;
    int told = 0;
    live(&scene, 2);
    at_hour(&scene, 10);
    for (uint64_t day = 1; day <= 120; day++, at_hour(&scene, 24)) {
        struct monitor_observation away = {.network = 4ULL << 48 | day << 16, .count = 1};
        told += see(&scene, away) == bit(MONITOR_NETWORK);
    }
    assert_in_range(told, 2, 4);
}

/* --- when time goes wrong --------------------------------------------------------------------- */

static void test_an_entry_of_the_hour_before_counts_as_now(void **state)
{
    struct scene scene;
    live(&scene, 2);
    at_hour(&scene, 10);
    (void)use(&scene, 10);
    scene.now_ms -= HOUR_MS;
    (void)use(&scene, 5);
    assert_int_equal(scene.sketch.count, 15);
}

static void test_a_clock_that_goes_back_alarms_nothing(void **state)
{
    struct scene scene;
    live(&scene, 4);
    scene.now_ms += 70 * DAY_MS + 10 * HOUR_MS;
    assert_int_equal(use(&scene, 100), 0);
    scene.now_ms -= 70 * DAY_MS;
    for (int hour = 0; hour < 8; hour++, at_hour(&scene, 1)) {
        assert_int_equal(use(&scene, 100), 0);
    }
    assert_int_equal(scene.sketch.count, 100);
}

static void test_before_its_birth_a_sketch_begins_anew(void **state)
{
    struct scene scene;
    begin(&scene, MONDAY_MS);
    scene.now_ms = -1;
    assert_int_equal(use(&scene, 100000), 0);
    assert_true(monitor_sketch_valid(&scene.sketch, sizeof(scene.sketch)));
}

static void test_after_a_long_sleep_the_hours_are_learned_again(void **state)
{
    struct scene scene;
    live(&scene, 4);
    scene.now_ms += 60 * DAY_MS + 3 * HOUR_MS;
    assert_int_equal(use(&scene, 1), 0);
    assert_int_equal(use(&scene, 1000), bit(MONITOR_RISE));
}

static void test_the_end_of_time_is_an_hour_like_any_other(void **state)
{
    struct scene scene;
    live(&scene, 1);
    scene.now_ms = INT64_MAX;
    (void)use(&scene, 1);
    assert_true(monitor_sketch_valid(&scene.sketch, sizeof(scene.sketch)));
}

static void test_counts_stay_at_their_maximum(void **state)
{
    struct scene scene;
    live(&scene, 1);
    (void)refuse(&scene, UINT32_MAX);
    (void)refuse(&scene, UINT32_MAX);
    assert_int_equal(scene.sketch.count, UINT32_MAX);
    assert_int_equal(scene.sketch.refused, UINT32_MAX);
    at_hour(&scene, 1);
    (void)use(&scene, 1);
    assert_true(monitor_sketch_valid(&scene.sketch, sizeof(scene.sketch)));
}

/* --- images ---------------------------------------------------------------------------------- */

static void test_images_that_are_none_of_ours_are_refused(void **state)
{
    struct scene scene;
    live(&scene, 1);
    struct monitor_sketch *sketch = &scene.sketch;
    assert_true(monitor_sketch_valid(sketch, sizeof(*sketch)));
    assert_false(monitor_sketch_valid(sketch, sizeof(*sketch) - 1));
    assert_false(monitor_sketch_valid(NULL, 0));
    sketch->version = __builtin_bswap16(sketch->version);
    assert_false(monitor_sketch_valid(sketch, sizeof(*sketch)));
    sketch->version = MONITOR_SKETCH_VERSION;
    sketch->born_hour = sketch->hour + 1;
    assert_false(monitor_sketch_valid(sketch, sizeof(*sketch)));
}

/* What is stored may be damaged: whatever the bytes, observing goes on. */
static void test_any_valid_image_can_be_observed_on(void **state)
{
    uint32_t random = 1;
    for (int round = 0; round < 10000; round++) {
        struct scene scene = {.now_ms = MONDAY_MS};
        for (size_t i = 0; i < sizeof(scene.sketch); i++) {
            random = random * 1103515245 + 12345;
            ((uint8_t *)&scene.sketch)[i] = (uint8_t)(random >> 16);
        }
        scene.sketch.version = MONITOR_SKETCH_VERSION;
        scene.sketch.hour = (uint32_t)(MONDAY_MS / HOUR_MS) - round % 2000;
        scene.sketch.born_hour %= scene.sketch.hour;
        scene.sketch.refused %= scene.sketch.count | 1;
        if (monitor_sketch_valid(&scene.sketch, sizeof(scene.sketch))) {
            (void)use(&scene, 1);
            (void)refuse(&scene, 100);
            assert_true(monitor_sketch_valid(&scene.sketch, sizeof(scene.sketch)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_times_the_usual_is_a_rise),
        cmocka_unit_test(test_a_rise_is_told_while_the_hour_goes_on_and_once_a_day),
        cmocka_unit_test(test_few_requests_are_no_rise),
        cmocka_unit_test(test_the_first_week_only_learns),
        cmocka_unit_test(test_a_quiet_hour_of_the_day_has_a_measure_of_its_own),
        cmocka_unit_test(test_one_outbreak_does_not_hide_the_next),
        cmocka_unit_test(test_a_first_weekend_after_few_days_of_use_is_no_rise),
        cmocka_unit_test(test_slow_growth_is_no_rise),
        cmocka_unit_test(test_a_network_never_seen_is_new_once),
        cmocka_unit_test(test_a_network_known_long_ago_is_new_again),
        cmocka_unit_test(test_a_network_nearby_is_new_too),
        cmocka_unit_test(test_ipv6_is_judged_likewise),
        cmocka_unit_test(test_who_comes_from_everywhere_is_not_told_of_each_time),
        cmocka_unit_test(test_who_comes_from_everywhere_but_not_from_there_is_told_of),
        cmocka_unit_test(test_a_new_agent_is_told_without_a_request),
        cmocka_unit_test(test_an_observation_without_requests_is_no_use),
        cmocka_unit_test(test_many_refusals_are_told_once_a_day),
        cmocka_unit_test(test_a_small_share_is_not_many),
        cmocka_unit_test(test_who_is_always_refused_is_not_told_of),
        cmocka_unit_test(test_three_in_the_morning_is_unusual),
        cmocka_unit_test(test_an_hour_beside_the_usual_ones_is_not),
        cmocka_unit_test(test_two_weeks_only_learn_hours),
        cmocka_unit_test(test_who_has_no_hours_has_no_unusual_ones),
        cmocka_unit_test(test_a_kind_is_silent_about_whom_it_cannot_describe),
        cmocka_unit_test(test_an_entry_of_the_hour_before_counts_as_now),
        cmocka_unit_test(test_a_clock_that_goes_back_alarms_nothing),
        cmocka_unit_test(test_before_its_birth_a_sketch_begins_anew),
        cmocka_unit_test(test_after_a_long_sleep_the_hours_are_learned_again),
        cmocka_unit_test(test_the_end_of_time_is_an_hour_like_any_other),
        cmocka_unit_test(test_counts_stay_at_their_maximum),
        cmocka_unit_test(test_images_that_are_none_of_ours_are_refused),
        cmocka_unit_test(test_any_valid_image_can_be_observed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
