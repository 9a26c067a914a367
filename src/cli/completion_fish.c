/* SPDX-License-Identifier: Apache-2.0 */
/* The script for fish 3 and later: a line for each name, option and operand. */
#include <string.h>

#include "cli/completion.h"

/* Within single quotes. */
#define SPECIAL "\\"
#define QUOTE "\\'"

static const char head[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Completion of tokenry " TOKENRY_VERSION " for fish, made by `tokenry completion fish`.\n"
    "\n"
    "# Whether the words before the cursor are exactly these.\n"
    "function __tokenry_after\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    test \"$words\" = \"$argv\"\n"
    "end\n"
    "\n"
    "# Whether they begin with these.\n"
    "function __tokenry_in\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    test \"$words[1..\"(count $argv)\"]\" = \"$argv\"\n"
    "end\n"
    "\n"
    "# Directories, also behind --data=.\n"
    "function __tokenry_directories\n"
    "    __fish_complete_directories (string replace -r '^--[^=]*=' '' -- (commandline -ct))\n"
    "end\n"
    "\n"
    "complete -c tokenry -f\n";

static void print_quoted(const char *text, FILE *out)
{
    fputc('\'', out);
    completion_escape(out, text, SPECIAL, QUOTE);
    fputs("'\n", out);
}

/* The names of commands, behind `before`. */
static void print_names(const char *before, FILE *out)
{
    const char *blank = before[0] != '\0' ? " " : "";
    for (size_t c = 0; c < cli_command_count; c++) {
        const char *name = cli_commands[c].name;
        size_t length;
        if (completion_first_word(c, &length)) {
            fprintf(out, "complete -c tokenry -n '__tokenry_after%s%s' -a %.*s -d '", blank, before,
                    (int)length, name);
            completion_escape_summary(out, c, length, SPECIAL, QUOTE);
            fputs("'\n", out);
        }
        length = strcspn(name, " ");
        if (name[length] == ' ') {
            fprintf(out, "complete -c tokenry -n '__tokenry_after%s%s %.*s' -a %s -d ", blank,
                    before, (int)length, name, name + length + 1);
            print_quoted(cli_commands[c].summary, out);
        }
    }
}

static void print_option(const struct cli_command *command, const struct cli_option *option,
                         FILE *out)
{
    static const char *const values[] = {[OFFER_NOTHING] = " -x",
                                         [OFFER_FILE] = " -r -F",
                                         [OFFER_DIRECTORY] = " -x -a '(__tokenry_directories)'",
                                         [OFFER_COMMAND] = " -x",
                                         [OFFER_WORDS] = " -x -a '",
                                         [OFFER_OPEN_WORDS] = " -x -a '"};
    fprintf(out, "complete -c tokenry -n '__tokenry_in %s' -l %s", command->name, option->name);
    if (option->value != NULL) {
        enum offer_kind kind = offer_of_value(option);
        fputs(values[kind], out);
        offer_print_value(option, out);
        fputs(kind == OFFER_WORDS || kind == OFFER_OPEN_WORDS ? "'" : "", out);
    }
    fputs(" -d ", out);
    print_quoted(option->help, out);
}

static void print_operands(const struct cli_command *command, FILE *out)
{
    switch (offer_of_operands(command)) {
    case OFFER_COMMAND:
        print_names(command->name, out);
        break;
    case OFFER_FILE:
    case OFFER_DIRECTORY:
        fprintf(out, "complete -c tokenry -n '__tokenry_in %s' -F\n", command->name);
        break;
    case OFFER_WORDS:
        fprintf(out, "complete -c tokenry -n '__tokenry_after %s' -a '", command->name);
        offer_print_operands(command, out);
        fputs("'\n", out);
        break;
    default:
        break;
    }
}

void completion_fish(FILE *out)
{
    fputs(head, out);
    print_names("", out);
    for (size_t c = 0; c < cli_command_count; c++) {
        const struct cli_option *option;
        for (size_t i = 0; (option = cli_option_at(&cli_commands[c], i)) != NULL; i++) {
            print_option(&cli_commands[c], option, out);
        }
        print_operands(&cli_commands[c], out);
    }
}
