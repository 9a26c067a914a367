/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of tokens: 128 bits, big-endian, 48 of milliseconds and 80 of randomness, in
 * Crockford's base32, whose digits stand in ASCII order, so that the order of texts, of bytes
 * and of creation is one. 26 characters hold 130 bits: the first is at most 7.
 */
#include <string.h>

#include "token/token_text.h"

#define ID_PREFIX "tok_"
#define ID_PREFIX_CHARS 4
#define TIME_BYTES 6

static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void put_time(int64_t unix_ms, uint8_t id[TOKEN_ID_BYTES])
{
    uint64_t time = unix_ms < 0 ? 0 : (uint64_t)unix_ms;
    for (size_t i = 0; i < TIME_BYTES; i++) {
        id[i] = (uint8_t)(time >> 8 * (TIME_BYTES - 1 - i));
    }
}

tkr_error_t token_id_new(const struct random_source *random, int64_t unix_ms,
                         uint8_t ret_id[TOKEN_ID_BYTES])
{
    uint8_t id[TOKEN_ID_BYTES];
    TRY(random_fill(random, id + TIME_BYTES, sizeof(id) - TIME_BYTES));
    put_time(unix_ms, id);
    memcpy(ret_id, id, sizeof(id));
    return TKR_OK;
}

int64_t token_id_ms(const uint8_t id[TOKEN_ID_BYTES])
{
    int64_t time = 0;
    for (size_t i = 0; i < TIME_BYTES; i++) {
        time = time << 8 | id[i];
    }
    return time;
}

void token_id_last(int64_t unix_ms, uint8_t ret_id[TOKEN_ID_BYTES])
{
    memset(ret_id, 0xff, TOKEN_ID_BYTES);
    put_time(unix_ms, ret_id);
}

void token_id_format(const uint8_t id[TOKEN_ID_BYTES], char ret_text[TOKEN_ID_CHARS + 1])
{
    memcpy(ret_text, ID_PREFIX, ID_PREFIX_CHARS);
    unsigned __int128 rest = 0;
    for (size_t i = 0; i < TOKEN_ID_BYTES; i++) {
        rest = rest << 8 | id[i];
    }
    for (size_t i = TOKEN_ID_CHARS; i > ID_PREFIX_CHARS; i--) {
        ret_text[i - 1] = base32[(unsigned)rest & 31];
        rest >>= 5;
    }
    ret_text[TOKEN_ID_CHARS] = '\0';
}

/* 32 for what is no digit. Crockford's look-alikes (I, L, O) are refused: one text, one id. */
static unsigned base32_value(char c)
{
    char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    const char *digit = memchr(base32, upper, 32);
    return digit != NULL ? (unsigned)(digit - base32) : 32;
}

tkr_error_t token_id_parse(const char *text, size_t length, uint8_t ret_id[TOKEN_ID_BYTES])
{
    ENSURE(length == TOKEN_ID_CHARS, TKR_MALFORMED);
    ENSURE(strncasecmp(text, ID_PREFIX, ID_PREFIX_CHARS) == 0, TKR_MALFORMED);
    ENSURE(base32_value(text[ID_PREFIX_CHARS]) <= 7, TKR_MALFORMED); /* the two spare bits */
    unsigned __int128 value = 0;
    for (size_t i = ID_PREFIX_CHARS; i < TOKEN_ID_CHARS; i++) {
        unsigned digit = base32_value(text[i]);
        ENSURE(digit < 32, TKR_MALFORMED);
        value = value << 5 | digit;
    }
    for (size_t i = TOKEN_ID_BYTES; i > 0; i--) {
        ret_id[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    return TKR_OK;
}
