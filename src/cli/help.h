/* SPDX-License-Identifier: Apache-2.0 */
/* The help texts, from the table of commands. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_overview(FILE *out);
void help_command(const struct cli_command *command, FILE *out);
/* What may follow `word` in commands of two words; false when it begins none. */
bool help_family(const char *word, FILE *out);

#endif
