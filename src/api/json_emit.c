/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void emit_begin(struct emitter *emitter, struct buffer *out)
{
    *emitter = (struct emitter){.out = out};
}

static void quoted(struct buffer *out, const char *text, size_t length)
{
    buffer_add_char(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (LIKELY(c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)) {
            continue;
        }
        buffer_add(out, text + start, i - start);
        start = i + 1;
        if (c == '"' || c == '\\') {
            buffer_add_char(out, '\\');
            buffer_add_char(out, (char)c);
        } else {
            buffer_print(out, "\\u%04x", c);
        }
    }
    buffer_add(out, text + start, length - start);
    buffer_add_char(out, '"');
}

/* The comma before a value and its name. */
static void lead(struct emitter *emitter, const char *name)
{
    if (emitter->separate) {
        buffer_add_char(emitter->out, ',');
    }
    emitter->separate = true;
    if (name != NULL) {
        quoted(emitter->out, name, strlen(name));
        buffer_add_char(emitter->out, ':');
    }
}

void emit_open(struct emitter *emitter, const char *name, char bracket)
{
    lead(emitter, name);
    buffer_add_char(emitter->out, bracket);
    emitter->separate = false;
}

void emit_close(struct emitter *emitter, char bracket)
{
    buffer_add_char(emitter->out, bracket);
    emitter->separate = true;
}

void emit_text(struct emitter *emitter, const char *name, const char *text)
{
    if (text == NULL) {
        emit_null(emitter, name);
        return;
    }
    emit_text_n(emitter, name, text, strlen(text));
}

void emit_text_n(struct emitter *emitter, const char *name, const char *text, size_t length)
{
    lead(emitter, name);
    quoted(emitter->out, text, length);
}

void emit_text_or_null(struct emitter *emitter, const char *name, const char *text, size_t length)
{
    if (length == 0) {
        emit_null(emitter, name);
        return;
    }
    emit_text_n(emitter, name, text, length);
}

void emit_count(struct emitter *emitter, const char *name, uint64_t number)
{
    char digits[20];
    size_t position = sizeof digits;
    do {
        digits[--position] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    lead(emitter, name);
    buffer_add(emitter->out, digits + position, sizeof digits - position);
}

void emit_number(struct emitter *emitter, const char *name, int64_t number)
{
    if (number >= 0) {
        emit_count(emitter, name, (uint64_t)number);
        return;
    }
    lead(emitter, name);
    buffer_print(emitter->out, "%lld", (long long)number);
}

void emit_bool(struct emitter *emitter, const char *name, bool value)
{
    lead(emitter, name);
    buffer_add_text(emitter->out, value ? "true" : "false");
}

void emit_null(struct emitter *emitter, const char *name)
{
    lead(emitter, name);
    buffer_add_text(emitter->out, "null");
}

void emit_time(struct emitter *emitter, const char *name, int64_t unix_ms)
{
    if (unix_ms == 0) {
        emit_null(emitter, name);
        return;
    }
    char text[TEXT_TIME_SIZE];
    emit_text(emitter, name, text_format_time(unix_ms, text));
}

void emit_json(struct emitter *emitter, const char *name, const char *json, size_t length)
{
    lead(emitter, name);
    if (length == 0) {
        buffer_add_text(emitter->out, "{}");
        return;
    }
    buffer_add(emitter->out, json, length);
}

void emit_words(struct emitter *emitter, const char *name, const char *words, size_t length)
{
    emit_open(emitter, name, '[');
    while (length > 0) {
        const char *space = memchr(words, ' ', length);
        size_t word_length = space != NULL ? (size_t)(space - words) : length;
        if (word_length > 0) {
            emit_text_n(emitter, NULL, words, word_length);
        }
        size_t step = space != NULL ? word_length + 1 : length;
        words += step;
        length -= step;
    }
    emit_close(emitter, ']');
}

static void emit_real(struct emitter *emitter, const char *name, double real)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real) {
            break;
        }
    }
    lead(emitter, name);
    buffer_add_text(emitter->out, text);
    if (strpbrk(text, ".e") == NULL) {
        buffer_add_text(emitter->out, ".0"); /* stays a real when it is read again */
    }
}

static void emit_container(struct emitter *emitter, const char *name, const json_t *value)
{
    bool object = json_is_object(value);
    emit_open(emitter, name, object ? '{' : '[');
    if (object) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            emit_value(emitter, key, member);
        }
    } else {
        for (size_t i = 0; i < json_array_size(value); i++) {
            emit_value(emitter, NULL, json_array_get(value, i));
        }
    }
    emit_close(emitter, object ? '}' : ']');
}

void emit_value(struct emitter *emitter, const char *name, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        emit_container(emitter, name, value);
        return;
    case JSON_STRING:
        emit_text_n(emitter, name, json_string_value(value), json_string_length(value));
        return;
    case JSON_INTEGER:
        emit_number(emitter, name, json_integer_value(value));
        return;
    case JSON_REAL:
        emit_real(emitter, name, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        emit_bool(emitter, name, json_is_true(value));
        return;
    case JSON_NULL:
        emit_null(emitter, name);
        return;
    }
}
