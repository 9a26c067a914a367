/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "import/time.h"

static struct import_zone zone(const char *text)
{
    struct import_zone zone;
    assert_int_equal(import_zone_parse(text, &zone), TKR_OK);
    return zone;
}

/* What `text` means in the zone, as RFC 3339; or the name of the error. */
static const char *read_in(const char *zone_text, const char *text)
{
    static char out[TEXT_TIME_SIZE];
    struct import_zone in = zone(zone_text);
    int64_t ms;
    tkr_error_t error = import_time_parse(text, strlen(text), &in, &ms);
    return error == TKR_OK ? text_format_time(ms, out) : tkr_error_name(error);
}

static void test_texts_that_are_no_time(void **state)
{
    static const char *const bad[] = {
        "",
        "soon",
        "never",
        "2025-12",
        "2025-12-06T",
        "2025-12-06 14",
        "2025-12-06 14:4",
        "2025-02-30 10:00:00",
        "2025-13-01",
        "2025-12-06T25:00:00",
        "2025-12-06 14:44:14 PM",
        "2025-12-06T14:44:14+2",
        "2025-12-06T14:44:14+25:00",
        "2025-12-06T14:44:14+0a",
        "06/12/2025",
        "20251206144414",
        "1.7e9",
        "-1",
        "17335000001234567",
        "1733500000.",
        "1733500000.12x",
        "2025-12-06T14:44:14.+00",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_string_equal(read_in("UTC", bad[i]), "malformed");
    }
}

static void test_a_number_that_means_never_is_no_time(void **state)
{
    assert_string_equal(read_in("UTC", "0"), "out_of_range");
    assert_string_equal(read_in("UTC", "1"), "out_of_range");
    assert_string_equal(read_in("UTC", "1970-01-01T00:00:00Z"), "out_of_range");
}

static void test_a_time_with_its_zone_is_taken_as_it_is(void **state)
{
    static const char *const same[] = {
        "2025-12-06T14:44:14Z",
        "2025-12-06 14:44:14+00",
        "2025-12-06T16:44:14+02:00",
        "2025-12-06 14:44:14 UTC",
        "2025-12-06T09:14:14-0530",
        "2025-12-06 14:44:14.000000+00",
        "2025-12-06 15:44:14+01:00:00",
        "1765032254",
        "1765032254000",
        "1765032254000000",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_string_equal(read_in("+09:00", same[i]), "2025-12-06T14:44:14Z");
    }
}

static void test_a_time_without_zone_is_one_of_the_writers(void **state)
{
    assert_string_equal(read_in("UTC", "2025-12-06T14:44:14.123456"), "2025-12-06T14:44:14.123Z");
    assert_string_equal(read_in("+02:00", "2025-12-06 14:44:14"), "2025-12-06T12:44:14Z");
    assert_string_equal(read_in("-0330", "2025-12-06 14:44"), "2025-12-06T18:14:00Z");
    assert_string_equal(read_in("UTC", "2025-12-06"), "2025-12-06T00:00:00Z");
}

static void test_a_named_zone_knows_summer_time(void **state)
{
    assert_string_equal(read_in("Europe/Berlin", "2025-12-06T14:44:14"), "2025-12-06T13:44:14Z");
    assert_string_equal(read_in("Europe/Berlin", "2025-07-06T14:44:14.5"),
                        "2025-07-06T12:44:14.500Z");
    assert_string_equal(read_in("America/New_York", "2040-07-06 12:00"), "2040-07-06T16:00:00Z");
}

static void test_of_a_time_that_comes_twice_the_first_is_meant(void **state)
{
    assert_string_equal(read_in("Europe/Berlin", "2025-10-26T02:30:00"), "2025-10-26T00:30:00Z");
}

static void test_unix_seconds_may_have_a_fraction(void **state)
{
    assert_string_equal(read_in("UTC", "1765032254.5"), "2025-12-06T14:44:14.500Z");
    assert_string_equal(read_in("UTC", "1765032254.123456"), "2025-12-06T14:44:14.123Z");
}

static void test_a_zone_that_is_not_known_is_refused(void **state)
{
    static const char *const bad[] = {
        "",   "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "+99:00",
        "+1", "UTC+1",        "Europe/Ber lin"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct import_zone ignored;
        assert_int_equal(import_zone_parse(bad[i], &ignored), TKR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_no_time),
        cmocka_unit_test(test_a_number_that_means_never_is_no_time),
        cmocka_unit_test(test_a_time_with_its_zone_is_taken_as_it_is),
        cmocka_unit_test(test_a_time_without_zone_is_one_of_the_writers),
        cmocka_unit_test(test_a_named_zone_knows_summer_time),
        cmocka_unit_test(test_of_a_time_that_comes_twice_the_first_is_meant),
        cmocka_unit_test(test_unix_seconds_may_have_a_fraction),
        cmocka_unit_test(test_a_zone_that_is_not_known_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
