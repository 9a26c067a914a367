/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port through which verification counts and limits. limiter/local implements it over
 * the usage lines of the segment; a shared one (Redis) will implement it for many nodes.
 *
 * All or nothing: either every window has room for `cost` and all are taken, or none is.
 * Exactness: a fixed window never admits more than its limit, whatever the concurrency and
 * whoever is killed; a sliding one never admits more than its limit in any 60 s (1 h, 1 d);
 * credits never more than there are.
 *
 * The windows are asked first, then the credits: who is beyond a rate is told so, and only who
 * is not can be out of credits. Either refusal takes nothing of either.
 */
#ifndef ENGINE_LIMITER_PORT_H
#define ENGINE_LIMITER_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/credits.h"
#include "policy/limits_spec.h"

/* One counted thing: a lineage's or a user's usage line, and its limits. */
struct limiter_subject {
    void *line;           /* the usage line; NULL: this subject is not counted */
    struct limits limits; /* effective; windows not set are unlimited */
};

/* One window that applies, as it stands after the request. */
struct verify_window {
    enum window window;
    enum limits_subject subject; /* LIMITS_OF_TOKEN or LIMITS_OF_USER */
    uint32_t limit;
    uint32_t remaining;
    int64_t reset_at_ms; /* when the window (fixed) ends or its oldest bucket (sliding) leaves */
};
#define VERIFY_WINDOWS_MAX (2 * WINDOW_COUNT)

/* A stock of credits, as it stands after the request. */
struct verify_credits {
    uint64_t remaining; /* never more than CREDITS_ALLOWANCE_MAX */
    uint64_t refill;
    enum credits_interval interval;
    int64_t refill_at_ms; /* when the next refill is due; 0: never */
};

/* A cost of 0 is admitted when the windows have room for 1, takes nothing, and counts as one
 * use. Of credits it needs none, so it passes when none are left. */
struct limiter_take {
    const enum window_kind *kinds; /* WINDOW_COUNT of them */
    struct limiter_subject token, user;
    void *credits; /* the credit line (segment/usage_line.h); NULL: unlimited */
    int64_t now_ms;
    /* Reads the clock again; NULL when nobody counts at the same time. Used in the rare case
     * that a count of others must be moved and may not seem older than it is. */
    int64_t (*later_ms)(void *context);
    void *later_context;
    uint32_t cost;
    bool dry_run; /* decide and report, write nothing */
};

struct limiter_answer {
    bool admitted;
    int64_t retry_after_ms; /* when not admitted: the least wait after which all have room, if
                               nobody else takes; 0 when it never will (cost above the limit or
                               the refill, no refill) */
    bool has_credits;       /* then `credits` is filled */
    bool exhausted;         /* not admitted because of them: the windows had room */
    struct verify_credits credits;
    uint32_t window_count;
    struct verify_window *windows; /* the caller's, VERIFY_WINDOWS_MAX; filled: the limited ones,
                                      the token's before the user's */
};

struct limiter_port {
    /* When admitted also adds `cost` to the windows and the used credits, 1 to the line's
     * total, and sets its last use. Not admitted: nothing is changed. */
    void (*take)(const struct limiter_take *take, struct limiter_answer *ret_answer);
};

#endif
