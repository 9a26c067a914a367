/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All tokens as the JSON that `tokenry import --from json` reads: their digests, never
 * themselves, which nobody has. Page by page, so that any number of them needs the memory of a
 * thousand; one token a line, so that a file of them can be compared.
 */
#include <string.h>

#include "cli/client.h"

#define PATH_EXPORT "/api/v1/auth/tokens/export"
#define EXPORT_VERSION 1
#define QUERY_BYTES_MAX 4096

static void add_argument(struct buffer *query, const char *name, const char *value)
{
    char escaped[3 * 1024];
    if (value != NULL && value[0] != '\0') {
        buffer_print(query, "%s%s=%s", query->length > 0 ? "&" : "", name,
                     client_escape(value, escaped, sizeof(escaped)));
    }
}

static void print_tokens(const json_t *tokens, bool *begun)
{
    size_t index;
    json_t *token;
    json_array_foreach(tokens, index, token)
    {
        fputs(*begun ? ",\n" : "\n", stdout);
        json_dumpf(token, stdout, JSON_COMPACT);
        *begun = true;
    }
}

static enum cli_exit print_pages(struct cli *cli, struct client *client)
{
    char cursor[128] = "";
    bool begun = false;
    printf("{\"object\":\"export\",\"version\":%d,\"tokens\":[", EXPORT_VERSION);
    do {
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        struct buffer query CLEANUP(buffer_deinit);
        buffer_init(&query, QUERY_BYTES_MAX);
        add_argument(&query, "org_id", arguments_value(&cli->arguments, "org"));
        add_argument(&query, "user_id", arguments_value(&cli->arguments, "user"));
        add_argument(&query, "cursor", cursor);
        struct client_call call = {.method = HTTP_GET, .path = PATH_EXPORT, .query = query.data};
        enum cli_exit status = client_call(cli, client, &call, &answer);
        if (status != CLI_DONE) {
            return status; /* without the closing bracket: nobody takes it for all of them */
        }
        const json_t *tokens = json_object_get(answer.json, "tokens");
        if (!json_is_array(tokens)) {
            return cli_fail(CLI_REFUSED, "what answers is no Tokenry: there is no list in it");
        }
        print_tokens(tokens, &begun);
        snprintf(cursor, sizeof(cursor), "%s", answer_text(answer.json, "next_cursor"));
    } while (cursor[0] != '\0');
    fputs("\n]}\n", stdout);
    return CLI_DONE;
}

enum cli_exit cmd_export(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    return print_pages(cli, client);
}
