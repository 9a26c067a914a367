/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "seeded_random.h"

static tkr_error_t parse(const char *text, int64_t *ret_ms)
{
    return text_parse_time(text, strlen(text), ret_ms);
}

static void test_what_is_not_rfc_3339_is_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04:05",  /* no offset */
        "2026-01-02T03:04Z",    /* no seconds */
        "2026-01-02 03:04:05Z", /* the note of §5.6 allows a space; we do not */
        "2026-1-02T03:04:05Z",
        "2026-01-02T3:04:05Z",
        "26-01-02T03:04:05Z",
        "+2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05Z ",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+1:00",
        "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+01:60",
        "2026/01/02T03:04:05Z",
        "2026-01-02T03-04-05Z",
        "20260102T030405Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = 77;
        assert_int_equal(parse(bad[i], &ms), TKR_MALFORMED);
        assert_int_equal(ms, 77);
    }
    int64_t ms;
    assert_int_equal(text_parse_time("2026-01-02T03:04:05\0", 20, &ms), TKR_MALFORMED);
}

static void test_a_day_or_hour_that_does_not_exist_is_malformed(void **state)
{
    static const char *const bad[] = {
        "2026-00-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-00T03:04:05Z",
        "2026-01-32T03:04:05Z", "2026-02-29T03:04:05Z", "2100-02-29T03:04:05Z",
        "2024-02-30T03:04:05Z", "2026-04-31T03:04:05Z", "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        assert_int_equal(parse(bad[i], &ms), TKR_MALFORMED);
    }
}

static void test_a_leap_second_is_only_at_the_end_of_a_utc_month(void **state)
{
    int64_t ms;
    assert_int_equal(parse("2016-12-31T23:58:60Z", &ms), TKR_MALFORMED);
    assert_int_equal(parse("2016-12-30T23:59:60Z", &ms), TKR_MALFORMED);
    assert_int_equal(parse("2016-12-31T23:59:60+01:00", &ms), TKR_MALFORMED);
    assert_int_equal(parse("2016-12-31T23:59:60.9Z", &ms), TKR_OK);
    assert_int_equal(ms, 1483228800000);
    assert_int_equal(parse("2017-01-01T00:59:60+01:00", &ms), TKR_OK);
    assert_int_equal(ms, 1483228800000);
}

static void test_years_outside_1970_to_9999_are_out_of_range(void **state)
{
    static const char *const bad[] = {"1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z",
                                      "0001-02-28T23:59:59Z", "1970-01-01T00:59:59+01:00",
                                      "9999-12-31T23:59:59-00:01"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = 77;
        assert_int_equal(parse(bad[i], &ms), TKR_OUT_OF_RANGE);
        assert_int_equal(ms, 77);
    }
}

static void test_known_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1985-04-12T23:20:50.52Z", 482196050520},   /* §5.8 */
        {"1996-12-19T16:39:57-08:00", 851042397000}, /* §5.8 */
        {"1937-01-01T12:00:27.87+00:20", -1},        /* §5.8: before our time */
        {"2000-02-29T00:00:00z", 951782400000},
        {"2026-01-02t03:04:05.6789999Z", 1767323045678},
        {"2026-01-02T03:04:05.1Z", 1767323045100},
        {"2026-01-02T03:04:05-00:00", 1767323045000},
        {"9999-12-31T23:59:59.999Z", TEXT_TIME_MS_MAX},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = -1;
        tkr_error_t expected = good[i].ms < 0 ? TKR_OUT_OF_RANGE : TKR_OK;
        assert_int_equal(parse(good[i].text, &ms), expected);
        assert_int_equal(ms, good[i].ms);
    }
}

static void test_times_that_cannot_be_written_become_the_nearest(void **state)
{
    char text[TEXT_TIME_SIZE];
    assert_string_equal(text_format_time(-1, text), "1970-01-01T00:00:00Z");
    assert_string_equal(text_format_time(INT64_MIN, text), "1970-01-01T00:00:00Z");
    assert_string_equal(text_format_time(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
}

static void test_milliseconds_are_written_only_when_there_are_any(void **state)
{
    char text[TEXT_TIME_SIZE];
    assert_string_equal(text_format_time(1767323045000, text), "2026-01-02T03:04:05Z");
    assert_string_equal(text_format_time(1767323045007, text), "2026-01-02T03:04:05.007Z");
    assert_string_equal(text_format_time_ms(1767323045000, text), "2026-01-02T03:04:05.000Z");
}

/* The C library's calendar as an oracle, over every day that can be written. */
static void test_every_day_agrees_with_the_c_library(void **state)
{
    for (int64_t day = 0; day <= TEXT_TIME_MS_MAX / 86400000; day += 1) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char expected[64];
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        char text[TEXT_TIME_SIZE];
        int64_t ms;
        if (strcmp(text_format_time((int64_t)seconds * 1000, text), expected) != 0 ||
            parse(text, &ms) != TKR_OK || ms != (int64_t)seconds * 1000) {
            fail_msg("%s is not %s", text, expected);
        }
    }
}

static void test_what_was_written_reads_the_same(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 3);
    for (int i = 0; i < 200000; i++) {
        int64_t ms = (int64_t)seeded_random_below(&random, TEXT_TIME_MS_MAX + 1ULL);
        char text[TEXT_TIME_SIZE];
        int64_t again;
        assert_int_equal(parse(text_format_time(ms, text), &again), TKR_OK);
        assert_int_equal(again, ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_rfc_3339_is_malformed),
        cmocka_unit_test(test_a_day_or_hour_that_does_not_exist_is_malformed),
        cmocka_unit_test(test_a_leap_second_is_only_at_the_end_of_a_utc_month),
        cmocka_unit_test(test_years_outside_1970_to_9999_are_out_of_range),
        cmocka_unit_test(test_known_times_are_read),
        cmocka_unit_test(test_times_that_cannot_be_written_become_the_nearest),
        cmocka_unit_test(test_milliseconds_are_written_only_when_there_are_any),
        cmocka_unit_test(test_every_day_agrees_with_the_c_library),
        cmocka_unit_test(test_what_was_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
