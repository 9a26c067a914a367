/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks an old endpoint about unknown tokens, and how often.
 *
 *   a request with an unknown token ── adopter_take ──▶ refused before      answered at once
 *                                         │             no room, too many   answered at once
 *                                         ▼
 *                                      it waits ──▶ a flight for each token, however many wait
 *                                                     │ a thread of ours: `decide`
 *                                                     ▼
 *                                                   `resume` for each that waits
 *
 * What a flood of unknown tokens can cost the old endpoint is bounded: so many questions at once,
 * so many a second, one for each token, and a token that was refused is not asked about again
 * for a while (a cache by digest, which forgets the oldest). What it costs us: so many waiting
 * requests. Beyond any of it the caller cannot be decided about, which is never a refusal.
 *
 * The text of a token is kept in secret memory while its flight lasts. Time and the question are
 * injected. Any thread may call.
 */
#ifndef ADOPT_ADOPTER_H
#define ADOPT_ADOPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"

enum adopt_outcome {
    ADOPT_SETTLED,   /* verify again */
    ADOPT_REFUSED,   /* it is no good there either; or it was, and stays dead here */
    ADOPT_UNDECIDED, /* nobody could say */
    ADOPT_OUTCOME_COUNT
};

struct adopter_options {
    const struct clock *clock;
    unsigned in_flight;  /* questions at once: threads. 1 to ADOPT_IN_FLIGHT_MAX */
    int64_t timeout_ms;  /* from the request to the answer of the old endpoint */
    uint32_t per_second; /* questions a second, and at once after a pause */
    uint32_t refused_entries;
    int64_t refused_ms;
    /* Asks, and makes what it learned durable and visible. On a thread of the adopter's; returns
     * within `timeout_ms` or little more, sooner when adopter_stopping says so. */
    enum adopt_outcome (*decide)(void *context, const char *token, size_t length,
                                 int64_t timeout_ms);
    void *context;
};

struct adopter;
/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t adopter_new(const struct adopter_options *options,
                                 struct adopter **ret_adopter);
/* Everybody who waits is told ADOPT_UNDECIDED, and nobody is taken any more; returns when all are
 * told. Twice is fine. */
void adopter_stop(struct adopter *adopter);
bool adopter_stopping(const struct adopter *adopter);
void adopter_free(struct adopter *adopter); /* stops; NULL is allowed */

/* Somebody who waits. */
struct adopter_waiter {
    /* Makes it wait, so that `resume` may come at any time from now on. False: it cannot. */
    bool (*park)(void *request);
    /* Exactly once, on a thread of the adopter's, without any lock of its. */
    void (*resume)(void *context, void *request, enum adopt_outcome outcome);
    void *context, *request;
};

enum adopter_answer {
    ADOPTER_WAITS,   /* parked: `resume` will be called, or was already */
    ADOPTER_REFUSED, /* asked a moment ago: it is no good */
    ADOPTER_BUSY,    /* no room, too many questions, or stopping */
};
/* `length` is at most TOKEN_TEXT_BYTES_MAX. */
enum adopter_answer adopter_take(struct adopter *adopter, const char *token, size_t length,
                                 const struct adopter_waiter *waiter);

struct adopter_stats {
    uint64_t outcomes[ADOPT_OUTCOME_COUNT]; /* questions that came to this */
    uint64_t spared;                        /* refused before, and not asked again */
    uint64_t busy;
    uint32_t waiting; /* requests, now */
};
void adopter_stats(struct adopter *adopter, struct adopter_stats *ret_stats);

#endif
