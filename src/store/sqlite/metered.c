/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the meter drained, booked by line and dimension, for the org too. The entries of one
 * drain that fall together (of one org, or of one line from several networks) are added up
 * here first, so that each row is written once.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/store.h"

#define LINE_OF_NONE (-1)
#define LINE_OF_ORG(number) (-2 - (number))

/* 0: there are not more than a few. */
static const int64_t labels_max[USAGE_DIMENSIONS] = {
    [USAGE_VERDICT] = 0,
    [USAGE_ENDPOINT] = USAGE_ENDPOINTS_MAX,
    [USAGE_NETWORK] = USAGE_NETWORKS_MAX,
};

struct row {
    int64_t line, hour_ms;
    enum usage_dimension dimension;
    const char *label;
    uint64_t count;
};

struct rows {
    struct row *rows;
    size_t count;
};

static void free_rows(struct rows *rows)
{
    free(rows->rows);
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    if (x->dimension != y->dimension) {
        return x->dimension < y->dimension ? -1 : 1;
    }
    if (x->hour_ms != y->hour_ms) {
        return x->hour_ms < y->hour_ms ? -1 : 1;
    }
    return strcmp(x->label, y->label);
}

static void add_rows(struct rows *rows, int64_t line, const struct usage_metered *metered)
{
    for (int i = 0; i < USAGE_DIMENSIONS; i++) {
        if (metered->labels[i] != NULL) {
            rows->rows[rows->count++] = (struct row){
                .line = line,
                .hour_ms = metered->hour_ms,
                .dimension = (enum usage_dimension)i,
                .label = metered->labels[i],
                .count = metered->count,
            };
        }
    }
}

/* An org that is not there (it never goes) has no rows: its requests count for the tokens. */
static tkr_error_t find_org(struct store *store, const char *org, int64_t *ret_number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_ORG, &statement));
    bind_text(statement, 1, org);
    tkr_error_t error = statement_row(&store->writer, statement);
    *ret_number = error == TKR_OK ? sqlite3_column_int64(statement, 0) : 0;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t collect(struct store *store, const struct usage_metered *metered, size_t count,
                           struct rows *rows)
{
    const char *org = NULL;
    int64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        bool has_line = metered[i].line != SEGMENT_NO_LINE;
        add_rows(rows, has_line ? (int64_t)metered[i].line : LINE_OF_NONE, &metered[i]);
        if (metered[i].org == NULL) {
            continue;
        }
        if (org == NULL || strcmp(org, metered[i].org) != 0) {
            org = metered[i].org;
            TRY(find_org(store, org, &number));
        }
        if (number != 0) {
            add_rows(rows, LINE_OF_ORG(number), &metered[i]);
        }
    }
    return TKR_OK;
}

static void merge(struct rows *rows)
{
    qsort(rows->rows, rows->count, sizeof(rows->rows[0]), compare);
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (kept > 0 && compare(&rows->rows[kept - 1], &rows->rows[i]) == 0) {
            rows->rows[kept - 1].count += rows->rows[i].count;
        } else {
            rows->rows[kept++] = rows->rows[i];
        }
    }
    rows->count = kept;
}

static void bind_row(sqlite3_stmt *statement, const struct row *row)
{
    bind_integer(statement, 1, row->line);
    bind_integer(statement, 2, row->dimension);
    bind_integer(statement, 3, row->hour_ms);
    bind_text(statement, 4, row->label);
    bind_integer(statement, 5, (int64_t)row->count);
}

/* Whether there is a row already, which then has grown. */
static tkr_error_t grow(struct store *store, const struct row *row, bool *ret_grown)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_ADD_BY, &statement));
    bind_row(statement, row);
    TRY(statement_run(&store->writer, statement));
    *ret_grown = sqlite3_changes(store->writer.db) > 0;
    return TKR_OK;
}

static tkr_error_t has_room(struct store *store, const struct row *row, bool *ret_room)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_COUNT_BY, &statement));
    bind_integer(statement, 1, row->line);
    bind_integer(statement, 2, row->dimension);
    bind_integer(statement, 3, row->hour_ms);
    bind_integer(statement, 4, labels_max[row->dimension]);
    TRY(statement_row(&store->writer, statement));
    *ret_room = sqlite3_column_int64(statement, 0) < labels_max[row->dimension];
    return TKR_OK;
}

static tkr_error_t book_row(struct store *store, const struct row *row)
{
    bool grown = false, room = true;
    if (labels_max[row->dimension] != 0) {
        TRY(grow(store, row, &grown));
        if (grown) {
            return TKR_OK;
        }
        TRY(has_room(store, row, &room));
    }
    struct row booked = *row;
    booked.label = room ? row->label : USAGE_LABEL_OTHER;
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_INSERT_BY, &statement));
    bind_row(statement, &booked);
    return statement_run(&store->writer, statement);
}

static tkr_error_t put_number(struct store *store, uint64_t meter, uint64_t number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_DRAIN, &statement));
    bind_integer(statement, 1, (int64_t)meter);
    bind_integer(statement, 2, (int64_t)number);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_book_metered(struct store *store, uint64_t meter, uint64_t number,
                               const struct usage_metered *metered, size_t count)
{
    CLEANUP(free_rows)
    struct rows rows = {.rows = calloc(count + 1, 2 * USAGE_DIMENSIONS * sizeof(struct row))};
    ENSURE(rows.rows != NULL, TKR_MEMORY);
    TRY(collect(store, metered, count, &rows));
    merge(&rows);
    for (size_t i = 0; i < rows.count; i++) {
        TRY(book_row(store, &rows.rows[i]));
    }
    return put_number(store, meter, number);
}

tkr_error_t store_metered_number(struct store *store, uint64_t meter, uint64_t *ret_number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_GET_DRAIN, &statement));
    bind_integer(statement, 1, (int64_t)meter);
    tkr_error_t error = statement_row(&store->writer, statement);
    *ret_number = error == TKR_OK ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}
