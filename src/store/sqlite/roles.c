/* SPDX-License-Identifier: Apache-2.0 */
/* Roles. The org 0 stands for all; a name is either of all or of single ones, so that within
 * one organisation it means one role. */
#include <string.h>

#include "store/sqlite/store.h"

/* The order of ROLE_COLUMNS. */
enum column {
    COLUMN_NUMBER,
    COLUMN_ORG,
    COLUMN_NAME,
    COLUMN_SCOPES,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_VERSION,
};

static const char *keep(struct arena *arena, sqlite3_stmt *statement, int column)
{
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static tkr_error_t row_role(sqlite3_stmt *statement, struct arena *arena, struct role *ret_role,
                            int64_t *ret_number)
{
    bool of_all = sqlite3_column_type(statement, COLUMN_ORG) == SQLITE_NULL;
    struct role role = {
        .org_id = of_all ? NULL : keep(arena, statement, COLUMN_ORG),
        .name = keep(arena, statement, COLUMN_NAME),
        .scopes = keep(arena, statement, COLUMN_SCOPES),
        .created_at_ms = sqlite3_column_int64(statement, COLUMN_CREATED),
        .updated_at_ms = sqlite3_column_int64(statement, COLUMN_UPDATED),
        .version = (uint64_t)sqlite3_column_int64(statement, COLUMN_VERSION),
    };
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_number = sqlite3_column_int64(statement, COLUMN_NUMBER);
    *ret_role = role;
    return TKR_OK;
}

static tkr_error_t fetch_role(struct connection *connection, const char *org_id, const char *name,
                              struct arena *arena, struct role *ret_role)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(connection_prepare(connection, STATEMENT_GET_ROLE, &statement));
    bind_text(statement, 1, org_id);
    bind_text(statement, 2, name);
    TRY(statement_row(connection, statement));
    return row_role(statement, arena, ret_role, &number);
}

tkr_error_t store_read_role(struct store *store, const char *org_id, const char *name,
                            struct arena *arena, struct role *ret_role)
{
    return fetch_role(&store->writer, org_id, name, arena, ret_role);
}

tkr_error_t store_get_role(struct store *store, const char *org_id, const char *name,
                           struct arena *arena, struct role *ret_role)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_role(connection, org_id, name, arena, ret_role);
    reader_return(store, connection);
    return error;
}

/* One row more than asked for tells that there is a next page. */
static tkr_error_t read_page(struct connection *connection, const struct role_filter *filter,
                             int64_t before, struct arena *arena, struct role_page *ret_page)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    size_t limit = filter->page.limit;
    struct role_page page = {.roles = arena_alloc(arena, limit * sizeof(struct role))};
    int64_t number = 0;
    ENSURE(page.roles != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, STATEMENT_LIST_ROLES, &statement));
    bind_text(statement, 1, filter->org_id);
    bind_integer(statement, 2, before);
    bind_integer(statement, 3, (int64_t)limit + 1);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && page.count < limit) {
        TRY(row_role(statement, arena, &page.roles[page.count++], &number));
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        TRY(page_cursor(arena, number, &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

tkr_error_t store_list_roles(struct store *store, const struct role_filter *filter,
                             struct arena *arena, struct role_page *ret_page)
{
    struct connection *connection = NULL;
    int64_t before = 0;
    ENSURE(filter->page.limit >= 1 && filter->page.limit <= LIST_PAGE_MAX, TKR_OUT_OF_RANGE);
    TRY(page_before(&filter->page, &before));
    TRY(reader_take(store, &connection));
    tkr_error_t error = read_page(connection, filter, before, arena, ret_page);
    reader_return(store, connection);
    return error;
}

/* --- changes ----------------------------------------------------------------------------- */

static tkr_error_t count_with(struct store *store, enum statement which, const struct role *role,
                              int64_t org, int64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    if (which == STATEMENT_COUNT_ROLES) {
        bind_integer(statement, 1, org);
    } else {
        bind_text(statement, 1, role->org_id);
        bind_text(statement, 2, role->name);
    }
    TRY(statement_row(&store->writer, statement));
    *ret_count = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_count_role(struct store *store, const struct role *role, uint64_t *ret_tokens)
{
    int64_t count = 0;
    TRY(count_with(store, STATEMENT_COUNT_ROLE_TOKENS, role, 0, &count));
    *ret_tokens = (uint64_t)count;
    return TKR_OK;
}

/* TKR_NOT_FOUND: the name is free. */
static tkr_error_t find_other(struct store *store, const struct role *role)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_OTHER_ROLE, &statement));
    bind_text(statement, 1, role->name);
    bind_integer(statement, 2, role->org_id != NULL);
    return statement_row(&store->writer, statement);
}

static tkr_error_t insert_role(struct store *store, const struct role *role)
{
    int64_t org = 0, count = 0;
    tkr_error_t other = find_other(store, role);
    ENSURE(other == TKR_NOT_FOUND, other == TKR_OK ? TKR_CONFLICT : other);
    if (role->org_id != NULL) { /* a new one has no roles: nothing below is refused then */
        TRY(store_ensure_org(store, role->org_id, role->created_at_ms, &org));
    }
    TRY(count_with(store, STATEMENT_COUNT_ROLES, role, org, &count));
    ENSURE(count < ROLES_PER_ORG_MAX, TKR_CAPACITY);
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_INSERT_ROLE, &statement));
    bind_integer(statement, 1, org);
    bind_text(statement, 2, role->name);
    bind_text(statement, 3, role->scopes);
    bind_integer(statement, 4, role->created_at_ms);
    bind_integer(statement, 5, role->updated_at_ms);
    return statement_run(&store->writer, statement);
}

static tkr_error_t update_role(struct store *store, const struct role *role)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_UPDATE_ROLE, &statement));
    bind_text(statement, 1, role->org_id);
    bind_text(statement, 2, role->name);
    bind_text(statement, 3, role->scopes);
    bind_integer(statement, 4, role->updated_at_ms);
    bind_integer(statement, 5, (int64_t)role->version);
    TRY(statement_run(&store->writer, statement));
    return sqlite3_changes(store->writer.db) == 1 ? TKR_OK : TKR_PRECONDITION;
}

tkr_error_t store_put_role(struct store *store, struct role *role, const struct store_event *event)
{
    TRY(role->version == 0 ? insert_role(store, role) : update_role(store, role));
    if (event != NULL) {
        TRY(store_insert_event(store, event));
    }
    store->changed = true;
    role->version++;
    return TKR_OK;
}

tkr_error_t store_delete_role(struct store *store, const struct role *role,
                              const struct store_event *event)
{
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_DELETE_ROLE, &statement));
        bind_text(statement, 1, role->org_id);
        bind_text(statement, 2, role->name);
        TRY(statement_run(&store->writer, statement));
    }
    return store_insert_event(store, event);
}
