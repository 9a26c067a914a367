/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) by OpenSSL.
 *
 *     uint8_t digest[DIGEST_SHA256_BYTES];
 *     TRY(digest_sha256(text, length, digest));
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define DIGEST_SHA256_BYTES 32

/*
 * The digest of `length` bytes; `bytes` may be NULL when `length` is 0. Thread-safe, no
 * allocation (but see digest_sha256_evp, which it becomes in a FIPS environment). About 88 ns
 * for the 57 bytes of a token, which are two blocks of the function, and 49 ns up to 55 bytes.
 * Errors: TKR_MEMORY, TKR_INTERNAL (the provider refused); ret_digest is then untouched.
 */
MUST_USE tkr_error_t digest_sha256(const void *bytes, size_t length,
                                   uint8_t ret_digest[DIGEST_SHA256_BYTES]);

/*
 * The same through EVP and the loaded provider: about 110 ns for 57 bytes. The first call in a
 * thread allocates a context, which the thread's end frees.
 */
MUST_USE tkr_error_t digest_sha256_evp(const void *bytes, size_t length,
                                       uint8_t ret_digest[DIGEST_SHA256_BYTES]);

#endif
