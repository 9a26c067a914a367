/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature of a webhook as the Standard Webhooks have it: HMAC-SHA-256 over
 * `id.timestamp.body`, in base64 behind `v1,`; one for each key, with spaces between.
 */
#ifndef NOTIFY_SIGNATURE_H
#define NOTIFY_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "notify/channel.h"

#define SIGNATURE_SIZE (NOTIFY_KEYS_MAX * 48 + 1)

/* Reads keys, one a line: `whsec_` and base64 of 24 to 64 bytes. Errors: TKR_MALFORMED,
 * TKR_TOO_LARGE, with words and nothing of the text. The caller wipes. */
MUST_USE tkr_error_t signature_keys_read(const char *text, size_t length,
                                         struct notify_keys *ret_keys, struct fault *fault);

/* Errors: TKR_MEMORY, TKR_TOO_LARGE (the body), TKR_INTERNAL. */
MUST_USE tkr_error_t signature_make(const struct notify_keys *keys, const char *id,
                                    int64_t timestamp_s, const char *body, size_t body_length,
                                    char ret_signature[SIGNATURE_SIZE]);

#endif
