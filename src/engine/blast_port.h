/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store tells for the report on one token (engine/blast.h): its kin, and the audit
 * events that it is in. Reads that any thread may make; each is bounded by its caller.
 */
#ifndef ENGINE_BLAST_PORT_H
#define ENGINE_BLAST_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/model.h"

/* --- kin ----------------------------------------------------------------------------------- */

enum store_kin {
    KIN_VERSIONS,     /* of the lineage that has this id, the newest first */
    KIN_MADE,         /* made by this token and not revoked, the newest first */
    KIN_MADE_REVOKED, /* made by it and revoked, what was revoked last first */
    KIN_COUNT
};
struct store_relative {
    struct token token;
    bool user_suspended;
};
typedef tkr_error_t (*kin_visit)(void *context, const struct store_relative *relative);

/* --- events -------------------------------------------------------------------------------- */

/* Types of those that a refused token left behind by being presented. */
#define EVENT_TRIED "token.tried"
#define EVENT_HONEYTOKEN_TRIED "honeytoken.tried"
/* And of other verifications, which all begin with `auth.`; see engine/auth_events.h. */
#define EVENT_ALLOWED "auth.allowed"
#define EVENT_REFUSED "auth.refused"
#define EVENT_REPEATED "auth.repeated"
#define EVENT_LEFT_OUT "auth.left_out"

enum store_events {
    EVENTS_BY,    /* what the token did */
    EVENTS_TRIED, /* when somebody presented it though it had ended, or was a honeytoken */
    EVENTS_SEEN,  /* its other verifications, as far as they are events */
    EVENTS_ABOUT, /* all else that happened to it */
    EVENTS_FIRST, /* the first about it: that it was made */
};
struct event_question {
    enum store_events which;
    const char *token_id;
    const char *org_id; /* events of other organisations are left out; NULL: of none */
    int64_t from_ms;    /* not before */
    uint32_t most;      /* looked at, the newest first (of FIRST: the oldest) */
    uint32_t keep;      /* of them told one by one */
};
struct event_count {
    const char *type;
    uint64_t count;
};
struct store_event;
struct event_answer {
    uint64_t count;
    int64_t first_ms, last_ms;                 /* 0: none */
    struct event_count types[EVENT_TYPES_MAX]; /* those beyond are in `count` only */
    size_t type_count;
    struct store_event *newest;
    size_t newest_count;
    uint32_t looked_at;
    bool complete; /* false: there are older ones in the time that was asked for */
};

struct store;
struct store_blast {
    /* At most `most`. Texts are in the arena; an error of `visit` stops and is returned. */
    tkr_error_t (*visit_kin)(struct store *store, enum store_kin kin, const char *token_id,
                             uint32_t most, struct arena *arena, kin_visit visit, void *context);
    tkr_error_t (*read_events)(struct store *store, const struct event_question *question,
                               struct arena *arena, struct event_answer *ret_answer);
};

#endif
