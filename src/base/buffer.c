/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define FIRST_BYTES 256
#define FIRST_SECRET_BYTES 4096 /* a page: locked memory comes in pages anyway */

void buffer_init(struct buffer *buffer, size_t bytes_max)
{
    *buffer = (struct buffer){.bytes_max = bytes_max};
}

void buffer_init_secret(struct buffer *buffer, size_t bytes_max)
{
    *buffer = (struct buffer){.bytes_max = bytes_max, .secret = true};
}

void buffer_deinit(struct buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    if (buffer->secret) {
        secret_free(buffer->data, buffer->capacity);
    } else {
        free(buffer->data);
    }
    *buffer = (struct buffer){.bytes_max = buffer->bytes_max, .secret = buffer->secret};
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->data != NULL) {
        if (buffer->secret) {
            secret_wipe(buffer->data, buffer->length);
        }
        buffer->data[0] = '\0';
    }
    buffer->length = 0;
    buffer->overflowed = false;
}

/* Moves the content of a secret buffer; the old copy is wiped by secret_free. */
static char *grow_secret(const struct buffer *buffer, size_t capacity)
{
    void *grown = NULL;
    if (secret_alloc(capacity, &grown) != TKR_OK) {
        return NULL;
    }
    if (buffer->data != NULL) {
        memcpy(grown, buffer->data, buffer->length);
        secret_free(buffer->data, buffer->capacity);
    }
    return grown;
}

/* Room for `bytes` more and the NUL; otherwise the buffer is overflowed from here on. */
static bool reserve(struct buffer *buffer, size_t bytes)
{
    if (buffer->overflowed || bytes > buffer->bytes_max - buffer->length ||
        bytes > SIZE_MAX / 2 - buffer->length) {
        buffer->overflowed = true;
        return false;
    }
    size_t needed = buffer->length + bytes + 1;
    if (needed <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->secret ? FIRST_SECRET_BYTES : FIRST_BYTES;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = buffer->secret ? grow_secret(buffer, capacity) : realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->overflowed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t bytes)
{
    if (!reserve(buffer, bytes)) {
        return;
    }
    if (bytes > 0) {
        memcpy(buffer->data + buffer->length, data, bytes);
    }
    buffer->length += bytes;
    buffer->data[buffer->length] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_char(struct buffer *buffer, char c)
{
    buffer_add(buffer, &c, 1);
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(buffer, (size_t)length)) {
        buffer->overflowed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

tkr_error_t buffer_status(const struct buffer *buffer)
{
    return buffer->overflowed ? TKR_TOO_LARGE : TKR_OK;
}
