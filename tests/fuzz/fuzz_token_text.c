/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a text that claims to be a token, and again the output of a random source. What
 * must hold: shape and acceptance agree; a checksum that holds breaks with any single character;
 * the display prefix shows no more than it may; what we generate is ours; an identifier has
 * one text, apart from case.
 */
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "token/token_text.h"

#define DISPLAYED_BODY_CHARS 4

/* Gives the input once and fails at its end. */
struct input {
    const uint8_t *data;
    size_t left;
};

static tkr_error_t fill_from_input(void *context, void *bytes, size_t length)
{
    struct input *input = context;
    ENSURE(length <= input->left, TKR_IO);
    memcpy(bytes, input->data, length);
    input->data += length;
    input->left -= length;
    return TKR_OK;
}

static void check_checksum(const char *text, size_t length)
{
    char copy[TOKEN_TEXT_BYTES_MAX];
    memcpy(copy, text, length);
    size_t body = length - TOKEN_BODY_CHARS - TOKEN_CHECKSUM_CHARS;
    for (size_t i = body; i < length; i++) {
        copy[i] = text[i] == 'x' ? 'y' : 'x';
        ASSERT(token_shape(&token_prefixes_default, copy, length) == TOKEN_SHAPE_BAD_CHECKSUM);
        copy[i] = text[i];
    }
    copy[0] = 'x'; /* not our prefix any more */
    ASSERT(token_shape(&token_prefixes_default, copy, length) == TOKEN_SHAPE_FOREIGN);
}

static void check_display(enum token_shape shape, const char *text, size_t length)
{
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&token_prefixes_default, text, length, display);
    size_t shown = strlen(display);
    bool ours = shape == TOKEN_SHAPE_OURS || shape == TOKEN_SHAPE_BAD_CHECKSUM;
    size_t prefix = ours ? strlen(token_prefixes_default.live) : 0;
    ASSERT(shown <= prefix + DISPLAYED_BODY_CHARS);
    ASSERT(shown <= length);
    ASSERT(text_is_visible_ascii(display, shown));
    ASSERT(shape == TOKEN_SHAPE_BAD || memcmp(display, text, shown) == 0);
}

static void check_generated(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    const struct random_source source = {fill_from_input, &input};
    char text[TOKEN_GENERATED_BYTES_MAX + 1];
    if (token_generate(&source, token_prefixes_default.test, text) == TKR_OK) {
        ASSERT(token_shape(&token_prefixes_default, text, strlen(text)) == TOKEN_SHAPE_OURS);
        check_checksum(text, strlen(text));
    }
}

static void check_id_text(const char *text, size_t length)
{
    uint8_t id[TOKEN_ID_BYTES];
    if (token_id_parse(text, length, id) != TKR_OK) {
        return;
    }
    char formatted[TOKEN_ID_CHARS + 1];
    token_id_format(id, formatted);
    for (size_t i = 0; i < length; i++) {
        ASSERT(toupper((unsigned char)formatted[i]) == toupper((unsigned char)text[i]));
    }
}

static void check_id_bytes(const uint8_t id[TOKEN_ID_BYTES])
{
    char text[TOKEN_ID_CHARS + 1];
    token_id_format(id, text);
    uint8_t parsed[TOKEN_ID_BYTES];
    ASSERT(token_id_parse(text, strlen(text), parsed) == TKR_OK);
    ASSERT(memcmp(parsed, id, sizeof(parsed)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    enum token_shape shape = token_shape(&token_prefixes_default, text, size);
    ASSERT((shape != TOKEN_SHAPE_BAD) == token_acceptable(text, size));
    if (shape == TOKEN_SHAPE_OURS) {
        check_checksum(text, size);
    }
    check_display(shape, text, size);
    check_generated(data, size);
    check_id_text(text, size);
    if (size >= TOKEN_ID_BYTES) {
        check_id_bytes(data);
    }
    return 0;
}
