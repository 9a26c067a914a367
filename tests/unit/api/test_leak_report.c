/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "api/leak_report.h"
#include "base/limits.h"
#include "signer.h"

#define SECRET "Kq7-vT2mZx9_Rb4LnW8cJd3F"
#define NAME "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"

/* --- reports --------------------------------------------------------------------------------- */

/* The error; whatever it is, the fault does not repeat the report. */
static tkr_error_t read_report(const char *body, size_t length)
{
    struct fault fault = {0};
    struct leak_report report CLEANUP(leak_report_release) = {0};
    tkr_error_t error = leak_report_read(body, length, &report, &fault);
    assert_null(strstr(fault.detail, SECRET));
    assert_null(strstr(fault.field, SECRET));
    assert_true(error == TKR_OK || (report.count == 0 && report.root == NULL));
    assert_true(error == TKR_OK || strlen(fault.detail) > 0);
    return error;
}

static void test_what_is_no_report_is_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "[]",
        "{}",
        "null",
        "\"" SECRET "\"",
        "[",
        "[{\"token\":\"" SECRET "\"}",
        "[{\"token\":\"" SECRET "\"}]x",
        "{\"token\":\"" SECRET "\"}",
        "[{\"token\":\"" SECRET "\",\"token\":\"" SECRET "\"}]",
        "[{\"token\":\"a\\u0000b\"}]",
        "[{\"token\":\"\xFF\"}]",
        "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_report(bad[i], strlen(bad[i])), TKR_MALFORMED);
    }
}

static void test_an_element_without_a_token_is_refused(void **state)
{
    static const char *const bad[] = {
        "[{}]",
        "[1]",
        "[null]",
        "[\"" SECRET "\"]",
        "[{\"token\":null}]",
        "[{\"token\":\"\"}]",
        "[{\"token\":7}]",
        "[{\"token\":[\"" SECRET "\"]}]",
        "[{\"Token\":\"" SECRET "\"}]",
        "[{\"token\":\"" SECRET "\"},{}]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_report(bad[i], strlen(bad[i])), TKR_INVALID);
    }
}

/* `[{"token":"a"},{"token":"a"},...]`; the caller frees it. */
static char *many(size_t count)
{
    char *body = malloc(count * 16 + 3);
    size_t length = 1;
    assert_non_null(body);
    body[0] = '[';
    for (size_t i = 0; i < count; i++) {
        length += (size_t)sprintf(body + length, "%s{\"token\":\"a\"}", i > 0 ? "," : "");
    }
    strcpy(body + length, "]");
    return body;
}

static void test_more_tokens_than_the_maximum_are_too_large(void **state)
{
    char *body = many(LEAK_REPORT_TOKENS_MAX + 1);
    assert_int_equal(read_report(body, strlen(body)), TKR_TOO_LARGE);
    free(body);
    body = many(LEAK_REPORT_TOKENS_MAX);
    assert_int_equal(read_report(body, strlen(body)), TKR_OK);
    free(body);
}

static void test_a_huge_body_is_too_large_before_it_is_parsed(void **state)
{
    char *body = calloc(1, HTTP_BODY_BYTES_MAX + 1);
    memset(body, ' ', HTTP_BODY_BYTES_MAX + 1);
    memcpy(body, "[{\"token\":\"a\"}]", 15);
    assert_int_equal(read_report(body, HTTP_BODY_BYTES_MAX + 1), TKR_TOO_LARGE);
    assert_int_equal(read_report(body, HTTP_BODY_BYTES_MAX), TKR_OK);
    free(body);
}

static void test_a_report_is_read_as_github_sends_it(void **state)
{
    static const char body[] =
        "[{\"token\":\"" SECRET "\",\"type\":\"tokenry_live\","
        "\"url\":\"https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b6/"
        "foo/bar.txt\",\"source\":\"content\"},"
        "{\"token\":\"two\",\"type\":\"tokenry_test\",\"url\":\"\",\"source\":null,\"new\":[1]}]";
    struct leak_report report CLEANUP(leak_report_release) = {0};
    assert_int_equal(leak_report_read(body, strlen(body), &report, NULL), TKR_OK);
    assert_int_equal(report.count, 2);
    assert_string_equal(report.leaks[0].token, SECRET);
    assert_int_equal(report.leaks[0].token_length, strlen(SECRET));
    assert_string_equal(report.leaks[0].type, "tokenry_live");
    assert_memory_equal(report.leaks[0].url, "https://github.com/octocat", 26);
    assert_string_equal(report.leaks[0].source, "content");
    assert_string_equal(report.leaks[1].token, "two");
    assert_null(report.leaks[1].url);
    assert_null(report.leaks[1].source);
}

static void test_what_may_not_be_stored_is_left_out(void **state)
{
    char body[LEAK_URL_BYTES_MAX + LEAK_WORD_BYTES_MAX + 200];
    char url[LEAK_URL_BYTES_MAX + 2], word[LEAK_WORD_BYTES_MAX + 2];
    memset(url, 'u', sizeof(url) - 1);
    memset(word, 'w', sizeof(word) - 1);
    url[sizeof(url) - 1] = word[sizeof(word) - 1] = '\0';
    for (size_t cut = 0; cut < 2; cut++) { /* one too long, then as long as may be */
        struct leak_report report CLEANUP(leak_report_release) = {0};
        snprintf(body, sizeof(body),
                 "[{\"token\":\"" SECRET "\",\"type\":\"%s\",\"url\":\"%s\",\"source\":\"a\\nb\"}]",
                 word + cut, url + cut);
        assert_int_equal(leak_report_read(body, strlen(body), &report, NULL), TKR_OK);
        assert_true((report.leaks[0].type != NULL) == (cut == 1));
        assert_true((report.leaks[0].url != NULL) == (cut == 1));
        assert_null(report.leaks[0].source);
    }
}

/* --- keys ------------------------------------------------------------------------------------ */

#define DOCUMENT_SIZE (LEAK_KEYS_BYTES_MAX + 4096)

/* {"public_keys":[...]} of keys, each with its name. */
static void add_key(char *document, const char *name, const struct signer *signer, bool current)
{
    size_t length = strlen(document);
    if (length == 0) {
        length = (size_t)sprintf(document, "{\"public_keys\":[");
    } else {
        length -= 2;
        document[length++] = ',';
    }
    length += (size_t)sprintf(document + length, "{\"key_identifier\":\"%s\",\"key\":\"", name);
    for (const char *at = signer_pem(signer); *at != '\0'; at++) {
        length += (size_t)sprintf(document + length, *at == '\n' ? "\\n" : "%c", *at);
    }
    sprintf(document + length, "\",\"is_current\":%s}]}", current ? "true" : "false");
}

static tkr_error_t read_keys(const char *document, size_t length)
{
    struct fault fault = {0};
    struct leak_keys *keys CLEANUP(leak_keys_free_p) = NULL;
    tkr_error_t error = leak_keys_read(document, length, &keys, &fault);
    assert_true((error == TKR_OK) == (keys != NULL));
    assert_true(error == TKR_OK || strlen(fault.detail) > 0);
    return error;
}

static void test_what_is_no_list_of_keys_is_refused(void **state)
{
    static const struct {
        const char *document;
        tkr_error_t error;
    } rows[] = {
        {"", TKR_MALFORMED},
        {"[]", TKR_MALFORMED},
        {"{}", TKR_MALFORMED},
        {"{\"public_keys\":{}}", TKR_MALFORMED},
        {"{\"public_keys\":[]} ]", TKR_MALFORMED},
        {"{\"public_keys\":[]}", TKR_INVALID},
        {"{\"public_keys\":[1]}", TKR_INVALID},
        {"{\"public_keys\":[{\"key_identifier\":\"a\"}]}", TKR_INVALID},
        {"{\"public_keys\":[{\"key\":\"a\"}]}", TKR_INVALID},
        {"{\"public_keys\":[{\"key_identifier\":\"\",\"key\":\"a\"}]}", TKR_INVALID},
        {"{\"public_keys\":[{\"key_identifier\":\"a b\",\"key\":\"a\"}]}", TKR_INVALID},
        {"{\"public_keys\":[{\"key_identifier\":\"a\",\"key\":\"not a key\"}]}", TKR_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_keys(rows[i].document, strlen(rows[i].document)), rows[i].error);
    }
}

static void test_keys_of_other_kinds_are_passed_over(void **state)
{
    static char document[DOCUMENT_SIZE];
    struct signer *rsa = signer_new("RSA"), *other = signer_new("P-384"),
                  *good = signer_new("P-256");
    struct leak_keys *keys CLEANUP(leak_keys_free_p) = NULL;
    document[0] = '\0';
    add_key(document, "rsa", rsa, true);
    add_key(document, "p384", other, true);
    assert_int_equal(read_keys(document, strlen(document)), TKR_INVALID); /* none at all */
    add_key(document, NAME, good, true);
    assert_int_equal(leak_keys_read(document, strlen(document), &keys, NULL), TKR_OK);
    assert_int_equal(leak_keys_count(keys), 1);
    char signature[SIGNER_TEXT_SIZE];
    signer_sign(rsa, "body", 4, signature);
    assert_int_equal(leak_keys_verify(keys, "rsa", "body", 4, signature, NULL), TKR_NOT_FOUND);
    signer_free(rsa);
    signer_free(other);
    signer_free(good);
}

static void test_two_keys_of_one_name_are_refused(void **state)
{
    static char document[DOCUMENT_SIZE];
    struct signer *one = signer_new("P-256"), *two = signer_new("P-256");
    document[0] = '\0';
    add_key(document, NAME, one, true);
    add_key(document, NAME, two, true);
    assert_int_equal(read_keys(document, strlen(document)), TKR_INVALID);
    signer_free(one);
    signer_free(two);
}

static void test_a_list_has_its_maxima(void **state)
{
    static char document[DOCUMENT_SIZE];
    char name[LEAK_KEY_NAME_BYTES_MAX + 2];
    struct signer *signer = signer_new("P-256");
    document[0] = '\0';
    for (int i = 0; i < LEAK_KEYS_MAX; i++) {
        snprintf(name, sizeof(name), "%d", i);
        add_key(document, name, signer, false);
    }
    assert_int_equal(read_keys(document, strlen(document)), TKR_OK);
    add_key(document, "more", signer, false);
    assert_int_equal(read_keys(document, strlen(document)), TKR_TOO_LARGE);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    document[0] = '\0';
    add_key(document, name, signer, true);
    assert_int_equal(read_keys(document, strlen(document)), TKR_INVALID);
    document[0] = '\0';
    add_key(document, name + 1, signer, true);
    assert_int_equal(read_keys(document, strlen(document)), TKR_OK);
    size_t length = strlen(document);
    memset(document + length, ' ', DOCUMENT_SIZE - length);
    assert_int_equal(read_keys(document, LEAK_KEYS_BYTES_MAX), TKR_OK);
    assert_int_equal(read_keys(document, LEAK_KEYS_BYTES_MAX + 1), TKR_TOO_LARGE);
    signer_free(signer);
}

/* --- both together -----------------------------------------------------------------------------
 */

#define BODY "[{\"token\":\"" SECRET "\",\"type\":\"t\",\"url\":\"\",\"source\":\"content\"}]"

static void test_a_report_holds_for_the_key_of_its_name_only(void **state)
{
    static char document[DOCUMENT_SIZE];
    struct signer *former = signer_new("P-256"), *current = signer_new("P-256");
    struct leak_keys *keys CLEANUP(leak_keys_free_p) = NULL;
    char by_former[SIGNER_TEXT_SIZE], by_current[SIGNER_TEXT_SIZE];
    document[0] = '\0';
    add_key(document, "former", former, false);
    add_key(document, NAME, current, true);
    assert_int_equal(leak_keys_read(document, strlen(document), &keys, NULL), TKR_OK);
    signer_sign(former, BODY, strlen(BODY), by_former);
    signer_sign(current, BODY, strlen(BODY), by_current);
    static const struct {
        const char *name;
        bool current;
        tkr_error_t error;
    } rows[] = {
        {NAME, true, TKR_OK},
        {NAME, false, TKR_FORBIDDEN},
        {"former", false, TKR_OK},
        {"former", true, TKR_FORBIDDEN},
        {"", true, TKR_NOT_FOUND},
        {"forme", false, TKR_NOT_FOUND},
        {NAME " ", true, TKR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        assert_int_equal(leak_keys_verify(keys, rows[i].name, BODY, strlen(BODY),
                                          rows[i].current ? by_current : by_former, &fault),
                         rows[i].error);
        assert_null(strstr(fault.detail, by_current));
    }
    assert_int_equal(leak_keys_verify(keys, NAME, BODY, strlen(BODY) - 1, by_current, NULL),
                     TKR_FORBIDDEN);
    assert_int_equal(leak_keys_verify(keys, NAME, BODY, strlen(BODY), "", NULL), TKR_MALFORMED);
    signer_sign(current, "", 0, by_current);
    assert_int_equal(leak_keys_verify(keys, NAME, "", 0, by_current, NULL), TKR_MALFORMED);
    signer_free(former);
    signer_free(current);
}

static int prepare(void **state)
{
    json_input_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_report_is_malformed),
        cmocka_unit_test(test_an_element_without_a_token_is_refused),
        cmocka_unit_test(test_more_tokens_than_the_maximum_are_too_large),
        cmocka_unit_test(test_a_huge_body_is_too_large_before_it_is_parsed),
        cmocka_unit_test(test_a_report_is_read_as_github_sends_it),
        cmocka_unit_test(test_what_may_not_be_stored_is_left_out),
        cmocka_unit_test(test_what_is_no_list_of_keys_is_refused),
        cmocka_unit_test(test_keys_of_other_kinds_are_passed_over),
        cmocka_unit_test(test_two_keys_of_one_name_are_refused),
        cmocka_unit_test(test_a_list_has_its_maxima),
        cmocka_unit_test(test_a_report_holds_for_the_key_of_its_name_only),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
