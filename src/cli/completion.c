/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include <string.h>

#include "cli/token_input.h"

#define KEY_AND_VALUE "SECTION.KEY=VALUE" /* of --set: every key of the configuration */

/* --- what may be offered ------------------------------------------------------------------- */

static enum offer_kind kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum offer_kind kind;
    } kinds[] = {
        {"FILE", OFFER_FILE},
        {"PATH", OFFER_FILE},
        {"DIR", OFFER_DIRECTORY},
        {"COMMAND", OFFER_COMMAND},
        {KEY_AND_VALUE, OFFER_OPEN_WORDS},
    };
    name += *name == '[';
    size_t length = strcspn(name, "]");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0) {
            return kinds[i].kind;
        }
    }
    return OFFER_NOTHING;
}

enum offer_kind offer_of_value(const struct cli_option *option)
{
    const char *choices = cli_option_choices(option);
    if (choices == NULL) {
        return kind_of(option->value);
    }
    return choices[strlen(choices) - 1] == '=' ? OFFER_OPEN_WORDS : OFFER_WORDS;
}

enum offer_kind offer_of_operands(const struct cli_command *command)
{
    return strchr(command->operands, '|') != NULL ? OFFER_WORDS : kind_of(command->operands);
}

static void print_words(const char *words, const char *separators, FILE *out)
{
    words += strspn(words, separators);
    while (*words != '\0') {
        size_t length = strcspn(words, separators);
        fwrite(words, 1, length, out);
        words += length;
        words += strspn(words, separators);
        fputs(*words != '\0' ? " " : "", out);
    }
}

void offer_print_value(const struct cli_option *option, FILE *out)
{
    const char *choices = cli_option_choices(option);
    struct config_key key;
    if (choices != NULL) {
        print_words(choices, ",", out);
    } else if (strcmp(option->value, KEY_AND_VALUE) == 0) {
        for (size_t i = 0; config_key_at(i, &key); i++) {
            fprintf(out, "%s%s.%s=", i > 0 ? " " : "", key.section, key.key);
        }
    }
}

void offer_print_operands(const struct cli_command *command, FILE *out)
{
    print_words(command->operands, "|[]", out);
}

/* --- names of commands --------------------------------------------------------------------- */

static bool has_first_word(size_t index, const char *first, size_t length)
{
    const char *name = cli_commands[index].name;
    return strcspn(name, " ") == length && memcmp(name, first, length) == 0;
}

bool completion_first_word(size_t index, size_t *ret_length)
{
    size_t length = strcspn(cli_commands[index].name, " ");
    for (size_t i = 0; i < index; i++) {
        if (has_first_word(i, cli_commands[index].name, length)) {
            return false;
        }
    }
    *ret_length = length;
    return true;
}

bool completion_opens_family(size_t index, size_t *ret_length)
{
    size_t length;
    if (!completion_first_word(index, &length)) {
        return false;
    }
    for (size_t i = index; i < cli_command_count; i++) {
        if (completion_second_word(i, cli_commands[index].name, length) != NULL) {
            *ret_length = length;
            return true;
        }
    }
    return false;
}

const char *completion_second_word(size_t index, const char *first, size_t length)
{
    const char *name = cli_commands[index].name;
    return has_first_word(index, first, length) && name[length] == ' ' ? name + length + 1 : NULL;
}

void completion_escape(FILE *out, const char *text, const char *special, const char *quote)
{
    const char *sentence = strstr(text, ". ");
    const char *end = sentence != NULL ? sentence : text + strlen(text);
    for (; text < end; text++) {
        if (*text == '\'') {
            fputs(quote, out);
        } else {
            fprintf(out, "%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
        }
    }
}

void completion_escape_summary(FILE *out, size_t index, size_t length, const char *special,
                               const char *quote)
{
    const char *name = cli_commands[index].name;
    if (name[length] == '\0') {
        completion_escape(out, cli_commands[index].summary, special, quote);
        return;
    }
    const char *comma = "";
    for (size_t i = index; i < cli_command_count; i++) {
        const char *second = completion_second_word(i, name, length);
        if (second != NULL) {
            fprintf(out, "%s%s", comma, second);
            comma = ", ";
        }
    }
}

/* --- the command --------------------------------------------------------------------------- */

enum cli_exit cmd_completion(struct cli *cli)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *out);
    } shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    if (cli->arguments.operand_count == 0) {
        return cli_usage(cli->command, "for which shell? bash, zsh or fish");
    }
    const char *asked = cli->arguments.operands[0];
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shells[i].shell, asked) == 0) {
            shells[i].print(stdout);
            return CLI_DONE;
        }
    }
    char shown[TOKEN_INPUT_SHOWN_SIZE];
    return cli_usage(cli->command, "no completion for %s; there is bash, zsh and fish",
                     token_input_shown(asked, shown));
}
