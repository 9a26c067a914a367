/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the text of a window and, behind the first NUL, a TZif file; without one the window
 * is of UTC. What must hold: along the wall time never goes back; a moment that the wall shows is
 * found again unless it is the second time; a beginning is the next one after the one before it;
 * and a window is open exactly for its duration from its last beginning.
 */
#include "fuzz.h"

#include <string.h>

#include "policy/calendar.h"

static const int64_t moments[] = {0, 1000000000, 1774745999, 1774746000, 1792890000, 4102444800};

static void check_zone(const struct zone *zone, int64_t at_s)
{
    struct zone_stretch stretch = zone_at(zone, at_s);
    ASSERT(stretch.from_s <= at_s && at_s < stretch.until_s);
    int64_t found_s = zone_to_unix(zone, at_s + stretch.offset_s);
    ASSERT(found_s <= at_s);
    ASSERT(found_s == at_s || zone_at(zone, found_s).offset_s != stretch.offset_s ||
           zone_at(zone, found_s).until_s != stretch.until_s);
    for (int64_t wall_s = at_s - 7200; wall_s < at_s + 7200; wall_s += 1800) {
        ASSERT(zone_to_unix(zone, wall_s) <= zone_to_unix(zone, wall_s + 1800));
    }
}

static void check_calendar(const struct calendar *calendar, const struct zone *zone, int64_t at_s)
{
    int64_t next_s, again_s, last_s;
    bool open = false;
    if (calendar_next(calendar, zone, at_s, &next_s) == TKR_OK) {
        ASSERT(next_s > at_s);
        ASSERT(calendar_next(calendar, zone, next_s - 1, &again_s) == TKR_OK && again_s == next_s);
        ASSERT(calendar_last(calendar, zone, next_s, &last_s) == TKR_OK && last_s == next_s);
        ASSERT(calendar_is_open(calendar, zone, next_s));
    }
    if (calendar_last(calendar, zone, at_s, &last_s) == TKR_OK) {
        ASSERT(last_s <= at_s);
        open = at_s < last_s + calendar->duration_s;
    }
    ASSERT(calendar_is_open(calendar, zone, at_s) == open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar calendar;
    struct zone *zone = NULL;
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = nul != NULL ? (size_t)(nul - data) : size;
    bool is_window = calendar_parse((const char *)data, length, &calendar, NULL) == TKR_OK;
    bool is_zone = nul != NULL && zone_parse(nul + 1, size - length - 1, &zone) == TKR_OK;
    const struct zone *used = is_zone ? zone : zone_utc();
    (void)!zone_name_valid((const char *)data, length);
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        check_zone(used, moments[i]);
        if (is_window) {
            check_calendar(&calendar, used, moments[i]);
        }
    }
    zone_free(zone);
    return 0;
}
