/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/body.h"
#include "cli/pages.h"

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
    static const struct rows tiers = {"/api/v1/tiers", headings,
                                      sizeof(headings) / sizeof(headings[0]), add_row, "No tiers."};
    return rows_print(cli, &tiers);
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
    return pages_call(cli, &(struct client_call){.method = HTTP_PUT, .path = path, .body = body});
}
