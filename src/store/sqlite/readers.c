/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "store/sqlite/store.h"

tkr_error_t readers_init(struct readers *readers)
{
    pthread_condattr_t attributes;
    memset(readers, 0, sizeof(*readers));
    ENSURE(pthread_condattr_init(&attributes) == 0, TKR_MEMORY);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&readers->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    ENSURE(failed == 0, TKR_MEMORY);
    ENSURE(pthread_mutex_init(&readers->mutex, NULL) == 0, TKR_MEMORY);
    return TKR_OK;
}

void readers_deinit(struct readers *readers)
{
    for (size_t i = 0; i < STORE_READERS; i++) {
        ASSERT(!readers->lent[i]);
        if (readers->open[i]) {
            connection_close(&readers->connections[i]);
        }
    }
    pthread_mutex_destroy(&readers->mutex);
    pthread_cond_destroy(&readers->returned);
}

/* An open one before one that must be opened first. STORE_READERS: none. */
static size_t find_free(const struct readers *readers)
{
    size_t found = STORE_READERS;
    for (size_t i = 0; i < STORE_READERS; i++) {
        if (readers->lent[i]) {
            continue;
        }
        if (readers->open[i]) {
            return i;
        }
        found = i;
    }
    return found;
}

/* Waits, at most STORE_BUSY_MS in all. The mutex is held before and after. */
static tkr_error_t wait_for_free(struct readers *readers, size_t *ret_index)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STORE_BUSY_MS / 1000;
    size_t index = find_free(readers);
    while (index == STORE_READERS) {
        if (pthread_cond_timedwait(&readers->returned, &readers->mutex, &until) != 0) {
            return TKR_BUSY;
        }
        index = find_free(readers);
    }
    *ret_index = index;
    return TKR_OK;
}

static void give_back(struct readers *readers, size_t index)
{
    pthread_mutex_lock(&readers->mutex);
    readers->lent[index] = false;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->mutex);
}

/* Opening is slow, so it happens outside the mutex; nobody else touches a lent slot. */
static tkr_error_t prepare_reader(struct store *store, size_t index)
{
    struct connection *connection = &store->readers.connections[index];
    if (!store->readers.open[index]) {
        TRY(connection_open(connection, store->path, store->vfs, CONNECTION_READ, NULL));
        pthread_mutex_lock(&store->readers.mutex);
        store->readers.open[index] = true;
        pthread_mutex_unlock(&store->readers.mutex);
    }
    return connection_run(connection, "BEGIN");
}

tkr_error_t reader_take(struct store *store, struct connection **ret_connection)
{
    struct readers *readers = &store->readers;
    size_t index = 0;
    pthread_mutex_lock(&readers->mutex);
    tkr_error_t error = wait_for_free(readers, &index);
    if (error == TKR_OK) {
        readers->lent[index] = true;
    }
    pthread_mutex_unlock(&readers->mutex);
    TRY(error);
    error = prepare_reader(store, index);
    if (error != TKR_OK) {
        give_back(readers, index);
        return error;
    }
    *ret_connection = &readers->connections[index];
    return TKR_OK;
}

void reader_return(struct store *store, struct connection *connection)
{
    connection_rollback(connection); /* it only read */
    give_back(&store->readers, (size_t)(connection - store->readers.connections));
}
