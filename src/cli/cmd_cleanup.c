/* SPDX-License-Identifier: Apache-2.0 */
/* Cleans batch after batch, so that nobody else waits for long, and tells how far it is. */
#include <stdio.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/record.h"
#include "cli/table.h"

/* What is deleted is gone; what expired is refused anyway, so it is revoked without waiting. */
static const char *older_than(const struct cli *cli)
{
    const char *given = arguments_value(&cli->arguments, "older-than");
    const char *unless = arguments_has(&cli->arguments, "deactivate-only") ? "0s" : "90d";
    return given != NULL ? given : unless;
}

/* One call: counts, or cleans a batch. */
static enum cli_exit ask(struct cli *cli, struct client *client, bool dry_run,
                         json_int_t *ret_count, bool *ret_more)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    json_object_set_new(body, "older_than", json_string(older_than(cli)));
    json_object_set_new(body, "deactivate_only",
                        json_boolean(arguments_has(&cli->arguments, "deactivate-only")));
    json_object_set_new(body, "dry_run", json_boolean(dry_run));
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = "/api/v1/auth/cleanup", .body = body};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    *ret_count = json_integer_value(json_object_get(answer.json, "count"));
    *ret_more = json_is_true(json_object_get(answer.json, "more"));
    return status;
}

static enum cli_exit tell(const struct cli *cli, json_int_t count, bool dry_run)
{
    bool revoke = arguments_has(&cli->arguments, "deactivate-only");
    if (cli_json(cli)) {
        json_t *object CLEANUP(body_decref_p) = json_object();
        json_object_set_new(object, "count", json_integer(count));
        json_object_set_new(object, "dry_run", json_boolean(dry_run));
        answer_print(object);
        return CLI_DONE;
    }
    printf("%s %lld token%s.\n",
           dry_run  ? (revoke ? "Would revoke" : "Would delete")
           : revoke ? "Revoked"
                    : "Deleted",
           (long long)count, count == 1 ? "" : "s");
    return CLI_DONE;
}

static enum cli_exit clean(struct cli *cli, struct client *client, json_int_t expected)
{
    json_int_t total = 0, count = 0;
    bool more = true, shown = isatty(STDERR_FILENO) && !cli_json(cli);
    while (more) {
        enum cli_exit status = ask(cli, client, false, &count, &more);
        if (status != CLI_DONE) {
            return status;
        }
        total += count;
        if (shown) {
            fprintf(stderr, "\r%lld of %lld", (long long)total, (long long)expected);
        }
    }
    if (shown) {
        fputs("\r\033[K", stderr);
    }
    return tell(cli, total, false);
}

enum cli_exit cmd_cleanup(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    json_int_t count = 0;
    bool more, dry_run = arguments_has(&cli->arguments, "dry-run");
    bool sure = dry_run || arguments_has(&cli->arguments, "yes");
    if (!sure && !isatty(STDIN_FILENO)) {
        return cli_usage(cli->command,
                         "this cannot be undone, and there is nobody to ask: add --yes");
    }
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    status = ask(cli, client, true, &count, &more);
    if (status != CLI_DONE || dry_run) {
        return status == CLI_DONE ? tell(cli, count, true) : status;
    }
    char question[128];
    snprintf(question, sizeof(question), "%s %lld tokens for good?",
             arguments_has(&cli->arguments, "deactivate-only") ? "Revoke" : "Delete",
             (long long)count);
    if (!sure && !terminal_confirm(question)) {
        return cli_fail(CLI_REFUSED, "nothing was changed");
    }
    return clean(cli, client, count);
}
