/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is scopes and limits, as they stand in the store and in requests. What must hold:
 * a joined set is sorted, has every scope once, covers itself, and joining it again changes
 * nothing; only `*` grants `*`; limits that were written read the same.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "policy/limits_spec.h"
#include "policy/scopes.h"

#define TEXT_BYTES_MAX 4096

struct set {
    char text[TEXT_BYTES_MAX];
    const char *scopes[SCOPES_PER_TOKEN_MAX + 1];
    size_t count;
};

/* Cuts a text at its spaces; false when there is too much of it or a NUL in it. */
static bool split(const char *text, size_t size, struct set *ret_set)
{
    ret_set->count = 0;
    if (size >= sizeof(ret_set->text) || (size > 0 && memchr(text, '\0', size) != NULL)) {
        return false;
    }
    size_t position = 0;
    size_t length;
    const char *scope;
    while ((scope = scopes_next(text, size, &position, &length)) != NULL) {
        ASSERT(length > 0 && memchr(scope, ' ', length) == NULL);
        if (ret_set->count > SCOPES_PER_TOKEN_MAX) {
            return false;
        }
        char *copy = ret_set->text + (scope - text);
        memcpy(copy, scope, length);
        copy[length] = '\0';
        ret_set->scopes[ret_set->count++] = copy;
    }
    return true;
}

static void check_joined(const struct set *set, const struct buffer *text)
{
    static struct set again;
    ASSERT(split(text->data, text->length, &again));
    ASSERT(again.count <= set->count);
    bool all = false;
    for (size_t i = 0; i < again.count; i++) {
        const char *scope = again.scopes[i];
        ASSERT(scope_valid(scope, strlen(scope)));
        ASSERT(i == 0 || strcmp(again.scopes[i - 1], scope) < 0);
        all = all || strcmp(scope, "*") == 0;
    }
    for (size_t i = 0; i < set->count; i++) {
        ASSERT(scopes_grant(text->data, text->length, set->scopes[i], strlen(set->scopes[i])));
    }
    ASSERT(scopes_cover(text->data, text->length, text->data, text->length));
    ASSERT(scopes_grant(text->data, text->length, "*", 1) == all);
    struct buffer twice CLEANUP(buffer_deinit);
    buffer_init(&twice, SCOPES_TEXT_BYTES_MAX);
    ASSERT(scopes_join(again.scopes, again.count, &twice, NULL) == TKR_OK);
    ASSERT(twice.length == text->length && memcmp(twice.data, text->data, text->length) == 0);
}

static void check_scopes(const char *text, size_t size)
{
    static struct set set;
    if (!split(text, size, &set)) {
        return;
    }
    struct buffer joined CLEANUP(buffer_deinit);
    buffer_init(&joined, SCOPES_TEXT_BYTES_MAX);
    struct fault fault;
    if (scopes_join(set.scopes, set.count, &joined, &fault) == TKR_OK) {
        check_joined(&set, &joined);
    } else {
        ASSERT(strcmp(fault.field, "scopes") == 0 && joined.length == 0);
    }
}

static void check_limits(const char *text, size_t size)
{
    struct limits limits;
    if (limits_parse(text, size, &limits) != TKR_OK) {
        return;
    }
    char written[LIMITS_TEXT_SIZE];
    limits_format(&limits, written);
    struct limits again;
    ASSERT(limits_parse(written, strlen(written), &again) == TKR_OK);
    ASSERT(memcmp(&again, &limits, sizeof(limits)) == 0);
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        ASSERT((limits.set & 1U << i) != 0 || limits.limit[i] == LIMIT_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check_scopes(text, size);
    check_limits(text, size);
    enum window window;
    ASSERT(window_parse(text, size, &window) != TKR_OK || strlen(window_name(window)) == size);
    return 0;
}
