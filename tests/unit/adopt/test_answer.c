/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "adopt/answer.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct adopt_members usual = {"user_id", "name", "tier", "scopes", "expires_at"};

static tkr_error_t read_with(const char *text, const struct adopt_members *members,
                             struct adopt_answer *answer, struct fault *fault)
{
    return adopt_answer_read(text, strlen(text), members, answer, fault);
}

static void test_what_is_no_object_or_of_a_wrong_type_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *member;
        tkr_error_t error;
    } rows[] = {
        {"", "", TKR_MALFORMED},
        {"[]", "", TKR_MALFORMED},
        {"\"alice\"", "", TKR_MALFORMED},
        {"{\"user_id\":\"a\",\"user_id\":\"b\"}", "", TKR_MALFORMED},
        {"{\"user_id\":\"a\"} x", "", TKR_MALFORMED},
        {"{\"user_id\":[\"a\"]}", "user_id", TKR_INVALID},
        {"{\"user_id\":true}", "user_id", TKR_INVALID},
        {"{\"user_id\":1.5}", "user_id", TKR_INVALID},
        {"{\"user_id\":\"a\\nb\"}", "user_id", TKR_OUT_OF_RANGE},
        {"{\"tier\":\"a-tier-whose-name-is-longer-than-the-fifty-that-it-can-be\"}", "tier",
         TKR_OUT_OF_RANGE},
        {"{\"scopes\":{\"a\":1}}", "scopes", TKR_INVALID},
        {"{\"scopes\":[1]}", "scopes", TKR_INVALID},
        {"{\"scopes\":[\"a b\"]}", "scopes", TKR_OUT_OF_RANGE},
        {"{\"expires_at\":\"tomorrow\"}", "expires_at", TKR_INVALID},
        {"{\"expires_at\":true}", "expires_at", TKR_INVALID},
        {"{\"expires_at\":0}", "expires_at", TKR_INVALID},
        {"{\"expires_at\":-5}", "expires_at", TKR_INVALID},
        {"{\"expires_at\":1e300}", "expires_at", TKR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct adopt_answer answer = {.user_id = "before"};
        struct fault fault = {0};
        assert_int_equal(read_with(rows[i].text, &usual, &answer, &fault), rows[i].error);
        assert_string_equal(fault.field, rows[i].member);
        assert_string_equal(answer.user_id, "before");
    }
}

static void test_more_scopes_than_a_token_can_have_are_refused(void **state)
{
    char text[2048] = "{\"scopes\":\"";
    struct adopt_answer answer;
    struct fault fault = {0};
    for (int i = 0; i < SCOPES_PER_TOKEN_MAX; i++) {
        strcat(text, "a:b,");
    }
    size_t length = strlen(text);
    strcpy(text + length, "\"}");
    assert_int_equal(read_with(text, &usual, &answer, &fault), TKR_OK);
    assert_int_equal(answer.scope_count, SCOPES_PER_TOKEN_MAX);
    strcpy(text + length, "a:b\"}");
    assert_int_equal(read_with(text, &usual, &answer, &fault), TKR_OUT_OF_RANGE);
}

static void test_all_members_are_read(void **state)
{
    struct adopt_answer answer;
    assert_int_equal(read_with("{\"user_id\":\"user_456\",\"name\":\"Development Key\","
                               "\"tier\":\"pro\",\"scopes\":[\"a:x\",\"b:y\"],"
                               "\"expires_at\":\"2026-02-01T12:00:00Z\",\"is_active\":true}",
                               &usual, &answer, NULL),
                     TKR_OK);
    assert_string_equal(answer.user_id, "user_456");
    assert_string_equal(answer.name, "Development Key");
    assert_string_equal(answer.tier, "pro");
    assert_string_equal(answer.scopes, "a:x b:y");
    assert_int_equal(answer.scope_count, 2);
    assert_int_equal(answer.end, ADOPT_END_AT);
    assert_true(answer.expires_at_ms == INT64_C(1769947200000));
}

static void test_what_is_not_said_is_empty(void **state)
{
    static const char *const texts[] = {"{}", "{\"user_id\":null,\"name\":null,\"scopes\":null}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct adopt_answer answer;
        assert_int_equal(read_with(texts[i], &usual, &answer, NULL), TKR_OK);
        assert_string_equal(answer.user_id, "");
        assert_string_equal(answer.scopes, "");
        assert_int_equal(answer.end, ADOPT_END_UNSAID);
    }
}

static void test_an_end_is_told_in_many_ways(void **state)
{
    static const struct {
        const char *text;
        enum adopt_end end;
        int64_t ms;
    } rows[] = {
        {"{\"expires_at\":null}", ADOPT_END_NEVER, 0},
        {"{\"expires_at\":\"2026-02-01T12:00:00\"}", ADOPT_END_AT, 1769947200000},
        {"{\"expires_at\":\"2026-02-01 12:00:00\"}", ADOPT_END_AT, 1769947200000},
        {"{\"expires_at\":\"2026-02-01T12:00:00.250000\"}", ADOPT_END_AT, 1769947200250},
        {"{\"expires_at\":\"2026-02-01T13:00:00+01:00\"}", ADOPT_END_AT, 1769947200000},
        {"{\"expires_at\":1769947200}", ADOPT_END_AT, 1769947200000},
        {"{\"expires_at\":1769947200.25}", ADOPT_END_AT, 1769947200250},
        {"{\"expires_at\":1769947200000}", ADOPT_END_AT, 1769947200000},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct adopt_answer answer;
        struct fault fault = {0};
        assert_int_equal(read_with(rows[i].text, &usual, &answer, &fault), TKR_OK);
        assert_int_equal(answer.end, rows[i].end);
        assert_true(answer.expires_at_ms == rows[i].ms);
    }
}

static void test_a_dot_goes_into_an_object_and_no_name_looks_at_nothing(void **state)
{
    static const struct adopt_members nested = {"data.user.id", "", "tier.name", "", ""};
    struct adopt_answer answer;
    assert_int_equal(read_with("{\"data\":{\"user\":{\"id\":77}},\"name\":[1],\"tier\":\"pro\"}",
                               &nested, &answer, NULL),
                     TKR_OK);
    assert_string_equal(answer.user_id, "77");
    assert_string_equal(answer.name, "");
    assert_string_equal(answer.tier, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_object_or_of_a_wrong_type_is_refused_by_name),
        cmocka_unit_test(test_more_scopes_than_a_token_can_have_are_refused),
        cmocka_unit_test(test_all_members_are_read),
        cmocka_unit_test(test_what_is_not_said_is_empty),
        cmocka_unit_test(test_an_end_is_told_in_many_ways),
        cmocka_unit_test(test_a_dot_goes_into_an_object_and_no_name_looks_at_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
