/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_input.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"

static void wiping_free(void *memory)
{
    if (memory != NULL) {
        secret_wipe(memory, malloc_usable_size(memory));
    }
    free(memory);
}

static void set_alloc_functions(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
    /* Hash order of objects must not be for a caller to choose; the seed is the kernel's. */
    json_object_seed(0);
}

void json_input_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_alloc_functions);
}

void json_decref_p(json_t **value)
{
    json_decref(*value);
}

/* Brackets outside strings. A text that is no JSON may be counted wrongly; the parser refuses
 * it anyway. */
static bool too_deep(const char *text, size_t length)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX) {
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* jansson's own words quote the text near the mistake, which may be a token: ours do not. */
static const char *parse_words(enum json_error_code code)
{
    switch (code) {
    case json_error_invalid_utf8:
        return "it is not UTF-8";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_duplicate_key:
        return "a member stands twice in an object";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "it has a NUL character";
    default:
        return "it is not JSON";
    }
}

static tkr_error_t parse(const char *text, size_t length, json_type type, const char *type_name,
                         json_t **ret_root, struct fault *fault)
{
    if (length == 0) {
        return fault_set(fault, TKR_MALFORMED, "", "a JSON %s is needed as the body", type_name);
    }
    if (too_deep(text, length)) {
        return fault_set(fault, TKR_MALFORMED, "", "the body is nested deeper than %d levels",
                         JSON_DEPTH_MAX);
    }
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && json_error_code(&error) == json_error_out_of_memory) {
        return TKR_MEMORY;
    }
    if (root == NULL) {
        return fault_set(fault, TKR_MALFORMED, "", "the body: %s (line %d, byte %d)",
                         parse_words(json_error_code(&error)), error.line, error.position);
    }
    if (json_typeof(root) != type) {
        json_decref(root);
        return fault_set(fault, TKR_MALFORMED, "", "the body must be a JSON %s", type_name);
    }
    *ret_root = root;
    return TKR_OK;
}

tkr_error_t json_parse(const char *text, size_t length, json_t **ret_root, struct fault *fault)
{
    return parse(text, length, JSON_OBJECT, "object", ret_root, fault);
}

tkr_error_t json_parse_array(const char *text, size_t length, json_t **ret_root,
                             struct fault *fault)
{
    return parse(text, length, JSON_ARRAY, "array", ret_root, fault);
}

const char *json_name_shown(const char *name, char out[JSON_NAME_SHOWN_SIZE])
{
    size_t length = strlen(name);
    if (length == 0) {
        return "\"\""; /* an empty name is a name, and a fault that names nothing misleads */
    }
    if (!text_is_visible_ascii(name, length)) {
        return "?";
    }
    if (length < TOKEN_TEXT_BYTES_MIN) {
        return memcpy(out, name, length + 1);
    }
    snprintf(out, JSON_NAME_SHOWN_SIZE, "%.12s...", name);
    return out;
}

static const char *const type_words[] = {
    [JSON_IS_TEXT] = "a text",
    [JSON_IS_INTEGER] = "a whole number",
    [JSON_IS_BOOL] = "true or false",
    [JSON_IS_OBJECT] = "an object",
    [JSON_IS_ARRAY] = "an array",
    [JSON_IS_TEXT_LIST] = "an array of texts",
    [JSON_IS_DURATION] = "a duration, as `30d` or as a number of seconds",
};

static bool is_text_list(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i))) {
            return false;
        }
    }
    return json_is_array(value);
}

static bool type_fits(enum json_type type, const json_t *value)
{
    switch (type) {
    case JSON_IS_TEXT:
        return json_is_string(value);
    case JSON_IS_INTEGER:
        return json_is_integer(value);
    case JSON_IS_BOOL:
        return json_is_boolean(value);
    case JSON_IS_OBJECT:
        return json_is_object(value);
    case JSON_IS_ARRAY:
        return json_is_array(value);
    case JSON_IS_TEXT_LIST:
        return is_text_list(value);
    case JSON_IS_DURATION:
        return json_is_string(value) || json_is_integer(value);
    }
    return false;
}

static tkr_error_t check_range(const struct json_member *member, const char *field, int64_t size,
                               const char *unit, struct fault *fault)
{
    if (size >= member->least && size <= member->most) {
        return TKR_OK;
    }
    return fault_set(fault, TKR_OUT_OF_RANGE, field, "must be %lld to %lld%s",
                     (long long)member->least, (long long)member->most, unit);
}

static tkr_error_t read_value(const struct json_member *member, const char *field,
                              const json_t *value, struct json_given *ret_given,
                              struct fault *fault)
{
    struct json_given given = {.present = true, .value = value};
    if (member->nullable && json_is_null(value)) {
        given.null = true;
        *ret_given = given;
        return TKR_OK;
    }
    if (!type_fits(member->type, value)) {
        return fault_set(fault, TKR_INVALID, field, "must be %s%s", type_words[member->type],
                         member->nullable ? " or null" : "");
    }
    switch (member->type) {
    case JSON_IS_TEXT:
        given.text = json_string_value(value);
        given.length = json_string_length(value);
        TRY(check_range(member, field, (int64_t)given.length, " bytes long", fault));
        if (!member->raw && !text_is_printable_utf8(given.text, given.length)) {
            return fault_set(fault, TKR_INVALID, field,
                             "must not have control or invisible characters");
        }
        break;
    case JSON_IS_INTEGER:
        given.integer = json_integer_value(value);
        TRY(check_range(member, field, given.integer, "", fault));
        break;
    case JSON_IS_BOOL:
        given.boolean = json_is_true(value);
        break;
    case JSON_IS_ARRAY:
    case JSON_IS_TEXT_LIST:
        TRY(check_range(member, field, (int64_t)json_array_size(value), " elements long", fault));
        break;
    case JSON_IS_OBJECT:
    case JSON_IS_DURATION:
        break;
    }
    *ret_given = given;
    return TKR_OK;
}

void json_field(char out[FAULT_FIELD_BYTES], const char *path, const char *name)
{
    char shown[JSON_NAME_SHOWN_SIZE];
    snprintf(out, FAULT_FIELD_BYTES, "%s%s", path, json_name_shown(name, shown));
}

static tkr_error_t refuse_unknown(const json_t *object, const char *path,
                                  const struct json_member *members, size_t count,
                                  struct fault *fault)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, name) != 0) {
            i++;
        }
        if (i == count) {
            char field[FAULT_FIELD_BYTES];
            json_field(field, path, name);
            return fault_set(fault, TKR_UNKNOWN_MEMBER, field, "there is no such member here");
        }
    }
    return TKR_OK;
}

tkr_error_t json_read(const json_t *object, const char *path, const struct json_member *members,
                      size_t count, struct json_given *ret_given, struct fault *fault)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json_member *member = &members[i];
        const json_t *value = json_object_get(object, member->name);
        char field[FAULT_FIELD_BYTES];
        ret_given[i] = (struct json_given){0};
        if (value == NULL && !member->required) {
            continue;
        }
        json_field(field, path, member->name);
        if (value == NULL) {
            return fault_set(fault, TKR_INVALID, field, "is needed");
        }
        TRY(read_value(member, field, value, &ret_given[i], fault));
        found++;
    }
    if (found != json_object_size(object)) {
        return refuse_unknown(object, path, members, count, fault);
    }
    return TKR_OK;
}

tkr_error_t json_seconds(const struct json_given *given, const char *name, int64_t least,
                         int64_t most, int64_t *ret_seconds, struct fault *fault)
{
    int64_t seconds = json_integer_value(given->value);
    if (json_is_string(given->value) &&
        text_parse_duration_s(json_string_value(given->value), json_string_length(given->value),
                              &seconds) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, name,
                         "must be a duration as `90s`, `15m`, `24h`, `30d` or `2w`");
    }
    if (seconds < least || seconds > most) {
        return fault_set(fault, TKR_OUT_OF_RANGE, name, "must be %lld to %lld seconds",
                         (long long)least, (long long)most);
    }
    *ret_seconds = seconds;
    return TKR_OK;
}
