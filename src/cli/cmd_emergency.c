/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/pages.h"

#define PATH_EMERGENCY "/api/v1/auth/emergency-revoke"

static const char *const headings[] = {"WHEN",   "ORG",     "USER",  "KIND",
                                       "TOKENS", "SETTLED", "REASON"};

/* --- so far ---------------------------------------------------------------------------------- */

static void add_row(struct table *table, const json_t *epoch)
{
    char tokens[32];
    static const char *const texts[] = {"revoked_until", "org_id", "user_id", "kind"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = answer_text(epoch, texts[i]);
        table_cell(table, text[0] != '\0' ? text : "all", i == 0 ? TABLE_BOLD : TABLE_PLAIN);
    }
    snprintf(tokens, sizeof(tokens), "%lld",
             (long long)json_integer_value(json_object_get(epoch, "tokens")));
    table_cell(table, tokens, TABLE_PLAIN);
    table_cell(table, json_is_true(json_object_get(epoch, "settled")) ? "yes" : "not yet",
               TABLE_PLAIN);
    table_cell(table, answer_text(epoch, "reason"), TABLE_PLAIN);
}

static enum cli_exit list(struct cli *cli)
{
    static const struct rows epochs = {PATH_EMERGENCY, headings,
                                       sizeof(headings) / sizeof(headings[0]), add_row,
                                       "No emergency revocations."};
    return rows_print(cli, &epochs);
}

/* --- one more -------------------------------------------------------------------------------- */

static void describe(const struct cli *cli, char *out, size_t size)
{
    const char *user = arguments_value(&cli->arguments, "user");
    const char *org = arguments_value(&cli->arguments, "org");
    const char *kind = arguments_value(&cli->arguments, "kind");
    snprintf(out, size, "all %s%stokens%s%s%s%s", kind != NULL ? kind : "", kind != NULL ? " " : "",
             user != NULL ? " of user " : "", user != NULL ? user : "",
             org != NULL ? " of organisation " : "", org != NULL ? org : "");
}

static enum cli_exit check(const struct cli *cli)
{
    const struct arguments *arguments = &cli->arguments;
    bool some = arguments_has(arguments, "user") || arguments_has(arguments, "org") ||
                arguments_has(arguments, "kind");
    if (!arguments_has(arguments, "reason")) {
        return cli_usage(cli->command, "--reason is needed");
    }
    if (some == arguments_has(arguments, "everything")) {
        return cli_usage(cli->command,
                         "say what to revoke: --user, --org, --kind, or --everything alone");
    }
    if (!arguments_has(arguments, "yes") && !isatty(STDIN_FILENO)) {
        return cli_usage(cli->command,
                         "this cannot be undone, and there is nobody to ask: add --yes");
    }
    return CLI_DONE;
}

static enum cli_exit revoke_them(struct cli *cli, struct client *client)
{
    json_t *body CLEANUP(body_decref_p) = json_object();
    body_text(body, "reason", cli, "reason");
    body_text(body, "user_id", cli, "user");
    body_text(body, "org_id", cli, "org");
    body_text(body, "kind", cli, "kind");
    if (arguments_has(&cli->arguments, "everything")) {
        json_object_set_new(body, "all", json_true());
    }
    json_object_set_new(body, "spare_caller",
                        json_boolean(!arguments_has(&cli->arguments, "own-too")));
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = PATH_EMERGENCY, .body = body};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    const char *spared = answer_text(answer.json, "spared_token_id");
    printf("Revoked what was made until %s.\n", answer_text(answer.json, "revoked_until"));
    if (spared[0] != '\0') {
        printf("Spared %s, which this command used.\n", spared);
    }
    return CLI_DONE;
}

enum cli_exit cmd_emergency(struct cli *cli)
{
    if (arguments_has(&cli->arguments, "list")) {
        return list(cli);
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status = check(cli);
    if (status != CLI_DONE) {
        return status;
    }
    char what[1024], question[sizeof(what) + 32];
    describe(cli, what, sizeof(what));
    snprintf(question, sizeof(question), "Revoke %s for good?", what);
    if (!arguments_has(&cli->arguments, "yes") && !terminal_confirm(question)) {
        return cli_fail(CLI_REFUSED, "nothing was revoked");
    }
    return client_open(cli, false, &client, &status) ? revoke_them(cli, client) : status;
}
