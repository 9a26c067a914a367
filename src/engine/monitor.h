/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: use of a token that is unlike its past (monitor/sketch.h), and what is done then.
 *
 *   the meter's drain ──────┐                            alert  ──▶ audit event, channels
 *                           ├─▶ sketch ──▶ alarm ──▶ rule
 *   events of the audit log ┘                            throttle, quarantine, and an alert
 *
 * All of it is on the writer thread, behind the bookkeeping that it sees. Only what the daemon
 * answered is seen (the meter must be on), and only requests that brought the secret of a token: no
 * alarm can be raised with somebody's token id, name or address alone. Requests of a token that has
 * ended, or is held, are not looked at; those are told by alerts of their own.
 *
 * What it does by itself can be undone, and is bounded:
 *
 *   throttle     the limit of the hour becomes the busiest usual hour of the token, never more than
 *                it has. The alert says which overrides there were before; an update of `limits`
 *                with those puts them back
 *   quarantine   the token is refused until somebody restores it
 *
 *   a token of kind admin, or with scope `*`, is only told of: the monitor locks nobody out of the
 *   authority;
 *   at most MONITOR_ACTIONS_PER_HOUR tokens are acted on in an hour, and MONITOR_ALERTS_PER_HOUR
 *   told of; when the whole fleet moves to another network, the rest is one alert with the
 *   numbers (`token.anomaly.many`).
 *
 * Sketches are stored every MONITOR_SAVE_MS, and each with its alert. kill -9 forgets what was
 * learned since; an alarm that was told is not told again that day, because its key is in the
 * store.
 */
#ifndef ENGINE_MONITOR_H
#define ENGINE_MONITOR_H

#include "engine/lifecycle.h"

struct authority_monitor_stats {
    bool on;
    uint64_t sketches, evicted, bytes;
    uint64_t alarms[MONITOR_KINDS]; /* since the start, whatever became of them */
    uint64_t throttled, quarantined;
    uint64_t left_out; /* alarms without an alert of their own */
};
/* Any thread; up to a flush old. */
void authority_monitor_stats(struct authority *authority,
                             struct authority_monitor_stats *ret_stats);

/* --- tokens that end soon -------------------------------------------------------------------- */

#define EXPIRING_USED_DAYS 30 /* a token that was used since is in use */
struct expiring_filter {
    const char *org_id; /* NULL: the principal's own; "*": all */
    int64_t days;
    uint32_t limit; /* 1 to LIST_PAGE_MAX */
};
struct expiring_list {
    int64_t now_ms;
    struct watched_token *tokens; /* those in use first, then by their end */
    size_t count;
    uint64_t all, used;
};
/* Without honeytokens, what is refused anyway, and versions whose successor is in use. Errors:
 * FORBIDDEN (the org), OUT_OF_RANGE, TOO_LARGE, those of the store. */
MUST_USE tkr_error_t authority_list_expiring(struct authority *authority,
                                             const struct principal *by,
                                             const struct expiring_filter *filter,
                                             struct arena *arena, struct expiring_list *ret_list,
                                             struct fault *fault);

#define EXPIRING_STEPS 4
extern const int64_t expiring_steps_days[EXPIRING_STEPS]; /* 1, 7, 14, 30 */
/* How many end within as many days; counted every EXPIRING_COUNTS_MS at most. */
void authority_count_expiring(struct authority *authority, uint64_t ret_counts[EXPIRING_STEPS]);

const char *monitor_action_name(enum monitor_action action); /* "ignore", "alert", ... */

#endif
