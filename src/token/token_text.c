/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token_text.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"

#define BASE62 62
#define DISPLAY_CHARS 4

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const struct token_prefixes token_prefixes_default = {"sk_live_", "sk_test_"};

bool token_prefix_valid(const char *prefix)
{
    size_t length = strnlen(prefix, TOKEN_PREFIX_BYTES_MAX + 1);
    if (length < 2 || length > TOKEN_PREFIX_BYTES_MAX || prefix[length - 1] != '_') {
        return false;
    }
    return strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

/* CRC-32 as zlib has it: polynomial 0x04C11DB7 reflected, four bits a step. */
static uint32_t crc32_of(const char *bytes, size_t length)
{
    static const uint32_t steps[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)bytes[i];
        crc = crc >> 4 ^ steps[crc & 15];
        crc = crc >> 4 ^ steps[crc & 15];
    }
    return ~crc;
}

void token_checksum(const char *body, size_t length, char ret_text[TOKEN_CHECKSUM_CHARS + 1])
{
    uint32_t rest = crc32_of(body, length); /* 62^6 > 2^32, so six digits always hold it */
    for (size_t i = TOKEN_CHECKSUM_CHARS; i > 0; i--) {
        ret_text[i - 1] = base62[rest % BASE62];
        rest /= BASE62;
    }
    ret_text[TOKEN_CHECKSUM_CHARS] = '\0';
}

/*
 * Fills `body` with characters that are each uniform among 62: a byte is used when it is below
 * 248 = 4 * 62 and dropped otherwise, since 256 is no multiple of 62. 3 % of the bytes are
 * dropped; a source that keeps giving only those is broken, so the rounds are bounded (with a
 * good one, the chance to need more than 3 of them is below 1e-40).
 */
static tkr_error_t random_body(const struct random_source *random, char body[TOKEN_BODY_CHARS])
{
    uint8_t bytes[64];
    size_t filled = 0;
    tkr_error_t error = TKR_OK;
    for (int round = 0; round < 16 && error == TKR_OK && filled < TOKEN_BODY_CHARS; round++) {
        error = random_fill(random, bytes, sizeof(bytes));
        for (size_t i = 0; error == TKR_OK && i < sizeof(bytes) && filled < TOKEN_BODY_CHARS; i++) {
            if (bytes[i] < 4 * BASE62) {
                body[filled++] = base62[bytes[i] % BASE62];
            }
        }
    }
    secret_wipe(bytes, sizeof(bytes));
    TRY(error);
    return filled == TOKEN_BODY_CHARS ? TKR_OK : TKR_INTERNAL;
}

tkr_error_t token_generate(const struct random_source *random, const char *prefix,
                           char ret_text[TOKEN_GENERATED_BYTES_MAX + 1])
{
    ASSERT(token_prefix_valid(prefix));
    char body[TOKEN_BODY_CHARS];
    tkr_error_t error = random_body(random, body);
    if (error == TKR_OK) {
        size_t prefix_length = strlen(prefix);
        memcpy(ret_text, prefix, prefix_length);
        memcpy(ret_text + prefix_length, body, TOKEN_BODY_CHARS);
        token_checksum(body, TOKEN_BODY_CHARS, ret_text + prefix_length + TOKEN_BODY_CHARS);
    }
    secret_wipe(body, sizeof(body));
    return error;
}

static bool is_base62(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char letter = (char)(text[i] | 0x20);
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && (letter < 'a' || letter > 'z')) {
            return false;
        }
    }
    return true;
}

/* The length of the prefix when the text is it, 43 and 6 base62 characters; otherwise 0. */
static size_t prefix_of_our_form(const char *prefix, const char *text, size_t length)
{
    size_t prefix_length = strlen(prefix);
    size_t rest = TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS;
    bool fits = length == prefix_length + rest && memcmp(text, prefix, prefix_length) == 0;
    return fits && is_base62(text + prefix_length, rest) ? prefix_length : 0;
}

/* With live `a_` and test `a_b_` the lengths differ, so at most one of them can fit. */
static size_t our_prefix_length(const struct token_prefixes *prefixes, const char *text,
                                size_t length)
{
    size_t live = prefix_of_our_form(prefixes->live, text, length);
    return live > 0 ? live : prefix_of_our_form(prefixes->test, text, length);
}

bool token_acceptable(const char *text, size_t length)
{
    return length >= TOKEN_TEXT_BYTES_MIN && length <= TOKEN_TEXT_BYTES_MAX &&
           text_is_visible_ascii(text, length);
}

static bool checksum_holds(const char *body)
{
    char checksum[TOKEN_CHECKSUM_CHARS + 1];
    token_checksum(body, TOKEN_BODY_CHARS, checksum);
    return memcmp(checksum, body + TOKEN_BODY_CHARS, TOKEN_CHECKSUM_CHARS) == 0;
}

enum token_shape token_shape(const struct token_prefixes *prefixes, const char *text, size_t length)
{
    if (!token_acceptable(text, length)) {
        return TOKEN_SHAPE_BAD;
    }
    size_t prefix_length = our_prefix_length(prefixes, text, length);
    if (prefix_length == 0) {
        return TOKEN_SHAPE_FOREIGN;
    }
    return checksum_holds(text + prefix_length) ? TOKEN_SHAPE_OURS : TOKEN_SHAPE_BAD_CHECKSUM;
}

static bool one_within(const char *prefix, const char *text, size_t length)
{
    size_t prefix_length = strlen(prefix);
    size_t rest = TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS;
    const char *end = text + length;
    while ((text = memmem(text, (size_t)(end - text), prefix, prefix_length)) != NULL) {
        const char *body = text + prefix_length;
        if ((size_t)(end - body) < rest) {
            return false;
        }
        if (is_base62(body, rest) && checksum_holds(body)) {
            return true;
        }
        text++; /* a prefix may begin within another */
    }
    return false;
}

bool token_text_within(const struct token_prefixes *prefixes, const char *text, size_t length)
{
    if (length < TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS) {
        return false;
    }
    return one_within(prefixes->live, text, length) || one_within(prefixes->test, text, length);
}

void token_display_prefix(const struct token_prefixes *prefixes, const char *text, size_t length,
                          char ret_display[TOKEN_DISPLAY_BYTES_MAX + 1])
{
    size_t shown = our_prefix_length(prefixes, text, length) + DISPLAY_CHARS;
    if (shown > length) {
        shown = length;
    }
    for (size_t i = 0; i < shown; i++) {
        ret_display[i] = text_is_visible_ascii(text + i, 1) ? text[i] : '?';
    }
    ret_display[shown] = '\0';
}
