/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a copy of the log, its lines (audit/line.h), against its chain: archives, an export, or
 * several of them one behind the other.
 *
 *     audit_copy_init(&copy, found, context);
 *     audit_copy_trust(&copy, public_key);
 *     audit_copy_read(&copy, file);       or audit_copy_line, for each
 *     audit_copy_end(&copy);
 *
 * Findings are those of a verifier (audit/verify.h). What stands in the copy is not believed for
 * standing there: only that the events follow one another, and that checkpoints of keys that the
 * caller trusts are of them.
 */
#ifndef AUDIT_COPY_H
#define AUDIT_COPY_H

#include <stdio.h>

#include "audit/line.h"
#include "audit/verify.h"

struct audit_copy {
    struct audit_verifier verifier; /* of the store that `begun` tells */
    bool begun;                     /* a line has said where it begins: */
    uint8_t base[AUDIT_DIGEST_BYTES];
    uint64_t lines;       /* so far */
    uint64_t signed_seq;  /* up to it a checkpoint that held covers all; 0: none */
    uint64_t watched_seq; /* whose digest is kept; 0: none's */
    bool watched_met;
    uint8_t watched[AUDIT_DIGEST_BYTES];
    uint8_t trusted[AUDIT_KEYS_MAX][SEAL_PUBLIC_BYTES];
    size_t trusted_count;
    const struct audit_checkpoint *kept; /* the caller's */
    size_t kept_count;
    uint64_t kept_before_seq;
    void (*found)(void *context, const struct audit_finding *finding);
    void *context;
    struct audit_line line;
};

void audit_copy_init(struct audit_copy *copy,
                     void (*found)(void *context, const struct audit_finding *finding),
                     void *context);
void audit_copy_deinit(struct audit_copy *copy); /* also for CLEANUP */
/* Errors: TKR_CAPACITY (AUDIT_KEYS_MAX). */
MUST_USE tkr_error_t audit_copy_trust(struct audit_copy *copy,
                                      const uint8_t public_key[SEAL_PUBLIC_BYTES]);
/* Checkpoints that were kept elsewhere, of events below a number; they stay the caller's. Before
 * the first line. */
void audit_copy_expect(struct audit_copy *copy, const struct audit_checkpoint *kept, size_t count,
                       uint64_t before_seq);
/* A line that is none of ours is a finding: an event was there. TKR_NOT_FOUND: the first line does
 * not say where the copy begins, and nothing can be said of it; TKR_MEMORY. */
MUST_USE tkr_error_t audit_copy_line(struct audit_copy *copy, const char *text, size_t length);
/* All lines of a file; what ends without a line feed is none. Errors: also TKR_IO, by errno. */
MUST_USE tkr_error_t audit_copy_read(struct audit_copy *copy, FILE *file);
void audit_copy_end(struct audit_copy *copy);

#endif
