/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/token_input.h"

/* Where the second column begins, and the width of a line. */
#define INDENT 28
#define WIDTH 96

/* The words of `text`, wrapped between column INDENT and WIDTH; the cursor is at *column. */
static void print_words(FILE *out, size_t *column, const char *text, const char *separators)
{
    while (*text != '\0') {
        size_t word = strcspn(text, separators);
        word += text[word] == ','; /* it stays with its word */
        if (*column > INDENT && *column + 1 + word > WIDTH) {
            fprintf(out, "\n%*s", INDENT, "");
            *column = INDENT;
        } else if (*column > INDENT) {
            fputc(' ', out);
            ++*column;
        }
        fwrite(text, 1, word, out);
        *column += word;
        text += word + strspn(text + word, " ");
    }
}

/* From a name that ends at `column` to where its text begins. */
static size_t print_gap(FILE *out, int written)
{
    size_t column = written > 0 ? (size_t)written : 0;
    if (column >= INDENT) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(INDENT - column), "");
    return INDENT;
}

static void print_row(const struct cli_command *command, FILE *out)
{
    size_t column = print_gap(out, fprintf(out, "  %s", command->name));
    print_words(out, &column, command->summary, " ");
    fputc('\n', out);
}

void help_overview(FILE *out)
{
    fputs("Tokenry issues API tokens, verifies, limits, revokes and audits them.\n"
          "\nUsage: tokenry COMMAND [OPTION]...\n",
          out);
    for (size_t g = 0; g < cli_group_count; g++) {
        fprintf(out, "\n%s:\n", cli_groups[g].title);
        for (size_t i = 0; i < cli_command_count; i++) {
            if (cli_commands[i].group == cli_groups[g].group) {
                print_row(&cli_commands[i], out);
            }
        }
    }
    fputs("\nA command talks to the daemon at TOKENRY_URL with TOKENRY_TOKEN, or to the one that\n"
          "holds the data directory, or works on that directory when no daemon does.\n"
          "\nExit status: 0 done, 1 refused or not found, 2 usage, 3 cannot reach or busy.\n"
          "More: tokenry help COMMAND, tokenry(1), tokenry.conf(5).\n",
          out);
}

bool help_family(const char *word, FILE *out)
{
    size_t length = strlen(word), count = 0;
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, word, length) == 0 && name[length] == ' ') {
            if (count++ == 0) {
                fprintf(out, "Usage: tokenry %s COMMAND [OPTION]...\n\n", word);
            }
            print_row(&cli_commands[i], out);
        }
    }
    if (count > 0) {
        fprintf(out, "\nMore: tokenry help %s COMMAND, tokenry-%s(1).\n", word, word);
    }
    return count > 0;
}

/* The help text, and what the value may be when it does not say that. */
static void print_option(const struct cli_option *option, FILE *out)
{
    int written = option->value == NULL ? fprintf(out, "  --%s", option->name)
                                        : fprintf(out, "  --%s %s%s", option->name, option->value,
                                                  option->repeatable ? "..." : "");
    size_t column = print_gap(out, written);
    print_words(out, &column, option->help, " ");
    const char *choices = option->choices == NULL ? cli_option_choices(option) : NULL;
    if (choices != NULL) {
        print_words(out, &column, "One of", " ");
        print_words(out, &column, choices, " ,");
        fputc('.', out);
    }
    fputc('\n', out);
}

static void print_options(const struct cli_command *command, bool common, const char *title,
                          FILE *out)
{
    const struct cli_option *option;
    bool repeatable = false, any = false;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        if (cli_option_is_common(option) == common) {
            fputs(any ? "" : title, out);
            print_option(option, out);
            any = true;
            repeatable = repeatable || option->repeatable;
        }
    }
    fputs(repeatable ? "  ... may be given several times.\n" : "", out);
}

void help_command(const struct cli_command *command, FILE *out)
{
    fprintf(out, "tokenry %s: %s.\n\nUsage: tokenry %s [OPTION]...%s%s\n", command->name,
            command->summary, command->name, command->operands[0] != '\0' ? " " : "",
            command->operands);
    if (command->description[0] != '\0') {
        fprintf(out, "\n%s\n", command->description);
    }
    print_options(command, false, "\nOptions:\n", out);
    print_options(command, true, "\nCommon options:\n", out);
    fprintf(out, "\nMore: tokenry-%.*s(1).\n", (int)strcspn(command->name, " "), command->name);
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
    if (command == NULL && cli->arguments.operand_count == 1 && help_family(words[0], stdout)) {
        return CLI_DONE;
    }
    if (command == NULL || taken < cli->arguments.operand_count) {
        return cli_unknown_command(words[taken], nearest);
    }
    help_command(command, stdout);
    return CLI_DONE;
}
