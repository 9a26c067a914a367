/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retries of a proxy. A proxy that got no answer in time asks again, and the request that it
 * asks for would count twice. So it may send an id of the request (`auth.attempt_header`), which
 * it makes itself: the same id with the same token within API_ATTEMPT_S is let through, when the
 * first time was, without being counted or limited again.
 *
 * A fixed table of recent ones, shared by all threads: each is one word, so there is no lock. Where
 * it is full the oldest of a bucket goes, and a retry of that counts again; two attempts that
 * are decided at the very same time both count. Both are the safe side. What a proxy passes on
 * from its client (it must not) buys that client at most API_ATTEMPT_RETRIES_MAX requests for one.
 */
#ifndef API_ATTEMPTS_H
#define API_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

struct attempts;

MUST_USE tkr_error_t attempts_new(struct attempts **ret_attempts);
void attempts_free(struct attempts *attempts); /* NULL is allowed */

/* What stands for (id, token). TKR_INVALID: the id is empty, too long or not visible ASCII. */
MUST_USE tkr_error_t attempt_key(const char *id, size_t id_length, const char *token,
                                 size_t token_length, uint64_t *ret_key);
/* Any thread. Whether it was noted; one of its retries is used up. `now_s` never goes back. */
bool attempts_take(struct attempts *attempts, uint64_t key, int64_t now_s);
/* Any thread: a first attempt was let through. */
void attempts_note(struct attempts *attempts, uint64_t key, int64_t now_s);

#endif
