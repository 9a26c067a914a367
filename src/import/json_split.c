/* SPDX-License-Identifier: Apache-2.0 */
#include "import/json_split.h"

#include "base/limits.h"

#define NESTED_MAX 64 /* brackets followed in one entry; deeper ends the stream */

void json_split_init(struct json_split *split, struct bytes *bytes)
{
    *split = (struct json_split){.bytes = bytes};
    buffer_init_secret(&split->key, IMPORT_ENTRY_BYTES_MAX);
    buffer_init_secret(&split->text, IMPORT_ENTRY_BYTES_MAX);
}

void json_split_deinit(struct json_split *split)
{
    buffer_deinit(&split->key);
    buffer_deinit(&split->text);
}

static tkr_error_t broken(const struct json_split *split, struct fault *fault, const char *what)
{
    TRY(bytes_status(split->bytes, fault));
    return fault_set(fault, TKR_MALFORMED, "", "it is not JSON: %s (line %llu, byte %llu)", what,
                     (unsigned long long)split->bytes->line,
                     (unsigned long long)bytes_offset(split->bytes));
}

/* RFC 8259 §2: four characters are white space. */
static int peek(struct json_split *split)
{
    int byte;
    while ((byte = bytes_peek(split->bytes)) == ' ' || byte == '\t' || byte == '\n' ||
           byte == '\r') {
        (void)bytes_next(split->bytes);
    }
    return byte;
}

static bool accept(struct json_split *split, int expected)
{
    if (peek(split) != expected) {
        return false;
    }
    (void)bytes_next(split->bytes);
    return true;
}

/* Behind the opening quote; the closing one is taken and not added. False at the end. */
static bool read_string(struct json_split *split, struct buffer *out)
{
    for (;;) {
        int byte = bytes_next(split->bytes);
        if (byte == '"' || byte == BYTES_END) {
            return byte == '"';
        }
        buffer_add_char(out, (char)byte);
        if (byte == '\\') {
            byte = bytes_next(split->bytes);
            if (byte == BYTES_END) {
                return false;
            }
            buffer_add_char(out, (char)byte);
        }
    }
}

/* An object or an array with all that is in it; what that is jansson says. */
static tkr_error_t read_nested(struct json_split *split, struct fault *fault)
{
    char open[NESTED_MAX];
    size_t depth = 0;
    do {
        int byte = bytes_next(split->bytes);
        if (byte == BYTES_END) {
            return broken(split, fault, "it ends within an entry");
        }
        buffer_add_char(&split->text, (char)byte);
        if (byte == '"') {
            if (!read_string(split, &split->text)) {
                return broken(split, fault, "a text does not end");
            }
            buffer_add_char(&split->text, '"');
        } else if (byte == '{' || byte == '[') {
            if (depth == NESTED_MAX) {
                return broken(split, fault, "it is nested too deep");
            }
            open[depth++] = (char)byte;
            split->reason = depth >= JSON_DEPTH_MAX ? "it is nested too deep" : split->reason;
        } else if (byte == '}' || byte == ']') {
            if (depth == 0 || open[--depth] != (byte == '}' ? '{' : '[')) {
                return broken(split, fault, "brackets do not match");
            }
        }
    } while (depth > 0);
    return TKR_OK;
}

/* A text, a number or a word. */
static tkr_error_t read_scalar(struct json_split *split, struct fault *fault)
{
    if (accept(split, '"')) {
        buffer_add_char(&split->text, '"');
        if (!read_string(split, &split->text)) {
            return broken(split, fault, "a text does not end");
        }
        buffer_add_char(&split->text, '"');
        return TKR_OK;
    }
    int byte;
    while (((byte = bytes_peek(split->bytes)) >= '0' && byte <= '9') ||
           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '+' || byte == '.' ||
           byte == 'E') {
        buffer_add_char(&split->text, (char)bytes_next(split->bytes));
    }
    return split->text.length > 0 ? TKR_OK : broken(split, fault, "a value is missing");
}

static tkr_error_t read_value(struct json_split *split, struct fault *fault)
{
    split->reason = NULL;
    buffer_clear(&split->text);
    int byte = peek(split);
    TRY(byte == '{' || byte == '[' ? read_nested(split, fault) : read_scalar(split, fault));
    if (split->text.overflowed) {
        split->reason = "it is too long";
    }
    return TKR_OK;
}

static tkr_error_t read_key(struct json_split *split, struct fault *fault)
{
    buffer_clear(&split->key);
    if (!accept(split, '"') || !read_string(split, &split->key)) {
        return broken(split, fault, "a key is missing");
    }
    if (!accept(split, ':')) {
        return broken(split, fault, "a colon is missing");
    }
    return TKR_OK;
}

static tkr_error_t begin(struct json_split *split, struct fault *fault)
{
    split->begun = true;
    split->first = true;
    split->in_object = accept(split, '{');
    split->in_list = !split->in_object && accept(split, '[');
    if (!split->in_object && !split->in_list) {
        return broken(split, fault, "an object or an array is expected");
    }
    return TKR_OK;
}

/* Whether the innermost frame ends here; otherwise a comma was read if one was due. */
static tkr_error_t ends(struct json_split *split, bool *ret_ends, struct fault *fault)
{
    *ret_ends = accept(split, split->in_list ? ']' : '}');
    if (!*ret_ends && !split->first && !accept(split, ',')) {
        return broken(split, fault, "a comma is missing");
    }
    split->first = false;
    return TKR_OK;
}

static tkr_error_t finish(struct json_split *split, enum json_piece *ret_piece, struct fault *fault)
{
    split->ended = true;
    *ret_piece = JSON_PIECE_END;
    return peek(split) == BYTES_END ? bytes_status(split->bytes, fault)
                                    : broken(split, fault, "something follows");
}

tkr_error_t json_split_next(struct json_split *split, enum json_piece *ret_piece,
                            struct fault *fault)
{
    if (!split->begun) {
        TRY(begin(split, fault));
    }
    while (!split->ended) {
        bool over = false;
        TRY(ends(split, &over, fault));
        if (over && split->in_list && split->in_object) {
            split->in_list = false; /* the frame around it goes on */
            continue;
        }
        if (over) {
            return finish(split, ret_piece, fault);
        }
        if (split->in_list) {
            buffer_clear(&split->key);
            *ret_piece = JSON_PIECE_ENTRY;
            return read_value(split, fault);
        }
        TRY(read_key(split, fault));
        int byte = peek(split);
        if (byte == '[') {
            (void)bytes_next(split->bytes);
            split->in_list = split->first = true;
            continue;
        }
        *ret_piece = byte == '{' ? JSON_PIECE_ENTRY : JSON_PIECE_FRAME;
        return read_value(split, fault);
    }
    *ret_piece = JSON_PIECE_END;
    return TKR_OK;
}
