/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a buffer, in the order of the calls. The answers are of known shape and
 * are made on hot threads (a verification, the store's writer), so they are written directly
 * instead of through a tree of values, which would be allocated member by member.
 *
 *     struct emitter emitter;
 *     emit_begin(&emitter, &buffer);
 *     emit_open(&emitter, NULL, '{');
 *     emit_text(&emitter, "code", "valid");
 *     emit_close(&emitter, '}');
 *
 * `name` is the member's name (a literal without characters that need escaping), or NULL for
 * an element of an array and for the outermost value. Overflow is the buffer's (sticky).
 */
#ifndef API_JSON_EMIT_H
#define API_JSON_EMIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct emitter {
    struct buffer *out;
    bool separate; /* the next value needs a comma before it */
};

void emit_begin(struct emitter *emitter, struct buffer *out);
/* `bracket` is '{' or '['; the same for close with '}' or ']'. */
void emit_open(struct emitter *emitter, const char *name, char bracket);
void emit_close(struct emitter *emitter, char bracket);

/* `text` is UTF-8; NULL is written as null. */
void emit_text(struct emitter *emitter, const char *name, const char *text);
void emit_text_n(struct emitter *emitter, const char *name, const char *text, size_t length);
/* As emit_text_n, but null when the length is 0. */
void emit_text_or_null(struct emitter *emitter, const char *name, const char *text, size_t length);
void emit_number(struct emitter *emitter, const char *name, int64_t number);
void emit_count(struct emitter *emitter, const char *name, uint64_t number);
void emit_bool(struct emitter *emitter, const char *name, bool value);
void emit_null(struct emitter *emitter, const char *name);
/* RFC 3339 UTC; null for 0. */
void emit_time(struct emitter *emitter, const char *name, int64_t unix_ms);
/* Text that is JSON already; `{}` when the length is 0. */
void emit_json(struct emitter *emitter, const char *name, const char *json, size_t length);
/* Words separated by one space, as an array: a scope set. */
void emit_words(struct emitter *emitter, const char *name, const char *words, size_t length);
/* A decoded value, compact, members in their order. A real number is written with the fewest
 * digits that give the same number again (jansson would make 0.1 a
 * 0.10000000000000001). Depth is what the decoder allowed. */
void emit_value(struct emitter *emitter, const char *name, const json_t *value);

#endif
