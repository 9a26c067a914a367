/* SPDX-License-Identifier: Apache-2.0 */
/* disable, quarantine and restore. */
#include <stdio.h>

#include "cli/body.h"
#include "cli/find.h"
#include "cli/record.h"

static enum cli_exit hold(struct cli *cli, const char *action)
{
    struct find find CLEANUP(find_release) = {0};
    struct client *client CLEANUP(client_close_p) = NULL;
    char token_path[FIND_PATH_SIZE], path[FIND_PATH_SIZE + 16];
    enum cli_exit status = find_read(cli, &find);
    if (status != CLI_DONE || !client_open(cli, false, &client, &status)) {
        return status;
    }
    status = find_path(cli, client, &find, false, token_path);
    if (status != CLI_DONE) {
        return status;
    }
    json_t *body CLEANUP(body_decref_p) = json_object();
    body_text(body, "reason", cli, "reason");
    snprintf(path, sizeof(path), "%s/%s", token_path, action);
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path, .body = body};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}

enum cli_exit cmd_disable(struct cli *cli)
{
    return hold(cli, "disable");
}

enum cli_exit cmd_quarantine(struct cli *cli)
{
    return hold(cli, "quarantine");
}

enum cli_exit cmd_restore(struct cli *cli)
{
    return hold(cli, "restore");
}
