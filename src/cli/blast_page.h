/* SPDX-License-Identifier: Apache-2.0 */
/* The report on a token as a page for people. */
#ifndef CLI_BLAST_PAGE_H
#define CLI_BLAST_PAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"

/* What `GET …/tokens/{id}/blast-radius` answered, on standard output; its commands reach the
 * authority as this one did. False: out of memory, and some lines are missing. */
bool blast_page_print(const struct cli *cli, const json_t *report);

#endif
