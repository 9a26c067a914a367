/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the path and of the query, percent-decoded. libmicrohttpd parses the query too,
 * but lets malformed encodings pass and does not say that there was a NUL.
 */
#include <string.h>

#include "base/text.h"
#include "http/internal.h"

/* Percent-decodes into the arena; `plus` makes `+` a space. NULL: malformed or no memory. */
static char *decode(struct arena *arena, const char *text, size_t length, bool plus,
                    size_t *ret_length)
{
    char *out = arena_alloc(arena, length + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '%') {
            if (length - i < 3 || text_unhex(text + i + 1, 2, &c) != TKR_OK || c == 0) {
                return NULL;
            }
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = (char)c;
    }
    *ret_length = n;
    return out;
}

const char *http_path_argument(struct http_exchange *exchange, const char *name)
{
    const char *brace = exchange->now.route->path;
    size_t length = strlen(name);
    for (size_t i = 0; (brace = strchr(brace, '{')) != NULL; i++) {
        const char *end = strchr(++brace, '}');
        if ((size_t)(end - brace) == length && memcmp(brace, name, length) == 0) {
            struct path_span span = exchange->now.spans[i];
            char *value = decode(exchange->now.arena, span.text, span.length, false, &length);
            return value != NULL && text_is_printable_utf8(value, length) ? value : NULL;
        }
    }
    ASSERT(!"the route has an argument of that name");
    return NULL;
}

static const struct refusal *decode_argument(struct arena *arena, const char *text, size_t length,
                                             struct http_argument *argument)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
    const char *value = equals != NULL ? equals + 1 : text + length;
    size_t ignored;
    argument->name = decode(arena, text, name_length, true, &ignored);
    argument->value =
        decode(arena, value, (size_t)(text + length - value), true, &argument->value_length);
    if (argument->name == NULL || argument->value == NULL) {
        return arena_overflowed(arena) ? &refusal_memory : &refusal_arguments_malformed;
    }
    return NULL;
}

const struct refusal *request_arguments(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    if (now->query_length == 0) {
        return NULL;
    }
    struct http_argument *arguments =
        arena_alloc(now->arena, HTTP_QUERY_ARGUMENTS_MAX * sizeof(*arguments));
    if (arguments == NULL) {
        return &refusal_memory;
    }
    const char *text = exchange->query.bytes;
    const char *end = text + now->query_length;
    while (text < end) {
        const char *ampersand = memchr(text, '&', (size_t)(end - text));
        const char *stop = ampersand != NULL ? ampersand : end;
        if (stop > text) { /* `a&&b` has two */
            if (now->argument_count == HTTP_QUERY_ARGUMENTS_MAX) {
                return &refusal_arguments_many;
            }
            const struct refusal *refusal = decode_argument(now->arena, text, (size_t)(stop - text),
                                                            &arguments[now->argument_count]);
            if (refusal != NULL) {
                return refusal;
            }
            now->argument_count++;
        }
        text = stop + 1;
    }
    now->arguments = arguments;
    return NULL;
}

tkr_error_t http_arguments(struct http_exchange *exchange,
                           const struct http_argument **ret_arguments, size_t *ret_count)
{
    *ret_arguments = exchange->now.arguments;
    *ret_count = exchange->now.argument_count;
    return TKR_OK;
}
