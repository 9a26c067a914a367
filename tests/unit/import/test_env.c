/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

static const char *read_env(void **state, const char *content)
{
    return fixture_read(*state, IMPORT_ENV, content);
}

static void test_a_file_without_tokens_is_not_found(void **state)
{
    assert_non_null(strstr(read_env(state, "DATABASE_URL=x\n# API_TOKEN=" TOKEN_ALICE "\n"),
                           "error not_found: there is neither API_TOKEN nor API_TOKENS in"));
}

static void test_a_token_that_is_too_short_is_a_bad_row(void **state)
{
    assert_string_equal(read_env(state, "API_TOKENS=token1_user_admin," TOKEN_ALICE "\n"),
                        "1 bad API_TOKENS: a token has 20 to 512 visible ASCII characters\n"
                        "2 shared/API_TOKENS #2 a1dd82ea shown=tok-\n");
}

static void test_quotes_that_do_not_end_are_an_error_that_shows_no_token(void **state)
{
    const char *text = read_env(state, "A=1\nAPI_TOKEN=\"" TOKEN_ALICE "\n");
    assert_string_equal(text, "error malformed: line 2: the quotes of API_TOKEN do not end, or "
                              "something follows them\n");
}

static void test_labels_are_users(void **state)
{
    assert_string_equal(
        read_env(state, "API_TOKENS=admin:" TOKEN_ALICE ",analyst: x-" TOKEN_ALICE " \n"),
        "1 admin/admin a1dd82ea shown=tok-\n"
        "2 analyst/analyst 8ef88b90 shown=x-to\n");
}

static void test_tokens_without_label_are_shared(void **state)
{
    assert_string_equal(
        read_env(state, "API_TOKEN=x-" TOKEN_ALICE "\nAPI_TOKENS=" TOKEN_ALICE ",,\n"),
        "1 shared/API_TOKEN 8ef88b90 shown=x-to\n"
        "2 shared/API_TOKENS #1 a1dd82ea shown=tok-\n");
}

static void test_a_shared_token_may_be_given_a_user(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.default_user = "legacy";
    assert_string_equal(read_env(state, "API_TOKEN=" TOKEN_ALICE "\n"),
                        "1 legacy/API_TOKEN a1dd82ea shown=tok-\n");
}

static void test_all_forms_of_a_line(void **state)
{
    static const char *const lines[] = {
        "API_TOKEN=" TOKEN_ALICE,
        "export API_TOKEN=" TOKEN_ALICE "\r\n",
        "  API_TOKEN = " TOKEN_ALICE "   # the old one\n",
        "API_TOKEN='" TOKEN_ALICE "'\n",
        "API_TOKEN=\"" TOKEN_ALICE "\" # the old one\n",
        "API_TOKEN=\"tok-alice\\-0123456789\"\n",
        "API_TOKEN=something-else-0123456789\nAPI_TOKEN=" TOKEN_ALICE "\n",
        "\xEF\xBB\xBF"
        "API_TOKEN=" TOKEN_ALICE "\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_string_equal(read_env(state, lines[i]), "1 shared/API_TOKEN a1dd82ea shown=tok-\n");
    }
}

static void test_a_label_that_deceives_the_eye_is_a_bad_row(void **state)
{
    assert_string_equal(read_env(state, "API_TOKENS=ad\xE2\x80\xAEmin:" TOKEN_ALICE "\n"),
                        "1 bad API_TOKENS: has control or invisible characters, or is not UTF-8\n");
}

static void test_our_own_environment_is_read_without_a_file(void **state)
{
    struct fixture *fixture = *state;
    char *const environment[] = {(char[]){"PATH=/bin"}, (char[]){"API_TOKENS=admin:" TOKEN_ALICE},
                                 (char[]){"API_TOKENS_OLD=x"}, NULL};
    fixture->options.environment = environment;
    assert_string_equal(fixture_read_path(fixture, IMPORT_ENV, NULL),
                        "1 admin/admin a1dd82ea shown=tok-\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_without_tokens_is_not_found),
        TEST(test_a_token_that_is_too_short_is_a_bad_row),
        TEST(test_quotes_that_do_not_end_are_an_error_that_shows_no_token),
        TEST(test_labels_are_users),
        TEST(test_tokens_without_label_are_shared),
        TEST(test_a_shared_token_may_be_given_a_user),
        TEST(test_all_forms_of_a_line),
        TEST(test_a_label_that_deceives_the_eye_is_a_bad_row),
        TEST(test_our_own_environment_is_read_without_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
