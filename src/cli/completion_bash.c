/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script for bash 4 and later; it needs no package bash-completion.
 *
 * The tables come as triples in one array: a name, what may stand for its value, a text. Bash
 * itself shows names only: while it lists them (TAB twice), each is shown with its text, which
 * is never what it inserts. readline takes `--kind=user` for three words, at the =.
 */
#include "cli/completion.h"

static const char head[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Completion of tokenry " TOKENRY_VERSION " for bash, made by `tokenry completion bash`.\n"
    "\n"
    "# In `table`, by threes: a name; what follows an option: nothing (it is a switch), any, "
    "file,\n"
    "# directory, command, or words; with a + in front when it may be given again; a text.\n";

/* `words` first (what is known), then by the kind of offer. */
static const char tail[] =
    "\n"
    "_tokenry_offer_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace\n"
    "}\n"
    "\n"
    "_tokenry_offer_value()\n"
    "{\n"
    "    case $1 in\n"
    "    '' | any) ;;\n"
    "    file | directory)\n"
    "        mapfile -t COMPREPLY < <(compgen -A \"$1\" -- \"$current\")\n"
    "        compopt -o filenames\n"
    "        ;;\n"
    "    *) _tokenry_offer_words \"$1\" ;;\n"
    "    esac\n"
    "    [[ -z $prefix ]] || COMPREPLY=(\"${COMPREPLY[@]/#/$prefix}\")\n"
    "}\n"
    "\n"
    "# The names in the table, but for options that were given and may not be given again.\n"
    "_tokenry_offer_table()\n"
    "{\n"
    "    local -i i width=0\n"
    "    local name text texts=()\n"
    "    for ((i = 0; i < ${#table[@]}; i += 3)); do\n"
    "        name=${table[i]}\n"
    "        [[ $name == \"$current\"* ]] || continue\n"
    "        [[ $name != --* || ${table[i + 1]} == +* || $before != *\" $name \"* ]] || continue\n"
    "        COMPREPLY+=(\"$name\")\n"
    "        texts+=(\"${table[i + 2]}\")\n"
    "        ((${#name} <= width)) || width=${#name}\n"
    "    done\n"
    "    case ${COMP_TYPE-} in 33 | 63 | 64) ;; *) return ;; esac # it lists\n"
    "    ((${#COMPREPLY[@]} > 1)) || return\n"
    "    for i in \"${!COMPREPLY[@]}\"; do\n"
    "        printf -v text '%-*s  (%s)' \"$width\" \"${COMPREPLY[i]}\" \"${texts[i]}\"\n"
    "        ((${#text} < ${COLUMNS:-80})) || text=${text:0:${COLUMNS:-80}-5}...\\)\n"
    "        COMPREPLY[i]=$text\n"
    "    done\n"
    "}\n"
    "\n"
    "# Sets `option` when the cursor is at the value of one: behind it, or behind its =.\n"
    "_tokenry_find_option()\n"
    "{\n"
    "    local last=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    if [[ $current == = ]]; then\n"
    "        option=$last current=''\n"
    "    elif [[ $last == = ]]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    elif [[ $current == --*=* ]]; then\n"
    "        option=${current%%=*} prefix=${current%%=*}= current=${current#*=}\n"
    "    else\n"
    "        [[ $last != --?* ]] || option=$last\n"
    "        return\n"
    "    fi\n"
    "    equals=yes\n"
    "}\n"
    "\n"
    "_tokenry()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} before\n"
    "    local option='' equals='' prefix='' operands='' table=()\n"
    "    local -i i first=2\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        _tokenry_names ''\n"
    "        _tokenry_offer_table\n"
    "        return\n"
    "    fi\n"
    "    before=\" ${COMP_WORDS[*]:0:COMP_CWORD} \"\n"
    "    _tokenry_names \"$command\"\n"
    "    for ((i = 0; i < ${#table[@]}; i += 3)); do\n"
    "        if ((COMP_CWORD == 2)) && [[ $current != -* ]]; then\n"
    "            _tokenry_offer_table\n"
    "            return\n"
    "        elif [[ ${table[i]} == \"${COMP_WORDS[2]}\" ]]; then\n"
    "            command+=\" ${COMP_WORDS[2]}\" first=3\n"
    "            break\n"
    "        fi\n"
    "    done\n"
    "    table=()\n"
    "    _tokenry_options \"$command\"\n"
    "    _tokenry_find_option\n"
    "    for ((i = 0; i < ${#table[@]}; i += 3)); do\n"
    "        if [[ ${table[i]} == \"$option\" && -n ${table[i + 1]#+} ]]; then\n"
    "            _tokenry_offer_value \"${table[i + 1]#+}\"\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "    [[ -z $equals ]] || return\n"
    "    if [[ $current == -* || $operands == any ]]; then\n"
    "        _tokenry_offer_table\n"
    "    elif [[ $operands != command ]]; then\n"
    "        _tokenry_offer_value \"$operands\"\n"
    "    elif ((COMP_CWORD <= first + 1)); then\n"
    "        table=()\n"
    "        if ((COMP_CWORD == first)); then\n"
    "            _tokenry_names ''\n"
    "        else\n"
    "            _tokenry_names \"${COMP_WORDS[first]}\"\n"
    "        fi\n"
    "        _tokenry_offer_table\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _tokenry tokenry\n";

static void print_quoted(const char *text, FILE *out)
{
    fputc('\'', out);
    completion_escape(out, text, "", "'\\''");
    fputc('\'', out);
}

static void print_kind(enum offer_kind kind, FILE *out)
{
    static const char *const names[] = {
        [OFFER_NOTHING] = "any",     [OFFER_FILE] = "file", [OFFER_DIRECTORY] = "directory",
        [OFFER_COMMAND] = "command", [OFFER_WORDS] = "",    [OFFER_OPEN_WORDS] = ""};
    fputs(names[kind], out);
}

static void print_option(const struct cli_option *option, FILE *out)
{
    fprintf(out, "            --%s '", option->name);
    if (option->value != NULL) {
        fputs(option->repeatable ? "+" : "", out);
        print_kind(offer_of_value(option), out);
        offer_print_value(option, out);
    }
    fputs("' ", out);
    print_quoted(option->help, out);
    fputc('\n', out);
}

static void print_options(FILE *out)
{
    fputs("_tokenry_options()\n{\n    case $1 in\n", out);
    for (size_t c = 0; c < cli_command_count; c++) {
        const struct cli_command *command = &cli_commands[c];
        fprintf(out, "    '%s')\n        operands='", command->name);
        enum offer_kind kind = offer_of_operands(command);
        print_kind(kind, out);
        if (kind == OFFER_WORDS) {
            offer_print_operands(command, out);
        }
        fputs("'\n        table=(\n", out);
        const struct cli_option *option;
        for (size_t i = 0; (option = cli_option_at(command, i)) != NULL; i++) {
            print_option(option, out);
        }
        fputs("        )\n        ;;\n", out);
    }
    fputs("    esac\n}\n", out);
}

/* `first` is "", or the first word of commands of two, of `length` bytes. */
static void print_names(const char *first, size_t length, FILE *out)
{
    fprintf(out, "    '%.*s')\n        table=(\n", (int)length, first);
    for (size_t c = 0; c < cli_command_count; c++) {
        size_t bytes;
        if (length > 0) {
            const char *second = completion_second_word(c, first, length);
            if (second != NULL) {
                fprintf(out, "            %s '' ", second);
                print_quoted(cli_commands[c].summary, out);
                fputc('\n', out);
            }
        } else if (completion_first_word(c, &bytes)) {
            fprintf(out, "            %.*s '' '", (int)bytes, cli_commands[c].name);
            completion_escape_summary(out, c, bytes, "", "'\\''");
            fputs("'\n", out);
        }
    }
    fputs("        )\n        ;;\n", out);
}

void completion_bash(FILE *out)
{
    fputs(head, out);
    fputs("_tokenry_names()\n{\n    case $1 in\n", out);
    print_names("", 0, out);
    for (size_t c = 0; c < cli_command_count; c++) {
        size_t length;
        if (completion_opens_family(c, &length)) {
            print_names(cli_commands[c].name, length, out);
        }
    }
    fputs("    esac\n}\n\n", out);
    print_options(out);
    fputs(tail, out);
}
