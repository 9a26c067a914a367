/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tokens had a success in the running minute. A table of words, shared by all threads without
 * a lock: buckets of a cache line, a word {44 bits of the token's hash | the minute}. A hit, which
 * is nearly every request, only reads.
 *
 * Two threads at the same moment may both take theirs for the first, and a token that was pushed
 * out of a full bucket counts as new: each is one event more. A token that hides behind another's
 * hash (58 bits tell them apart) would have one less; identifiers are ours, nobody chooses them.
 */
#ifndef ENGINE_AUTH_SEEN_H
#define ENGINE_AUTH_SEEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"
#include "token/token_text.h"

#define AUTH_SEEN_WAYS 8
#define AUTH_SEEN_BUCKETS (AUTH_SEEN_TOKENS / AUTH_SEEN_WAYS)

struct auth_seen {
    _Alignas(64) _Atomic uint64_t words[AUTH_SEEN_BUCKETS][AUTH_SEEN_WAYS];
};

MUST_USE tkr_error_t auth_seen_new(struct auth_seen **ret_seen); /* freed with free() */
/* Any thread. Whether the token was there in this minute; afterwards it was. */
bool auth_seen_take(struct auth_seen *seen, const uint8_t token_id[TOKEN_ID_BYTES], int64_t now_ms);

#endif
