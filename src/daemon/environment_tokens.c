/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/environment_tokens.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "token/token_strength.h"

#define SHARED_VARIABLE "API_TOKEN"
#define LIST_VARIABLE "API_TOKENS"
#define SHARED_USER "shared"
#define LABEL_SHOWN 12 /* of a label that is long enough to be half a token */

static const char *const variables[] = {SHARED_VARIABLE, LIST_VARIABLE};

struct span {
    const char *text;
    size_t length;
};

struct reader {
    const struct token_prefixes *prefixes;
    environment_complaint tell;
    void *context;
    struct fault *fault;
    tkr_error_t first;
    struct environment_tokens tokens;
};

/* --- telling ------------------------------------------------------------------------------- */

static void tell(struct reader *reader, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void tell(struct reader *reader, enum log_level level, const char *format, ...)
{
    char text[FAULT_DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    reader->tell(reader->context, level, text);
}

/* Notes the first one; the others are told. */
static void fail(struct reader *reader, tkr_error_t error, const struct environment_token *token,
                 const char *why)
{
    tell(reader, LOG_ERROR, "%s: %s", token->origin, why);
    if (reader->first == TKR_OK) {
        reader->first = fault_set(reader->fault, error, "", "%s: %s", token->origin, why);
    }
}

static void name_origin(struct environment_token *token, const char *variable, size_t position,
                        struct span label)
{
    bool shown = label.length > 0 && text_is_printable_utf8(label.text, label.length) &&
                 text_is_visible_ascii(label.text, label.length);
    bool cut = label.length >= TOKEN_TEXT_BYTES_MIN;
    if (position == 0) {
        snprintf(token->origin, sizeof(token->origin), "%s", variable);
    } else if (shown) {
        snprintf(token->origin, sizeof(token->origin), "%s, entry %zu (%.*s%s)", variable, position,
                 (int)(cut ? LABEL_SHOWN : label.length), label.text, cut ? "..." : "");
    } else {
        snprintf(token->origin, sizeof(token->origin), "%s, entry %zu", variable, position);
    }
}

/* --- one entry ----------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trimmed(const char *text, size_t length)
{
    while (length > 0 && is_space(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && is_space(text[length - 1])) {
        length--;
    }
    return (struct span){text, length};
}

/* Whose it is. False: that cannot be. */
static bool read_user(struct reader *reader, struct environment_token *token, bool colon,
                      struct span label, size_t position)
{
    token->labelled = colon || position == 0;
    if (position == 0) {
        memcpy(token->user_id, SHARED_USER, sizeof(SHARED_USER));
        return true;
    }
    if (!colon) {
        snprintf(token->user_id, sizeof(token->user_id), "env-%zu", position);
        return true;
    }
    if (label.length == 0 || label.length > USER_ID_BYTES_MAX ||
        !text_is_printable_utf8(label.text, label.length)) {
        fail(reader, TKR_INVALID, token,
             "the label before the colon must be 1 to 255 bytes of text");
        return false;
    }
    memcpy(token->user_id, label.text, label.length);
    token->user_id[label.length] = '\0';
    return true;
}

/* It works all the same: it did so where it comes from. */
static void judge_strength(struct reader *reader, const struct environment_token *token,
                           struct span text)
{
    const char *about[] = {token->user_id};
    struct token_strength strength = token_strength(text.text, text.length, about, 1);
    if (strength.weakness != TOKEN_STRONG) {
        tell(reader, LOG_WARNING, "%s: it is weak: it %s", token->origin,
             token_weakness_text(strength.weakness));
    }
}

static bool is_duplicate(struct reader *reader, const struct environment_token *token)
{
    for (size_t i = 0; i < reader->tokens.count; i++) {
        const struct environment_token *other = &reader->tokens.tokens[i];
        if (memcmp(other->digest, token->digest, sizeof(token->digest)) != 0) {
            continue;
        }
        if (strcmp(other->user_id, token->user_id) == 0 || (!token->labelled && !other->labelled)) {
            tell(reader, LOG_WARNING, "%s: the same as %s", token->origin, other->origin);
        } else {
            char why[FAULT_DETAIL_BYTES];
            snprintf(why, sizeof(why), "the same token as %s, and of another user", other->origin);
            fail(reader, TKR_CONFLICT, token, why);
        }
        return true;
    }
    return false;
}

/* Position 0 is the shared token, which is no list and has no label. */
static tkr_error_t add(struct reader *reader, const char *variable, size_t position,
                       struct span entry, enum shared_phase phase)
{
    const char *colon =
        position > 0 && entry.length > 0 ? memchr(entry.text, ':', entry.length) : NULL;
    struct span label = {entry.text, 0}, text = entry;
    struct environment_token token = {
        .warned = position == 0 && phase == SHARED_WARN,
        .refused = position == 0 && phase == SHARED_REFUSE,
    };
    if (colon != NULL) {
        size_t before = (size_t)(colon - entry.text);
        label = trimmed(entry.text, before);
        text = trimmed(colon + 1, entry.length - before - 1);
    }
    name_origin(&token, variable, position, label);
    if (entry.length == 0) {
        tell(reader, LOG_WARNING, "%s: it is empty", token.origin);
        return TKR_OK;
    }
    if (!read_user(reader, &token, colon != NULL, label, position)) {
        return TKR_OK;
    }
    if (token_shape(reader->prefixes, text.text, text.length) == TOKEN_SHAPE_BAD) {
        fail(reader, TKR_INVALID, &token,
             "a token has 20 to 512 visible ASCII characters; make one with openssl rand -hex 32");
        return TKR_OK;
    }
    judge_strength(reader, &token, text);
    token_display_prefix(reader->prefixes, text.text, text.length, token.display_prefix);
    TRY(digest_sha256(text.text, text.length, token.digest));
    if (is_duplicate(reader, &token)) {
        return TKR_OK;
    }
    if (reader->tokens.count == ENVIRONMENT_TOKENS_MAX) {
        fail(reader, TKR_OUT_OF_RANGE, &token, "more tokens than 256");
        return TKR_OK;
    }
    reader->tokens.tokens[reader->tokens.count++] = token;
    return TKR_OK;
}

/* --- the variables ------------------------------------------------------------------------- */

static char *value_of(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            return environment[i] + length + 1;
        }
    }
    return NULL;
}

static tkr_error_t read_list(struct reader *reader, const char *value)
{
    size_t position = 1;
    if (trimmed(value, strlen(value)).length == 0) {
        return TKR_OK;
    }
    for (const char *at = value; at != NULL; position++) {
        const char *comma = strchr(at, ',');
        size_t length = comma != NULL ? (size_t)(comma - at) : strlen(at);
        TRY(add(reader, LIST_VARIABLE, position, trimmed(at, length), SHARED_ACCEPT));
        at = comma != NULL ? comma + 1 : NULL;
    }
    return TKR_OK;
}

static tkr_error_t read_variables(struct reader *reader, char *const *environment,
                                  enum shared_phase phase)
{
    const char *shared = value_of(environment, SHARED_VARIABLE);
    const char *list = value_of(environment, LIST_VARIABLE);
    if (shared != NULL && trimmed(shared, strlen(shared)).length > 0) {
        TRY(add(reader, SHARED_VARIABLE, 0, trimmed(shared, strlen(shared)), phase));
    }
    return list != NULL ? read_list(reader, list) : TKR_OK;
}

tkr_error_t environment_tokens_read(char *const *environment, const struct token_prefixes *prefixes,
                                    enum shared_phase phase, environment_complaint complain,
                                    void *context, struct environment_tokens *ret_tokens,
                                    struct fault *fault)
{
    struct reader reader = {
        .prefixes = prefixes, .tell = complain, .context = context, .fault = fault};
    reader.tokens.tokens = calloc(ENVIRONMENT_TOKENS_MAX, sizeof(struct environment_token));
    ENSURE(reader.tokens.tokens != NULL, TKR_MEMORY);
    tkr_error_t error = read_variables(&reader, environment, phase);
    error = error == TKR_OK ? reader.first : error;
    if (error != TKR_OK) {
        environment_tokens_free(&reader.tokens);
        return error;
    }
    *ret_tokens = reader.tokens;
    return TKR_OK;
}

void environment_tokens_free(struct environment_tokens *tokens)
{
    free(tokens->tokens);
    *tokens = (struct environment_tokens){0};
}

void environment_tokens_wipe(char *const *environment)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        char *value = value_of(environment, variables[i]);
        if (value != NULL) {
            secret_wipe(value, strlen(value));
        }
    }
}
