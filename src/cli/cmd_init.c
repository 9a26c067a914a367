/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first admin token. Nothing is lost with it: whoever may open the data directory can make
 * another, with --force or with `create --kind admin`.
 */
#include <string.h>

#include "cli/body.h"
#include "cli/issue.h"

#define QUERY_BYTES_MAX 1024

/* Whether `user` has an active admin token; its ID, to name it. */
static enum cli_exit find_admin(struct cli *cli, struct client *client, const char *user,
                                char ret_id[TOKEN_ID_CHARS + 1])
{
    char escaped[QUERY_BYTES_MAX - 64], query[QUERY_BYTES_MAX];
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    snprintf(query, sizeof(query), "user_id=%s&status=active&limit=%d",
             client_escape(user, escaped, sizeof(escaped)), LIST_PAGE_MAX);
    struct client_call call = {.method = HTTP_GET, .path = "/api/v1/auth/tokens", .query = query};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    ret_id[0] = '\0';
    size_t index;
    json_t *token;
    json_array_foreach(json_object_get(answer.json, "data"), index, token)
    {
        if (strcmp(answer_text(token, "kind"), "admin") == 0) {
            snprintf(ret_id, TOKEN_ID_CHARS + 1, "%s", answer_text(token, "id"));
        }
    }
    return status;
}

enum cli_exit cmd_init(struct cli *cli)
{
    const char *user = arguments_value(&cli->arguments, "user");
    const char *name = arguments_value(&cli->arguments, "name");
    user = user != NULL ? user : "admin";
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, true, &client, &status)) {
        return status;
    }
    char id[TOKEN_ID_CHARS + 1];
    status = find_admin(cli, client, user, id);
    if (status != CLI_DONE) {
        return status;
    }
    if (id[0] != '\0' && !arguments_has(&cli->arguments, "force")) {
        return cli_fail(CLI_REFUSED,
                        "%s has an admin token already, %s. If it is lost, make another with "
                        "--force and revoke that one",
                        user, id);
    }
    json_t *body CLEANUP(body_decref_p) =
        json_pack("{s:s, s:s, s:s, s:[s]}", "user_id", user, "name",
                  name != NULL ? name : "first admin", "kind", "admin", "scopes", "*");
    if (body == NULL) {
        return cli_usage(cli->command, "--user and --name are UTF-8");
    }
    body_lifetime(body, cli);
    return issue_token(cli, client, body);
}
