/* SPDX-License-Identifier: Apache-2.0 */
/* Making a token and printing it once; what `init`, `create` and `rotate` share. */
#ifndef CLI_ISSUE_H
#define CLI_ISSUE_H

#include <jansson.h>

#include "cli/client.h"

/* POSTs `body`; prints the token alone on standard output, the rest on standard error, or with
 * --json the answer. */
enum cli_exit issue_token(struct cli *cli, struct client *client, const json_t *body);
/* What an answer warns of, each on a line of standard error. */
void issue_print_warnings(const json_t *token);
/* The same at another path than that of tokens. */
enum cli_exit issue_token_at(struct cli *cli, struct client *client, const char *path,
                             const json_t *body);

#endif
