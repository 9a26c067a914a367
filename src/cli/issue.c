/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/issue.h"

#include "cli/body.h"

void issue_print_warnings(const json_t *token)
{
    size_t index;
    json_t *warning;
    json_array_foreach(json_object_get(token, "warnings"), index, warning)
    {
        fprintf(stderr, "tokenry: warning: %s\n", answer_text(warning, "detail"));
    }
}

static void explain(const json_t *token, bool printed)
{
    const char *expires = answer_text(token, "expires_at");
    fprintf(stderr, "%s token %s (%s) for %s, %s%s.\n",
            json_is_true(json_object_get(token, "replayed")) ? "This key made" : "Made",
            answer_text(token, "id"), answer_text(token, "name"), answer_text(token, "user_id"),
            expires[0] != '\0' ? "valid until " : "which does not expire", expires);
    issue_print_warnings(token);
    const json_t *predecessor = json_object_get(token, "predecessor");
    if (predecessor != NULL) {
        fprintf(stderr, "%s works until %s.\n", answer_text(predecessor, "id"),
                answer_text(predecessor, "expires_at"));
    }
    if (printed) {
        fputs("Keep it now: it is not shown again.\n", stderr);
    }
}

enum cli_exit issue_token(struct cli *cli, struct client *client, const json_t *body)
{
    return issue_token_at(cli, client, "/api/v1/auth/tokens", body);
}

enum cli_exit issue_token_at(struct cli *cli, struct client *client, const char *path,
                             const json_t *body)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = path, .body = body};
    enum cli_exit status = body_key(cli, &call.idempotency_key);
    if (status == CLI_DONE) {
        status = client_call(cli, client, &call, &answer);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    const char *plaintext = answer_text(answer.json, "token");
    explain(answer.json, plaintext[0] != '\0');
    if (plaintext[0] != '\0') {
        puts(plaintext);
    }
    return CLI_DONE;
}
