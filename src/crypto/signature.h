/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of others: ECDSA over P-256 with SHA-256 (FIPS 186-5 §6).
 *
 *     struct signature_key *key CLEANUP(signature_key_free_p) = NULL;
 *     TRY(signature_key_new(pem, strlen(pem), &key));
 *     TRY(signature_verify(key, body, body_length, signature, strlen(signature)));
 *
 * One kind of key, one algorithm, one text for each: whoever sends the message chooses nothing.
 * A key is read once and then only used. No error says anything of what was given.
 */
#ifndef CRYPTO_SIGNATURE_H
#define CRYPTO_SIGNATURE_H

#include <stddef.h>

#include "base/check.h"

struct signature_key;

/*
 * Reads a PEM "PUBLIC KEY" (RFC 7468 §13), which may end in a line feed and has nothing before,
 * between or behind. Errors: TKR_MALFORMED (no such PEM), TKR_INVALID (a key, but not one of P-256
 * as an uncompressed point on the curve), TKR_TOO_LARGE (PEM_BYTES_MAX), TKR_MEMORY, TKR_INTERNAL.
 */
MUST_USE tkr_error_t signature_key_new(const char *pem, size_t length,
                                       struct signature_key **ret_key);
void signature_key_free(struct signature_key *key);    /* NULL is allowed */
void signature_key_free_p(struct signature_key **key); /* for CLEANUP */

/*
 * Whether `signature`, base64 of the DER of ECDSA-Sig-Value (RFC 3279 §2.2.3), is the key's over
 * exactly these bytes. Any number of threads at once. Every signature has a twin that anybody can
 * make of it (r and -s), so a replay is known by the bytes and not by the signature. Errors:
 * TKR_MALFORMED (no base64, or longer than any), TKR_FORBIDDEN (it is not, also when the DER has
 * more than one way to be read), TKR_MEMORY, TKR_INTERNAL.
 */
MUST_USE tkr_error_t signature_verify(const struct signature_key *key, const void *bytes,
                                      size_t length, const char *signature,
                                      size_t signature_length);

#endif
