/* SPDX-License-Identifier: Apache-2.0 */
/*
 * It is read by somebody who was woken up, on a terminal that scrolls: what the token is comes
 * first, and what to do comes last, where the eye is when the page has been printed. Whatever is
 * nothing has no line.
 */
#include "cli/blast_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/record.h"
#include "cli/table.h"

#define VALUE_BYTES_MAX (16 * 1024)
#define SHARES_SHOWN 8
#define EVENTS_SHOWN 8
#define CELL_COLUMNS_MAX 40
#define COMMAND_SIZE (16 * 1024)

struct page {
    const struct cli *cli;
    const json_t *report;
    bool colour, failed;
};

/* --- pieces ----------------------------------------------------------------------------------- */

static const json_t *member(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static int64_t count_of(const json_t *object, const char *name)
{
    return json_integer_value(member(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(member(object, name));
}

/* A line of its own; a table makes control characters harmless. */
static void print_text(struct page *page, const char *indent, enum table_colour colour,
                       const char *text)
{
    static const char *const headings[] = {""};
    struct table table CLEANUP(table_release);
    table_init(&table, headings, 1, page->colour);
    table.headings_printed = true;
    table_cell(&table, text, colour);
    printf("%s", indent);
    page->failed |= !table_print(&table, stdout);
}

static void heading(struct page *page, const char *text)
{
    printf("\n");
    print_text(page, "", TABLE_BOLD, text);
}

/* To the second; "" for none. Written into `out`. */
static const char *time_text(const json_t *object, const char *name, char out[TEXT_TIME_SIZE])
{
    const char *text = answer_text(object, name);
    int64_t time_ms = 0;
    bool is_time = text_parse_time(text, strlen(text), &time_ms) == TKR_OK;
    return is_time ? text_format_time(time_ms - time_ms % 1000, out) : text;
}

/* A section of labels and values. */
static struct table section_begin(const struct page *page)
{
    static const char *const headings[] = {"            ", "VALUE"};
    struct table table;
    table_init(&table, headings, 2, page->colour);
    table.headings_printed = true; /* the labels are enough */
    return table;
}

static void section_end(struct page *page, struct table *table)
{
    page->failed |= !table_print(table, stdout);
    table_release(table);
}

static void line(struct table *table, const char *label, enum table_colour colour,
                 const char *format, ...) PRINTF_LIKE(4, 5);
static void line(struct table *table, const char *label, enum table_colour colour,
                 const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        table->failed = true;
        return;
    }
    if (length > 0) {
        table_cell(table, label, TABLE_FAINT);
        table_cell(table, text, colour);
    }
    free(text);
}

static void line_of_value(struct table *table, const char *label, const json_t *value)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, VALUE_BYTES_MAX);
    if (value != NULL) {
        record_value(value, &text);
    }
    line(table, label, TABLE_PLAIN, "%s", text.data != NULL ? text.data : "");
}

/* `valid 12, revoked 3, and 4 others`. */
static void line_of_shares(struct table *table, const char *label, const json_t *shares)
{
    struct buffer text CLEANUP(buffer_deinit);
    size_t count = json_array_size(shares);
    buffer_init(&text, VALUE_BYTES_MAX);
    buffer_add_text(&text, "");
    for (size_t i = 0; i < count && i < SHARES_SHOWN; i++) {
        const json_t *share = json_array_get(shares, i);
        buffer_print(&text, "%s%s %" PRId64, i > 0 ? ", " : "", answer_text(share, "label"),
                     count_of(share, "count"));
    }
    if (count > SHARES_SHOWN) {
        buffer_print(&text, ", and %zu others", count - SHARES_SHOWN);
    }
    line(table, label, TABLE_PLAIN, "%s", text.data != NULL ? text.data : "");
}

/* --- what it is ------------------------------------------------------------------------------- */

static void print_now(struct table *table, const json_t *report)
{
    const json_t *token = member(report, "token");
    char at[TEXT_TIME_SIZE];
    const char *until = time_text(report, "live_until", at);
    const char *reason = answer_text(token, "revoke_reason");
    if (is_true(report, "live")) {
        line(table, "now", TABLE_BAD, "ACCEPTED, %s%s", until[0] != '\0' ? "until " : "for ever",
             until);
        return;
    }
    const char *answer = answer_text(report, "answer");
    char since_member[64]; /* revoked_at and the like */
    snprintf(since_member, sizeof(since_member), "%s_at",
             strcmp(answer, "expired") == 0 ? "expires" : answer);
    const char *since = time_text(token, since_member, at);
    bool bracket = answer_text(token, "revoked_at")[0] != '\0' && reason[0] != '\0';
    line(table, "now", TABLE_GOOD, "refused: %s%s%s%s%s%s", answer,
         since[0] != '\0' ? ", since " : "", since, bracket ? " (" : "", bracket ? reason : "",
         bracket ? ")" : "");
}

static void print_token(struct page *page)
{
    const json_t *report = page->report, *token = member(report, "token");
    const json_t *made = member(report, "made");
    char at[TEXT_TIME_SIZE];
    struct table table = section_begin(page);
    line(&table, "token", TABLE_BOLD, "%s", answer_text(token, "id"));
    print_now(&table, report);
    line(&table, "name", TABLE_PLAIN, "%s", answer_text(token, "name"));
    line(&table, "of", TABLE_PLAIN, "%s, organisation %s", answer_text(token, "user_id"),
         answer_text(token, "org_id"));
    line(&table, "kind", TABLE_PLAIN, "%s, %s, begins with %s", answer_text(token, "kind"),
         answer_text(token, "env"), answer_text(token, "display_prefix"));
    const char *by_token = answer_text(made, "by_token");
    line(&table, "made", TABLE_PLAIN, "%s%s%s%s%s%s%s, source %s",
         time_text(token, "created_at", at), made != NULL && json_is_object(made) ? " by " : "",
         answer_text(made, "by_user"), by_token[0] != '\0' ? " with " : "", by_token,
         answer_text(made, "client")[0] != '\0' ? " from " : "", answer_text(made, "client"),
         answer_text(token, "source"));
    line(&table, "last use", TABLE_PLAIN, "%s", time_text(token, "last_used_at", at));
    section_end(page, &table);
}

/* --- what it could reach ---------------------------------------------------------------------- */

static void print_abilities(struct table *table, const json_t *abilities)
{
    size_t index;
    json_t *ability;
    json_array_foreach(abilities, index, ability)
    {
        const json_t *calls = member(ability, "calls");
        const char *scope = answer_text(ability, "scope");
        char more[32] = "";
        if (json_array_size(calls) > 1) {
            snprintf(more, sizeof(more), ", and %zu more", json_array_size(calls) - 1);
        }
        line(table, index == 0 ? "of Tokenry" : " ", TABLE_PLAIN, "%s: %s%s",
             scope[0] != '\0' ? scope : "any token", json_string_value(json_array_get(calls, 0)),
             more);
    }
}

static void print_credits(struct table *table, const json_t *credits)
{
    char at[TEXT_TIME_SIZE];
    const json_t *refill = member(credits, "refill");
    if (!json_is_object(credits)) {
        line(table, "credits", TABLE_PLAIN, "unlimited");
    } else if (!json_is_object(refill)) {
        line(table, "credits", TABLE_PLAIN, "%" PRId64 " left", count_of(credits, "remaining"));
    } else {
        line(table, "credits", TABLE_PLAIN, "%" PRId64 " left, then %" PRId64 " %s from %s on",
             count_of(credits, "remaining"), count_of(refill, "amount"),
             answer_text(refill, "interval"), time_text(credits, "reset_at", at));
    }
}

static void print_reach(struct page *page)
{
    const json_t *reach = member(page->report, "reach");
    struct table table = section_begin(page);
    heading(page, "IT COULD REACH");
    if (is_true(reach, "everything")) {
        line(&table, "scopes", TABLE_BAD, "* (everything)");
    } else {
        line_of_value(&table, "scopes", member(reach, "scopes"));
    }
    line_of_value(&table, "role", member(reach, "role"));
    print_abilities(&table, member(reach, "abilities"));
    line_of_value(&table, "limits", member(reach, "limits"));
    line_of_value(&table, "of its user", member(reach, "user_limits"));
    print_credits(&table, member(reach, "credits"));
    if (json_array_size(member(reach, "networks")) == 0) {
        line(&table, "networks", TABLE_PLAIN, "any");
    } else {
        line_of_value(&table, "networks", member(reach, "networks"));
    }
    section_end(page, &table);
}

/* --- what it did ------------------------------------------------------------------------------ */

static void print_newest(struct page *page, const json_t *events)
{
    static const char *const headings[] = {"WHEN", "WHAT", "TOKEN", "NAME", "FROM", "PROGRAM"};
    const json_t *newest = member(events, "newest");
    static const char *const members[] = {"at",         "type",   "token_id",
                                          "token_name", "client", "user_agent"};
    struct table table CLEANUP(table_release);
    table_init(&table, headings, sizeof(headings) / sizeof(headings[0]), page->colour);
    table.cell_columns_max = CELL_COLUMNS_MAX;
    for (size_t i = 0; i < json_array_size(newest) && i < EVENTS_SHOWN; i++) {
        for (size_t j = 0; j < sizeof(members) / sizeof(members[0]); j++) {
            char at[TEXT_TIME_SIZE];
            table_cell(&table, time_text(json_array_get(newest, i), members[j], at),
                       j == 1 ? TABLE_BOLD : TABLE_PLAIN);
        }
    }
    page->failed |= !table_print(&table, stdout);
}

static void line_of_events(struct table *table, const char *label, enum table_colour colour,
                           const json_t *events)
{
    char first[TEXT_TIME_SIZE], last[TEXT_TIME_SIZE];
    int64_t count = count_of(events, "count");
    line(table, label, count > 0 ? colour : TABLE_PLAIN, "%" PRId64 "%s%s%s%s%s", count,
         is_true(events, "complete") ? "" : " and more", count > 0 ? ", from " : "",
         time_text(events, "first_at", first), count > 0 ? " to " : "",
         time_text(events, "last_at", last));
}

static void print_did(struct page *page)
{
    const json_t *did = member(page->report, "did");
    const json_t *tries = member(did, "tries"), *changes = member(did, "changes");
    const json_t *seen = member(did, "verifications");
    char title[64], at[TEXT_TIME_SIZE];
    struct table table = section_begin(page);
    snprintf(title, sizeof(title), "IT DID, IN %" PRId64 " DAYS", count_of(page->report, "days"));
    heading(page, title);
    line(&table, "requests", TABLE_PLAIN, "%" PRId64 " let through, %" PRId64 " refused",
         count_of(did, "requests"), count_of(did, "refused"));
    if (count_of(did, "unattributed") > 0) {
        line(&table, " ", TABLE_PLAIN, "%" PRId64 " of them unattributed",
             count_of(did, "unattributed"));
    }
    if (answer_text(did, "first_use")[0] != '\0') {
        line(&table, "first use", TABLE_PLAIN, "in the %s from %s",
             answer_text(did, "first_use_within"), time_text(did, "first_use", at));
    }
    line(&table, "last use", TABLE_PLAIN, "%s", time_text(did, "last_use", at));
    line_of_shares(&table, "verdicts", member(did, "by_verdict"));
    line_of_shares(&table, "networks", member(did, "by_network"));
    line_of_shares(&table, "endpoints", member(did, "by_endpoint"));
    line_of_events(&table, "on record", TABLE_PLAIN, seen);
    line_of_events(&table, "tried since", TABLE_BAD, tries);
    line_of_events(&table, "changes", TABLE_BAD, changes);
    line_of_shares(&table, " ", member(changes, "by_type"));
    section_end(page, &table);
    if (count_of(seen, "count") + count_of(tries, "count") + count_of(changes, "count") > 0) {
        printf("\n");
        print_newest(page, seen);
        print_newest(page, tries);
        print_newest(page, changes);
    }
}

/* --- its kin ---------------------------------------------------------------------------------- */

static void add_kin(struct table *table, const json_t *relative, const char *const *members,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char at[TEXT_TIME_SIZE];
        struct buffer text CLEANUP(buffer_deinit);
        const json_t *value = member(relative, members[i]);
        bool answer = strcmp(members[i], "answer") == 0;
        buffer_init(&text, VALUE_BYTES_MAX);
        if (value != NULL) {
            record_value(value, &text);
        }
        table_cell(table, json_is_string(value) ? time_text(relative, members[i], at) : text.data,
                   !answer                     ? TABLE_PLAIN
                   : is_true(relative, "live") ? TABLE_BAD
                                               : TABLE_FAINT);
    }
}

static void print_kin(struct page *page, const json_t *kin, const char *const *headings,
                      const char *const *members, size_t columns)
{
    struct table table CLEANUP(table_release);
    table_init(&table, headings, columns, page->colour);
    table.cell_columns_max = CELL_COLUMNS_MAX;
    size_t index;
    json_t *relative;
    json_array_foreach(member(kin, "data"), index, relative)
    {
        add_kin(&table, relative, members, columns);
    }
    page->failed |= !table_print(&table, stdout);
}

static void print_versions(struct page *page)
{
    static const char *const headings[] = {"TOKEN", "ANSWER",   "CURRENT", "MADE",
                                           "ENDS",  "LAST USE", "REQUESTS"};
    static const char *const members[] = {"token_id", "answer",       "current", "created_at",
                                          "ends_at",  "last_used_at", "requests"};
    const json_t *versions = member(page->report, "versions");
    if (json_array_size(member(versions, "data")) < 2) {
        return;
    }
    heading(page, is_true(versions, "complete") ? "ITS VERSIONS" : "ITS VERSIONS, THE NEWEST");
    print_kin(page, versions, headings, members, sizeof(headings) / sizeof(headings[0]));
}

static void print_family(struct page *page)
{
    static const char *const headings[] = {"TOKEN", "ANSWER",   "REACHES MORE", "NAME",
                                           "USER",  "LAST USE", "ENDS",         "MADE BY"};
    static const char *const members[] = {"token_id", "answer",       "exceeds", "name",
                                          "user_id",  "last_used_at", "ends_at", "created_by"};
    const json_t *family = member(page->report, "family");
    char title[128];
    int64_t found = count_of(family, "found");
    if (found == 0) {
        return;
    }
    snprintf(title, sizeof(title),
             "IT MADE %" PRId64 " TOKEN%s%s: %" PRId64 " ACCEPTED, %" PRId64 " REACHING MORE",
             found, found == 1 ? "" : "S", is_true(family, "complete") ? "" : " AND MORE",
             count_of(family, "live"), count_of(family, "reaching_more"));
    heading(page, title);
    print_kin(page, family, headings, members, sizeof(headings) / sizeof(headings[0]));
    if (found > (int64_t)json_array_size(member(family, "data"))) {
        printf("and %" PRId64 " more\n", found - (int64_t)json_array_size(member(family, "data")));
    }
}

/* --- the end of it ---------------------------------------------------------------------------- */

static void print_unknown(struct page *page)
{
    size_t index;
    json_t *sentence;
    heading(page, "NOT KNOWN");
    json_array_foreach(member(page->report, "unknown"), index, sentence)
    {
        print_text(page, "- ", TABLE_PLAIN, json_string_value(sentence));
    }
}

/* Whoever copies it means the authority that this page is from. */
static void print_command(struct page *page, const char *command)
{
    static const char *const ways[] = {"data", "config", "socket"};
    char text[COMMAND_SIZE];
    snprintf(text, sizeof(text), "%s", command);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const char *value = arguments_value(&page->cli->arguments, ways[i]);
        if (value != NULL) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof(text) - length, " --%s ", ways[i]);
            text_append_word(text, sizeof(text), value);
        }
    }
    print_text(page, "", TABLE_BOLD, text);
}

static void print_actions(struct page *page)
{
    const json_t *actions = member(page->report, "actions");
    size_t index;
    json_t *action;
    heading(page, "WHAT TO DO");
    if (json_array_size(actions) == 0) {
        print_text(page, "", TABLE_GOOD, "Nothing: neither it nor what came from it is accepted.");
    }
    json_array_foreach(actions, index, action)
    {
        print_command(page, answer_text(action, "command"));
        print_text(page, "    ", TABLE_PLAIN, answer_text(action, "why"));
    }
}

bool blast_page_print(const struct cli *cli, const json_t *report)
{
    struct page page = {.cli = cli, .report = report, .colour = terminal_colour(stdout)};
    print_token(&page);
    print_reach(&page);
    print_did(&page);
    print_versions(&page);
    print_family(&page);
    print_unknown(&page);
    print_actions(&page);
    return !page.failed;
}
