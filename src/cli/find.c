/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/find.h"

#include <string.h>

#include "base/limits.h"
#include "cli/body.h"
#include "token/token_text.h"

#define QUERY_BYTES_MAX 1024
#define PATH_TOKENS "/api/v1/auth/tokens"
#define NAMESAKES_SHOWN 10

void find_release(struct find *find)
{
    token_input_release(&find->token);
}

enum cli_exit find_read(const struct cli *cli, struct find *ret_find)
{
    const struct arguments *arguments = &cli->arguments;
    struct fault fault = {0};
    ret_find->id = arguments->operand_count > 0 ? arguments->operands[0] : NULL;
    ret_find->name = arguments_value(arguments, "name");
    bool from_input = arguments_has(arguments, "token-stdin");
    int ways = (ret_find->id != NULL) + (ret_find->name != NULL) + from_input;
    if (ways != 1) {
        return cli_usage(cli->command, ways == 0
                                           ? "which token? Name it by its ID, --name or "
                                             "--token-stdin"
                                           : "TOKEN-ID, --name and --token-stdin exclude each "
                                             "other");
    }
    if (ret_find->id != NULL) {
        uint8_t id[TOKEN_ID_BYTES];
        char shown[TOKEN_INPUT_SHOWN_SIZE];
        if (token_id_parse(ret_find->id, strlen(ret_find->id), id) != TKR_OK) {
            return cli_usage(cli->command, "%s is no token ID: one is tok_ and 26 characters",
                             token_input_shown(ret_find->id, shown));
        }
    }
    if (from_input && token_input_read(true, &ret_find->token, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    return CLI_DONE;
}

/* The versions of a rotated token have one name, and are one token: its newest version is meant,
 * which alone has none in its place. NULL: there are several tokens, or none. */
static const json_t *the_one(const json_t *list)
{
    const json_t *tokens = json_object_get(list, "data"), *current = NULL;
    const char *lineage_id = answer_text(json_array_get(tokens, 0), "lineage_id");
    size_t count = json_array_size(tokens);
    if (count == 1) {
        return json_array_get(tokens, 0);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *token = json_array_get(tokens, i);
        if (strcmp(answer_text(token, "lineage_id"), lineage_id) != 0) {
            return NULL;
        }
        current = answer_text(token, "replaced_by")[0] == '\0' ? token : current;
    }
    return answer_text(list, "next_cursor")[0] == '\0' ? current : NULL;
}

static enum cli_exit tell_namesakes(const json_t *list)
{
    const json_t *tokens = json_object_get(list, "data");
    size_t count = json_array_size(tokens);
    cli_fail(CLI_REFUSED, "several tokens have this name; name one by its ID:");
    for (size_t i = 0; i < count && i < NAMESAKES_SHOWN; i++) {
        const json_t *token = json_array_get(tokens, i);
        fprintf(stderr, "  %s  %s  %s\n", answer_text(token, "id"), answer_text(token, "user_id"),
                answer_text(token, "status"));
    }
    if (count > NAMESAKES_SHOWN) {
        fprintf(stderr, "  and more: tokenry list --inactive --name NAME\n");
    }
    return CLI_REFUSED;
}

static enum cli_exit by_name(struct cli *cli, struct client *client, const char *name,
                             bool active_only, char ret_id[TOKEN_ID_CHARS + 1])
{
    char escaped[QUERY_BYTES_MAX - 64], query[QUERY_BYTES_MAX];
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    if (client_escape(name, escaped, sizeof(escaped))[0] == '\0') {
        return cli_usage(cli->command, "--name: no token has such a name");
    }
    snprintf(query, sizeof(query), "name=%s&limit=%d%s", escaped, LIST_PAGE_MAX,
             active_only ? "" : "&include_inactive=true");
    struct client_call call = {.method = HTTP_GET, .path = PATH_TOKENS, .query = query};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *token = the_one(answer.json);
    if (json_array_size(json_object_get(answer.json, "data")) == 0) {
        return cli_fail(CLI_REFUSED, "no %stoken has this name", active_only ? "active " : "");
    }
    if (token == NULL) {
        return tell_namesakes(answer.json);
    }
    snprintf(ret_id, TOKEN_ID_CHARS + 1, "%s", answer_text(token, "id"));
    return CLI_DONE;
}

static enum cli_exit by_token(struct cli *cli, struct client *client,
                              const struct token_input *token, char ret_id[TOKEN_ID_CHARS + 1])
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    json_t *body CLEANUP(body_decref_p) = json_object();
    json_object_set_new(body, "token", json_stringn(token->text, token->length));
    json_object_set_new(body, "dry_run", json_true());
    struct client_call call = {.method = HTTP_POST, .path = "/api/v1/verify", .body = body};
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    const char *id = answer_text(answer.json, "token_id");
    if (id[0] == '\0') {
        bool unavailable = strcmp(answer_text(answer.json, "code"), "unavailable") == 0;
        return unavailable ? cli_fail(CLI_UNREACHABLE, "the token cannot be looked up right now")
                           : cli_fail(CLI_REFUSED, "no such token");
    }
    snprintf(ret_id, TOKEN_ID_CHARS + 1, "%s", id);
    return CLI_DONE;
}

enum cli_exit find_path(struct cli *cli, struct client *client, const struct find *find,
                        bool active_only, char ret_path[FIND_PATH_SIZE])
{
    char id[TOKEN_ID_CHARS + 1];
    enum cli_exit status = CLI_DONE;
    if (find->id != NULL) {
        snprintf(id, sizeof(id), "%s", find->id);
    } else if (find->name != NULL) {
        status = by_name(cli, client, find->name, active_only, id);
    } else {
        status = by_token(cli, client, &find->token, id);
    }
    if (status == CLI_DONE) {
        snprintf(ret_path, FIND_PATH_SIZE, PATH_TOKENS "/%s", id);
    }
    return status;
}
