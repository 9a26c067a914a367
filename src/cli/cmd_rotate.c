/* SPDX-License-Identifier: Apache-2.0 */
/* rotate and rollback. */
#include <stdio.h>

#include "cli/body.h"
#include "cli/find.h"
#include "cli/issue.h"
#include "cli/record.h"

/* `0` is a duration here, though 0s would be as good. */
static void add_grace(const struct cli *cli, json_t *body)
{
    const char *grace = arguments_value(&cli->arguments, "grace");
    if (grace != NULL) {
        bool none = grace[0] == '0' && grace[1] == '\0';
        json_object_set_new(body, "grace", none ? json_integer(0) : json_string(grace));
    }
}

/* The path of `action` on the token that is meant, and somebody to ask. */
static enum cli_exit open_action(struct cli *cli, const char *action, struct client **ret_client,
                                 char *ret_path, size_t size)
{
    struct find find CLEANUP(find_release) = {0};
    char path[FIND_PATH_SIZE];
    enum cli_exit status = find_read(cli, &find);
    if (status != CLI_DONE || !client_open(cli, false, ret_client, &status)) {
        return status;
    }
    status = find_path(cli, *ret_client, &find, true, path);
    snprintf(ret_path, size, "%s/%s", path, action);
    return status;
}

enum cli_exit cmd_rotate(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    char path[FIND_PATH_SIZE + 16];
    json_t *body CLEANUP(body_decref_p) = json_object();
    if (arguments_has(&cli->arguments, "expires-in") &&
        arguments_has(&cli->arguments, "expires-at")) {
        return cli_usage(cli->command, "--expires-in and --expires-at exclude each other");
    }
    add_grace(cli, body);
    body_lifetime(body, cli);
    body_text(body, "reason", cli, "reason");
    enum cli_exit status = open_action(cli, "rotate", &client, path, sizeof(path));
    return status == CLI_DONE ? issue_token_at(cli, client, path, body) : status;
}

enum cli_exit cmd_rollback(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    char path[FIND_PATH_SIZE + 16];
    json_t *body CLEANUP(body_decref_p) = json_object();
    add_grace(cli, body);
    enum cli_exit status = open_action(cli, "rollback", &client, path, sizeof(path));
    if (status != CLI_DONE) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path, .body = body};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}
