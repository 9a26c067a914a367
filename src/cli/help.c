/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/token_input.h"

/* Where the second column begins, and the width of a line. */
#define INDENT 28
#define WIDTH 96

/* `text` wrapped behind column INDENT; the cursor is at `column`. */
static void print_column(FILE *out, size_t column, const char *text)
{
    if (column >= INDENT) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(INDENT - column), "");
    column = INDENT;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > INDENT && column + 1 + word > WIDTH) {
            fprintf(out, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > INDENT) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', out);
}

void help_overview(FILE *out)
{
    fputs("Tokenry issues API tokens, verifies, limits, revokes and audits them.\n"
          "\nUsage: tokenry COMMAND [OPTION]...\n\nCommands:\n",
          out);
    for (size_t i = 0; i < cli_command_count; i++) {
        int written = fprintf(out, "  %s", cli_commands[i].name);
        print_column(out, written > 0 ? (size_t)written : 0, cli_commands[i].summary);
    }
    fputs("\nA command talks to the daemon at TOKENRY_URL with TOKENRY_TOKEN, or to the one that\n"
          "holds the data directory, or works on that directory when no daemon does.\n"
          "\nExit status: 0 done, 1 refused or not found, 2 usage, 3 cannot reach or busy.\n"
          "More: tokenry help COMMAND, tokenry(1), tokenry.conf(5).\n",
          out);
}

static void print_option(const struct cli_option *option, FILE *out)
{
    int written = option->value == NULL ? fprintf(out, "  --%s", option->name)
                                        : fprintf(out, "  --%s %s%s", option->name, option->value,
                                                  option->repeatable ? "..." : "");
    print_column(out, written > 0 ? (size_t)written : 0, option->help);
}

void help_command(const struct cli_command *command, FILE *out)
{
    fprintf(out, "tokenry %s: %s.\n\nUsage: tokenry %s [OPTION]...%s%s\n", command->name,
            command->summary, command->name, command->operands[0] != '\0' ? " " : "",
            command->operands);
    if (command->description[0] != '\0') {
        fprintf(out, "\n%s\n", command->description);
    }
    fputs("\nOptions:\n", out);
    const struct cli_option *option;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        print_option(option, out);
    }
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        if (option->repeatable) {
            fputs("\n... may be given several times.\n", out);
            break;
        }
    }
}

enum cli_exit cmd_help(struct cli *cli)
{
    if (cli->arguments.operand_count == 0) {
        help_overview(stdout);
        return CLI_DONE;
    }
    const char *const *words = cli->arguments.operands;
    size_t taken = 0;
    const char *nearest = NULL;
    const struct cli_command *command =
        cli_command_find(words, cli->arguments.operand_count, &taken, &nearest);
    if (command == NULL) {
        return cli_unknown_command(words[0], nearest);
    }
    help_command(command, stdout);
    return CLI_DONE;
}
