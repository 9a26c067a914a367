/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "policy/limits_spec.h"
#include "seeded_random.h"

static tkr_error_t parse(const char *text, struct limits *ret_limits)
{
    return limits_parse(text, strlen(text), ret_limits);
}

static void test_texts_that_are_no_limits(void **state)
{
    static const char *const bad[] = {
        " ",
        "minute",
        "minute=",
        "=60",
        "minute=60 ",
        " minute=60",
        "minute=60  hour=1",
        "minute=60,hour=1",
        "week=1",
        "Minute=1",
        "minute=-1",
        "minute=+1",
        "minute=1.5",
        "minute=None",
        "minute=60 minute=60",
        "minute==1",
        "minute=1=1",
        "minute=nonee",
        "minute= 60",
        "minute =60",
        "hour=1\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct limits limits = {.set = 77};
        assert_int_equal(parse(bad[i], &limits), TKR_MALFORMED);
        assert_int_equal(limits.set, 77);
    }
}

static void test_a_limit_beyond_the_maximum_is_out_of_range(void **state)
{
    struct limits limits;
    assert_int_equal(parse("day=4000000001", &limits), TKR_OUT_OF_RANGE);
    assert_int_equal(parse("day=4294967295", &limits), TKR_OUT_OF_RANGE); /* no hidden "none" */
    assert_int_equal(parse("day=99999999999999999999", &limits), TKR_OUT_OF_RANGE);
    assert_int_equal(parse("day=4000000000", &limits), TKR_OK);
    assert_int_equal(limits.limit[WINDOW_DAY], 4000000000U);
}

static void test_limits_are_read_in_any_order(void **state)
{
    struct limits limits;
    assert_int_equal(parse("day=none minute=0", &limits), TKR_OK);
    assert_int_equal(limits.set, 1U << WINDOW_DAY | 1U << WINDOW_MINUTE);
    assert_int_equal(limits.limit[WINDOW_MINUTE], 0);
    assert_int_equal(limits.limit[WINDOW_HOUR], LIMIT_NONE);
    assert_int_equal(limits.limit[WINDOW_DAY], LIMIT_NONE);
    assert_int_equal(parse("", &limits), TKR_OK);
    assert_int_equal(limits.set, 0);
}

static void test_what_was_written_reads_the_same(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 29);
    for (int round = 0; round < 5000; round++) {
        struct limits limits = {.set = (uint32_t)seeded_random_below(&random, 8)};
        for (size_t i = 0; i < WINDOW_COUNT; i++) {
            bool none = (limits.set & 1U << i) == 0 || seeded_random_below(&random, 4) == 0;
            limits.limit[i] =
                none ? LIMIT_NONE : (uint32_t)seeded_random_below(&random, LIMIT_WINDOW_MAX + 1ULL);
        }
        char text[LIMITS_TEXT_SIZE];
        struct limits again;
        assert_int_equal(parse(limits_format(&limits, text), &again), TKR_OK);
        assert_memory_equal(&again, &limits, sizeof(limits));
    }
}

static void test_limits_are_written_in_the_order_of_windows(void **state)
{
    char text[LIMITS_TEXT_SIZE];
    struct limits limits = {7, {60, 1000, LIMIT_NONE}};
    assert_string_equal(limits_format(&limits, text), "minute=60 hour=1000 day=none");
    limits.set = 0;
    assert_string_equal(limits_format(&limits, text), "");
}

static void test_a_limit_outside_its_range_is_named(void **state)
{
    static const enum window_kind sliding[] = {WINDOW_SLIDING, WINDOW_SLIDING, WINDOW_SLIDING};
    static const enum window_kind fixed[] = {WINDOW_FIXED, WINDOW_FIXED, WINDOW_FIXED};
    struct fault fault;
    struct limits limits = {1, {LIMIT_SLIDING_MINUTE_MAX + 1, LIMIT_NONE, LIMIT_NONE}};
    assert_int_equal(limits_check(&limits, sliding, &fault), TKR_OUT_OF_RANGE);
    assert_string_equal(fault.field, "limits.minute");
    assert_string_equal(fault.detail, "1000001 is outside 0..1000000");
    assert_int_equal(limits_check(&limits, fixed, &fault), TKR_OK);
    limits = (struct limits){7, {0, 0, LIMIT_WINDOW_MAX + 1}};
    assert_int_equal(limits_check(&limits, fixed, &fault), TKR_OUT_OF_RANGE);
    assert_string_equal(fault.field, "limits.day");
}

static void test_limits_inside_their_ranges_pass(void **state)
{
    static const enum window_kind kinds[] = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED};
    struct limits limits = {7, {LIMIT_SLIDING_MINUTE_MAX, LIMIT_WINDOW_MAX, LIMIT_NONE}};
    assert_int_equal(limits_check(&limits, kinds, NULL), TKR_OK);
    limits.set = 0; /* what is not set is not looked at */
    limits.limit[WINDOW_MINUTE] = LIMIT_WINDOW_MAX;
    assert_int_equal(limits_check(&limits, kinds, NULL), TKR_OK);
    for (size_t i = 0; i < TIERS_SHIPPED; i++) {
        assert_int_equal(limits_check(&tiers_shipped[i].limits, kinds, NULL), TKR_OK);
    }
}

static void test_overrides_beat_the_tier_window_by_window(void **state)
{
    struct limits tier = {1U << WINDOW_MINUTE | 1U << WINDOW_HOUR, {60, 1000, 5}};
    struct limits overrides = {1U << WINDOW_HOUR | 1U << WINDOW_DAY, {7, LIMIT_NONE, 9}};
    struct limits effective = limits_effective(&tier, &overrides);
    assert_int_equal(effective.set, 7);
    assert_int_equal(effective.limit[WINDOW_MINUTE], 60);
    assert_int_equal(effective.limit[WINDOW_HOUR], LIMIT_NONE);
    assert_int_equal(effective.limit[WINDOW_DAY], 9);
}

static void test_what_nobody_speaks_of_is_unlimited(void **state)
{
    struct limits none = {0, {1, 2, 3}};
    struct limits effective = limits_effective(&none, &none);
    assert_int_equal(effective.set, 0);
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        assert_int_equal(effective.limit[i], LIMIT_NONE);
    }
}

static void test_the_shipped_tiers(void **state)
{
    static const struct {
        const char *name;
        uint32_t limit[WINDOW_COUNT];
    } expected[TIERS_SHIPPED] = {{"free", {60, 1000, 10000}},
                                 {"pro", {600, 20000, 500000}},
                                 {"enterprise", {6000, 200000, 10000000}}};
    for (size_t i = 0; i < TIERS_SHIPPED; i++) {
        assert_string_equal(tiers_shipped[i].name, expected[i].name);
        assert_true(tier_name_valid(tiers_shipped[i].name, strlen(tiers_shipped[i].name)));
        assert_int_equal(tiers_shipped[i].limits.set, 7);
        assert_memory_equal(tiers_shipped[i].limits.limit, expected[i].limit,
                            sizeof(expected[i].limit));
        assert_int_equal(tiers_shipped[i].subject, LIMITS_OF_TOKEN);
    }
}

static void test_names_that_are_no_tier(void **state)
{
    static const char *const bad[] = {"",
                                      "Free",
                                      "a b",
                                      "a.b",
                                      "\xC3\xA4",
                                      "a\n",
                                      "123456789012345678901234567890123456789012345678901"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(tier_name_valid(bad[i], strlen(bad[i])));
    }
    assert_true(tier_name_valid("a-b_9", 5));
    assert_true(tier_name_valid(bad[6], TIER_NAME_BYTES_MAX));
}

static void test_windows_and_subjects_have_names(void **state)
{
    static const int64_t ms[] = {60000, 3600000, 86400000};
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        enum window window;
        const char *name = window_name((enum window)i);
        assert_int_equal(window_parse(name, strlen(name), &window), TKR_OK);
        assert_int_equal(window, i);
        assert_int_equal(window_ms(window), ms[i]);
        assert_int_equal(window_parse(name, strlen(name) - 1, &window), TKR_INVALID);
    }
    for (unsigned i = LIMITS_OF_TOKEN; i <= LIMITS_OF_BOTH; i++) {
        enum limits_subject subject;
        const char *name = limits_subject_name((enum limits_subject)i);
        assert_int_equal(limits_subject_parse(name, strlen(name), &subject), TKR_OK);
        assert_int_equal(subject, i);
        assert_int_equal(limits_subject_parse(name, strlen(name) - 1, &subject), TKR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_no_limits),
        cmocka_unit_test(test_a_limit_beyond_the_maximum_is_out_of_range),
        cmocka_unit_test(test_limits_are_read_in_any_order),
        cmocka_unit_test(test_what_was_written_reads_the_same),
        cmocka_unit_test(test_limits_are_written_in_the_order_of_windows),
        cmocka_unit_test(test_a_limit_outside_its_range_is_named),
        cmocka_unit_test(test_limits_inside_their_ranges_pass),
        cmocka_unit_test(test_overrides_beat_the_tier_window_by_window),
        cmocka_unit_test(test_what_nobody_speaks_of_is_unlimited),
        cmocka_unit_test(test_the_shipped_tiers),
        cmocka_unit_test(test_names_that_are_no_tier),
        cmocka_unit_test(test_windows_and_subjects_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
