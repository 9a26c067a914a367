/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/body.h"
#include "cli/pages.h"

#define ORGS "/api/v1/orgs"

enum cli_exit cmd_org_list(struct cli *cli)
{
    static const char *const headings[] = {"ORG", "ONE ACTIVE", "CREATED"};
    static const char *const members[] = {"id", "one_active_per_user", "created_at"};
    static const struct pages pages = {
        ORGS, headings,           members, sizeof(headings) / sizeof(headings[0]), NULL,
        0,    "No organisations."};
    return pages_print(cli, &pages);
}

enum cli_exit cmd_org_show(struct cli *cli)
{
    char path[PAGES_PATH_SIZE];
    if (!pages_path(cli, ORGS, "organisation", ORG_ID_BYTES_MAX, path)) {
        return CLI_USAGE;
    }
    struct client_call call = {.method = HTTP_GET, .path = path};
    return pages_call(cli, &call);
}

/* `user.max=30d` to {"user": {"max": "30d"}}; `server` is null: as the server has it. */
static tkr_error_t add_lifetime(json_t *lifetimes, const char *value, struct fault *fault)
{
    char kind[16], part[16];
    const char *dot = strchr(value, '.');
    const char *equals = strchr(value, '=');
    if (dot == NULL || equals == NULL || dot > equals || dot == value ||
        (size_t)(dot - value) >= sizeof(kind) || (size_t)(equals - dot) > sizeof(part)) {
        return fault_set(fault, TKR_MALFORMED, "lifetime",
                         "--lifetime: \"%.30s\" is not of the form user.max=30d", value);
    }
    snprintf(kind, sizeof(kind), "%.*s", (int)(dot - value), value);
    snprintf(part, sizeof(part), "%.*s", (int)(equals - dot - 1), dot + 1);
    json_t *rule = json_object_get(lifetimes, kind);
    if (rule == NULL) {
        rule = json_object();
        json_object_set_new(lifetimes, kind, rule);
    }
    if (json_object_get(rule, part) != NULL) {
        return fault_set(fault, TKR_CONFLICT, "lifetime", "--lifetime: %s.%s was given twice", kind,
                         part);
    }
    bool server = strcmp(equals + 1, "server") == 0;
    json_object_set_new(rule, part, server ? json_null() : json_string(equals + 1));
    return TKR_OK;
}

static tkr_error_t add_values(const struct cli *cli, json_t *body, struct fault *fault)
{
    json_t *lifetimes CLEANUP(body_decref_p) = json_object();
    const char *one = arguments_value(&cli->arguments, "one-active");
    size_t position = 0;
    const char *value;
    while ((value = arguments_next(&cli->arguments, "lifetime", &position)) != NULL) {
        TRY(add_lifetime(lifetimes, value, fault));
    }
    if (json_object_size(lifetimes) > 0) {
        json_object_set(body, "lifetimes", lifetimes);
    }
    if (one != NULL && strcmp(one, "on") != 0 && strcmp(one, "off") != 0 &&
        strcmp(one, "server") != 0) {
        return fault_set(fault, TKR_INVALID, "one-active", "--one-active is on, off or server");
    }
    if (one != NULL) {
        bool server = strcmp(one, "server") == 0;
        json_object_set_new(body, "one_active_per_user",
                            server ? json_null() : json_boolean(strcmp(one, "on") == 0));
    }
    return TKR_OK;
}

enum cli_exit cmd_org_create(struct cli *cli)
{
    struct fault fault = {0};
    if (cli->arguments.operand_count == 0) {
        return cli_usage(cli->command, "which organisation?");
    }
    json_t *body CLEANUP(body_decref_p) = json_pack("{s:s}", "id", cli->arguments.operands[0]);
    if (body == NULL || add_values(cli, body, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", body == NULL ? "it is not UTF-8" : fault.detail);
    }
    struct client_call call = {.method = HTTP_POST, .path = ORGS, .body = body};
    return pages_call(cli, &call);
}

enum cli_exit cmd_org_set(struct cli *cli)
{
    struct fault fault = {0};
    char path[PAGES_PATH_SIZE];
    json_t *body CLEANUP(body_decref_p) = json_object();
    if (!pages_path(cli, ORGS, "organisation", ORG_ID_BYTES_MAX, path)) {
        return CLI_USAGE;
    }
    if (add_values(cli, body, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    if (json_object_size(body) == 0) {
        return cli_usage(cli->command, "what is to change? Name at least one option");
    }
    struct client_call call = {.method = HTTP_PATCH, .path = path, .body = body};
    return pages_call(cli, &call);
}
