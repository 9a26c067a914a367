/* SPDX-License-Identifier: Apache-2.0 */
/* Credits of a token, and of all that came from it by rotation. */
#include <string.h>

#include "cli/body.h"
#include "cli/find.h"
#include "cli/record.h"

/* The call on the credits of the token that the command means. */
static enum cli_exit call_credits(struct cli *cli, enum http_method method, json_t *body)
{
    struct find find CLEANUP(find_release) = {0};
    struct client *client CLEANUP(client_close_p) = NULL;
    struct client_call call = {.method = method, .body = body};
    enum cli_exit status = body_key(cli, &call.idempotency_key);
    if (status == CLI_DONE) {
        status = find_read(cli, &find);
    }
    if (status != CLI_DONE || !client_open(cli, false, &client, &status)) {
        return status;
    }
    char token[FIND_PATH_SIZE], path[FIND_PATH_SIZE + 16];
    status = find_path(cli, client, &find, method == HTTP_PUT, token);
    if (status != CLI_DONE) {
        return status;
    }
    snprintf(path, sizeof(path), "%s/credits", token);
    call.path = path;
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}

enum cli_exit cmd_credits_show(struct cli *cli)
{
    return call_credits(cli, HTTP_GET, NULL);
}

enum cli_exit cmd_credits_set(struct cli *cli)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    struct fault fault = {0};
    bool unlimited = arguments_has(&cli->arguments, "unlimited");
    if (body_number(body, "remaining", cli, "remaining", &fault) != TKR_OK ||
        body_refill(body, cli, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    if (unlimited == (json_object_size(body) > 0)) {
        return cli_usage(cli->command, "either --unlimited, or --remaining and --refill");
    }
    if (unlimited) {
        json_object_set_new(body, "unlimited", json_true());
    }
    return call_credits(cli, HTTP_PUT, body);
}

static enum cli_exit change_by(struct cli *cli, const char *member)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    struct fault fault = {0};
    if (!arguments_has(&cli->arguments, "amount")) {
        return cli_usage(cli->command, "how many? --amount is needed");
    }
    if (body_number(body, member, cli, "amount", &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    return call_credits(cli, HTTP_PUT, body);
}

enum cli_exit cmd_credits_add(struct cli *cli)
{
    return change_by(cli, "add");
}

enum cli_exit cmd_credits_subtract(struct cli *cli)
{
    return change_by(cli, "subtract");
}

enum cli_exit cmd_credits_refund(struct cli *cli)
{
    if (cli->arguments.operand_count == 0) {
        return cli_usage(cli->command, "which reservation?");
    }
    char escaped[128], path[sizeof(escaped) + 64];
    if (client_escape(cli->arguments.operands[0], escaped, sizeof(escaped))[0] == '\0') {
        return cli_usage(cli->command, "a reservation's ID is rsv_ and 26 characters");
    }
    snprintf(path, sizeof(path), "/api/v1/credits/%s/refund", escaped);
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}
