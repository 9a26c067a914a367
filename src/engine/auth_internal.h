/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of auth_events.h share: the notes (authority_auth.c, any thread) and what
 * becomes of them (writer_auth.c, the writer thread). */
#ifndef ENGINE_AUTH_INTERNAL_H
#define ENGINE_AUTH_INTERNAL_H

#include "base/ring.h"
#include "engine/auth_events.h"
#include "engine/auth_repeats.h"
#include "engine/auth_seen.h"
#include "engine/authority_internal.h"

/* In the order in which the ring is kept for them. */
enum auth_kind {
    AUTH_ALLOWED,
    AUTH_ANONYMOUS, /* refused, and no token that we know */
    AUTH_REFUSED,
    AUTH_ENDED, /* revoked or quarantined */
    AUTH_HONEYTOKEN,
    AUTH_KINDS
};

enum auth_fate { AUTH_UNDECIDED, AUTH_STORED, AUTH_PASSED_OVER };

struct auth_record {
    int64_t at_ms;
    struct auth_refusal what; /* of a success, too */
    uint32_t line;            /* with a token: of its lineage */
    bool has_token;
    uint8_t fate; /* the writer thread's */
    uint8_t lengths[AUTH_TEXTS];
    char texts[]; /* each with a NUL behind it */
};

typedef _Atomic uint64_t auth_counts[AUTH_KINDS][AUTH_OUTCOMES];

struct auth {
    struct ring ring;
    struct auth_seen *seen;
    auth_counts noted, no_room; /* any thread */
    _Atomic bool woken;         /* the writer was told that there is much */
    _Atomic bool waiting;       /* for the store to work again: nobody is told */

    /* The writer thread writes, all read. */
    auth_counts stored, repeated, over_maximum;

    /* The writer thread's. */
    struct auth_repeats *repeats;
    struct auth_second {
        int64_t second;
        uint32_t count;
    } seconds[2];                    /* of refusals, and of tries */
    uint64_t judged;                 /* up to here each record has its fate */
    bool telling, ending;            /* what this pass does beside storing */
    size_t due;                      /* how far it is through the repeats */
    uint64_t told[2][AUTH_OUTCOMES]; /* of no_room and over_maximum, told in events */
};

#endif
