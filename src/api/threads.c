/* SPDX-License-Identifier: Apache-2.0 */
#include "api/threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"

struct api_threads {
    struct verifier_options options;
    struct meter *meter; /* NULL: none */
    _Atomic(struct api_thread *) events[API_EVENT_THREADS_MAX];
    pthread_mutex_t lock; /* for what follows */
    struct api_thread *all, *free;
};

static const char *const endpoint_names[ENDPOINT_COUNT] = {
    [ENDPOINT_AUTH] = "auth",
    [ENDPOINT_VERIFY] = "verify",
    [ENDPOINT_BATCH] = "batch",
};

const char *api_endpoint_name(enum api_endpoint endpoint)
{
    return endpoint_names[endpoint];
}

const char *api_outcome_name(unsigned outcome)
{
    return outcome == OUTCOME_BAD_REQUEST ? "bad_request" : auth_outcome_name(outcome);
}

/* From a cache hit to a thread that was off the processor. */
static const uint64_t latency_bounds_ns[] = {500,     1000,    2000,     4000,    8000,
                                             16000,   32000,   64000,    128000,  256000,
                                             1000000, 4000000, 16000000, 64000000};

static struct api_thread *make(struct api_threads *threads)
{
    struct api_thread *thread = aligned_alloc(_Alignof(struct api_thread), sizeof *thread);
    if (thread == NULL) {
        return NULL;
    }
    *thread = (struct api_thread){0};
    for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
        histogram_init(&thread->latency[i], latency_bounds_ns,
                       sizeof latency_bounds_ns / sizeof latency_bounds_ns[0]);
    }
    pthread_mutex_lock(&threads->lock);
    thread->next = threads->all;
    threads->all = thread;
    pthread_mutex_unlock(&threads->lock);
    return thread;
}

static struct api_thread *with_verifier(struct api_threads *threads, struct api_thread *thread)
{
    if (UNLIKELY(thread != NULL && thread->verifier == NULL)) {
        struct verifier *verifier;
        if (verifier_new(&threads->options, &verifier, NULL) == TKR_OK) {
            thread->verifier = verifier;
        }
    }
    return thread;
}

tkr_error_t api_threads_new(const struct verifier_options *options, struct meter *meter,
                            struct api_threads **ret_threads)
{
    struct api_threads *threads = calloc(1, sizeof *threads);
    ENSURE(threads != NULL, TKR_MEMORY);
    threads->options = *options;
    threads->meter = meter;
    pthread_mutex_init(&threads->lock, NULL);
    *ret_threads = threads;
    return TKR_OK;
}

void api_threads_free(struct api_threads *threads)
{
    if (threads == NULL) {
        return;
    }
    while (threads->all != NULL) {
        struct api_thread *thread = threads->all;
        threads->all = thread->next;
        verifier_free(thread->verifier);
        if (thread->seat != NULL) {
            meter_seat_return(threads->meter, thread->seat);
        }
        free(thread);
    }
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

struct api_thread *api_thread_of_event(struct api_threads *threads, unsigned id)
{
    if (UNLIKELY(id >= API_EVENT_THREADS_MAX)) {
        return NULL;
    }
    struct api_thread *thread = atomic_load_explicit(&threads->events[id], memory_order_relaxed);
    if (UNLIKELY(thread == NULL)) {
        thread = make(threads);
        atomic_store_explicit(&threads->events[id], thread, memory_order_relaxed);
    }
    return with_verifier(threads, thread);
}

struct api_thread *api_thread_borrow(struct api_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    struct api_thread *thread = threads->free;
    if (thread != NULL) {
        threads->free = thread->next_free;
    }
    pthread_mutex_unlock(&threads->lock);
    if (thread == NULL) {
        thread = make(threads);
    }
    return with_verifier(threads, thread);
}

void api_thread_return(struct api_threads *threads, struct api_thread *thread)
{
    if (thread == NULL) {
        return;
    }
    pthread_mutex_lock(&threads->lock);
    thread->next_free = threads->free;
    threads->free = thread;
    pthread_mutex_unlock(&threads->lock);
}

void api_threads_sum(struct api_threads *threads, struct api_thread_totals *ret_totals)
{
    *ret_totals = (struct api_thread_totals){0};
    for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
        histogram_init(&ret_totals->latency[i], latency_bounds_ns,
                       sizeof latency_bounds_ns / sizeof latency_bounds_ns[0]);
    }
    pthread_mutex_lock(&threads->lock);
    for (struct api_thread *thread = threads->all; thread != NULL; thread = thread->next) {
        ret_totals->warned += atomic_load_explicit(&thread->warned, memory_order_relaxed);
        for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
            histogram_add(&ret_totals->latency[i], &thread->latency[i]);
            for (size_t j = 0; j < OUTCOME_KINDS; j++) {
                ret_totals->outcomes[i][j] +=
                    atomic_load_explicit(&thread->outcomes[i][j], memory_order_relaxed);
            }
        }
    }
    pthread_mutex_unlock(&threads->lock);
}
