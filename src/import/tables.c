/* SPDX-License-Identifier: Apache-2.0 */
#include "import/tables.h"

#include <string.h>

/* Of documents 001, 004 (the newer one first) and 003. */
static const char *const known[] = {"tokens", "divv_api_keys", "api_keys", "service_tokens"};
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

tkr_error_t tables_find(const char *asked,
                        tkr_error_t (*exists)(void *context, const char *table, bool *ret_exists,
                                              struct fault *fault),
                        void *context, const char **ret_table, struct fault *fault)
{
    const char *found = NULL;
    bool there = false;
    if (asked != NULL) {
        TRY(exists(context, asked, &there, fault));
        if (!there) {
            return fault_set(fault, TKR_NOT_FOUND, "table", "there is no table %.60s", asked);
        }
        *ret_table = asked;
        return TKR_OK;
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        TRY(exists(context, known[i], &there, fault));
        if (there && found != NULL) {
            return fault_set(fault, TKR_CONFLICT, "table",
                             "there are the tables %s and %s: choose with --table", found,
                             known[i]);
        }
        found = there ? known[i] : found;
    }
    if (found == NULL) {
        return fault_set(fault, TKR_NOT_FOUND, "table",
                         "there is none of the tables tokens, divv_api_keys, api_keys and "
                         "service_tokens: name yours with --table");
    }
    *ret_table = found;
    return TKR_OK;
}

static bool add_quoted(const char *text, size_t length, char *out, size_t *at)
{
    out[(*at)++] = '"';
    for (size_t i = 0; i < length; i++) {
        if (*at + 4 > TABLES_QUOTED_SIZE) {
            return false;
        }
        if (text[i] == '"') {
            out[(*at)++] = '"';
        }
        out[(*at)++] = text[i];
    }
    out[(*at)++] = '"';
    out[*at] = '\0';
    return length > 0;
}

tkr_error_t tables_quote(const char *table, char ret_quoted[TABLES_QUOTED_SIZE],
                         struct fault *fault)
{
    size_t at = 0;
    const char *point = strchr(table, '.');
    bool fits = strlen(table) < TABLES_QUOTED_SIZE / 2 - 8;
    if (fits && point != NULL) {
        fits = add_quoted(table, (size_t)(point - table), ret_quoted, &at);
        ret_quoted[at++] = '.';
        table = point + 1;
    }
    if (!fits || !add_quoted(table, strlen(table), ret_quoted, &at)) {
        return fault_set(fault, TKR_INVALID, "table", "this is no name of a table");
    }
    return TKR_OK;
}

tkr_error_t tables_select(const char *quoted, const char *const *names,
                          const size_t chosen[IMPORT_MEMBER_COUNT],
                          size_t ret_positions[IMPORT_MEMBER_COUNT], struct buffer *sql)
{
    size_t count = 0;
    buffer_clear(sql);
    buffer_add_text(sql, "SELECT ");
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        ret_positions[member] = SIZE_MAX;
        if (chosen[member] == SIZE_MAX) {
            continue;
        }
        char column[TABLES_QUOTED_SIZE];
        size_t at = 0;
        ENSURE(add_quoted(names[chosen[member]], strlen(names[chosen[member]]), column, &at),
               TKR_TOO_LARGE);
        buffer_print(sql, "%s%s", count > 0 ? ", " : "", column);
        ret_positions[member] = count++;
    }
    buffer_print(sql, " FROM %s", quoted);
    return buffer_status(sql);
}
