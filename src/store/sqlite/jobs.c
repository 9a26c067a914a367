/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: a row each. */
#include <stdio.h>

#include "store/sqlite/store.h"

tkr_error_t store_put_job(struct store *store, const struct store_job *job)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_JOB, &statement));
    bind_text(statement, 1, job->name);
    bind_integer(statement, 2, job->due_at_ms);
    bind_text_optional(statement, 3, job->holder);
    bind_integer(statement, 4, job->lease_until_ms);
    bind_integer_optional(statement, 5, job->started_at_ms);
    bind_integer_optional(statement, 6, job->ended_at_ms);
    bind_integer_optional(statement, 7, job->succeeded_at_ms);
    bind_integer(statement, 8, job->duration_ms);
    bind_integer(statement, 9, job->outcome);
    bind_integer(statement, 10, (int64_t)job->count);
    bind_text(statement, 11, job->result);
    bind_integer(statement, 12, (int64_t)job->runs);
    bind_integer(statement, 13, (int64_t)job->failures);
    return statement_run(&store->writer, statement);
}

/* What somebody wrote there by hand is cut, and an outcome that is none of ours is a failure. */
static struct store_job read_row(sqlite3_stmt *statement)
{
    int64_t outcome = sqlite3_column_int64(statement, 8);
    bool known = outcome >= JOB_NEVER && outcome < JOB_OUTCOMES;
    struct store_job job = {
        .due_at_ms = sqlite3_column_int64(statement, 1),
        .lease_until_ms = sqlite3_column_int64(statement, 3),
        .started_at_ms = sqlite3_column_int64(statement, 4),
        .ended_at_ms = sqlite3_column_int64(statement, 5),
        .succeeded_at_ms = sqlite3_column_int64(statement, 6),
        .duration_ms = sqlite3_column_int64(statement, 7),
        .outcome = known ? (enum job_outcome)outcome : JOB_FAILED,
        .count = (uint64_t)sqlite3_column_int64(statement, 9),
        .runs = (uint64_t)sqlite3_column_int64(statement, 11),
        .failures = (uint64_t)sqlite3_column_int64(statement, 12),
    };
    snprintf(job.name, sizeof(job.name), "%s", column_text(statement, 0));
    snprintf(job.holder, sizeof(job.holder), "%s", column_text(statement, 2));
    snprintf(job.result, sizeof(job.result), "%s", column_text(statement, 10));
    return job;
}

tkr_error_t store_read_job(struct store *store, const char *name, struct store_job *ret_job)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_READ_JOB, &statement));
    bind_text(statement, 1, name);
    TRY(statement_row(&store->writer, statement));
    *ret_job = read_row(statement);
    return TKR_OK;
}

static tkr_error_t each_on(struct connection *connection,
                           tkr_error_t (*visit)(void *context, const struct store_job *job),
                           void *context)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_EACH_JOB, &statement));
    tkr_error_t error;
    while ((error = statement_row(connection, statement)) == TKR_OK) {
        struct store_job job = read_row(statement);
        TRY(visit(context, &job));
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_each_job(struct store *store,
                           tkr_error_t (*visit)(void *context, const struct store_job *job),
                           void *context)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = each_on(connection, visit, context);
    reader_return(store, connection);
    return error;
}
