/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script for zsh, as a file _tokenry in a directory of $fpath or sourced: a specification
 * for _arguments of each command.
 */
#include "cli/completion.h"

/* In a specification, within single quotes. */
#define SPECIAL "[]:\\"
#define QUOTE "'\\''"

static const char head[] =
    "#compdef tokenry\n"
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Completion of tokenry " TOKENRY_VERSION " for zsh, made by `tokenry completion zsh`.\n"
    "\n"
    "# The name of a command, of one word or two; `words` begins with it.\n"
    "_tokenry_names() {\n"
    "    local -a names\n"
    "    if (( CURRENT == 1 )); then\n"
    "        names=(\n";

static const char middle[] = "        esac\n"
                             "    else\n"
                             "        return 1\n"
                             "    fi\n"
                             "    _describe -t commands command names\n"
                             "}\n"
                             "\n"
                             "_tokenry() {\n"
                             "    local curcontext=$curcontext name\n"
                             "    shift words\n"
                             "    (( CURRENT-- ))\n"
                             "    if (( CURRENT == 1 )); then\n"
                             "        _tokenry_names\n"
                             "        return\n"
                             "    fi\n"
                             "    name=$words[1]\n"
                             "    case $name in\n";

static const char tail[] = "    esac\n"
                           "}\n"
                           "\n"
                           "if [[ $funcstack[1] == _tokenry ]]; then\n"
                           "    _tokenry \"$@\"\n"
                           "else\n"
                           "    compdef _tokenry tokenry\n"
                           "fi\n";

/* --- names of commands --------------------------------------------------------------------- */

static void print_first_words(FILE *out)
{
    for (size_t c = 0; c < cli_command_count; c++) {
        size_t length;
        if (completion_first_word(c, &length)) {
            fprintf(out, "            '%.*s:", (int)length, cli_commands[c].name);
            completion_escape_summary(out, c, length, "\\", QUOTE);
            fputs("'\n", out);
        }
    }
    fputs("        )\n    elif (( CURRENT == 2 )); then\n        case $words[1] in\n", out);
}

static void print_second_words(const char *first, size_t length, FILE *out)
{
    fprintf(out, "        (%.*s) names=(\n", (int)length, first);
    for (size_t c = 0; c < cli_command_count; c++) {
        const char *second = completion_second_word(c, first, length);
        if (second != NULL) {
            fprintf(out, "            '%s:", second);
            completion_escape(out, cli_commands[c].summary, "\\", QUOTE);
            fputs("'\n", out);
        }
    }
    fputs("        ) ;;\n", out);
}

/* From `tier` to `tier set`, or to what may follow `tier`. */
static void print_family(const char *first, size_t length, FILE *out)
{
    fprintf(out, "    (%.*s)\n        case $words[2] in\n        (", (int)length, first);
    const char *bar = "";
    for (size_t c = 0; c < cli_command_count; c++) {
        const char *second = completion_second_word(c, first, length);
        if (second != NULL) {
            fprintf(out, "%s%s", bar, second);
            bar = "|";
        }
    }
    fputs(")\n"
          "            if (( CURRENT > 2 )); then\n"
          "                name+=\" $words[2]\"\n"
          "                shift words\n"
          "                (( CURRENT-- ))\n"
          "            else\n"
          "                _tokenry_names\n"
          "                return\n"
          "            fi\n"
          "            ;;\n"
          "        (-*) ;;\n"
          "        (*)\n"
          "            _tokenry_names\n"
          "            return\n"
          "            ;;\n"
          "        esac\n"
          "        ;;\n",
          out);
}

/* --- specifications ------------------------------------------------------------------------ */

static void print_offer(enum offer_kind kind, FILE *out)
{
    static const char *const actions[] = {[OFFER_NOTHING] = " ",
                                          [OFFER_FILE] = "_files",
                                          [OFFER_DIRECTORY] = "_files -/",
                                          [OFFER_COMMAND] = "_tokenry_names",
                                          [OFFER_WORDS] = "(",
                                          [OFFER_OPEN_WORDS] = "compadd -S \"\" - "};
    fputs(actions[kind], out);
}

static void print_option(const struct cli_option *option, FILE *out)
{
    fprintf(out, " \\\n            '%s--%s%s[", option->repeatable ? "*" : "", option->name,
            option->value != NULL ? "=" : "");
    completion_escape(out, option->help, SPECIAL, QUOTE);
    fputc(']', out);
    if (option->value != NULL) {
        enum offer_kind kind = offer_of_value(option);
        fprintf(out, ":%s:", option->value);
        print_offer(kind, out);
        offer_print_value(option, out);
        fputs(kind == OFFER_WORDS ? ")" : "", out);
    }
    fputc('\'', out);
}

static void print_operands(const struct cli_command *command, FILE *out)
{
    enum offer_kind kind = offer_of_operands(command);
    if (command->operands_max == 0) {
        return;
    }
    /* `*::` makes `words` the operands alone. */
    fputs(kind == OFFER_COMMAND ? " \\\n            '*::" : " \\\n            '1:", out);
    completion_escape(out, command->operands, SPECIAL, QUOTE);
    fputc(':', out);
    print_offer(kind, out);
    if (kind == OFFER_WORDS) {
        offer_print_operands(command, out);
        fputc(')', out);
    }
    fputc('\'', out);
}

static void print_command(const struct cli_command *command, FILE *out)
{
    fprintf(out, "    ('%s')\n        _arguments -S", command->name);
    const struct cli_option *option;
    for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
        print_option(option, out);
    }
    print_operands(command, out);
    fputs("\n        ;;\n", out);
}

void completion_zsh(FILE *out)
{
    size_t length;
    fputs(head, out);
    print_first_words(out);
    for (size_t c = 0; c < cli_command_count; c++) {
        if (completion_opens_family(c, &length)) {
            print_second_words(cli_commands[c].name, length, out);
        }
    }
    fputs(middle, out);
    for (size_t c = 0; c < cli_command_count; c++) {
        if (completion_opens_family(c, &length)) {
            print_family(cli_commands[c].name, length, out);
        }
    }
    fputs("    esac\n    case $name in\n", out);
    for (size_t c = 0; c < cli_command_count; c++) {
        print_command(&cli_commands[c], out);
    }
    fputs(tail, out);
}
