/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "import/json_split.h"
#include "import/row.h"

#define EXPORT_VERSION 1
#define KEYS_MAX 64 /* members of one entry; more: a bad row */

struct json_store {
    struct bytes bytes;
    struct json_split split;
};

static tkr_error_t json_open(struct import_source *source, const char *where, struct fault *fault)
{
    struct json_store *store = calloc(1, sizeof(*store));
    ENSURE(store != NULL, TKR_MEMORY);
    source->state = store;
    json_split_init(&store->split, &store->bytes);
    TRY(bytes_open(&store->bytes, where != NULL ? where : "-", fault));
    source->bytes = &store->bytes;
    source->total = bytes_total(&store->bytes);
    return TKR_OK;
}

static void json_close(struct import_source *source)
{
    struct json_store *store = source->state;
    if (store != NULL) {
        json_split_deinit(&store->split);
        bytes_close(&store->bytes);
        free(store);
    }
}

static void free_wiped(char *text)
{
    if (text != NULL) {
        secret_wipe(text, strlen(text));
        free(text);
    }
}

static void set_value(struct row *row, enum import_member member, const char *key,
                      const json_t *value)
{
    if (json_is_string(value)) {
        row_set(row, member, key, json_string_value(value), json_string_length(value));
    } else if (json_is_boolean(value)) {
        row_set(row, member, key, json_is_true(value) ? "true" : "false",
                json_is_true(value) ? 4 : 5);
    } else if (json_is_null(value)) {
        row_set(row, member, key, NULL, 0);
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        if (text == NULL) {
            row_bad(row, key, "cannot be read");
            return;
        }
        row_set(row, member, key, text, strlen(text));
        free_wiped(text);
    }
}

static void read_object(struct import_source *source, json_t *object)
{
    const char *names[KEYS_MAX];
    size_t chosen[IMPORT_MEMBER_COUNT], count = 0;
    const char *name;
    json_t *value;
    if (json_object_size(object) > KEYS_MAX) {
        row_bad(source->row, "", "it has more than %d members", KEYS_MAX);
        return;
    }
    json_object_foreach(object, name, value)
    {
        names[count++] = name;
    }
    columns_choose(&source->columns, source->options, names, count, chosen);
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        if (chosen[member] != SIZE_MAX) {
            const char *key = names[chosen[member]];
            set_value(source->row, (enum import_member)member, key, json_object_get(object, key));
        }
    }
}

static void read_entry(struct import_source *source, const struct json_split *split)
{
    struct row *row = source->row;
    if (split->reason != NULL) {
        row_bad(row, "", "%s", split->reason);
        return;
    }
    json_error_t error;
    json_t *object = json_loadb(split->text.data, split->text.length,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json_is_object(object)) {
        bool twice = object == NULL && json_error_code(&error) == json_error_duplicate_key;
        row_bad(row, "", "%s",
                object != NULL ? "it is no object"
                : twice        ? "a member stands twice in it"
                               : "it is not JSON");
    } else {
        if (split->key.length > 0) { /* tokens.json: the key is the hash */
            row_set(row, IMPORT_DIGEST, "key", split->key.data, split->key.length);
        }
        read_object(source, object);
    }
    json_decref(object);
}

/* Of our own export the version; of others anything that is JSON. */
static tkr_error_t check_frame(const struct json_split *split, struct fault *fault)
{
    static const char version[] = "version";
    json_t *value = json_loadb(split->text.data, split->text.length, JSON_DECODE_ANY, NULL);
    bool known = json_is_integer(value) && json_integer_value(value) <= EXPORT_VERSION;
    bool whole = value != NULL;
    json_decref(value);
    if (!whole) {
        return fault_set(fault, TKR_MALFORMED, "", "it is not JSON: a value before line %llu",
                         (unsigned long long)split->bytes->line + 1);
    }
    if (!known && split->key.length == strlen(version) &&
        memcmp(split->key.data, version, split->key.length) == 0) {
        return fault_set(fault, TKR_VERSION_NEWER, version,
                         "it was exported by a newer version of Tokenry");
    }
    return TKR_OK;
}

static tkr_error_t json_next(struct import_source *source, bool *ret_end, struct fault *fault)
{
    struct json_store *store = source->state;
    for (;;) {
        enum json_piece piece = JSON_PIECE_END;
        TRY(json_split_next(&store->split, &piece, fault));
        switch (piece) {
        case JSON_PIECE_FRAME:
            TRY(check_frame(&store->split, fault));
            break;
        case JSON_PIECE_ENTRY:
            read_entry(source, &store->split);
            return TKR_OK;
        case JSON_PIECE_END:
            *ret_end = true;
            return TKR_OK;
        }
    }
}

const struct import_reader import_json = {"json", json_open, json_next, json_close};
