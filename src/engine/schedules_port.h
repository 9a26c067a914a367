/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the store port that keeps schedules of rotation, one a lineage (engine/schedules.h).
 *
 *            begin: with the rotation                 end: DELIVERED
 *     idle ───────────────────────────▶ rotating ─────────────────────────▶ idle
 *                                           │       with the rollback
 *                                           └── end: FAILED, UNSURE ──▶ idle, next_at moves
 */
#ifndef ENGINE_SCHEDULES_PORT_H
#define ENGINE_SCHEDULES_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/model.h"

/* Stored as a number: never renumber. */
enum schedule_outcome {
    SCHEDULE_NEVER,     /* it was not rotated by its schedule yet */
    SCHEDULE_DELIVERED, /* the receiver has the successor */
    SCHEDULE_FAILED,    /* it has not, for certain: the successor is revoked */
    SCHEDULE_UNSURE,    /* it may have it: both live on */
    SCHEDULE_OUTCOMES
};

struct schedule {
    char lineage_id[TOKEN_ID_CHARS + 1];
    const char *target;
    /* Where it says nothing the server's holds. */
    bool has_max_age, has_uses, has_uses_age, has_overlap;
    int64_t max_age_s, uses_age_s, overlap_s;
    uint64_t uses;
    const char *window;    /* NULL: the server's; "": at any time */
    const char *time_zone; /* NULL: the server's */
    int64_t created_at_ms, updated_at_ms;
    uint64_t version; /* counts what people changed: the ETag */

    /* How it goes. */
    char
        rotating_id[TOKEN_ID_CHARS + 1]; /* the successor that is being delivered; "": it is idle */
    int64_t since_ms;                    /* since when */
    bool wished;
    enum schedule_outcome outcome; /* of the last time */
    int64_t outcome_at_ms;         /* 0: never */
    const char *error;             /* of the last failure; "" for none */
    int64_t delivered_at_ms;       /* the last time that it was; 0: never */
    uint32_t failures;             /* in a row, unsure ones too */
    uint32_t unsure;               /* since the last delivery */
    int64_t unsure_since_ms;       /* when the first of these began; 0: there are none */
    int64_t next_at_ms;            /* not before; 0: at once */
};

/* With the version of the lineage that is current. */
struct scheduled_token {
    struct schedule schedule;
    struct token token;
};

struct schedule_page_of {
    const char *org_id; /* NULL: of all */
    const char *after;  /* the lineage that the page before ended with; NULL: the first page */
    uint32_t limit;     /* 1 to LIST_PAGE_MAX */
    bool rotating_only;
};

struct store;
struct store_event;
struct store_schedules {
    /* --- the writer thread only --- */
    tkr_error_t (*read)(struct store *store, const char *lineage_id, struct arena *arena,
                        struct schedule *ret_schedule);
    /* Inserts or replaces the whole. `event` NULL: another call of the same change brings it. */
    tkr_error_t (*put)(struct store *store, const struct schedule *schedule,
                       const struct store_event *event);
    /* NOT_FOUND. */
    tkr_error_t (*remove)(struct store *store, const char *lineage_id,
                          const struct store_event *event);
    /* A lineage, another than this one, that has the target. NOT_FOUND: none. */
    tkr_error_t (*find_target)(struct store *store, const char *target, const char *lineage_id,
                               char ret_lineage_id[TOKEN_ID_CHARS + 1]);
    /* Takes out the schedules of lineages that were cleaned away. */
    tkr_error_t (*drop_orphans)(struct store *store, uint64_t *ret_count);

    /* --- any thread --- */
    /* In the order of lineages. NOT_FOUND of `get`: there is no schedule, or no current version. */
    tkr_error_t (*list)(struct store *store, const struct schedule_page_of *page,
                        struct arena *arena, struct scheduled_token **ret_tokens,
                        size_t *ret_count);
    tkr_error_t (*get)(struct store *store, const char *lineage_id, struct arena *arena,
                       struct scheduled_token *ret_token);
};

#endif
