/* SPDX-License-Identifier: Apache-2.0 */
/* Whom alerts are told to, and what could not be. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/pages.h"
#include "engine/outbox_port.h"

#define PATH_NOTIFY "/api/v1/notify"
#define PATH_CHANNELS PATH_NOTIFY "/channels"
#define PATH_DEAD PATH_NOTIFY "/dead"
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

/* --- channels ----------------------------------------------------------------------------- */

static void add_number(struct table *table, const json_t *channel, const char *member,
                       enum table_colour colour)
{
    char text[24];
    json_int_t number = json_integer_value(json_object_get(channel, member));
    snprintf(text, sizeof(text), "%lld", (long long)number);
    table_cell(table, text, number > 0 ? colour : TABLE_PLAIN);
}

static void add_channel(struct table *table, const json_t *channel)
{
    bool configured = json_is_true(json_object_get(channel, "configured"));
    const char *success = answer_text(channel, "last_success_at");
    const char *failure = answer_text(channel, "last_failure_at");
    bool failing = strcmp(failure, success) > 0; /* both are UTC, and sort as texts */
    table_cell(table, answer_text(channel, "name"), TABLE_BOLD);
    table_cell(table, configured ? answer_text(channel, "type") : "gone",
               configured ? TABLE_PLAIN : TABLE_BAD);
    table_cell(table, answer_text(channel, "where"), TABLE_PLAIN);
    table_cell(table, answer_text(channel, "severity"), TABLE_PLAIN);
    add_number(table, channel, "waiting", TABLE_PLAIN);
    add_number(table, channel, "sent", TABLE_PLAIN);
    add_number(table, channel, "dead", TABLE_BAD);
    table_cell(table, success, TABLE_PLAIN);
    table_cell(table, failing ? answer_text(channel, "last_error") : "",
               failing ? TABLE_BAD : TABLE_PLAIN);
}

enum cli_exit cmd_notify_list(struct cli *cli)
{
    static const char *const headings[] = {"CHANNEL", "TYPE",         "WHERE",
                                           "FROM",    "WAITING",      "SENT",
                                           "DEAD",    "LAST SUCCESS", "FAILS BECAUSE"};
    static const struct rows channels = {PATH_CHANNELS, headings, COUNT_OF(headings), add_channel,
                                         "No channels."};
    return rows_print(cli, &channels);
}

/* --- testing them ------------------------------------------------------------------------- */

static void tell_test(const struct cli *cli, const json_t *test)
{
    const char *error = answer_text(test, "error"), *said = answer_text(test, "answer");
    long long status = json_integer_value(json_object_get(test, "status"));
    long long duration = json_integer_value(json_object_get(test, "duration_ms"));
    if (cli_json(cli)) {
        answer_print(test);
        return;
    }
    printf("%s: %s%s, %lld ms", answer_text(test, "channel"),
           error[0] == '\0' ? "delivered" : "not delivered: ", error, duration);
    if (status != 0) {
        printf(", status %lld", status);
    }
    printf("%s%s\n", said[0] != '\0' ? ": " : "", said);
}

static enum cli_exit test_one(struct cli *cli, struct client *client, const char *name)
{
    char escaped[3 * RECORD_NAME_BYTES_MAX + 8], path[sizeof(escaped) + 64];
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path};
    if (client_escape(name, escaped, sizeof(escaped))[0] == '\0') {
        return cli_usage(cli->command, "a channel's name has 1 to %d characters",
                         RECORD_NAME_BYTES_MAX);
    }
    snprintf(path, sizeof(path), PATH_CHANNELS "/%s/test", escaped);
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    tell_test(cli, answer.json);
    return json_is_true(json_object_get(answer.json, "delivered")) ? CLI_DONE : CLI_REFUSED;
}

static enum cli_exit test_all(struct cli *cli, struct client *client)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = PATH_CHANNELS};
    enum cli_exit status = client_call(cli, client, &call, &answer), worst = CLI_DONE;
    size_t index;
    json_t *channel;
    if (status != CLI_DONE) {
        return status;
    }
    json_array_foreach(json_object_get(answer.json, "data"), index, channel)
    {
        if (json_is_true(json_object_get(channel, "configured"))) {
            status = test_one(cli, client, answer_text(channel, "name"));
            worst = status > worst ? status : worst;
        }
    }
    return worst;
}

enum cli_exit cmd_notify_test(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    return cli->arguments.operand_count > 0 ? test_one(cli, client, cli->arguments.operands[0])
                                            : test_all(cli, client);
}

/* --- dead letters ------------------------------------------------------------------------- */

enum cli_exit cmd_notify_dead(struct cli *cli)
{
    static const char *const headings[] = {"MESSAGE", "CHANNEL", "TYPE",    "SEVERITY",
                                           "DEAD AT", "TRIES",   "BECAUSE", "SUMMARY"};
    static const char *const members[] = {"id",      "channel", "type",  "severity",
                                          "dead_at", "tries",   "error", "summary"};
    static const char *const filters[][2] = {{"channel", "channel"}};
    const struct pages pages = {
        .path = PATH_DEAD,
        .headings = headings,
        .members = members,
        .columns = COUNT_OF(headings),
        .filters = filters,
        .filter_count = COUNT_OF(filters),
        .none = "No dead letters.",
    };
    return pages_print(cli, &pages);
}

/* Of one message, or of all; `done` is what was done. */
static enum cli_exit act(struct cli *cli, enum http_method method, const char *suffix,
                         const char *done)
{
    bool all = arguments_has(&cli->arguments, "all");
    char base[PAGES_PATH_SIZE] = PATH_DEAD, path[PAGES_PATH_SIZE + 8];
    struct client *client CLEANUP(client_close_p) = NULL;
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = method, .path = path};
    enum cli_exit status;
    if (all == (cli->arguments.operand_count > 0)) {
        return cli_usage(cli->command, "which message? MESSAGE-ID, or --all");
    }
    if (!all && !pages_path(cli, PATH_DEAD, "message", OUTBOX_ID_CHARS, base)) {
        return CLI_USAGE;
    }
    snprintf(path, sizeof(path), "%s%s", base, suffix);
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE && cli_json(cli)) {
        answer_print(answer.json);
    } else if (status == CLI_DONE) {
        long long count = json_integer_value(json_object_get(answer.json, "count"));
        printf("%lld message%s %s.\n", count, count == 1 ? "" : "s", done);
    }
    return status;
}

enum cli_exit cmd_notify_retry(struct cli *cli)
{
    return act(cli, HTTP_POST, "/retry", "will be tried again");
}

enum cli_exit cmd_notify_drop(struct cli *cli)
{
    bool sure = arguments_has(&cli->arguments, "yes");
    if (!sure && !isatty(STDIN_FILENO)) {
        return cli_usage(cli->command,
                         "this cannot be undone, and there is nobody to ask: add --yes");
    }
    if (!sure && !terminal_confirm("Forget what could not be delivered?")) {
        return cli_fail(CLI_REFUSED, "nothing was dropped");
    }
    return act(cli, HTTP_DELETE, "", "dropped");
}
