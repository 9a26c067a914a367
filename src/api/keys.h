/* SPDX-License-Identifier: Apache-2.0 */
/* Self-service: the keys of the caller's own user, under /api/keys. */
#ifndef API_KEYS_H
#define API_KEYS_H

#include "api/call.h"

/*
 * Whether self-service is open to this caller, and the key of the path when it is the caller's own
 * (whatever scope the caller has: another user's does not exist here). False: the call is answered.
 * The token's texts live as long as the call.
 */
bool keys_find_own(struct api_call *call, struct token *ret_token);

#endif
