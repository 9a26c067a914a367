/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding an audit log against its chain.
 *
 *     audit_verifier_init(&verifier, store_id, first_seq, base, found, context);
 *     audit_verifier_trust(&verifier, public_key);
 *     audit_verifier_expect(&verifier, &checkpoint);      of the log, and of elsewhere
 *     audit_verifier_event(&verifier, &event, digest);    each, in the order of the log
 *     audit_verifier_end(&verifier, head_seq, head_digest);
 *
 * What stood before the first event may have left the log (AUDIT_TYPE_ARCHIVED, _DISCARDED): then
 * checkpoints of it cannot be held against anything here, and are no findings.
 *
 * Each finding is told once, where it is. After one the verifier goes on from what stands there, so
 * that one changed event is one finding and not a million: whoever changes an event and writes all
 * later digests anew is found by the checkpoints, and by the head. The event behind a gap cannot be
 * held against the one before it, and is taken as it stands.
 */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdbool.h>

#include "audit/checkpoint.h"

enum audit_finding_kind {
    AUDIT_CHANGED,       /* an event, or its digest, is not what was written */
    AUDIT_MISSING,       /* there are no events from `seq` to `until` */
    AUDIT_OUT_OF_ORDER,  /* an event comes again, or after a later one */
    AUDIT_CUT_OFF,       /* the log ends before an event that it had: `seq` is the first missing */
    AUDIT_ADDED,         /* events behind the head */
    AUDIT_NOT_AS_SIGNED, /* the event of a checkpoint has another digest */
    AUDIT_BAD_SIGNATURE, /* a checkpoint that nobody we trust has signed, or of another store */
    AUDIT_NOT_AS_SEALED, /* the newest event is not the head's, or nobody sealed the head */
    AUDIT_FOREIGN,       /* what stands there is of another log */
    AUDIT_BROKEN,        /* the authority found the log changed when it started, and said so here */
    AUDIT_FINDING_KINDS
};
const char *audit_finding_name(enum audit_finding_kind kind); /* "changed", "missing", ... */

struct audit_finding {
    enum audit_finding_kind kind;
    uint64_t seq, until; /* until = seq when it is about one */
};

struct audit_expected {
    uint64_t seq;
    uint8_t digest[AUDIT_DIGEST_BYTES];
};

struct audit_verifier {
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t first_seq, next_seq;
    uint64_t signed_first;              /* the lowest that a checkpoint is of; UINT64_MAX: none */
    uint8_t digest[AUDIT_DIGEST_BYTES]; /* of the event before */
    bool linked;                        /* false: the one before is missing */
    bool left;                          /* an event says that what stood before left the log */
    struct audit_expected *expected;    /* by seq, when `sorted` */
    bool sorted;
    size_t expected_count, expected_room, expected_next;
    uint8_t trusted[AUDIT_KEYS_MAX][SEAL_PUBLIC_BYTES];
    size_t trusted_count;
    uint64_t events, checkpoints, findings; /* so far; checkpoints that held */
    uint64_t early; /* good checkpoints of what stood before the first event */
    void (*found)(void *context, const struct audit_finding *finding);
    void *context;
};

/* Tells a finding that somebody else made. */
void audit_verifier_tell(struct audit_verifier *verifier, enum audit_finding_kind kind,
                         uint64_t seq, uint64_t until);
/* The chain has the events from `first_seq` on; `base` is the digest before that one. */
void audit_verifier_init(struct audit_verifier *verifier,
                         const uint8_t store_id[AUDIT_STORE_ID_BYTES], uint64_t first_seq,
                         const uint8_t base[AUDIT_DIGEST_BYTES],
                         void (*found)(void *context, const struct audit_finding *finding),
                         void *context);
void audit_verifier_deinit(struct audit_verifier *verifier); /* also for CLEANUP */
/* Without one, no checkpoint holds. Errors: TKR_CAPACITY (AUDIT_KEYS_MAX). */
MUST_USE tkr_error_t audit_verifier_trust(struct audit_verifier *verifier,
                                          const uint8_t public_key[SEAL_PUBLIC_BYTES]);
/* Before the first event. One that nobody trusted has signed is a finding. About 100 us. Errors:
 * TKR_MEMORY. */
MUST_USE tkr_error_t audit_verifier_expect(struct audit_verifier *verifier,
                                           const struct audit_checkpoint *checkpoint);
/* `digest` NULL: the log has none. About 0.5 us. */
void audit_verifier_event(struct audit_verifier *verifier, const struct audit_event *event,
                          const uint8_t *digest);
/* For a copy. A checkpoint that stands directly behind its event: */
void audit_verifier_checkpoint(struct audit_verifier *verifier,
                               const struct audit_checkpoint *checkpoint);
/* what stands there is no event of anybody, and one should: */
void audit_verifier_damaged(struct audit_verifier *verifier);
/* and another part begins, with an event and the digest before that one. */
void audit_verifier_go_on(struct audit_verifier *verifier,
                          const uint8_t store_id[AUDIT_STORE_ID_BYTES], uint64_t first_seq,
                          const uint8_t base[AUDIT_DIGEST_BYTES]);
/* The head, or a copy that ends with any event: `head_digest` NULL. */
void audit_verifier_end(struct audit_verifier *verifier, uint64_t head_seq,
                        const uint8_t *head_digest);

#endif
