/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maintenance windows: when they begin, and whether one is open. Pure.
 *
 *     TRY(calendar_parse("0 2 * * sat for 2h", length, &calendar, fault));
 *     if (calendar_is_open(&calendar, zone, now_s)) ...
 *     TRY(calendar_next(&calendar, zone, now_s, &start_s));
 *
 * `MINUTE HOUR DAY MONTH WEEKDAY for DURATION`, the five as in cron: `*`, numbers, names of months
 * and weekdays (three letters), ranges, lists, steps (`0-30/10`, `* / 15` without the blanks).
 * Sunday is 0 and 7. When both day and weekday are something else than `*`, either suffices.
 *
 * A beginning is what the wall clock of the zone shows. What the wall leaves out (it is put
 * forward) begins at the first moment after the gap, and what it shows twice (it is put back)
 * begins once, the first time. A window lasts its duration in real time, whatever the wall does
 * meanwhile. Windows may overlap.
 */
#ifndef POLICY_CALENDAR_H
#define POLICY_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "policy/zone.h"

struct calendar {
    uint64_t minutes;   /* bit 0 to 59 */
    uint32_t hours;     /* 0 to 23 */
    uint32_t days;      /* 1 to 31 */
    uint16_t months;    /* 1 to 12 */
    uint8_t weekdays;   /* 0 to 6 */
    bool every_day;     /* `*` */
    bool every_weekday; /* `*` */
    int64_t duration_s;
};

/* Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE, naming `window` and in words which of the parts. */
MUST_USE tkr_error_t calendar_parse(const char *text, size_t length, struct calendar *ret_calendar,
                                    struct fault *fault);

/* The first beginning after `after_s`. NOT_FOUND: there is none within nine years, which no day
 * that exists stays away (29 February is at most eight apart). */
MUST_USE tkr_error_t calendar_next(const struct calendar *calendar, const struct zone *zone,
                                   int64_t after_s, int64_t *ret_start_s);
/* The last beginning that is not after `until_s`. NOT_FOUND likewise. */
MUST_USE tkr_error_t calendar_last(const struct calendar *calendar, const struct zone *zone,
                                   int64_t until_s, int64_t *ret_start_s);

bool calendar_is_open(const struct calendar *calendar, const struct zone *zone, int64_t at_s);
/* `from_s` when a window is open then, else the next beginning. NOT_FOUND. */
MUST_USE tkr_error_t calendar_first_open(const struct calendar *calendar, const struct zone *zone,
                                         int64_t from_s, int64_t *ret_at_s);

#endif
