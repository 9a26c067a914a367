/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

/* The six bits of a character; -1: none of ours. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are `=`, to 3 - padding bytes. */
static tkr_error_t decode_group(const char *text, size_t padding, uint8_t ret_bytes[3])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        int value = value_of(text[i]);
        ENSURE(value >= 0, TKR_MALFORMED);
        bits = bits << 6 | (uint32_t)value;
    }
    bits <<= 6 * padding;
    ENSURE((bits & ((1U << 8 * padding) - 1)) == 0, TKR_MALFORMED);
    ret_bytes[0] = (uint8_t)(bits >> 16);
    ret_bytes[1] = (uint8_t)(bits >> 8);
    ret_bytes[2] = (uint8_t)bits;
    return TKR_OK;
}

tkr_error_t base64_decode(const char *text, size_t length, uint8_t *ret_bytes, size_t bytes_max,
                          size_t *ret_length)
{
    ENSURE(length % 4 == 0, TKR_MALFORMED);
    size_t written = 0;
    for (size_t at = 0; at < length; at += 4) {
        uint8_t group[3];
        size_t padding = 0;
        if (at + 4 == length && text[at + 3] == '=') {
            padding = text[at + 2] == '=' ? 2 : 1;
        }
        TRY(decode_group(text + at, padding, group));
        ENSURE(bytes_max - written >= 3 - padding, TKR_TOO_LARGE);
        for (size_t i = 0; i < 3 - padding; i++) {
            ret_bytes[written++] = group[i];
        }
    }
    *ret_length = written;
    return TKR_OK;
}

char *base64_encode(const void *bytes, size_t length, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes;
    char *to = out;
    for (size_t at = 0; at < length; at += 3) {
        size_t count = length - at < 3 ? length - at : 3;
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++) {
            bits = bits << 8 | (i < count ? from[at + i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            *to++ = i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=';
        }
    }
    *to = '\0';
    return out;
}
