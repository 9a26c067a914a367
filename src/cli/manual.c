/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manual.h"

#include <ctype.h>
#include <string.h>

#include "daemon/roff.h"

static const char exit_status[] =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nDone.\n"
    ".TP\n.B 1\nRefused, not found, or it failed.\n"
    ".TP\n.B 2\nThe command line, the configuration or a value is wrong.\n"
    ".TP\n.B 3\nThe authority cannot be reached, or is busy: the same may succeed later.\n";

static const char see_also[] = ".SH SEE ALSO\n"
                               ".BR tokenry (1),\n"
                               ".BR tokenry.conf (5)\n";

/* --- texts --------------------------------------------------------------------------------- */

/* Whether a text begins with a value rather than with a word: that keeps its small letter. */
static bool begins_with_value(const char *text, const char *choices)
{
    size_t length = strcspn(text, " ,;:");
    if (memchr(text, '=', length) != NULL) {
        return true;
    }
    while (choices != NULL && *choices != '\0') {
        size_t bytes = strcspn(choices, ",");
        if (bytes == length && memcmp(choices, text, length) == 0) {
            return true;
        }
        choices += bytes + (choices[bytes] == ',');
    }
    return false;
}

/* A line of the help as sentences. */
static void print_help(FILE *out, const char *help, const char *choices)
{
    size_t length = strlen(help);
    if (islower((unsigned char)*help) && !begins_with_value(help, choices)) {
        fputc(toupper((unsigned char)*help), out);
        help++;
        length--;
    }
    const char *line = help;
    for (const char *end; (end = strstr(line, ". ")) != NULL; line = end + 2) {
        roff_bytes(out, line, (size_t)(end - line) + 1);
        fputc('\n', out);
    }
    roff_text(out, line);
    fputs(length > 0 && help[length - 1] == '.' ? "\n" : ".\n", out);
}

/* Paragraphs; a line that begins with a space is printed as it is. */
static void print_paragraphs(FILE *out, const char *text)
{
    bool literal = false;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool verbatim = *text == ' ';
        if (verbatim != literal) {
            fputs(verbatim ? ".PP\n.nf\n.RS\n" : ".RE\n.fi\n", out);
            literal = verbatim;
        }
        const char *next = text + length + (text[length] == '\n');
        if (length == 0) {
            fputs(*next == ' ' || *next == '\0' ? "" : ".PP\n", out); /* .nf has its own */
        } else {
            size_t indent = verbatim ? strspn(text, " ") : 0;
            roff_bytes(out, text + indent, length - indent);
            fputc('\n', out);
        }
        text = next;
    }
    fputs(literal ? ".RE\n.fi\n" : "", out);
}

/* --- options ------------------------------------------------------------------------------- */

static void print_option(FILE *out, const struct cli_option *option)
{
    const char *choices = cli_option_choices(option);
    fprintf(out, option->value != NULL ? ".TP\n.BI \\-\\-" : ".TP\n.B \\-\\-");
    roff_text(out, option->name);
    if (option->value != NULL) {
        fputs(" \" ", out);
        roff_text(out, option->value);
        fputc('"', out);
    }
    fputc('\n', out);
    print_help(out, option->help, choices);
    if (choices != NULL && option->choices == NULL) { /* those of the configuration */
        fputs("One of ", out);
        for (; *choices != '\0'; choices++) {
            fprintf(out, *choices == ',' ? ", " : "%c", *choices);
        }
        fputs(".\n", out);
    }
    if (option->repeatable) {
        fputs("May be given several times.\n", out);
    }
    if (option->key != NULL) {
        fputs("Its key in\n.BR tokenry.conf (5)\nis ", out);
        roff_text(out, option->key);
        fputs(".\n", out);
    }
}

/* Its own, or those it has in common with others. Returns how many there are; `out` may be
 * NULL: they are only counted. */
static size_t print_options(FILE *out, const struct cli_command *command, bool common)
{
    const struct cli_option *option;
    size_t count = 0;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        if (cli_option_is_common(option) == common) {
            count++;
            if (out != NULL) {
                print_option(out, option);
            }
        }
    }
    return count;
}

/* --- pages --------------------------------------------------------------------------------- */

/* The next command from `*index` on with this first word; NULL at the end. */
static const struct cli_command *next_member(const char *first, size_t length, size_t *index)
{
    while (*index < cli_command_count) {
        const struct cli_command *command = &cli_commands[(*index)++];
        if (strcspn(command->name, " ") == length && memcmp(command->name, first, length) == 0) {
            return command;
        }
    }
    return NULL;
}

static void print_synopsis(FILE *out, const struct cli_command *command)
{
    const char *operands = command->operands;
    size_t length = strlen(operands);
    fputs(".B tokenry ", out);
    roff_text(out, command->name);
    fputs("\n.RI [ OPTION ]...\\&\n", out);
    if (length > 0 && operands[0] == '[') {
        fputs(".RI [ ", out);
        roff_bytes(out, operands + 1, length - 2);
        fputs(" ]\n", out);
    } else if (length > 0) { /* small letters are typed as they are */
        fputs(islower((unsigned char)operands[0]) ? ".B " : ".I ", out);
        roff_text(out, operands);
        fputc('\n', out);
    }
}

static void print_description(FILE *out, const struct cli_command *command)
{
    print_help(out, command->summary, NULL);
    if (command->description[0] != '\0') {
        fputs(".PP\n", out);
        print_paragraphs(out, command->description);
    }
}

/* Of a page with one command, or a part of one with several. */
static void print_command(FILE *out, const struct cli_command *command, bool alone)
{
    if (alone) {
        fputs(".SH DESCRIPTION\n", out);
        print_description(out, command);
        if (print_options(NULL, command, false) > 0) {
            fputs(".SH OPTIONS\n", out);
            print_options(out, command, false);
        }
        return;
    }
    fputs(".SS tokenry ", out);
    roff_text(out, command->name);
    fputs(command->operands[0] != '\0' ? " " : "", out);
    roff_text(out, command->operands);
    fputc('\n', out);
    print_description(out, command);
    print_options(out, command, false);
}

static void print_head(FILE *out, const char *first, size_t length)
{
    fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n"
          ".\\\" Made from src/cli/commands.c by command-docs; edit that.\n"
          ".TH TOKENRY\\-",
          out);
    for (size_t i = 0; i < length; i++) {
        char upper = (char)toupper((unsigned char)first[i]);
        roff_bytes(out, &upper, 1);
    }
    fputs(" 1 2026-01-01 Tokenry \"User Commands\"\n.SH NAME\ntokenry\\-", out);
    roff_bytes(out, first, length);
    fputs(" \\- ", out);
}

void manual_page(FILE *out, size_t index, const char *notes)
{
    const char *first = cli_commands[index].name;
    size_t length = strcspn(first, " "), members = 0;
    const struct cli_command *command, *talking = NULL;
    print_head(out, first, length);
    for (size_t i = index; (command = next_member(first, length, &i)) != NULL; members++) {
        fputs(members > 0 ? "; " : "", out);
        roff_text(out, command->summary);
        talking = talking == NULL || command->talks ? command : talking;
    }
    fputs("\n.SH SYNOPSIS\n", out);
    for (size_t i = index, n = 0; (command = next_member(first, length, &i)) != NULL; n++) {
        fputs(n > 0 ? ".br\n" : "", out);
        print_synopsis(out, command);
    }
    fputs(members > 1 ? ".SH DESCRIPTION\n" : "", out);
    for (size_t i = index; (command = next_member(first, length, &i)) != NULL;) {
        print_command(out, command, members == 1);
    }
    fputs(".SH COMMON OPTIONS\n", out);
    print_options(out, talking, true);
    fprintf(out, "%s%s%s", exit_status, notes, see_also);
}

void manual_list(FILE *out)
{
    for (size_t g = 0; g < cli_group_count; g++) {
        fprintf(out, ".SS %s\n", cli_groups[g].title);
        for (size_t i = 0; i < cli_command_count; i++) {
            if (cli_commands[i].group == cli_groups[g].group) {
                fputs(".TP\n.B ", out);
                roff_text(out, cli_commands[i].name);
                fputc('\n', out);
                print_help(out, cli_commands[i].summary, NULL);
            }
        }
    }
}
