/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/pages.h"

#define ROLES "/api/v1/roles"

enum cli_exit cmd_role_list(struct cli *cli)
{
    static const char *const headings[] = {"ROLE", "ORG", "BUILT IN", "SCOPES"};
    static const char *const members[] = {"name", "org_id", "built_in", "scopes"};
    static const char *const filters[][2] = {{"org_id", "org"}};
    static const struct pages pages = {
        ROLES, headings, members, sizeof(headings) / sizeof(headings[0]), filters, 1, "No roles."};
    return pages_print(cli, &pages);
}

static enum cli_exit call_for(struct cli *cli, enum http_method method, const json_t *body)
{
    char path[PAGES_PATH_SIZE], query[PAGES_QUERY_SIZE];
    if (!pages_path(cli, ROLES, "role", ROLE_NAME_BYTES_MAX, path)) {
        return CLI_USAGE;
    }
    struct client_call call = {
        .method = method, .path = path, .query = pages_org_query(cli, query), .body = body};
    return pages_call(cli, &call);
}

enum cli_exit cmd_role_show(struct cli *cli)
{
    return call_for(cli, HTTP_GET, NULL);
}

enum cli_exit cmd_role_set(struct cli *cli)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    body_list(body, "scopes", cli, "scope");
    /* Without one, a slip would take every scope from everybody who has the role. */
    if (json_object_size(body) == 0) {
        return cli_usage(cli->command, "--scope is needed");
    }
    return call_for(cli, HTTP_PUT, body);
}

enum cli_exit cmd_role_delete(struct cli *cli)
{
    enum cli_exit status = call_for(cli, HTTP_DELETE, NULL);
    if (status == CLI_DONE && !cli_json(cli)) {
        printf("Deleted %s.\n", cli->arguments.operands[0]);
    }
    return status;
}
