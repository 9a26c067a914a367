/* SPDX-License-Identifier: Apache-2.0 */
/* What the authority does by itself. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/pages.h"

#define PATH_JOBS "/api/v1/system/jobs"
#define LOOK_MS 200   /* between two looks at a job that runs */
#define PATIENCE_S 30 /* beyond its deadline */
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static enum table_colour colour_of(const json_t *job)
{
    const char *outcome = answer_text(job, "last_outcome");
    bool bad = strcmp(answer_text(job, "state"), "hangs") == 0 || strcmp(outcome, "failed") == 0 ||
               strcmp(outcome, "interrupted") == 0;
    return bad ? TABLE_BAD : strcmp(outcome, "done") == 0 ? TABLE_GOOD : TABLE_PLAIN;
}

static void add_row(struct table *table, const json_t *job)
{
    table_cell(table, answer_text(job, "name"), TABLE_BOLD);
    table_cell(table, answer_text(job, "state"), TABLE_PLAIN);
    table_cell(table, answer_text(job, "last_run_at"), TABLE_PLAIN);
    table_cell(table, answer_text(job, "last_outcome"), colour_of(job));
    table_cell(table, answer_text(job, "next_run_at"), TABLE_PLAIN);
    table_cell(table, answer_text(job, "last_result"), TABLE_PLAIN);
}

enum cli_exit cmd_job_list(struct cli *cli)
{
    static const char *const headings[] = {"JOB",     "STATE",    "LAST RUN",
                                           "OUTCOME", "NEXT RUN", "RESULT"};
    static const struct rows jobs = {PATH_JOBS, headings, COUNT_OF(headings), add_row, "No jobs."};
    return rows_print(cli, &jobs);
}

/* --- running one ------------------------------------------------------------------------------ */

static json_int_t number_of(const json_t *job, const char *member)
{
    return json_integer_value(json_object_get(job, member));
}

/* What the API tells of the job, to be released. NULL: there is none. */
static json_t *find(const json_t *jobs, const char *name)
{
    size_t index;
    json_t *job;
    json_array_foreach(jobs, index, job)
    {
        if (strcmp(answer_text(job, "name"), name) == 0) {
            return json_incref(job);
        }
    }
    return NULL;
}

/* Replaces `*job` with what it is now. */
static enum cli_exit look(struct cli *cli, struct client *client, json_t **job)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = PATH_JOBS};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    json_t *found = find(json_object_get(answer.json, "data"), answer_text(*job, "name"));
    if (found == NULL) {
        return cli_fail(CLI_REFUSED, "what answers is no Tokenry: the job is gone");
    }
    json_decref(*job);
    *job = found;
    return CLI_DONE;
}

/* Until it has ended once more than `runs` times, or nobody can hope any more. */
static enum cli_exit wait_for(struct cli *cli, struct client *client, json_int_t runs, json_t **job)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    json_int_t looks = (number_of(*job, "deadline_s") + PATIENCE_S) * 1000 / LOOK_MS;
    enum cli_exit status = CLI_DONE;
    while (status == CLI_DONE && number_of(*job, "runs") <= runs && looks-- > 0) {
        nanosleep(&pause, NULL);
        status = look(cli, client, job);
    }
    return status != CLI_DONE || number_of(*job, "runs") > runs
               ? status
               : cli_fail(CLI_UNREACHABLE, "it has not ended yet; see `tokenry job list`");
}

static enum cli_exit tell(const struct cli *cli, const json_t *job)
{
    bool done = strcmp(answer_text(job, "last_outcome"), "done") == 0;
    if (cli_json(cli)) {
        answer_print(job);
    } else {
        printf("%s: %s%s%s\n", answer_text(job, "name"), answer_text(job, "last_outcome"),
               answer_text(job, "last_result")[0] != '\0' ? ": " : "",
               answer_text(job, "last_result"));
    }
    return done ? CLI_DONE : CLI_REFUSED;
}

static enum cli_exit run_and_wait(struct cli *cli, struct client *client, const char *path)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (arguments_has(&cli->arguments, "no-wait")) {
        record_print(cli, answer.json);
        return CLI_DONE;
    }
    if (answer.status == 202) {
        status = wait_for(cli, client, number_of(answer.json, "runs"), &answer.json);
    }
    return status == CLI_DONE ? tell(cli, answer.json) : status;
}

enum cli_exit cmd_job_run(struct cli *cli)
{
    char base[PAGES_PATH_SIZE], path[PAGES_PATH_SIZE + 8];
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!pages_path(cli, PATH_JOBS, "job", JOB_NAME_BYTES_MAX, base)) {
        return CLI_USAGE;
    }
    snprintf(path, sizeof(path), "%s/run", base);
    return client_open(cli, false, &client, &status) ? run_and_wait(cli, client, path) : status;
}
