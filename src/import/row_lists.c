/* SPDX-License-Identifier: Apache-2.0 */
/* The members that are lists or JSON: scopes, networks, metadata, limits. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "import/row.h"
#include "policy/scopes.h"

/* --- lists ----------------------------------------------------------------------------------- */

struct words {
    const char *list[SCOPES_PER_TOKEN_MAX + 1];
    size_t count; /* at most the size of the list: one more than there may be */
};

static void add_word(struct row *row, struct words *words, const char *text, size_t length)
{
    if (length > 0 && words->count <= SCOPES_PER_TOKEN_MAX) {
        const char *word = arena_copy(row->source->arena, text, length);
        words->list[words->count] = word != NULL ? word : "";
        words->count++;
    }
}

static bool read_json_words(struct row *row, const char *text, size_t length, struct words *words)
{
    json_t *array = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    bool whole = json_is_array(array);
    for (size_t i = 0; whole && i < json_array_size(array); i++) {
        const json_t *word = json_array_get(array, i);
        whole = json_is_string(word);
        if (whole) {
            add_word(row, words, json_string_value(word), json_string_length(word));
        }
    }
    json_decref(array);
    return whole;
}

static bool read_words(struct row *row, const char *text, size_t length, struct words *words)
{
    *words = (struct words){.count = 0};
    if (length > 0 && text[0] == '[') {
        return read_json_words(row, text, length, words);
    }
    if (length > 1 && text[0] == '{' && text[length - 1] == '}') { /* an array of PostgreSQL */
        text++;
        length -= 2;
    }
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i == length || strchr(", \t\n\"", text[i]) != NULL) {
            add_word(row, words, text + start, i - start);
            start = i + 1;
        }
    }
    return true;
}

void row_set_scopes(struct row *row, const char *column, const char *text, size_t length)
{
    struct words words;
    struct buffer joined CLEANUP(buffer_deinit);
    buffer_init(&joined, SCOPES_TEXT_BYTES_MAX);
    if (!read_words(row, text, length, &words)) {
        row_bad(row, column, "is no list of scopes");
        return;
    }
    if (scopes_join(words.list, words.count, &joined, NULL) != TKR_OK) {
        row_bad(row, column,
                "must be at most %d scopes of letters, digits and . _ / - :", SCOPES_PER_TOKEN_MAX);
        return;
    }
    row->has_scopes = true;
    row->out.scopes = arena_copy(row->source->arena, joined.data, joined.length);
}

void row_set_networks(struct row *row, const char *column, const char *text, size_t length)
{
    struct words words;
    struct cidr *networks =
        arena_alloc(row->source->arena, CIDRS_PER_TOKEN_MAX * sizeof(struct cidr));
    if (networks == NULL) {
        return;
    }
    if (!read_words(row, text, length, &words) || words.count > CIDRS_PER_TOKEN_MAX) {
        row_bad(row, column, "must be a list of at most %d networks", CIDRS_PER_TOKEN_MAX);
        return;
    }
    for (size_t i = 0; i < words.count; i++) {
        if (cidr_parse(words.list[i], strlen(words.list[i]), &networks[i]) != TKR_OK) {
            row_bad(row, column, "has something that is no network");
            return;
        }
    }
    row->out.allowed_ips = networks;
    row->out.allowed_ip_count = words.count;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static bool shallow(const json_t *value, unsigned levels)
{
    const char *name;
    json_t *member;
    size_t index;
    bool fits = levels > 0 || (!json_is_object(value) && !json_is_array(value));
    if (fits && json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
            fits = fits && shallow(member, levels - 1);
        }
    }
    if (fits && json_is_array(value)) {
        json_array_foreach(value, index, member)
        {
            fits = fits && shallow(member, levels - 1);
        }
    }
    return fits;
}

void row_set_metadata(struct row *row, const char *column, const char *text, size_t length)
{
    json_t *object = length <= IMPORT_ENTRY_BYTES_MAX
                         ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;
    char *written = NULL;
    if (!json_is_object(object) || !shallow(object, JSON_DEPTH_MAX - 1)) {
        row_bad(row, column, "is no JSON object, or one nested too deep");
    } else if ((written = json_dumps(object, JSON_COMPACT)) == NULL ||
               strlen(written) > METADATA_BYTES_MAX) {
        row_bad(row, column, "has more than %d bytes", METADATA_BYTES_MAX);
    } else if (token_text_within(&row->source->options->prefixes, written, strlen(written))) {
        row_bad(row, column, "contains a token");
    } else {
        row->out.metadata = arena_copy(row->source->arena, written, strlen(written));
    }
    free(written);
    json_decref(object);
}

void row_set_limits(struct row *row, const char *column, const char *text, size_t length)
{
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    bool whole = json_is_object(object);
    const char *name;
    json_t *value;
    struct limits limits = {0};
    json_object_foreach(object, name, value)
    {
        enum window window = WINDOW_MINUTE;
        whole = whole && window_parse(name, strlen(name), &window) == TKR_OK;
        json_int_t number = json_integer_value(value);
        bool none = json_is_string(value) && strcmp(json_string_value(value), "unlimited") == 0;
        whole = whole && (none || json_is_null(value) ||
                          (json_is_integer(value) && number >= 0 && number <= LIMIT_WINDOW_MAX));
        if (whole && !json_is_null(value)) {
            limits.set |= 1U << window;
            limits.limit[window] = none ? LIMIT_NONE : (uint32_t)number;
        }
    }
    json_decref(object);
    if (!whole) {
        row_bad(row, column, "is no object of limits by minute, hour and day");
        return;
    }
    row->out.limits = limits;
}
