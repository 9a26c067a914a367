/* SPDX-License-Identifier: Apache-2.0 */
#include "api/leak_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "base/limits.h"
#include "base/text.h"
#include "crypto/signature.h"

/* --- the report ------------------------------------------------------------------------------ */

void leak_report_release(struct leak_report *report)
{
    json_decref(report->root);
    *report = (struct leak_report){0};
}

/* What may be stored and shown; NULL for everything else. */
static const char *printable(const json_t *value, size_t bytes_max)
{
    size_t length = json_string_length(value);
    bool fits = length > 0 && length <= bytes_max;
    return fits && text_is_printable_utf8(json_string_value(value), length)
               ? json_string_value(value)
               : NULL;
}

static tkr_error_t read_leak(const json_t *element, size_t index, struct leak *ret_leak,
                             struct fault *fault)
{
    const json_t *token = json_object_get(element, "token");
    if (json_string_length(token) == 0) {
        return fault_set(fault, TKR_INVALID, "token", "element %zu has no token", index);
    }
    *ret_leak = (struct leak){
        .token = json_string_value(token),
        .token_length = json_string_length(token),
        .type = printable(json_object_get(element, "type"), LEAK_WORD_BYTES_MAX),
        .url = printable(json_object_get(element, "url"), LEAK_URL_BYTES_MAX),
        .source = printable(json_object_get(element, "source"), LEAK_WORD_BYTES_MAX),
    };
    return TKR_OK;
}

tkr_error_t leak_report_read(const char *body, size_t length, struct leak_report *ret_report,
                             struct fault *fault)
{
    struct leak_report report CLEANUP(leak_report_release) = {0};
    if (length > HTTP_BODY_BYTES_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "", "a report has at most %d bytes",
                         HTTP_BODY_BYTES_MAX);
    }
    TRY(json_parse_array(body, length, &report.root, fault));
    report.count = json_array_size(report.root);
    if (report.count == 0) {
        return fault_set(fault, TKR_MALFORMED, "", "the report is empty");
    }
    if (report.count > LEAK_REPORT_TOKENS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "", "a report has at most %d tokens",
                         LEAK_REPORT_TOKENS_MAX);
    }
    for (size_t i = 0; i < report.count; i++) {
        TRY(read_leak(json_array_get(report.root, i), i, &report.leaks[i], fault));
    }
    *ret_report = report;
    report.root = NULL;
    return TKR_OK;
}

/* --- the keys -------------------------------------------------------------------------------- */

struct named_key {
    char identifier[LEAK_KEY_NAME_BYTES_MAX + 1];
    struct signature_key *key; /* NULL: not for us */
};

struct leak_keys {
    size_t count; /* of the list, also those that are not for us */
    struct named_key keys[LEAK_KEYS_MAX];
};

static const struct named_key *find(const struct leak_keys *keys, const char *identifier)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].identifier, identifier) == 0) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static tkr_error_t read_key(const json_t *element, size_t index, struct leak_keys *keys,
                            struct fault *fault)
{
    const json_t *identifier = json_object_get(element, "key_identifier");
    const json_t *pem = json_object_get(element, "key");
    const char *name = json_string_value(identifier);
    size_t length = json_string_length(identifier);
    struct named_key *named = &keys->keys[keys->count];
    if (length == 0 || length > LEAK_KEY_NAME_BYTES_MAX || !text_is_visible_ascii(name, length)) {
        return fault_set(fault, TKR_INVALID, "key_identifier",
                         "element %zu: must be 1 to %d visible ASCII characters", index,
                         LEAK_KEY_NAME_BYTES_MAX);
    }
    if (!json_is_string(pem)) {
        return fault_set(fault, TKR_INVALID, "key", "element %zu: must be a PEM text", index);
    }
    if (find(keys, name) != NULL) {
        return fault_set(fault, TKR_INVALID, "key_identifier",
                         "element %zu: another key has this name", index);
    }
    tkr_error_t error =
        signature_key_new(json_string_value(pem), json_string_length(pem), &named->key);
    ENSURE(error != TKR_MEMORY && error != TKR_INTERNAL, error);
    memcpy(named->identifier, name, length + 1);
    keys->count++;
    return TKR_OK;
}

tkr_error_t leak_keys_read(const char *document, size_t length, struct leak_keys **ret_keys,
                           struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    if (length > LEAK_KEYS_BYTES_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "", "the list has at most %d bytes",
                         LEAK_KEYS_BYTES_MAX);
    }
    TRY(json_parse(document, length, &root, fault));
    const json_t *list = json_object_get(root, "public_keys");
    if (!json_is_array(list)) {
        return fault_set(fault, TKR_MALFORMED, "public_keys", "must be an array");
    }
    if (json_array_size(list) > LEAK_KEYS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "public_keys", "has at most %d keys", LEAK_KEYS_MAX);
    }
    struct leak_keys *keys CLEANUP(leak_keys_free_p) = calloc(1, sizeof(*keys));
    ENSURE(keys != NULL, TKR_MEMORY);
    for (size_t i = 0; i < json_array_size(list); i++) {
        TRY(read_key(json_array_get(list, i), i, keys, fault));
    }
    if (leak_keys_count(keys) == 0) {
        return fault_set(fault, TKR_INVALID, "public_keys", "has no key of P-256");
    }
    *ret_keys = keys;
    keys = NULL;
    return TKR_OK;
}

void leak_keys_free(struct leak_keys *keys)
{
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        signature_key_free(keys->keys[i].key);
    }
    free(keys);
}

void leak_keys_free_p(struct leak_keys **keys)
{
    leak_keys_free(*keys);
}

size_t leak_keys_count(const struct leak_keys *keys)
{
    size_t usable = 0;
    for (size_t i = 0; i < keys->count; i++) {
        usable += keys->keys[i].key != NULL;
    }
    return usable;
}

tkr_error_t leak_keys_verify(const struct leak_keys *keys, const char *identifier, const char *body,
                             size_t length, const char *signature, struct fault *fault)
{
    const struct named_key *named = find(keys, identifier);
    if (named == NULL || named->key == NULL) {
        return fault_set(fault, TKR_NOT_FOUND, "", "no key of this name signs reports");
    }
    if (length == 0) {
        return fault_set(fault, TKR_MALFORMED, "", "the report is empty");
    }
    tkr_error_t error = signature_verify(named->key, body, length, signature, strlen(signature));
    if (error == TKR_FORBIDDEN || error == TKR_MALFORMED) {
        return fault_set(fault, error, "", "the signature is not that of the body");
    }
    return error;
}
