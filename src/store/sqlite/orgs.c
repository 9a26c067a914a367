/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sqlite/store.h"

/* The order of ORG_COLUMNS. */
enum column {
    COLUMN_NUMBER,
    COLUMN_ID,
    COLUMN_LIFETIMES,
    COLUMN_ONE_ACTIVE,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_VERSION,
};

static tkr_error_t row_org(sqlite3_stmt *statement, struct arena *arena, struct org *ret_org,
                           int64_t *ret_number)
{
    const char *id = column_text(statement, COLUMN_ID);
    struct org org = {
        .id = arena_copy(arena, id, strlen(id)),
        .created_at_ms = sqlite3_column_int64(statement, COLUMN_CREATED),
        .updated_at_ms = sqlite3_column_int64(statement, COLUMN_UPDATED),
        .version = (uint64_t)sqlite3_column_int64(statement, COLUMN_VERSION),
    };
    const char *lifetimes = column_text(statement, COLUMN_LIFETIMES);
    ENSURE(lifetimes_parse(lifetimes, strlen(lifetimes), &org.lifetimes) == TKR_OK, TKR_CORRUPT);
    if (sqlite3_column_type(statement, COLUMN_ONE_ACTIVE) != SQLITE_NULL) {
        bool yes = sqlite3_column_int(statement, COLUMN_ONE_ACTIVE) != 0;
        org.one_active_per_user = yes ? CHOICE_YES : CHOICE_NO;
    }
    if (org.updated_at_ms == 0) {
        org.updated_at_ms = org.created_at_ms;
    }
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_number = sqlite3_column_int64(statement, COLUMN_NUMBER);
    *ret_org = org;
    return TKR_OK;
}

static tkr_error_t fetch_org(struct connection *connection, const char *org_id, struct arena *arena,
                             struct org *ret_org)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    TRY(connection_prepare(connection, STATEMENT_GET_ORG, &statement));
    bind_text(statement, 1, org_id);
    TRY(statement_row(connection, statement));
    return row_org(statement, arena, ret_org, &number);
}

tkr_error_t store_read_org(struct store *store, const char *org_id, struct arena *arena,
                           struct org *ret_org)
{
    return fetch_org(&store->writer, org_id, arena, ret_org);
}

tkr_error_t store_get_org(struct store *store, const char *org_id, struct arena *arena,
                          struct org *ret_org)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_org(connection, org_id, arena, ret_org);
    reader_return(store, connection);
    return error;
}

/* One row more than asked for tells that there is a next page. */
static tkr_error_t read_page(struct connection *connection, uint32_t limit, int64_t before,
                             struct arena *arena, struct org_page *ret_page)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct org_page page = {.orgs = arena_alloc(arena, limit * sizeof(struct org))};
    int64_t number = 0;
    ENSURE(page.orgs != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, STATEMENT_LIST_ORGS, &statement));
    bind_integer(statement, 1, before);
    bind_integer(statement, 2, (int64_t)limit + 1);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && page.count < limit) {
        TRY(row_org(statement, arena, &page.orgs[page.count++], &number));
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        TRY(page_cursor(arena, number, &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

tkr_error_t store_list_orgs(struct store *store, const struct page_of *asked, struct arena *arena,
                            struct org_page *ret_page)
{
    struct connection *connection = NULL;
    int64_t before = 0;
    ENSURE(asked->limit >= 1 && asked->limit <= LIST_PAGE_MAX, TKR_OUT_OF_RANGE);
    TRY(page_before(asked, &before));
    TRY(reader_take(store, &connection));
    tkr_error_t error = read_page(connection, asked->limit, before, arena, ret_page);
    reader_return(store, connection);
    return error;
}

/* --- changes ----------------------------------------------------------------------------- */

static void bind_choice(sqlite3_stmt *statement, int index, enum choice choice)
{
    if (choice != CHOICE_OF_SERVER) {
        bind_integer(statement, index, choice == CHOICE_YES);
    }
}

static tkr_error_t count_orgs(struct store *store, int64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_COUNT_ORGS, &statement));
    TRY(statement_row(&store->writer, statement));
    *ret_count = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_insert_org(struct store *store, const struct org *org,
                             const struct store_event *event)
{
    int64_t count = 0;
    TRY(count_orgs(store, &count));
    ENSURE(count < SEGMENT_ORGS_MAX, TKR_CAPACITY);
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        char lifetimes[LIFETIMES_TEXT_SIZE];
        TRY(connection_prepare(&store->writer, STATEMENT_CREATE_ORG, &statement));
        bind_text(statement, 1, org->id);
        bind_text_optional(statement, 2, lifetimes_format(&org->lifetimes, lifetimes));
        bind_choice(statement, 3, org->one_active_per_user);
        bind_integer(statement, 4, org->created_at_ms);
        bind_integer(statement, 5, org->updated_at_ms);
        TRY(statement_run(&store->writer, statement));
    }
    return store_insert_event(store, event);
}

static tkr_error_t run_update(struct store *store, const struct org *org)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    char lifetimes[LIFETIMES_TEXT_SIZE];
    TRY(connection_prepare(&store->writer, STATEMENT_UPDATE_ORG, &statement));
    bind_text(statement, 1, org->id);
    bind_text_optional(statement, 2, lifetimes_format(&org->lifetimes, lifetimes));
    bind_choice(statement, 3, org->one_active_per_user);
    bind_integer(statement, 4, org->updated_at_ms);
    bind_integer(statement, 5, (int64_t)org->version);
    TRY(statement_run(&store->writer, statement));
    return sqlite3_changes(store->writer.db) == 1 ? TKR_OK : TKR_PRECONDITION;
}

tkr_error_t store_update_org(struct store *store, struct org *org, const struct store_event *event)
{
    TRY(run_update(store, org));
    TRY(store_insert_event(store, event));
    org->version++;
    return TKR_OK;
}
