/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "policy/limits_spec.h"
#include "segment/segment.h"

static int newest_version(const struct schema_plan *plan)
{
    return plan->migrations[plan->count - 1].version;
}

/* The version of a database; 0 for one without tables. TKR_CORRUPT when it is not ours. */
static tkr_error_t read_version(struct connection *connection, int64_t *ret_version)
{
    int64_t application = 0;
    int64_t objects = 0;
    TRY(connection_integer(connection, "PRAGMA application_id", &application));
    TRY(connection_integer(connection, "SELECT count(*) FROM sqlite_schema", &objects));
    if (objects == 0 && application == 0) {
        *ret_version = 0;
        return TKR_OK;
    }
    ENSURE(application == SCHEMA_APPLICATION_ID, TKR_CORRUPT);
    return connection_integer(connection, "SELECT coalesce(max(version), 0) FROM schema_migrations",
                              ret_version);
}

/* Words for a failure: SQLite's own when it has some. */
static tkr_error_t explain(struct connection *connection, struct fault *fault, tkr_error_t error,
                           const char *path)
{
    if (sqlite_error(sqlite3_extended_errcode(connection->db)) == error) {
        return connection_error(connection, fault, path);
    }
    return fault_set(fault, error, "", "%s: %s", path, tkr_error_text(error));
}

tkr_error_t schema_check_damage(struct connection *connection, const char *path,
                                struct fault *fault)
{
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(connection->db, "PRAGMA quick_check(1)", -1, &statement, NULL) !=
        SQLITE_OK) {
        return connection_error(connection, fault, path);
    }
    tkr_error_t error = statement_row(connection, statement);
    if (error != TKR_OK) {
        return explain(connection, fault, error, path);
    }
    const char *answer = column_text(statement, 0);
    if (answer == NULL || strcmp(answer, "ok") != 0) {
        return fault_set(fault, TKR_CORRUPT, "", "%s: the database is damaged: %s", path,
                         answer != NULL ? answer : "");
    }
    return TKR_OK;
}

tkr_error_t schema_inspect(struct connection *connection, const struct schema_plan *plan,
                           const char *path, struct fault *fault)
{
    int64_t version = 0;
    tkr_error_t error = read_version(connection, &version);
    if (error == TKR_CORRUPT && sqlite3_errcode(connection->db) != SQLITE_NOTADB &&
        sqlite3_errcode(connection->db) != SQLITE_CORRUPT) {
        return fault_set(fault, error, "", "%s: this is a database of another program", path);
    }
    if (error != TKR_OK) {
        return explain(connection, fault, error, path);
    }
    if (version > newest_version(plan)) {
        return fault_set(fault, TKR_VERSION_NEWER, "",
                         "%s: the database has schema version %lld, and this program knows "
                         "versions up to %d; use the newer program",
                         path, (long long)version, newest_version(plan));
    }
    int64_t pages = 0;
    int64_t page_bytes = 0;
    TRY(connection_integer(connection, "PRAGMA page_count", &pages));
    TRY(connection_integer(connection, "PRAGMA page_size", &page_bytes));
    return pages * page_bytes <= STORE_CHECK_BYTES_MAX
               ? schema_check_damage(connection, path, fault)
               : TKR_OK;
}

/* The rows that a new database starts with. */
static tkr_error_t seed(struct connection *connection, const struct schema_plan *plan)
{
    uint8_t store_id[SEGMENT_STORE_ID_BYTES];
    TRY(random_fill(plan->random, store_id, sizeof(store_id)));
    {
        CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
        TRY(sqlite_error(sqlite3_prepare_v2(
            connection->db, "INSERT INTO meta VALUES (1, ?1, 0, 0, 0, 0)", -1, &statement, NULL)));
        bind_bytes(statement, 1, store_id, sizeof(store_id));
        TRY(statement_run(connection, statement));
    }
    for (size_t i = 0; i < TIERS_SHIPPED; i++) {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        char limits[LIMITS_TEXT_SIZE];
        TRY(connection_prepare(connection, STATEMENT_PUT_TIER, &statement));
        bind_text(statement, 1, tiers_shipped[i].name);
        bind_text(statement, 2, limits_format(&tiers_shipped[i].limits, limits));
        bind_text(statement, 3, limits_subject_name(tiers_shipped[i].subject));
        TRY(statement_run(connection, statement));
    }
    return TKR_OK;
}

/* Before step 1: what tells the steps. */
static tkr_error_t begin_schema(struct connection *connection)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", SCHEMA_APPLICATION_ID);
    TRY(connection_run(connection, sql));
    return connection_run(connection, "CREATE TABLE schema_migrations ("
                                      " version INTEGER PRIMARY KEY,"
                                      " name TEXT NOT NULL,"
                                      " applied_at INTEGER NOT NULL"
                                      ") STRICT");
}

static tkr_error_t record_step(struct connection *connection, const struct migration *migration,
                               int64_t now_ms)
{
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db,
                                        "INSERT INTO schema_migrations VALUES (?1, ?2, ?3)", -1,
                                        &statement, NULL)));
    bind_integer(statement, 1, migration->version);
    bind_text(statement, 2, migration->name);
    bind_integer(statement, 3, now_ms);
    return statement_run(connection, statement);
}

static tkr_error_t apply_step(struct connection *connection, const struct schema_plan *plan,
                              const struct migration *migration)
{
    bool first = migration->version == 1;
    if (first) {
        TRY(begin_schema(connection));
    }
    for (size_t i = 0; migration->statements[i] != NULL; i++) {
        TRY(connection_run(connection, migration->statements[i]));
    }
    if (first) {
        TRY(seed(connection, plan));
    }
    return record_step(connection, migration, plan->now_ms);
}

tkr_error_t schema_migrate(struct connection *connection, const struct schema_plan *plan,
                           const char *path, struct fault *fault)
{
    int64_t version = 0;
    tkr_error_t error = read_version(connection, &version);
    for (size_t i = 0; i < plan->count && error == TKR_OK; i++) {
        if (plan->migrations[i].version <= version) {
            continue;
        }
        error = connection_run(connection, "BEGIN IMMEDIATE");
        if (error == TKR_OK) {
            error = apply_step(connection, plan, &plan->migrations[i]);
        }
        if (error == TKR_OK) {
            error = connection_run(connection, "COMMIT");
        }
    }
    if (error == TKR_OK) {
        return TKR_OK;
    }
    error = explain(connection, fault, error, path); /* before the rollback forgets the words */
    connection_rollback(connection);
    return error;
}
