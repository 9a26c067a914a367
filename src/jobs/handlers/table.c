/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/handlers/handlers.h"

const struct job_handler *const job_handlers[] = {
    &job_cleanup,  &job_expiry_alerts,   &job_health,
    &job_rotation, &job_audit_retention, &job_unused_tokens,
};
const size_t job_handler_count = sizeof(job_handlers) / sizeof(job_handlers[0]);
