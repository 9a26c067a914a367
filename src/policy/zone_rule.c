/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone_rule.h"

#include <string.h>

#include "base/text.h"

#define DAY_S 86400
#define YEARS_LOOKED_AT 5 /* two each way: a change may be a week outside of its year */
#define RULE_YEAR_MAX 9999

/* --- reading ------------------------------------------------------------------------------ */

struct reader {
    const char *at, *end;
};

static bool take(struct reader *reader, char c)
{
    bool there = reader->at < reader->end && *reader->at == c;
    reader->at += there ? 1 : 0;
    return there;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* One to three digits. */
static tkr_error_t read_number(struct reader *reader, int least, int most, int *ret)
{
    const char *start = reader->at;
    int value = 0;
    while (reader->at < reader->end && reader->at - start < 3 && is_digit(*reader->at)) {
        value = value * 10 + (*reader->at++ - '0');
    }
    ENSURE(reader->at > start && value >= least && value <= most, TKR_MALFORMED);
    *ret = value;
    return TKR_OK;
}

/* `CET`, or in angle brackets what is not of letters alone: `<+0330>`. Nobody asks for it. */
static tkr_error_t skip_name(struct reader *reader)
{
    const char *start = reader->at;
    if (take(reader, '<')) {
        while (reader->at < reader->end && (is_letter(*reader->at) || is_digit(*reader->at) ||
                                            *reader->at == '+' || *reader->at == '-')) {
            reader->at++;
        }
        ENSURE(take(reader, '>'), TKR_MALFORMED);
        return reader->at - start >= 5 ? TKR_OK : TKR_MALFORMED;
    }
    while (reader->at < reader->end && is_letter(*reader->at)) {
        reader->at++;
    }
    return reader->at - start >= 3 ? TKR_OK : TKR_MALFORMED;
}

/* `-1`, `3:30`, `5:30:20` */
static tkr_error_t read_time(struct reader *reader, int hours_max, int32_t *ret_s)
{
    int sign = take(reader, '-') ? -1 : 1;
    int hours = 0, minutes = 0, seconds = 0;
    if (sign == 1) {
        (void)take(reader, '+');
    }
    TRY(read_number(reader, 0, hours_max, &hours));
    if (take(reader, ':')) {
        TRY(read_number(reader, 0, 59, &minutes));
        if (take(reader, ':')) {
            TRY(read_number(reader, 0, 59, &seconds));
        }
    }
    *ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return TKR_OK;
}

/* West of Greenwich is positive there, and negative in a zone_stretch. */
static tkr_error_t read_offset(struct reader *reader, int32_t *ret_s)
{
    int32_t west_s = 0;
    TRY(read_time(reader, 24, &west_s));
    *ret_s = -west_s;
    return TKR_OK;
}

static tkr_error_t read_month_day(struct reader *reader, struct zone_change *change)
{
    TRY(read_number(reader, 1, 12, &change->month));
    ENSURE(take(reader, '.'), TKR_MALFORMED);
    TRY(read_number(reader, 1, 5, &change->week));
    ENSURE(take(reader, '.'), TKR_MALFORMED);
    return read_number(reader, 0, 6, &change->day);
}

/* `,M3.5.0/2` */
static tkr_error_t read_change(struct reader *reader, struct zone_change *change)
{
    ENSURE(take(reader, ','), TKR_MALFORMED);
    *change = (struct zone_change){.kind = ZONE_DAY_ZERO, .time_s = 2 * 3600};
    if (take(reader, 'M')) {
        change->kind = ZONE_DAY_MONTH;
        TRY(read_month_day(reader, change));
    } else if (take(reader, 'J')) {
        change->kind = ZONE_DAY_JULIAN;
        TRY(read_number(reader, 1, 365, &change->day));
    } else {
        TRY(read_number(reader, 0, 365, &change->day));
    }
    return take(reader, '/') ? read_time(reader, 167, &change->time_s) : TKR_OK;
}

tkr_error_t zone_rule_parse(const char *text, size_t length, struct zone_rule *ret_rule)
{
    struct reader reader = {text, text + length};
    struct zone_rule rule = {0};
    TRY(skip_name(&reader));
    TRY(read_offset(&reader, &rule.standard_s));
    if (reader.at < reader.end) {
        rule.has_daylight = true;
        rule.daylight_s = rule.standard_s + 3600;
        TRY(skip_name(&reader));
        if (reader.at < reader.end && *reader.at != ',') {
            TRY(read_offset(&reader, &rule.daylight_s));
        }
        TRY(read_change(&reader, &rule.start));
        TRY(read_change(&reader, &rule.end));
    }
    ENSURE(reader.at == reader.end, TKR_MALFORMED);
    *ret_rule = rule;
    return TKR_OK;
}

/* --- what it says ------------------------------------------------------------------------- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* The day of a change in a year, counted from 1970-01-01. */
static int64_t day_of(const struct zone_change *change, int year)
{
    int month = change->kind == ZONE_DAY_MONTH ? change->month : 1;
    int64_t first = text_days_from_date((struct text_date){year, month, 1});
    if (change->kind == ZONE_DAY_ZERO) {
        return first + change->day;
    }
    if (change->kind == ZONE_DAY_JULIAN) {
        return first + change->day - (is_leap(year) && change->day >= 60 ? 0 : 1);
    }
    int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    int day = (change->day - weekday + 7) % 7 + 7 * (change->week - 1);
    return first + (day < days_of_month(year, month) ? day : day - 7);
}

static int year_of(int64_t unix_s)
{
    int64_t day = unix_s >= 0 ? unix_s / DAY_S : 0;
    int64_t last = text_days_from_date((struct text_date){RULE_YEAR_MAX, 1, 1});
    return text_date_from_days(day < last ? day : last).year;
}

struct moment {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

/* Of the years around, in their order. When one daylight-saving time ends in the moment in which
 * the next one begins, the beginning stays behind the end. */
static size_t list_moments(const struct zone_rule *rule, int year,
                           struct moment moments[2 * YEARS_LOOKED_AT])
{
    size_t count = 0;
    for (int i = 0; i < YEARS_LOOKED_AT; i++) {
        const struct moment two[] = {
            {day_of(&rule->start, year - YEARS_LOOKED_AT / 2 + i) * DAY_S + rule->start.time_s -
                 rule->standard_s,
             rule->daylight_s},
            {day_of(&rule->end, year - YEARS_LOOKED_AT / 2 + i) * DAY_S + rule->end.time_s -
                 rule->daylight_s,
             rule->standard_s},
        };
        for (size_t k = 0; k < 2; k++) {
            size_t place = count++;
            for (; place > 0 && moments[place - 1].at_s > two[k].at_s; place--) {
                moments[place] = moments[place - 1];
            }
            moments[place] = two[k];
        }
    }
    return count;
}

struct zone_stretch zone_rule_at(const struct zone_rule *rule, int64_t unix_s)
{
    struct moment moments[2 * YEARS_LOOKED_AT];
    struct zone_stretch stretch = {rule->standard_s, INT64_MIN, INT64_MAX};
    if (!rule->has_daylight) {
        return stretch;
    }
    size_t count = list_moments(rule, year_of(unix_s), moments);
    stretch.offset_s =
        moments[0].offset_s == rule->standard_s ? rule->daylight_s : rule->standard_s;
    for (size_t i = 0; i < count; i++) {
        if (moments[i].at_s > unix_s) {
            stretch.until_s = moments[i].at_s;
            break;
        }
        stretch.offset_s = moments[i].offset_s;
        stretch.from_s = moments[i].at_s;
    }
    return stretch;
}
