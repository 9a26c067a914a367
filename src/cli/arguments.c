/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/command.h"
#include "cli/token_input.h"
#include "daemon/suggest.h"

#define LEAKED                                                                                     \
    "a word of the command line looks like a token. Other users of this machine can see it "       \
    "there, and your shell may keep it: give it on standard input, with --token-stdin"

const struct cli_option *cli_option_find(const struct cli_command *command, const char *name,
                                         size_t length)
{
    const struct cli_option *option;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

static tkr_error_t unknown_option(const struct cli_command *command, const char *name,
                                  size_t length, struct fault *fault)
{
    char word[SUGGEST_WORD_BYTES_MAX + 1], typed[TOKEN_INPUT_SHOWN_SIZE];
    snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1),
             name);
    token_input_shown(word, typed);
    struct suggestion suggestion = {.word = typed};
    const struct cli_option *option;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        suggest_offer(&suggestion, option->name);
    }
    if (suggestion.best != NULL) {
        return fault_set(fault, TKR_UNKNOWN_MEMBER, typed,
                         "unknown option --%s; did you mean --%s?", typed, suggestion.best);
    }
    return fault_set(fault, TKR_UNKNOWN_MEMBER, typed, "unknown option --%s", typed);
}

/* *ret_used: whether the next word was its value. */
static tkr_error_t add_option(const struct cli_command *command, const char *word, const char *next,
                              struct arguments *arguments, bool *ret_used, struct fault *fault)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const char *inline_value = name[length] == '=' ? name + length + 1 : NULL;
    const struct cli_option *option = cli_option_find(command, name, length);
    if (option == NULL) {
        return unknown_option(command, name, length, fault);
    }
    if (!option->repeatable && arguments_has(arguments, option->name)) {
        return fault_set(fault, TKR_CONFLICT, option->name, "--%s was given twice", option->name);
    }
    struct argument argument = {option, ""};
    *ret_used = false;
    if (option->value == NULL && inline_value != NULL) {
        return fault_set(fault, TKR_INVALID, option->name, "--%s takes no value", option->name);
    }
    if (option->value != NULL) {
        *ret_used = inline_value == NULL;
        argument.value = inline_value != NULL ? inline_value : next;
        if (argument.value == NULL) {
            return fault_set(fault, TKR_INVALID, option->name, "--%s needs a value, %s",
                             option->name, option->value);
        }
    }
    arguments->options[arguments->option_count++] = argument;
    return TKR_OK;
}

static tkr_error_t add_operand(const struct cli_command *command, const char *word,
                               struct arguments *arguments, struct fault *fault)
{
    if (arguments->operand_count >= command->operands_max) {
        char shown[TOKEN_INPUT_SHOWN_SIZE];
        return fault_set(fault, TKR_INVALID, "", "\"%s\" is one word too many",
                         token_input_shown(word, shown));
    }
    arguments->operands[arguments->operand_count++] = word;
    return TKR_OK;
}

tkr_error_t arguments_parse(const struct cli_command *command, char *const *words, size_t count,
                            struct arguments *ret_arguments, struct fault *fault)
{
    struct arguments arguments = {0};
    bool options_over = false;
    if (count > CLI_ARGUMENTS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "", "more than %d words", CLI_ARGUMENTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (token_input_suspicious(words[i])) {
            return fault_set(fault, TKR_INVALID, "", "%s", LEAKED);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *word = words[i];
        if (options_over || word[0] != '-' || word[1] == '\0') {
            TRY(add_operand(command, word, &arguments, fault));
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (strcmp(word, "-h") == 0) {
            bool used;
            TRY(add_option(command, "--help", NULL, &arguments, &used, fault));
        } else if (word[1] != '-') {
            char shown[TOKEN_INPUT_SHOWN_SIZE];
            return fault_set(fault, TKR_UNKNOWN_MEMBER, "", "unknown option %s",
                             token_input_shown(word, shown));
        } else {
            bool used = false;
            TRY(add_option(command, word, i + 1 < count ? words[i + 1] : NULL, &arguments, &used,
                           fault));
            i += used;
        }
    }
    *ret_arguments = arguments;
    return TKR_OK;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return arguments_value(arguments, name) != NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    size_t position = 0;
    return arguments_next(arguments, name, &position);
}

const char *arguments_next(const struct arguments *arguments, const char *name, size_t *position)
{
    while (*position < arguments->option_count) {
        const struct argument *argument = &arguments->options[(*position)++];
        if (strcmp(argument->option->name, name) == 0) {
            return argument->value;
        }
    }
    return NULL;
}
