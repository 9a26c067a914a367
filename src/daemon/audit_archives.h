/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of an audit log as files: its archives, or one of them, line by line. */
#ifndef DAEMON_AUDIT_ARCHIVES_H
#define DAEMON_AUDIT_ARCHIVES_H

#include "audit/copy.h"
#include "daemon/audit_log.h"
#include "engine/audit_port.h"

struct audit_archives {
    const struct audit_log_check *check;
    struct audit_copy copy;
    const char *where; /* the file that is being read; NULL: there is only one */
    uint64_t files, findings;
};

/* `key`: the log's own, NULL when it is not at hand. Errors: TKR_CAPACITY. */
MUST_USE tkr_error_t audit_archives_init(struct audit_archives *archives,
                                         const struct audit_log_check *check, const uint8_t *key);
void audit_archives_deinit(struct audit_archives *archives); /* also for CLEANUP */
/* All archives of the log, from its beginning to where the log in the store begins. Errors with
 * words. */
MUST_USE tkr_error_t audit_archives_read(struct audit_archives *archives,
                                         const struct store_log *log, struct fault *fault);
/* One copy, by itself. */
MUST_USE tkr_error_t audit_archives_read_file(struct audit_archives *archives, const char *path,
                                              struct fault *fault);

#endif
