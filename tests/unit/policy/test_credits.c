/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "policy/credits.h"

#define DAY_MS 86400000LL

static int64_t at(const char *text)
{
    int64_t ms;
    assert_int_equal(text_parse_time(text, strlen(text), &ms), TKR_OK);
    return ms;
}

static struct credits_amount amount(enum credits_interval interval, const char *time,
                                    uint64_t number)
{
    return (struct credits_amount){credits_period(interval, at(time)), number};
}

static uint64_t remaining(struct credits_amount allowance, uint64_t refill,
                          struct credits_amount used, const char *now)
{
    return credits_at(allowance, refill, used, at(now)).remaining;
}

static void test_an_interval_that_nobody_knows_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "day", "month", "Daily", "dailyx", "weekly"};
    enum credits_interval interval = CREDITS_DAILY;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(credits_interval_parse(wrong[i], strlen(wrong[i]), &interval),
                         TKR_INVALID);
    }
    assert_int_equal(interval, CREDITS_DAILY);
}

static void test_an_interval_is_read_as_it_is_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CREDITS_INTERVAL_COUNT; i++) {
        const char *name = credits_interval_name((enum credits_interval)i);
        enum credits_interval interval;
        assert_int_equal(credits_interval_parse(name, strlen(name), &interval), TKR_OK);
        assert_int_equal(interval, i);
    }
}

static void test_a_day_ends_at_midnight_utc(void **state)
{
    (void)state;
    uint32_t day = credits_period(CREDITS_DAILY, at("2026-03-31T23:59:59.999Z"));
    assert_int_equal(credits_period(CREDITS_DAILY, at("2026-03-31T00:00:00Z")), day);
    assert_int_equal(credits_period(CREDITS_DAILY, at("2026-04-01T00:00:00Z")), day + 1);
    assert_int_equal(credits_period_ends_ms(day), at("2026-04-01T00:00:00Z"));
}

static void test_a_month_ends_with_its_last_day(void **state)
{
    (void)state;
    static const struct {
        const char *first, *last, *next;
    } months[] = {
        {"2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00Z"},
        {"2026-02-01T00:00:00Z", "2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z"},
        {"2028-02-01T00:00:00Z", "2028-02-29T23:59:59.999Z", "2028-03-01T00:00:00Z"},
        {"2100-02-01T00:00:00Z", "2100-02-28T23:59:59.999Z", "2100-03-01T00:00:00Z"},
        {"2026-12-01T00:00:00Z", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < sizeof months / sizeof months[0]; i++) {
        uint32_t month = credits_period(CREDITS_MONTHLY, at(months[i].first));
        assert_int_equal(credits_period(CREDITS_MONTHLY, at(months[i].last)), month);
        assert_int_equal(credits_period(CREDITS_MONTHLY, at(months[i].next)), month + 1);
        assert_int_equal(credits_period_ends_ms(month), at(months[i].next));
    }
}

static void test_the_number_of_a_period_tells_its_interval(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, 0, 1767225600000, TEXT_TIME_MS_MAX, INT64_MAX};
    for (unsigned i = 0; i < CREDITS_INTERVAL_COUNT; i++) {
        for (size_t t = 0; t < sizeof times / sizeof times[0]; t++) {
            uint32_t period = credits_period((enum credits_interval)i, times[t]);
            assert_int_equal(credits_period_interval(period), i);
            assert_true(period < 1U << CREDITS_PERIOD_BITS);
        }
    }
}

static void test_every_period_ends_where_the_next_begins(void **state)
{
    (void)state;
    for (int64_t now_ms = DAY_MS; now_ms < 300 * 366 * DAY_MS; now_ms += 7 * DAY_MS + 12345) {
        for (unsigned i = CREDITS_DAILY; i < CREDITS_INTERVAL_COUNT; i++) {
            enum credits_interval interval = (enum credits_interval)i;
            uint32_t period = credits_period(interval, now_ms);
            int64_t ends_ms = credits_period_ends_ms(period);
            assert_true(ends_ms > now_ms);
            assert_int_equal(credits_period(interval, ends_ms - 1), period);
            assert_int_equal(credits_period(interval, ends_ms), period + 1);
        }
    }
}

static void test_what_is_never_refilled_never_ends(void **state)
{
    (void)state;
    assert_int_equal(credits_period_ends_ms(credits_period(CREDITS_NO_REFILL, DAY_MS)), 0);
    assert_int_equal(credits_period_ends_ms(credits_period(CREDITS_DAILY, INT64_MAX)), 0);
    struct credits_amount given = amount(CREDITS_NO_REFILL, "2026-01-01T00:00:00Z", 10);
    struct credits_amount used = amount(CREDITS_NO_REFILL, "2026-01-01T00:00:00Z", 4);
    assert_int_equal(remaining(given, 0, used, "2099-01-01T00:00:00Z"), 6);
}

static void test_the_refill_replaces_what_was_left(void **state)
{
    (void)state;
    struct credits_amount given = amount(CREDITS_DAILY, "2026-05-01T12:00:00Z", 500);
    struct credits_amount used = amount(CREDITS_DAILY, "2026-05-01T12:00:00Z", 30);
    assert_int_equal(remaining(given, 100, used, "2026-05-01T23:59:59Z"), 470);
    assert_int_equal(remaining(given, 100, used, "2026-05-02T00:00:00Z"), 100);
    used = amount(CREDITS_DAILY, "2026-05-02T12:00:00Z", 99);
    assert_int_equal(remaining(given, 100, used, "2026-05-02T23:00:00Z"), 1);
    assert_int_equal(remaining(given, 100, used, "2026-05-03T00:00:00Z"), 100);
}

static void test_more_used_than_allowed_leaves_nothing(void **state)
{
    (void)state;
    struct credits_amount given = amount(CREDITS_DAILY, "2026-05-01T12:00:00Z", 5);
    struct credits_amount used = amount(CREDITS_DAILY, "2026-05-01T12:00:00Z", 30);
    assert_int_equal(remaining(given, 100, used, "2026-05-01T13:00:00Z"), 0);
}

static void test_a_clock_that_is_behind_is_in_the_later_period(void **state)
{
    (void)state;
    struct credits_amount given = amount(CREDITS_DAILY, "2026-05-01T12:00:00Z", 500);
    struct credits_amount used = amount(CREDITS_DAILY, "2026-05-02T00:00:00Z", 30);
    assert_int_equal(remaining(given, 100, used, "2026-05-01T23:59:59.999Z"), 70);
    given = amount(CREDITS_DAILY, "2026-05-03T00:00:00Z", 200);
    assert_int_equal(remaining(given, 100, used, "2026-05-01T23:59:59.999Z"), 200);
}

static void test_what_was_used_in_days_does_not_count_in_months(void **state)
{
    (void)state;
    struct credits_amount used = amount(CREDITS_DAILY, "2026-05-02T00:00:00Z", 30);
    struct credits_amount given = amount(CREDITS_MONTHLY, "2026-05-02T00:00:00Z", 40);
    assert_int_equal(remaining(given, 100, used, "2026-05-02T00:00:00Z"), 40);
    given = amount(CREDITS_NO_REFILL, "2026-05-02T00:00:00Z", 50);
    assert_int_equal(remaining(given, 0, used, "2026-05-02T00:00:00Z"), 50);
}

static void test_an_allowance_leaves_what_it_shall(void **state)
{
    (void)state;
    static const char now[] = "2026-05-02T00:00:00Z";
    struct credits_amount used = amount(CREDITS_DAILY, "2026-05-02T00:00:00Z", 30);
    struct credits_amount older = amount(CREDITS_DAILY, "2026-05-01T00:00:00Z", 30);
    struct credits_amount later = amount(CREDITS_DAILY, "2026-05-03T00:00:00Z", 30);
    for (unsigned i = 0; i < CREDITS_INTERVAL_COUNT; i++) {
        enum credits_interval interval = (enum credits_interval)i;
        assert_int_equal(remaining(credits_leaving(7, interval, used, at(now)), 100, used, now), 7);
        assert_int_equal(remaining(credits_leaving(7, interval, older, at(now)), 100, older, now),
                         7);
        assert_int_equal(remaining(credits_leaving(7, interval, later, at(now)), 100, later, now),
                         7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_interval_that_nobody_knows_is_refused),
        cmocka_unit_test(test_an_interval_is_read_as_it_is_written),
        cmocka_unit_test(test_a_day_ends_at_midnight_utc),
        cmocka_unit_test(test_a_month_ends_with_its_last_day),
        cmocka_unit_test(test_the_number_of_a_period_tells_its_interval),
        cmocka_unit_test(test_every_period_ends_where_the_next_begins),
        cmocka_unit_test(test_what_is_never_refilled_never_ends),
        cmocka_unit_test(test_the_refill_replaces_what_was_left),
        cmocka_unit_test(test_more_used_than_allowed_leaves_nothing),
        cmocka_unit_test(test_a_clock_that_is_behind_is_in_the_later_period),
        cmocka_unit_test(test_what_was_used_in_days_does_not_count_in_months),
        cmocka_unit_test(test_an_allowance_leaves_what_it_shall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
