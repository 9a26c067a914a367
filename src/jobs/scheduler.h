/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: runs each job when it is due, once, and tells how it went.
 *
 *             due: claim ──▶ a thread runs it ──▶ collect: outcome, next run, lease given back
 *   idle ──────────────────────▶ running ────────────────────────────────────────────▶ idle
 *                                  │  │
 *                    each third of │  │ deadline over: asked to stop; JOB_STOP_MS later: it hangs,
 *                     JOB_LEASE_MS │  │ which is told once, and again when it ended after all
 *                        renewed ◀─┘  ▼
 *
 * **When.** The time of the next run is in the store, so what was missed while nothing ran is due
 * at the start: once, however many periods it were, and then at the next full period from the time
 * it was due. A time that is further away than a period (the clock was set back, the period is
 * shorter now) is one period away. A run that failed is tried again after its period or
 * JOB_RETRY_MS, whichever is sooner.
 *
 * **By whom.** The row in the store says who runs a job and until when that holds. A run renews
 * its lease as long as it goes on, also when it hangs: nobody runs the same job beside it. When its
 * authority dies the lease runs out, and whoever comes next notes that the run was interrupted.
 *
 * **How.** A thread for each run, and at most one run of a job: one that hangs holds up no other.
 * All else, the store's rows above all, is the scheduler's own thread.
 *
 * Rejected: a pool of threads, which as many hanging jobs would have emptied; and doing without the
 * lease because of the lock on the data directory, which a store that several authorities share has
 * not.
 */
#ifndef JOBS_SCHEDULER_H
#define JOBS_SCHEDULER_H

#include "base/fault.h"
#include "jobs/job.h"

struct scheduler;

struct scheduler_options {
    struct authority *authority;
    const struct store_port *store;
    const struct clock *clock;
    const struct random_source *random;
    const struct job_settings *settings;
    const struct job_handler *const *handlers; /* at most JOBS_MAX; live as long as it does */
    size_t handler_count;
    bool has_thread; /* scheduler_start follows; false: who asks for a job runs it */
    void (*report)(void *context, enum log_level level, const char *event, const char *detail);
    void *report_context;
};

/* Reads what the store remembers; nothing runs yet. Errors: TKR_MEMORY, those of the store. */
MUST_USE tkr_error_t scheduler_new(const struct scheduler_options *options,
                                   struct scheduler **ret_scheduler, struct fault *fault);
/* From now on what is due is run. */
MUST_USE tkr_error_t scheduler_start(struct scheduler *scheduler);
/* Asks all runs to stop and waits JOB_STOP_MS at the most. TKR_TIMEOUT: one goes on, and what it
 * uses, the authority above all, must stay. Nothing is started any more. */
MUST_USE tkr_error_t scheduler_stop(struct scheduler *scheduler);
/* After scheduler_stop, or when it was never started. What a run still uses is left behind. NULL
 * is allowed. */
void scheduler_free(struct scheduler *scheduler);

/* options.has_thread */
bool scheduler_has_thread(const struct scheduler *scheduler);

/* --- any thread ------------------------------------------------------------------------------ */

enum job_state { JOB_OFF, JOB_IDLE, JOB_RUNNING, JOB_HANGS, JOB_STATES };
const char *job_state_name(enum job_state state);       /* "off", "idle", ... */
const char *job_outcome_name(enum job_outcome outcome); /* "never", "done", ... */

struct job_status {
    const struct job_handler *handler;
    enum job_state state; /* as of now, whatever the scheduler's thread is at */
    int64_t every_ms;     /* 0: it is off */
    int64_t running_ms;   /* so far; 0: it is idle */
    struct store_job job;
};
/* In the order of the table. Returns how many. */
size_t scheduler_list(struct scheduler *scheduler, struct job_status ret_status[JOBS_MAX]);
/*
 * Runs a job now, with an event `job.run` that says who wanted it. Where it has a thread the
 * answer is how the job stood before that run, else how it stands after. Errors: TKR_NOT_FOUND,
 * TKR_CONFLICT (it runs, or is off), those of authority_run.
 */
MUST_USE tkr_error_t scheduler_run(struct scheduler *scheduler, const struct principal *by,
                                   const char *name, struct job_status *ret_status,
                                   struct fault *fault);

/* Has a job look for new work, as soon as it can: also once more after a run that goes on, which
 * may have looked already. What was asked for has an event of its own. Errors: as above. */
MUST_USE tkr_error_t scheduler_nudge(struct scheduler *scheduler, const char *name,
                                     struct fault *fault);

#endif
