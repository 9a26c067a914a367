/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

enum cli_exit cmd_version(struct cli *cli)
{
    printf(cli_json(cli) ? "{\"version\":\"%s\"}\n" : "tokenry %s\n", TOKENRY_VERSION);
    return CLI_DONE;
}
