/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of a data directory, read beside the daemon that holds it, and without asking it:
 * who audits does not rely on what is audited. With its archives, or a copy alone.
 */
#ifndef DAEMON_AUDIT_LOG_H
#define DAEMON_AUDIT_LOG_H

#include "audit/verify.h"
#include "base/fault.h"

struct audit_log_check {
    const char *data;     /* the data directory */
    const char *archives; /* the directory of its archives, `-`: their lines on standard input */
    const char *file;     /* a copy that is looked at instead, `-`: standard input; NULL: none */
    const char *key_file; /* NULL: none is at hand, and the head's seal is not looked at */
    const uint8_t (*trusted)[SEAL_PUBLIC_BYTES]; /* beside the key's own */
    size_t trusted_count;
    const struct audit_checkpoint *kept; /* of elsewhere */
    size_t kept_count;
    /* `where`: the name of an archive; NULL: in the log, or the copy. */
    void (*found)(void *context, const struct audit_finding *finding, const char *where);
    void (*progress)(void *context, uint64_t done, uint64_t of); /* NULL: none */
    void *context;
};

struct audit_log_result {
    uint64_t first_seq, head_seq;
    uint64_t events, checkpoints, findings;
    bool sealed; /* the head was looked at with the key */
    /* Of the archives. */
    uint64_t archives, archived_events;
    bool left;      /* events before the first one are in archives that were not looked at */
    uint64_t early; /* checkpoints of those */
    /* Of a copy: the last event that a checkpoint in it covers; 0: none does. */
    uint64_t signed_seq;
};

/* The end of the log alone, which is looked at in no time. */
struct audit_log_head {
    uint64_t seq, checkpoint_seq;
    int64_t checkpoint_at_ms;
    bool as_sealed; /* it is what the key has sealed */
};
/* Errors, with words: those of store_sqlite_open and audit_key_open, CORRUPT (it has no end). */
MUST_USE tkr_error_t audit_log_look(const char *data, const char *key_file,
                                    struct audit_log_head *ret_head, struct fault *fault);

/* Errors, with words: those of store_sqlite_open and audit_key_open; of the archives and a copy
 * TKR_NOT_FOUND (no such directory or file) and TKR_MALFORMED (it is no copy of a log). */
MUST_USE tkr_error_t audit_log_verify(const struct audit_log_check *check,
                                      struct audit_log_result *ret_result, struct fault *fault);

#endif
