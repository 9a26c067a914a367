/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "api/json_emit.h"
#include "api/json_input.h"
#include "base/limits.h"
#include "unit.h"

static tkr_error_t parse_n(const char *text, size_t length, struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    *fault = (struct fault){0};
    return json_parse(text, length, &root, fault);
}

static void assert_refused(const char *text, size_t length)
{
    struct fault fault;
    assert_int_equal(parse_n(text, length, &fault), TKR_MALFORMED);
    assert_string_not_equal(fault.detail, "");
}

static void test_what_is_not_one_json_object_is_malformed(void **state)
{
    static const char *const texts[] = {"",           " ",           "{",        "}",
                                        "[]",         "null",        "1",        "\"x\"",
                                        "{} {}",      "{}x",         "{'a':1}",  "{a:1}",
                                        "{\"a\":1,}", "{\"a\":NaN}", "{\"a\"",   "{\"a\":01}",
                                        "{\"a\":+1}", "// c\n{}",    "{\"a\":}", "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_refused(texts[i], strlen(texts[i]));
    }
}

static void test_duplicate_members_are_malformed(void **state)
{
    assert_refused("{\"a\":1,\"a\":2}", 13);
    assert_refused("{\"b\":{\"a\":1,\"\\u0061\":1}}", 24);
}

static void test_nul_is_malformed_in_any_spelling(void **state)
{
    assert_refused("{\"a\":\"\\u0000\"}", 14);
    assert_refused("{\"\\u0000\":1}", 12);
    assert_refused("{}\0", 3);
    assert_refused("{\"a\":\"\0\"}", 9);
}

static void test_invalid_utf8_is_malformed(void **state)
{
    assert_refused("{\"a\":\"\xff\"}", 9);
    assert_refused("{\"a\":\"\xc0\x80\"}", 10);
    assert_refused("{\"a\":\"\xed\xa0\x80\"}", 11);
    assert_refused("{\"a\":\"\\ud800\"}", 14);
}

static void test_numbers_that_do_not_fit_are_malformed(void **state)
{
    static const char integer[] = "{\"a\":99999999999999999999}";
    static const char real[] = "{\"a\":1e999}";
    assert_refused(integer, strlen(integer));
    assert_refused(real, strlen(real));
}

/* `{"a":` and then brackets, with as many closing ones. */
static char *nested(size_t depth, bool close)
{
    char *text = malloc(2 * depth + 8);
    assert_non_null(text);
    char *end = stpcpy(text, "{\"a\":");
    memset(end, '[', depth);
    end += depth;
    if (close) {
        memset(end, ']', depth);
        end += depth;
        *end++ = '}';
    }
    *end = '\0';
    return text;
}

static void test_nesting_beyond_the_maximum_is_refused_before_parsing(void **state)
{
    static const size_t depths[] = {JSON_DEPTH_MAX, 1000, 60000, 1000000};
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        struct fault fault;
        char *text = nested(depths[i], i % 2 == 0);
        assert_int_equal(parse_n(text, strlen(text), &fault), TKR_MALFORMED);
        assert_non_null(strstr(fault.detail, "nested deeper"));
        free(text);
    }
}

static void test_nesting_up_to_the_maximum_is_fine(void **state)
{
    struct fault fault;
    char *text = nested(JSON_DEPTH_MAX - 1, true);
    assert_int_equal(parse_n(text, strlen(text), &fault), TKR_OK);
    free(text);
}

static void test_brackets_in_texts_are_not_depth(void **state)
{
    static const char text[] = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[\"}";
    struct fault fault;
    assert_int_equal(parse_n(text, strlen(text), &fault), TKR_OK);
}

static void test_a_fault_never_quotes_the_text(void **state)
{
    static const char *const texts[] = {
        "{\"token\":\"sk_live_SECRETSECRETSECRET\" x}", "{sk_live_SECRETSECRETSECRET}",
        "{\"sk_live_SECRETSECRETSECRET\":1,\"sk_live_SECRETSECRETSECRET\":1}",
        "{\"token\":\"sk_live_SECRETSECRETSECRET"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fault fault;
        assert_int_equal(parse_n(texts[i], strlen(texts[i]), &fault), TKR_MALFORMED);
        assert_null(strstr(fault.detail, "SECRET"));
        assert_null(strstr(fault.field, "SECRET"));
    }
}

/* --- members ------------------------------------------------------------------------------ */

enum { TEXT, NUMBER, FLAG, OBJECT, LIST, WORDS, COUNT };
static const struct json_member rows[COUNT] = {
    [TEXT] = {"text", JSON_IS_TEXT, .nullable = true, .least = 1, .most = 5},
    [NUMBER] = {"number", JSON_IS_INTEGER, .least = -1, .most = 10},
    [FLAG] = {"flag", JSON_IS_BOOL},
    [OBJECT] = {"object", JSON_IS_OBJECT},
    [LIST] = {"list", JSON_IS_ARRAY, .least = 1, .most = 2},
    [WORDS] = {"words", JSON_IS_TEXT_LIST, .most = 2},
};

static tkr_error_t read_rows(const char *text, const char *path, struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct json_given given[COUNT];
    *fault = (struct fault){0};
    assert_int_equal(json_parse(text, strlen(text), &root, fault), TKR_OK);
    return json_read(root, path, rows, COUNT, given, fault);
}

static void test_a_member_that_is_not_known_is_refused_by_name(void **state)
{
    struct fault fault;
    assert_int_equal(read_rows("{\"text\":\"a\",\"txet\":1}", "", &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.field, "txet");
    assert_int_equal(read_rows("{\"Text\":\"a\"}", "requests[7].", &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.field, "requests[7].Text");
}

static void test_a_member_name_that_might_be_a_token_is_not_repeated(void **state)
{
    struct fault fault;
    assert_int_equal(read_rows("{\"sk_live_abcdSECRETSECRET\":1}", "", &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.field, "sk_live_abcd...");
    assert_int_equal(read_rows("{\"\xc3\xa4\":1}", "", &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.field, "?");
    assert_int_equal(read_rows("{\"\":1}", "", &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.field, "\"\"");
}

static void test_a_wrong_type_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{\"text\":1}", "text"},         {"{\"text\":[\"a\"]}", "text"},
        {"{\"number\":\"1\"}", "number"}, {"{\"number\":1.5}", "number"},
        {"{\"number\":null}", "number"},  {"{\"number\":true}", "number"},
        {"{\"flag\":0}", "flag"},         {"{\"flag\":\"true\"}", "flag"},
        {"{\"flag\":null}", "flag"},      {"{\"object\":[]}", "object"},
        {"{\"object\":null}", "object"},  {"{\"list\":{}}", "list"},
        {"{\"words\":\"a b\"}", "words"}, {"{\"words\":[\"a\",1]}", "words"},
        {"{\"words\":[null]}", "words"},  {"{\"words\":{}}", "words"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fault fault;
        assert_int_equal(read_rows(cases[i].text, "", &fault), TKR_INVALID);
        assert_string_equal(fault.field, cases[i].field);
    }
}

static void test_a_value_out_of_its_range_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{\"text\":\"\"}", "text"},
        {"{\"text\":\"abcdef\"}", "text"},
        {"{\"number\":11}", "number"},
        {"{\"number\":-2}", "number"},
        {"{\"list\":[]}", "list"},
        {"{\"list\":[1,2,3]}", "list"},
        {"{\"words\":[\"\",\"\",\"\"]}", "words"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fault fault;
        assert_int_equal(read_rows(cases[i].text, "", &fault), TKR_OUT_OF_RANGE);
        assert_string_equal(fault.field, cases[i].field);
    }
}

static void test_control_characters_in_a_text_are_refused(void **state)
{
    struct fault fault;
    assert_int_equal(read_rows("{\"text\":\"a\\nb\"}", "", &fault), TKR_INVALID);
    assert_string_equal(fault.field, "text");
}

static void test_a_needed_member_that_is_missing_is_named(void **state)
{
    static const struct json_member needed = {"needed", JSON_IS_BOOL, .required = true};
    json_t *root CLEANUP(json_decref_p) = json_object();
    struct json_given given;
    struct fault fault = {0};
    assert_int_equal(json_read(root, "", &needed, 1, &given, &fault), TKR_INVALID);
    assert_string_equal(fault.field, "needed");
}

static void test_members_are_read(void **state)
{
    static const char text[] = "{\"words\":[\"a\"],\"list\":[1],\"object\":{},\"flag\":true,"
                               "\"number\":-1,\"text\":null}";
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct json_given given[COUNT];
    struct fault fault = {0};
    assert_int_equal(json_parse(text, strlen(text), &root, &fault), TKR_OK);
    assert_int_equal(json_read(root, "", rows, COUNT, given, &fault), TKR_OK);
    assert_true(given[TEXT].present && given[TEXT].null);
    assert_int_equal(given[NUMBER].integer, -1);
    assert_true(given[FLAG].boolean);
    assert_int_equal(json_array_size(given[WORDS].value), 1);
    assert_true(given[OBJECT].present && given[LIST].present);
}

static void test_a_member_that_is_absent_is_told_from_null(void **state)
{
    json_t *root CLEANUP(json_decref_p) = json_object();
    struct json_given given[COUNT];
    assert_int_equal(json_read(root, "", rows, COUNT, given, NULL), TKR_OK);
    assert_false(given[TEXT].present || given[TEXT].null || given[FLAG].present);
}

/* --- writing ------------------------------------------------------------------------------ */

static void assert_same_again(const char *text)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct buffer buffer CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&buffer, 4096);
    assert_int_equal(json_parse(text, strlen(text), &root, NULL), TKR_OK);
    emit_begin(&emitter, &buffer);
    emit_value(&emitter, NULL, root);
    assert_int_equal(buffer_status(&buffer), TKR_OK);
    assert_string_equal(buffer.data, text);
}

static void test_a_value_is_written_as_it_was_read(void **state)
{
    assert_same_again("{}");
    assert_same_again("{\"z\":1,\"a\":[true,false,null,[],{}],\"m\":{\"x\":\"y\"}}");
    assert_same_again("{\"a\":\"\\\"\\\\\\u0001\\u007f\xc3\xa4\"}");
    assert_same_again("{\"a\":-9223372036854775808,\"b\":9223372036854775807}");
    assert_same_again("{\"a\":0.1,\"b\":1e+300,\"c\":2.0,\"d\":-0.3333333333333333}");
}

static void test_texts_are_escaped(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&buffer, 4096);
    emit_begin(&emitter, &buffer);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "a", "\"},{\\\r\n\t");
    emit_text(&emitter, "n", NULL);
    emit_text_or_null(&emitter, "e", "", 0);
    emit_close(&emitter, '}');
    assert_string_equal(buffer.data,
                        "{\"a\":\"\\\"},{\\\\\\u000d\\u000a\\u0009\",\"n\":null,\"e\":null}");
}

static void test_scope_sets_are_arrays_and_times_are_rfc_3339(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&buffer, 4096);
    emit_begin(&emitter, &buffer);
    emit_open(&emitter, NULL, '{');
    emit_words(&emitter, "none", "", 0);
    emit_words(&emitter, "two", "a:read b:*", 10);
    emit_time(&emitter, "never", 0);
    emit_time(&emitter, "then", INT64_C(1767225600000));
    emit_json(&emitter, "raw", "{\"k\":1}", 7);
    emit_json(&emitter, "empty", NULL, 0);
    emit_number(&emitter, "minus", -5);
    emit_count(&emitter, "large", UINT64_MAX);
    emit_close(&emitter, '}');
    assert_string_equal(buffer.data, "{\"none\":[],\"two\":[\"a:read\",\"b:*\"],\"never\":null,"
                                     "\"then\":\"2026-01-01T00:00:00Z\",\"raw\":{\"k\":1},"
                                     "\"empty\":{},\"minus\":-5,\"large\":18446744073709551615}");
}

static int prepare(void **state)
{
    json_input_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_one_json_object_is_malformed),
        cmocka_unit_test(test_duplicate_members_are_malformed),
        cmocka_unit_test(test_nul_is_malformed_in_any_spelling),
        cmocka_unit_test(test_invalid_utf8_is_malformed),
        cmocka_unit_test(test_numbers_that_do_not_fit_are_malformed),
        cmocka_unit_test(test_nesting_beyond_the_maximum_is_refused_before_parsing),
        cmocka_unit_test(test_nesting_up_to_the_maximum_is_fine),
        cmocka_unit_test(test_brackets_in_texts_are_not_depth),
        cmocka_unit_test(test_a_fault_never_quotes_the_text),
        cmocka_unit_test(test_a_member_that_is_not_known_is_refused_by_name),
        cmocka_unit_test(test_a_member_name_that_might_be_a_token_is_not_repeated),
        cmocka_unit_test(test_a_wrong_type_is_refused_by_name),
        cmocka_unit_test(test_a_value_out_of_its_range_is_refused_by_name),
        cmocka_unit_test(test_control_characters_in_a_text_are_refused),
        cmocka_unit_test(test_a_needed_member_that_is_missing_is_named),
        cmocka_unit_test(test_members_are_read),
        cmocka_unit_test(test_a_member_that_is_absent_is_told_from_null),
        cmocka_unit_test(test_a_value_is_written_as_it_was_read),
        cmocka_unit_test(test_texts_are_escaped),
        cmocka_unit_test(test_scope_sets_are_arrays_and_times_are_rfc_3339),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
