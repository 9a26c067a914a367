/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "token/token_text.h"

static const char *const env_names[] = {
    [TOKEN_ENV_LIVE] = "live",
    [TOKEN_ENV_TEST] = "test",
};

static const char *const kind_names[] = {
    [TOKEN_KIND_USER] = "user",
    [TOKEN_KIND_SERVICE] = "service",
    [TOKEN_KIND_ADMIN] = "admin",
};

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static tkr_error_t parse_word(const char *const *names, size_t count, const char *text,
                              size_t length, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            *ret_index = i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

const char *token_env_name(enum token_env env)
{
    ASSERT((size_t)env < COUNT(env_names));
    return env_names[env];
}

const char *token_kind_name(enum token_kind kind)
{
    ASSERT((size_t)kind < COUNT(kind_names));
    return kind_names[kind];
}

tkr_error_t token_env_parse(const char *text, size_t length, enum token_env *ret_env)
{
    size_t index;
    TRY(parse_word(env_names, COUNT(env_names), text, length, &index));
    *ret_env = (enum token_env)index;
    return TKR_OK;
}

tkr_error_t token_kind_parse(const char *text, size_t length, enum token_kind *ret_kind)
{
    size_t index;
    TRY(parse_word(kind_names, COUNT(kind_names), text, length, &index));
    *ret_kind = (enum token_kind)index;
    return TKR_OK;
}
