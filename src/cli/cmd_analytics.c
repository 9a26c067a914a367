/* SPDX-License-Identifier: Apache-2.0 */
/* Usage as bars; with --json the API's object. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/find.h"
#include "cli/plot.h"

#define QUERY_SIZE 128
#define PATH_SIZE (FIND_PATH_SIZE + 3 * USER_ID_BYTES_MAX)
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

/* What can stand behind --by: a series of the answer with its step, or one of its lists. */
static const struct by {
    const char *name, *list;
    int64_t step_ms;
    const char *days; /* when none were given; an hour a line, 30 days are too long */
} ways[] = {
    {"day", NULL, DAY_MS, "30"},        {"hour", NULL, HOUR_MS, "2"},
    {"verdict", "by_verdict", 0, "30"}, {"endpoint", "by_endpoint", 0, "30"},
    {"network", "by_network", 0, "30"},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const struct by *way_of(const char *name)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (name == NULL || strcmp(ways[i].name, name) == 0) {
            return &ways[i];
        }
    }
    return NULL;
}

/* --- whose usage ------------------------------------------------------------------------------ */

static enum cli_exit own_org(struct cli *cli, struct client *client, char *ret_org, size_t size)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = "/api/v1/auth/me"};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        snprintf(ret_org, size, "%s", answer_text(answer.json, "org_id"));
    }
    return status;
}

static enum cli_exit subject_path(struct cli *cli, struct client *client, const struct find *find,
                                  bool is_token, char path[PATH_SIZE])
{
    const char *user = arguments_value(&cli->arguments, "user");
    const char *org = arguments_value(&cli->arguments, "org");
    char id[ORG_ID_BYTES_MAX + 1] = "", escaped[3 * USER_ID_BYTES_MAX + 1];
    enum cli_exit status = CLI_DONE;
    if (is_token) {
        status = find_path(cli, client, find, false, path);
        strncat(path, "/analytics", PATH_SIZE - strlen(path) - 1);
        return status;
    }
    if (user == NULL && org == NULL) {
        status = own_org(cli, client, id, sizeof(id));
        org = id;
    }
    const char *name = user != NULL ? user : org;
    snprintf(path, PATH_SIZE, "/api/v1/%s/%s/analytics", user != NULL ? "users" : "orgs",
             client_escape(name, escaped, sizeof(escaped)));
    return status;
}

static void build_query(const struct cli *cli, const struct by *by, char query[QUERY_SIZE])
{
    const struct arguments *arguments = &cli->arguments;
    const char *days = arguments_value(arguments, "days");
    const char *org = arguments_value(arguments, "org");
    char escaped_days[32], escaped[3 * ORG_ID_BYTES_MAX + 1];
    bool hours = by->step_ms == HOUR_MS;
    int length =
        snprintf(query, QUERY_SIZE, "days=%s&step=%s",
                 client_escape(days != NULL ? days : by->days, escaped_days, sizeof(escaped_days)),
                 hours ? "hour" : "day");
    if (arguments_value(arguments, "user") != NULL && org != NULL && length < QUERY_SIZE) {
        snprintf(query + length, (size_t)(QUERY_SIZE - length), "&org_id=%s",
                 client_escape(org, escaped, sizeof(escaped)));
    }
}

/* --- the plot -----------------------------------------------------------------------------------
 */

static int64_t time_of(const json_t *object, const char *member)
{
    const char *text = answer_text(object, member);
    int64_t time_ms = 0;
    return text_parse_time(text, strlen(text), &time_ms) == TKR_OK ? time_ms : 0;
}

static uint64_t count_of(const json_t *object, const char *member)
{
    json_int_t count = json_integer_value(json_object_get(object, member));
    return count > 0 ? (uint64_t)count : 0;
}

/* Every step has a line, also those without a request; nothing is drawn of the future. */
static void add_series(struct plot *plot, const json_t *answer, int64_t step_ms)
{
    const json_t *series = json_object_get(answer, "series");
    int64_t until_ms = time_of(answer, "until"), now_ms = clock_wall_ms(clock_system());
    until_ms = until_ms < now_ms ? until_ms : now_ms;
    size_t next = 0;
    for (int64_t at_ms = time_of(answer, "from"); at_ms > 0 && at_ms < until_ms; at_ms += step_ms) {
        const json_t *point = json_array_get(series, next);
        bool is_there = point != NULL && time_of(point, "at") == at_ms;
        char label[TEXT_TIME_SIZE];
        text_format_time(at_ms, label);
        label[10] = step_ms == DAY_MS ? '\0' : ' ';
        label[step_ms == DAY_MS ? 10 : 16] = '\0';
        plot_bar(plot, label, is_there ? count_of(point, "count") : 0);
        next += is_there;
    }
}

static void add_shares(struct plot *plot, const json_t *shares)
{
    size_t index;
    json_t *share;
    json_array_foreach(shares, index, share)
    {
        plot_bar(plot, answer_text(share, "label"), count_of(share, "count"));
    }
}

static const char *subject_of(const json_t *answer)
{
    static const char *const members[] = {"token_id", "user_id", "org_id"};
    const char *text = "";
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && text[0] == '\0'; i++) {
        text = answer_text(answer, members[i]);
    }
    return text;
}

/* `, 98.7 % succeeded`; nothing when nothing was answered. Cut off, as the API does. */
static const char *success_of(const json_t *answer, char out[32])
{
    const json_t *rate = json_object_get(answer, "success_rate");
    unsigned tenths = (unsigned)(json_number_value(rate) * 1000 + 1e-6);
    snprintf(out, 32, ", %u.%u %% succeeded", tenths / 10 % 1000, tenths % 10);
    return json_is_number(rate) ? out : "";
}

static enum cli_exit print(const json_t *answer, const struct by *by)
{
    struct plot plot CLEANUP(plot_release) = plot_for(stdout);
    char success[32];
    printf("%s: %llu requests in %llu days, %llu refused%s\n", subject_of(answer),
           (unsigned long long)count_of(answer, "requests"),
           (unsigned long long)count_of(answer, "days"),
           (unsigned long long)count_of(answer, "refused"), success_of(answer, success));
    if (by->list == NULL) {
        add_series(&plot, answer, by->step_ms);
    } else {
        add_shares(&plot, json_object_get(answer, by->list));
    }
    if (plot.count == 0) {
        fprintf(stderr, "Nothing was counted by %s.\n", by->name);
    }
    return plot_print(&plot, stdout) ? CLI_DONE
                                     : cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
}

/* --- the command --------------------------------------------------------------------------------
 */

/* A token, or --user and --org, or neither: one's own organisation. */
static enum cli_exit read_subject(const struct cli *cli, struct find *find, bool *ret_token)
{
    const struct arguments *arguments = &cli->arguments;
    bool others = arguments_has(arguments, "user") || arguments_has(arguments, "org");
    *ret_token = arguments->operand_count > 0 || arguments_has(arguments, "name") ||
                 arguments_has(arguments, "token-stdin");
    if (*ret_token && others) {
        return cli_usage(cli->command, "a token and --user or --org exclude each other");
    }
    return *ret_token ? find_read(cli, find) : CLI_DONE;
}

enum cli_exit cmd_analytics(struct cli *cli)
{
    struct find find CLEANUP(find_release) = {0};
    bool is_token = false;
    const struct by *by = way_of(arguments_value(&cli->arguments, "by"));
    if (by == NULL) {
        return cli_usage(cli->command, "--by must be day, hour, verdict, endpoint or network");
    }
    enum cli_exit status = read_subject(cli, &find, &is_token);
    if (status != CLI_DONE) {
        return status;
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    char path[PATH_SIZE] = "", query[QUERY_SIZE];
    status = subject_path(cli, client, &find, is_token, path);
    if (status != CLI_DONE) {
        return status;
    }
    build_query(cli, by, query);
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = path, .query = query};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    return print(answer.json, by);
}
