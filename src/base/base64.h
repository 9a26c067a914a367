/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 §4, strict. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* Bytes that `chars` characters can stand for, at most. */
#define BASE64_BYTES_MAX(chars) ((chars) / 4 * 3)

/*
 * Decodes. Each sequence of bytes has exactly one text here: padding must be there and its bits
 * zero (RFC 4648 §3.5), and nothing else may be (§3.1, §3.3: no line feeds, no spaces). Errors:
 * TKR_MALFORMED; TKR_TOO_LARGE (more than `bytes_max`). `ret_bytes` may have been written to then.
 */
MUST_USE tkr_error_t base64_decode(const char *text, size_t length, uint8_t *ret_bytes,
                                   size_t bytes_max, size_t *ret_length);

/* Characters that `bytes` bytes become, without a NUL. */
#define BASE64_CHARS(bytes) (((bytes) + 2) / 3 * 4)

/* Encodes, with padding and a NUL. Returns `out`, of BASE64_CHARS(length) + 1. */
char *base64_encode(const void *bytes, size_t length, char *out);

#endif
