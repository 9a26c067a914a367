/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each thread that verifies has for itself: a verifier (which belongs to one thread at a
 * time) and its counters, so that counting is an addition in the thread's own cache line.
 *
 * An event thread has its slot, made when its first request comes. Worker threads and local
 * calls borrow from a pool that grows to as many as are ever needed at once.
 */
#ifndef API_THREADS_H
#define API_THREADS_H

#include <stdatomic.h>
#include <stdint.h>

#include "api/api.h"
#include "base/metrics.h"
#include "engine/auth_events.h"

/* Where verifications come from; a label of the metric. */
enum api_endpoint { ENDPOINT_AUTH, ENDPOINT_VERIFY, ENDPOINT_BATCH, ENDPOINT_COUNT };
const char *api_endpoint_name(enum api_endpoint endpoint);

/* What they ended in: a verdict, or not even that. */
enum {
    OUTCOME_NO_TOKEN = AUTH_NO_TOKEN,
    OUTCOME_CONFLICT = AUTH_CONFLICT,
    OUTCOME_BAD_REQUEST = AUTH_OUTCOMES,
    OUTCOME_KINDS
};
#define OUTCOME_DEFERRED OUTCOME_KINDS /* it will be run again, and counted then */
const char *api_outcome_name(unsigned outcome);

struct api_thread {
    struct verifier *verifier; /* NULL: there is no segment yet */
    struct meter_seat *seat;   /* see api/metering.h; NULL: none yet */
    bool no_seat;              /* and none to be had */
    _Atomic uint64_t outcomes[ENDPOINT_COUNT][OUTCOME_KINDS];
    struct histogram latency[ENDPOINT_COUNT];
    _Atomic uint64_t warned; /* valid, and with a warning */
    struct api_thread *next_free, *next;
} __attribute__((aligned(64)));

struct api_threads;
/* `meter` NULL: none. */
MUST_USE tkr_error_t api_threads_new(const struct verifier_options *options, struct meter *meter,
                                     struct api_threads **ret_threads);
void api_threads_free(struct api_threads *threads); /* NULL is allowed */

/*
 * The slot of event thread `id`; only that thread may call. NULL when memory is short or the
 * id is beyond API_EVENT_THREADS_MAX. `->verifier` is NULL as long as no segment is there; it
 * is tried again at each call.
 */
struct api_thread *api_thread_of_event(struct api_threads *threads, unsigned id);
/* Any thread: one that nobody else has. NULL when memory is short. */
struct api_thread *api_thread_borrow(struct api_threads *threads);
void api_thread_return(struct api_threads *threads, struct api_thread *thread);

/* One verification more. Only the slot's thread. */
static inline void api_thread_count(struct api_thread *thread, enum api_endpoint endpoint,
                                    unsigned outcome, uint64_t times)
{
    _Atomic uint64_t *counter = &thread->outcomes[endpoint][outcome];
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + times, memory_order_relaxed);
}

/* A valid verification; counts when it comes with a warning. Only the slot's thread. */
static inline void api_thread_count_warned(struct api_thread *thread,
                                           const struct verify_result *result)
{
    if (UNLIKELY(result->warned && result->verdict == TKR_VERDICT_VALID)) {
        uint64_t value = atomic_load_explicit(&thread->warned, memory_order_relaxed);
        atomic_store_explicit(&thread->warned, value + 1, memory_order_relaxed);
    }
}

struct api_thread_totals {
    uint64_t warned;
    uint64_t outcomes[ENDPOINT_COUNT][OUTCOME_KINDS];
    struct histogram latency[ENDPOINT_COUNT];
};
/* Any thread: the sum over all. */
void api_threads_sum(struct api_threads *threads, struct api_thread_totals *ret_totals);

#endif
