/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a maximum. Writing past the maximum (or out of memory) makes
 * it overflowed (sticky): later writes do nothing, and the end of a sequence asks once.
 * The content is always NUL-terminated behind `length`.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct buffer {
    char *data; /* NULL until the first write */
    size_t length;
    size_t capacity;
    size_t bytes_max;
    bool overflowed;
    bool secret; /* wiped when it grows and when it is released */
};

void buffer_init(struct buffer *buffer, size_t bytes_max);
void buffer_init_secret(struct buffer *buffer, size_t bytes_max);
void buffer_deinit(struct buffer *buffer); /* half-built and NULL are allowed; also for CLEANUP */
void buffer_clear(struct buffer *buffer);
void buffer_add(struct buffer *buffer, const void *data, size_t bytes);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_char(struct buffer *buffer, char c);
void buffer_print(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* TKR_OK or TKR_TOO_LARGE. */
MUST_USE tkr_error_t buffer_status(const struct buffer *buffer);

#endif
