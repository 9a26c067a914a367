/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: what a clock on the wall says, and when it says so. Pure: the bytes of a TZif
 * file (RFC 8536) come from the caller. See ADR 14 for why this is read here.
 *
 *     TRY(zone_parse(bytes, size, &zone));
 *     offset_s = zone_at(zone, now_s).offset_s;            what to add to UTC
 *     start_s = zone_to_unix(zone, wall_s);                when the wall shows it
 *
 * Seconds are those of Unix time; `wall_s` counts the same way along the wall clock, as if it
 * were one of UTC. A zone never changes once it is made: any thread may read it.
 */
#ifndef POLICY_ZONE_H
#define POLICY_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct zone;

/* Strict: version 2 or later, no leap seconds. Errors: TKR_MALFORMED, TKR_MEMORY. */
MUST_USE tkr_error_t zone_parse(const uint8_t *bytes, size_t size, struct zone **ret_zone);
void zone_free(struct zone *zone);    /* NULL is allowed */
void zone_free_p(struct zone **zone); /* for CLEANUP */
const struct zone *zone_utc(void);    /* there without any file; not to be freed */

/* An offset, and the moments between which it holds: from_s <= t < until_s. */
struct zone_stretch {
    int32_t offset_s;
    int64_t from_s, until_s; /* INT64_MIN, INT64_MAX: from or for ever */
};
struct zone_stretch zone_at(const struct zone *zone, int64_t unix_s);

/* When the wall shows it: the first time, if it does so twice; the first moment after the gap, if
 * it leaves that out. Never goes back while wall_s goes on. */
int64_t zone_to_unix(const struct zone *zone, int64_t wall_s);

/* `Europe/Berlin`: of letters, digits, `_`, `+`, `-`, its parts beginning with a capital, at most
 * TIME_ZONE_NAME_BYTES_MAX. What passes is a path that stays in its folder. */
bool zone_name_valid(const char *name, size_t length);

#endif
