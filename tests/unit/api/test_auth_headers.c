/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/auth_headers.h"
#include "unit.h"

#define NOW INT64_C(1767225600000)

static void assert_encoded(const char *text, bool keep_spaces, const char *expected)
{
    char out[HEADER_ENCODED_SIZE(64)];
    assert_string_equal(header_encode(text, strlen(text), keep_spaces, out), expected);
}

static void test_nothing_is_a_dash_and_a_dash_is_not_nothing(void **state)
{
    assert_encoded("", false, "-");
    assert_encoded("-", false, "%2D");
    assert_encoded("--", false, "--");
    assert_encoded("a-b", false, "a-b");
}

static void test_what_is_not_visible_ascii_is_percent_encoded(void **state)
{
    assert_encoded("J\xc3\xbcrgen", false, "J%C3%BCrgen");
    assert_encoded("a b", false, "a%20b");
    assert_encoded("a\r\nX-Auth-User: root", false, "a%0D%0AX-Auth-User:%20root");
    assert_encoded("\x7f\x01", false, "%7F%01");
}

static void test_a_percent_sign_is_encoded_so_that_decoding_is_exact(void **state)
{
    assert_encoded("100%", false, "100%25");
    assert_encoded("%20", false, "%2520");
}

static void test_visible_ascii_stands_for_itself(void **state)
{
    assert_encoded("alice@example.org", false, "alice@example.org");
    assert_encoded("!\"#&'()*+,/:;<=>?[\\]^_`{|}~", false, "!\"#&'()*+,/:;<=>?[\\]^_`{|}~");
}

static void test_the_spaces_of_a_set_stay(void **state)
{
    assert_encoded("a:read b:*", true, "a:read b:*");
}

static void test_the_longest_value_fits(void **state)
{
    char text[64];
    char out[HEADER_ENCODED_SIZE(sizeof text)];
    memset(text, ' ', sizeof text);
    header_encode(text, sizeof text, false, out);
    assert_int_equal(strlen(out), 3 * sizeof text);
}

static void test_numbers_are_decimal(void **state)
{
    static const struct {
        uint64_t number;
        const char *text;
    } rows[] = {{0, "0"}, {9, "9"}, {10, "10"}, {429, "429"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[21];
        *header_number(out, rows[i].number) = '\0';
        assert_string_equal(out, rows[i].text);
    }
}

static struct verify_result three_windows(void)
{
    return (struct verify_result){
        .known = true,
        .now_ms = NOW,
        .window_count = 3,
        .windows = {{WINDOW_MINUTE, LIMITS_OF_TOKEN, 60, 12, NOW + 30001},
                    {WINDOW_HOUR, LIMITS_OF_TOKEN, 1000, 999, NOW + 3600000},
                    {WINDOW_DAY, LIMITS_OF_USER, 10000, 1, NOW + 1}},
    };
}

static void test_every_window_is_a_row_of_the_policy(void **state)
{
    struct verify_result result = three_windows();
    char out[RATELIMIT_SIZE];
    assert_string_equal(
        ratelimit_policy(&result, out),
        "\"minute\";q=60;w=60, \"hour\";q=1000;w=3600, \"user-day\";q=10000;w=86400");
}

static void test_every_window_says_what_remains_and_when_it_ends(void **state)
{
    struct verify_result result = three_windows();
    char out[RATELIMIT_SIZE];
    assert_string_equal(ratelimit_state(&result, out),
                        "\"minute\";r=12;t=31, \"hour\";r=999;t=3600, \"user-day\";r=1;t=1");
}

static void test_a_window_that_has_ended_has_no_seconds_left(void **state)
{
    struct verify_result result = three_windows();
    char out[RATELIMIT_SIZE];
    result.window_count = 1;
    result.windows[0].reset_at_ms = NOW - 5;
    assert_string_equal(ratelimit_state(&result, out), "\"minute\";r=12;t=0");
}

static void test_no_window_is_an_empty_text(void **state)
{
    struct verify_result result = {.now_ms = NOW};
    char out[RATELIMIT_SIZE];
    assert_string_equal(ratelimit_policy(&result, out), "");
    assert_string_equal(ratelimit_state(&result, out), "");
}

static void test_all_windows_with_the_largest_numbers_fit(void **state)
{
    struct verify_result result = {.now_ms = NOW, .window_count = 2 * WINDOW_COUNT};
    char out[RATELIMIT_SIZE];
    for (int i = 0; i < 2 * WINDOW_COUNT; i++) {
        result.windows[i] = (struct verify_window){
            (enum window)(i % WINDOW_COUNT), i < WINDOW_COUNT ? LIMITS_OF_TOKEN : LIMITS_OF_USER,
            UINT32_MAX, UINT32_MAX, NOW + INT64_C(86400000)};
    }
    assert_true(strlen(ratelimit_policy(&result, out)) < RATELIMIT_SIZE);
    assert_non_null(strstr(out, "\"user-day\";q=4294967295;w=86400"));
    assert_true(strlen(ratelimit_state(&result, out)) < RATELIMIT_SIZE);
}

static void test_retry_after_is_never_less_than_a_second(void **state)
{
    struct verify_result result = {.now_ms = NOW, .retry_after_ms = 1};
    assert_int_equal(ratelimit_retry_after_s(&result, 1), 1);
    result.retry_after_ms = 0;
    assert_int_equal(ratelimit_retry_after_s(&result, 1), 1);
}

static void test_retry_after_is_not_before_the_limiter_sees_room(void **state)
{
    struct verify_result result = {.now_ms = NOW, .retry_after_ms = 31001};
    assert_int_equal(ratelimit_retry_after_s(&result, 1), 32);
}

static void test_retry_after_is_not_before_the_end_of_a_window_without_room(void **state)
{
    struct verify_result result = three_windows();
    result.retry_after_ms = 1000;
    assert_int_equal(ratelimit_retry_after_s(&result, 1), 1);
    assert_int_equal(ratelimit_retry_after_s(&result, 13), 31);
    result.windows[0].remaining = 0;
    assert_int_equal(ratelimit_retry_after_s(&result, 0), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_a_dash_and_a_dash_is_not_nothing),
        cmocka_unit_test(test_what_is_not_visible_ascii_is_percent_encoded),
        cmocka_unit_test(test_a_percent_sign_is_encoded_so_that_decoding_is_exact),
        cmocka_unit_test(test_visible_ascii_stands_for_itself),
        cmocka_unit_test(test_the_spaces_of_a_set_stay),
        cmocka_unit_test(test_the_longest_value_fits),
        cmocka_unit_test(test_numbers_are_decimal),
        cmocka_unit_test(test_every_window_is_a_row_of_the_policy),
        cmocka_unit_test(test_every_window_says_what_remains_and_when_it_ends),
        cmocka_unit_test(test_a_window_that_has_ended_has_no_seconds_left),
        cmocka_unit_test(test_no_window_is_an_empty_text),
        cmocka_unit_test(test_all_windows_with_the_largest_numbers_fit),
        cmocka_unit_test(test_retry_after_is_never_less_than_a_second),
        cmocka_unit_test(test_retry_after_is_not_before_the_limiter_sees_room),
        cmocka_unit_test(test_retry_after_is_not_before_the_end_of_a_window_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
