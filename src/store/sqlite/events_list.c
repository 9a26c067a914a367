/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the audit log, by the events' numbers. A token, an actor or an org has an index, in this
 * order of preference, those of tokens and orgs strip by strip (see sqlite_004.c); what else is
 * asked is looked at row by row. So that a question that fits nothing does not read the whole log
 * in one go, a page looks at no more than AUDIT_SCAN_EVENTS rows and keeps no more than
 * AUDIT_PAGE_BYTES_MAX of texts: it may be short, or empty, and have a cursor all the same.
 */
#include <string.h>

#include "base/buffer.h"
#include "store/sqlite/store.h"

#define SQL_BYTES 1024

static const char *index_of(const struct event_filter *filter)
{
    return filter->token_id != NULL
               ? " INDEXED BY events_token WHERE number >> 13 = ?5 AND token_id = ?1"
           : filter->actor_token != NULL ? " INDEXED BY events_actor WHERE actor_token = ?2"
           : filter->org_id != NULL
               ? " INDEXED BY events_org WHERE number >> 13 = ?5 AND org_id = ?3"
               : " WHERE 1";
}

static bool goes_by_strips(const struct event_filter *filter)
{
    return filter->token_id != NULL || (filter->actor_token == NULL && filter->org_id != NULL);
}

/* An event may be a little older than the one before, so times end a scan with some slack. */
#define SLACK_MS (3600 * INT64_C(1000))

static bool is_type(const char *type, const char *asked)
{
    size_t length = strlen(asked);
    if (length >= 2 && strcmp(asked + length - 2, ".*") == 0) {
        return strncmp(type, asked, length - 1) == 0;
    }
    return strcmp(type, asked) == 0;
}

static bool is_text(const char *text, const char *asked)
{
    return asked == NULL || strcmp(text, asked) == 0;
}

static bool matches(const struct event_filter *filter, const struct audit_event *event)
{
    const char *const *fields = event->fields;
    return (filter->type == NULL || is_type(fields[AUDIT_FIELD_TYPE], filter->type)) &&
           is_text(fields[AUDIT_FIELD_ORG], filter->org_id) &&
           is_text(fields[AUDIT_FIELD_ACTOR_TOKEN], filter->actor_token) &&
           is_text(fields[AUDIT_FIELD_TOKEN], filter->token_id) &&
           is_text(fields[AUDIT_FIELD_USER], filter->user_id) &&
           is_text(fields[AUDIT_FIELD_VERDICT], filter->verdict) &&
           is_text(fields[AUDIT_FIELD_CLIENT], filter->client) &&
           (filter->from_ms == 0 || event->at_ms >= filter->from_ms) &&
           (filter->until_ms == 0 || event->at_ms < filter->until_ms);
}

struct listing {
    const struct event_filter *filter;
    struct arena *arena;
    struct event_page page;
    size_t bytes;     /* of the texts kept */
    uint64_t looked;  /* rows */
    uint64_t strips;  /* looked into */
    uint64_t reached; /* the number of the last one that the page is done with */
    bool exhausted;   /* the statement has no more rows */
    bool ended;       /* nothing is behind it */
};

static tkr_error_t keep(struct listing *listing, const struct store_log_event *event)
{
    struct store_log_event kept = *event;
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        size_t length = strlen(event->event.fields[i]);
        kept.event.fields[i] = arena_copy(listing->arena, event->event.fields[i], length);
        listing->bytes += length;
    }
    ENSURE(!arena_overflowed(listing->arena), TKR_TOO_LARGE);
    listing->page.events[listing->page.count++] = kept;
    return TKR_OK;
}

static bool is_beyond(const struct event_filter *filter, const struct audit_event *event)
{
    return filter->oldest_first
               ? filter->until_ms != 0 && event->at_ms >= filter->until_ms + SLACK_MS
               : filter->from_ms != 0 && event->at_ms < filter->from_ms - SLACK_MS;
}

static bool is_full(const struct listing *listing)
{
    const struct event_filter *filter = listing->filter;
    uint64_t scan_max = filter->scan_max != 0 ? filter->scan_max : AUDIT_SCAN_EVENTS;
    return listing->page.count == filter->limit || listing->looked >= scan_max ||
           listing->bytes >= AUDIT_PAGE_BYTES_MAX;
}

/* Of a row that is beyond the asked time the page is not done: with the oldest first the cursor
 * stays before it, which is how who follows the log sees that it has ended for the question. */
static tkr_error_t scan(struct connection *connection, sqlite3_stmt *statement,
                        struct listing *listing)
{
    const struct event_filter *filter = listing->filter;
    struct store_log_event event;
    while (!is_full(listing)) {
        tkr_error_t error = statement_row(connection, statement);
        if (error == TKR_NOT_FOUND) {
            listing->exhausted = true;
            return TKR_OK;
        }
        TRY(error);
        events_read(statement, &event);
        listing->looked++;
        if (is_beyond(filter, &event.event)) {
            listing->ended = true;
            return TKR_OK;
        }
        listing->reached = event.event.seq;
        if (matches(filter, &event.event)) {
            TRY(keep(listing, &event));
        }
    }
    return TKR_OK;
}

static tkr_error_t scan_strip(struct connection *connection, sqlite3_stmt *statement, int64_t strip,
                              struct listing *listing)
{
    bool oldest_first = listing->filter->oldest_first;
    int64_t behind = 0;
    sqlite3_reset(statement);
    bind_integer(statement, 5, strip);
    listing->exhausted = false;
    listing->strips++;
    TRY(scan(connection, statement, listing));
    if (listing->exhausted) {
        TRY(events_behind_strip(connection, oldest_first, strip, &behind));
        listing->reached = (uint64_t)behind;
    }
    return TKR_OK;
}

static tkr_error_t scan_strips(struct connection *connection, sqlite3_stmt *statement,
                               struct listing *listing)
{
    while (!listing->ended && !is_full(listing) && listing->strips < AUDIT_SCAN_STRIPS) {
        int64_t strip = 0;
        tkr_error_t error = events_next_strip(connection, listing->filter->oldest_first,
                                              (int64_t)listing->reached, &strip);
        if (error == TKR_NOT_FOUND) {
            listing->ended = true;
            return TKR_OK;
        }
        TRY(error);
        TRY(scan_strip(connection, statement, strip, listing));
    }
    return TKR_OK;
}

static tkr_error_t prepare(struct connection *connection, const struct event_filter *filter,
                           uint64_t position, sqlite3_stmt **ret_statement)
{
    struct buffer sql CLEANUP(buffer_deinit);
    buffer_init(&sql, SQL_BYTES);
    buffer_print(&sql, "SELECT " LOG_COLUMNS " FROM events%s AND number %s ?4 ORDER BY number %s",
                 index_of(filter), filter->oldest_first ? ">" : "<",
                 filter->oldest_first ? "" : "DESC");
    TRY(buffer_status(&sql));
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db, sql.data, -1, ret_statement, NULL)));
    bind_text(*ret_statement, 1, filter->token_id);
    bind_text(*ret_statement, 2, filter->actor_token);
    bind_text(*ret_statement, 3, filter->org_id);
    bind_integer(*ret_statement, 4, (int64_t)position);
    return TKR_OK;
}

static tkr_error_t list_on(struct connection *connection, const struct event_filter *filter,
                           uint64_t position, struct arena *arena, struct event_page *ret_page)
{
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    struct listing listing = {.filter = filter, .arena = arena, .reached = position};
    TRY(prepare(connection, filter, position, &statement));
    listing.page.events = arena_alloc(arena, filter->limit * sizeof(listing.page.events[0]));
    ENSURE(listing.page.events != NULL, TKR_TOO_LARGE);
    if (goes_by_strips(filter)) {
        TRY(scan_strips(connection, statement, &listing));
    } else {
        TRY(scan(connection, statement, &listing));
        listing.ended |= listing.exhausted;
    }
    if (filter->oldest_first || !listing.ended) {
        TRY(page_cursor(arena, (int64_t)listing.reached, &listing.page.next_cursor));
    }
    *ret_page = listing.page;
    return TKR_OK;
}

tkr_error_t store_list_events(struct store *store, const struct event_filter *filter,
                              struct arena *arena, struct event_page *ret_page)
{
    const struct page_of page = {.limit = filter->limit, .cursor = filter->cursor};
    struct connection *connection = NULL;
    int64_t before = 0;
    TRY(page_before(&page, &before));
    uint64_t position = filter->oldest_first && filter->cursor == NULL ? 0 : (uint64_t)before;
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_on(connection, filter, position, arena, ret_page);
    reader_return(store, connection);
    return error;
}
