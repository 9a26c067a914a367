/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads over one bounded queue. A waiting exchange holds its connection, so the
 * queue is also bounded by the connections. First come, first served.
 */
#include <signal.h>
#include <stdlib.h>

#include "http/internal.h"

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    bool closed, ending;
    size_t first, length, queue_max;
    struct http_exchange **queue; /* a ring */
    unsigned thread_count;
    pthread_t threads[];
};

static struct http_exchange *take(struct worker_pool *pool)
{
    struct http_exchange *exchange = NULL;
    pthread_mutex_lock(&pool->lock);
    while (pool->length == 0 && !pool->ending) {
        pthread_cond_wait(&pool->not_empty, &pool->lock);
    }
    if (pool->length > 0) {
        exchange = pool->queue[pool->first];
        pool->first = (pool->first + 1) % pool->queue_max;
        pool->length--;
    }
    pthread_mutex_unlock(&pool->lock);
    return exchange;
}

static void *work(void *context)
{
    struct worker_pool *pool = context;
    struct http_exchange *exchange;
    while ((exchange = take(pool)) != NULL) {
        if (atomic_load(&exchange->hand_over) == HAND_ABANDONED) {
            connection_unref(exchange->connection); /* the server stops: nobody waits for it */
        } else {
            exchange_run(exchange);
        }
    }
    return NULL;
}

tkr_error_t worker_pool_new(unsigned threads, size_t queue_max, struct worker_pool **ret_pool)
{
    struct worker_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
    ENSURE(pool != NULL, TKR_MEMORY);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->not_empty, NULL);
    pool->queue_max = queue_max;
    pool->queue = calloc(queue_max, sizeof(struct http_exchange *));
    bool started = pool->queue != NULL;
    while (started && pool->thread_count < threads) {
        started = pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0;
        pool->thread_count += started;
    }
    if (!started) {
        worker_pool_free(pool);
        return TKR_MEMORY;
    }
    *ret_pool = pool;
    return TKR_OK;
}

bool worker_push(struct worker_pool *pool, struct http_exchange *exchange)
{
    pthread_mutex_lock(&pool->lock);
    bool room = !pool->closed && pool->length < pool->queue_max;
    if (room) {
        pool->queue[(pool->first + pool->length) % pool->queue_max] = exchange;
        pool->length++;
        pthread_cond_signal(&pool->not_empty);
    }
    pthread_mutex_unlock(&pool->lock);
    return room;
}

size_t worker_length(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t length = pool->length;
    pthread_mutex_unlock(&pool->lock);
    return length;
}

void worker_close(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_mutex_unlock(&pool->lock);
}

void worker_end(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pool->ending = true;
    pthread_cond_broadcast(&pool->not_empty);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pool->thread_count = 0;
}

void worker_pool_free(struct worker_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    worker_end(pool);
    pthread_cond_destroy(&pool->not_empty);
    pthread_mutex_destroy(&pool->lock);
    free(pool->queue);
    free(pool);
}
