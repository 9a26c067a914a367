/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/adopter.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/refused.h"
#include "base/secret.h"
#include "crypto/digest.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

struct waiting {
    struct adopter_waiter waiter;
    struct waiting *next;
};

enum flight_state { FLIGHT_FREE, FLIGHT_QUEUED, FLIGHT_ASKING };

/* A question about one token. */
struct flight {
    enum flight_state state;
    uint8_t digest[TOKEN_DIGEST_BYTES];
    size_t length;
    int64_t deadline_ns;
    struct waiting *first;
    struct flight *next; /* in the queue */
};

struct adopter {
    struct adopter_options options;
    pthread_mutex_t lock;
    pthread_cond_t queued;
    _Atomic bool stopping;
    struct refused refused;
    int64_t credit_ns, credited_ns; /* of the questions a second; as of when */
    struct flight flights[ADOPT_FLIGHTS_MAX];
    char (*texts)[TOKEN_TEXT_BYTES_MAX]; /* of the flights; secret memory */
    struct flight *first, **end;         /* the queue */
    struct waiting places[ADOPT_WAITING_MAX];
    struct waiting *free;
    struct adopter_stats stats;
    unsigned thread_count;
    pthread_t threads[ADOPT_IN_FLIGHT_MAX];
};

#define TEXTS_BYTES (ADOPT_FLIGHTS_MAX * TOKEN_TEXT_BYTES_MAX)

/* --- taking; the lock is held ---------------------------------------------------------------- */

/* A bucket of time: a question costs its share of a second, and a second is the most it holds. */
static bool take_credit(struct adopter *adopter, int64_t now_ns)
{
    int64_t cost_ns = NS_PER_S / adopter->options.per_second;
    int64_t earned_ns = now_ns - adopter->credited_ns;
    adopter->credited_ns = now_ns;
    if (earned_ns > 0) {
        adopter->credit_ns += earned_ns < NS_PER_S ? earned_ns : NS_PER_S;
    }
    adopter->credit_ns = adopter->credit_ns < NS_PER_S ? adopter->credit_ns : NS_PER_S;
    if (adopter->credit_ns < cost_ns) {
        return false;
    }
    adopter->credit_ns -= cost_ns;
    return true;
}

static struct flight *find_flight(struct adopter *adopter, const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    for (size_t i = 0; i < ADOPT_FLIGHTS_MAX; i++) {
        struct flight *flight = &adopter->flights[i];
        if (flight->state != FLIGHT_FREE &&
            memcmp(flight->digest, digest, sizeof(flight->digest)) == 0) {
            return flight;
        }
    }
    return NULL;
}

static struct flight *free_flight(struct adopter *adopter)
{
    struct flight *found = NULL;
    for (size_t i = 0; i < ADOPT_FLIGHTS_MAX && found == NULL; i++) {
        found = adopter->flights[i].state == FLIGHT_FREE ? &adopter->flights[i] : NULL;
    }
    return found;
}

static char *text_of(const struct adopter *adopter, const struct flight *flight)
{
    return adopter->texts[flight - adopter->flights];
}

static void queue_flight(struct adopter *adopter, struct flight *flight, const char *token,
                         size_t length, const uint8_t digest[TOKEN_DIGEST_BYTES], int64_t now_ns)
{
    flight->state = FLIGHT_QUEUED;
    flight->length = length;
    flight->deadline_ns = now_ns + adopter->options.timeout_ms * NS_PER_MS;
    flight->next = NULL;
    memcpy(flight->digest, digest, sizeof(flight->digest));
    memcpy(text_of(adopter, flight), token, length);
    *adopter->end = flight;
    adopter->end = &flight->next;
    pthread_cond_signal(&adopter->queued);
}

/* Where the waiter waits is parked first: from the unlocking on anybody may resume it. */
static bool wait_on(struct adopter *adopter, struct flight *flight,
                    const struct adopter_waiter *waiter)
{
    struct waiting *place = adopter->free;
    if (!waiter->park(waiter->request)) {
        return false;
    }
    adopter->free = place->next;
    place->waiter = *waiter;
    place->next = flight->first;
    flight->first = place;
    adopter->stats.waiting++;
    return true;
}

static enum adopter_answer take(struct adopter *adopter, const char *token, size_t length,
                                const uint8_t digest[TOKEN_DIGEST_BYTES],
                                const struct adopter_waiter *waiter)
{
    int64_t now_ns = clock_monotonic_ns(adopter->options.clock);
    if (refused_has(&adopter->refused, digest, now_ns)) {
        adopter->stats.spared++;
        return ADOPTER_REFUSED;
    }
    struct flight *flight = find_flight(adopter, digest);
    bool is_new = flight == NULL;
    flight = is_new ? free_flight(adopter) : flight;
    if (atomic_load(&adopter->stopping) || flight == NULL || adopter->free == NULL ||
        (is_new && !take_credit(adopter, now_ns)) || !wait_on(adopter, flight, waiter)) {
        adopter->stats.busy++;
        return ADOPTER_BUSY;
    }
    if (is_new) {
        queue_flight(adopter, flight, token, length, digest, now_ns);
    }
    return ADOPTER_WAITS;
}

enum adopter_answer adopter_take(struct adopter *adopter, const char *token, size_t length,
                                 const struct adopter_waiter *waiter)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];
    ASSERT(length <= TOKEN_TEXT_BYTES_MAX);
    if (digest_sha256(token, length, digest) != TKR_OK) {
        return ADOPTER_BUSY;
    }
    pthread_mutex_lock(&adopter->lock);
    enum adopter_answer answer = take(adopter, token, length, digest, waiter);
    pthread_mutex_unlock(&adopter->lock);
    return answer;
}

/* --- the threads ----------------------------------------------------------------------------- */

/* The oldest; NULL: it is time to end. */
static struct flight *next_flight(struct adopter *adopter)
{
    pthread_mutex_lock(&adopter->lock);
    while (adopter->first == NULL && !atomic_load(&adopter->stopping)) {
        pthread_cond_wait(&adopter->queued, &adopter->lock);
    }
    struct flight *flight = adopter->first;
    if (flight != NULL) {
        adopter->first = flight->next;
        adopter->end = adopter->first == NULL ? &adopter->first : adopter->end;
        flight->state = FLIGHT_ASKING;
    }
    pthread_mutex_unlock(&adopter->lock);
    return flight;
}

static enum adopt_outcome ask(struct adopter *adopter, const struct flight *flight)
{
    int64_t left_ms =
        (flight->deadline_ns - clock_monotonic_ns(adopter->options.clock)) / NS_PER_MS;
    if (left_ms <= 0 || atomic_load(&adopter->stopping)) {
        return ADOPT_UNDECIDED;
    }
    return adopter->options.decide(adopter->options.context, text_of(adopter, flight),
                                   flight->length, left_ms);
}

/* Ends the flight and returns who waited for it. */
static struct waiting *land(struct adopter *adopter, struct flight *flight,
                            enum adopt_outcome outcome)
{
    pthread_mutex_lock(&adopter->lock);
    int64_t now_ns = clock_monotonic_ns(adopter->options.clock);
    if (outcome == ADOPT_REFUSED) {
        refused_add(&adopter->refused, flight->digest,
                    now_ns + adopter->options.refused_ms * NS_PER_MS);
    }
    adopter->stats.outcomes[outcome]++;
    struct waiting *first = flight->first;
    flight->first = NULL;
    secret_wipe(text_of(adopter, flight), TOKEN_TEXT_BYTES_MAX);
    flight->state = FLIGHT_FREE;
    pthread_mutex_unlock(&adopter->lock);
    return first;
}

static void resume_all(struct adopter *adopter, struct waiting *first, enum adopt_outcome outcome)
{
    while (first != NULL) {
        struct waiting *place = first;
        struct adopter_waiter waiter = place->waiter;
        first = place->next;
        pthread_mutex_lock(&adopter->lock);
        place->next = adopter->free;
        adopter->free = place;
        adopter->stats.waiting--;
        pthread_mutex_unlock(&adopter->lock);
        waiter.resume(waiter.context, waiter.request, outcome);
    }
}

static void *run(void *context)
{
    struct adopter *adopter = context;
    struct flight *flight;
    while ((flight = next_flight(adopter)) != NULL) {
        enum adopt_outcome outcome = ask(adopter, flight);
        resume_all(adopter, land(adopter, flight, outcome), outcome);
    }
    return NULL;
}

/* --- the whole ------------------------------------------------------------------------------- */

static tkr_error_t start(struct adopter *adopter)
{
    void *texts = NULL;
    sigset_t all, before;
    TRY(refused_init(&adopter->refused, adopter->options.refused_entries));
    TRY(secret_alloc(TEXTS_BYTES, &texts));
    adopter->texts = texts;
    bool started = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    while (started && adopter->thread_count < adopter->options.in_flight) {
        started = pthread_create(&adopter->threads[adopter->thread_count], NULL, run, adopter) == 0;
        adopter->thread_count += started;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started ? TKR_OK : TKR_MEMORY;
}

tkr_error_t adopter_new(const struct adopter_options *options, struct adopter **ret_adopter)
{
    struct adopter *adopter = calloc(1, sizeof(*adopter));
    ENSURE(adopter != NULL, TKR_MEMORY);
    ASSERT(options->in_flight >= 1 && options->in_flight <= ADOPT_IN_FLIGHT_MAX);
    ASSERT(options->per_second >= 1);
    adopter->options = *options;
    adopter->end = &adopter->first;
    adopter->credit_ns = NS_PER_S;
    adopter->credited_ns = clock_monotonic_ns(options->clock);
    pthread_mutex_init(&adopter->lock, NULL);
    pthread_cond_init(&adopter->queued, NULL);
    for (size_t i = 0; i < ADOPT_WAITING_MAX; i++) {
        adopter->places[i].next = adopter->free;
        adopter->free = &adopter->places[i];
    }
    tkr_error_t error = start(adopter);
    if (error != TKR_OK) {
        adopter_free(adopter);
        return error;
    }
    *ret_adopter = adopter;
    return TKR_OK;
}

/* The threads end when nothing is queued any more; each question is now short. */
void adopter_stop(struct adopter *adopter)
{
    pthread_mutex_lock(&adopter->lock);
    atomic_store(&adopter->stopping, true);
    pthread_cond_broadcast(&adopter->queued);
    pthread_mutex_unlock(&adopter->lock);
    for (unsigned i = 0; i < adopter->thread_count; i++) {
        pthread_join(adopter->threads[i], NULL);
    }
    adopter->thread_count = 0;
}

bool adopter_stopping(const struct adopter *adopter)
{
    return atomic_load(&adopter->stopping);
}

void adopter_free(struct adopter *adopter)
{
    if (adopter == NULL) {
        return;
    }
    adopter_stop(adopter);
    if (adopter->texts != NULL) {
        secret_free(adopter->texts, TEXTS_BYTES);
    }
    refused_deinit(&adopter->refused);
    pthread_cond_destroy(&adopter->queued);
    pthread_mutex_destroy(&adopter->lock);
    free(adopter);
}

void adopter_stats(struct adopter *adopter, struct adopter_stats *ret_stats)
{
    pthread_mutex_lock(&adopter->lock);
    *ret_stats = adopter->stats;
    pthread_mutex_unlock(&adopter->lock);
}
