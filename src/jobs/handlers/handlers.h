/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that there are; see jobs/job.h for how to add one. */
#ifndef JOBS_HANDLERS_HANDLERS_H
#define JOBS_HANDLERS_HANDLERS_H

#include "jobs/job.h"

extern const struct job_handler job_audit_retention, job_cleanup, job_expiry_alerts, job_health,
    job_rotation, job_unused_tokens;

extern const struct job_handler *const job_handlers[];
extern const size_t job_handler_count;

#endif
