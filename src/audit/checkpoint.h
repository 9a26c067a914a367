/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed statements about the chain.
 *
 * A *checkpoint* says: in the log of this store event n has this digest. It is signed, so that
 * whoever has the public key can hold a copy of the log, or the store itself, against one that was
 * kept elsewhere (a line of the daemon's log), and sees also that the end was cut off:
 *
 *     tokenry-checkpoint-1 STORE SEQ TIME DIGEST KEY SIGNATURE
 *
 * on one line: the store's id, the digest, the public key and the signature as hexadecimal digits,
 * the time in RFC 3339. What is signed is the line up to the signature, without the space before
 * it.
 *
 * A *head* says where the log begins and ends, by MAC and with every commit: what was added since
 * the last checkpoint cannot be rewritten without the key. An old head with the old log under it is
 * still a good one: only a checkpoint that was kept elsewhere shows that a whole log was set back.
 */
#ifndef AUDIT_CHECKPOINT_H
#define AUDIT_CHECKPOINT_H

#include "audit/chain.h"
#include "base/limits.h"
#include "crypto/seal.h"

#define AUDIT_STORE_ID_BYTES 16
#define AUDIT_CHECKPOINT_SIZE 384

struct audit_checkpoint {
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t seq;
    int64_t at_ms;
    uint8_t digest[AUDIT_DIGEST_BYTES];
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t signature[SEAL_SIGNATURE_BYTES];
};

/* Fills public_key and signature. Errors: those of seal_sign. */
MUST_USE tkr_error_t audit_checkpoint_sign(const struct seal_key *key,
                                           struct audit_checkpoint *checkpoint);
/* Whether the signature is that of the public key inside, which the caller must know to be the
 * right one. Errors: those of seal_verify. */
MUST_USE tkr_error_t audit_checkpoint_verify(const struct audit_checkpoint *checkpoint);
/* The line, without a line feed. Returns `out`. */
const char *audit_checkpoint_format(const struct audit_checkpoint *checkpoint,
                                    char out[AUDIT_CHECKPOINT_SIZE]);
/* The first checkpoint in a text, whatever stands around it, exactly as audit_checkpoint_format
 * writes it. Does not verify it. Errors:
 * TKR_NOT_FOUND, TKR_MALFORMED. */
MUST_USE tkr_error_t audit_checkpoint_find(const char *text, size_t length,
                                           struct audit_checkpoint *ret_checkpoint);

/* What the MAC is of: where the log begins and ends, and which checkpoint is its newest. */
struct audit_head {
    const uint8_t *store_id; /* AUDIT_STORE_ID_BYTES */
    uint64_t first_seq, seq, checkpoint_seq;
    const uint8_t *base, *digest; /* before the first event, and of the newest one */
};
/* Errors: those of seal_mac. */
MUST_USE tkr_error_t audit_head_mac(const struct seal_key *key, const struct audit_head *head,
                                    uint8_t ret_mac[SEAL_MAC_BYTES]);

#endif
