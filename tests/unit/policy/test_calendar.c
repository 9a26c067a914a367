/* SPDX-License-Identifier: Apache-2.0 */
/* Zones here are made from rules alone, so that the tests say what the wall does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/calendar.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

/* A file without moments: the rule holds for all time. */
static tkr_error_t parse_rule(const char *rule, struct zone **ret_zone)
{
    static const uint8_t header[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 1};
    uint8_t bytes[256] = {0};
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        memcpy(bytes + size, header, sizeof(header));
        size += sizeof(header) + 7; /* a type and a letter, of zeros */
    }
    size += (size_t)snprintf((char *)bytes + size, sizeof(bytes) - size, "\n%s\n", rule);
    return zone_parse(bytes, size, ret_zone);
}

static struct zone *zone_of(const char *rule)
{
    struct zone *zone = NULL;
    assert_int_equal(parse_rule(rule, &zone), TKR_OK);
    return zone;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(text_parse_time(text, strlen(text), &ms), TKR_OK);
    return ms / 1000;
}

static struct calendar calendar_of(const char *text)
{
    struct calendar calendar;
    struct fault fault = {0};
    if (calendar_parse(text, strlen(text), &calendar, &fault) != TKR_OK) {
        fail_msg("%s: %s", text, fault.detail);
    }
    return calendar;
}

static void expect_next(const char *window, const struct zone *zone, const char *after,
                        const char *expected)
{
    struct calendar calendar = calendar_of(window);
    int64_t start_s = 0;
    char text[TEXT_TIME_SIZE];
    assert_int_equal(calendar_next(&calendar, zone, at(after), &start_s), TKR_OK);
    assert_string_equal(text_format_time(start_s * 1000, text), expected);
}

static bool is_open(const char *window, const struct zone *zone, const char *when)
{
    struct calendar calendar = calendar_of(window);
    return calendar_is_open(&calendar, zone, at(when));
}

/* --- the text ----------------------------------------------------------------------------- */

static void test_what_is_no_window_is_refused_and_the_part_is_named(void **state)
{
    static const struct {
        const char *text;
        tkr_error_t error;
        const char *says;
    } rows[] = {
        {"", TKR_MALFORMED, "the minute"},
        {"0", TKR_MALFORMED, "the hour"},
        {"0 2 * *", TKR_MALFORMED, "the weekday"},
        {"0 2 * * 6", TKR_MALFORMED, "how long"},
        {"0 2 * * 6 2h", TKR_MALFORMED, "how long"},
        {"0 2 * * 6 for", TKR_MALFORMED, "how long"},
        {"0 2 * * 6 for 2x", TKR_MALFORMED, "how long"},
        {"0 2 * * 6 for 2h 3h", TKR_MALFORMED, "how long"},
        {"0 2 * * 6 for 2h ", TKR_MALFORMED, "how long"},
        {" 0 2 * * 6 for 2h", TKR_MALFORMED, "the minute"},
        {"0  2 * * 6 for 2h", TKR_MALFORMED, "the hour"},
        {"60 2 * * 6 for 2h", TKR_OUT_OF_RANGE, "the minute"},
        {"00000 2 * * 6 for 2h", TKR_OUT_OF_RANGE, "the minute"},
        {"-1 2 * * 6 for 2h", TKR_MALFORMED, "the minute"},
        {"0 24 * * 6 for 2h", TKR_OUT_OF_RANGE, "the hour"},
        {"0 2 0 * 6 for 2h", TKR_OUT_OF_RANGE, "the day"},
        {"0 2 32 * 6 for 2h", TKR_OUT_OF_RANGE, "the day"},
        {"0 2 * 13 6 for 2h", TKR_OUT_OF_RANGE, "the month"},
        {"0 2 * january 6 for 2h", TKR_MALFORMED, "the month"},
        {"0 2 * * 8 for 2h", TKR_OUT_OF_RANGE, "the weekday"},
        {"0 2 * * sat-tue for 2h", TKR_OUT_OF_RANGE, "the weekday"},
        {"0 2 * * mon, for 2h", TKR_MALFORMED, "the weekday"},
        {"0 5/2 * * * for 2h", TKR_MALFORMED, "the hour"},
        {"*/0 2 * * * for 2h", TKR_OUT_OF_RANGE, "the minute"},
        {"*/60 2 * * * for 2h", TKR_OUT_OF_RANGE, "the minute"},
        {"9-5 2 * * * for 2h", TKR_OUT_OF_RANGE, "the minute"},
        {"0 2 * * 6 for 59s", TKR_OUT_OF_RANGE, "1 minute to 7 days"},
        {"0 2 * * 6 for 8d", TKR_OUT_OF_RANGE, "1 minute to 7 days"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct calendar calendar;
        struct fault fault = {0};
        tkr_error_t error = calendar_parse(rows[i].text, strlen(rows[i].text), &calendar, &fault);
        if (error != rows[i].error || strstr(fault.detail, rows[i].says) == NULL) {
            fail_msg("%s: %s, %s", rows[i].text, tkr_error_name(error), fault.detail);
        }
        assert_string_equal(fault.field, "window");
    }
}

static void test_a_window_longer_than_its_maximum_is_refused(void **state)
{
    struct calendar calendar;
    char text[CALENDAR_BYTES_MAX + 2];
    memset(text, '0', sizeof(text));
    assert_int_equal(calendar_parse(text, sizeof(text) - 1, &calendar, NULL), TKR_MALFORMED);
}

static void test_names_lists_ranges_and_steps_are_read(void **state)
{
    static const struct {
        const char *text;
        struct calendar calendar;
    } rows[] = {
        {"0 2 * * 6 for 2h", {1, 1 << 2, 0xfffffffe, 0x1ffe, 1 << 6, true, false, 7200}},
        {"0 2 * * SAT for 2h", {1, 1 << 2, 0xfffffffe, 0x1ffe, 1 << 6, true, false, 7200}},
        {"0,30 1-3 1,15 jan,Dec * for 1m",
         {1 | UINT64_C(1) << 30, 0xe, 1 << 1 | 1 << 15, 1 << 1 | 1 << 12, 0x7f, false, true, 60}},
        {"*/20 0-12/6 * mar-may 0 for 1d",
         {1 | 1 << 20 | UINT64_C(1) << 40, 1 | 1 << 6 | 1 << 12, 0xfffffffe, 0x38, 1, true, false,
          86400}},
        {"0 0 * * fri-sun for 60", {1, 1, 0xfffffffe, 0x1ffe, 0x61, true, false, 60}},
        {"0 0 * * 0-0 for 1d", {1, 1, 0xfffffffe, 0x1ffe, 1, true, false, 86400}},
        {"0 0 * * 7 for 7d", {1, 1, 0xfffffffe, 0x1ffe, 1, true, false, 604800}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct calendar calendar = calendar_of(rows[i].text);
        const struct calendar *expected = &rows[i].calendar;
        assert_true(calendar.minutes == expected->minutes && calendar.hours == expected->hours &&
                    calendar.days == expected->days && calendar.months == expected->months &&
                    calendar.weekdays == expected->weekdays &&
                    calendar.every_day == expected->every_day &&
                    calendar.every_weekday == expected->every_weekday &&
                    calendar.duration_s == expected->duration_s);
    }
}

/* --- beginnings --------------------------------------------------------------------------- */

static void test_a_day_that_does_not_exist_never_comes(void **state)
{
    struct calendar calendar = calendar_of("0 2 30 feb * for 2h");
    int64_t start_s = 0;
    int64_t now_s = at("2026-11-26T00:00:00Z");
    assert_int_equal(calendar_next(&calendar, zone_utc(), now_s, &start_s), TKR_NOT_FOUND);
    assert_int_equal(calendar_last(&calendar, zone_utc(), now_s, &start_s), TKR_NOT_FOUND);
    assert_int_equal(calendar_first_open(&calendar, zone_utc(), now_s, &start_s), TKR_NOT_FOUND);
    assert_false(calendar_is_open(&calendar, zone_utc(), now_s));
}

static void test_a_leap_day_comes_even_after_eight_years(void **state)
{
    expect_next("0 2 29 2 * for 2h", zone_utc(), "2026-11-26T00:00:00Z", "2028-02-29T02:00:00Z");
    expect_next("0 2 29 2 * for 2h", zone_utc(), "2096-03-01T00:00:00Z", "2104-02-29T02:00:00Z");
}

static void test_the_next_beginning_is_after_the_moment_itself(void **state)
{
    expect_next("0 2 * * sat for 2h", zone_utc(), "2026-11-28T01:59:59Z", "2026-11-28T02:00:00Z");
    expect_next("0 2 * * sat for 2h", zone_utc(), "2026-11-28T02:00:00Z", "2026-12-05T02:00:00Z");
}

static void test_of_day_and_weekday_either_suffices(void **state)
{
    expect_next("0 2 1 * sat for 2h", zone_utc(), "2026-11-29T00:00:00Z", "2026-12-01T02:00:00Z");
    expect_next("0 2 1 * sat for 2h", zone_utc(), "2026-12-01T03:00:00Z", "2026-12-05T02:00:00Z");
}

static void test_a_window_is_open_from_its_beginning_and_closed_at_its_end(void **state)
{
    static const char window[] = "0 23 * * sat for 2h"; /* over midnight */
    assert_false(is_open(window, zone_utc(), "2026-11-28T22:59:59Z"));
    assert_true(is_open(window, zone_utc(), "2026-11-28T23:00:00Z"));
    assert_true(is_open(window, zone_utc(), "2026-11-29T00:59:59Z"));
    assert_false(is_open(window, zone_utc(), "2026-11-29T01:00:00Z"));
}

static void test_the_wall_clock_of_the_zone_decides(void **state)
{
    CLEANUP(zone_free_p) struct zone *berlin = zone_of(BERLIN);
    expect_next("0 2 * * sat for 2h", berlin, "2026-11-26T00:00:00Z", "2026-11-28T01:00:00Z");
    expect_next("0 2 * * sat for 2h", berlin, "2026-07-01T00:00:00Z", "2026-07-04T00:00:00Z");
}

/* --- the wall is put forward: 02:00 to 03:00 on 2026-03-29, at 01:00 UTC ---------------------- */

static void test_a_beginning_that_the_wall_leaves_out_is_the_first_moment_after(void **state)
{
    CLEANUP(zone_free_p) struct zone *berlin = zone_of(BERLIN);
    expect_next("30 2 * * * for 30m", berlin, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z");
    expect_next("30 2 * * * for 30m", berlin, "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
    assert_false(is_open("30 2 * * * for 30m", berlin, "2026-03-29T00:59:59Z"));
    assert_true(is_open("30 2 * * * for 30m", berlin, "2026-03-29T01:29:59Z"));
    assert_false(is_open("30 2 * * * for 30m", berlin, "2026-03-29T01:30:00Z"));
}

static void test_a_window_over_the_gap_lasts_its_real_duration(void **state)
{
    CLEANUP(zone_free_p) struct zone *berlin = zone_of(BERLIN);
    static const char window[] = "0 1 * * sun for 2h"; /* 01:00 to 04:00 by the wall */
    assert_true(is_open(window, berlin, "2026-03-29T00:00:00Z"));
    assert_true(is_open(window, berlin, "2026-03-29T01:59:59Z"));
    assert_false(is_open(window, berlin, "2026-03-29T02:00:00Z"));
}

/* --- the wall is put back: 03:00 to 02:00 on 2026-10-25, at 01:00 UTC ------------------------ */

static void test_a_beginning_that_the_wall_shows_twice_is_the_first(void **state)
{
    CLEANUP(zone_free_p) struct zone *berlin = zone_of(BERLIN);
    expect_next("30 2 * * * for 15m", berlin, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z");
    expect_next("30 2 * * * for 15m", berlin, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    assert_true(is_open("30 2 * * * for 15m", berlin, "2026-10-25T00:40:00Z"));
    assert_false(is_open("30 2 * * * for 15m", berlin, "2026-10-25T01:40:00Z")); /* 02:40 again */
}

static void test_a_window_over_the_repeated_hour_lasts_its_real_duration(void **state)
{
    CLEANUP(zone_free_p) struct zone *berlin = zone_of(BERLIN);
    static const char window[] = "0 2 * * sun for 90m"; /* 02:00 to 02:30, the second one */
    assert_true(is_open(window, berlin, "2026-10-25T00:00:00Z"));
    assert_true(is_open(window, berlin, "2026-10-25T01:29:59Z"));
    assert_false(is_open(window, berlin, "2026-10-25T01:30:00Z"));
}

/* --- zones -------------------------------------------------------------------------------- */

static void test_a_damaged_file_is_no_zone(void **state)
{
    static const char *const rules[] = {"X",
                                        "CET",
                                        "CET-",
                                        "CET-25",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,J0,J365",
                                        "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1 ",
                                        "<CET-1",
                                        "CET-1CEST,M3.5.0,M10.5.0/3x"};
    struct zone *zone = NULL;
    assert_int_equal(zone_parse((const uint8_t *)"", 0, &zone), TKR_MALFORMED);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        assert_int_equal(parse_rule(rules[i], &zone), TKR_MALFORMED);
    }
    assert_null(zone);
}

static void test_daylight_saving_all_year_is_one_offset(void **state)
{
    CLEANUP(zone_free_p) struct zone *zone = zone_of("XXX3EDT4,0/0,J365/23");
    assert_int_equal(zone_at(zone, at("2026-06-01T00:00:00Z")).offset_s, -4 * 3600);
    assert_int_equal(zone_at(zone, at("2026-12-31T23:59:59Z")).offset_s, -4 * 3600);
    assert_int_equal(zone_at(zone, at("2027-01-01T03:00:00Z")).offset_s, -4 * 3600);
}

static void test_names_of_zones_stay_in_their_folder(void **state)
{
    static const char *const good[] = {
        "UTC",       "Europe/Berlin",          "America/Argentina/Ushuaia",
        "Etc/GMT+1", "America/Port-au-Prince", "EST5EDT"};
    static const char *const bad[] = {"",
                                      "/etc/passwd",
                                      "../Europe/Berlin",
                                      "Europe/../UTC",
                                      "Europe/",
                                      "Europe//Berlin",
                                      "right/UTC",
                                      "Europe/Berlin\n",
                                      "Europe.Berlin",
                                      "tzdata.zi"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(zone_name_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(zone_name_valid(bad[i], strlen(bad[i])));
    }
    char name[TIME_ZONE_NAME_BYTES_MAX + 2];
    memset(name, 'A', sizeof(name));
    assert_true(zone_name_valid(name, TIME_ZONE_NAME_BYTES_MAX));
    assert_false(zone_name_valid(name, TIME_ZONE_NAME_BYTES_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_window_is_refused_and_the_part_is_named),
        cmocka_unit_test(test_a_window_longer_than_its_maximum_is_refused),
        cmocka_unit_test(test_names_lists_ranges_and_steps_are_read),
        cmocka_unit_test(test_a_day_that_does_not_exist_never_comes),
        cmocka_unit_test(test_a_leap_day_comes_even_after_eight_years),
        cmocka_unit_test(test_the_next_beginning_is_after_the_moment_itself),
        cmocka_unit_test(test_of_day_and_weekday_either_suffices),
        cmocka_unit_test(test_a_window_is_open_from_its_beginning_and_closed_at_its_end),
        cmocka_unit_test(test_the_wall_clock_of_the_zone_decides),
        cmocka_unit_test(test_a_beginning_that_the_wall_leaves_out_is_the_first_moment_after),
        cmocka_unit_test(test_a_window_over_the_gap_lasts_its_real_duration),
        cmocka_unit_test(test_a_beginning_that_the_wall_shows_twice_is_the_first),
        cmocka_unit_test(test_a_window_over_the_repeated_hour_lasts_its_real_duration),
        cmocka_unit_test(test_a_damaged_file_is_no_zone),
        cmocka_unit_test(test_daylight_saving_all_year_is_one_offset),
        cmocka_unit_test(test_names_of_zones_stay_in_their_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
