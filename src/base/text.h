/* SPDX-License-Identifier: Apache-2.0 */
/* Strict conversions between text and values. Text is (pointer, length), any bytes. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* Decimal digits only, no sign, no space. Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE. */
MUST_USE tkr_error_t text_parse_u64(const char *text, size_t length, uint64_t *ret_value);
/* RFC 3339 §5.6 in UTC or with an offset, up to milliseconds kept (the rest is cut off). A
 * leap second is the second after it. Errors: TKR_MALFORMED, also for a day that does not
 * exist; TKR_OUT_OF_RANGE (years 1970 to 9999 in UTC). */
MUST_USE tkr_error_t text_parse_time(const char *text, size_t length, int64_t *ret_unix_ms);
#define TEXT_TIME_MS_MAX 253402300799999LL /* 9999-12-31T23:59:59.999Z */
#define TEXT_TIME_SIZE 32
/* `2026-01-02T03:04:05Z`, with `.mmm` only when it is not zero. A time outside the years
 * 1970 to 9999 is written as the nearest that is inside. Returns `out`. */
const char *text_format_time(int64_t unix_ms, char out[TEXT_TIME_SIZE]);
/* The same with `.mmm` always, so that lines of a log sort and align. */
const char *text_format_time_ms(int64_t unix_ms, char out[TEXT_TIME_SIZE]);
/* A day of the Gregorian calendar. */
struct text_date {
    int year, month, day; /* month 1 to 12 */
};
/* Days since 1970-01-01 of a date from year 0 on. */
int64_t text_days_from_date(struct text_date date);
/* The inverse, for days >= 0. */
struct text_date text_date_from_days(int64_t days);
/* `90s`, `15m`, `24h`, `30d`, `2w`; a bare number is seconds; at most DURATION_S_MAX. Errors as
 * for u64. */
MUST_USE tkr_error_t text_parse_duration_s(const char *text, size_t length, int64_t *ret_seconds);
/* Lower-case digits and a NUL. */
void text_hex(const void *bytes, size_t length, char *out /* 2*length+1 */);
/* Digits of either case, an even number of them. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t text_unhex(const char *text, size_t length, void *out /* length/2 */);
/* Reads one UTF-8 character (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
 * Returns its length in bytes, 1 to 4; 0 when the bytes at `text` are not one, or length is 0. */
size_t text_utf8_next(const char *text, size_t length, uint32_t *ret_point);
/* C0, DEL or C1: what moves a terminal's cursor or forges a line. */
bool text_is_control(uint32_t point);
/*
 * Neither a control character nor one that is invisible and changes how the text around it is
 * shown: marks and overrides of direction, joiners, spaces of no width. With them `nimda` can be
 * shown as `admin`, and two names that look alike can differ.
 */
bool text_is_printable(uint32_t point);
/* Valid UTF-8 (no surrogates, no overlong forms) of printable characters only. */
bool text_is_printable_utf8(const char *text, size_t length);
/* Appends `word` to the NUL-terminated `out`, in quotation marks when a shell needs them. What has
 * no room in `size` bytes is cut off; a word may become four times as long, and 2. */
void text_append_word(char *out, size_t size, const char *word);
/* 0x21 to 0x7E only. */
bool text_is_visible_ascii(const char *text, size_t length);

#endif
