/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tokenry doctor`: a table of checks of an installation, with a daemon and without one. A check
 * only looks: what it finds is a sentence, and when that is not good another one that says what to
 * do. Each is one function; what several of them need stands in struct doctor.
 *
 *   doctor.c           the table, and what is looked at first
 *   doctor_files.c     directories, permissions, room, the limit of open files
 *   doctor_data.c      database, audit log, segment, clock
 *   doctor_network.c   address, certificate, notification channels, the daemon that answers
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <sys/types.h>

#include "base/clock.h"
#include "cli/command.h"

/* From the best to the worst; `skipped` is nothing that could be looked at here. */
enum doctor_outcome { DOCTOR_SKIPPED, DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED };

struct doctor_finding {
    enum doctor_outcome outcome;
    char said[FAULT_DETAIL_BYTES];
    char to_do[FAULT_DETAIL_BYTES]; /* "" when there is nothing to do */
};

struct doctor {
    const struct config *config;
    char *const *environment;
    const struct clock *clock;
    bool there;    /* there is a data directory */
    uid_t owner;   /* of it */
    bool held;     /* a daemon (or a command) holds the data directory */
    pid_t holder;  /* 0: it is not told which process that is */
    char *runtime; /* the runtime directory; NULL: there is none */
};

struct doctor_check {
    const char *name; /* of --json, and stable */
    bool in_data;     /* of what is in the data directory: skipped when there is none */
    void (*look)(const struct doctor *doctor, struct doctor_finding *finding);
};
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;

/* `config` is resolved. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t doctor_open(struct doctor *doctor, const struct config *config,
                                 char *const *environment);
void doctor_close(struct doctor *doctor); /* for CLEANUP */
void doctor_look(const struct doctor *doctor, const struct doctor_check *check,
                 struct doctor_finding *ret_finding);
const char *doctor_outcome_name(enum doctor_outcome outcome);

/* What a check found, in the words of printf. The last one counts. */
void doctor_fine(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);
void doctor_skip(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);
/* WARNING or FAILED, and what to do about it: a literal. */
void doctor_bad(struct doctor_finding *finding, enum doctor_outcome outcome, const char *to_do,
                const char *format, ...) PRINTF_LIKE(4, 5);

/* --- the checks ------------------------------------------------------------------------------ */

void doctor_look_data_directory(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_permissions(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_runtime(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_disk_data(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_disk_runtime(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_open_files(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_database(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_audit_log(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_segment(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_clock(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_address(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_certificate(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_channels(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_targets(const struct doctor *doctor, struct doctor_finding *finding);
void doctor_look_daemon(const struct doctor *doctor, struct doctor_finding *finding);

#endif
