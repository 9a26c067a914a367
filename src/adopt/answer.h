/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an old endpoint said of a token. Reading it is pure: no I/O.
 *
 * The names of the members are the operator's to configure; a dot goes into an object, so that
 * `data.user_id` is the member user_id of the member data.
 */
#ifndef ADOPT_ANSWER_H
#define ADOPT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"

struct adopt_members {
    const char *user, *name, *tier, *scopes, *expires; /* "": not looked at */
};

enum adopt_end { ADOPT_END_UNSAID, ADOPT_END_NEVER, ADOPT_END_AT };

struct adopt_answer {
    char user_id[USER_ID_BYTES_MAX + 1]; /* "": not said */
    char name[TOKEN_NAME_BYTES_MAX + 1];
    char tier[TIER_NAME_BYTES_MAX + 1];
    char scopes[SCOPES_TEXT_BYTES_MAX + 1]; /* as they came, one space between */
    size_t scope_count;
    enum adopt_end end;
    int64_t expires_at_ms;
};

/*
 * Reads a body. Texts may be numbers (a user's, above all). Scopes are a list, or one text with
 * spaces or commas between. The end is RFC 3339; without an offset it is UTC (Python's isoformat),
 * or a number of seconds or milliseconds; null is never. Errors: TKR_MALFORMED (no JSON object),
 * TKR_INVALID, TKR_OUT_OF_RANGE, each naming the member in `fault` and nothing of its value.
 */
MUST_USE tkr_error_t adopt_answer_read(const char *text, size_t length,
                                       const struct adopt_members *members,
                                       struct adopt_answer *ret_answer, struct fault *fault);

#endif
