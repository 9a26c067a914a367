/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of a PostgreSQL database, in one read-only transaction on one snapshot, row by row
 * (libpq's single-row mode), so that neither we nor libpq hold more than one of them.
 *
 * A password never comes with the connection string, which stands among our arguments for all to
 * see: libpq takes it from PGPASSWORD, ~/.pgpass or a service file. It lies in libpq's memory, as
 * do the rows.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "import/row.h"
#include "import/tables.h"

struct postgres_store {
    PGconn *connection;
    size_t chosen[IMPORT_MEMBER_COUNT];
};

static void clear_p(PGresult **result)
{
    PQclear(*result);
}

static void free_conninfo(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

/* The first line of what libpq says; what follows may quote the statement. */
static tkr_error_t failed(const struct postgres_store *store, tkr_error_t error,
                          struct fault *fault)
{
    const char *words = PQerrorMessage(store->connection);
    size_t length = strcspn(words, "\n");
    return fault_set(fault, error, "", "PostgreSQL: %.*s", (int)length, words);
}

/* --- connecting ------------------------------------------------------------------------------ */

static tkr_error_t refuse_password(const char *where, struct fault *fault)
{
    static const char *const secrets[] = {"password", "sslpassword"};
    PQconninfoOption *options CLEANUP(free_conninfo) =
        where != NULL ? PQconninfoParse(where, NULL) : NULL;
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++) {
        for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
            if (strcmp(option->keyword, secrets[i]) == 0 && option->val != NULL &&
                option->val[0] != '\0') {
                return fault_set(fault, TKR_FORBIDDEN, "",
                                 "a password among the arguments can be read by every user of "
                                 "this machine, and has been now: change it, and give it in "
                                 "PGPASSWORD, ~/.pgpass or a service file");
            }
        }
    }
    return TKR_OK;
}

static tkr_error_t connect_to(struct postgres_store *store, const char *where, struct fault *fault)
{
    /* Later ones win: the operator's own connect_timeout over ours, our encoding over theirs. */
    const char *const keywords[] = {"application_name", "connect_timeout", "dbname",
                                    "client_encoding", NULL};
    const char *const values[] = {"tokenry import", "10", where, "UTF8", NULL};
    TRY(refuse_password(where, fault));
    store->connection = PQconnectdbParams(keywords, values, 1);
    ENSURE(store->connection != NULL, TKR_MEMORY);
    if (PQstatus(store->connection) != CONNECTION_OK) {
        return failed(store, TKR_UNAVAILABLE, fault);
    }
    return TKR_OK;
}

/* --- statements ------------------------------------------------------------------------------ */

/* The next result of what was sent; NULL at the end. A server that says nothing for
 * IMPORT_WAIT_S is gone. */
static tkr_error_t next_result(const struct postgres_store *store, PGresult **ret_result,
                               struct fault *fault)
{
    while (PQisBusy(store->connection) != 0) {
        struct pollfd socket = {.fd = PQsocket(store->connection), .events = POLLIN};
        int ready = poll(&socket, 1, IMPORT_WAIT_S * 1000);
        if (ready == 0) {
            return fault_set(fault, TKR_TIMEOUT, "", "PostgreSQL said nothing for %d s",
                             IMPORT_WAIT_S);
        }
        if (ready > 0 && PQconsumeInput(store->connection) == 0) {
            return failed(store, TKR_IO, fault);
        }
    }
    *ret_result = PQgetResult(store->connection);
    return TKR_OK;
}

/* One statement with one result, which is the caller's. */
static tkr_error_t ask(const struct postgres_store *store, const char *sql, const char *argument,
                       PGresult **ret_result, struct fault *fault)
{
    PGresult *result CLEANUP(clear_p) = NULL;
    PGresult *end CLEANUP(clear_p) = NULL;
    if (PQsendQueryParams(store->connection, sql, argument != NULL ? 1 : 0, NULL, &argument, NULL,
                          NULL, 0) == 0) {
        return failed(store, TKR_IO, fault);
    }
    TRY(next_result(store, &result, fault));
    TRY(next_result(store, &end, fault));
    ExecStatusType status = PQresultStatus(result);
    if (end != NULL || (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)) {
        return failed(store, TKR_IO, fault);
    }
    *ret_result = result;
    result = NULL;
    return TKR_OK;
}

static tkr_error_t begin(const struct postgres_store *store, struct fault *fault)
{
    static const char *const statements[] = {
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET LOCAL datestyle = 'ISO, YMD'", /* what import_time_parse reads */
        "SET LOCAL timezone = 'UTC'",
        "SET LOCAL bytea_output = 'hex'",
    };
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        PGresult *ignored CLEANUP(clear_p) = NULL;
        TRY(ask(store, statements[i], NULL, &ignored, fault));
    }
    return TKR_OK;
}

/* --- the table ------------------------------------------------------------------------------- */

static tkr_error_t table_exists(void *context, const char *table, bool *ret_exists,
                                struct fault *fault)
{
    char quoted[TABLES_QUOTED_SIZE];
    PGresult *result CLEANUP(clear_p) = NULL;
    TRY(tables_quote(table, quoted, fault));
    TRY(ask(context, "SELECT pg_catalog.to_regclass($1)::oid", quoted, &result, fault));
    *ret_exists = PQntuples(result) == 1 && PQgetisnull(result, 0, 0) == 0;
    return TKR_OK;
}

static tkr_error_t choose(struct import_source *source, struct postgres_store *store,
                          const char *quoted, struct buffer *sql, struct fault *fault)
{
    PGresult *all CLEANUP(clear_p) = NULL;
    const char *names[IMPORT_COLUMNS_MAX];
    size_t chosen[IMPORT_MEMBER_COUNT];
    buffer_clear(sql);
    buffer_print(sql, "SELECT * FROM %s LIMIT 0", quoted);
    TRY(buffer_status(sql));
    TRY(ask(store, sql->data, NULL, &all, fault));
    int count = PQnfields(all);
    if (count > IMPORT_COLUMNS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "table", "the table has more than %d columns",
                         IMPORT_COLUMNS_MAX);
    }
    for (int i = 0; i < count; i++) {
        names[i] = PQfname(all, i);
    }
    TRY(columns_choose_all(&source->columns, source->options, names, (size_t)count, chosen, fault));
    return tables_select(quoted, names, chosen, store->chosen, sql);
}

static tkr_error_t count_rows(const struct postgres_store *store, const char *quoted,
                              struct buffer *sql, uint64_t *ret_count, struct fault *fault)
{
    PGresult *result CLEANUP(clear_p) = NULL;
    buffer_clear(sql);
    buffer_print(sql, "SELECT count(*) FROM %s", quoted);
    TRY(buffer_status(sql));
    TRY(ask(store, sql->data, NULL, &result, fault));
    ENSURE(PQntuples(result) == 1, TKR_IO);
    return text_parse_u64(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0), ret_count);
}

static tkr_error_t start_rows(struct import_source *source, struct postgres_store *store,
                              struct fault *fault)
{
    struct buffer sql CLEANUP(buffer_deinit);
    const char *table;
    char quoted[TABLES_QUOTED_SIZE];
    buffer_init(&sql, IMPORT_ENTRY_BYTES_MAX);
    TRY(begin(store, fault));
    TRY(tables_find(source->options->table, table_exists, store, &table, fault));
    TRY(tables_quote(table, quoted, fault));
    TRY(count_rows(store, quoted, &sql, &source->total, fault));
    TRY(choose(source, store, quoted, &sql, fault));
    if (PQsendQuery(store->connection, sql.data) == 0 ||
        PQsetSingleRowMode(store->connection) == 0) {
        return failed(store, TKR_IO, fault);
    }
    return TKR_OK;
}

static tkr_error_t postgres_open(struct import_source *source, const char *where,
                                 struct fault *fault)
{
    struct postgres_store *store = calloc(1, sizeof(*store));
    ENSURE(store != NULL, TKR_MEMORY);
    source->state = store;
    TRY(connect_to(store, where, fault));
    return start_rows(source, store, fault);
}

static void postgres_close(struct import_source *source)
{
    struct postgres_store *store = source->state;
    if (store != NULL) {
        PQfinish(store->connection); /* in the middle of the rows too */
        free(store);
    }
}

static tkr_error_t postgres_next(struct import_source *source, bool *ret_end, struct fault *fault)
{
    struct postgres_store *store = source->state;
    PGresult *result CLEANUP(clear_p) = NULL;
    TRY(next_result(store, &result, fault));
    ExecStatusType status = PQresultStatus(result);
    *ret_end = status == PGRES_TUPLES_OK || result == NULL;
    if (*ret_end) {
        return TKR_OK;
    }
    if (status != PGRES_SINGLE_TUPLE) {
        return failed(store, TKR_IO, fault);
    }
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        if (store->chosen[member] != SIZE_MAX) {
            int column = (int)store->chosen[member];
            bool null = PQgetisnull(result, 0, column) != 0;
            row_set(source->row, (enum import_member)member, PQfname(result, column),
                    null ? NULL : PQgetvalue(result, 0, column),
                    (size_t)PQgetlength(result, 0, column));
        }
    }
    return TKR_OK;
}

const struct import_reader import_postgres = {"postgres", postgres_open, postgres_next,
                                              postgres_close};
