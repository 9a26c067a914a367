/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/pages.h"

#define USERS "/api/v1/users"

enum cli_exit cmd_user_list(struct cli *cli)
{
    static const char *const headings[] = {"USER", "STATUS", "TIER", "EMAIL", "LIMITS", "CREATED"};
    static const char *const members[] = {"id", "status", "tier", "email", "limits", "created_at"};
    static const char *const filters[][2] = {
        {"status", "status"}, {"tier", "tier"}, {"org_id", "org"}};
    static const struct pages pages = {USERS,      headings,
                                       members,    sizeof(headings) / sizeof(headings[0]),
                                       filters,    sizeof(filters) / sizeof(filters[0]),
                                       "No users."};
    return pages_print(cli, &pages);
}

/* A call for the user that is named. */
static enum cli_exit call_for(struct cli *cli, enum http_method method, const json_t *body)
{
    char path[PAGES_PATH_SIZE], query[PAGES_QUERY_SIZE];
    if (!pages_path(cli, USERS, "user", USER_ID_BYTES_MAX, path)) {
        return CLI_USAGE;
    }
    struct client_call call = {
        .method = method, .path = path, .query = pages_org_query(cli, query), .body = body};
    return pages_call(cli, &call);
}

enum cli_exit cmd_user_show(struct cli *cli)
{
    return call_for(cli, HTTP_GET, NULL);
}

static enum cli_exit set_status(struct cli *cli, const char *status)
{
    json_t *body CLEANUP(body_decref_p) = json_pack("{s:s}", "status", status);
    return call_for(cli, HTTP_PATCH, body);
}

enum cli_exit cmd_user_suspend(struct cli *cli)
{
    return set_status(cli, "suspended");
}

enum cli_exit cmd_user_activate(struct cli *cli)
{
    return set_status(cli, "active");
}

static tkr_error_t add_values(const struct cli *cli, json_t *body, struct fault *fault)
{
    body_text(body, "tier", cli, "tier");
    body_text(body, "email", cli, "email");
    TRY(body_limits(body, cli, fault));
    return body_metadata(body, cli, fault);
}

enum cli_exit cmd_user_create(struct cli *cli)
{
    struct fault fault = {0};
    if (cli->arguments.operand_count == 0) {
        return cli_usage(cli->command, "which user?");
    }
    json_t *body CLEANUP(body_decref_p) = json_pack("{s:s}", "id", cli->arguments.operands[0]);
    if (body == NULL || add_values(cli, body, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", body == NULL ? "it is not UTF-8" : fault.detail);
    }
    body_text(body, "org_id", cli, "org");
    struct client_call call = {.method = HTTP_POST, .path = USERS, .body = body};
    return pages_call(cli, &call);
}

enum cli_exit cmd_user_set(struct cli *cli)
{
    static const char *const emptied[][3] = {{"tier", "tier", "no-tier"},
                                             {"email", "email", "no-email"},
                                             {"limits", "limit", "no-limits"}};
    struct fault fault = {0};
    json_t *body CLEANUP(body_decref_p) = json_object();
    if (add_values(cli, body, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    for (size_t i = 0; i < sizeof(emptied) / sizeof(emptied[0]); i++) {
        if (!arguments_has(&cli->arguments, emptied[i][2])) {
            continue;
        }
        if (arguments_has(&cli->arguments, emptied[i][1])) {
            return cli_usage(cli->command, "--%s and --%s exclude each other", emptied[i][1],
                             emptied[i][2]);
        }
        json_object_set_new(body, emptied[i][0], json_null());
    }
    if (json_object_size(body) == 0) {
        return cli_usage(cli->command, "what is to change? Name at least one option");
    }
    return call_for(cli, HTTP_PATCH, body);
}
