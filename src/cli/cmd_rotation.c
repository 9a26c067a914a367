/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation by schedule: what is asked for a token, and what will happen when. */
#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "cli/find.h"
#include "cli/pages.h"

#define PATH_PLAN "/api/v1/rotation/plan"
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

/* The call on the schedule of the token that the command means. */
static enum cli_exit call_schedule(struct cli *cli, enum http_method method, const char *below,
                                   json_t *body)
{
    struct find find CLEANUP(find_release) = {0};
    struct client *client CLEANUP(client_close_p) = NULL;
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    char token[FIND_PATH_SIZE], path[FIND_PATH_SIZE + 32];
    enum cli_exit status = find_read(cli, &find);
    if (status != CLI_DONE || !client_open(cli, false, &client, &status)) {
        return status;
    }
    status = find_path(cli, client, &find, method != HTTP_GET, token);
    if (status != CLI_DONE) {
        return status;
    }
    snprintf(path, sizeof(path), "%s/rotation-schedule%s", token, below);
    struct client_call call = {.method = method, .path = path, .body = body};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE && answer.json != NULL) {
        record_print(cli, answer.json);
    }
    return status;
}

enum cli_exit cmd_rotation_show(struct cli *cli)
{
    return call_schedule(cli, HTTP_GET, "", NULL);
}

enum cli_exit cmd_rotation_set(struct cli *cli)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    struct fault fault = {0};
    if (!arguments_has(&cli->arguments, "target")) {
        return cli_usage(cli->command, "where to? --target is needed");
    }
    if (body_number(body, "high_use", cli, "high-use", &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    body_text(body, "target", cli, "target");
    body_text(body, "max_age", cli, "max-age");
    body_text(body, "high_use_age", cli, "high-use-age");
    body_text(body, "overlap", cli, "overlap");
    body_text(body, "window", cli, "window");
    body_text(body, "time_zone", cli, "time-zone");
    return call_schedule(cli, HTTP_PUT, "", body);
}

enum cli_exit cmd_rotation_remove(struct cli *cli)
{
    enum cli_exit status = call_schedule(cli, HTTP_DELETE, "", NULL);
    if (status == CLI_DONE && !cli_json(cli)) {
        puts("It has no schedule any more.");
    }
    return status;
}

enum cli_exit cmd_rotation_run(struct cli *cli)
{
    return call_schedule(cli, HTTP_POST, "/run", NULL);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

struct line {
    const json_t *schedule;
};

/* What has a moment in its order, and before it what somebody has to look at. */
static int compare(const void *a, const void *b)
{
    const struct line *one = a, *other = b;
    return strcmp(answer_text(one->schedule, "at"), answer_text(other->schedule, "at"));
}

/* Why, and whether it is late: `age`, `end, overdue`. */
static void add_reason(struct table *table, const json_t *schedule)
{
    char text[64];
    bool overdue = json_is_true(json_object_get(schedule, "overdue"));
    snprintf(text, sizeof(text), "%.40s%s", answer_text(schedule, "reason"),
             overdue ? ", overdue" : "");
    table_cell(table, text, overdue ? TABLE_BAD : TABLE_PLAIN);
}

static void add_row(struct table *table, const json_t *schedule)
{
    const json_t *last = json_object_get(schedule, "last");
    const char *status = answer_text(schedule, "status");
    const char *blocked = answer_text(schedule, "blocked");
    bool waits = strcmp(status, "waits") == 0;
    table_cell(table, waits ? answer_text(schedule, "at") : status, waits ? TABLE_BOLD : TABLE_BAD);
    table_cell(table, answer_text(schedule, "token_name"), TABLE_PLAIN);
    table_cell(table, answer_text(schedule, "token_id"), TABLE_FAINT);
    add_reason(table, schedule);
    table_cell(table, answer_text(schedule, "target"), TABLE_PLAIN);
    table_cell(table, answer_text(last, "outcome"), TABLE_PLAIN);
    table_cell(table, blocked[0] != '\0' ? blocked : answer_text(last, "error"), TABLE_PLAIN);
}

static void print_plan(json_t *plan)
{
    static const char *const headings[] = {"WHEN",   "NAME", "TOKEN", "WHY",
                                           "TARGET", "LAST", "NOTE"};
    struct table table CLEANUP(table_release);
    size_t count = json_array_size(plan);
    struct line *rows = calloc(count + 1, sizeof(*rows));
    table_init(&table, headings, COUNT_OF(headings), terminal_colour(stdout));
    for (size_t i = 0; rows != NULL && i < count; i++) {
        rows[i].schedule = json_array_get(plan, i);
    }
    if (rows != NULL) {
        qsort(rows, count, sizeof(*rows), compare);
    }
    for (size_t i = 0; rows != NULL && i < count; i++) {
        add_row(&table, rows[i].schedule);
    }
    (void)table_print(&table, stdout);
    free(rows);
    if (count == 0) {
        puts("Nothing is due in that time.");
    }
}

/* Every page: only with all of them is there an order. */
static enum cli_exit read_plan(struct cli *cli, struct client *client, json_t *plan)
{
    const char *days = arguments_value(&cli->arguments, "days");
    const char *org = arguments_value(&cli->arguments, "org");
    char escaped_org[3 * ORG_ID_BYTES_MAX + 1] = "", escaped_days[32] = "";
    char cursor[TOKEN_ID_BYTES * 4] = "", query[sizeof(escaped_org) + 256];
    client_escape(org != NULL ? org : "", escaped_org, sizeof(escaped_org));
    client_escape(days != NULL ? days : "90", escaped_days, sizeof(escaped_days));
    do {
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        snprintf(query, sizeof(query), "days=%s&limit=%d%s%s%s%s", escaped_days, LIST_PAGE_MAX,
                 org != NULL ? "&org_id=" : "", escaped_org, cursor[0] != '\0' ? "&cursor=" : "",
                 cursor);
        struct client_call call = {.method = HTTP_GET, .path = PATH_PLAN, .query = query};
        enum cli_exit status = client_call(cli, client, &call, &answer);
        if (status != CLI_DONE) {
            return status;
        }
        json_array_extend(plan, json_object_get(answer.json, "data"));
        snprintf(cursor, sizeof(cursor), "%s", answer_text(answer.json, "next_cursor"));
    } while (cursor[0] != '\0');
    return CLI_DONE;
}

enum cli_exit cmd_rotation_plan(struct cli *cli)
{
    json_t *plan CLEANUP(body_decref_p) = json_array();
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    status = read_plan(cli, client, plan);
    if (status == CLI_DONE && cli_json(cli)) {
        json_t *whole CLEANUP(body_decref_p) = json_pack("{s:O,s:n}", "data", plan, "next_cursor");
        answer_print(whole);
    } else if (status == CLI_DONE) {
        print_plan(plan);
    }
    return status;
}
