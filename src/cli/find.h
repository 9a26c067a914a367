/* SPDX-License-Identifier: Apache-2.0 */
/* Which token a command means: TOKEN-ID, --name NAME or --token-stdin. */
#ifndef CLI_FIND_H
#define CLI_FIND_H

#include "cli/client.h"
#include "cli/token_input.h"

#define FIND_PATH_SIZE 256

struct find {
    const char *id, *name; /* one of them, or `token` */
    struct token_input token;
};
void find_release(struct find *find); /* for CLEANUP */

/* Reads what was given, before anything is opened; one of the three must be there. */
MUST_USE enum cli_exit find_read(const struct cli *cli, struct find *ret_find);
/* The path of the token's resource; looks it up when it is not the ID. `active_only`: a name
 * means the active token of that name. Of a token that was rotated it means the newest version. A
 * name that several tokens have is refused, naming them. */
MUST_USE enum cli_exit find_path(struct cli *cli, struct client *client, const struct find *find,
                                 bool active_only, char ret_path[FIND_PATH_SIZE]);

#endif
