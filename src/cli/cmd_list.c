/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "cli/record.h"

#define QUERY_BYTES_MAX 4096
/* On a terminal; an ID, the longest that must be whole, has 30. */
#define CELL_COLUMNS_MAX 32

static const char *const headings[] = {"ID",   "PREFIX", "NAME",    "USER",    "KIND",
                                       "TIER", "STATUS", "EXPIRES", "REQUESTS"};
#define COLUMNS (sizeof(headings) / sizeof(headings[0]))

/* Where a list goes: a table, or one JSON object whose array is written piece by piece. */
struct listing {
    struct cli *cli;
    struct table table;
    bool json_begun;
    size_t count;
};

static void add_argument(struct buffer *query, const char *name, const char *value)
{
    char escaped[3 * 1024];
    if (value != NULL) {
        buffer_print(query, "%s%s=%s", query->length > 0 ? "&" : "", name,
                     client_escape(value, escaped, sizeof(escaped)));
    }
}

static void build_query(const struct cli *cli, const char *cursor, struct buffer *query)
{
    const struct arguments *arguments = &cli->arguments;
    const char *limit = arguments_value(arguments, "limit");
    bool all = arguments_has(arguments, "all");
    add_argument(query, "user_id", arguments_value(arguments, "user"));
    add_argument(query, "status", arguments_value(arguments, "status"));
    add_argument(query, "include_inactive", arguments_has(arguments, "inactive") ? "true" : NULL);
    add_argument(query, "limit", limit == NULL && all ? "1000" : limit);
    add_argument(query, "cursor",
                 cursor[0] != '\0' ? cursor : arguments_value(arguments, "cursor"));
}

static void print_rows(struct listing *listing, const json_t *tokens)
{
    size_t index;
    json_t *token;
    json_array_foreach(tokens, index, token)
    {
        static const char *const members[] = {"id",   "display_prefix", "name",   "user_id",
                                              "kind", "tier",           "status", "expires_at"};
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            const char *text = answer_text(token, members[i]);
            bool status = strcmp(members[i], "status") == 0;
            table_cell(&listing->table, text, status ? record_status_colour(text) : TABLE_PLAIN);
        }
        struct buffer count CLEANUP(buffer_deinit);
        buffer_init(&count, 32);
        record_value(json_object_get(token, "request_count"), &count);
        table_cell(&listing->table, count.data, TABLE_PLAIN);
    }
    table_print(&listing->table, stdout);
}

static void print_json(struct listing *listing, const json_t *tokens)
{
    size_t index;
    json_t *token;
    fputs(listing->json_begun ? "" : "{\"data\":[", stdout);
    json_array_foreach(tokens, index, token)
    {
        fputs(listing->count + index > 0 ? "," : "", stdout);
        json_dumpf(token, stdout, JSON_COMPACT);
    }
    listing->json_begun = true;
}

static void print_end(struct listing *listing, const char *cursor)
{
    if (cli_json(listing->cli)) {
        json_t *next = cursor[0] != '\0' ? json_string(cursor) : json_null();
        fputs("],\"next_cursor\":", stdout);
        json_dumpf(next, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        fputs("}\n", stdout);
        json_decref(next);
    } else if (cursor[0] != '\0') {
        fprintf(stderr, "There are more: --all, or --cursor %s\n", cursor);
    } else if (listing->count == 0) {
        fputs("No tokens.\n", stderr);
    }
}

static void release(struct listing *listing)
{
    table_release(&listing->table);
}

static enum cli_exit list_pages(struct listing *listing, struct client *client)
{
    char cursor[128] = "";
    do {
        struct buffer query CLEANUP(buffer_deinit);
        buffer_init(&query, QUERY_BYTES_MAX);
        build_query(listing->cli, cursor, &query);
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        struct client_call call = {
            .method = HTTP_GET, .path = "/api/v1/auth/tokens", .query = query.data};
        enum cli_exit status = client_call(listing->cli, client, &call, &answer);
        if (status != CLI_DONE) {
            return status;
        }
        const json_t *tokens = json_object_get(answer.json, "data");
        if (!json_is_array(tokens)) {
            return cli_fail(CLI_REFUSED, "what answers is no Tokenry: there is no list in it");
        }
        if (cli_json(listing->cli)) {
            print_json(listing, tokens);
        } else {
            print_rows(listing, tokens);
        }
        listing->count += json_array_size(tokens);
        snprintf(cursor, sizeof(cursor), "%s", answer_text(answer.json, "next_cursor"));
    } while (cursor[0] != '\0' && arguments_has(&listing->cli->arguments, "all"));
    print_end(listing, cursor);
    return CLI_DONE;
}

enum cli_exit cmd_list(struct cli *cli)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct listing listing CLEANUP(release) = {.cli = cli};
    table_init(&listing.table, headings, COLUMNS, terminal_colour(stdout));
    /* One name of 255 characters would push every column of every row off the screen. Whoever
     * reads a pipe gets all of it. */
    listing.table.cell_columns_max = isatty(STDOUT_FILENO) == 1 ? CELL_COLUMNS_MAX : 0;
    return list_pages(&listing, client);
}
