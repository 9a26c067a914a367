/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual from the table of commands: a page for each first word, tokenry-create(1) or
 * tokenry-tier(1), and the list of commands in tokenry(1). Nobody writes an option twice.
 *
 * tokenry(1), which explains what is common, is written by hand. So may be more about a command:
 * sections, like EXAMPLES, in docs/man/commands/NAME.roff; they stand before SEE ALSO.
 */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include <stdio.h>

#include "cli/command.h"

/* Where the list stands in tokenry.1: a line of its own. */
#define MANUAL_LIST_MARK ".\\\" The list of commands stands here.\n"

/* The page of the commands whose first word is that of command `index`; `notes`: sections in
 * the man format, "" for none. */
void manual_page(FILE *out, size_t index, const char *notes);
void manual_list(FILE *out);

#endif
