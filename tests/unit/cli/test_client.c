/* SPDX-License-Identifier: Apache-2.0 */
/* Where a token may go, how options become JSON, and how texts become parts of a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/body.h"
#include "cli/transport.h"

static void test_what_is_no_url_is_refused(void **state)
{
    static const char *const urls[] = {"",         "tokens.example",     "ftp://tokens.example",
                                       "https://", "file:///etc/passwd", "https://a b/"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct fault fault = {0};
        bool private = false;
        assert_int_equal(transport_url_private(urls[i], &private, &fault), TKR_INVALID);
    }
}

static void test_a_url_with_a_password_is_refused_and_not_repeated(void **state)
{
    struct fault fault = {0};
    bool private = false;
    assert_int_equal(transport_url_private("https://bob:secret@tokens.example", &private, &fault),
                     TKR_INVALID);
    assert_null(strstr(fault.detail, "secret"));
    assert_non_null(strstr(fault.detail, "TOKENRY_TOKEN"));
}

static void test_a_token_goes_over_https_and_to_this_host_only(void **state)
{
    static const struct {
        const char *url;
        bool private;
    } cases[] = {
        {"https://tokens.example", true},    {"HTTPS://tokens.example", true},
        {"http://127.0.0.1:8080", true},     {"http://127.8.9.1", true},
        {"http://[::1]:8080", true},         {"http://localhost:1", true},
        {"http://LOCALHOST", true},          {"http://tokens.example", false},
        {"http://128.0.0.1", false},         {"http://[::2]", false},
        {"http://localhost.example", false}, {"http://10.0.0.1", false},
        {"http://127.0.0.1.example", false}, {"http://0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault fault = {0};
        struct transport transport = {0};
        bool private = !cases[i].private;
        assert_int_equal(transport_url_private(cases[i].url, &private, &fault), TKR_OK);
        assert_int_equal(private, cases[i].private);
        tkr_error_t error =
            transport_http(cases[i].url, NULL, "some-token-of-somebody", false, &transport, &fault);
        assert_int_equal(error, cases[i].private ? TKR_OK : TKR_FORBIDDEN);
        if (error == TKR_OK) {
            transport.close(transport.context);
        }
    }
}

static void test_plain_http_needs_a_word_and_is_fine_without_a_token(void **state)
{
    struct fault fault = {0};
    struct transport transport = {0};
    assert_int_equal(transport_http("http://tokens.example", NULL, "some-token-of-somebody", true,
                                    &transport, &fault),
                     TKR_OK);
    transport.close(transport.context);
    assert_int_equal(transport_http("http://tokens.example", NULL, NULL, false, &transport, &fault),
                     TKR_OK);
    transport.close(transport.context);
}

static void test_a_host_that_is_not_there_is_unavailable(void **state)
{
    struct fault fault = {0};
    struct transport transport = {0};
    struct transport_call call = {.method = HTTP_GET, .path = "/api/v1/auth/health"};
    struct buffer body CLEANUP(buffer_deinit);
    unsigned status = 0;
    buffer_init_secret(&body, 1024);
    assert_int_equal(
        transport_http("http://x", "/nonexistent/socket", NULL, false, &transport, &fault), TKR_OK);
    assert_int_equal(transport.call(transport.context, &call, &status, &body, &fault),
                     TKR_UNAVAILABLE);
    assert_non_null(strstr(fault.detail, "cannot reach"));
    transport.close(transport.context);
}

static void test_a_token_with_a_line_break_is_refused(void **state)
{
    struct fault fault = {0};
    struct transport transport = {0};
    assert_int_equal(transport_http("https://x", NULL, "a-token-of-mine\r\nX-Evil: 1", false,
                                    &transport, &fault),
                     TKR_OUT_OF_RANGE);
    assert_null(strstr(fault.detail, "a-token"));
}

static void test_texts_are_escaped_for_urls(void **state)
{
    char out[32];
    assert_string_equal(client_escape("a-b._~9", out, sizeof(out)), "a-b._~9");
    assert_string_equal(client_escape("a b/c?d&e=%", out, sizeof(out)), "a%20b%2Fc%3Fd%26e%3D%25");
    assert_string_equal(client_escape("\xc3\xbc", out, sizeof(out)), "%C3%BC");
    assert_string_equal(client_escape("too long for this buffer, by far", out, sizeof(out)), "");
}

/* --- options to JSON ----------------------------------------------------------------------- */

static void parse(struct cli *cli, const char *command, char **words, size_t count)
{
    struct fault fault = {0};
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, command) == 0) {
            cli->command = &cli_commands[i];
        }
    }
    assert_int_equal(arguments_parse(cli->command, words, count, &cli->arguments, &fault), TKR_OK);
}

static tkr_error_t limits_of(const char *value, char **ret_json)
{
    struct cli cli = {0};
    struct fault fault = {0};
    char *copy = strdup(value), *words[8], option[] = "--limit";
    size_t count = 0;
    for (char *word = strtok(copy, "|"); word != NULL; word = strtok(NULL, "|")) {
        words[count++] = option;
        words[count++] = word;
    }
    parse(&cli, "create", words, count);
    json_t *body = json_object();
    tkr_error_t error = body_limits(body, &cli, &fault);
    assert_true(error == TKR_OK || fault.detail[0] != '\0');
    *ret_json = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    free(copy);
    return error;
}

static void test_a_limit_of_a_wrong_form_is_refused(void **state)
{
    static const struct {
        const char *value;
        tkr_error_t error;
    } cases[] = {{"minute", TKR_MALFORMED},          {"=3", TKR_MALFORMED},
                 {"minute=", TKR_MALFORMED},         {"minute=-1", TKR_MALFORMED},
                 {"minute=1.5", TKR_MALFORMED},      {"minute=99999999999999999999", TKR_MALFORMED},
                 {"minute=1|minute=2", TKR_CONFLICT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *json;
        assert_int_equal(limits_of(cases[i].value, &json), cases[i].error);
        assert_string_equal(json, "{}");
        free(json);
    }
}

static void test_limits_are_numbers_or_none(void **state)
{
    char *json;
    assert_int_equal(limits_of("minute=60|day=none", &json), TKR_OK);
    assert_string_equal(json, "{\"limits\":{\"minute\":60,\"day\":\"unlimited\"}}");
    free(json);
    assert_int_equal(limits_of("", &json), TKR_OK);
    assert_string_equal(json, "{}");
    free(json);
}

static void test_metadata_and_lifetime_become_members(void **state)
{
    struct cli cli = {0};
    struct fault fault = {0};
    char *words[] = {(char[]){"--meta=team=core"}, (char[]){"--meta=note=a=b"},
                     (char[]){"--expires-in=never"}, (char[]){"--scope=a:b"},
                     (char[]){"--scope=*"}};
    parse(&cli, "create", words, sizeof(words) / sizeof(words[0]));
    json_t *body = json_object();
    body_list(body, "scopes", &cli, "scope");
    body_lifetime(body, &cli);
    assert_int_equal(body_metadata(body, &cli, &fault), TKR_OK);
    char *json = json_dumps(body, JSON_COMPACT);
    assert_string_equal(json, "{\"scopes\":[\"a:b\",\"*\"],\"expires_in\":null,"
                              "\"metadata\":{\"team\":\"core\",\"note\":\"a=b\"}}");
    free(json);
    json_decref(body);
}

static void test_errors_have_the_exit_status_that_is_documented(void **state)
{
    assert_int_equal(cli_exit_of(TKR_OK), CLI_DONE);
    assert_int_equal(cli_exit_of(TKR_NOT_FOUND), CLI_REFUSED);
    assert_int_equal(cli_exit_of(TKR_CORRUPT), CLI_REFUSED);
    assert_int_equal(cli_exit_of(TKR_VERSION_NEWER), CLI_REFUSED);
    assert_int_equal(cli_exit_of(TKR_OUT_OF_RANGE), CLI_USAGE);
    assert_int_equal(cli_exit_of(TKR_LOCKED), CLI_UNREACHABLE);
    assert_int_equal(cli_exit_of(TKR_UNAVAILABLE), CLI_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_url_is_refused),
        cmocka_unit_test(test_a_url_with_a_password_is_refused_and_not_repeated),
        cmocka_unit_test(test_a_token_goes_over_https_and_to_this_host_only),
        cmocka_unit_test(test_plain_http_needs_a_word_and_is_fine_without_a_token),
        cmocka_unit_test(test_a_host_that_is_not_there_is_unavailable),
        cmocka_unit_test(test_a_token_with_a_line_break_is_refused),
        cmocka_unit_test(test_texts_are_escaped_for_urls),
        cmocka_unit_test(test_a_limit_of_a_wrong_form_is_refused),
        cmocka_unit_test(test_limits_are_numbers_or_none),
        cmocka_unit_test(test_metadata_and_lifetime_become_members),
        cmocka_unit_test(test_errors_have_the_exit_status_that_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
