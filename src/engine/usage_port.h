/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage in the store, beside the totals of store_port.h: what the requests were (counted by
 * the meter, see meter/meter.h), how old counts are kept, and what is asked of them.
 *
 *   token_usage   requests let through, by line and minute, of whatever verifier
 *   usage_hours, usage_days   the same, older
 *   usage_by      requests that the daemon answered, by line, dimension, hour (later: day) and
 *                 label; for a whole org likewise, and for those that were of no token
 *
 * Cardinality. An hour of a line has at most as many labels of a dimension as
 * usage_labels_max says; further ones are booked as `other`. A day may have 24 times as many.
 */
#ifndef ENGINE_USAGE_PORT_H
#define ENGINE_USAGE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "token/token_text.h"
#include "tokenry/verdict.h"

/* Stored as a number: never renumber. */
enum usage_dimension { USAGE_VERDICT, USAGE_ENDPOINT, USAGE_NETWORK, USAGE_DIMENSIONS };
#define USAGE_LABEL_OTHER "other"

/* --- what comes in ------------------------------------------------------------------------- */

struct usage_metered {
    uint32_t line;                        /* SEGMENT_NO_LINE: of no token */
    const char *org;                      /* id; NULL: none */
    const char *labels[USAGE_DIMENSIONS]; /* NULL: has none */
    int64_t hour_ms;                      /* when it began */
    uint64_t count;
};

/* --- how long it stays --------------------------------------------------------------------- */

struct usage_retention {
    int64_t minutes_ms; /* then minutes become hours, and hours of a dimension days */
    int64_t hours_ms;   /* then hours become days */
    int64_t days_ms;    /* then days go; 0: never */
};

/* A sweep over all lines that is under way; begins as zeros. */
struct usage_sweep {
    unsigned step;
    int64_t line;          /* those up to it are done in this step */
    int64_t folded_ms;     /* dimensions before this time are days: from the sweep before */
    int64_t now_ms;        /* when it began */
    bool started, changed; /* `changed`: the last slice wrote something */
};

/* --- what is asked ------------------------------------------------------------------------- */

enum usage_subject { USAGE_OF_TOKEN, USAGE_OF_USER, USAGE_OF_ORG };
struct usage_question {
    enum usage_subject of;
    uint32_t line;                /* of a token */
    const char *org_id, *user_id; /* of a user; of an org */
    int64_t from_ms, until_ms;    /* full hours, or days */
    int64_t step_ms;              /* of the points: a minute, an hour, a day */
};
struct usage_point {
    int64_t at_ms;
    uint64_t count;
};
struct usage_share {
    const char *label;
    uint64_t count;
};
struct usage_answer {
    struct usage_point *points; /* requests let through; those with none are left out */
    size_t point_count;
    struct usage_share *shares[USAGE_DIMENSIONS]; /* largest first, USAGE_SHARES_MAX at most */
    size_t share_counts[USAGE_DIMENSIONS];
};

/* A version of a rotated lineage. */
struct usage_version {
    char token_id[TOKEN_ID_CHARS + 1];
    bool current;
    int64_t created_at_ms, last_used_at_ms;
    uint64_t count; /* in the time that was asked for */
};

#endif
