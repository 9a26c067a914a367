/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash chain of audit events.
 *
 *     digest(n) = SHA-256( "TKA1" | digest(n-1) | n | time | type | org | … | details )
 *
 * numbers as 8 bytes and each text behind its length in 4, the highest byte first; a text that is
 * not there has length 0. So whoever changes, takes out, adds or swaps an event changes the digest
 * of every later one, and no two events have the same bytes. What a store that begins has instead
 * of a digest before its first event is the digest of its own identity, so that the events of one
 * store never pass for those of another.
 *
 * This is a format that is stored: another one gets another tag. Pure.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"

#define AUDIT_DIGEST_BYTES DIGEST_SHA256_BYTES

/* The texts of an event, in the order of the chain and of the store's columns. */
#define AUDIT_FIELDS_EACH(X)                                                                       \
    X(TYPE, "type")                                                                                \
    X(ORG, "org_id")                                                                               \
    X(ACTOR_USER, "actor_user")                                                                    \
    X(ACTOR_TOKEN, "actor_token")                                                                  \
    X(USER, "user_id")                                                                             \
    X(TOKEN, "token_id")                                                                           \
    X(TOKEN_NAME, "token_name")                                                                    \
    X(VERDICT, "verdict")                                                                          \
    X(CLIENT, "client")                                                                            \
    X(USER_AGENT, "user_agent")                                                                    \
    X(METHOD, "method")                                                                            \
    X(ENDPOINT, "endpoint")                                                                        \
    X(REQUEST, "request_id")                                                                       \
    X(RAY, "ray_id")                                                                               \
    X(DETAILS, "details") /* the text of a JSON object */

#define AUDIT_FIELD_ROW(id, name) AUDIT_FIELD_##id,
enum audit_field { AUDIT_FIELDS_EACH(AUDIT_FIELD_ROW) AUDIT_FIELDS };
#undef AUDIT_FIELD_ROW
extern const char *const audit_field_names[AUDIT_FIELDS];

/* The type of the event that says that what stands before it is not what was written. */
#define AUDIT_TYPE_BROKEN "audit.broken"
/* And of those that say that events left the log, with `first` and `last` in their details: to an
 * archive, or for good. */
#define AUDIT_TYPE_ARCHIVED "audit.archived"
#define AUDIT_TYPE_DISCARDED "audit.discarded"

struct audit_event {
    uint64_t seq; /* 1, 2, ... in the order committed */
    int64_t at_ms;
    const char *fields[AUDIT_FIELDS]; /* NULL and "": none */
};

/* What stands before the first event of a store. Errors: those of digest_sha256. */
MUST_USE tkr_error_t audit_chain_begin(const void *store_id, size_t bytes,
                                       uint8_t ret_digest[AUDIT_DIGEST_BYTES]);
/* About 0.4 us for an event of 300 bytes. `ret_digest` may be `before`. Errors: TKR_TOO_LARGE
 * (AUDIT_EVENT_BYTES_MAX), those of digest_sha256. */
MUST_USE tkr_error_t audit_chain_next(const uint8_t before[AUDIT_DIGEST_BYTES],
                                      const struct audit_event *event,
                                      uint8_t ret_digest[AUDIT_DIGEST_BYTES]);

#endif
