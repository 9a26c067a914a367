/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, in the order of their times, through the limiter that production uses: over usage
 * lines in private memory, with the recorded times as its clock. What it decides is what would
 * have been decided.
 *
 * Several proposals are replayed side by side, each with counts of its own. All subjects of a
 * recording are held to the limits of a proposal: limits that a token or user has of its own,
 * and the tier that it is of, are not known here.
 *
 * A refusal is put down to each subject whose window lacked room (a token, its user, or both),
 * and to each window that did.
 *
 * Memory, for each proposal and subject: 96 bytes, and 64 more for each of hour and day that
 * slides. Not thread-safe. No I/O.
 */
#ifndef SIMULATE_REPLAY_H
#define SIMULATE_REPLAY_H

#include "engine/limiter_port.h"
#include "simulate/order.h"
#include "simulate/timeline.h"

struct replay_proposal {
    char name[TIER_NAME_BYTES_MAX + 1];
    struct limits limits; /* within limits_check */
    enum limits_subject subject;
};

struct replay_options {
    const struct limiter_port *limiter;
    enum window_kind kinds[WINDOW_COUNT];
    size_t proposal_count; /* 1 to SIMULATE_PROPOSALS_MAX */
    struct replay_proposal proposals[SIMULATE_PROPOSALS_MAX];
};

/* What became of one subject. */
struct replay_account {
    uint64_t requests, refused;
    int64_t first_refused_ms; /* when `refused` is not 0 */
    int64_t longest_wait_ms;  /* the longest Retry-After that it would have been told */
};

/* What became of all. */
struct replay_totals {
    uint64_t requests, refused;
    uint64_t by_window[WINDOW_COUNT]; /* a refusal may be of several */
    uint64_t hopeless;                /* refused whenever they come: cost above a limit */
    uint32_t subjects, subjects_refused;
    int64_t first_refused_ms, last_refused_ms, longest_wait_ms;
    struct timeline timeline;
};

struct replay;

/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t replay_new(const struct replay_options *options, struct replay **ret_replay);
void replay_free(struct replay *replay); /* NULL is allowed */

/* `request->token` or `user` is SUBJECT_NONE where no proposal counts them. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t replay_request(struct replay *replay, const struct order_request *request);

const struct replay_proposal *replay_proposal(const struct replay *replay, size_t proposal);
const struct replay_totals *replay_totals(const struct replay *replay, size_t proposal);
struct replay_account replay_account(const struct replay *replay, size_t proposal,
                                     uint32_t subject);
/*
 * The numbers of those who were refused, most often first, then in the order of their numbers.
 * The caller frees them. Errors: TKR_MEMORY.
 */
MUST_USE tkr_error_t replay_refused(const struct replay *replay, size_t proposal,
                                    uint32_t **ret_numbers, size_t *ret_count);

#endif
