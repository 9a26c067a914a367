/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals of the running minute, each with how often it was repeated since its event. The writer
 * thread's alone.
 *
 * A refusal is the same as another when outcome, token (or that there is none) and address are, of
 * IPv6 the /64: who has one could send each request from another address of it. One that finds its
 * places taken is not known, and so an event each time.
 */
#ifndef ENGINE_AUTH_REPEATS_H
#define ENGINE_AUTH_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"
#include "policy/cidr.h"
#include "token/token_text.h"

#define AUTH_REPEATS_WAYS 8
#define AUTH_REPEATS_BUCKETS (AUTH_REPEATS_MAX / AUTH_REPEATS_WAYS)

struct auth_refusal {
    uint8_t token_id[TOKEN_ID_BYTES]; /* zeros: none */
    struct ip_address client;
    uint8_t outcome, kind;
};

struct auth_repeat {
    struct auth_refusal refusal;
    int64_t minute; /* 0: the place is free */
    uint64_t count; /* of repeats that are not told yet */
    int64_t first_ms, last_ms;
};

struct auth_repeats {
    uint64_t seed; /* so that nobody chooses addresses that share a bucket */
    struct auth_repeat entries[AUTH_REPEATS_BUCKETS][AUTH_REPEATS_WAYS];
};

/* True: it is one, and counted. Also of a minute before, as long as that one's are not told. */
bool auth_repeats_take(struct auth_repeats *repeats, const struct auth_refusal *refusal,
                       int64_t at_ms);
/* This one became an event: from now on it is known, if there is a place. */
void auth_repeats_add(struct auth_repeats *repeats, const struct auth_refusal *refusal,
                      int64_t at_ms);
/* The next one from *cursor whose repeats are to be told: the minute is over, or `all`. NULL: that
 * was all. Told: set its `count` to 0. */
struct auth_repeat *auth_repeats_due(struct auth_repeats *repeats, int64_t now_ms, bool all,
                                     size_t *cursor);

#endif
