/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pages.h"

#include <string.h>
#include <unistd.h>

#define QUERY_BYTES_MAX 4096
/* On a terminal; an ID, the longest that must be whole, has 30. */
#define CELL_COLUMNS_MAX 32

/* Where a list goes. */
struct listing {
    struct cli *cli;
    const struct pages *pages;
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

static void build_query(const struct listing *listing, const char *cursor, struct buffer *query)
{
    const struct arguments *arguments = &listing->cli->arguments;
    const char *limit = arguments_value(arguments, "limit");
    for (size_t i = 0; i < listing->pages->filter_count; i++) {
        const char *const *filter = listing->pages->filters[i];
        const char *value = arguments_value(arguments, filter[1]);
        add_argument(query, filter[0], value != NULL && value[0] == '\0' ? "true" : value);
    }
    add_argument(query, "limit", limit == NULL && arguments_has(arguments, "all") ? "1000" : limit);
    add_argument(query, "cursor",
                 cursor[0] != '\0' ? cursor : arguments_value(arguments, "cursor"));
}

static void print_rows(struct listing *listing, const json_t *things)
{
    const struct pages *pages = listing->pages;
    size_t index;
    json_t *thing;
    json_array_foreach(things, index, thing)
    {
        for (size_t i = 0; i < pages->columns; i++) {
            struct buffer text CLEANUP(buffer_deinit);
            const json_t *value = json_object_get(thing, pages->members[i]);
            buffer_init(&text, 2 * METADATA_BYTES_MAX);
            if (value != NULL) {
                record_value(value, &text);
            }
            bool status = strcmp(pages->members[i], "status") == 0 && text.data != NULL;
            table_cell(&listing->table, text.data,
                       status ? record_status_colour(text.data) : TABLE_PLAIN);
        }
    }
    table_print(&listing->table, stdout);
}

static void print_json(struct listing *listing, const json_t *things)
{
    size_t index;
    json_t *thing;
    fputs(listing->json_begun ? "" : "{\"data\":[", stdout);
    json_array_foreach(things, index, thing)
    {
        fputs(listing->count + index > 0 ? "," : "", stdout);
        json_dumpf(thing, stdout, JSON_COMPACT);
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
        fprintf(stderr, "%s\n", listing->pages->none);
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
        build_query(listing, cursor, &query);
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        struct client_call call = {
            .method = HTTP_GET, .path = listing->pages->path, .query = query.data};
        enum cli_exit status = client_call(listing->cli, client, &call, &answer);
        if (status != CLI_DONE) {
            return status;
        }
        const json_t *things = json_object_get(answer.json, "data");
        if (!json_is_array(things)) {
            return cli_fail(CLI_REFUSED, "what answers is no Tokenry: there is no list in it");
        }
        if (cli_json(listing->cli)) {
            print_json(listing, things);
        } else {
            print_rows(listing, things);
        }
        listing->count += json_array_size(things);
        snprintf(cursor, sizeof(cursor), "%s", answer_text(answer.json, "next_cursor"));
    } while (cursor[0] != '\0' && arguments_has(&listing->cli->arguments, "all"));
    print_end(listing, cursor);
    return CLI_DONE;
}

enum cli_exit pages_print(struct cli *cli, const struct pages *pages)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct listing listing CLEANUP(release) = {.cli = cli, .pages = pages};
    table_init(&listing.table, pages->headings, pages->columns, terminal_colour(stdout));
    /* One name of 255 characters would push every column of every row off the screen. Whoever
     * reads a pipe gets all of it. */
    listing.table.cell_columns_max = isatty(STDOUT_FILENO) == 1 ? CELL_COLUMNS_MAX : 0;
    return list_pages(&listing, client);
}

enum cli_exit rows_print(struct cli *cli, const struct rows *rows)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = rows->path};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    struct table table CLEANUP(table_release);
    table_init(&table, rows->headings, rows->columns, terminal_colour(stdout));
    size_t index;
    json_t *thing;
    json_array_foreach(json_object_get(answer.json, "data"), index, thing)
    {
        rows->add(&table, thing);
    }
    if (json_array_size(json_object_get(answer.json, "data")) == 0) {
        fprintf(stderr, "%s\n", rows->none);
    }
    return table_print(&table, stdout) ? CLI_DONE
                                       : cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
}

bool pages_path(struct cli *cli, const char *base, const char *what, size_t bytes_max,
                char ret_path[PAGES_PATH_SIZE])
{
    char escaped[3 * USER_ID_BYTES_MAX + 8];
    if (cli->arguments.operand_count == 0) {
        (void)cli_usage(cli->command, "which %s?", what);
        return false;
    }
    const char *name = cli->arguments.operands[0];
    if (name[0] == '\0' || strlen(name) > bytes_max) {
        (void)cli_usage(cli->command, "the %s has 1 to %zu bytes", what, bytes_max);
        return false;
    }
    snprintf(ret_path, PAGES_PATH_SIZE, "%s/%s", base,
             client_escape(name, escaped, sizeof(escaped)));
    return true;
}

const char *pages_org_query(const struct cli *cli, char out[PAGES_QUERY_SIZE])
{
    char escaped[3 * ORG_ID_BYTES_MAX + 8];
    const char *org = arguments_value(&cli->arguments, "org");
    if (org == NULL) {
        return NULL;
    }
    snprintf(out, PAGES_QUERY_SIZE, "org_id=%s", client_escape(org, escaped, sizeof(escaped)));
    return out;
}

enum cli_exit pages_call(struct cli *cli, const struct client_call *call)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    status = client_call(cli, client, call, &answer);
    if (status == CLI_DONE && answer.json != NULL) {
        record_print(cli, answer.json);
    }
    return status;
}
