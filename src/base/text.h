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
/* RFC 3339 §5.6 in UTC or with an offset, up to milliseconds kept. Errors: TKR_MALFORMED,
 * TKR_OUT_OF_RANGE (years 1970 to 9999). */
MUST_USE tkr_error_t text_parse_time(const char *text, size_t length, int64_t *ret_unix_ms);
#define TEXT_TIME_SIZE 32
/* `2026-01-02T03:04:05Z`, with `.mmm` only when it is not zero. Returns `out`. */
const char *text_format_time(int64_t unix_ms, char out[TEXT_TIME_SIZE]);
/* `90s`, `15m`, `24h`, `30d`, `2w`; a bare number is seconds. Errors as for u64. */
MUST_USE tkr_error_t text_parse_duration_s(const char *text, size_t length, int64_t *ret_seconds);
void text_hex(const void *bytes, size_t length, char *out /* 2*length+1 */);
MUST_USE tkr_error_t text_unhex(const char *text, size_t length, void *out /* length/2 */);
/* Valid UTF-8 (no surrogates, no overlong forms) without control characters (C0, DEL, C1). */
bool text_is_printable_utf8(const char *text, size_t length);
/* 0x21 to 0x7E only. */
bool text_is_visible_ascii(const char *text, size_t length);

#endif
