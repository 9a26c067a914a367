/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulate/recording.h"

#define GOOD "{\"time\":1,\"token_id\":\"a\"}"

/* What a recording made of the bytes: `+1 -2 ` for a request in line 1 and a bad line 2. */
struct heard {
    char text[1024];
    size_t length;
    tkr_error_t answer; /* of `bad` */
    struct fault fault;
};

static void note(struct heard *heard, char sign, uint64_t line)
{
    heard->length += (size_t)snprintf(
        heard->text + heard->length, sizeof(heard->text) - heard->length, "%c%d ", sign, (int)line);
}

static tkr_error_t on_request(void *context, uint64_t line, const struct recorded *recorded,
                              struct fault *fault)
{
    assert_int_equal(recorded->time_ms, 1000);
    note(context, '+', line);
    return TKR_OK;
}

static tkr_error_t on_bad(void *context, uint64_t line, const struct fault *why)
{
    struct heard *heard = context;
    assert_true(why->detail[0] != '\0');
    note(heard, '-', line);
    return heard->answer;
}

static tkr_error_t hear(const char *bytes, size_t length, size_t piece,
                        enum recording_format format, struct heard *heard)
{
    static struct recording recording;
    struct recording_options options = {
        .format = format,
        .rules = {.names = {"time", "token_id", "user_id", "cost"},
                  .needed = {[RECORDED_TIME] = true, [RECORDED_TOKEN] = true}},
        .request = on_request,
        .bad = on_bad,
        .context = heard};
    recording_init(&recording, &options);
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        TRY(recording_feed(&recording, bytes + at, part, &heard->fault));
    }
    return recording_end(&recording, &heard->fault);
}

/* The same in pieces of every size. */
static void expect_heard(const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct heard heard = {.answer = TKR_OK};
        assert_int_equal(hear(text, strlen(text), piece, RECORDING_ANY, &heard), TKR_OK);
        assert_string_equal(heard.text, expected);
    }
}

static void test_bad_lines_are_told_by_number_and_stop_nothing(void **state)
{
    (void)state;
    expect_heard(GOOD "\n{\n" GOOD "\nx\n" GOOD, "+1 -2 +3 -4 +5 ");
}

static void test_empty_lines_count_and_say_nothing(void **state)
{
    (void)state;
    expect_heard("\n \t\r\n" GOOD "\n\n\n" GOOD "\n\n", "+3 +6 ");
    expect_heard("", "");
    expect_heard("\n", "");
}

static void test_lines_may_end_as_elsewhere_and_begin_with_a_mark(void **state)
{
    (void)state;
    expect_heard("\xEF\xBB\xBF" GOOD "\r\n" GOOD "\r\n", "+1 +2 ");
    expect_heard("\xEF\xBB\xBFtime,token_id\r\n1,a\r\n1,\r\n1,b", "+2 -3 +4 ");
}

static void test_the_first_line_says_which_format_it_is(void **state)
{
    (void)state;
    expect_heard("\ntime,token_id\n1,a\n" GOOD "\n", "+3 -4 ");
    expect_heard(GOOD "\ntime,token_id\n1,a\n", "+1 -2 -3 ");
}

static void test_a_told_format_is_believed(void **state)
{
    struct heard json = {.answer = TKR_OK}, csv = {.answer = TKR_OK};
    (void)state;
    assert_int_equal(hear("x\n" GOOD, strlen("x\n" GOOD), 99, RECORDING_NDJSON, &json), TKR_OK);
    assert_string_equal(json.text, "-1 +2 ");
    assert_int_not_equal(hear(GOOD, strlen(GOOD), 99, RECORDING_CSV, &csv), TKR_OK);
    assert_string_equal(csv.text, "");
}

static void test_a_header_that_says_nothing_ends_it(void **state)
{
    struct heard heard = {.answer = TKR_OK};
    (void)state;
    assert_int_equal(hear("a,b\n1,2\n", 8, 3, RECORDING_ANY, &heard), TKR_INVALID);
    assert_non_null(strstr(heard.fault.detail, "--field time=COLUMN"));
    assert_string_equal(heard.text, "");
}

static void test_an_error_of_the_listener_ends_it_and_names_the_line(void **state)
{
    struct heard heard = {.answer = TKR_MALFORMED};
    (void)state;
    assert_int_equal(hear(GOOD "\nx\n" GOOD, strlen(GOOD) * 2 + 3, 7, RECORDING_ANY, &heard),
                     TKR_MALFORMED);
    assert_string_equal(heard.text, "+1 -2 ");
    assert_string_equal(heard.fault.detail, "line 2: no JSON object");
}

/* GOOD with white space, of `length` bytes. */
static char *padded(size_t length, const char *tail)
{
    char *text = malloc(length + strlen(tail) + 1);
    assert_non_null(text);
    memset(text, ' ', length);
    memcpy(text, GOOD, strlen(GOOD));
    memcpy(text + length, tail, strlen(tail) + 1);
    return text;
}

static void test_a_line_beyond_the_maximum_is_bad_and_no_other(void **state)
{
    static const size_t pieces[] = {1, 1000, SIMULATE_LINE_BYTES_MAX, 1 << 20};
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        char *text = padded(SIMULATE_LINE_BYTES_MAX + over, "\n" GOOD "\n");
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            struct heard heard = {.answer = TKR_OK};
            assert_int_equal(hear(text, strlen(text), pieces[i], RECORDING_ANY, &heard), TKR_OK);
            assert_string_equal(heard.text, over == 0 ? "+1 +2 " : "-1 +2 ");
        }
        free(text);
    }
}

static void test_a_header_beyond_the_maximum_ends_it(void **state)
{
    struct heard heard = {.answer = TKR_OK};
    char *text = padded(SIMULATE_LINE_BYTES_MAX + 1, "\n1,a\n");
    (void)state;
    assert_int_equal(hear(text, strlen(text), 4096, RECORDING_CSV, &heard), TKR_TOO_LARGE);
    assert_string_equal(heard.text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_lines_are_told_by_number_and_stop_nothing),
        cmocka_unit_test(test_empty_lines_count_and_say_nothing),
        cmocka_unit_test(test_lines_may_end_as_elsewhere_and_begin_with_a_mark),
        cmocka_unit_test(test_the_first_line_says_which_format_it_is),
        cmocka_unit_test(test_a_told_format_is_believed),
        cmocka_unit_test(test_a_header_that_says_nothing_ends_it),
        cmocka_unit_test(test_an_error_of_the_listener_ends_it_and_names_the_line),
        cmocka_unit_test(test_a_line_beyond_the_maximum_is_bad_and_no_other),
        cmocka_unit_test(test_a_header_beyond_the_maximum_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
