/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token could reach and what it did: the report for whoever holds a leaked token in one
 * hand and a telephone in the other. It changes nothing, and reads as every list does: on the
 * caller's thread, by the store's reading connections, beside writer and verification.
 *
 * Whose things these are. A token that was rotated is all of its versions, and so the report on
 * the current one is on all of them: what any of them made or changed. The report on an older one,
 * which may be what leaked, is on what that one made and changed itself, unless it made its own
 * successor. Usage is counted for all versions together, and tries are of the very token.
 *
 * The family is what descends from it: what it made, what that made, with all versions of each.
 * `tokenry revoke --children` revokes the same (see authority_family.c). What is revoked already
 * is in it, too, and walked through.
 *
 * All of it is bounded: BLAST_VERSIONS_MAX, FAMILY_TOKENS_MAX (of those that are not revoked, and
 * as many of those that are), BLAST_EVENTS_MAX. Where something is left out, `complete` is false.
 */
#ifndef ENGINE_BLAST_H
#define ENGINE_BLAST_H

#include "engine/lifecycle.h"

/* What a descendant has that the token has not. */
enum blast_excess {
    BLAST_MORE_SCOPES = 1,
    BLAST_MORE_NETWORKS = 2,
    BLAST_LATER_END = 4, /* common and harmless by itself: but it is there when the token is not */
};
#define BLAST_REACHES_MORE (BLAST_MORE_SCOPES | BLAST_MORE_NETWORKS)

struct blast_relative {
    struct token token;   /* as it is now */
    tkr_verdict_t answer; /* to a request now, from where it may be used, within its limits */
    uint64_t requests;    /* of a version alone, in the time asked for */
    unsigned excess;      /* of a descendant: enum blast_excess */
};
struct blast_relatives {
    struct blast_relative *items;
    size_t count;
    bool complete;
};

struct blast_report {
    struct usage_report usage;               /* with the token and the time */
    tkr_verdict_t answer;                    /* to a request with it now, as above */
    struct limits token_limits, user_limits; /* in force; windows that are not set are unlimited */
    bool metering;                           /* verdicts, endpoints and networks are counted now */
    bool all_orgs; /* false: what is of other organisations was left out */

    struct blast_relatives versions; /* the token too; the newest first */
    struct blast_relatives family;   /* the BLAST_LISTED_MAX that matter most, live ones first */
    size_t family_found, family_live, family_reaching_more; /* the latter among the live */

    struct event_answer born;  /* that it was made, 0 or 1: an import has no event of each */
    struct event_answer tries; /* in the time that was asked for, as the others */
    struct event_answer seen;  /* its verifications, as far as they are events */
    struct event_answer about; /* what else was done to it */
    struct event_answer acts;  /* what it did, and if it is current its other versions */
};

/* Errors: NOT_FOUND (also of another organisation), OUT_OF_RANGE (days), BUSY, TOO_LARGE. */
MUST_USE tkr_error_t authority_blast_radius(struct authority *authority, const struct principal *by,
                                            const char *token_id, int64_t days, struct arena *arena,
                                            struct blast_report *ret_report, struct fault *fault);

#endif
