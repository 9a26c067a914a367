/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SECONDS_MAX INT64_C(100000000000) /* in the year 5138; a larger number is milliseconds */

static void json_free(json_t **value)
{
    json_decref(*value);
}

/* NULL: it is not there, or what holds it is no object. */
static const json_t *member_at(const json_t *root, const char *path)
{
    const json_t *value = root;
    while (value != NULL && *path != '\0') {
        char name[CONFIG_VALUE_BYTES_MAX];
        size_t length = strcspn(path, ".");
        if (length >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        value = json_is_object(value) ? json_object_get(value, name) : NULL;
        path += length;
        path += *path == '.';
    }
    return value == root ? NULL : value;
}

static tkr_error_t refuse(struct fault *fault, const char *member, tkr_error_t error,
                          const char *why)
{
    return fault_set(fault, error, member, "the member %.60s %s", member, why);
}

/* Nothing and null are "". */
static tkr_error_t read_text(const json_t *root, const char *member, size_t bytes_max, char *out,
                             struct fault *fault)
{
    const json_t *value = member_at(root, member);
    char number[32];
    const char *text = json_string_value(value);
    out[0] = '\0';
    if (value == NULL || json_is_null(value)) {
        return TKR_OK;
    }
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        text = number;
    }
    if (text == NULL) {
        return refuse(fault, member, TKR_INVALID, "is no text");
    }
    size_t length = json_is_string(value) ? json_string_length(value) : strlen(text);
    if (length > bytes_max || !text_is_printable_utf8(text, length)) {
        return refuse(fault, member, TKR_OUT_OF_RANGE, "is too long or cannot be printed");
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return TKR_OK;
}

/* --- scopes -------------------------------------------------------------------------------- */

static tkr_error_t add_scope(struct adopt_answer *answer, const char *text, size_t length,
                             const char *member, struct fault *fault)
{
    size_t used = strlen(answer->scopes);
    if (length == 0) {
        return TKR_OK;
    }
    if (answer->scope_count == SCOPES_PER_TOKEN_MAX || memchr(text, ' ', length) != NULL ||
        used + length + 2 > sizeof(answer->scopes)) {
        return refuse(fault, member, TKR_OUT_OF_RANGE, "has too many scopes, or one that is none");
    }
    if (used > 0) {
        answer->scopes[used++] = ' ';
    }
    memcpy(answer->scopes + used, text, length);
    answer->scopes[used + length] = '\0';
    answer->scope_count++;
    return TKR_OK;
}

static tkr_error_t read_scopes(const json_t *root, const char *member, struct adopt_answer *answer,
                               struct fault *fault)
{
    const json_t *value = member_at(root, member);
    if (value == NULL || json_is_null(value)) {
        return TKR_OK;
    }
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        for (size_t length; *text != '\0'; text += length + (text[length] != '\0')) {
            length = strcspn(text, " ,");
            TRY(add_scope(answer, text, length, member, fault));
        }
        return TKR_OK;
    }
    if (!json_is_array(value)) {
        return refuse(fault, member, TKR_INVALID, "is neither a list nor a text");
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *scope = json_array_get(value, i);
        if (!json_is_string(scope)) {
            return refuse(fault, member, TKR_INVALID, "has an element that is no text");
        }
        TRY(add_scope(answer, json_string_value(scope), json_string_length(scope), member, fault));
    }
    return TKR_OK;
}

/* --- the end ------------------------------------------------------------------------------- */

static tkr_error_t parse_time(const char *text, size_t length, int64_t *ret_ms)
{
    char zoned[TEXT_TIME_SIZE + 32];
    ENSURE(length + 2 <= sizeof(zoned), TKR_MALFORMED);
    memcpy(zoned, text, length + 1);
    if (length > 10 && zoned[10] == ' ') { /* as databases write it */
        zoned[10] = 'T';
    }
    bool has_zone = length > 19 && (zoned[length - 1] == 'Z' || zoned[length - 1] == 'z' ||
                                    strpbrk(zoned + 19, "+-") != NULL);
    if (!has_zone) {
        zoned[length++] = 'Z';
        zoned[length] = '\0';
    }
    return text_parse_time(zoned, length, ret_ms);
}

static tkr_error_t read_end(const json_t *root, const char *member, struct adopt_answer *answer,
                            struct fault *fault)
{
    const json_t *value = member_at(root, member);
    if (value == NULL) {
        return TKR_OK;
    }
    if (json_is_null(value)) {
        answer->end = ADOPT_END_NEVER;
        return TKR_OK;
    }
    answer->end = ADOPT_END_AT;
    tkr_error_t error = TKR_INVALID;
    if (json_is_string(value)) {
        error =
            parse_time(json_string_value(value), json_string_length(value), &answer->expires_at_ms);
    } else if (json_is_number(value)) {
        double number = json_number_value(value);
        bool fits = number > 0 && number < (double)TEXT_TIME_MS_MAX;
        answer->expires_at_ms =
            !fits ? 0 : (int64_t)(number < (double)SECONDS_MAX ? number * 1000 : number);
        error = fits ? TKR_OK : TKR_INVALID;
    }
    if (error != TKR_OK || answer->expires_at_ms <= 0) {
        return refuse(fault, member, TKR_INVALID, "is no time");
    }
    return TKR_OK;
}

tkr_error_t adopt_answer_read(const char *text, size_t length, const struct adopt_members *members,
                              struct adopt_answer *ret_answer, struct fault *fault)
{
    struct adopt_answer answer = {0};
    json_t *root CLEANUP(json_free) = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        return fault_set(fault, TKR_MALFORMED, "", "it is no JSON object");
    }
    TRY(read_text(root, members->user, USER_ID_BYTES_MAX, answer.user_id, fault));
    TRY(read_text(root, members->name, TOKEN_NAME_BYTES_MAX, answer.name, fault));
    TRY(read_text(root, members->tier, TIER_NAME_BYTES_MAX, answer.tier, fault));
    TRY(read_scopes(root, members->scopes, &answer, fault));
    TRY(read_end(root, members->expires, &answer, fault));
    *ret_answer = answer;
    return TKR_OK;
}
