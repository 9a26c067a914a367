/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/json_input.h"
#include "base/text.h"
#include "cli/body.h"
#include "cli/record.h"
#include "cli/token_input.h"
#include "tokenry/verdict.h"

static const char *verdict_sentence(const char *code)
{
    for (int i = 0; i < TKR_VERDICT_COUNT; i++) {
        if (strcmp(tkr_verdict_name((tkr_verdict_t)i), code) == 0) {
            return tkr_verdict_text((tkr_verdict_t)i);
        }
    }
    return "";
}

static void print_member(const json_t *answer, const char *member, const char *label)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 2 * METADATA_BYTES_MAX);
    const json_t *value = json_object_get(answer, member);
    if (value != NULL) {
        record_value(value, &text);
    }
    if (text.length > 0) {
        printf("  %-9s %s\n", label, text.data);
    }
}

static void print_limits(const json_t *limits)
{
    size_t index;
    json_t *window;
    json_array_foreach(limits, index, window)
    {
        printf("  %-9s %lld of %lld left for the %s until %s\n", answer_text(window, "window"),
               (long long)json_integer_value(json_object_get(window, "remaining")),
               (long long)json_integer_value(json_object_get(window, "limit")),
               answer_text(window, "subject"), answer_text(window, "reset_at"));
    }
}

static void print_checks(const json_t *checks)
{
    static const char *const headings[] = {"CHECK", "OUTCOME"};
    struct table table CLEANUP(table_release);
    table_init(&table, headings, 2, terminal_colour(stdout));
    size_t index;
    json_t *check;
    json_array_foreach(checks, index, check)
    {
        const char *outcome = answer_text(check, "outcome");
        table_cell(&table, answer_text(check, "check"), TABLE_PLAIN);
        table_cell(&table, outcome,
                   strcmp(outcome, "failed") == 0   ? TABLE_BAD
                   : strcmp(outcome, "passed") == 0 ? TABLE_GOOD
                                                    : TABLE_FAINT);
    }
    table_print(&table, stdout);
}

static void print_verdict(const json_t *answer)
{
    const char *code = answer_text(answer, "code");
    printf("%s: %s\n", code, verdict_sentence(code));
    static const char *const members[][2] = {{"token_id", "token"},     {"name", "name"},
                                             {"user_id", "user"},       {"tier", "tier"},
                                             {"scopes", "scopes"},      {"expires_at", "expires"},
                                             {"missing_scope", "lacks"}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        print_member(answer, members[i][0], members[i][1]);
    }
    print_limits(json_object_get(answer, "limits"));
    print_checks(json_object_get(answer, "explain"));
}

static enum cli_exit build(const struct cli *cli, const struct token_input *token, json_t *body)
{
    const char *cost = arguments_value(&cli->arguments, "cost");
    uint64_t number = 0;
    json_object_set_new(body, "token", json_stringn(token->text, token->length));
    body_text(body, "user_id", cli, "user");
    body_text(body, "ip", cli, "ip");
    body_list(body, "scopes", cli, "scope");
    if (cost != NULL) {
        if (text_parse_u64(cost, strlen(cost), &number) != TKR_OK || number > VERIFY_COST_MAX) {
            return cli_usage(cli->command, "--cost is a whole number, 0 to %d", VERIFY_COST_MAX);
        }
        json_object_set_new(body, "cost", json_integer((json_int_t)number));
    }
    if (arguments_has(&cli->arguments, "dry-run")) {
        json_object_set_new(body, "dry_run", json_true());
    }
    if (arguments_has(&cli->arguments, "explain")) {
        json_object_set_new(body, "explain", json_true());
    }
    return CLI_DONE;
}

enum cli_exit cmd_verify(struct cli *cli)
{
    struct fault fault = {0};
    bool asked = arguments_has(&cli->arguments, "token-stdin");
    struct token_input token CLEANUP(token_input_release) = {0};
    if (token_input_read(asked, &token, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    json_input_prepare(); /* the body holds the token: wiped when it is freed */
    json_t *body CLEANUP(body_decref_p) = json_object();
    enum cli_exit status = build(cli, &token, body);
    struct client *client CLEANUP(client_close_p) = NULL;
    if (status != CLI_DONE || !client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_POST, .path = "/api/v1/verify", .body = body};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
    } else {
        print_verdict(answer.json);
    }
    if (strcmp(answer_text(answer.json, "code"), "unavailable") == 0) {
        return CLI_UNREACHABLE;
    }
    return json_is_true(json_object_get(answer.json, "valid")) ? CLI_DONE : CLI_REFUSED;
}
