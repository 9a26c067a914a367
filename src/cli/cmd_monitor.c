/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that end soon, and what was told of tokens lately. */
#include <stdio.h>
#include <string.h>

#include "cli/pages.h"

#define PATH_MONITOR "/api/v1/monitor"
#define QUERY_SIZE 1024
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static enum table_colour colour_of(const char *severity)
{
    bool bad = strcmp(severity, "critical") == 0 || strcmp(severity, "high") == 0;
    return bad ? TABLE_BAD : strcmp(severity, "medium") == 0 ? TABLE_BOLD : TABLE_PLAIN;
}

static void print_expiring(const json_t *expiring, const json_t *days)
{
    static const char *const headings[] = {"SEVERITY", "EXPIRES AT", "IN USE", "KIND",
                                           "USER",     "TOKEN",      "NAME"};
    struct table table CLEANUP(table_release);
    size_t index;
    json_t *token;
    json_int_t total = json_integer_value(json_object_get(expiring, "total"));
    printf("%lld token%s end%s within %lld days, %lld of them in use\n", (long long)total,
           total == 1 ? "" : "s", total == 1 ? "s" : "", (long long)json_integer_value(days),
           (long long)json_integer_value(json_object_get(expiring, "in_use")));
    table_init(&table, headings, COUNT_OF(headings), terminal_colour(stdout));
    json_array_foreach(json_object_get(expiring, "tokens"), index, token)
    {
        const char *severity = answer_text(token, "severity");
        bool in_use = json_is_true(json_object_get(token, "in_use"));
        table_cell(&table, severity, colour_of(severity));
        table_cell(&table, answer_text(token, "expires_at"), TABLE_PLAIN);
        table_cell(&table, in_use ? "yes" : "no", in_use ? TABLE_BOLD : TABLE_FAINT);
        table_cell(&table, answer_text(token, "kind"), TABLE_PLAIN);
        table_cell(&table, answer_text(token, "user_id"), TABLE_PLAIN);
        table_cell(&table, answer_text(token, "token_id"), TABLE_PLAIN);
        table_cell(&table, answer_text(token, "name"), TABLE_PLAIN);
    }
    (void)table_print(&table, stdout);
}

static void print_alerts(const json_t *alerts)
{
    static const char *const headings[] = {"SEVERITY", "AT", "TYPE", "ALERT"};
    struct table table CLEANUP(table_release);
    size_t index;
    json_t *alert;
    if (!json_is_array(alerts)) {
        puts("\nAlerts are told to who has scope audit:read.");
        return;
    }
    printf("\n%zu alert%s about tokens in the last 7 days%s\n", json_array_size(alerts),
           json_array_size(alerts) == 1 ? "" : "s",
           json_array_size(alerts) >= 100 ? ", or more: see `tokenry audit list`" : "");
    table_init(&table, headings, COUNT_OF(headings), terminal_colour(stdout));
    json_array_foreach(alerts, index, alert)
    {
        const char *severity = answer_text(alert, "severity");
        table_cell(&table, severity, colour_of(severity));
        table_cell(&table, answer_text(alert, "at"), TABLE_PLAIN);
        table_cell(&table, answer_text(alert, "type"), TABLE_PLAIN);
        table_cell(&table, answer_text(alert, "summary"), TABLE_PLAIN);
    }
    (void)table_print(&table, stdout);
}

static enum cli_exit run(struct cli *cli, struct client *client, const char *query)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = PATH_MONITOR, .query = query};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    print_expiring(json_object_get(answer.json, "expiring"), json_object_get(answer.json, "days"));
    print_alerts(json_object_get(answer.json, "alerts"));
    return CLI_DONE;
}

/* Each filter that was given, percent-encoded. */
static void write_query(const struct cli *cli, char query[QUERY_SIZE])
{
    static const char *const filters[][2] = {
        {"days", "days"}, {"limit", "limit"}, {"org_id", "org"}};
    size_t length = 0;
    query[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        const char *value = arguments_value(&cli->arguments, filters[i][1]);
        char escaped[3 * ORG_ID_BYTES_MAX + 1];
        if (value != NULL) {
            length += (size_t)snprintf(query + length, QUERY_SIZE - length, "%s%s=%s",
                                       length > 0 ? "&" : "", filters[i][0],
                                       client_escape(value, escaped, sizeof(escaped)));
        }
    }
}

enum cli_exit cmd_monitor(struct cli *cli)
{
    char query[QUERY_SIZE];
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    write_query(cli, query);
    return client_open(cli, false, &client, &status)
               ? run(cli, client, query[0] != '\0' ? query : NULL)
               : status;
}
