/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store remembers of each job (jobs/scheduler.h): when it is due, who runs it, and how
 * its last run ended.
 */
#ifndef ENGINE_JOBS_PORT_H
#define ENGINE_JOBS_PORT_H

#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

/* Stored as a number: never renumber. */
enum job_outcome {
    JOB_NEVER, /* no run has ended yet */
    JOB_DONE,
    JOB_FAILED,
    JOB_INTERRUPTED, /* whoever ran it was gone when its lease ran out */
    JOB_OUTCOMES
};

struct store_job {
    char name[JOB_NAME_BYTES_MAX + 1];
    int64_t due_at_ms;                     /* its next run */
    char holder[JOB_HOLDER_BYTES_MAX + 1]; /* who runs it now; "": nobody */
    int64_t lease_until_ms;                /* then it is anybody's, although there is a holder */
    int64_t started_at_ms;                 /* of its newest run; 0: never */
    /* Of the newest run that ended. */
    int64_t ended_at_ms, succeeded_at_ms; /* 0: never */
    int64_t duration_ms;
    enum job_outcome outcome;
    uint64_t count; /* of what it did */
    char result[JOB_RESULT_BYTES_MAX + 1];
    uint64_t runs, failures; /* of all that ended */
};

struct store;
struct store_jobs {
    /* Inserts or replaces, on the writer thread. */
    tkr_error_t (*put)(struct store *store, const struct store_job *job);
    /* As the batch has it, on the writer thread. TKR_NOT_FOUND: it never ran. */
    tkr_error_t (*read)(struct store *store, const char *name, struct store_job *ret_job);
    /* All of them, on any thread; an error of `visit` stops and is returned. */
    tkr_error_t (*each)(struct store *store,
                        tkr_error_t (*visit)(void *context, const struct store_job *job),
                        void *context);
};

#endif
