/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the audit log of a data directory, as `tokenry audit verify` does. */
#ifndef SUPPORT_AUDIT_LOOK_H
#define SUPPORT_AUDIT_LOOK_H

#include "daemon/audit_log.h"

#define AUDIT_LOOK_FINDINGS 16 /* that are kept */

struct audit_look {
    const char *data;
    const char *archives; /* NULL: they are not looked at */
    const uint8_t *seed;  /* of the key; NULL: look without it */
    const struct audit_checkpoint *kept;
    size_t kept_count;
    /* What came of it. */
    tkr_error_t error;
    struct fault fault;
    struct audit_log_result result;
    struct audit_finding findings[AUDIT_LOOK_FINDINGS];
    size_t finding_count;                /* of those that are kept */
    char where[AUDIT_LOOK_FINDINGS][64]; /* the archive, "": the log */
};

/* Fills what came of it. The key is put into the data directory for that. */
void audit_look(struct audit_look *look);
/* The log is read, and something is wrong with it; or it cannot be read at all. */
bool audit_look_alarms(const struct audit_look *look);
bool audit_look_has(const struct audit_look *look, enum audit_finding_kind kind, uint64_t seq);

#endif
