/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/credentials.h"
#include "unit.h"

#define TOKEN "sk_live_abcdefghijklmnop"
#define OTHER "sk_live_ABCDEFGHIJKLMNOP"

static const struct api_credential_source both[] = {{"Authorization", "Bearer"}, {"X-API-Key", ""}};

struct line {
    const char *name, *value;
};

/* Offers the lines, of which the last has no name. */
static struct credential read_lines(const struct line *lines)
{
    struct credential_sources sources;
    struct credential credential = {0};
    assert_int_equal(credential_sources_init(&sources, both, 2, NULL), TKR_OK);
    for (; lines->name != NULL; lines++) {
        credential_offer(&sources, &credential, lines->name, strlen(lines->name), lines->value,
                         strlen(lines->value));
    }
    return credential;
}

#define READ(...) read_lines((const struct line[]){__VA_ARGS__, {0}})

static void assert_found(struct credential credential, const char *text)
{
    assert_int_equal(credential.state, CREDENTIAL_FOUND);
    assert_int_equal(credential.length, strlen(text));
    assert_memory_equal(credential.text, text, credential.length);
}

static void assert_none(struct credential credential)
{
    assert_int_equal(credential.state, CREDENTIAL_NONE);
}

static void assert_conflict(struct credential credential)
{
    assert_int_equal(credential.state, CREDENTIAL_CONFLICT);
}

static void test_header_aliases_are_other_headers(void **state)
{
    static const char *const names[] = {"X_API_Key",  "X.API.Key",   "X-API-Key ",      "X-APIKey",
                                        "XX-API-Key", "X-API-Key\t", "Authorization-X", "",
                                        "X API Key",  "X-API_Key"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_none(READ({names[i], TOKEN}));
    }
    assert_none(READ({"Proxy-Authorization", "Bearer " TOKEN}));
}

static void test_another_scheme_is_no_credential(void **state)
{
    static const char *const values[] = {"Basic YWxpY2U6c2VjcmV0", "Digest x",    TOKEN, "",
                                         "BearerX " TOKEN,         "Beare " TOKEN};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_none(READ({"Authorization", values[i]}));
    }
}

static void test_two_different_tokens_are_a_conflict(void **state)
{
    assert_conflict(READ({"Authorization", "Bearer " TOKEN}, {"X-API-Key", OTHER}));
    assert_conflict(READ({"X-API-Key", OTHER}, {"Authorization", "Bearer " TOKEN}));
    assert_conflict(READ({"Authorization", "Bearer " TOKEN}, {"Authorization", "Bearer " OTHER}));
    assert_conflict(READ({"X-API-Key", TOKEN}, {"X-API-Key", OTHER}));
    assert_conflict(READ({"X-API-Key", TOKEN}, {"X-API-Key", TOKEN "x"}));
    assert_conflict(READ({"Authorization", "Bearer"}, {"X-API-Key", TOKEN}));
}

static void test_a_conflict_stays_one_whatever_follows(void **state)
{
    assert_conflict(READ({"X-API-Key", TOKEN}, {"X-API-Key", OTHER}, {"X-API-Key", TOKEN}));
    assert_conflict(READ({"X-API-Key", TOKEN}, {"X-API-Key", OTHER}, {"X-API-Key", OTHER}));
}

static void test_what_follows_the_scheme_without_a_space_makes_it_malformed(void **state)
{
    assert_found(READ({"Authorization", "Bearer\t" TOKEN}), "\t" TOKEN);
    assert_found(READ({"Authorization", "Bearer:" TOKEN}), ":" TOKEN);
    assert_found(READ({"Authorization", "Bearer\x01" TOKEN}), "\x01" TOKEN);
}

static void test_a_scheme_alone_is_an_empty_credential(void **state)
{
    assert_found(READ({"Authorization", "Bearer"}), "");
    assert_found(READ({"Authorization", "Bearer   "}), "");
}

static void test_absence_names_every_source_and_nothing_of_the_request(void **state)
{
    struct credential_sources sources;
    struct fault fault = {0};
    struct credential credential = READ({"Authorization", "Basic " TOKEN});
    assert_int_equal(credential_sources_init(&sources, both, 2, NULL), TKR_OK);
    assert_ptr_equal(credential_absence(&sources, &credential, &fault), &fault);
    assert_non_null(strstr(fault.detail, "`Authorization: Bearer`, `X-API-Key`"));
    assert_null(strstr(fault.detail, "Basic"));
    credential = READ({"Cookie", TOKEN}, {"Authorization", " "}, {"X-API-Key", ""});
    assert_null(credential_absence(&sources, &credential, &fault));
}

static void test_two_tokens_on_one_line_are_one_text_that_is_no_token(void **state)
{
    assert_found(READ({"Authorization", "Bearer " TOKEN " " OTHER}), TOKEN " " OTHER);
    assert_found(READ({"X-API-Key", TOKEN "," OTHER}), TOKEN "," OTHER);
}

static void test_an_empty_bare_header_is_no_credential(void **state)
{
    assert_none(READ({"X-API-Key", ""}));
    assert_none(READ({"X-API-Key", " \t "}));
    assert_found(READ({"X-API-Key", ""}, {"Authorization", "Bearer " TOKEN}), TOKEN);
}

static void test_control_and_8_bit_bytes_are_kept_for_verification_to_refuse(void **state)
{
    assert_found(READ({"X-API-Key", "sk_\x01\x7f\xc3\xa4"}), "sk_\x01\x7f\xc3\xa4");
}

static void test_a_nul_byte_does_not_end_the_value(void **state)
{
    struct credential_sources sources;
    struct credential credential = {0};
    assert_int_equal(credential_sources_init(&sources, both, 2, NULL), TKR_OK);
    credential_offer(&sources, &credential, "X-API-Key", 9, "abc\0def", 7);
    assert_int_equal(credential.length, 7);
}

static void test_the_scheme_may_be_in_any_case_with_any_number_of_spaces(void **state)
{
    assert_found(READ({"Authorization", "Bearer " TOKEN}), TOKEN);
    assert_found(READ({"authorization", "bearer " TOKEN}), TOKEN);
    assert_found(READ({"AUTHORIZATION", "BEARER    " TOKEN}), TOKEN);
    assert_found(READ({"Authorization", " \tbEaReR " TOKEN " \t"}), TOKEN);
}

static void test_the_bare_header_may_be_in_any_case(void **state)
{
    assert_found(READ({"x-api-key", TOKEN}), TOKEN);
    assert_found(READ({"X-Api-Key", "  " TOKEN "  "}), TOKEN);
}

static void test_the_same_token_twice_is_fine(void **state)
{
    assert_found(READ({"Authorization", "Bearer " TOKEN}, {"X-API-Key", TOKEN}), TOKEN);
    assert_found(READ({"Authorization", "Bearer " TOKEN}, {"Authorization", "bearer  " TOKEN}),
                 TOKEN);
}

static void test_basic_may_stand_beside_a_key(void **state)
{
    assert_found(READ({"Authorization", "Basic YWxpY2U6c2VjcmV0"}, {"X-API-Key", TOKEN}), TOKEN);
}

static void test_one_header_may_have_several_schemes(void **state)
{
    static const struct api_credential_source rows[] = {{"Authorization", "Bearer"},
                                                        {"Authorization", "Token"}};
    struct credential_sources sources;
    struct credential credential = {0};
    assert_int_equal(credential_sources_init(&sources, rows, 2, NULL), TKR_OK);
    credential_offer(&sources, &credential, "Authorization", 13, "token " TOKEN, 30);
    assert_found(credential, TOKEN);
}

static void test_sources_that_are_no_header_are_refused(void **state)
{
    static const struct api_credential_source bad[] = {{"", ""},
                                                       {"X API Key", ""},
                                                       {"X-Key:", ""},
                                                       {"Authorization", "Bea rer"},
                                                       {"X-K\xc3\xa4", ""}};
    struct credential_sources sources;
    struct fault fault;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fault = (struct fault){0};
        assert_int_equal(credential_sources_init(&sources, &bad[i], 1, &fault), TKR_INVALID);
        assert_string_equal(fault.field, "credential_sources");
    }
    assert_int_equal(credential_sources_init(&sources, both, 0, NULL), TKR_OUT_OF_RANGE);
    assert_int_equal(credential_sources_init(&sources, both, API_CREDENTIAL_SOURCES_MAX + 1, NULL),
                     TKR_OUT_OF_RANGE);
}

static void test_a_source_name_has_a_maximum(void **state)
{
    char name[CREDENTIAL_NAME_BYTES_MAX + 2];
    struct credential_sources sources;
    struct credential credential = {0};
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    const struct api_credential_source row = {name, ""};
    assert_int_equal(credential_sources_init(&sources, &row, 1, NULL), TKR_OUT_OF_RANGE);
    name[CREDENTIAL_NAME_BYTES_MAX] = '\0';
    assert_int_equal(credential_sources_init(&sources, &row, 1, NULL), TKR_OK);
    credential_offer(&sources, &credential, name, strlen(name), TOKEN, strlen(TOKEN));
    assert_found(credential, TOKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_aliases_are_other_headers),
        cmocka_unit_test(test_another_scheme_is_no_credential),
        cmocka_unit_test(test_two_different_tokens_are_a_conflict),
        cmocka_unit_test(test_a_conflict_stays_one_whatever_follows),
        cmocka_unit_test(test_what_follows_the_scheme_without_a_space_makes_it_malformed),
        cmocka_unit_test(test_a_scheme_alone_is_an_empty_credential),
        cmocka_unit_test(test_absence_names_every_source_and_nothing_of_the_request),
        cmocka_unit_test(test_two_tokens_on_one_line_are_one_text_that_is_no_token),
        cmocka_unit_test(test_an_empty_bare_header_is_no_credential),
        cmocka_unit_test(test_control_and_8_bit_bytes_are_kept_for_verification_to_refuse),
        cmocka_unit_test(test_a_nul_byte_does_not_end_the_value),
        cmocka_unit_test(test_the_scheme_may_be_in_any_case_with_any_number_of_spaces),
        cmocka_unit_test(test_the_bare_header_may_be_in_any_case),
        cmocka_unit_test(test_the_same_token_twice_is_fine),
        cmocka_unit_test(test_basic_may_stand_beside_a_key),
        cmocka_unit_test(test_one_header_may_have_several_schemes),
        cmocka_unit_test(test_sources_that_are_no_header_are_refused),
        cmocka_unit_test(test_a_source_name_has_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
