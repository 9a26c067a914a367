/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a number, a duration, a time, hexadecimal digits and a text, all at once. What
 * must hold: reading what was written gives the same again; what is not printable never reaches
 * a fault's detail; and what UTF-8 says to be one character is one.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/text.h"

static void check_numbers(const char *text, size_t size)
{
    uint64_t value;
    tkr_error_t error = text_parse_u64(text, size, &value);
    if (error == TKR_OK) {
        char written[24];
        int length = snprintf(written, sizeof(written), "%" PRIu64, value);
        ASSERT((size_t)length <= size && memcmp(text + size - length, written, length) == 0);
    }
    ASSERT(error == TKR_OK || error == TKR_MALFORMED || error == TKR_OUT_OF_RANGE);
    int64_t seconds;
    if (text_parse_duration_s(text, size, &seconds) == TKR_OK) {
        ASSERT(seconds >= 0 && seconds <= DURATION_S_MAX);
        ASSERT(error != TKR_OK || (uint64_t)seconds == value); /* a bare number is seconds */
    }
}

static void check_time(const char *text, size_t size)
{
    int64_t ms;
    if (text_parse_time(text, size, &ms) != TKR_OK) {
        return;
    }
    ASSERT(ms >= 0 && ms <= TEXT_TIME_MS_MAX);
    char written[TEXT_TIME_SIZE];
    text_format_time(ms, written);
    int64_t again;
    ASSERT(text_parse_time(written, strlen(written), &again) == TKR_OK && again == ms);
}

static void check_hex(const char *text, size_t size)
{
    char bytes[256];
    char written[2 * sizeof(bytes) + 1];
    if (size > 2 * sizeof(bytes) || text_unhex(text, size, bytes) != TKR_OK) {
        return;
    }
    text_hex(bytes, size / 2, written);
    ASSERT(strlen(written) == size && strncasecmp(written, text, size) == 0);
}

static void check_utf8(const char *text, size_t size)
{
    bool printable = true;
    for (size_t at = 0; at < size;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text + at, size - at, &point);
        ASSERT(bytes <= 4 && bytes <= size - at);
        ASSERT(bytes == 0 || (point < 0x80) == (bytes == 1));
        ASSERT(bytes != 1 || point == (uint8_t)text[at]);
        printable = printable && bytes > 0 && text_is_printable(point);
        ASSERT(bytes == 0 || !text_is_control(point) || !text_is_printable(point));
        at += bytes > 0 ? bytes : 1;
    }
    ASSERT(printable == text_is_printable_utf8(text, size));
    ASSERT(printable || !text_is_visible_ascii(text, size));
}

static void check_fault(const char *text, size_t size)
{
    struct fault fault;
    ASSERT(fault_set(&fault, TKR_INVALID, "text", "%.*s", (int)size, text) == TKR_INVALID);
    ASSERT(text_is_printable_utf8(fault.detail, strlen(fault.detail)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check_numbers(text, size);
    check_time(text, size);
    check_hex(text, size);
    check_utf8(text, size);
    check_fault(text, size);
    return 0;
}
