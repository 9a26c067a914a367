/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the jobs that tell of tokens have in common: the first MONITOR_TOLD_ONE_BY_ONE of a run have
 * an alert each, and the others share one. Each is told once, by a key that the store remembers.
 */
#ifndef JOBS_HANDLERS_WATCHED_H
#define JOBS_HANDLERS_WATCHED_H

#include "engine/alerts.h"
#include "jobs/job.h"

#define DAY_MS INT64_C(86400000)
#define WATCHED_USED_DAYS 30 /* a token that was used since then is in use */

/* One alert about a token, with a sentence that ends with "; it was used in the last 30 days". */
struct watched_alert {
    const char *type;
    enum alert_severity severity;
    const char *key;
    const char *sentence; /* "token NAME ends in 6 days" */
    int64_t days;         /* told in the details as `threshold_days` */
};
MUST_USE tkr_error_t watched_tell(struct job_context *context, const struct watched_token *watched,
                                  const struct watched_alert *alert, int64_t now_ms);

/*
 * The keys of tokens that share an alert, which the first of several calls brings (NULL: none), in
 * one transaction: a run that is killed between two calls tells of the rest again.
 */
MUST_USE tkr_error_t watched_tell_many(struct job_context *context, const struct alert *alert,
                                       char (*keys)[ALERT_KEY_BYTES_MAX + 1], size_t count);

#endif
