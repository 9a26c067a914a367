/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are tokens, for the resources that make or change them. */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include "api/resource.h"
#include "base/limits.h"

/* change_done, with the resource_change as its context: a new token, with its text; a changed
 * one. */
void token_created(void *context, const struct change_result *result);
void token_changed(void *context, const struct change_result *result);

/* What makes two requests with one Idempotency-Key the same: who asks for what path, and the bytes
 * of the body (a relative `expires_in` is the same request a second later). No path has two methods
 * that take a key. */
MUST_USE tkr_error_t token_request_digest(const struct api_call *call,
                                          uint8_t ret_digest[TOKEN_DIGEST_BYTES]);
/* The call's key with that; NULL and nothing when it has none. */
MUST_USE tkr_error_t token_request_key(const struct api_call *call, const char **ret_key,
                                       uint8_t ret_digest[TOKEN_DIGEST_BYTES]);

#endif
