/* SPDX-License-Identifier: Apache-2.0 */
/* The table as texts: the effective configuration, the example file, the man page. */
#include <string.h>

#include "daemon/config_rows.h"
#include "daemon/roff.h"

/* Text wrapped at `width` columns, each line after `lead`. */
void config_print_wrapped(FILE *out, const char *lead, const char *text, size_t width)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > width) {
            fputc('\n', out);
            column = 0;
        }
        if (column == 0) {
            fputs(lead, out);
            column = strlen(lead);
        } else {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', out);
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (strcmp(row->section, section) != 0) {
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", row->section);
            section = row->section;
        }
        struct buffer value CLEANUP(buffer_deinit);
        buffer_init(&value, CONFIG_VALUE_BYTES_MAX + CONFIG_LIST_MAX * 2);
        config_value_write(config, row, &value);
        /* Behind a space, # and ; would begin a comment. */
        bool space = value.length > 0 && strchr("#;", value.data[0]) == NULL;
        fprintf(out, "%s =%s%s\n", row->key, space ? " " : "", value.length > 0 ? value.data : "");
    }
}

void config_print_example_row(const struct config_row *row, FILE *out)
{
    char range[CONFIG_RANGE_SIZE];
    fputs("\n", out);
    config_print_wrapped(out, "# ", row->description, 96);
    config_bounds(row, range);
    if (range[0] != '\0') {
        bool has_unit = row->type != CONFIG_CHOICE && row->type != CONFIG_OCTAL;
        fprintf(out, "# Range: %s%s%s\n", range, has_unit ? " " : "",
                has_unit ? (row->type == CONFIG_LIFETIME ? "seconds" : row->unit) : "");
    }
    fprintf(out, "#%s =%s%s\n", row->key, row->fallback[0] != '\0' ? " " : "", row->fallback);
}

void config_print_example(FILE *out)
{
    fputs("# Configuration of Tokenry: every key with its default, see tokenry.conf(5).\n"
          "#\n"
          "# A key may also be given in the environment, as TOKENRY_SECTION_KEY, which beats this\n"
          "# file, and many by a flag of `tokenry serve`, which beats both. Check this file with\n"
          "# `tokenry check-config --config FILE`.\n",
          out);
    for (size_t s = 0; s < config_section_count; s++) {
        const struct config_section *section = &config_sections[s];
        fputc('\n', out);
        config_print_wrapped(out, "# ", section->description, 96);
        fprintf(out, "[%s]\n", section->name);
        for (size_t i = 0; i < config_row_count; i++) {
            if (strcmp(config_rows[i].section, section->name) == 0) {
                config_print_example_row(&config_rows[i], out);
            }
        }
    }
}

/* --- tokenry.conf(5) ---------------------------------------------------------------------- */

void config_print_manual_row(const struct config_row *row, FILE *out)
{
    char range[CONFIG_RANGE_SIZE];
    fputs(".TP\n.B ", out);
    roff_text(out, row->key);
    fputc('\n', out);
    roff_sentences(out, row->description);
    config_bounds(row, range);
    if (range[0] != '\0') {
        fputs("Range: ", out);
        roff_text(out, range);
        if (row->type == CONFIG_INTEGER || row->type == CONFIG_SECONDS) {
            fprintf(out, " %s", row->unit);
        } else if (row->type == CONFIG_LIFETIME) {
            fputs(" seconds, or never", out);
        }
        fputs(".\n", out);
    }
    fputs("Default: ", out);
    roff_text(out, row->fallback[0] != '\0' ? row->fallback : "empty");
    fputs(".\n", out);
}

static void print_manual_flag(const struct config_row *row, FILE *out)
{
    if (row->flag[0] != '\0') {
        fputs("Flag: \\-\\-", out);
        roff_text(out, row->flag);
        fputs(".\n", out);
    }
}

static const char manual_head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made from src/daemon/config_table.h by config-docs; edit that.\n"
    ".TH TOKENRY.CONF 5 2026-01-01 Tokenry \"File Formats\"\n"
    ".SH NAME\n"
    "tokenry.conf \\- configuration of the token authority\n"
    ".SH SYNOPSIS\n"
    ".I /etc/tokenry/tokenry.conf\n"
    ".SH DESCRIPTION\n"
    "The file has\n"
    ".I [section]\n"
    "lines and\n"
    ".I key = value\n"
    "lines.\n"
    "A comment begins with # or ; at the start of a line or after a space.\n"
    "A list has commas between its entries.\n"
    "An unknown key, a key twice and a value out of range are errors that name the file, the\n"
    "line, the key and what is allowed; nothing starts with such a file.\n"
    ".PP\n"
    "Each key may also be given in the environment, as\n"
    ".B TOKENRY_SECTION_KEY\n"
    "(for example TOKENRY_SERVER_LISTEN), and as a flag of\n"
    ".BR \"tokenry serve\" ,\n"
    "by its own name or as\n"
    ".BR \"\\-\\-set section.key=value\" .\n"
    "A flag beats the environment, which beats the file, which beats the default.\n"
    ".PP\n"
    "The file is\n"
    ".I /etc/tokenry/tokenry.conf\n"
    "when it exists, unless\n"
    ".B \\-\\-config\n"
    "or TOKENRY_CONFIG names another.\n"
    "Check it with\n"
    ".BR \"tokenry check\\-config\" .\n";

static const char manual_tail[] = ".SH FILES\n"
                                  ".TP\n"
                                  ".I /etc/tokenry/tokenry.conf\n"
                                  "The configuration.\n"
                                  ".SH SEE ALSO\n"
                                  ".BR tokenry (1)\n";

void config_print_manual(FILE *out)
{
    fputs(manual_head, out);
    for (size_t s = 0; s < config_section_count; s++) {
        fprintf(out, ".SH \"[%s]\"\n", config_sections[s].name);
        roff_sentences(out, config_sections[s].description);
        for (size_t i = 0; i < config_row_count; i++) {
            if (strcmp(config_rows[i].section, config_sections[s].name) == 0) {
                config_print_manual_row(&config_rows[i], out);
                print_manual_flag(&config_rows[i], out);
            }
        }
    }
    fputs(manual_tail, out);
}
