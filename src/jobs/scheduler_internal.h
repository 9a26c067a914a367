/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the scheduler: run.c has what becomes of one job, scheduler.c the thread over all. */
#ifndef JOBS_SCHEDULER_INTERNAL_H
#define JOBS_SCHEDULER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "jobs/scheduler.h"

enum job_phase {
    PHASE_IDLE,
    PHASE_RUNNING, /* its thread is in the handler */
    PHASE_ENDED,   /* and has left it: to be collected */
};

/* `row` and what follows it are written by the scheduler's thread only, with the mutex; so that
 * thread may read without. */
struct job {
    struct scheduler *scheduler;
    const struct job_handler *handler;
    int64_t every_ms;
    struct job_context context; /* the run's, between claim and collect */
    tkr_error_t outcome;        /* of the run that ended */
    pthread_t thread;
    bool has_thread;
    _Atomic int64_t begun_ns; /* monotonic */
    _Atomic bool lost;        /* somebody else has the lease */
    enum job_phase phase;     /* with the mutex */
    bool asked;               /* with the mutex: by hand */

    struct store_job row;
    bool unsaved;                /* the store does not have it yet */
    int64_t held_off_until_ms;   /* the lease could not be written */
    bool told_hang, told_failed; /* each once, until it is over */
    bool told_unclaimed;
};

struct scheduler {
    struct scheduler_options options;
    char holder[JOB_HOLDER_BYTES_MAX + 1];
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a run ended, one is asked for, or all is to stop */
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    bool abandoned; /* a run did not stop */
    size_t count;
    struct job jobs[JOBS_MAX];
};

/* --- run.c ------------------------------------------------------------------------------------ */

/* When the next run of what was due at `due_ms` is, seen from `now_ms`. */
int64_t job_next_due(int64_t due_ms, int64_t every_ms, int64_t now_ms);
bool job_is_due(struct job *job, int64_t now_ms);
/* Takes the lease. False: there is nothing to run; the row says why. */
bool job_claim(struct job *job);
/* The handler, on this thread. */
void job_execute(struct job *job);
void job_start(struct job *job);   /* on one of its own */
void job_collect(struct job *job); /* of a run that ended */
void job_watch(struct job *job);   /* of one that goes on: does it hang? */
void job_renew(struct job *job);   /* likewise: its lease */
void job_save(struct job *job);    /* what could not be stored when it ended */
bool job_hangs_now(const struct job *job);
void scheduler_report(struct scheduler *scheduler, enum log_level level, const char *event,
                      const char *format, ...) PRINTF_LIKE(4, 5);

/* --- scheduler.c ------------------------------------------------------------------------------ */

/* One look at all jobs; what the thread does every JOBS_TICK_MS. A test calls it instead. */
void scheduler_tick(struct scheduler *scheduler);
/* For a test: waits until no handler is running any more, and collects. */
void scheduler_settle(struct scheduler *scheduler);

#endif
