/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

static tkr_error_t decode(const char *text, size_t length, struct arena *arena,
                          const char **ret_text, size_t *ret_length)
{
    char *out = arena_alloc(arena, length + 1);
    ENSURE(out != NULL, TKR_MEMORY);
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            ENSURE(i + 2 < length, TKR_MALFORMED);
            TRY(text_unhex(text + i + 1, 2, &c));
            ENSURE(c != '\0', TKR_MALFORMED);
            i += 2;
        }
        out[written++] = c;
    }
    out[written] = '\0';
    *ret_text = out;
    *ret_length = written;
    return TKR_OK;
}

tkr_error_t query_parse(const char *query, struct arena *arena,
                        const struct http_argument **ret_arguments, size_t *ret_count)
{
    struct http_argument *arguments =
        arena_alloc(arena, HTTP_QUERY_ARGUMENTS_MAX * sizeof *arguments);
    ENSURE(arguments != NULL, TKR_MEMORY);
    size_t count = 0;
    const char *at = query != NULL ? query : "";
    while (*at != '\0') {
        size_t length = strcspn(at, "&");
        if (length > 0) {
            ENSURE(count < HTTP_QUERY_ARGUMENTS_MAX, TKR_OUT_OF_RANGE);
            const char *equals = memchr(at, '=', length);
            size_t name_length = equals != NULL ? (size_t)(equals - at) : length;
            const char *value = equals != NULL ? equals + 1 : at + length;
            struct http_argument *argument = &arguments[count++];
            size_t unused;
            TRY(decode(at, name_length, arena, &argument->name, &unused));
            TRY(decode(value, (size_t)(at + length - value), arena, &argument->value,
                       &argument->value_length));
        }
        at += length + (at[length] == '&');
    }
    *ret_arguments = arguments;
    *ret_count = count;
    return TKR_OK;
}
