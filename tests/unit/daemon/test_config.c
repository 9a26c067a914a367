/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration is said with file, line, key and range; what is right is
 * read in the order default, file, environment, flag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "daemon/config.h"

static int make_config(void **state)
{
    return config_new((struct config **)state) == TKR_OK ? 0 : -1;
}

static int free_config(void **state)
{
    config_free(*state);
    return 0;
}

static tkr_error_t read_text(struct config *config, const char *text, struct fault *fault)
{
    memset(fault, 0, sizeof(*fault));
    return config_read_text(config, text, strlen(text), "tokenry.conf", fault);
}

/* --- what is refused ----------------------------------------------------------------------- */

struct refusal {
    const char *text;
    tkr_error_t error;
    const char *field, *detail;
};

static const struct refusal refusals[] = {
    {"[server]\nidle_s = 0\n", TKR_OUT_OF_RANGE, "server.idle_s",
     "tokenry.conf:2: server.idle_s: 0 is outside 1..86400"},
    {"[server]\nidle_s = 86401\n", TKR_OUT_OF_RANGE, "server.idle_s",
     "tokenry.conf:2: server.idle_s: 86401 is outside 1..86400"},
    {"[server]\nidle_s = soon\n", TKR_MALFORMED, "server.idle_s",
     "tokenry.conf:2: server.idle_s: \"soon\" is not a duration like 90, 90s, 15m, 24h or 30d"},
    {"[server]\nidle_s =\n", TKR_MALFORMED, "server.idle_s",
     "tokenry.conf:2: server.idle_s: \"\" is not a duration like 90, 90s, 15m, 24h or 30d"},
    {"[server]\nworker_threads = -1\n", TKR_MALFORMED, "server.worker_threads",
     "tokenry.conf:2: server.worker_threads: \"-1\" is not a whole number"},
    {"[server]\nworker_threads = 99999999999999999999\n", TKR_OUT_OF_RANGE, "server.worker_threads",
     "tokenry.conf:2: server.worker_threads: 99999999999999999999 is outside 1..256"},
    {"[server]\nconnections = 15\n", TKR_OUT_OF_RANGE, "server.connections",
     "tokenry.conf:2: server.connections: 15 is outside 16..1000000"},
    {"[server]\nsocket_mode = 1000\n", TKR_OUT_OF_RANGE, "server.socket_mode",
     "tokenry.conf:2: server.socket_mode: 1000 is outside 0000..0777"},
    {"[server]\nsocket_mode = 0668\n", TKR_MALFORMED, "server.socket_mode",
     "tokenry.conf:2: server.socket_mode: \"0668\" is not an octal number like 0660"},
    {"[server]\nlisten = localhost\n", TKR_MALFORMED, "server.listen",
     "tokenry.conf:2: server.listen: \"localhost\" is not ADDRESS:PORT like 127.0.0.1:8080, "
     "[::1]:8080 or :8080"},
    {"[server]\nlisten = 127.0.0.1:65536\n", TKR_MALFORMED, "server.listen",
     "tokenry.conf:2: server.listen: \"127.0.0.1:65536\" is not ADDRESS:PORT like "
     "127.0.0.1:8080, [::1]:8080 or :8080"},
    {"[server]\nlisten = ::1:8080\n", TKR_MALFORMED, "server.listen",
     "tokenry.conf:2: server.listen: \"::1:8080\" is not ADDRESS:PORT like 127.0.0.1:8080, "
     "[::1]:8080 or :8080"},
    {"[server]\ntrusted_proxies = 10.0.0.0/8, 10.1.2.3/8\n", TKR_MALFORMED,
     "server.trusted_proxies",
     "tokenry.conf:2: server.trusted_proxies: \"10.1.2.3/8\" is not an address or a network like "
     "10.0.0.0/8 without host bits"},
    {"[server]\ntrusted_proxies = 10.0.0.1,\n", TKR_MALFORMED, "server.trusted_proxies",
     "tokenry.conf:2: server.trusted_proxies: \"\" is not an address or a network like 10.0.0.0/8 "
     "without host bits"},
    {"[limits]\nminute = sometimes\n", TKR_OUT_OF_RANGE, "limits.minute",
     "tokenry.conf:2: limits.minute: \"sometimes\" is not one of fixed, sliding"},
    {"[log]\nlevel = Info\n", TKR_OUT_OF_RANGE, "log.level",
     "tokenry.conf:2: log.level: \"Info\" is not one of debug, info, warning, error"},
    {"[token]\nprefix_live = SK_\n", TKR_MALFORMED, "token.prefix_live",
     "tokenry.conf:2: token.prefix_live: \"SK_\" is not 2 to 32 of a-z, 0-9 and _ with a _ at the "
     "end"},
    {"[auth]\nrealm =\n", TKR_OUT_OF_RANGE, "auth.realm",
     "tokenry.conf:2: auth.realm: 0 bytes are outside 1..128"},
    {"[auth]\nrealm = a\x01z\n", TKR_MALFORMED, "auth.realm",
     "tokenry.conf:2: auth.realm: \"a?z\" is not printable UTF-8"},
    {"[auth]\ncredentials = A, B, C, D, E\n", TKR_OUT_OF_RANGE, "auth.credentials",
     "tokenry.conf:2: auth.credentials: 5 entries are outside 1..4"},
    {"[auth]\ncredentials = Authorization:\n", TKR_MALFORMED, "auth.credentials",
     "tokenry.conf:2: auth.credentials: \"Authorization:\" is not a header like X-API-Key or "
     "Authorization: Bearer"},
    {"[lifetime]\nuser_max = always\n", TKR_MALFORMED, "lifetime.user_max",
     "tokenry.conf:2: lifetime.user_max: \"always\" is not a duration like 90, 90s, 15m, 24h or "
     "30d"},
    {"[server]\nlsten = :80\n", TKR_UNKNOWN_MEMBER, "server.lsten",
     "tokenry.conf:2: server.lsten: unknown key; did you mean server.listen?"},
    {"[log]\nlisten = :80\n", TKR_UNKNOWN_MEMBER, "log.listen",
     "tokenry.conf:2: log.listen: unknown key; did you mean server.listen?"},
    {"[sever]\nidle_s = 3\n", TKR_UNKNOWN_MEMBER, "sever.idle_s",
     "tokenry.conf:2: sever.idle_s: unknown key; did you mean server.idle_s?"},
    {"[server]\nsomething_else = 3\n", TKR_UNKNOWN_MEMBER, "server.something_else",
     "tokenry.conf:2: server.something_else: unknown key"},
    {"idle_s = 3\n", TKR_MALFORMED, "idle_s",
     "tokenry.conf:1: idle_s: a key before the first [section]"},
    {"[server]\n# said once\nidle_s = 3\n\nidle_s = 3\n", TKR_CONFLICT, "idle_s",
     "tokenry.conf:5: server.idle_s: set already in line 3"},
    {"[server]\nidle_s\n", TKR_MALFORMED, "",
     "tokenry.conf:2: neither a [section] nor key = value"},
    {"[log] level = error\n", TKR_MALFORMED, "",
     "tokenry.conf:1: something behind the ] of a section"},
    {"[server\nidle_s = 3\n", TKR_MALFORMED, "", "tokenry.conf:1: a section without its ]"},
};

static void test_a_wrong_line_is_named_with_its_key_and_range(void **state)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct config *config;
        struct fault fault;
        assert_int_equal(config_new(&config), TKR_OK);
        tkr_error_t error = read_text(config, refusals[i].text, &fault);
        assert_string_equal(fault.detail, refusals[i].detail);
        assert_int_equal(error, refusals[i].error);
        assert_string_equal(fault.field, refusals[i].field);
        config_free(config);
    }
}

static void test_a_refused_value_leaves_the_old_one(void **state)
{
    struct config *config = *state;
    struct fault fault;
    assert_int_equal(config_set(config, "server.realm", "x", "--x", &fault), TKR_UNKNOWN_MEMBER);
    assert_int_equal(config_set(config, "server.idle_s", "0", "--x", &fault), TKR_OUT_OF_RANGE);
    assert_int_equal(config_set(config, "auth.credentials", "A, :", "--x", &fault), TKR_MALFORMED);
    assert_int_equal(config->idle_s, 60);
    assert_int_equal(config->credential_source_count, 2);
    assert_string_equal(config->credential_sources[0].scheme, "Bearer");
}

static void test_a_line_with_a_nul_byte_is_refused(void **state)
{
    struct fault fault = {0};
    static const char text[] = "[auth]\nrealm = a\0b\n";
    assert_int_equal(config_read_text(*state, text, sizeof(text) - 1, "c", &fault), TKR_MALFORMED);
    assert_string_equal(fault.detail, "c:2: the line has a NUL byte");
}

static void test_a_line_longer_than_any_setting_is_refused(void **state)
{
    struct fault fault = {0};
    char text[8192];
    memset(text, 'a', sizeof(text));
    memcpy(text, "[auth]\nrealm = ", 15);
    assert_int_equal(config_read_text(*state, text, sizeof(text), "c", &fault), TKR_TOO_LARGE);
    assert_string_equal(fault.detail, "c:2: the line is too long");
}

static void test_a_file_larger_than_the_maximum_is_refused(void **state)
{
    struct fault fault = {0};
    char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    memset(text, '\n', CONFIG_FILE_BYTES_MAX + 1);
    assert_int_equal(config_read_text(*state, text, CONFIG_FILE_BYTES_MAX + 1, "c", &fault),
                     TKR_TOO_LARGE);
    assert_int_equal(config_read_text(*state, text, CONFIG_FILE_BYTES_MAX, "c", &fault), TKR_OK);
    free(text);
}

static void test_a_missing_file_and_a_directory_are_named(void **state)
{
    struct fault fault = {0};
    assert_int_equal(config_read_file(*state, "/nonexistent/tokenry.conf", &fault), TKR_NOT_FOUND);
    assert_string_equal(fault.detail, "/nonexistent/tokenry.conf: No such file or directory");
    assert_int_equal(config_read_file(*state, "/", &fault), TKR_IO);
    assert_string_equal(fault.detail, "/: not a regular file");
}

static void count_complaint(void *context, const struct fault *fault)
{
    (*(int *)context)++;
}

static void test_every_error_is_heard_and_the_first_is_returned(void **state)
{
    struct config *config = *state;
    struct fault fault;
    int heard = 0;
    config_on_complaint(config, count_complaint, &heard);
    assert_int_equal(read_text(config,
                               "[server]\nidle_s = x\nconnections = 1\nnope = 3\n"
                               "[log]\nlevel = warning\n",
                               &fault),
                     TKR_MALFORMED);
    assert_int_equal(heard, 3);
    assert_int_equal(strncmp(fault.detail, "tokenry.conf:2: ", 16), 0);
    assert_int_equal(config->log_level, LOG_WARNING);
}

static void test_an_unknown_variable_of_a_section_is_refused(void **state)
{
    struct fault fault = {0};
    char *const environment[] = {(char[]){"TOKENRY_SERVER_IDEL_S=3"}, NULL};
    assert_int_equal(config_read_environment(*state, environment, &fault), TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.detail, "TOKENRY_SERVER_IDEL_S: server.idel_s: unknown key; did you "
                                      "mean server.idle_s?");
}

static void test_a_variable_out_of_range_names_the_variable(void **state)
{
    struct fault fault = {0};
    char *const environment[] = {(char[]){"TOKENRY_SERVER_IDLE_S=0"}, NULL};
    assert_int_equal(config_read_environment(*state, environment, &fault), TKR_OUT_OF_RANGE);
    assert_string_equal(fault.detail,
                        "TOKENRY_SERVER_IDLE_S: server.idle_s: 0 is outside 1..86400");
}

static void test_contradictions_between_keys_are_refused(void **state)
{
    static const struct {
        const char *keys[2][2];
        const char *field;
        bool serving; /* it concerns the daemon only */
    } cases[] = {
        {{{"server.tls_key", "k.pem"}}, "server.tls_key", true},
        {{{"server.tls_certificate", "c.pem"}}, "server.tls_key", true},
        {{{"server.listen", ""}, {"server.socket", "none"}}, "server.listen", true},
        {{{"token.prefix_live", "a_"}, {"token.prefix_test", "a_"}}, "token.prefix_test"},
        {{{"lifetime.user_max", "30d"}}, "lifetime"},
        {{{"lifetime.service_default", "never"}, {"lifetime.service_max", "30d"}}, "lifetime"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *config;
        struct fault fault = {0};
        assert_int_equal(config_new(&config), TKR_OK);
        for (size_t k = 0; k < 2 && cases[i].keys[k][0] != NULL; k++) {
            assert_int_equal(
                config_set(config, cases[i].keys[k][0], cases[i].keys[k][1], "x", &fault), TKR_OK);
        }
        tkr_error_t error = config_check_serve(config, &fault);
        if (cases[i].serving) {
            assert_int_equal(config_check(config, NULL), TKR_OK);
        } else {
            assert_int_equal(error, TKR_OK);
            error = config_check(config, &fault);
        }
        assert_int_equal(error, TKR_INVALID);
        assert_string_equal(fault.field, cases[i].field);
        config_free(config);
    }
}

static void test_a_socket_path_that_cannot_be_is_refused(void **state)
{
    struct config *config = *state;
    struct fault fault = {0};
    char data[200];
    memset(data, 'd', sizeof(data) - 1);
    data[0] = '/';
    data[sizeof(data) - 1] = '\0';
    assert_int_equal(config_set(config, "server.data", data, "--data", &fault), TKR_OK);
    assert_int_equal(config_resolve(config, NULL, &fault), TKR_OUT_OF_RANGE);
    assert_non_null(strstr(fault.detail, "107 bytes"));
}

/* --- what is read -------------------------------------------------------------------------- */

static void test_defaults_are_those_of_the_table(void **state)
{
    const struct config *config = *state;
    assert_string_equal(config->listen, "127.0.0.1:8080");
    assert_int_equal(config->socket_mode, 0660);
    assert_int_equal(config->connections, HTTP_CONNECTIONS_DEFAULT);
    assert_int_equal(config->idle_s, HTTP_IDLE_S_DEFAULT);
    assert_int_equal(config->request_s, HTTP_REQUEST_S_DEFAULT);
    assert_int_equal(config->stale_s, SEGMENT_STALE_S_DEFAULT);
    assert_int_equal(config->window_kinds[WINDOW_MINUTE], WINDOW_SLIDING);
    assert_int_equal(config->window_kinds[WINDOW_DAY], WINDOW_FIXED);
    assert_int_equal(config->lifetime_default_s[TOKEN_KIND_ADMIN], 30 * 86400);
    assert_int_equal(config->lifetime_default_s[TOKEN_KIND_USER], 90 * 86400);
    assert_int_equal(config->lifetime_default_s[TOKEN_KIND_SERVICE], 180 * 86400);
    assert_int_equal(config->one_active_per_user, 0);
    assert_int_equal(config->lifetime_max_s[TOKEN_KIND_ADMIN], 0);
    assert_int_equal(config->lifetime_on_exceed, ON_EXCEED_CLAMP);
    assert_int_equal(config->credential_source_count, 2);
    assert_string_equal(config->credential_sources[1].header, "X-API-Key");
    assert_string_equal(config->credential_sources[1].scheme, "");
    assert_int_equal(config_check(config, NULL), TKR_OK);
}

static void test_the_file_is_lenient_about_layout(void **state)
{
    struct config *config = *state;
    struct fault fault;
    assert_int_equal(read_text(config,
                               "\xEF\xBB\xBF; a comment\r\n[server]\r\n"
                               "  idle_s=2m   ; two minutes\r\n"
                               "\tlisten : [::1]:9000 # here\r\n"
                               "data = /srv/a b\r\n"
                               "[log]\nlevel=error",
                               &fault),
                     TKR_OK);
    assert_int_equal(config->idle_s, 120);
    assert_string_equal(config->listen, "[::1]:9000");
    assert_string_equal(config->data, "/srv/a b");
    assert_int_equal(config->log_level, LOG_ERROR);
}

static void test_an_indented_line_continues_nothing(void **state)
{
    struct config *config = *state;
    struct fault fault;
    assert_int_equal(read_text(config, "[auth]\nrealm = a\n  credentials = X-Key\n", &fault),
                     TKR_OK);
    assert_string_equal(config->realm, "a");
    assert_int_equal(config->credential_source_count, 1);
}

static void test_a_list_takes_the_place_of_the_former(void **state)
{
    struct config *config = *state;
    struct fault fault = {0};
    assert_int_equal(config_set(config, "server.trusted_proxies", "10.0.0.0/8, ::1", "x", &fault),
                     TKR_OK);
    assert_int_equal(config->trusted_proxy_count, 2);
    assert_int_equal(config_set(config, "server.trusted_proxies", "192.0.2.7", "x", &fault),
                     TKR_OK);
    assert_int_equal(config->trusted_proxy_count, 1);
    assert_int_equal(config->trusted_proxies[0].prefix_bits, 32);
    assert_int_equal(config_set(config, "server.trusted_proxies", "", "x", &fault), TKR_OK);
    assert_int_equal(config->trusted_proxy_count, 0);
}

static void test_days_before_an_end_are_kept_the_most_first(void **state)
{
    struct config *config = *state;
    struct fault fault = {0};
    assert_int_equal(config->monitor_expiry_count, 4);
    assert_int_equal(config_set(config, "monitor.expiry_days", "3, 60,10", "x", &fault), TKR_OK);
    assert_int_equal(config->monitor_expiry_count, 3);
    assert_int_equal(config->monitor_expiry_days[0], 60);
    assert_int_equal(config->monitor_expiry_days[2], 3);
    static const char *const wrong[] = {"0", "3651", "7,7", "7,", "a", "7d", "1,2,3,4,5,6,7,8,9"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_not_equal(config_set(config, "monitor.expiry_days", wrong[i], "x", &fault),
                             TKR_OK);
    }
    assert_int_equal(config->monitor_expiry_count, 3);
    assert_int_equal(config_set(config, "monitor.expiry_days", "", "x", &fault), TKR_OK);
    assert_int_equal(config->monitor_expiry_count, 0);
}

static void test_the_environment_beats_the_file_and_a_flag_beats_both(void **state)
{
    struct config *config = *state;
    struct fault fault;
    char *const environment[] = {(char[]){"TOKENRY_SERVER_LISTEN=:2"},
                                 (char[]){"TOKENRY_LOG_LEVEL=debug"}, (char[]){"TOKENRY_DATA=/env"},
                                 NULL};
    assert_int_equal(read_text(config, "[server]\nlisten=:1\nidle_s=5\ndata=/file\n", &fault),
                     TKR_OK);
    assert_int_equal(config_read_environment(config, environment, &fault), TKR_OK);
    assert_int_equal(config_set(config, "log.level", "error", "--log-level", &fault), TKR_OK);
    assert_int_equal(config->idle_s, 5);
    assert_string_equal(config->listen, ":2");
    assert_string_equal(config->data, "/env");
    assert_int_equal(config->log_level, LOG_ERROR);
}

static void test_variables_of_the_client_are_no_configuration(void **state)
{
    struct fault fault = {0};
    char *const environment[] = {(char[]){"TOKENRY_URL=https://x"},
                                 (char[]){"TOKENRY_TOKEN=abc"},
                                 (char[]){"TOKENRY_CONFIG=/x"},
                                 (char[]){"TOKENRY_SERVER=1"},
                                 (char[]){"OTHER_SERVER_IDLE_S=0"},
                                 (char[]){"TOKENRY_"},
                                 NULL};
    assert_int_equal(config_read_environment(*state, environment, &fault), TKR_OK);
}

static void test_data_falls_back_to_the_users_own_folder(void **state)
{
    struct config *config = *state;
    struct fault fault = {0};
    char *const environment[] = {(char[]){"HOME=/home/alice"}, NULL};
    assert_int_equal(config_resolve(config, environment, &fault), TKR_OK);
    bool fallback = strcmp(config->data, "/home/alice/.local/share/tokenry") == 0;
    assert_true(fallback || strcmp(config->data, CONFIG_DATA_DEFAULT) == 0);
    assert_int_equal(strncmp(config->socket, config->data, strlen(config->data)), 0);
    assert_true(config_has_socket(config));
}

static void test_what_is_printed_reads_back_the_same(void **state)
{
    struct config *config = *state;
    struct config *again;
    struct fault fault;
    char *first = NULL, *second = NULL;
    size_t first_size, second_size;
    assert_int_equal(read_text(config,
                               "[server]\nidle_s=7\nsocket_mode=0600\n"
                               "trusted_proxies=10.0.0.0/8,2001:db8::/32\n"
                               "[auth]\ncredentials=X-Key, Authorization: Token\n"
                               "[lifetime]\nuser_default=36h\nuser_max=400d\nadmin_default=never\n"
                               "[limits]\nday=sliding\n",
                               &fault),
                     TKR_OK);
    FILE *out = open_memstream(&first, &first_size);
    config_print(config, out);
    fclose(out);
    assert_int_equal(config_new(&again), TKR_OK);
    assert_int_equal(config_read_text(again, first, first_size, "printed", &fault), TKR_OK);
    out = open_memstream(&second, &second_size);
    config_print(again, out);
    fclose(out);
    assert_string_equal(first, second);
    assert_int_equal(again->lifetime_default_s[TOKEN_KIND_USER], 36 * 3600);
    assert_int_equal(again->lifetime_default_s[TOKEN_KIND_ADMIN], 0);
    config_free(again);
    free(first);
    free(second);
}

static void test_the_example_file_changes_nothing_and_its_keys_may_be_uncommented(void **state)
{
    struct config *config = *state;
    struct fault fault = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_print_example(out);
    fclose(out);
    assert_int_equal(config_read_text(config, text, size, "example", &fault), TKR_OK);
    for (size_t i = 0; i + 1 < size; i++) { /* a key's line has no space after its # */
        if (text[i] == '#' && text[i + 1] != ' ' && text[i + 1] != '\n') {
            text[i] = ' ';
        }
    }
    assert_int_equal(config_read_text(config, text, size, "example", &fault), TKR_OK);
    assert_int_equal(config_check(config, &fault), TKR_OK);
    struct config_key key;
    for (size_t i = 0; config_key_at(i, &key); i++) {
        assert_non_null(strstr(text, key.key));
    }
    free(text);
}

int main(void)
{
#define CONFIG_TEST(test) cmocka_unit_test_setup_teardown(test, make_config, free_config)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_line_is_named_with_its_key_and_range),
        CONFIG_TEST(test_a_refused_value_leaves_the_old_one),
        CONFIG_TEST(test_a_line_with_a_nul_byte_is_refused),
        CONFIG_TEST(test_a_line_longer_than_any_setting_is_refused),
        CONFIG_TEST(test_a_file_larger_than_the_maximum_is_refused),
        CONFIG_TEST(test_a_missing_file_and_a_directory_are_named),
        CONFIG_TEST(test_every_error_is_heard_and_the_first_is_returned),
        CONFIG_TEST(test_an_unknown_variable_of_a_section_is_refused),
        CONFIG_TEST(test_a_variable_out_of_range_names_the_variable),
        cmocka_unit_test(test_contradictions_between_keys_are_refused),
        CONFIG_TEST(test_a_socket_path_that_cannot_be_is_refused),
        CONFIG_TEST(test_defaults_are_those_of_the_table),
        CONFIG_TEST(test_the_file_is_lenient_about_layout),
        CONFIG_TEST(test_an_indented_line_continues_nothing),
        CONFIG_TEST(test_a_list_takes_the_place_of_the_former),
        CONFIG_TEST(test_days_before_an_end_are_kept_the_most_first),
        CONFIG_TEST(test_the_environment_beats_the_file_and_a_flag_beats_both),
        CONFIG_TEST(test_variables_of_the_client_are_no_configuration),
        CONFIG_TEST(test_data_falls_back_to_the_users_own_folder),
        CONFIG_TEST(test_what_is_printed_reads_back_the_same),
        CONFIG_TEST(test_the_example_file_changes_nothing_and_its_keys_may_be_uncommented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
