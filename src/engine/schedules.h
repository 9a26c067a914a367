/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation by schedule. A schedule belongs to a lineage, so it outlives the versions; it names a
 * target of the configuration, to which each successor is delivered.
 *
 * One who may rotate a token may give it a schedule, with a target that its organisation was given
 * (struct rotation_target) or, with `*`, any. A target that keeps one token only is one lineage's.
 *
 * The rotation itself is three calls of whoever delivers (jobs/handlers/rotation.c):
 *
 *     authority_begin_rotation ─▶ deliver the plaintext ─▶ authority_end_rotation
 *
 * Between them the store says which successor is on its way, and every version lives on: what
 * finds that after a crash ends it as UNSURE. See authority_rotation.c.
 */
#ifndef ENGINE_SCHEDULES_H
#define ENGINE_SCHEDULES_H

#include "engine/lifecycle.h"
#include "policy/rotation_rule.h"

enum schedule_status {
    SCHEDULE_WAITS,    /* for `moment.at_ms` */
    SCHEDULE_ROTATING, /* a successor is on its way */
    SCHEDULE_BLOCKED,  /* somebody has to do something: `blocked` says what */
    SCHEDULE_TOO_LATE, /* its window opens only after it ends, or never */
    SCHEDULE_NOTHING,  /* it is never due */
    SCHEDULE_STATUSES
};
const char *schedule_status_name(enum schedule_status status);    /* "waits", "rotating", ... */
const char *schedule_outcome_name(enum schedule_outcome outcome); /* "never", "delivered", ... */

/* A schedule as it is now. Texts are in the arena of the call, or the configuration's. */
struct schedule_view {
    struct schedule schedule;
    struct token token; /* the version that is current */
    enum schedule_status status;
    const char *blocked; /* a clause for people; "" when it is not */
    struct rotation_moment moment;
    bool overdue; /* it was due before now */
    /* What holds, by the schedule or by the server. */
    int64_t max_age_s, uses_age_s, overlap_s;
    uint64_t uses;
    const char *window, *time_zone;
};

struct schedule_asked {
    const char *target;
    bool has_max_age, has_uses, has_uses_age, has_overlap;
    int64_t max_age_s, uses_age_s, overlap_s;
    uint64_t uses;
    const char *window, *time_zone; /* NULL: the server's */
    bool must_be_new;               /* PRECONDITION when there is one */
    uint64_t if_version;            /* 0: whatever it is, or that there is none */
};

/*
 * All: any thread but the writer's; changes are durable at the return. Named by any version of the
 * lineage. Errors: TKR_NOT_FOUND (no such token, or no schedule), those of authority_run; with
 * words in `fault`.
 */
/* Also TKR_OUT_OF_RANGE, TKR_MALFORMED, TKR_INVALID and TKR_NOT_FOUND naming the member,
 * TKR_FORBIDDEN (the token has more scope than `by`), TKR_CONFLICT (the token is revoked; the
 * target is another's), TKR_PRECONDITION. *ret_created: there was none. */
MUST_USE tkr_error_t authority_put_schedule(struct authority *authority, const struct principal *by,
                                            const char *token_id,
                                            const struct schedule_asked *asked, struct arena *arena,
                                            struct schedule_view *ret_view, bool *ret_created,
                                            struct fault *fault);
MUST_USE tkr_error_t authority_get_schedule(struct authority *authority, const struct principal *by,
                                            const char *token_id, struct arena *arena,
                                            struct schedule_view *ret_view, struct fault *fault);
/* CONFLICT: a successor is on its way. FORBIDDEN as above. */
MUST_USE tkr_error_t authority_remove_schedule(struct authority *authority,
                                               const struct principal *by, const char *token_id,
                                               uint64_t if_version, struct fault *fault);
/* Has it rotated by the next run of the job, whatever its window. FORBIDDEN, CONFLICT (blocked). */
MUST_USE tkr_error_t authority_wish_rotation(struct authority *authority,
                                             const struct principal *by, const char *token_id,
                                             struct arena *arena, struct schedule_view *ret_view,
                                             struct fault *fault);
/* A page, in the order of lineages. `of->org_id`: NULL is the principal's own, "*" all (FORBIDDEN
 * without `*`). */
MUST_USE tkr_error_t authority_list_schedules(struct authority *authority,
                                              const struct principal *by,
                                              const struct schedule_page_of *of,
                                              struct arena *arena, struct schedule_view **ret_views,
                                              size_t *ret_count, struct fault *fault);

/* --- the rotation itself; asynchronous, as the changes of engine/lifecycle.h -------------------
 */

/* Rotates the current version and writes into its schedule that the successor is on its way, in one
 * transaction. The result has its plaintext. Errors: those of authority_rotate_token, CONFLICT
 * (one is on its way already; the schedule is not the one of this version any more, so who delivers
 * has read another target). */
MUST_USE tkr_error_t authority_begin_rotation(struct authority *authority, const char *token_id,
                                              uint64_t schedule_version, change_done done,
                                              void *context, struct fault *fault);
struct rotation_end {
    const char *lineage_id;
    const char *rotating_id;       /* what was begun */
    enum schedule_outcome outcome; /* DELIVERED, FAILED, UNSURE */
    const char *error;             /* of a failure, for people; never a secret */
    int64_t next_at_ms;            /* likewise: not tried again before */
};
/* CONFLICT: that is not on its way (any more). */
MUST_USE tkr_error_t authority_end_rotation(struct authority *authority,
                                            const struct rotation_end *end, change_done done,
                                            void *context, struct fault *fault);

#endif
