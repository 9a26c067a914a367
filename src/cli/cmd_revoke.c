/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "cli/find.h"
#include "cli/record.h"

/* Asks, telling what it is about. */
static enum cli_exit confirm(struct cli *cli, struct client *client, const char *path)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = path};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    bool older = answer_text(answer.json, "rotated_from")[0] != '\0' &&
                 answer_text(answer.json, "replaced_by")[0] == '\0';
    char question[1024];
    snprintf(question, sizeof(question), "Revoke %s (%s of %s, %s)%s%s for good?",
             answer_text(answer.json, "id"), answer_text(answer.json, "name"),
             answer_text(answer.json, "user_id"), answer_text(answer.json, "status"),
             older ? ", its older versions" : "",
             arguments_has(&cli->arguments, "children") ? " and all that it made" : "");
    if (!terminal_confirm(question)) {
        return cli_fail(CLI_REFUSED, "nothing was revoked");
    }
    return CLI_DONE;
}

static long long count_in(const struct client_answer *answer, const char *member)
{
    return (long long)json_integer_value(json_object_get(answer->json, member));
}

static void print_revoked(const struct client_answer *answer, const char *id, bool children)
{
    long long versions = count_in(answer, "versions_changed");
    printf("Revoked %s.\n", id);
    if (versions > 0) {
        printf("Revoked %lld version%s that lived on beside it.\n", versions,
               versions == 1 ? "" : "s");
    }
    if (children) {
        long long family = count_in(answer, "children_revoked");
        printf("Revoked %lld token%s that descend%s from it.\n", family, family == 1 ? "" : "s",
               family == 1 ? "s" : "");
    }
}

static enum cli_exit revoke_for_good(struct cli *cli, struct client *client, const char *path)
{
    const char *reason = arguments_value(&cli->arguments, "reason");
    bool children = arguments_has(&cli->arguments, "children");
    char escaped[3 * REVOKE_REASON_BYTES_MAX + 8], query[sizeof(escaped) + 32];
    snprintf(query, sizeof(query), "children=%s", children ? "true" : "false");
    if (reason != NULL) {
        if (strlen(reason) > REVOKE_REASON_BYTES_MAX) {
            return cli_usage(cli->command, "--reason has at most %d bytes",
                             REVOKE_REASON_BYTES_MAX);
        }
        size_t length = strlen(query);
        snprintf(query + length, sizeof(query) - length, "&reason=%s",
                 client_escape(reason, escaped, sizeof(escaped)));
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_DELETE, .path = path, .query = query};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli) && answer.json != NULL) {
        answer_print(answer.json);
    } else if (!cli_json(cli)) {
        print_revoked(&answer, strrchr(path, '/') + 1, children);
    }
    return CLI_DONE;
}

enum cli_exit cmd_revoke(struct cli *cli)
{
    struct find find CLEANUP(find_release) = {0};
    bool sure = arguments_has(&cli->arguments, "yes");
    if (!sure && !isatty(STDIN_FILENO)) {
        return cli_usage(cli->command,
                         "this cannot be undone, and there is nobody to ask: add --yes");
    }
    enum cli_exit status = find_read(cli, &find);
    if (status != CLI_DONE) {
        return status;
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    char path[FIND_PATH_SIZE];
    status = find_path(cli, client, &find, true, path);
    if (status == CLI_DONE && !sure) {
        status = confirm(cli, client, path);
    }
    return status == CLI_DONE ? revoke_for_good(cli, client, path) : status;
}
