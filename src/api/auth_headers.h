/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of the headers that `/auth` answers with. Pure, and written by hand: they are made
 * for each request.
 *
 * What an API reads in X-Auth-User must be the user and nothing else, so values are encoded:
 * every byte that is not visible ASCII, and `%` itself, becomes %XX of its UTF-8 (RFC 3986
 * §2.1). `-` alone stands for "nothing"; a value that is `-` becomes `%2D`. So decoding is
 * exact, no value is empty, and none can break the header.
 *
 * RateLimit headers are those of draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy has a
 * row for each window that applies, and RateLimit has the same rows with what remains and the
 * seconds until a fixed window ends or the oldest requests leave a sliding one. Windows of the
 * user, which all of the user's tokens share, are called `user-minute` and so on. All windows are
 * listed, in the order minute, hour, day, so that a client can see the day run out while the minute
 * is still wide.
 */
#ifndef API_AUTH_HEADERS_H
#define API_AUTH_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/verify.h"

/* What a valid token may be warned of. */
#define WARNING_SHARED_TOKEN "shared_token"

#define HEADER_ENCODED_SIZE(bytes) (3 * (bytes) + 2)

/* Encodes into `out`, which has HEADER_ENCODED_SIZE(length) bytes. `keep_spaces` for a scope
 * set, in which a space separates. Returns `out`. */
const char *header_encode(const char *text, size_t length, bool keep_spaces, char *out);

/* Decimal digits and no NUL; returns behind the last one. At most 20 bytes. */
char *header_number(char *out, uint64_t number);

/* `"user-minute";q=4294967294;w=86400, ` for each window, at most. */
#define RATELIMIT_SIZE (2 * WINDOW_COUNT * 48)
/* Both return `out`, "" when no window applies. */
const char *ratelimit_policy(const struct verify_result *result, char out[RATELIMIT_SIZE]);
const char *ratelimit_state(const struct verify_result *result, char out[RATELIMIT_SIZE]);

/*
 * Seconds for Retry-After, at least 1: not before the limiter sees room, and not before the
 * `t` of a window in which `cost` has no room (the draft: it is never the earlier of them).
 */
int64_t ratelimit_retry_after_s(const struct verify_result *result, uint32_t cost);

#endif
