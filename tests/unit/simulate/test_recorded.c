/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "simulate/recorded.h"

/* A token of our form whose checksum holds. */
#define TOKEN_BODY "0000000000000zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"
#define START_MS 1767225600000

static struct recorded_rules rules_of(bool token, bool user)
{
    return (struct recorded_rules){
        .names = {"time", "token_id", "user_id", "cost"},
        .needed = {[RECORDED_TIME] = true, [RECORDED_TOKEN] = token, [RECORDED_USER] = user},
        .prefixes = {"sk_live_", "sk_test_"}};
}

static tkr_error_t read_json(const char *line, struct recorded *recorded, struct fault *fault)
{
    struct recorded_rules rules = rules_of(true, false);
    *fault = (struct fault){0};
    return recorded_read_json(&rules, line, strlen(line), recorded, fault);
}

static void test_a_bad_object_is_refused_by_the_name_of_its_member(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"", "no JSON object"},
        {"{", "no JSON object"},
        {"[]", "no JSON object"},
        {"1", "no JSON object"},
        {"{\"time\":1,\"token_id\":\"a\"} x", "no JSON object"},
        {"{\"time\":1,\"time\":2,\"token_id\":\"a\"}", "no JSON object"},
        {"{\"time\":1,\"token_id\":\"\\u0000\"}", "no JSON object"},
        {"{\"token_id\":\"a\"}", "time: missing"},
        {"{\"time\":null,\"token_id\":\"a\"}", "time: missing"},
        {"{\"time\":\"\",\"token_id\":\"a\"}", "time: missing"},
        {"{\"time\":1}", "token_id: missing"},
        {"{\"time\":1,\"token_id\":\"\"}", "token_id: missing"},
        {"{\"time\":1,\"token_id\":\"-\"}", "token_id: missing"},
        {"{\"time\":\"-\",\"token_id\":\"a\"}", "time: missing"},
        {"{\"time\":1,\"user_id\":\"a\"}", "token_id: missing"},
        {"{\"time\":-1,\"token_id\":\"a\"}", "time: neither"},
        {"{\"time\":-0.5,\"token_id\":\"a\"}", "time: not within"},
        {"{\"time\":1e300,\"token_id\":\"a\"}", "time: not within"},
        {"{\"time\":253402300800000,\"token_id\":\"a\"}", "time: not within"},
        {"{\"time\":1767225600000000,\"token_id\":\"a\"}", "time: not within"},
        {"{\"time\":true,\"token_id\":\"a\"}", "time: neither a text nor"},
        {"{\"time\":\"yesterday\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\"2026-02-30T00:00:00Z\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\"2026-01-01T00:00:00\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\"1.\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\".5\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\"1.2.3\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":\"1e9\",\"token_id\":\"a\"}", "time: neither RFC 3339"},
        {"{\"time\":1,\"token_id\":[]}", "token_id: neither a text nor"},
        {"{\"time\":1,\"token_id\":1.5}", "token_id: neither a text nor"},
        {"{\"time\":1,\"token_id\":\"a\\u001bb\"}", "token_id: no printable UTF-8"},
        {"{\"time\":1,\"token_id\":\"a\\u202eb\"}", "token_id: no printable UTF-8"},
        {"{\"time\":1,\"token_id\":\"a\",\"cost\":-1}", "cost: no whole number"},
        {"{\"time\":1,\"token_id\":\"a\",\"cost\":1000001}", "cost: no whole number"},
        {"{\"time\":1,\"token_id\":\"a\",\"cost\":1.5}", "cost: neither a text nor"},
        {"{\"time\":1,\"token_id\":\"a\",\"cost\":{}}", "cost: neither a text nor"},
        {"{\"time\":1,\"token_id\":\"a\",\"user_id\":false}", "user_id: neither a text nor"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recorded recorded;
        struct fault fault;
        assert_int_not_equal(read_json(cases[i].line, &recorded, &fault), TKR_OK);
        if (strncmp(fault.detail, cases[i].reason, strlen(cases[i].reason)) != 0) {
            fail_msg("%s: %s", cases[i].line, fault.detail);
        }
    }
}

static void test_a_token_in_the_place_of_its_id_is_refused_and_not_repeated(void **state)
{
    struct recorded recorded;
    struct fault fault;
    char checksum[TOKEN_CHECKSUM_CHARS + 1], line[256];
    (void)state;
    token_checksum(TOKEN_BODY, strlen(TOKEN_BODY), checksum);
    snprintf(line, sizeof(line), "{\"time\":1,\"token_id\":\"key=sk_live_%s%s\"}", TOKEN_BODY,
             checksum);
    assert_int_equal(read_json(line, &recorded, &fault), TKR_INVALID);
    assert_non_null(strstr(fault.detail, "token_id: a token stands there"));
    assert_null(strstr(fault.detail, "zQWBuTSOoRi"));
}

static void test_an_id_has_a_maximum(void **state)
{
    char id[USER_ID_BYTES_MAX + 2], line[USER_ID_BYTES_MAX + 64];
    struct recorded recorded;
    struct fault fault;
    (void)state;
    for (size_t length = USER_ID_BYTES_MAX; length <= USER_ID_BYTES_MAX + 1; length++) {
        memset(id, 'a', length);
        id[length] = '\0';
        snprintf(line, sizeof(line), "{\"time\":1,\"token_id\":\"%s\"}", id);
        assert_int_equal(read_json(line, &recorded, &fault),
                         length > USER_ID_BYTES_MAX ? TKR_OUT_OF_RANGE : TKR_OK);
    }
}

static void test_a_time_is_a_date_or_seconds_or_milliseconds(void **state)
{
    static const struct {
        const char *time;
        int64_t ms;
    } cases[] = {
        {"\"2026-01-01T00:00:00Z\"", START_MS},
        {"\"2026-01-01T01:00:00.123+01:00\"", START_MS + 123},
        {"1767225600", START_MS},
        {"\"1767225600\"", START_MS},
        {"1767225600000", START_MS},
        {"\"1767225600123\"", START_MS + 123},
        {"1767225600.123", START_MS + 123},
        {"\"1767225600.123\"", START_MS + 123},
        {"1767225600.999", START_MS + 999},
        {"\"1767225600.9999\"", START_MS + 999},
        {"1767225600.5", START_MS + 500},
        {"\"1767225600.05\"", START_MS + 50},
        {"0", 0},
        {"99999999999", 99999999999000},
        {"100000000000", 100000000000},
        {"253402300799999", 253402300799999},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recorded recorded;
        struct fault fault;
        char line[128];
        snprintf(line, sizeof(line), "{\"time\":%s,\"token_id\":\"a\"}", cases[i].time);
        assert_int_equal(read_json(line, &recorded, &fault), TKR_OK);
        assert_int_equal(recorded.time_ms, cases[i].ms);
    }
}

/* What nginx writes with $msec, as text and as a number, is the same millisecond. */
static void test_every_millisecond_survives_as_a_fraction(void **state)
{
    struct recorded recorded;
    struct fault fault;
    (void)state;
    for (int ms = 0; ms < 1000; ms++) {
        char line[128];
        snprintf(line, sizeof(line), "{\"time\":1767225600.%03d,\"token_id\":\"a\"}", ms);
        assert_int_equal(read_json(line, &recorded, &fault), TKR_OK);
        assert_int_equal(recorded.time_ms, START_MS + ms);
    }
}

static void test_an_object_may_have_other_members(void **state)
{
    struct recorded recorded;
    struct fault fault;
    (void)state;
    assert_int_equal(read_json("{\"x\":{\"y\":[1]},\"cost\":\"0\",\"time\":1,\"token_id\":7,"
                               "\"user_id\":\"alice\"}",
                               &recorded, &fault),
                     TKR_OK);
    assert_int_equal(recorded.cost, 0);
    assert_int_equal(recorded.token_length, 1);
    assert_memory_equal(recorded.token_id, "7", 1);
    assert_int_equal(recorded.user_length, 5);
    assert_memory_equal(recorded.user_id, "alice", 5);
}

static void test_members_may_have_other_names_and_one_may_be_two(void **state)
{
    struct recorded_rules rules = rules_of(true, true);
    struct recorded recorded;
    static const char line[] = "{\"ts\":5,\"who\":\"alice\",\"time\":9,\"user_id\":\"no\"}";
    (void)state;
    rules.names[RECORDED_TIME] = "ts";
    rules.names[RECORDED_TOKEN] = rules.names[RECORDED_USER] = "who";
    assert_int_equal(recorded_read_json(&rules, line, strlen(line), &recorded, NULL), TKR_OK);
    assert_int_equal(recorded.time_ms, 5000);
    assert_memory_equal(recorded.token_id, "alice", 5);
    assert_memory_equal(recorded.user_id, "alice", 5);
}

/* --- CSV ------------------------------------------------------------------------------------ */

static tkr_error_t read_csv(const char *header, const char *row, struct recorded *recorded,
                            struct fault *fault)
{
    struct recorded_rules rules = rules_of(true, false);
    struct recorded_columns columns;
    *fault = (struct fault){0};
    TRY(recorded_read_header(&rules, header, strlen(header), &columns, fault));
    return recorded_read_csv(&rules, &columns, row, strlen(row), recorded, fault);
}

static void test_a_bad_row_says_what_is_wrong(void **state)
{
    static const struct {
        const char *header, *row, *reason;
    } cases[] = {
        {"token_id,cost", "", "the header has no column for time"},
        {"time,user_id", "", "the header has no column for token_id"},
        {"Time,token_id", "", "the header has no column for time"},
        {"time,token_id,time", "", "column 3 has the name of one before it"},
        {"\"time,token_id", "", "a quote is not closed"},
        {"time,token_id", "1", "1 columns, and the header has 2"},
        {"time,token_id", "1,a,b", "3 columns, and the header has 2"},
        {"time,token_id", "1,a,", "3 columns, and the header has 2"},
        {"time,token_id", "1,", "token_id: missing"},
        {"time,token_id", ",a", "time: missing"},
        {"time,token_id", "1 ,a", "time: neither RFC 3339"},
        {"time,token_id", "1,\"a", "a quote is not closed"},
        {"time,token_id", "1,\"", "a quote is not closed"},
        {"time,token_id", "1,\"\"\"", "a quote is not closed"},
        {"time,token_id", "1,\"a\"b", "a quote is not closed"},
        {"time,token_id", "1,\xff", "token_id: no printable UTF-8"},
        {"time,token_id,cost", "1,a,x", "cost: no whole number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recorded recorded;
        struct fault fault;
        assert_int_not_equal(read_csv(cases[i].header, cases[i].row, &recorded, &fault), TKR_OK);
        if (strncmp(fault.detail, cases[i].reason, strlen(cases[i].reason)) != 0) {
            fail_msg("%s / %s: %s", cases[i].header, cases[i].row, fault.detail);
        }
    }
}

static void test_a_row_is_read_by_its_header(void **state)
{
    struct recorded recorded = {0};
    struct fault fault;
    (void)state;
    assert_int_equal(read_csv("path,token_id,\"time\",cost", "\"/a,b\",\"say \"\"a\"\"\",7.25,",
                              &recorded, &fault),
                     TKR_OK);
    assert_int_equal(recorded.time_ms, 7250);
    assert_int_equal(recorded.cost, 1);
    assert_int_equal(recorded.token_length, 7);
    assert_memory_equal(recorded.token_id, "say \"a\"", 7);
}

static void test_a_header_has_a_maximum_of_columns(void **state)
{
    struct recorded_rules rules = rules_of(true, false);
    struct recorded_columns columns;
    char header[SIMULATE_COLUMNS_MAX + 32] = "time,token_id";
    (void)state;
    memset(header + strlen(header), ',', SIMULATE_COLUMNS_MAX - 2);
    size_t length = strlen("time,token_id") + SIMULATE_COLUMNS_MAX - 2;
    assert_int_equal(recorded_read_header(&rules, header, length, &columns, NULL), TKR_OK);
    assert_int_equal(columns.count, SIMULATE_COLUMNS_MAX);
    header[length] = ',';
    assert_int_equal(recorded_read_header(&rules, header, length + 1, &columns, NULL),
                     TKR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bad_object_is_refused_by_the_name_of_its_member),
        cmocka_unit_test(test_a_token_in_the_place_of_its_id_is_refused_and_not_repeated),
        cmocka_unit_test(test_an_id_has_a_maximum),
        cmocka_unit_test(test_a_time_is_a_date_or_seconds_or_milliseconds),
        cmocka_unit_test(test_every_millisecond_survives_as_a_fraction),
        cmocka_unit_test(test_an_object_may_have_other_members),
        cmocka_unit_test(test_members_may_have_other_names_and_one_may_be_two),
        cmocka_unit_test(test_a_bad_row_says_what_is_wrong),
        cmocka_unit_test(test_a_row_is_read_by_its_header),
        cmocka_unit_test(test_a_header_has_a_maximum_of_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
