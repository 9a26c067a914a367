/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making old counts coarser: minutes become hours, hours become days, days go. A sweep visits
 * each line of each table once, by the primary key, which begins with the line: two look-ups
 * for a line with nothing to do. One visit moves at most a day of a line's minutes (or the
 * like), so a database that was never swept is caught up in small steps, too.
 *
 * Rows of a dimension become days in their own table: a row at midnight is an hour as long as
 * it is young, and then the day. What was folded in an earlier sweep is not looked at again.
 */
#include "store/sqlite/store.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

struct visit {
    struct store *store;
    int64_t line, first_ms; /* its oldest row */
    int64_t cut_ms;         /* what is older moves, or goes */
    int64_t folded_ms;
    int64_t dimension;
    size_t rows; /* moved or gone */
};

/* Runs one statement on the rows of the visit. */
static tkr_error_t run(struct visit *visit, enum statement which)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct connection *writer = &visit->store->writer;
    TRY(connection_prepare(writer, which, &statement));
    bind_integer(statement, 1, visit->line);
    bind_integer(statement, 2, visit->cut_ms);
    if (sqlite3_bind_parameter_count(statement) > 2) {
        bind_integer(statement, 3, visit->folded_ms);
        bind_integer(statement, 4, visit->dimension);
    }
    TRY(statement_run(writer, statement));
    visit->rows += (size_t)sqlite3_changes(writer->db);
    return TKR_OK;
}

static tkr_error_t move_minutes(struct visit *visit)
{
    TRY(run(visit, STATEMENT_MINUTES_TO_HOURS));
    return run(visit, STATEMENT_DELETE_MINUTES);
}

static tkr_error_t move_hours(struct visit *visit)
{
    TRY(run(visit, STATEMENT_HOURS_TO_DAYS));
    return run(visit, STATEMENT_DELETE_HOURS);
}

static tkr_error_t drop_days(struct visit *visit)
{
    return run(visit, STATEMENT_DELETE_DAYS);
}

static tkr_error_t fold_dimensions(struct visit *visit)
{
    for (visit->dimension = 0; visit->dimension < USAGE_DIMENSIONS; visit->dimension++) {
        TRY(run(visit, STATEMENT_FOLD_BY));
        TRY(run(visit, STATEMENT_DELETE_FOLDED_BY));
    }
    return TKR_OK;
}

static tkr_error_t drop_dimensions(struct visit *visit)
{
    for (visit->dimension = 0; visit->dimension < USAGE_DIMENSIONS; visit->dimension++) {
        TRY(run(visit, STATEMENT_DELETE_BY));
    }
    return TKR_OK;
}

enum age { AGE_MINUTES, AGE_HOURS, AGE_DAYS };

static const struct {
    enum statement next; /* the first row of the next line */
    tkr_error_t (*work)(struct visit *visit);
    enum age age;    /* of what is concerned */
    int64_t unit_ms; /* the cut is a multiple of it */
    int64_t step_ms; /* of one visit; 0: all */
} steps[] = {
    {STATEMENT_NEXT_MINUTE, move_minutes, AGE_MINUTES, HOUR_MS, DAY_MS},
    {STATEMENT_NEXT_HOUR, move_hours, AGE_HOURS, DAY_MS, 60 * DAY_MS},
    {STATEMENT_NEXT_DAY, drop_days, AGE_DAYS, DAY_MS, 0},
    {STATEMENT_NEXT_BY, fold_dimensions, AGE_MINUTES, DAY_MS, 0},
    {STATEMENT_NEXT_BY, drop_dimensions, AGE_DAYS, DAY_MS, 0},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* INT64_MIN: nothing is that old. */
static int64_t cut_of(const struct usage_retention *retention, const struct usage_sweep *sweep)
{
    const int64_t ages[] = {retention->minutes_ms, retention->hours_ms, retention->days_ms};
    int64_t age_ms = ages[steps[sweep->step].age];
    int64_t cut_ms = sweep->now_ms - age_ms;
    return age_ms > 0 && cut_ms > 0 ? cut_ms - cut_ms % steps[sweep->step].unit_ms : INT64_MIN;
}

static tkr_error_t next_line(struct visit *visit, enum statement which)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct connection *writer = &visit->store->writer;
    TRY(connection_prepare(writer, which, &statement));
    bind_integer(statement, 1, visit->line);
    TRY(statement_row(writer, statement));
    visit->line = sqlite3_column_int64(statement, 0);
    visit->first_ms = sqlite3_column_int64(statement, 1);
    return TKR_OK;
}

/* The next line of the step. When it has more than one visit takes, it comes again. */
static tkr_error_t visit_next(struct visit *visit, struct usage_sweep *sweep, int64_t cut_ms)
{
    visit->line = sweep->line;
    TRY(next_line(visit, steps[sweep->step].next));
    int64_t step_ms = steps[sweep->step].step_ms;
    bool all = step_ms == 0 || visit->first_ms >= cut_ms - step_ms;
    visit->cut_ms = all ? cut_ms : visit->first_ms - visit->first_ms % step_ms + step_ms;
    if (visit->first_ms < visit->cut_ms) {
        TRY(steps[sweep->step].work(visit));
    }
    sweep->line = all ? visit->line : visit->line - 1;
    return TKR_OK;
}

static void start(struct usage_sweep *sweep, int64_t now_ms)
{
    *sweep = (struct usage_sweep){
        .line = INT64_MIN, .folded_ms = sweep->folded_ms, .now_ms = now_ms, .started = true};
}

static void next_step(const struct usage_retention *retention, struct usage_sweep *sweep)
{
    int64_t cut_ms = cut_of(retention, sweep);
    if (steps[sweep->step].work == fold_dimensions && cut_ms > sweep->folded_ms) {
        sweep->folded_ms = cut_ms;
    }
    sweep->step++;
    sweep->line = INT64_MIN;
}

tkr_error_t store_sweep_usage(struct store *store, const struct usage_retention *retention,
                              struct usage_sweep *sweep)
{
    struct visit visit = {.store = store, .folded_ms = sweep->folded_ms};
    if (!sweep->started) {
        start(sweep, sweep->now_ms);
    }
    for (int i = 0; i < USAGE_SWEEP_LINES && visit.rows < USAGE_SWEEP_ROWS; i++) {
        if (sweep->step == STEPS) {
            sweep->started = false;
            return TKR_NOT_FOUND;
        }
        int64_t cut_ms = cut_of(retention, sweep);
        tkr_error_t error = cut_ms == INT64_MIN ? TKR_NOT_FOUND : visit_next(&visit, sweep, cut_ms);
        if (error == TKR_NOT_FOUND) {
            next_step(retention, sweep);
        } else {
            TRY(error);
        }
    }
    sweep->changed = visit.rows > 0;
    return TKR_OK;
}
