/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion: the table of commands as a script of bash, zsh or fish.
 *
 * A script holds what the table knows and asks nobody: completing runs no tokenry, so it waits
 * for no daemon, and a TAB never sends a request or shows what only its owner may see. Names of
 * users, tiers and tokens are therefore not offered; words that every installation has are.
 *
 *   completion.c         what may be offered, in no shell's language; and the command
 *   completion_SHELL.c   one script
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdio.h>

#include "cli/command.h"

enum offer_kind {
    OFFER_NOTHING, /* something that only the user knows */
    OFFER_FILE,
    OFFER_DIRECTORY,
    OFFER_COMMAND, /* the name of a command, of one word or two */
    OFFER_WORDS,
    OFFER_OPEN_WORDS, /* they end with `=`: more is typed behind one */
};

/* What may stand for the value of an option, or for the operands of a command. */
enum offer_kind offer_of_value(const struct cli_option *option);
enum offer_kind offer_of_operands(const struct cli_command *command);
/* The words, with a space between; none needs quotes in any shell. */
void offer_print_value(const struct cli_option *option, FILE *out);
void offer_print_operands(const struct cli_command *command, FILE *out);

/* Whether command `index` is the first of those with its first word, which has *ret_length
 * bytes: so each first word comes once. */
bool completion_first_word(size_t index, size_t *ret_length);
/* The same, only of a first word that a second one follows. */
bool completion_opens_family(size_t index, size_t *ret_length);
/* The second word of command `index` if `first`, of `length` bytes, is its first; else NULL. */
const char *completion_second_word(size_t index, const char *first, size_t length);

/* The first sentence of `text` with a backslash before each of `special`, and `quote` for each '.
 */
void completion_escape(FILE *out, const char *text, const char *special, const char *quote);
/* What is said of the first word of command `index`, escaped like that: the summary, or the
 * second words. */
void completion_escape_summary(FILE *out, size_t index, size_t length, const char *special,
                               const char *quote);

void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
