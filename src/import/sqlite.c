/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of a SQLite database, read only and in one read transaction: the old service may go on
 * writing (document 001 keeps it in WAL mode). Views are no tables here: their SQL would be run.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "import/row.h"
#include "import/tables.h"

struct sqlite_store {
    sqlite3 *database;
    sqlite3_stmt *rows;
    size_t chosen[IMPORT_MEMBER_COUNT]; /* result column of each member */
};

static tkr_error_t failed(const struct sqlite_store *store, const char *what, struct fault *fault)
{
    int code = sqlite3_extended_errcode(store->database) & 0xFF;
    tkr_error_t error = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? TKR_MALFORMED
                        : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? TKR_LOCKED
                        : code == SQLITE_NOMEM                          ? TKR_MEMORY
                                                                        : TKR_IO;
    return fault_set(fault, error, "", "%s: %s", what, sqlite3_errmsg(store->database));
}

static tkr_error_t prepare(const struct sqlite_store *store, const char *sql,
                           sqlite3_stmt **ret_statement, struct fault *fault)
{
    return sqlite3_prepare_v2(store->database, sql, -1, ret_statement, NULL) == SQLITE_OK
               ? TKR_OK
               : failed(store, "the database", fault);
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static tkr_error_t open_database(struct sqlite_store *store, const char *path, struct fault *fault)
{
    if (sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        return fault_set(fault, TKR_NOT_FOUND, "", "%s: %s", path,
                         store->database != NULL ? sqlite3_errmsg(store->database) : "no memory");
    }
    sqlite3_busy_timeout(store->database, STORE_BUSY_MS);
    sqlite3_limit(store->database, SQLITE_LIMIT_LENGTH, IMPORT_CELL_BYTES_MAX);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (sqlite3_exec(store->database, "PRAGMA mmap_size = 0; PRAGMA query_only = 1", NULL, NULL,
                     NULL) != SQLITE_OK) {
        return failed(store, path, fault);
    }
    return TKR_OK;
}

static tkr_error_t table_exists(void *context, const char *table, bool *ret_exists,
                                struct fault *fault)
{
    struct sqlite_store *store = context;
    sqlite3_stmt *statement CLEANUP(finalize) = NULL;
    TRY(prepare(store,
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 "
                "COLLATE NOCASE",
                &statement, fault));
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    int step = sqlite3_step(statement);
    *ret_exists = step == SQLITE_ROW;
    return step == SQLITE_ROW || step == SQLITE_DONE ? TKR_OK
                                                     : failed(store, "the database", fault);
}

/* The columns' names are the statement's: they live until it ends. */
static tkr_error_t choose(struct import_source *source, struct sqlite_store *store,
                          const char *quoted, struct buffer *sql, struct fault *fault)
{
    sqlite3_stmt *all CLEANUP(finalize) = NULL;
    const char *names[IMPORT_COLUMNS_MAX];
    size_t chosen[IMPORT_MEMBER_COUNT];
    buffer_clear(sql);
    buffer_print(sql, "SELECT * FROM %s LIMIT 0", quoted);
    TRY(buffer_status(sql));
    TRY(prepare(store, sql->data, &all, fault));
    size_t count = (size_t)sqlite3_column_count(all);
    if (count > IMPORT_COLUMNS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "table", "the table has more than %d columns",
                         IMPORT_COLUMNS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = sqlite3_column_name(all, (int)i);
        ENSURE(names[i] != NULL, TKR_MEMORY);
    }
    TRY(columns_choose_all(&source->columns, source->options, names, count, chosen, fault));
    return tables_select(quoted, names, chosen, store->chosen, sql);
}

static tkr_error_t count_rows(const struct sqlite_store *store, const char *quoted,
                              struct buffer *sql, uint64_t *ret_count, struct fault *fault)
{
    sqlite3_stmt *statement CLEANUP(finalize) = NULL;
    buffer_clear(sql);
    buffer_print(sql, "SELECT count(*) FROM %s", quoted);
    TRY(buffer_status(sql));
    TRY(prepare(store, sql->data, &statement, fault));
    if (sqlite3_step(statement) != SQLITE_ROW) {
        return failed(store, "the table", fault);
    }
    *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

static tkr_error_t sqlite_open(struct import_source *source, const char *where, struct fault *fault)
{
    struct sqlite_store *store = calloc(1, sizeof(*store));
    struct buffer sql CLEANUP(buffer_deinit);
    const char *table;
    char quoted[TABLES_QUOTED_SIZE];
    buffer_init(&sql, IMPORT_ENTRY_BYTES_MAX);
    ENSURE(store != NULL, TKR_MEMORY);
    source->state = store;
    if (where == NULL) {
        return fault_set(fault, TKR_INVALID, "", "which database file?");
    }
    TRY(open_database(store, where, fault));
    TRY(tables_find(source->options->table, table_exists, store, &table, fault));
    TRY(tables_quote(table, quoted, fault));
    TRY(count_rows(store, quoted, &sql, &source->total, fault));
    TRY(choose(source, store, quoted, &sql, fault));
    return prepare(store, sql.data, &store->rows, fault);
}

static void sqlite_close(struct import_source *source)
{
    struct sqlite_store *store = source->state;
    if (store != NULL) {
        sqlite3_finalize(store->rows);
        sqlite3_close(store->database);
        free(store);
    }
}

/* A digest may be kept as 32 bytes. */
static void set_blob(struct row *row, enum import_member member, const char *column,
                     const void *bytes, size_t length)
{
    char hex[2 * TOKEN_DIGEST_BYTES + 1];
    if (member == IMPORT_DIGEST && length == TOKEN_DIGEST_BYTES) {
        text_hex(bytes, length, hex);
        row_set(row, member, column, hex, sizeof(hex) - 1);
    } else {
        row_set(row, member, column, bytes != NULL ? bytes : "", length);
    }
}

static void set_cell(struct row *row, enum import_member member, sqlite3_stmt *rows, int column)
{
    const char *name = sqlite3_column_name(rows, column);
    name = name != NULL ? name : "";
    int type = sqlite3_column_type(rows, column);
    if (type == SQLITE_NULL) {
        row_set(row, member, name, NULL, 0);
    } else if (type == SQLITE_BLOB) {
        set_blob(row, member, name, sqlite3_column_blob(rows, column),
                 (size_t)sqlite3_column_bytes(rows, column));
    } else if (type == SQLITE_FLOAT) { /* seconds with a fraction: never as 1.7e9 */
        char text[64];
        int length = snprintf(text, sizeof(text), "%.3f", sqlite3_column_double(rows, column));
        row_set(row, member, name, text,
                length > 0 && (size_t)length < sizeof(text) ? (size_t)length : 0);
    } else {
        const char *text = (const char *)sqlite3_column_text(rows, column);
        row_set(row, member, name, text != NULL ? text : "",
                (size_t)sqlite3_column_bytes(rows, column));
    }
}

static tkr_error_t sqlite_next(struct import_source *source, bool *ret_end, struct fault *fault)
{
    struct sqlite_store *store = source->state;
    int step = sqlite3_step(store->rows);
    *ret_end = step == SQLITE_DONE;
    if (step != SQLITE_ROW) {
        return *ret_end ? TKR_OK : failed(store, "the table", fault);
    }
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        if (store->chosen[member] != SIZE_MAX) {
            set_cell(source->row, (enum import_member)member, store->rows,
                     (int)store->chosen[member]);
        }
    }
    return TKR_OK;
}

const struct import_reader import_sqlite = {"sqlite", sqlite_open, sqlite_next, sqlite_close};
