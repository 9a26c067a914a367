/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job is something that the authority does by itself, now and then. To add one:
 *
 *   handlers/NAME.c       a `run`, and a row of the table's kind around it
 *   handlers/handlers.h   its declaration
 *   handlers/table.c      its line in the table
 *   struct job_settings   what it needs of the configuration; daemon/wire.c fills that
 *
 *     static tkr_error_t run(struct job_context *context)
 *     {
 *         while (!job_should_stop(context) && ...) {
 *             ... a slice of work ...
 *             context->count++;
 *         }
 *         job_say(context, "%llu swept", (unsigned long long)context->count);
 *         return TKR_OK;
 *     }
 *
 * A run has a thread of its own, may wait for the store, the disk or another host, and is never
 * run twice at once. It may be killed anywhere: what it did is what it committed, and the next run
 * goes on from there. One that has something left when it is asked to stop sets `more`, and is run
 * again at once, or after the next start.
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/lifecycle.h"

struct deliver_port;
/* What the handlers need of the configuration. Zeros: every job is off. */
struct job_settings {
    const struct deliver_port *deliver; /* of rotation (jobs/deliver_port.h); NULL: no targets */
    int64_t cleanup_after_ms; /* tokens that ended so long ago are cleaned away; 0: never */
    const char *data, *runtime, *tls_certificate; /* health: paths; NULL: not looked at */
    int64_t audit_keep_ms;                        /* events stay in the log so long; 0: for ever */
    const char *audit_archive_directory;          /* NULL: they are let go for good */
    const uint8_t *audit_public_key;              /* of the log's own key */
    int64_t expiry_days[MONITOR_EXPIRY_MAX];      /* before the end of a token, the most first */
    size_t expiry_count;
    int64_t unused_days; /* without use; 0: nobody is told */
};

struct job;
struct job_context {
    struct authority *authority;
    const struct store_port *store; /* only what any thread may call; writes by authority_run */
    const struct clock *clock;
    const struct random_source *random;
    const struct job_settings *settings;
    /* What came of it; zeros when it begins. */
    uint64_t count;                        /* of what it did */
    bool more;                             /* it is to be run again at once */
    char result[JOB_RESULT_BYTES_MAX + 1]; /* by job_say */
    struct job *job;                       /* the scheduler's */
};

struct job_handler {
    const char *name; /* a-z, 0-9 and _ */
    const char *description;
    /* Milliseconds from one run to the next; 0: it is off, and `switch_key` says what turns it on.
     */
    int64_t (*every_ms)(const struct job_settings *settings);
    const char *switch_key; /* "cleanup.after_days"; NULL: it is never off */
    int64_t deadline_ms;    /* then it is asked to stop, and JOB_STOP_MS later it hangs */
    tkr_error_t (*run)(struct job_context *context);
};

/* Whether the daemon stops, or the deadline is over. Look between slices. */
bool job_should_stop(const struct job_context *context);
/* The sentence that stands beside the outcome; cut at its maximum. A failure without one gets the
 * text of its error. */
void job_say(struct job_context *context, const char *format, ...) PRINTF_LIKE(2, 3);
/* A line of the log, as authority_options.report. */
void job_report(struct job_context *context, enum log_level level, const char *event,
                const char *format, ...) PRINTF_LIKE(4, 5);

#endif
