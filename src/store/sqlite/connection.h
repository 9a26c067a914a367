/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection, its prepared statements, and the one table that turns SQLite's
 * result codes into ours. A connection belongs to one thread at a time.
 *
 *     CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
 *     TRY(connection_prepare(connection, STATEMENT_FIND_TIER, &statement));
 *     bind_text(statement, 1, name);
 *     TRY(statement_row(connection, statement));
 *     number = sqlite3_column_int64(statement, 0);
 */
#ifndef STORE_SQLITE_CONNECTION_H
#define STORE_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "store/sqlite/statements.h"

struct connection {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use */
};

enum connection_mode {
    CONNECTION_WRITE,   /* the one that writes and checkpoints */
    CONNECTION_READ,    /* sees the last commit, cannot write */
    CONNECTION_INSPECT, /* as READ, to look before anything is changed */
};

/* Errors as store_sqlite_open; on an error nothing stays open. */
MUST_USE tkr_error_t connection_open(struct connection *connection, const char *path,
                                     const char *vfs, enum connection_mode mode,
                                     struct fault *fault);
void connection_close(struct connection *connection); /* half-built is allowed; for CLEANUP */

/* A result code of SQLite (extended or not) as our error; SQLITE_OK, ROW and DONE are TKR_OK. */
tkr_error_t sqlite_error(int code);
/* The same for the newest failure of a connection, with words in `fault` (NULL is allowed). */
tkr_error_t connection_error(struct connection *connection, struct fault *fault, const char *what);

/* Runs statements that answer nothing. */
MUST_USE tkr_error_t connection_run(struct connection *connection, const char *sql);
/* Ends a transaction without its changes; nothing when there is none (some errors end it). */
void connection_rollback(struct connection *connection);
/* The first column of the first row of `sql`, an integer; TKR_NOT_FOUND without a row. */
MUST_USE tkr_error_t connection_integer(struct connection *connection, const char *sql,
                                        int64_t *ret_value);

MUST_USE tkr_error_t connection_prepare(struct connection *connection, enum statement statement,
                                        sqlite3_stmt **ret_statement);
void statement_reset(sqlite3_stmt **statement);    /* for CLEANUP of a cached statement */
void statement_finalize(sqlite3_stmt **statement); /* for CLEANUP of one's own */
/* TKR_OK when there is a row, TKR_NOT_FOUND at the end, else the error. */
MUST_USE tkr_error_t statement_row(struct connection *connection, sqlite3_stmt *statement);
/* Runs a statement to its end. A broken UNIQUE is TKR_CONFLICT. */
MUST_USE tkr_error_t statement_run(struct connection *connection, sqlite3_stmt *statement);

/*
 * Binding. Texts and bytes must live until the statement is reset. NULL, and for the optional
 * ones "" and 0, become SQL NULL. A failed bind (out of memory) leaves SQL NULL behind, which
 * the NOT NULL constraints of what matters turn into an error.
 */
void bind_text(sqlite3_stmt *statement, int index, const char *text);
void bind_text_optional(sqlite3_stmt *statement, int index, const char *text);
void bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t length);
void bind_integer(sqlite3_stmt *statement, int index, int64_t value);
void bind_integer_optional(sqlite3_stmt *statement, int index, int64_t value);

/* The text of a column; SQL NULL is "". Lives until the next step or reset. */
const char *column_text(sqlite3_stmt *statement, int column);

#endif
