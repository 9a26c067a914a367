/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading everything, once, at start. Tokens are most of it: workers read ranges of row
 * numbers, each through its own connection, handed out in turn so that none waits for a slow
 * one. Nothing is written meanwhile (the authority has not begun), so all see the same rows.
 *
 * A row is handed on where SQLite has it: texts are not copied, and users and tiers are told
 * by the number that the loader gave them, not looked up by name.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

#define RANGE_ROWS 16384

/* From row numbers to the loader's. Rows come in rising order and mostly without gaps. */
struct number_map {
    int64_t *rows;
    uint32_t *numbers;
    size_t count, capacity;
};

static void map_deinit(struct number_map *map)
{
    free(map->rows);
    free(map->numbers);
}

static tkr_error_t map_add(struct number_map *map, int64_t row, uint32_t number)
{
    if (map->count == map->capacity) {
        size_t capacity = map->capacity == 0 ? 1024 : 2 * map->capacity;
        int64_t *rows = realloc(map->rows, capacity * sizeof(*rows));
        map->rows = rows != NULL ? rows : map->rows;
        uint32_t *numbers = realloc(map->numbers, capacity * sizeof(*numbers));
        map->numbers = numbers != NULL ? numbers : map->numbers;
        ENSURE(rows != NULL && numbers != NULL, TKR_MEMORY);
        map->capacity = capacity;
    }
    map->rows[map->count] = row;
    map->numbers[map->count++] = number;
    return TKR_OK;
}

static tkr_error_t map_find(const struct number_map *map, int64_t row, uint32_t *ret_number)
{
    ENSURE(map->count > 0 && row >= map->rows[0], TKR_CORRUPT);
    size_t low = 0;
    size_t high = map->count; /* the answer is in [low, high) */
    uint64_t guess = (uint64_t)(row - map->rows[0]);
    if (guess < map->count && map->rows[guess] == row) {
        *ret_number = map->numbers[guess];
        return TKR_OK;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (map->rows[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    ENSURE(map->rows[low] == row, TKR_CORRUPT);
    *ret_number = map->numbers[low];
    return TKR_OK;
}

struct load {
    struct store *store;
    const struct store_loader *loader;
    struct number_map tiers, orgs, users;
    int64_t last; /* row number of a token */
    _Atomic int64_t next_range;
    _Atomic int error; /* the first failure of a worker: the others stop */
};

/* --- the small tables -------------------------------------------------------------------- */

typedef tkr_error_t (*row_visit)(struct load *load, sqlite3_stmt *statement);

static tkr_error_t for_each(struct load *load, struct connection *connection, enum statement which,
                            row_visit visit)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, which, &statement));
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        TRY(visit(load, statement));
        error = statement_row(connection, statement);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t load_tier(struct load *load, sqlite3_stmt *statement)
{
    struct tier tier;
    uint16_t number = 0;
    TRY(row_tier(statement, &tier));
    TRY(load->loader->tier(load->loader->context, &tier, &number));
    return map_add(&load->tiers, sqlite3_column_int64(statement, 3), number);
}

static tkr_error_t load_org(struct load *load, sqlite3_stmt *statement)
{
    const char *id = column_text(statement, 1);
    uint16_t number = 0;
    TRY(load->loader->org(load->loader->context, id, strlen(id), &number));
    return map_add(&load->orgs, sqlite3_column_int64(statement, 0), number);
}

static tkr_error_t load_user(struct load *load, sqlite3_stmt *statement)
{
    uint32_t org = 0;
    uint32_t number = 0;
    struct store_user user = {.id = column_text(statement, 2), .line = SEGMENT_NO_LINE};
    if (sqlite3_column_type(statement, 3) != SQLITE_NULL) {
        user.line = (uint32_t)sqlite3_column_int64(statement, 3);
    }
    user.suspended = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    TRY(row_limits(statement, 5, &user.overrides));
    TRY(map_find(&load->orgs, sqlite3_column_int64(statement, 1), &org));
    TRY(load->loader->user(load->loader->context, (uint16_t)org, &user, &number));
    return map_add(&load->users, sqlite3_column_int64(statement, 0), number);
}

static tkr_error_t load_line(struct load *load, sqlite3_stmt *statement)
{
    const void *image = sqlite3_column_blob(statement, 1);
    ENSURE(image != NULL, TKR_CORRUPT);
    return load->loader->line(load->loader->context, (uint32_t)sqlite3_column_int64(statement, 0),
                              image, (size_t)sqlite3_column_bytes(statement, 1));
}

/* --- tokens ------------------------------------------------------------------------------ */

struct worker {
    struct load *load;
    unsigned number;
    pthread_t thread;
    struct fault fault;
};

static tkr_error_t load_token(struct worker *worker, struct connection *connection,
                              sqlite3_stmt *statement)
{
    struct load *load = worker->load;
    struct cidr cidrs[CIDRS_PER_TOKEN_MAX];
    struct token token;
    struct store_loaded_token loaded = {.token = &token};
    uint32_t tier = 0;
    token.id[0] = '\0';
    tkr_error_t error = row_token_core(connection, statement, cidrs, &token);
    if (error == TKR_OK) {
        error = map_find(&load->users, sqlite3_column_int64(statement, TOKEN_CORE_COLUMNS),
                         &loaded.user);
    }
    if (error == TKR_OK) {
        error =
            map_find(&load->tiers, sqlite3_column_int64(statement, TOKEN_CORE_COLUMNS + 1), &tier);
    }
    if (error != TKR_OK) {
        return fault_set(&worker->fault, error, "", "%s: the row of token %s: %s",
                         load->store->path, token.id, tkr_error_text(error));
    }
    loaded.tier = (uint16_t)tier;
    return load->loader->token(load->loader->context, worker->number, &loaded);
}

static tkr_error_t load_range(struct worker *worker, struct connection *connection, int64_t from,
                              int64_t to)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_LOAD_TOKENS, &statement));
    bind_integer(statement, 1, from);
    bind_integer(statement, 2, to);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        TRY(load_token(worker, connection, statement));
        error = statement_row(connection, statement);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t load_ranges(struct worker *worker)
{
    struct load *load = worker->load;
    CLEANUP(connection_close) struct connection connection = {0};
    TRY(connection_open(&connection, load->store->path, load->store->vfs, CONNECTION_READ,
                        &worker->fault));
    while (atomic_load(&load->error) == TKR_OK) {
        int64_t from = atomic_fetch_add(&load->next_range, RANGE_ROWS);
        if (from > load->last) {
            return TKR_OK;
        }
        TRY(load_range(worker, &connection, from, from + RANGE_ROWS - 1));
    }
    return TKR_OK;
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    tkr_error_t error = load_ranges(worker);
    int none = TKR_OK;
    if (error != TKR_OK && atomic_compare_exchange_strong(&worker->load->error, &none, error)) {
        worker->fault.error = error; /* this one is told */
    } else {
        worker->fault.error = TKR_OK;
    }
    return NULL;
}

static tkr_error_t load_tokens(struct load *load, unsigned worker_count, struct fault *fault)
{
    struct worker workers[STORE_LOAD_WORKERS_MAX] = {0};
    unsigned started = 0;
    for (unsigned i = 0; i < worker_count; i++) {
        workers[i] = (struct worker){.load = load, .number = i};
    }
    /* The last one runs here, so that one worker needs no thread. */
    while (started + 1 < worker_count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0) {
        started++;
    }
    (void)run_worker(&workers[worker_count - 1]);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (unsigned i = 0; i < worker_count && fault != NULL; i++) {
        if (workers[i].fault.error != TKR_OK) {
            *fault = workers[i].fault;
        }
    }
    return (tkr_error_t)atomic_load(&load->error);
}

static tkr_error_t load_small(struct load *load, struct connection *connection, bool with_lines)
{
    TRY(for_each(load, connection, STATEMENT_LIST_TIERS, load_tier));
    TRY(for_each(load, connection, STATEMENT_LOAD_ORGS, load_org));
    TRY(for_each(load, connection, STATEMENT_LOAD_USERS, load_user));
    if (with_lines) {
        TRY(for_each(load, connection, STATEMENT_LOAD_LINES, load_line));
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_LOAD_RANGE, &statement));
    TRY(statement_row(connection, statement));
    atomic_store(&load->next_range, sqlite3_column_int64(statement, 0));
    load->last = sqlite3_column_int64(statement, 1);
    return TKR_OK;
}

tkr_error_t store_load(struct store *store, const struct store_loader *loader, unsigned workers,
                       bool with_lines, struct fault *fault)
{
    struct load load = {.store = store, .loader = loader};
    struct connection *connection = NULL;
    ASSERT(workers >= 1 && workers <= STORE_LOAD_WORKERS_MAX);
    TRY(reader_take(store, &connection));
    tkr_error_t error = load_small(&load, connection, with_lines);
    reader_return(store, connection);
    if (error != TKR_OK) {
        fault_set(fault, error, "", "%s: reading tiers, orgs and users: %s", store->path,
                  tkr_error_text(error));
    } else {
        error = load_tokens(&load, workers, fault);
    }
    map_deinit(&load.tiers);
    map_deinit(&load.orgs);
    map_deinit(&load.users);
    return error;
}
