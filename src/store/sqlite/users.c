/* SPDX-License-Identifier: Apache-2.0 */
/* Users as things of their own; that a token makes its user when new is in write.c. */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

#define LIST_SQL_BYTES 1024

/* The order of USER_COLUMNS. */
enum column {
    COLUMN_NUMBER,
    COLUMN_ORG,
    COLUMN_ID,
    COLUMN_TIER,
    COLUMN_EMAIL,
    COLUMN_METADATA,
    COLUMN_OVERRIDES,
    COLUMN_SUSPENDED,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_VERSION,
};

/* --- reading ----------------------------------------------------------------------------- */

static const char *keep_optional(struct arena *arena, sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static tkr_error_t row_user(sqlite3_stmt *statement, struct arena *arena, struct user *ret_user,
                            int64_t *ret_number)
{
    struct user user = {
        .org_id = keep_optional(arena, statement, COLUMN_ORG),
        .id = keep_optional(arena, statement, COLUMN_ID),
        .tier = keep_optional(arena, statement, COLUMN_TIER),
        .email = keep_optional(arena, statement, COLUMN_EMAIL),
        .metadata = keep_optional(arena, statement, COLUMN_METADATA),
        .suspended_at_ms = sqlite3_column_int64(statement, COLUMN_SUSPENDED),
        .created_at_ms = sqlite3_column_int64(statement, COLUMN_CREATED),
        .updated_at_ms = sqlite3_column_int64(statement, COLUMN_UPDATED),
        .version = (uint64_t)sqlite3_column_int64(statement, COLUMN_VERSION),
    };
    TRY(row_limits(statement, COLUMN_OVERRIDES, &user.overrides));
    user.metadata = user.metadata != NULL ? user.metadata : "{}";
    if (user.updated_at_ms == 0) { /* made by its first token, and as it was then */
        user.updated_at_ms = user.created_at_ms;
    }
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_number = sqlite3_column_int64(statement, COLUMN_NUMBER);
    *ret_user = user;
    return TKR_OK;
}

static tkr_error_t fetch_user(struct connection *connection, const char *org_id,
                              const char *user_id, struct arena *arena, struct user *ret_user)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(connection_prepare(connection, STATEMENT_GET_USER, &statement));
    bind_text(statement, 1, org_id);
    bind_text(statement, 2, user_id);
    TRY(statement_row(connection, statement));
    return row_user(statement, arena, ret_user, &number);
}

tkr_error_t store_read_user(struct store *store, const char *org_id, const char *user_id,
                            struct arena *arena, struct user *ret_user)
{
    return fetch_user(&store->writer, org_id, user_id, arena, ret_user);
}

tkr_error_t store_get_user(struct store *store, const char *org_id, const char *user_id,
                           struct arena *arena, struct user *ret_user)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_user(connection, org_id, user_id, arena, ret_user);
    reader_return(store, connection);
    return error;
}

/* --- lists: as those of tokens, see list.c ------------------------------------------------ */

static const char *choose_index(const struct user_filter *filter)
{
    if (filter->has_suspended && filter->suspended) {
        return "INDEXED BY users_suspended";
    }
    if (filter->org_id != NULL) {
        return filter->tier != NULL ? "INDEXED BY users_tier" : "INDEXED BY users_org";
    }
    return "NOT INDEXED";
}

static tkr_error_t write_sql(struct buffer *sql, const struct user_filter *filter)
{
    buffer_print(sql, "SELECT " USER_COLUMNS " FROM users u %s" USER_JOINS " WHERE u.number < ?3",
                 choose_index(filter));
    if (filter->org_id != NULL) {
        buffer_add_text(sql, " AND u.org = (SELECT number FROM orgs WHERE id = ?1)");
    }
    if (filter->tier != NULL) {
        buffer_add_text(sql, " AND u.tier IS NOT NULL"
                             " AND u.tier = (SELECT number FROM tiers WHERE name = ?2)");
    }
    if (filter->has_suspended) {
        buffer_print(sql, " AND u.suspended_at IS %sNULL", filter->suspended ? "NOT " : "");
    }
    buffer_add_text(sql, " ORDER BY u.number DESC LIMIT ?4");
    return buffer_status(sql);
}

/* One row more than asked for tells that there is a next page. */
static tkr_error_t read_page(struct connection *connection, sqlite3_stmt *statement,
                             const struct user_filter *filter, struct arena *arena,
                             struct user_page *ret_page)
{
    size_t limit = filter->page.limit;
    struct user_page page = {.users = arena_alloc(arena, limit * sizeof(struct user))};
    int64_t number = 0;
    ENSURE(page.users != NULL, TKR_TOO_LARGE);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && page.count < limit) {
        TRY(row_user(statement, arena, &page.users[page.count++], &number));
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        TRY(page_cursor(arena, number, &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

static tkr_error_t list_on(struct connection *connection, const struct user_filter *filter,
                           int64_t before, struct arena *arena, struct user_page *ret_page)
{
    CLEANUP(buffer_deinit) struct buffer sql;
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    buffer_init(&sql, LIST_SQL_BYTES);
    TRY(write_sql(&sql, filter));
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db, sql.data, -1, &statement, NULL)));
    bind_text(statement, 1, filter->org_id);
    bind_text(statement, 2, filter->tier);
    bind_integer(statement, 3, before);
    bind_integer(statement, 4, (int64_t)filter->page.limit + 1);
    return read_page(connection, statement, filter, arena, ret_page);
}

tkr_error_t store_list_users(struct store *store, const struct user_filter *filter,
                             struct arena *arena, struct user_page *ret_page)
{
    struct connection *connection = NULL;
    int64_t before = 0;
    ENSURE(filter->page.limit >= 1 && filter->page.limit <= LIST_PAGE_MAX, TKR_OUT_OF_RANGE);
    TRY(page_before(&filter->page, &before));
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_on(connection, filter, before, arena, ret_page);
    reader_return(store, connection);
    return error;
}

/* --- changes ----------------------------------------------------------------------------- */

static void bind_metadata(sqlite3_stmt *statement, int index, const char *metadata)
{
    if (strcmp(metadata, "{}") != 0) {
        bind_text(statement, index, metadata);
    }
}

static tkr_error_t run_insert(struct store *store, const struct user *user, int64_t org)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    char overrides[LIMITS_TEXT_SIZE];
    int64_t tier = 0;
    if (user->tier != NULL) {
        TRY(store_find_tier(store, user->tier, &tier));
    }
    TRY(connection_prepare(&store->writer, STATEMENT_CREATE_USER, &statement));
    bind_text(statement, 1, user->id);
    bind_integer(statement, 2, org);
    bind_integer_optional(statement, 3, tier);
    bind_text_optional(statement, 4, user->email);
    bind_metadata(statement, 5, user->metadata);
    bind_text_optional(statement, 6, limits_format(&user->overrides, overrides));
    bind_integer_optional(statement, 7, user->suspended_at_ms);
    bind_integer(statement, 8, user->created_at_ms);
    bind_integer(statement, 9, user->updated_at_ms);
    return statement_run(&store->writer, statement);
}

static tkr_error_t find_user(struct store *store, const struct user *user)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_USER, &statement));
    bind_text(statement, 1, user->org_id);
    bind_text(statement, 2, user->id);
    return statement_row(&store->writer, statement);
}

tkr_error_t store_insert_user(struct store *store, const struct user *user,
                              const struct store_event *event)
{
    int64_t org = 0, tier = 0;
    if (user->tier != NULL) { /* before the org is made */
        TRY(store_find_tier(store, user->tier, &tier));
    }
    tkr_error_t found = find_user(store, user);
    ENSURE(found == TKR_NOT_FOUND, found == TKR_OK ? TKR_CONFLICT : found);
    TRY(store_ensure_org(store, user->org_id, user->created_at_ms, &org));
    TRY(run_insert(store, user, org));
    return store_insert_event(store, event);
}

static tkr_error_t run_update(struct store *store, const struct user *user)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    char overrides[LIMITS_TEXT_SIZE];
    int64_t tier = 0;
    if (user->tier != NULL) {
        TRY(store_find_tier(store, user->tier, &tier));
    }
    store_forget(store);
    TRY(connection_prepare(&store->writer, STATEMENT_UPDATE_USER, &statement));
    bind_text(statement, 1, user->org_id);
    bind_text(statement, 2, user->id);
    bind_integer_optional(statement, 3, tier);
    bind_text_optional(statement, 4, user->email);
    bind_metadata(statement, 5, user->metadata);
    bind_text_optional(statement, 6, limits_format(&user->overrides, overrides));
    bind_integer_optional(statement, 7, user->suspended_at_ms);
    bind_integer(statement, 8, user->updated_at_ms);
    bind_integer(statement, 9, (int64_t)user->version);
    TRY(statement_run(&store->writer, statement));
    return sqlite3_changes(store->writer.db) == 1 ? TKR_OK : TKR_PRECONDITION;
}

tkr_error_t store_update_user(struct store *store, struct user *user,
                              const struct store_event *event)
{
    TRY(run_update(store, user));
    TRY(store_insert_event(store, event));
    user->version++;
    return TKR_OK;
}
