/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The times that other programs write: RFC 3339, Python's isoformat() and str(), PostgreSQL's and
 * SQLite's text, days, and Unix time in seconds, milliseconds or microseconds. A local time is one
 * of the zone that the operator names.
 */
#ifndef IMPORT_TIME_H
#define IMPORT_TIME_H

#include "import/import.h"

/*
 * Errors: TKR_MALFORMED; TKR_OUT_OF_RANGE (before 1973, which is where counts and sentinels like 0
 * and 1 would lie, or after 9999). Of a local time that comes twice, when clocks are turned back,
 * the first is meant: what expires then expires no later than it should.
 */
MUST_USE tkr_error_t import_time_parse(const char *text, size_t length,
                                       const struct import_zone *zone, int64_t *ret_unix_ms);

#endif
