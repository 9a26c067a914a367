/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of rotation, and the versions that they are about. */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- rows ----------------------------------------------------------------------------------- */

/* The order of SCHEDULE_COLUMNS. */
enum column {
    COLUMN_LINEAGE,
    COLUMN_TARGET,
    COLUMN_MAX_AGE,
    COLUMN_USES_AGE,
    COLUMN_OVERLAP,
    COLUMN_USES,
    COLUMN_WINDOW,
    COLUMN_TIME_ZONE,
    COLUMN_CREATED_AT,
    COLUMN_UPDATED_AT,
    COLUMN_VERSION,
    COLUMN_ROTATING,
    COLUMN_SINCE,
    COLUMN_WISHED,
    COLUMN_OUTCOME,
    COLUMN_OUTCOME_AT,
    COLUMN_ERROR,
    COLUMN_DELIVERED_AT,
    COLUMN_FAILURES,
    COLUMN_UNSURE,
    COLUMN_UNSURE_SINCE,
    COLUMN_NEXT_AT,
};

static const char *keep(struct arena *arena, sqlite3_stmt *statement, int column)
{
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

static bool is_null(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

static const char *keep_optional(struct arena *arena, sqlite3_stmt *statement, int column)
{
    return is_null(statement, column) ? NULL : keep(arena, statement, column);
}

static tkr_error_t read_id(sqlite3_stmt *statement, int column, char out[TOKEN_ID_CHARS + 1])
{
    const char *id = column_text(statement, column);
    size_t length = strlen(id);
    ENSURE(length == TOKEN_ID_CHARS, TKR_CORRUPT);
    memcpy(out, id, length + 1);
    return TKR_OK;
}

/* SCHEDULE_COLUMNS, from column `base` on. */
static tkr_error_t read_row(sqlite3_stmt *statement, int base, struct arena *arena,
                            struct schedule *ret_schedule)
{
    int64_t outcome = sqlite3_column_int64(statement, base + COLUMN_OUTCOME);
    ENSURE(outcome >= 0 && outcome < SCHEDULE_OUTCOMES, TKR_CORRUPT);
    struct schedule schedule = {
        .target = keep(arena, statement, base + COLUMN_TARGET),
        .has_max_age = !is_null(statement, base + COLUMN_MAX_AGE),
        .has_uses_age = !is_null(statement, base + COLUMN_USES_AGE),
        .has_overlap = !is_null(statement, base + COLUMN_OVERLAP),
        .has_uses = !is_null(statement, base + COLUMN_USES),
        .max_age_s = sqlite3_column_int64(statement, base + COLUMN_MAX_AGE),
        .uses_age_s = sqlite3_column_int64(statement, base + COLUMN_USES_AGE),
        .overlap_s = sqlite3_column_int64(statement, base + COLUMN_OVERLAP),
        .uses = (uint64_t)sqlite3_column_int64(statement, base + COLUMN_USES),
        .window = keep_optional(arena, statement, base + COLUMN_WINDOW),
        .time_zone = keep_optional(arena, statement, base + COLUMN_TIME_ZONE),
        .created_at_ms = sqlite3_column_int64(statement, base + COLUMN_CREATED_AT),
        .updated_at_ms = sqlite3_column_int64(statement, base + COLUMN_UPDATED_AT),
        .version = (uint64_t)sqlite3_column_int64(statement, base + COLUMN_VERSION),
        .since_ms = sqlite3_column_int64(statement, base + COLUMN_SINCE),
        .wished = sqlite3_column_int64(statement, base + COLUMN_WISHED) != 0,
        .outcome = (enum schedule_outcome)outcome,
        .outcome_at_ms = sqlite3_column_int64(statement, base + COLUMN_OUTCOME_AT),
        .error = keep(arena, statement, base + COLUMN_ERROR),
        .delivered_at_ms = sqlite3_column_int64(statement, base + COLUMN_DELIVERED_AT),
        .failures = (uint32_t)sqlite3_column_int64(statement, base + COLUMN_FAILURES),
        .unsure = (uint32_t)sqlite3_column_int64(statement, base + COLUMN_UNSURE),
        .unsure_since_ms = sqlite3_column_int64(statement, base + COLUMN_UNSURE_SINCE),
        .next_at_ms = sqlite3_column_int64(statement, base + COLUMN_NEXT_AT),
    };
    TRY(read_id(statement, base + COLUMN_LINEAGE, schedule.lineage_id));
    if (!is_null(statement, base + COLUMN_ROTATING)) {
        TRY(read_id(statement, base + COLUMN_ROTATING, schedule.rotating_id));
    }
    *ret_schedule = schedule;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

/* --- writing -------------------------------------------------------------------------------- */

tkr_error_t store_read_schedule(struct store *store, const char *lineage_id, struct arena *arena,
                                struct schedule *ret_schedule)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_READ_SCHEDULE, &statement));
    bind_text(statement, 1, lineage_id);
    TRY(statement_row(&store->writer, statement));
    return read_row(statement, 0, arena, ret_schedule);
}

/* What is asked for. NULL for what is not. */
static void bind_asked(sqlite3_stmt *statement, const struct schedule *schedule)
{
    const struct {
        bool has;
        int column;
        int64_t value;
    } rows[] = {
        {schedule->has_max_age, COLUMN_MAX_AGE, schedule->max_age_s},
        {schedule->has_uses_age, COLUMN_USES_AGE, schedule->uses_age_s},
        {schedule->has_overlap, COLUMN_OVERLAP, schedule->overlap_s},
        {schedule->has_uses, COLUMN_USES, (int64_t)schedule->uses},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].has) {
            bind_integer(statement, rows[i].column + 1, rows[i].value);
        }
    }
    bind_text(statement, COLUMN_WINDOW + 1, schedule->window);
    bind_text(statement, COLUMN_TIME_ZONE + 1, schedule->time_zone);
}

static void bind_progress(sqlite3_stmt *statement, const struct schedule *schedule)
{
    bind_text_optional(statement, COLUMN_ROTATING + 1, schedule->rotating_id);
    bind_integer_optional(statement, COLUMN_SINCE + 1, schedule->since_ms);
    bind_integer(statement, COLUMN_WISHED + 1, schedule->wished);
    bind_integer(statement, COLUMN_OUTCOME + 1, schedule->outcome);
    bind_integer_optional(statement, COLUMN_OUTCOME_AT + 1, schedule->outcome_at_ms);
    bind_text_optional(statement, COLUMN_ERROR + 1, schedule->error);
    bind_integer_optional(statement, COLUMN_DELIVERED_AT + 1, schedule->delivered_at_ms);
    bind_integer(statement, COLUMN_FAILURES + 1, schedule->failures);
    bind_integer(statement, COLUMN_UNSURE + 1, schedule->unsure);
    bind_integer_optional(statement, COLUMN_UNSURE_SINCE + 1, schedule->unsure_since_ms);
    bind_integer_optional(statement, COLUMN_NEXT_AT + 1, schedule->next_at_ms);
}

static tkr_error_t note(struct store *store, const struct store_event *event)
{
    return event != NULL ? store_note_event(store, event) : TKR_OK;
}

tkr_error_t store_put_schedule(struct store *store, const struct schedule *schedule,
                               const struct store_event *event)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_SCHEDULE, &statement));
    bind_text(statement, COLUMN_LINEAGE + 1, schedule->lineage_id);
    bind_text(statement, COLUMN_TARGET + 1, schedule->target);
    bind_asked(statement, schedule);
    bind_integer(statement, COLUMN_CREATED_AT + 1, schedule->created_at_ms);
    bind_integer(statement, COLUMN_UPDATED_AT + 1, schedule->updated_at_ms);
    bind_integer(statement, COLUMN_VERSION + 1, (int64_t)schedule->version);
    bind_progress(statement, schedule);
    TRY(statement_run(&store->writer, statement));
    return note(store, event);
}

tkr_error_t store_remove_schedule(struct store *store, const char *lineage_id,
                                  const struct store_event *event)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_REMOVE_SCHEDULE, &statement));
    bind_text(statement, 1, lineage_id);
    TRY(statement_run(&store->writer, statement));
    ENSURE(sqlite3_changes(store->writer.db) > 0, TKR_NOT_FOUND);
    return note(store, event);
}

tkr_error_t store_find_schedule_target(struct store *store, const char *target,
                                       const char *lineage_id,
                                       char ret_lineage_id[TOKEN_ID_CHARS + 1])
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_SCHEDULE_TARGET, &statement));
    bind_text(statement, 1, target);
    bind_text(statement, 2, lineage_id);
    TRY(statement_row(&store->writer, statement));
    return read_id(statement, 0, ret_lineage_id);
}

tkr_error_t store_drop_schedules(struct store *store, uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_DROP_SCHEDULES, &statement));
    TRY(statement_run(&store->writer, statement));
    *ret_count = (uint64_t)sqlite3_changes(store->writer.db);
    return TKR_OK;
}

/* --- reading -------------------------------------------------------------------------------- */

static tkr_error_t read_scheduled(struct connection *connection, sqlite3_stmt *statement,
                                  struct arena *arena, struct scheduled_token *ret_token)
{
    int64_t number = 0;
    TRY(row_token(connection, statement, arena, &ret_token->token, &number));
    return read_row(statement, TOKEN_FULL_COLUMNS, arena, &ret_token->schedule);
}

static tkr_error_t list_on(struct connection *connection, const struct schedule_page_of *page,
                           struct arena *arena, struct scheduled_token *tokens, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    size_t count = 0;
    TRY(connection_prepare(connection,
                           page->rotating_only ? STATEMENT_LIST_ROTATING : STATEMENT_LIST_SCHEDULES,
                           &statement));
    bind_text(statement, 1, page->org_id);
    bind_text(statement, 2, page->after != NULL ? page->after : "");
    bind_integer(statement, 3, page->limit);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        TRY(read_scheduled(connection, statement, arena, &tokens[count++]));
        error = statement_row(connection, statement);
    }
    *ret_count = count;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_list_schedules(struct store *store, const struct schedule_page_of *page,
                                 struct arena *arena, struct scheduled_token **ret_tokens,
                                 size_t *ret_count)
{
    struct connection *connection = NULL;
    ASSERT(page->limit >= 1 && page->limit <= LIST_PAGE_MAX);
    struct scheduled_token *tokens = arena_alloc(arena, page->limit * sizeof(*tokens));
    ENSURE(tokens != NULL, TKR_TOO_LARGE);
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_on(connection, page, arena, tokens, ret_count);
    reader_return(store, connection);
    *ret_tokens = tokens;
    return error;
}

static tkr_error_t get_on(struct connection *connection, const char *lineage_id,
                          struct arena *arena, struct scheduled_token *ret_token)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_GET_SCHEDULE, &statement));
    bind_text(statement, 1, lineage_id);
    TRY(statement_row(connection, statement));
    return read_scheduled(connection, statement, arena, ret_token);
}

tkr_error_t store_get_schedule(struct store *store, const char *lineage_id, struct arena *arena,
                               struct scheduled_token *ret_token)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = get_on(connection, lineage_id, arena, ret_token);
    reader_return(store, connection);
    return error;
}
