/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/scopes.h"

#include <stdint.h>
#include <string.h>

static bool is_scope_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
}

bool scope_valid(const char *scope, size_t length)
{
    if (length == 0 || length > SCOPE_BYTES_MAX) {
        return false;
    }
    bool at_start = true; /* of a segment */
    for (size_t i = 0; i < length; i++) {
        bool whole_star = scope[i] == '*' && at_start && i == length - 1;
        bool separator = scope[i] == ':' && !at_start && i < length - 1;
        if (!whole_star && !separator && !is_scope_char(scope[i])) {
            return false;
        }
        at_start = separator;
    }
    return true;
}

/* Insertion sort, dropping duplicates: at most SCOPES_PER_TOKEN_MAX. Returns how many stay. */
static size_t sort_unique(const char *const *scopes, size_t count, const char **ret_sorted)
{
    size_t sorted = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = sorted;
        while (at > 0 && strcmp(ret_sorted[at - 1], scopes[i]) > 0) {
            at--;
        }
        if (at > 0 && strcmp(ret_sorted[at - 1], scopes[i]) == 0) {
            continue;
        }
        memmove(&ret_sorted[at + 1], &ret_sorted[at], (sorted - at) * sizeof(*ret_sorted));
        ret_sorted[at] = scopes[i];
        sorted++;
    }
    return sorted;
}

tkr_error_t scopes_join(const char *const *scopes, size_t count, struct buffer *ret_text,
                        struct fault *fault)
{
    if (count > SCOPES_PER_TOKEN_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "scopes", "at most %d scopes",
                         SCOPES_PER_TOKEN_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (!scope_valid(scopes[i], strlen(scopes[i]))) {
            return fault_set(fault, TKR_INVALID, "scopes", "\"%.*s\" is not a scope",
                             SCOPE_BYTES_MAX, scopes[i]);
        }
    }
    const char *sorted[SCOPES_PER_TOKEN_MAX + 1];
    size_t kept = sort_unique(scopes, count, sorted);
    size_t length = kept > 0 ? kept - 1 : 0;
    for (size_t i = 0; i < kept; i++) {
        length += strlen(sorted[i]);
    }
    if (length > SCOPES_TEXT_BYTES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "scopes", "at most %d bytes in all",
                         SCOPES_TEXT_BYTES_MAX);
    }
    ENSURE(length <= ret_text->bytes_max, TKR_TOO_LARGE);
    buffer_clear(ret_text);
    buffer_add_text(ret_text, ""); /* no scopes are a text too */
    for (size_t i = 0; i < kept; i++) {
        buffer_add_text(ret_text, i > 0 ? " " : "");
        buffer_add_text(ret_text, sorted[i]);
    }
    return buffer_status(ret_text);
}

const char *scopes_next(const char *set, size_t set_length, size_t *position, size_t *ret_length)
{
    size_t start = *position;
    while (start < set_length && set[start] == ' ') {
        start++;
    }
    if (start >= set_length) {
        *position = set_length;
        return NULL;
    }
    const char *space = memchr(set + start, ' ', set_length - start);
    *ret_length = space != NULL ? (size_t)(space - set) - start : set_length - start;
    *position = start + *ret_length;
    return set + start;
}

/* As strcmp would order them as texts of their own. */
static int compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

tkr_error_t scopes_union(const char *a, size_t a_length, const char *b, size_t b_length,
                         struct buffer *ret_text, struct fault *fault)
{
    char merged[2 * SCOPES_TEXT_BYTES_MAX + 2];
    size_t length = 0, count = 0, a_at = 0, b_at = 0, a_size = 0, b_size = 0;
    ENSURE(a_length <= SCOPES_TEXT_BYTES_MAX && b_length <= SCOPES_TEXT_BYTES_MAX, TKR_INVALID);
    const char *left = scopes_next(a, a_length, &a_at, &a_size);
    const char *right = scopes_next(b, b_length, &b_at, &b_size);
    while (left != NULL || right != NULL) {
        int order = left == NULL ? 1 : right == NULL ? -1 : compare(left, a_size, right, b_size);
        const char *scope = order <= 0 ? left : right;
        size_t size = order <= 0 ? a_size : b_size;
        if (count++ > 0) {
            merged[length++] = ' ';
        }
        memcpy(merged + length, scope, size);
        length += size;
        left = order <= 0 ? scopes_next(a, a_length, &a_at, &a_size) : left;
        right = order >= 0 ? scopes_next(b, b_length, &b_at, &b_size) : right;
    }
    if (count > SCOPES_PER_TOKEN_MAX || length > SCOPES_TEXT_BYTES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "scopes",
                         "with the role's, at most %d scopes and %d bytes", SCOPES_PER_TOKEN_MAX,
                         SCOPES_TEXT_BYTES_MAX);
    }
    ENSURE(length <= ret_text->bytes_max, TKR_TOO_LARGE);
    buffer_clear(ret_text);
    buffer_add_text(ret_text, "");
    buffer_add(ret_text, merged, length);
    return buffer_status(ret_text);
}

static bool covers(const char *granted, size_t granted_length, const char *scope, size_t length)
{
    if (granted_length == length && memcmp(granted, scope, length) == 0) {
        return true;
    }
    if (granted_length == 1) {
        return granted[0] == '*';
    }
    bool wild = granted[granted_length - 1] == '*' && granted[granted_length - 2] == ':';
    size_t stem = granted_length - 1; /* with the colon, so that `a:*` is not about `ab:c` */
    return wild && length > stem && memcmp(granted, scope, stem) == 0;
}

bool scopes_grant(const char *set, size_t set_length, const char *scope, size_t scope_length)
{
    if (scope_length == 0) {
        return false;
    }
    size_t position = 0;
    size_t length;
    const char *granted;
    while ((granted = scopes_next(set, set_length, &position, &length)) != NULL) {
        if (covers(granted, length, scope, scope_length)) {
            return true;
        }
    }
    return false;
}

bool scopes_cover(const char *set, size_t set_length, const char *asked, size_t asked_length)
{
    size_t position = 0;
    size_t length;
    const char *scope;
    while ((scope = scopes_next(asked, asked_length, &position, &length)) != NULL) {
        if (!scopes_grant(set, set_length, scope, length)) {
            return false;
        }
    }
    return true;
}
