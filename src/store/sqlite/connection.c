/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

/* Extended codes first: the first row that fits is taken. */
static const struct {
    int code;
    tkr_error_t error;
} error_rows[] = {
    {SQLITE_OK, TKR_OK},
    {SQLITE_ROW, TKR_OK},
    {SQLITE_DONE, TKR_OK},
    {SQLITE_IOERR_NOMEM, TKR_MEMORY},
    {SQLITE_IOERR_CORRUPTFS, TKR_CORRUPT},
    {SQLITE_CONSTRAINT_UNIQUE, TKR_CONFLICT},
    {SQLITE_CONSTRAINT_PRIMARYKEY, TKR_CONFLICT},
    {SQLITE_CONSTRAINT_ROWID, TKR_CONFLICT},
    {SQLITE_CONSTRAINT_TRIGGER, TKR_CONFLICT}, /* the schema's own refusals */
    {SQLITE_BUSY, TKR_LOCKED},
    {SQLITE_LOCKED, TKR_LOCKED},
    {SQLITE_PROTOCOL, TKR_LOCKED},
    {SQLITE_NOMEM, TKR_MEMORY},
    {SQLITE_FULL, TKR_NO_SPACE},
    {SQLITE_READONLY, TKR_READ_ONLY},
    {SQLITE_PERM, TKR_READ_ONLY},
    {SQLITE_IOERR, TKR_IO},
    {SQLITE_CANTOPEN, TKR_IO},
    {SQLITE_CORRUPT, TKR_CORRUPT},
    {SQLITE_NOTADB, TKR_CORRUPT},
    {SQLITE_FORMAT, TKR_CORRUPT},
    {SQLITE_TOOBIG, TKR_TOO_LARGE},
    {SQLITE_INTERRUPT, TKR_TIMEOUT},
};

tkr_error_t sqlite_error(int code)
{
    for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
        if (error_rows[i].code == code) {
            return error_rows[i].error;
        }
    }
    /* Not in the table with its details: the primary code is its lowest byte. */
    return code == (code & 0xff) ? TKR_INTERNAL : sqlite_error(code & 0xff);
}

/* What errno says of a file that SQLite could not open or write. */
static tkr_error_t refine(tkr_error_t error, int system_errno)
{
    if (error != TKR_IO) {
        return error;
    }
    switch (system_errno) {
    case EROFS:
    case EACCES:
    case EPERM:
        return TKR_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return TKR_NO_SPACE;
    default:
        return error;
    }
}

tkr_error_t connection_error(struct connection *connection, struct fault *fault, const char *what)
{
    int code = sqlite3_extended_errcode(connection->db);
    tkr_error_t error = sqlite_error(code);
    if ((code & 0xff) == SQLITE_CANTOPEN) {
        error = refine(error, sqlite3_system_errno(connection->db));
    }
    return fault_set(fault, error, "", "%s: %s (sqlite %d)", what, sqlite3_errmsg(connection->db),
                     code);
}

tkr_error_t connection_run(struct connection *connection, const char *sql)
{
    return sqlite_error(sqlite3_exec(connection->db, sql, NULL, NULL, NULL));
}

void connection_rollback(struct connection *connection)
{
    if (!sqlite3_get_autocommit(connection->db)) {
        /* It cannot fail in a way that leaves the transaction open. */
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

void statement_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

tkr_error_t connection_integer(struct connection *connection, const char *sql, int64_t *ret_value)
{
    CLEANUP(statement_finalize) sqlite3_stmt *statement = NULL;
    TRY(sqlite_error(sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL)));
    TRY(statement_row(connection, statement));
    *ret_value = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

/* What each kind of connection is told at once. mmap stays off: with it a disk error is a
 * SIGBUS, and 3.40.1 has had defects there. The writer checkpoints by itself (maintain). */
static tkr_error_t configure(struct connection *connection, enum connection_mode mode)
{
    char sql[512];
    bool writes = mode == CONNECTION_WRITE;
    snprintf(sql, sizeof(sql),
             "PRAGMA mmap_size=0;"
             "PRAGMA foreign_keys=ON;"
             "PRAGMA temp_store=MEMORY;"
             "PRAGMA trusted_schema=OFF;"
             "PRAGMA cell_size_check=ON;"
             "PRAGMA cache_size=-%d;"
             "%s",
             writes ? STORE_WRITER_CACHE_KIB : STORE_READER_CACHE_KIB,
             writes ? "PRAGMA synchronous=FULL;" : "PRAGMA query_only=ON;");
    return connection_run(connection, sql);
}

tkr_error_t connection_open(struct connection *connection, const char *path, const char *vfs,
                            enum connection_mode mode, struct fault *fault)
{
    memset(connection, 0, sizeof(*connection));
    int flags = mode == CONNECTION_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(path, &connection->db,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
    tkr_error_t error = TKR_MEMORY;
    if (connection->db != NULL) {
        sqlite3_busy_timeout(connection->db, STORE_BUSY_MS);
        sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        /* Only the writer checkpoints; who reads beside it, in a process of its own, must not. */
        sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                          mode != CONNECTION_WRITE, NULL);
        error = code == SQLITE_OK ? configure(connection, mode) : sqlite_error(code);
    }
    if (error == TKR_OK && mode == CONNECTION_WRITE &&
        sqlite3_db_readonly(connection->db, "main")) {
        error = fault_set(fault, TKR_READ_ONLY, "", "%s: the file cannot be written", path);
    } else if (error != TKR_OK) {
        error = connection->db != NULL ? connection_error(connection, fault, path) : error;
    }
    if (error != TKR_OK) {
        connection_close(connection);
    }
    return error;
}

void connection_close(struct connection *connection)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        statement_finalize(&connection->statements[i]);
    }
    /* Nothing is left open on it, so closing cannot be put off. */
    sqlite3_close(connection->db);
    connection->db = NULL;
}

tkr_error_t connection_prepare(struct connection *connection, enum statement statement,
                               sqlite3_stmt **ret_statement)
{
    sqlite3_stmt **cached = &connection->statements[statement];
    if (*cached == NULL) {
        TRY(sqlite_error(sqlite3_prepare_v3(connection->db, statement_sql[statement], -1,
                                            SQLITE_PREPARE_PERSISTENT, cached, NULL)));
    }
    *ret_statement = *cached;
    return TKR_OK;
}

void statement_reset(sqlite3_stmt **statement)
{
    if (*statement != NULL) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
    }
}

tkr_error_t statement_row(struct connection *connection, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        return TKR_OK;
    }
    return code == SQLITE_DONE ? TKR_NOT_FOUND
                               : sqlite_error(sqlite3_extended_errcode(connection->db));
}

tkr_error_t statement_run(struct connection *connection, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        return TKR_OK;
    }
    return sqlite_error(sqlite3_extended_errcode(connection->db));
}

void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text != NULL) {
        (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    }
}

void bind_text_optional(sqlite3_stmt *statement, int index, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        bind_text(statement, index, text);
    }
}

void bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t length)
{
    (void)sqlite3_bind_blob64(statement, index, bytes, length, SQLITE_STATIC);
}

void bind_integer(sqlite3_stmt *statement, int index, int64_t value)
{
    (void)sqlite3_bind_int64(statement, index, value);
}

void bind_integer_optional(sqlite3_stmt *statement, int index, int64_t value)
{
    if (value != 0) {
        bind_integer(statement, index, value);
    }
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}
