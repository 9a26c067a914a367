/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/body.h"
#include "cli/record.h"

static const char *const headings[] = {"TIER", "MINUTE", "HOUR", "DAY", "SUBJECT"};

static void add_row(struct table *table, const json_t *tier)
{
    static const char *const windows[] = {"minute", "hour", "day"};
    const json_t *limits = json_object_get(tier, "limits");
    table_cell(table, answer_text(tier, "name"), TABLE_BOLD);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        struct buffer text CLEANUP(buffer_deinit);
        buffer_init(&text, 64);
        const json_t *limit = json_object_get(limits, windows[i]);
        if (limit != NULL) {
            record_value(limit, &text);
        }
        table_cell(table, text.length > 0 ? text.data : "unlimited", TABLE_PLAIN);
    }
    table_cell(table, answer_text(tier, "subject"), TABLE_PLAIN);
}

enum cli_exit cmd_tier_list(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = "/api/v1/tiers"};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    struct table table CLEANUP(table_release);
    table_init(&table, headings, sizeof(headings) / sizeof(headings[0]), terminal_colour(stdout));
    size_t index;
    json_t *tier;
    json_array_foreach(json_object_get(answer.json, "data"), index, tier)
    {
        add_row(&table, tier);
    }
    table_print(&table, stdout);
    return CLI_DONE;
}

enum cli_exit cmd_tier_set(struct cli *cli)
{
    struct fault fault = {0};
    if (cli->arguments.operand_count == 0) {
        return cli_usage(cli->command, "which tier?");
    }
    /* Without one, a slip would lift every limit of everybody in the tier. */
    if (!arguments_has(&cli->arguments, "limit")) {
        return cli_usage(cli->command, "--limit is needed; minute=none is for no limit at all");
    }
    json_t *body CLEANUP(body_decref_p) = json_pack("{s:{}}", "limits");
    if (body_limits(body, cli, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    body_text(body, "subject", cli, "subject");
    char escaped[3 * TIER_NAME_BYTES_MAX + 8], path[sizeof(escaped) + 32];
    if (client_escape(cli->arguments.operands[0], escaped, sizeof(escaped))[0] == '\0') {
        return cli_usage(cli->command, "a tier's name has 1 to %d characters", TIER_NAME_BYTES_MAX);
    }
    snprintf(path, sizeof(path), "/api/v1/tiers/%s", escaped);
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_PUT, .path = path, .body = body};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}
