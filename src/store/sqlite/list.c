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
 *   revoked, disabled, quarantined, expired, not_yet_valid
 *              their partial indexes
 *   org        tokens_org       rows of one org, in order
 *   nothing    the table, backwards
 *
 * What else the filter asks is then looked at row by row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
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

static const char *choose_index(const struct token_filter *filter)
{
    if (filter->user_id != NULL) {
        return "tokens_user";
    }
    if (filter->name != NULL) {
        return "tokens_name";
    }
    bool by_status = !(filter->epochs_pending && filter->status == TOKEN_REVOKED);
    if (filter->has_status && by_status && status_rows[filter->status].index != NULL) {
        return status_rows[filter->status].index;
    }
    return filter->org_id != NULL ? "tokens_org" : NULL;
}

static void add_conditions(struct buffer *sql, const struct token_filter *filter, bool cursor)
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
    if (cursor) {
        buffer_add_text(sql, " AND t.number < ?5");
    }
}

tkr_error_t list_write_sql(struct buffer *sql, const struct token_filter *filter, bool cursor)
{
    const char *index = choose_index(filter);
    buffer_add_text(sql, "SELECT " TOKEN_COLUMNS_FULL " FROM tokens t ");
    if (index != NULL) {
        buffer_print(sql, "INDEXED BY %s", index);
    } else {
        buffer_add_text(sql, "NOT INDEXED");
    }
    buffer_add_text(sql, TOKEN_JOINS " WHERE true");
    add_conditions(sql, filter, cursor);
    buffer_add_text(sql, " ORDER BY t.number DESC LIMIT ?6");
    return buffer_status(sql);
}

static void bind_filter(sqlite3_stmt *statement, const struct token_filter *filter,
                        const int64_t *before)
{
    bind_text(statement, PARAMETER_ORG, filter->org_id);
    bind_text(statement, PARAMETER_USER, filter->user_id);
    bind_text(statement, PARAMETER_NAME, filter->name);
    bind_integer(statement, PARAMETER_NOW, filter->now_ms);
    if (before != NULL) {
        bind_integer(statement, PARAMETER_BEFORE, *before);
    }
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
        TRY(page_cursor(arena, number, &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

static tkr_error_t list_on(struct connection *connection, const struct token_filter *filter,
                           const int64_t *before, struct arena *arena, struct token_page *ret_page)
{
    CLEANUP(buffer_deinit) struct buffer sql;
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    buffer_init(&sql, LIST_SQL_BYTES);
    TRY(list_write_sql(&sql, filter, before != NULL));
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db, sql.data, -1, &statement, NULL)));
    bind_filter(statement, filter, before);
    return read_page(connection, statement, filter, arena, ret_page);
}

tkr_error_t store_list_tokens(struct store *store, const struct token_filter *filter,
                              struct arena *arena, struct token_page *ret_page)
{
    struct connection *connection = NULL;
    int64_t before = 0;
    ENSURE(filter->limit >= 1 && filter->limit <= LIST_PAGE_MAX, TKR_OUT_OF_RANGE);
    if (filter->cursor != NULL) {
        TRY(page_before(&(struct page_of){.cursor = filter->cursor}, &before));
    }
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        list_on(connection, filter, filter->cursor != NULL ? &before : NULL, arena, ret_page);
    reader_return(store, connection);
    return error;
}
