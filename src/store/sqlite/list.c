/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of tokens, newest first. The order is that of the rows' numbers, and a cursor is the
 * number of the last row of a page, so that a page costs the same wherever it is.
 *
 * Which index serves a filter is written down here, not left to the planner: the planner has
 * no statistics of a table that grows from nothing, and a wrong guess is a scan of everything.
 * In order of preference:
 *
 *   user       tokens_user      rows of one user, in order
 *   name       tokens_name      rows of one name (and org), in order
 *   role       tokens_role      rows of one role, in order
 *   revoked, disabled, quarantined, expired, not_yet_valid
 *              their partial indexes
 *   tier, kind tokens_tier, tokens_kind    rows of one org, in order
 *   org        tokens_org       rows of one org that are not revoked, in order; with the revoked
 *                               ones a page of either is read and the two are merged
 *   nothing    the table, backwards
 *
 * What else the filter asks is then looked at row by row.
 *
 * Tokens expire without anybody's doing, so no index can hold "the expired ones" by their
 * numbers, and sorting half a million of them for a page takes a second. Where a list is by
 * that state alone it has the order of its index: what expired last comes first, and of tokens
 * that are not valid yet what will be first. A cursor then has the time, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

#define LIST_SQL_BYTES 4096

/* Numbers of the parameters, as the SQL below names them. */
enum parameter {
    PARAMETER_ORG = 1,
    PARAMETER_USER = 2,
    PARAMETER_NAME = 3,
    PARAMETER_NOW = 4,
    PARAMETER_BEFORE = 5,
    PARAMETER_LIMIT = 6,
    PARAMETER_TIME = 7,
    PARAMETER_TIER = 8,
    PARAMETER_KIND = 9,
    PARAMETER_ROLE = 10,
};

enum order { BY_NUMBER, BY_EXPIRY, BY_BEGINNING };

/* Behind the last row of a page, in its order; `page` tells how it is written. */
static const struct {
    const char *clause, *beyond;
} orders[] = {
    [BY_NUMBER] = {"t.number DESC", "t.number < ?5"},
    [BY_EXPIRY] = {"t.expires_at DESC, t.number DESC", "(t.expires_at, t.number) < (?7, ?5)"},
    [BY_BEGINNING] = {"t.not_before, t.number", "(t.not_before, t.number) > (?7, ?5)"},
};

#define LIVE "t.revoked_at IS NULL AND t.disabled_at IS NULL AND t.quarantined_at IS NULL"

static const struct {
    const char *index; /* that serves the status alone; NULL: none */
    const char *condition;
} status_rows[TOKEN_STATUS_COUNT] = {
    [TOKEN_ACTIVE] = {NULL, LIVE " AND (t.not_before IS NULL OR t.not_before <= ?4)"
                                 " AND (t.expires_at IS NULL OR t.expires_at > ?4)"},
    [TOKEN_DISABLED] = {"tokens_disabled", "t.disabled_at IS NOT NULL AND t.revoked_at IS NULL"},
    [TOKEN_QUARANTINED] = {"tokens_quarantined",
                           "t.quarantined_at IS NOT NULL AND t.revoked_at IS NULL"
                           " AND t.disabled_at IS NULL"},
    [TOKEN_NOT_YET_VALID] = {"tokens_not_before", "t.not_before > ?4 AND " LIVE},
    [TOKEN_EXPIRED] = {"tokens_expires", "t.expires_at <= ?4 AND " LIVE
                                         " AND (t.not_before IS NULL OR t.not_before <= ?4)"},
    [TOKEN_REVOKED] = {"tokens_revoked", "t.revoked_at IS NOT NULL"},
};

/* Neither revoked nor expired; a token that is not valid yet has not expired. */
static const char current_condition[] =
    "t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?4"
    " OR t.disabled_at IS NOT NULL OR t.quarantined_at IS NOT NULL"
    " OR coalesce(t.not_before > ?4, 0))";

/* Covered by an emergency revocation that the row does not say yet. */
#define COVERED                                                                                    \
    "EXISTS (SELECT 1 FROM epochs e INDEXED BY epochs_pending WHERE e.settled = 0 "                \
    "AND " EPOCH_COVERS ")"

/* How a filter is served. */
struct plan {
    const char *index; /* NULL: none */
    enum order order;
    bool merged; /* revoked ones and others, of an org */
};

static bool by_status(const struct token_filter *filter, struct plan *ret_plan)
{
    bool covered_too = filter->epochs_pending && filter->status == TOKEN_REVOKED;
    if (!filter->has_status || covered_too || status_rows[filter->status].index == NULL) {
        return false;
    }
    *ret_plan = (struct plan){.index = status_rows[filter->status].index};
    ret_plan->order = filter->status == TOKEN_EXPIRED         ? BY_EXPIRY
                      : filter->status == TOKEN_NOT_YET_VALID ? BY_BEGINNING
                                                              : BY_NUMBER;
    return true;
}

static struct plan choose(const struct token_filter *filter)
{
    struct plan plan = {NULL, BY_NUMBER, false};
    const struct {
        bool asked;
        const char *index;
    } members[] = {
        {filter->user_id != NULL, "tokens_user"},
        {filter->name != NULL, "tokens_name"},
        {filter->role != NULL, "tokens_role"},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].asked) {
            plan.index = members[i].index;
            return plan;
        }
    }
    if (by_status(filter, &plan) || filter->org_id == NULL) {
        return plan;
    }
    if (filter->tier != NULL || filter->has_kind) {
        plan.index = filter->tier != NULL ? "tokens_tier" : "tokens_kind";
        return plan;
    }
    bool revoked_too =
        filter->has_status ? filter->status == TOKEN_REVOKED : filter->include_inactive;
    plan.merged = revoked_too && !filter->has_status;
    plan.index = revoked_too ? NULL : "tokens_org";
    return plan;
}

static void add_members(struct buffer *sql, const struct token_filter *filter)
{
    if (filter->user_id != NULL && filter->org_id != NULL) {
        buffer_add_text(sql, " AND t.user = (SELECT number FROM users WHERE id = ?2 AND org ="
                             " (SELECT number FROM orgs WHERE id = ?1))");
    } else if (filter->user_id != NULL) {
        buffer_add_text(sql, " AND t.user IN (SELECT number FROM users WHERE id = ?2)");
    } else if (filter->org_id != NULL) {
        buffer_add_text(sql, " AND t.org = (SELECT number FROM orgs WHERE id = ?1)");
    }
    if (filter->name != NULL) {
        buffer_add_text(sql, " AND t.name = ?3");
    }
    if (filter->role != NULL) {
        buffer_add_text(sql,
                        filter->org_id != NULL
                            ? " AND t.role = (SELECT number FROM roles WHERE name = ?10 AND org"
                              " IN (0, (SELECT number FROM orgs WHERE id = ?1)))"
                            : " AND t.role IN (SELECT number FROM roles WHERE name = ?10)");
    }
    if (filter->tier != NULL) {
        buffer_add_text(sql, " AND t.tier = (SELECT number FROM tiers WHERE name = ?8)");
    }
    if (filter->has_kind) {
        buffer_add_text(sql, " AND t.kind = ?9");
    }
}

static void add_status(struct buffer *sql, const struct token_filter *filter)
{
    if (filter->has_status && filter->status == TOKEN_REVOKED && filter->epochs_pending) {
        buffer_add_text(sql, " AND (t.revoked_at IS NOT NULL OR " COVERED ")");
    } else if (filter->has_status) {
        buffer_print(sql, " AND %s", status_rows[filter->status].condition);
    } else if (!filter->include_inactive) {
        buffer_print(sql, " AND %s", current_condition);
    }
    bool revoked_too =
        filter->has_status ? filter->status == TOKEN_REVOKED : filter->include_inactive;
    if (filter->epochs_pending && !revoked_too) {
        buffer_add_text(sql, " AND NOT " COVERED);
    }
}

/* A page of each half, of which one page is made. */
#define HALF(index, condition, beyond)                                                             \
    "SELECT number FROM (SELECT number FROM tokens INDEXED BY " index                              \
    " WHERE org = (SELECT number FROM orgs WHERE id = ?1) AND revoked_at IS " condition beyond     \
    " ORDER BY number DESC LIMIT ?6)"
#define MERGED(beyond)                                                                             \
    " FROM (" HALF("tokens_org", "NULL", beyond) " UNION ALL " HALF(                               \
        "tokens_revoked", "NOT NULL", beyond) " ORDER BY 1 DESC LIMIT ?6) page"                    \
                                              " CROSS JOIN tokens t ON t.number = page.number"

tkr_error_t list_write_sql(struct buffer *sql, const struct token_filter *filter, bool cursor)
{
    struct plan plan = choose(filter);
    buffer_add_text(sql, "SELECT " TOKEN_COLUMNS_FULL);
    if (plan.merged) {
        buffer_add_text(sql, cursor ? MERGED(" AND number < ?5") : MERGED(""));
    } else if (plan.index != NULL) {
        buffer_print(sql, " FROM tokens t INDEXED BY %s", plan.index);
    } else {
        buffer_add_text(sql, " FROM tokens t NOT INDEXED");
    }
    buffer_add_text(sql, TOKEN_JOINS " WHERE true");
    if (!plan.merged) {
        add_members(sql, filter);
        add_status(sql, filter);
        buffer_print(sql, cursor ? " AND %s" : "%s", cursor ? orders[plan.order].beyond : "");
    }
    buffer_print(sql, " ORDER BY %s LIMIT ?6", orders[plan.order].clause);
    return buffer_status(sql);
}

/* Where a page begins: behind this row. */
struct place {
    int64_t number, time_ms;
};

/* `n12`, or `t1767225600000.12` where the order has a time. */
static tkr_error_t parse_place(const char *cursor, enum order order, struct place *ret_place)
{
    uint64_t time_ms = 0, number = 0;
    if (order == BY_NUMBER) {
        return page_before(&(struct page_of){.cursor = cursor}, &ret_place->number);
    }
    size_t length = strnlen(cursor, STORE_CURSOR_BYTES_MAX + 1);
    const char *dot = memchr(cursor, '.', length);
    ENSURE(length <= STORE_CURSOR_BYTES_MAX && cursor[0] == 't' && dot != NULL, TKR_INVALID);
    ENSURE(text_parse_u64(cursor + 1, (size_t)(dot - cursor) - 1, &time_ms) == TKR_OK &&
               text_parse_u64(dot + 1, strlen(dot + 1), &number) == TKR_OK,
           TKR_INVALID);
    ENSURE(time_ms <= INT64_MAX && number <= INT64_MAX, TKR_INVALID);
    *ret_place = (struct place){(int64_t)number, (int64_t)time_ms};
    return TKR_OK;
}

static tkr_error_t write_place(struct arena *arena, enum order order, const struct token *token,
                               int64_t number, const char **ret_cursor)
{
    if (order == BY_NUMBER) {
        return page_cursor(arena, number, ret_cursor);
    }
    int64_t time_ms = order == BY_EXPIRY ? token->expires_at_ms : token->not_before_ms;
    *ret_cursor = arena_print(arena, "t%lld.%lld", (long long)time_ms, (long long)number);
    return *ret_cursor != NULL ? TKR_OK : TKR_TOO_LARGE;
}

/* What a statement does not name is not bound. */
static void bind_filter(sqlite3_stmt *statement, const struct token_filter *filter,
                        const struct place *place)
{
    bind_text(statement, PARAMETER_ORG, filter->org_id);
    bind_text(statement, PARAMETER_USER, filter->user_id);
    bind_text(statement, PARAMETER_NAME, filter->name);
    bind_integer(statement, PARAMETER_NOW, filter->now_ms);
    if (place != NULL) {
        bind_integer(statement, PARAMETER_BEFORE, place->number);
        bind_integer(statement, PARAMETER_TIME, place->time_ms);
    }
    bind_text(statement, PARAMETER_TIER, filter->tier);
    bind_integer(statement, PARAMETER_KIND, filter->kind);
    bind_text(statement, PARAMETER_ROLE, filter->role);
    bind_integer(statement, PARAMETER_LIMIT, (int64_t)filter->limit + 1);
}

/* One row more than asked for tells that there is a next page. */
static tkr_error_t read_page(struct connection *connection, sqlite3_stmt *statement,
                             const struct token_filter *filter, struct arena *arena,
                             struct token_page *ret_page)
{
    struct token_page page = {.tokens = arena_alloc(arena, filter->limit * sizeof(struct token))};
    int64_t number = 0;
    ENSURE(page.tokens != NULL, TKR_TOO_LARGE);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && page.count < filter->limit) {
        struct token *token = &page.tokens[page.count++];
        TRY(row_token(connection, statement, arena, token, &number));
        token->status = token_status_at(token, filter->now_ms);
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        TRY(write_place(arena, choose(filter).order, &page.tokens[page.count - 1], number,
                        &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

static tkr_error_t list_on(struct connection *connection, const struct token_filter *filter,
                           const struct place *place, struct arena *arena,
                           struct token_page *ret_page)
{
    CLEANUP(buffer_deinit) struct buffer sql;
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    buffer_init(&sql, LIST_SQL_BYTES);
    TRY(list_write_sql(&sql, filter, place != NULL));
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db, sql.data, -1, &statement, NULL)));
    bind_filter(statement, filter, place);
    return read_page(connection, statement, filter, arena, ret_page);
}

tkr_error_t store_list_tokens(struct store *store, const struct token_filter *filter,
                              struct arena *arena, struct token_page *ret_page)
{
    struct connection *connection = NULL;
    struct place place = {0, 0};
    ENSURE(filter->limit >= 1 && filter->limit <= LIST_PAGE_MAX, TKR_OUT_OF_RANGE);
    if (filter->cursor != NULL) {
        TRY(parse_place(filter->cursor, choose(filter).order, &place));
    }
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        list_on(connection, filter, filter->cursor != NULL ? &place : NULL, arena, ret_page);
    reader_return(store, connection);
    return error;
}
