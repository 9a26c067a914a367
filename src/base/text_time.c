/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3339 times. The C library's conversions are avoided: strptime and mktime look at the
 * locale and the time zone, and timegm accepts February 31. Days are counted in years that
 * begin in March, so that the leap day is the last of its year.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MS_PER_DAY 86400000LL
#define DAYS_PER_ERA 146097 /* 400 years: then the calendar repeats */
#define EPOCH_DAYS 719468   /* from 0000-03-01 to 1970-01-01 */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

int64_t text_days_from_date(struct text_date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t march_month = (date.month + 9) % 12;
    int64_t day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_DAYS;
}

struct text_date text_date_from_days(int64_t days)
{
    int64_t since_zero = days + EPOCH_DAYS;
    int64_t era = since_zero / DAYS_PER_ERA;
    int64_t day_of_era = since_zero % DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    return (struct text_date){(int)year, month,
                              (int)(day_of_year - (153 * march_month + 2) / 5 + 1)};
}

/* A cursor over the text; a mismatch leaves it failed, so that the end asks once. */
struct scan {
    const char *text;
    size_t length, at;
    bool failed;
};

static int scan_digits(struct scan *scan, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++, scan->at++) {
        if (scan->at >= scan->length || scan->text[scan->at] < '0' || scan->text[scan->at] > '9') {
            scan->failed = true;
            return 0;
        }
        value = value * 10 + (scan->text[scan->at] - '0');
    }
    return value;
}

static char scan_one_of(struct scan *scan, const char *accepted)
{
    if (scan->failed || scan->at >= scan->length || scan->text[scan->at] == '\0' ||
        strchr(accepted, scan->text[scan->at]) == NULL) {
        scan->failed = true;
        return '\0';
    }
    return scan->text[scan->at++];
}

/* `.` and one or more digits, or nothing; the digits behind the third are read and dropped. */
static int scan_milliseconds(struct scan *scan)
{
    if (scan->failed || scan->at >= scan->length || scan->text[scan->at] != '.') {
        return 0;
    }
    scan->at++;
    int milliseconds = scan_digits(scan, 1) * 100;
    for (int unit = 10;
         scan->at < scan->length && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9';
         unit /= 10) {
        milliseconds += (scan->text[scan->at++] - '0') * unit;
    }
    return milliseconds;
}

/* Minutes east of UTC. `-00:00` (RFC 3339 §4.3: the local offset is unknown) is UTC. */
static int scan_offset(struct scan *scan)
{
    char sign = scan_one_of(scan, "Zz+-");
    if (scan->failed || sign == 'Z' || sign == 'z') {
        return 0;
    }
    int hours = scan_digits(scan, 2);
    scan_one_of(scan, ":");
    int minutes = scan_digits(scan, 2);
    scan->failed = scan->failed || hours > 23 || minutes > 59;
    return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

tkr_error_t text_parse_time(const char *text, size_t length, int64_t *ret_unix_ms)
{
    struct scan scan = {text, length, 0, false};
    struct text_date date;
    date.year = scan_digits(&scan, 4);
    scan_one_of(&scan, "-");
    date.month = scan_digits(&scan, 2);
    scan_one_of(&scan, "-");
    date.day = scan_digits(&scan, 2);
    scan_one_of(&scan, "Tt");
    int hour = scan_digits(&scan, 2);
    scan_one_of(&scan, ":");
    int minute = scan_digits(&scan, 2);
    scan_one_of(&scan, ":");
    int second = scan_digits(&scan, 2);
    int milliseconds = scan_milliseconds(&scan);
    int offset_minutes = scan_offset(&scan);
    ENSURE(!scan.failed && scan.at == length, TKR_MALFORMED);
    ENSURE(date.month >= 1 && date.month <= 12, TKR_MALFORMED);
    ENSURE(date.day >= 1 && date.day <= days_in_month(date.year, date.month), TKR_MALFORMED);
    ENSURE(hour <= 23 && minute <= 59 && second <= 60, TKR_MALFORMED);

    int64_t minutes = (text_days_from_date(date) * 24 + hour) * 60 + minute - offset_minutes;
    if (second == 60) {
        /* §5.7: a leap second is the last of a UTC month. Unix time has no number for it. */
        ENSURE((minutes + 1) % (24 * 60) == 0, TKR_MALFORMED);
        ENSURE(minutes < 0 || text_date_from_days((minutes + 1) / (24 * 60)).day == 1,
               TKR_MALFORMED);
    }
    int64_t unix_ms = (minutes * 60 + second) * 1000 + (second == 60 ? 0 : milliseconds);
    ENSURE(unix_ms >= 0 && unix_ms <= TEXT_TIME_MS_MAX, TKR_OUT_OF_RANGE);
    *ret_unix_ms = unix_ms;
    return TKR_OK;
}

static const char *format_time(int64_t unix_ms, bool always_ms, char out[TEXT_TIME_SIZE])
{
    unix_ms = unix_ms < 0 ? 0 : unix_ms > TEXT_TIME_MS_MAX ? TEXT_TIME_MS_MAX : unix_ms;
    struct text_date date = text_date_from_days(unix_ms / MS_PER_DAY);
    unsigned of_day = (unsigned)(unix_ms % MS_PER_DAY);
    unsigned second = of_day / 1000;
    int length = snprintf(out, TEXT_TIME_SIZE, "%04d-%02d-%02dT%02u:%02u:%02u", date.year,
                          date.month, date.day, second / 3600, second / 60 % 60, second % 60);
    char *tail = out + length;
    size_t room = TEXT_TIME_SIZE - (size_t)length;
    if (always_ms || of_day % 1000 != 0) {
        snprintf(tail, room, ".%03uZ", of_day % 1000);
    } else {
        snprintf(tail, room, "Z");
    }
    return out;
}

const char *text_format_time(int64_t unix_ms, char out[TEXT_TIME_SIZE])
{
    return format_time(unix_ms, false, out);
}

const char *text_format_time_ms(int64_t unix_ms, char out[TEXT_TIME_SIZE])
{
    return format_time(unix_ms, true, out);
}
