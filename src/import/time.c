/* SPDX-License-Identifier: Apache-2.0 */
#include "import/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define EARLIEST_MS INT64_C(100000000000) /* March 1973 */
#define ZONE_NAME_BYTES_MAX 64
#define ZONES "/usr/share/zoneinfo"

/* --- zones ----------------------------------------------------------------------------------- */

static bool digits(const char *text, size_t count, int *ret_value)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* `+02`, `+0230`, `+02:30`, `+02:30:00` (PostgreSQL, for times before zones were). */
static bool parse_offset(const char *text, size_t length, int32_t *ret_offset_s)
{
    int parts[3] = {0};
    size_t at = 1, count = 0;
    if (length < 3 || (text[0] != '+' && text[0] != '-')) {
        return false;
    }
    while (at < length && count < 3) {
        at += text[at] == ':' && count > 0 ? 1 : 0;
        if (length - at < 2 || !digits(text + at, 2, &parts[count])) {
            return false;
        }
        at += 2;
        count++;
    }
    if (at != length || parts[0] > 23 || parts[1] > 59 || parts[2] > 59) {
        return false;
    }
    int32_t offset = parts[0] * 3600 + parts[1] * 60 + parts[2];
    *ret_offset_s = text[0] == '-' ? -offset : offset;
    return true;
}

static bool is_zone_name(const char *text)
{
    size_t length = strnlen(text, ZONE_NAME_BYTES_MAX + 1);
    bool fits =
        length > 0 && length <= ZONE_NAME_BYTES_MAX && text[0] != '/' && strstr(text, "..") == NULL;
    for (size_t i = 0; fits && i < length; i++) {
        char c = text[i];
        fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               strchr("_+-/", c) != NULL;
    }
    return fits;
}

tkr_error_t import_zone_parse(const char *text, struct import_zone *ret_zone)
{
    struct import_zone zone = {0};
    if (strcasecmp(text, "utc") == 0 || strcasecmp(text, "z") == 0 ||
        parse_offset(text, strlen(text), &zone.offset_s)) {
        *ret_zone = zone;
        return TKR_OK;
    }
    char path[sizeof(ZONES) + ZONE_NAME_BYTES_MAX + 1];
    ENSURE(is_zone_name(text), TKR_INVALID);
    snprintf(path, sizeof(path), "%s/%s", ZONES, text);
    /* The C library would take a name that it does not know for UTC. */
    ENSURE(access(path, R_OK) == 0, TKR_INVALID);
    ENSURE(setenv("TZ", text, 1) == 0, TKR_MEMORY);
    tzset();
    zone.named = true;
    *ret_zone = zone;
    return TKR_OK;
}

/* Unix seconds of a time as the C library's zone has it. */
static time_t in_named_zone(struct tm civil)
{
    struct tm summer = civil;
    summer.tm_isdst = 1;
    time_t unix_s = mktime(&summer);
    if (summer.tm_isdst == 1 && summer.tm_hour == civil.tm_hour && summer.tm_min == civil.tm_min) {
        return unix_s; /* of a time that comes twice, the first */
    }
    civil.tm_isdst = -1;
    return mktime(&civil);
}

/* `as_utc_ms` is what the local time would be in UTC. */
static int64_t from_local(int64_t as_utc_ms, const struct import_zone *zone)
{
    if (!zone->named) {
        return as_utc_ms - INT64_C(1000) * zone->offset_s;
    }
    time_t seconds = as_utc_ms / 1000;
    struct tm civil;
    gmtime_r(&seconds, &civil);
    return (int64_t)in_named_zone(civil) * 1000 + as_utc_ms % 1000;
}

/* --- times ----------------------------------------------------------------------------------- */

static tkr_error_t parse_unix(const char *text, size_t length, int64_t *ret_unix_ms)
{
    const char *point = memchr(text, '.', length);
    size_t whole = point != NULL ? (size_t)(point - text) : length;
    uint64_t value;
    int milliseconds = 0;
    TRY(text_parse_u64(text, whole, &value));
    if (point != NULL) { /* seconds, as Python's time.time() */
        size_t kept = length - whole - 1 < 3 ? length - whole - 1 : 3;
        char padded[4] = "000";
        for (size_t i = whole + 1; i < length; i++) {
            ENSURE(text[i] >= '0' && text[i] <= '9', TKR_MALFORMED);
        }
        memcpy(padded, point + 1, kept);
        ENSURE(kept > 0 && whole <= 10 && digits(padded, 3, &milliseconds), TKR_MALFORMED);
    }
    /* By length, since no scale has a year of this age in common with another. 14 digits may be
     * 20251206144414, and are none. */
    if (whole <= 10) {
        *ret_unix_ms = (int64_t)value * 1000 + milliseconds;
    } else if (whole == 12 || whole == 13) {
        *ret_unix_ms = (int64_t)value;
    } else if (whole == 15 || whole == 16) {
        *ret_unix_ms = (int64_t)(value / 1000);
    } else {
        return TKR_MALFORMED;
    }
    return TKR_OK;
}

/* The length of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff` at `text`; 0 for none. */
static size_t time_of_day(const char *text, size_t length)
{
    int ignored;
    if (length < 5 || !digits(text, 2, &ignored) || text[2] != ':' ||
        !digits(text + 3, 2, &ignored)) {
        return 0;
    }
    if (length < 8 || text[5] != ':' || !digits(text + 6, 2, &ignored)) {
        return 5;
    }
    size_t at = 8;
    if (at < length && text[at] == '.') {
        at++;
        while (at < length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
    }
    return at;
}

/* Date and time of day as RFC 3339 in UTC, for the one parser that knows the calendar. */
static tkr_error_t parse_civil(const char *date, const char *of_day, size_t of_day_length,
                               int64_t *ret_ms)
{
    char text[64];
    bool seconds = of_day_length > 5;
    ENSURE(of_day_length < 32, TKR_MALFORMED);
    int length = snprintf(text, sizeof(text), "%.10sT%.*s%sZ", date,
                          of_day_length > 0 ? (int)of_day_length : 5,
                          of_day_length > 0 ? of_day : "00:00", seconds ? "" : ":00");
    return text_parse_time(text, (size_t)length, ret_ms);
}

static tkr_error_t parse_offset_or_none(const char *text, size_t length, bool *ret_none,
                                        int32_t *ret_offset_s)
{
    while (length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    *ret_offset_s = 0;
    *ret_none = length == 0;
    bool utc = (length == 1 && (text[0] == 'Z' || text[0] == 'z')) ||
               (length == 3 && strncasecmp(text, "utc", 3) == 0);
    ENSURE(length == 0 || utc || parse_offset(text, length, ret_offset_s), TKR_MALFORMED);
    return TKR_OK;
}

tkr_error_t import_time_parse(const char *text, size_t length, const struct import_zone *zone,
                              int64_t *ret_unix_ms)
{
    int64_t ms = 0;
    if (length < 5 || text[4] != '-') {
        TRY(parse_unix(text, length, &ms));
    } else {
        bool local = true;
        size_t of_day = 0;
        int32_t offset_s;
        ENSURE(length >= 10, TKR_MALFORMED);
        if (length > 10) {
            ENSURE(text[10] == 'T' || text[10] == 't' || text[10] == ' ', TKR_MALFORMED);
            of_day = time_of_day(text + 11, length - 11);
            ENSURE(of_day > 0, TKR_MALFORMED);
        }
        size_t behind = length > 10 ? 11 + of_day : 10;
        TRY(parse_offset_or_none(text + behind, length - behind, &local, &offset_s));
        TRY(parse_civil(text, text + 11, of_day, &ms));
        ms = local ? from_local(ms, zone) : ms - INT64_C(1000) * offset_s;
    }
    ENSURE(ms >= EARLIEST_MS && ms <= TEXT_TIME_MS_MAX, TKR_OUT_OF_RANGE);
    *ret_unix_ms = ms;
    return TKR_OK;
}
