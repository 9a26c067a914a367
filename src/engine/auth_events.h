/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifications as events of the audit log.
 *
 *   auth.allowed       a success, by the policy `audit.successes`
 *   auth.refused       a refusal
 *   token.tried        a token that was revoked or quarantined: nobody should have it any more
 *   honeytoken.tried   a honeytoken: outwardly unknown, and a warning in the log
 *   auth.repeated      how often a refusal was repeated within its minute
 *   auth.left_out      how many have no event, and why
 *
 *   verifying threads ──note──▶ a ring in memory ──the writer thread──▶ the store
 *
 * Verification waits for nothing here: a note is a copy into the ring (base/ring.h), and what finds
 * no room is counted. What matters less may fill less of the ring, so that a flood of successes
 * leaves room for refusals, and both for tries. The writer thread takes out what has come at each
 * flush, and when the ring is an eighth full, in transactions of AUTH_BATCH_EVENTS, or of no more
 * than AUTH_SLICE_EVENTS while a change waits.
 *
 * It decides there what becomes an event of its own:
 *
 *   a refusal      the first of a token (or of none), an outcome and an address (of IPv6: a /64)
 *                  in a minute; the rest of the minute is one event with their number. Of different
 *                  ones at most `audit.refusals_per_second`, half of that for those that name no
 *                  known token
 *   a try          the same, with AUTH_TRIES_PER_SECOND, half of that for no honeytoken
 *
 * so that whoever sends garbage fills neither the disk nor the places of others, and nothing is
 * silently dropped:
 *
 *     all that was noted = events + the sum of auth.repeated + the sum of auth.left_out
 *
 * While the store cannot write, the ring keeps what it has, the oldest first. kill -9 loses what
 * came since the last flush, and the repeats of the running minute.
 */
#ifndef ENGINE_AUTH_EVENTS_H
#define ENGINE_AUTH_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lifecycle.h"
#include "engine/verify.h"

/* What a request came to: a verdict, or one of these. */
enum { AUTH_NO_TOKEN = TKR_VERDICT_COUNT, AUTH_CONFLICT, AUTH_OUTCOMES };
const char *auth_outcome_name(unsigned outcome); /* "valid", ..., "no_token", ... */

enum auth_text {
    AUTH_ORG,
    AUTH_USER,
    AUTH_NAME, /* of the token */
    AUTH_METHOD,
    AUTH_ENDPOINT,
    AUTH_USER_AGENT,
    AUTH_REQUEST,
    AUTH_RAY,
    AUTH_ASKED_BY, /* id of the token of who asked us about it; "": a proxy, or itself */
    AUTH_TEXTS
};

struct auth_event {
    unsigned outcome;
    bool honeytoken;
    const uint8_t *token_id; /* TOKEN_ID_BYTES; NULL: no token that we know */
    uint32_t line;           /* with it: the usage line of its lineage */
    int64_t at_ms;           /* 0: now */
    struct ip_address client;
    struct verify_text texts[AUTH_TEXTS]; /* longer ones are cut; none may hold a token */
};

/* All three: any thread, and none waits. */

/* Whether it is to be noted at all: each refusal is, a success by the policy. Asking counts: the
 * first success of a token in a minute is the first only once. */
bool authority_auth_wanted(struct authority *authority, const struct verify_result *result);
void authority_auth_note(struct authority *authority, const struct auth_event *event);

struct auth_stats {
    uint64_t honeytokens, ended; /* tries, all of them */
    uint64_t tries_left_out;     /* of them, those without an event of their own */
    uint64_t allowed, refused;   /* that are events; tries are refusals */
    uint64_t repeated;           /* told by their number */
    uint64_t over_maximum, no_room;
};
void authority_auth_stats(struct authority *authority, struct auth_stats *ret_stats);

#endif
