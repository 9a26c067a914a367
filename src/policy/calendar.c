/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days are looked through one by one, along the wall's calendar; a day whose last moment is not
 * late enough costs one conversion, and a day that does not match none. zone_to_unix never goes
 * back while the wall goes on, so the first match along the wall is the first in time.
 */
#include "policy/calendar.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define DAY_S INT64_C(86400)
#define DAYS_LOOKED_AT (9 * 366)
#define DAYS_AROUND 2 /* wall and UTC are little more than a day apart */

/* --- the text ----------------------------------------------------------------------------- */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct part {
    const char *name;
    unsigned least, most;
    const char *const *words; /* for the values from `least` on; NULL: numbers only */
    unsigned word_count;
} parts[] = {
    {"the minute", 0, 59, NULL, 0},
    {"the hour", 0, 23, NULL, 0},
    {"the day", 1, 31, NULL, 0},
    {"the month", 1, 12, month_names, 12},
    {"the weekday", 0, 7, weekday_names, 7},
};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, PART_COUNT };

struct field {
    const char *at, *end;
};

static bool take(struct field *field, char c)
{
    bool there = field->at < field->end && *field->at == c;
    field->at += there ? 1 : 0;
    return there;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* At most four digits: a longer number is out of range, whatever it is. */
static tkr_error_t read_number(struct field *field, unsigned *ret)
{
    unsigned value = 0;
    const char *start = field->at;
    while (field->at < field->end && is_digit(*field->at)) {
        ENSURE(field->at - start < 4, TKR_OUT_OF_RANGE);
        value = value * 10 + (unsigned)(*field->at++ - '0');
    }
    ENSURE(field->at > start, TKR_MALFORMED);
    *ret = value;
    return TKR_OK;
}

static bool same_letters(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((a[i] | 0x20) != b[i]) {
            return false;
        }
    }
    return true;
}

static tkr_error_t read_value(struct field *field, const struct part *part, unsigned *ret)
{
    for (unsigned i = 0; i < part->word_count; i++) {
        if (field->end - field->at >= 3 && same_letters(field->at, part->words[i], 3)) {
            field->at += 3;
            *ret = part->least + i;
            return TKR_OK;
        }
    }
    unsigned value = 0;
    TRY(read_number(field, &value));
    ENSURE(value >= part->least && value <= part->most, TKR_OUT_OF_RANGE);
    *ret = value;
    return TKR_OK;
}

/* `5`, `1-5`, `mon-fri/2`, `*`. Sunday ends a range as 7: `fri-sun`. */
static tkr_error_t read_range(struct field *field, const struct part *part, uint64_t *bits)
{
    unsigned first = part->least, last = part->most, step = 1;
    bool is_range = take(field, '*');
    if (!is_range) {
        TRY(read_value(field, part, &first));
        last = first;
        is_range = take(field, '-');
        if (is_range) {
            TRY(read_value(field, part, &last));
            last = last == 0 && first > 0 && part == &parts[WEEKDAY] ? 7 : last;
        }
    }
    if (take(field, '/')) {
        ENSURE(is_range, TKR_MALFORMED); /* `5/10`: some read it as 5-59/10, some as 5 */
        TRY(read_number(field, &step));
        ENSURE(step >= 1 && step <= part->most, TKR_OUT_OF_RANGE);
    }
    ENSURE(first <= last, TKR_OUT_OF_RANGE);
    for (unsigned value = first; value <= last; value += step) {
        *bits |= UINT64_C(1) << value;
    }
    return TKR_OK;
}

static tkr_error_t read_part(struct field field, const struct part *part, uint64_t *ret_bits)
{
    uint64_t bits = 0;
    do {
        TRY(read_range(&field, part, &bits));
    } while (take(&field, ','));
    ENSURE(field.at == field.end, TKR_MALFORMED);
    *ret_bits = bits;
    return TKR_OK;
}

/* The next word; empty at the end. Words stand one blank apart. */
static struct field next_word(struct field *text)
{
    struct field word = {text->at, text->at};
    while (word.end < text->end && *word.end != ' ') {
        word.end++;
    }
    text->at = word.end < text->end ? word.end + 1 : word.end;
    return word;
}

static bool is_word(struct field word, const char *text)
{
    size_t length = (size_t)(word.end - word.at);
    return strlen(text) == length && memcmp(text, word.at, length) == 0;
}

static tkr_error_t complain(struct fault *fault, tkr_error_t error, const char *name)
{
    return fault_set(fault, error, "window",
                     error == TKR_MALFORMED ? "%s cannot be read: `0 2 * * sat for 2h` is minute, "
                                              "hour, day, month, weekday and how long"
                                            : "%s is out of range",
                     name);
}

static tkr_error_t read_duration(struct field *text, int64_t *ret_s, struct fault *fault)
{
    struct field keyword = next_word(text);
    struct field duration = next_word(text);
    int64_t seconds = 0;
    if (!is_word(keyword, "for") || text->at != text->end || duration.end != text->end) {
        return complain(fault, TKR_MALFORMED, "how long it lasts");
    }
    tkr_error_t error =
        text_parse_duration_s(duration.at, (size_t)(duration.end - duration.at), &seconds);
    if (error != TKR_OK) {
        return complain(fault, error, "how long it lasts");
    }
    if (seconds < CALENDAR_WINDOW_S_MIN || seconds > CALENDAR_WINDOW_S_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "window", "it lasts %d minute to %d days",
                         CALENDAR_WINDOW_S_MIN / 60, CALENDAR_WINDOW_S_MAX / 86400);
    }
    *ret_s = seconds;
    return TKR_OK;
}

tkr_error_t calendar_parse(const char *text, size_t length, struct calendar *ret_calendar,
                           struct fault *fault)
{
    struct field rest = {text, text + length};
    struct field words[PART_COUNT];
    uint64_t bits[PART_COUNT];
    int64_t duration_s = 0;
    ENSURE(length <= CALENDAR_BYTES_MAX, complain(fault, TKR_MALFORMED, "the text"));
    for (size_t i = 0; i < PART_COUNT; i++) {
        words[i] = next_word(&rest);
        tkr_error_t error = read_part(words[i], &parts[i], &bits[i]);
        ENSURE(error == TKR_OK, complain(fault, error, parts[i].name));
    }
    TRY(read_duration(&rest, &duration_s, fault));
    *ret_calendar = (struct calendar){
        .minutes = bits[MINUTE],
        .hours = (uint32_t)bits[HOUR],
        .days = (uint32_t)bits[DAY],
        .months = (uint16_t)bits[MONTH],
        .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
        .every_day = is_word(words[DAY], "*"),
        .every_weekday = is_word(words[WEEKDAY], "*"),
        .duration_s = duration_s,
    };
    return TKR_OK;
}

/* --- beginnings --------------------------------------------------------------------------- */

static bool day_matches(const struct calendar *calendar, int64_t day)
{
    struct text_date date = text_date_from_days(day);
    bool by_day = (calendar->days >> date.day & 1) != 0;
    bool by_weekday = (calendar->weekdays >> (day + 4) % 7 & 1) != 0; /* 1970 began on Thursday */
    if ((calendar->months >> date.month & 1) == 0) {
        return false;
    }
    return calendar->every_day || calendar->every_weekday ? by_day && by_weekday
                                                          : by_day || by_weekday;
}

static int first_bit(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static int last_bit(uint64_t bits)
{
    return 63 - __builtin_clzll(bits);
}

static int64_t moment(const struct zone *zone, int64_t day, int hour, int minute)
{
    return zone_to_unix(zone, day * DAY_S + hour * 3600 + minute * 60);
}

/* The first of a day that is after `after_s`. Whole hours are left out by their last minute. */
static bool first_of_day(const struct calendar *calendar, const struct zone *zone, int64_t day,
                         int64_t after_s, int64_t *ret_s)
{
    int last_minute = last_bit(calendar->minutes);
    for (uint64_t hours = calendar->hours; hours != 0; hours &= hours - 1) {
        int hour = first_bit(hours);
        if (moment(zone, day, hour, last_minute) <= after_s) {
            continue;
        }
        for (uint64_t minutes = calendar->minutes; minutes != 0; minutes &= minutes - 1) {
            int64_t at_s = moment(zone, day, hour, first_bit(minutes));
            if (at_s > after_s) {
                *ret_s = at_s;
                return true;
            }
        }
    }
    return false;
}

static bool last_of_day(const struct calendar *calendar, const struct zone *zone, int64_t day,
                        int64_t until_s, int64_t *ret_s)
{
    int first_minute = first_bit(calendar->minutes);
    for (uint64_t hours = calendar->hours; hours != 0; hours &= ~(UINT64_C(1) << last_bit(hours))) {
        int hour = last_bit(hours);
        if (moment(zone, day, hour, first_minute) > until_s) {
            continue;
        }
        for (uint64_t minutes = calendar->minutes; minutes != 0;
             minutes &= ~(UINT64_C(1) << last_bit(minutes))) {
            int64_t at_s = moment(zone, day, hour, last_bit(minutes));
            if (at_s <= until_s) {
                *ret_s = at_s;
                return true;
            }
        }
    }
    return false;
}

tkr_error_t calendar_next(const struct calendar *calendar, const struct zone *zone, int64_t after_s,
                          int64_t *ret_start_s)
{
    int64_t day = after_s / DAY_S - DAYS_AROUND;
    int64_t last = day + 2 * DAYS_AROUND + DAYS_LOOKED_AT;
    for (day = day > 0 ? day : 0; day <= last; day++) {
        if (day_matches(calendar, day) && first_of_day(calendar, zone, day, after_s, ret_start_s)) {
            return TKR_OK;
        }
    }
    return TKR_NOT_FOUND;
}

tkr_error_t calendar_last(const struct calendar *calendar, const struct zone *zone, int64_t until_s,
                          int64_t *ret_start_s)
{
    int64_t day = until_s / DAY_S + DAYS_AROUND;
    int64_t last = day - 2 * DAYS_AROUND - DAYS_LOOKED_AT;
    for (; day >= (last > 0 ? last : 0); day--) {
        if (day_matches(calendar, day) && last_of_day(calendar, zone, day, until_s, ret_start_s)) {
            return TKR_OK;
        }
    }
    return TKR_NOT_FOUND;
}

bool calendar_is_open(const struct calendar *calendar, const struct zone *zone, int64_t at_s)
{
    int64_t start_s = 0;
    return calendar_last(calendar, zone, at_s, &start_s) == TKR_OK &&
           at_s - start_s < calendar->duration_s;
}

tkr_error_t calendar_first_open(const struct calendar *calendar, const struct zone *zone,
                                int64_t from_s, int64_t *ret_at_s)
{
    if (calendar_is_open(calendar, zone, from_s)) {
        *ret_at_s = from_s;
        return TKR_OK;
    }
    return calendar_next(calendar, zone, from_s, ret_at_s);
}
