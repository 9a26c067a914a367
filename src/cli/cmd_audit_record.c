/* SPDX-License-Identifier: Apache-2.0 */
/* What a CI/CD system did, into the audit log. */
#include <string.h>

#include "cli/body.h"
#include "cli/pages.h"
#include "engine/cicd.h"

/* `--run-id` is the member `run_id`. */
static const char *option_of(const char *member, char out[32])
{
    snprintf(out, 32, "%s", member);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return out;
}

enum cli_exit cmd_audit_record(struct cli *cli)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    struct fault fault = {0};
    char option[32];
    struct client_call call = {
        .method = HTTP_POST, .path = "/api/v1/audit/cicd-event", .body = body};
    if (cli->arguments.operand_count < 2) {
        return cli_usage(cli->command, "which event, and how did it end? As in `deploy success`");
    }
    json_object_set_new(body, "event", json_string(cli->arguments.operands[0]));
    json_object_set_new(body, "status", json_string(cli->arguments.operands[1]));
    for (size_t i = 0; i < CICD_FIELDS; i++) {
        body_text(body, cicd_fields[i].name, cli, option_of(cicd_fields[i].name, option));
    }
    if (body_metadata(body, cli, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    enum cli_exit status = body_key(cli, &call.idempotency_key);
    return status == CLI_DONE ? pages_call(cli, &call) : status;
}
