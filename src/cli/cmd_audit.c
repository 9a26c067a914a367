/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: pages of it, and a copy of it as lines. See cmd_audit_verify.c. */
#include <stdlib.h>
#include <string.h>

#include "api/json_emit.h"
#include "audit/line.h"
#include "base/text.h"
#include "cli/pages.h"

#define PATH_EVENTS "/api/v1/audit/events"
#define PATH_CHAIN "/api/v1/audit/chain"
#define QUERY_BYTES_MAX 8192

static const char *const filters[][2] = {
    {"type", "type"},     {"token_id", "token"}, {"actor_token", "actor"},
    {"user_id", "user"},  {"org_id", "org"},     {"verdict", "verdict"},
    {"client", "client"}, {"from", "from"},      {"until", "until"},
};
#define FILTERS (sizeof(filters) / sizeof(filters[0]))

enum cli_exit cmd_audit_list(struct cli *cli)
{
    static const char *const headings[] = {"SEQ",   "AT",      "TYPE",   "ACTOR", "USER",
                                           "TOKEN", "VERDICT", "CLIENT", "NAME"};
    static const char *const members[] = {"seq",      "at",      "type",   "actor_user", "user_id",
                                          "token_id", "verdict", "client", "token_name"};
    static const struct pages pages = {
        PATH_EVENTS, headings, members,         sizeof(headings) / sizeof(headings[0]),
        filters,     FILTERS,  "No such event."};
    return pages_print(cli, &pages);
}

/* --- export ----------------------------------------------------------------------------------- */

static const char *const columns[] = {
    "seq",     "at",       "type",       "org_id",  "actor_user", "actor_token",
    "user_id", "token_id", "token_name", "verdict", "client",     "user_agent",
    "method",  "endpoint", "request_id", "ray_id",  "details",    "digest",
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* RFC 4180 §2. What a spreadsheet would take for a formula is text to it behind an apostrophe:
 * names and user agents are words of strangers. */
static void print_cell(const char *text)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r\n", text[0]) != NULL;
    if (!formula && strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    fputs(formula ? "\"'" : "\"", stdout);
    for (const char *c = text; *c != '\0'; c++) {
        fputs(*c == '"' ? "\"\"" : (char[]){*c, '\0'}, stdout);
    }
    putchar('"');
}

static void print_csv(const json_t *event)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const json_t *value = json_object_get(event, columns[i]);
        char *text = json_is_string(value) || value == NULL || json_is_null(value)
                         ? NULL
                         : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        const char *plain = json_is_string(value) ? json_string_value(value) : "";
        fputs(i > 0 ? "," : "", stdout);
        print_cell(text != NULL ? text : plain);
        free(text);
    }
    fputs("\r\n", stdout);
}

static json_int_t seq_of(const json_t *event)
{
    return json_integer_value(json_object_get(event, "seq"));
}

/* What makes a copy one that can be held against its chain. */
struct chain {
    bool whole; /* the copy has all events, and begins with where they do */
    struct audit_begin begin;
    bool has_checkpoint;
    struct audit_checkpoint checkpoint;
};

static void print_line(const struct buffer *line)
{
    if (buffer_status(line) == TKR_OK) {
        puts(line->data);
    }
}

/* As the API wrote it: jansson writes other numbers than it reads. */
static void print_event(const json_t *event)
{
    struct buffer line CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&line, AUDIT_LINE_BYTES_MAX);
    emit_begin(&emitter, &line);
    emit_value(&emitter, NULL, event);
    print_line(&line);
}

static void print_begin(const struct audit_begin *begin)
{
    struct buffer line CLEANUP(buffer_deinit);
    buffer_init(&line, AUDIT_LINE_BYTES_MAX);
    audit_line_put_begin(&line, begin);
    print_line(&line);
}

/* Directly behind its event. */
static void print_checkpoint(const struct chain *chain, json_int_t seq)
{
    struct buffer line CLEANUP(buffer_deinit);
    if (!chain->has_checkpoint || chain->checkpoint.seq != (uint64_t)seq) {
        return;
    }
    buffer_init(&line, AUDIT_LINE_BYTES_MAX);
    audit_line_put_checkpoint(&line, &chain->checkpoint);
    print_line(&line);
}

/* Whether one of them is behind `newest`, where the copy ends. */
static bool print_events(const json_t *events, bool csv, const struct chain *chain,
                         json_int_t newest)
{
    size_t index;
    json_t *event;
    json_array_foreach(events, index, event)
    {
        if (seq_of(event) > newest) {
            return true;
        }
        if (csv) {
            print_csv(event);
        } else {
            print_event(event);
            print_checkpoint(chain, seq_of(event));
        }
    }
    return false;
}

static void build_query(const struct cli *cli, const char *cursor, struct buffer *query)
{
    char escaped[3 * 1024];
    buffer_init(query, QUERY_BYTES_MAX);
    buffer_add_text(query, "order=oldest&limit=1000");
    for (size_t i = 0; i < FILTERS; i++) {
        const char *value = arguments_value(&cli->arguments, filters[i][1]);
        if (value != NULL) {
            buffer_print(query, "&%s=%s", filters[i][0],
                         client_escape(value, escaped, sizeof(escaped)));
        }
    }
    if (cursor[0] != '\0') {
        buffer_print(query, "&cursor=%s", client_escape(cursor, escaped, sizeof(escaped)));
    }
}

/* A page, and where the next one begins. */
static enum cli_exit ask(struct cli *cli, struct client *client, const struct buffer *query,
                         struct client_answer *answer, const json_t **ret_events)
{
    if (buffer_status(query) != TKR_OK) {
        return cli_usage(cli->command, "the filters are too long");
    }
    struct client_call call = {.method = HTTP_GET, .path = PATH_EVENTS, .query = query->data};
    enum cli_exit status = client_call(cli, client, &call, answer);
    if (status != CLI_DONE) {
        return status;
    }
    *ret_events = json_object_get(answer->json, "data");
    return json_is_array(*ret_events)
               ? CLI_DONE
               : cli_fail(CLI_REFUSED, "what answers is no Tokenry: there is no list in it");
}

/* The newest event of now: a log that grows as fast as it is copied has an end all the same. */
static enum cli_exit ask_newest(struct cli *cli, struct client *client, json_int_t *ret_seq)
{
    struct buffer query CLEANUP(buffer_deinit);
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    const char *org = arguments_value(&cli->arguments, "org");
    const json_t *events = NULL;
    char escaped[3 * 1024];
    buffer_init(&query, QUERY_BYTES_MAX);
    buffer_add_text(&query, "limit=1");
    if (org != NULL) {
        buffer_print(&query, "&org_id=%s", client_escape(org, escaped, sizeof(escaped)));
    }
    enum cli_exit status = ask(cli, client, &query, &answer, &events);
    if (status == CLI_DONE) {
        *ret_seq = seq_of(json_array_get(events, 0));
    }
    return status;
}

static bool read_hex(const json_t *object, const char *name, uint8_t *ret_bytes, size_t bytes)
{
    const char *text = answer_text(object, name);
    return strlen(text) == 2 * bytes && text_unhex(text, 2 * bytes, ret_bytes) == TKR_OK;
}

static bool read_chain(const json_t *object, struct chain *chain)
{
    const char *line = answer_text(object, "checkpoint");
    struct audit_begin *begin = &chain->begin;
    begin->first_seq = (uint64_t)json_integer_value(json_object_get(object, "first_seq"));
    chain->has_checkpoint = audit_checkpoint_find(line, strlen(line), &chain->checkpoint) == TKR_OK;
    return json_is_true(json_object_get(object, "whole")) &&
           read_hex(object, "store_id", begin->store_id, sizeof(begin->store_id)) &&
           read_hex(object, "base", begin->base, sizeof(begin->base));
}

static bool has_filters(const struct cli *cli)
{
    for (size_t i = 0; i < FILTERS; i++) {
        if (arguments_has(&cli->arguments, filters[i][1])) {
            return true;
        }
    }
    return false;
}

/* Of all events, and for who may read them all. */
static enum cli_exit ask_chain(struct cli *cli, struct client *client, bool csv,
                               struct chain *chain)
{
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = PATH_CHAIN};
    if (csv || has_filters(cli)) {
        return CLI_DONE;
    }
    enum cli_exit status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE && read_chain(answer.json, chain)) {
        chain->whole = true;
        print_begin(&chain->begin);
    } else {
        chain->has_checkpoint = false;
    }
    return status;
}

/* The oldest first, until a page goes no further, or beyond what was the newest. */
static enum cli_exit export_pages(struct cli *cli, struct client *client, bool csv)
{
    char cursor[128] = "";
    json_int_t newest = 0;
    struct chain chain = {0};
    enum cli_exit status = ask_chain(cli, client, csv, &chain);
    if (status == CLI_DONE) {
        status = ask_newest(cli, client, &newest);
    }
    while (status == CLI_DONE) {
        struct buffer query CLEANUP(buffer_deinit);
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        const json_t *events = NULL;
        build_query(cli, cursor, &query);
        status = ask(cli, client, &query, &answer, &events);
        if (status != CLI_DONE) {
            return status;
        }
        const char *next = answer_text(answer.json, "next_cursor");
        bool all = print_events(events, csv, &chain, newest);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            return cli_fail(CLI_REFUSED, "cannot write the copy");
        }
        if (all || next[0] == '\0' || strcmp(next, cursor) == 0) {
            return CLI_DONE;
        }
        snprintf(cursor, sizeof(cursor), "%s", next);
    }
    return status;
}

enum cli_exit cmd_audit_export(struct cli *cli)
{
    const char *format = arguments_value(&cli->arguments, "format");
    bool csv = format != NULL && strcmp(format, "csv") == 0;
    if (format != NULL && !csv && strcmp(format, "ndjson") != 0) {
        return cli_usage(cli->command, "--format is ndjson or csv");
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    for (size_t i = 0; csv && i < COLUMNS; i++) {
        printf("%s%s", i > 0 ? "," : "", columns[i]);
    }
    fputs(csv ? "\r\n" : "", stdout);
    return export_pages(cli, client, csv);
}
