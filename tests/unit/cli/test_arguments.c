/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is refused, how, and what is understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/token_input.h"
#include "token/token_text.h"

#define WORDS_MAX 16

/* Splits at `|`, so that a case is one text. */
static size_t split(const char *line, char *storage, char *words[WORDS_MAX])
{
    size_t count = 0;
    strcpy(storage, line);
    for (char *word = strtok(storage, "|"); word != NULL; word = strtok(NULL, "|")) {
        words[count++] = word;
    }
    return count;
}

static const struct cli_command *command_named(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

static tkr_error_t parse(const char *command, const char *line, struct arguments *ret_arguments,
                         struct fault *fault)
{
    static char storage[1024];
    char *words[WORDS_MAX];
    size_t count = split(line, storage, words);
    memset(fault, 0, sizeof(*fault));
    return arguments_parse(command_named(command), words, count, ret_arguments, fault);
}

/* --- what is refused ----------------------------------------------------------------------- */

static void test_a_wrong_word_is_named(void **state)
{
    static const struct {
        const char *command, *line;
        tkr_error_t error;
        const char *detail;
    } cases[] = {
        {"create", "--usr|alice", TKR_UNKNOWN_MEMBER, "unknown option --usr; did you mean --user?"},
        {"create", "--xyz", TKR_UNKNOWN_MEMBER, "unknown option --xyz"},
        {"create", "--usr=alice", TKR_UNKNOWN_MEMBER, "unknown option --usr; did you mean --user?"},
        {"create", "-u", TKR_UNKNOWN_MEMBER, "unknown option -u"},
        {"create", "--", TKR_OK, ""},
        {"create", "--user", TKR_INVALID, "--user needs a value, USER"},
        {"create", "--user|a|--user|b", TKR_CONFLICT, "--user was given twice"},
        {"create", "alice", TKR_INVALID, "\"alice\" is one word too many"},
        {"create", "--token-stdin=x", TKR_INVALID, "--token-stdin takes no value"},
        {"show", "a|b", TKR_INVALID, "\"b\" is one word too many"},
        {"serve", "--json|--json", TKR_CONFLICT, "--json was given twice"},
        {"version", "--data|x", TKR_UNKNOWN_MEMBER, "unknown option --data"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arguments arguments;
        struct fault fault;
        tkr_error_t error = parse(cases[i].command, cases[i].line, &arguments, &fault);
        assert_string_equal(fault.detail, cases[i].detail);
        assert_int_equal(error, cases[i].error);
    }
}

static tkr_error_t fill_with_sevens(void *context, void *bytes, size_t length)
{
    memset(bytes, 7, length);
    return TKR_OK;
}

static void test_a_token_on_the_command_line_is_refused_and_not_repeated(void **state)
{
    const struct random_source sevens = {fill_with_sevens, NULL};
    static const char *const prefixes[] = {"sk_live_", "sk_test_", "acme_", "a_"};
    static const char *const forms[] = {"%s", "--user|%s", "--user=%s", "--%s", "%s|--name|n"};
    for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
        char token[TOKEN_GENERATED_BYTES_MAX + 1];
        assert_int_equal(token_generate(&sevens, prefixes[p], token), TKR_OK);
        for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
            struct arguments arguments;
            struct fault fault;
            char line[256];
            const char *rest = strchr(forms[f], '%') + 2;
            snprintf(line, sizeof(line), "%.*s%s%s", (int)(rest - 2 - forms[f]), forms[f], token,
                     rest);
            assert_int_equal(parse("create", line, &arguments, &fault), TKR_INVALID);
            assert_non_null(strstr(fault.detail, "looks like a token"));
            assert_null(strstr(fault.detail, token));
            assert_null(strstr(fault.detail, token + strlen(prefixes[p])));
        }
    }
}

static void test_a_long_word_is_shown_in_part_only(void **state)
{
    struct arguments arguments;
    struct fault fault;
    assert_int_equal(parse("create", "correct-horse-battery-staple", &arguments, &fault),
                     TKR_INVALID);
    assert_string_equal(fault.detail, "\"corr...\" is one word too many");
    assert_int_equal(parse("create", "--correct-horse-battery-staple", &arguments, &fault),
                     TKR_UNKNOWN_MEMBER);
    assert_string_equal(fault.detail, "unknown option --corr...");
    char shown[TOKEN_INPUT_SHOWN_SIZE];
    assert_string_equal(token_input_shown("a\x1b[31m", shown), "a?[31m");
}

static void test_too_many_words_are_refused(void **state)
{
    static char *words[CLI_ARGUMENTS_MAX + 1], word[] = "--scope=a";
    static struct arguments arguments;
    struct fault fault = {0};
    for (size_t i = 0; i <= CLI_ARGUMENTS_MAX; i++) {
        words[i] = word;
    }
    assert_int_equal(
        arguments_parse(command_named("create"), words, CLI_ARGUMENTS_MAX + 1, &arguments, &fault),
        TKR_TOO_LARGE);
    assert_int_equal(
        arguments_parse(command_named("create"), words, CLI_ARGUMENTS_MAX, &arguments, &fault),
        TKR_OK);
    assert_int_equal(arguments.option_count, CLI_ARGUMENTS_MAX);
}

static void test_ordinary_words_are_no_tokens(void **state)
{
    static const char *const words[] = {"tok_01JD5Z8Y4QW3K7N2M6P9R1T5VX",
                                        "https://tokens.example:8443/path/that/is/long",
                                        "2027-01-31T00:00:00Z",
                                        "a sentence of a revocation that explains itself well",
                                        "/var/lib/tokenry/some/where/else/very/deep/down",
                                        "sk_live_",
                                        "0123456789012345678901234567890123456789012345678"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_false(token_input_suspicious(words[i]));
    }
}

/* --- what is understood -------------------------------------------------------------------- */

static void test_options_and_operands_may_be_mixed(void **state)
{
    struct arguments arguments;
    struct fault fault;
    size_t position = 0;
    assert_int_equal(parse("revoke", "--yes|tok_1|--reason=a=b|--data|dir", &arguments, &fault),
                     TKR_OK);
    assert_true(arguments_has(&arguments, "yes"));
    assert_false(arguments_has(&arguments, "json"));
    assert_string_equal(arguments_value(&arguments, "reason"), "a=b");
    assert_string_equal(arguments_value(&arguments, "data"), "dir");
    assert_string_equal(arguments.operands[0], "tok_1");
    assert_int_equal(parse("create", "--scope|a|--scope=b|--user|u", &arguments, &fault), TKR_OK);
    assert_string_equal(arguments_next(&arguments, "scope", &position), "a");
    assert_string_equal(arguments_next(&arguments, "scope", &position), "b");
    assert_null(arguments_next(&arguments, "scope", &position));
}

static void test_two_dashes_end_the_options(void **state)
{
    struct arguments arguments;
    struct fault fault;
    assert_int_equal(parse("show", "--json|--|--name", &arguments, &fault), TKR_OK);
    assert_true(arguments_has(&arguments, "json"));
    assert_false(arguments_has(&arguments, "name"));
    assert_string_equal(arguments.operands[0], "--name");
}

static void test_a_value_may_begin_with_a_dash(void **state)
{
    struct arguments arguments;
    struct fault fault;
    assert_int_equal(parse("create", "--name|--odd|--user=-", &arguments, &fault), TKR_OK);
    assert_string_equal(arguments_value(&arguments, "name"), "--odd");
    assert_string_equal(arguments_value(&arguments, "user"), "-");
}

/* --- the table ----------------------------------------------------------------------------- */

static void test_commands_are_found_by_one_word_or_two(void **state)
{
    size_t taken = 0;
    const char *nearest;
    const char *two[] = {"tier", "set"}, *one[] = {"create", "set"}, *typo[] = {"craete", "x"},
               *typo_two[] = {"tier", "lst"}, *far[] = {"delete", NULL};
    assert_string_equal(cli_command_find(two, 2, &taken, &nearest)->name, "tier set");
    assert_int_equal(taken, 2);
    assert_string_equal(cli_command_find(one, 2, &taken, &nearest)->name, "create");
    assert_int_equal(taken, 1);
    assert_null(cli_command_find(typo, 2, &taken, &nearest));
    assert_string_equal(nearest, "create");
    assert_null(cli_command_find(typo_two, 2, &taken, &nearest));
    assert_string_equal(nearest, "tier list");
    assert_null(cli_command_find(far, 1, &taken, &nearest));
    assert_null(nearest);
}

static void test_no_command_has_an_option_twice(void **state)
{
    for (size_t c = 0; c < cli_command_count; c++) {
        const struct cli_option *option;
        for (size_t i = 0; (option = cli_option_at(&cli_commands[c], i)) != NULL; i++) {
            assert_ptr_equal(cli_option_find(&cli_commands[c], option->name, strlen(option->name)),
                             option);
            assert_true(option->help[0] != '\0');
        }
    }
}

/* No shell has quotes for them then. */
static void test_choices_are_plain_words_for_options_with_a_value(void **state)
{
    for (size_t c = 0; c < cli_command_count; c++) {
        const struct cli_option *option;
        for (size_t i = 0; (option = cli_option_at(&cli_commands[c], i)) != NULL; i++) {
            const char *choices = cli_option_choices(option);
            if (choices != NULL) {
                assert_non_null(option->value);
                assert_true(choices[0] != '\0' && choices[0] != ',');
                assert_int_equal(strspn(choices, "abcdefghijklmnopqrstuvwxyz0123456789_=.-,"),
                                 strlen(choices));
            }
        }
    }
    assert_string_equal(
        cli_option_choices(cli_option_find(command_named("serve"), "log-format", 10)),
        "auto,json,text");
    assert_null(cli_option_choices(cli_option_find(command_named("serve"), "data", 4)));
}

static void test_every_key_with_a_flag_is_an_option_of_serve(void **state)
{
    struct config_key key;
    char name[128];
    for (size_t i = 0; config_key_at(i, &key); i++) {
        const struct cli_option *option =
            cli_option_find(command_named("serve"), key.flag, strlen(key.flag));
        assert_true((option != NULL) == (key.flag[0] != '\0'));
        if (option != NULL) {
            snprintf(name, sizeof(name), "%s.%s", key.section, key.key);
            assert_string_equal(option->key, name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_word_is_named),
        cmocka_unit_test(test_a_token_on_the_command_line_is_refused_and_not_repeated),
        cmocka_unit_test(test_a_long_word_is_shown_in_part_only),
        cmocka_unit_test(test_too_many_words_are_refused),
        cmocka_unit_test(test_ordinary_words_are_no_tokens),
        cmocka_unit_test(test_options_and_operands_may_be_mixed),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_a_value_may_begin_with_a_dash),
        cmocka_unit_test(test_commands_are_found_by_one_word_or_two),
        cmocka_unit_test(test_no_command_has_an_option_twice),
        cmocka_unit_test(test_choices_are_plain_words_for_options_with_a_value),
        cmocka_unit_test(test_every_key_with_a_flag_is_an_option_of_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
