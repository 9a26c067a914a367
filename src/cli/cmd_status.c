/* SPDX-License-Identifier: Apache-2.0 */
/* The few members of the node's state that somebody asks for first; --json has all of them. */
#include <string.h>

#include "cli/record.h"

struct row {
    const char *label;
    const char *part; /* the object that the member is in; NULL: the answer itself */
    const char *member;
    const char *unit; /* printed behind the value */
};

static const struct row rows[] = {
    {"version", NULL, "version", ""},
    {"started", NULL, "started_at", ""},
    {"uptime", NULL, "uptime_s", " s"},
    {"time", NULL, "now", ""},
    {"clock behind", NULL, "clock_behind_ms", " ms"},
    {"tokens", NULL, "tokens", ""},
    {"users", "segment", "users", ""},
    {"tiers", "segment", "tiers", ""},
    {"changes accepted", "store", "changes_accepted", ""},
    {"last commit", "store", "last_commit", ""},
    {"commit failures", "store", "commit_failures", ""},
    {"changes waiting", "store", "queue_length", ""},
    {"connections open", "http", "connections_open", ""},
    {"connections refused", "http", "connections_refused", ""},
};

/* Nothing serves HTTP when the command opened the directory itself: these rows are left out. */
static const json_t *value_of(const json_t *answer, const struct row *row)
{
    const json_t *part = row->part != NULL ? json_object_get(answer, row->part) : answer;
    return json_object_get(part, row->member);
}

static enum table_colour colour_of(const struct row *row, const json_t *value)
{
    if (json_is_boolean(value)) {
        return json_is_true(value) ? TABLE_GOOD : TABLE_BAD;
    }
    if (strcmp(row->member, "last_commit") == 0 && json_is_string(value)) {
        bool good = strcmp(json_string_value(value), tkr_error_name(TKR_OK)) == 0;
        return good ? TABLE_GOOD : TABLE_BAD;
    }
    return TABLE_PLAIN;
}

static bool print_table(const json_t *answer)
{
    static const char *const headings[] = {"WHAT", "VALUE"};
    struct table table CLEANUP(table_release);
    table_init(&table, headings, 2, terminal_colour(stdout));
    table.headings_printed = true; /* none: the rows name themselves */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *value = value_of(answer, &rows[i]);
        if (value == NULL || json_is_null(value)) {
            continue;
        }
        struct buffer text CLEANUP(buffer_deinit);
        buffer_init(&text, 1024);
        record_value(value, &text);
        buffer_add_text(&text, rows[i].unit);
        table_cell(&table, rows[i].label, TABLE_FAINT);
        table_cell(&table, text.data, colour_of(&rows[i], value));
    }
    return table_print(&table, stdout);
}

enum cli_exit cmd_status(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = "/api/v1/system/status"};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    return print_table(answer.json) ? CLI_DONE
                                    : cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
}
