/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key of our own that signs (Ed25519, RFC 8032) and authenticates (HMAC-SHA-256, RFC 2104).
 *
 *     struct seal_key *key CLEANUP(seal_key_free_p) = NULL;
 *     TRY(seal_key_new(seed, &key));
 *     TRY(seal_sign(key, text, length, signature));
 *
 * Anybody who has the public key can check a signature; only who has the seed can make or check a
 * MAC, which costs a twentieth. The seed is kept in secret memory. Any number of threads at once.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define SEAL_SEED_BYTES 32
#define SEAL_PUBLIC_BYTES 32
#define SEAL_SIGNATURE_BYTES 64
#define SEAL_MAC_BYTES 32

struct seal_key;

/* The caller wipes its seed. Errors: TKR_MEMORY, TKR_INTERNAL (the provider refused). */
MUST_USE tkr_error_t seal_key_new(const uint8_t seed[SEAL_SEED_BYTES], struct seal_key **ret_key);
void seal_key_free(struct seal_key *key);                   /* wipes; NULL is allowed */
void seal_key_free_p(struct seal_key **key);                /* for CLEANUP */
const uint8_t *seal_key_public(const struct seal_key *key); /* SEAL_PUBLIC_BYTES */

/* About 40 us. Errors: TKR_MEMORY, TKR_INTERNAL. */
MUST_USE tkr_error_t seal_sign(const struct seal_key *key, const void *bytes, size_t length,
                               uint8_t ret_signature[SEAL_SIGNATURE_BYTES]);
/* About 100 us. Errors: TKR_FORBIDDEN (it is not the key's, or there is no such key), TKR_MEMORY,
 * TKR_INTERNAL. */
MUST_USE tkr_error_t seal_verify(const uint8_t public_key[SEAL_PUBLIC_BYTES], const void *bytes,
                                 size_t length, const uint8_t signature[SEAL_SIGNATURE_BYTES]);
/* About 1 us. Compare with secret_equal. Errors: TKR_INTERNAL. */
MUST_USE tkr_error_t seal_mac(const struct seal_key *key, const void *bytes, size_t length,
                              uint8_t ret_mac[SEAL_MAC_BYTES]);

#endif
