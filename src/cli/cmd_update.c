/* SPDX-License-Identifier: Apache-2.0 */
/* Only what is named changes; a list that is named replaces the former one. */
#include "cli/body.h"
#include "cli/find.h"
#include "cli/issue.h"
#include "cli/record.h"

static enum cli_exit refuse_opposites(const struct cli *cli)
{
    static const char *const opposites[][2] = {
        {"limit", "no-limits"},    {"allow-ip", "any-ip"},  {"disable", "enable"},
        {"tier", "user-tier"},     {"role", "no-role"},     {"expires-in", "expires-at"},
        {"credits", "no-credits"}, {"refill", "no-credits"}};
    for (size_t i = 0; i < sizeof(opposites) / sizeof(opposites[0]); i++) {
        if (arguments_has(&cli->arguments, opposites[i][0]) &&
            arguments_has(&cli->arguments, opposites[i][1])) {
            return cli_usage(cli->command, "--%s and --%s exclude each other", opposites[i][0],
                             opposites[i][1]);
        }
    }
    return CLI_DONE;
}

/* The switches, which empty something or turn it. */
static void add_switches(const struct cli *cli, json_t *body)
{
    const struct arguments *arguments = &cli->arguments;
    if (arguments_has(arguments, "no-limits")) {
        json_object_set_new(body, "limits", json_object());
    }
    if (arguments_has(arguments, "any-ip")) {
        json_object_set_new(body, "allowed_ips", json_array());
    }
    if (arguments_has(arguments, "user-tier")) {
        json_object_set_new(body, "tier", json_null());
    }
    if (arguments_has(arguments, "no-role")) {
        json_object_set_new(body, "role", json_null());
    }
    if (arguments_has(arguments, "no-credits")) {
        json_object_set_new(body, "credits", json_null());
    }
    if (arguments_has(arguments, "disable") || arguments_has(arguments, "enable")) {
        json_object_set_new(body, "disabled", json_boolean(arguments_has(arguments, "disable")));
    }
}

static enum cli_exit build(const struct cli *cli, json_t *body)
{
    struct fault fault = {0};
    enum cli_exit status = refuse_opposites(cli);
    if (status != CLI_DONE) {
        return status;
    }
    body_text(body, "name", cli, "rename");
    body_text(body, "tier", cli, "tier");
    body_text(body, "role", cli, "role");
    body_list(body, "scopes", cli, "scope");
    body_list(body, "allowed_ips", cli, "allow-ip");
    body_lifetime(body, cli);
    if (body_limits(body, cli, &fault) != TKR_OK || body_metadata(body, cli, &fault) != TKR_OK ||
        body_credits(body, cli, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    add_switches(cli, body);
    if (json_object_size(body) == 0) {
        return cli_usage(cli->command, "what is to change? Name at least one option");
    }
    return CLI_DONE;
}

enum cli_exit cmd_update(struct cli *cli)
{
    struct find find CLEANUP(find_release) = {0};
    json_t *body CLEANUP(body_decref_p) = json_object();
    struct client_call call = {.method = HTTP_PATCH, .body = body};
    enum cli_exit status = build(cli, body);
    if (status == CLI_DONE) {
        status = body_key(cli, &call.idempotency_key);
    }
    if (status == CLI_DONE) {
        status = find_read(cli, &find);
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    if (status != CLI_DONE || !client_open(cli, false, &client, &status)) {
        return status;
    }
    char path[FIND_PATH_SIZE];
    status = find_path(cli, client, &find, true, path);
    if (status != CLI_DONE) {
        return status;
    }
    call.path = path;
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
        if (!cli_json(cli)) {
            issue_print_warnings(answer.json);
        }
    }
    return status;
}
