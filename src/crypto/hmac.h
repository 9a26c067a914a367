/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104) with a key that somebody else gave us. Keys of our own: crypto/seal.h. */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define HMAC_SHA256_BYTES 32

/* Thread-safe. Errors: TKR_INTERNAL (the provider refused). */
MUST_USE tkr_error_t hmac_sha256(const void *key, size_t key_length, const void *bytes,
                                 size_t length, uint8_t ret_mac[HMAC_SHA256_BYTES]);

#endif
