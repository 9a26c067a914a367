/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_input.h"
#include "cli/body.h"
#include "cli/issue.h"
#include "cli/token_input.h"

static tkr_error_t build(const struct cli *cli, const struct token_input *chosen, json_t *body,
                         struct fault *fault)
{
    static const char *const texts[][2] = {{"user_id", "user"}, {"name", "name"},
                                           {"kind", "kind"},    {"env", "env"},
                                           {"tier", "tier"},    {"not_before", "not-before"},
                                           {"role", "role"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        body_text(body, texts[i][0], cli, texts[i][1]);
    }
    body_list(body, "scopes", cli, "scope");
    body_list(body, "allowed_ips", cli, "allow-ip");
    body_lifetime(body, cli);
    TRY(body_limits(body, cli, fault));
    TRY(body_metadata(body, cli, fault));
    TRY(body_credits(body, cli, fault));
    if (chosen->text != NULL) {
        json_object_set_new(body, "token", json_stringn(chosen->text, chosen->length));
    }
    if (arguments_has(&cli->arguments, "force")) {
        json_object_set_new(body, "force", json_true());
    }
    if (arguments_has(&cli->arguments, "honeytoken")) {
        json_object_set_new(body, "honeytoken", json_true());
    }
    return TKR_OK;
}

enum cli_exit cmd_create(struct cli *cli)
{
    static const char *const needed[] = {"user", "name"};
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!arguments_has(&cli->arguments, needed[i])) {
            return cli_usage(cli->command, "--%s is needed", needed[i]);
        }
    }
    if (arguments_has(&cli->arguments, "force") && !arguments_has(&cli->arguments, "token-stdin")) {
        return cli_usage(cli->command, "--force is for a token that you chose: it needs "
                                       "--token-stdin");
    }
    struct token_input chosen CLEANUP(token_input_release) = {0};
    if (arguments_has(&cli->arguments, "token-stdin") &&
        token_input_read(true, &chosen, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    json_input_prepare(); /* the body may hold the token: wiped when it is freed */
    json_t *body CLEANUP(body_decref_p) = json_object();
    if (build(cli, &chosen, body, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    return issue_token(cli, client, body);
}
