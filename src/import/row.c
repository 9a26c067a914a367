/* SPDX-License-Identifier: Apache-2.0 */
#include "import/row.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void row_begin(struct row *row, struct import_source *source, uint64_t number)
{
    arena_reset(source->arena);
    *row = (struct row){
        .source = source,
        .out = {.number = number, .metadata = "{}", .scopes = "", .kind = TOKEN_KIND_USER},
    };
}

void row_bad(struct row *row, const char *field, const char *format, ...)
{
    if (row->bad) {
        return;
    }
    row->bad = true;
    char detail[FAULT_DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    fault_set(&row->fault, TKR_INVALID, field, "%s%s%s", field, field[0] != '\0' ? ": " : "",
              detail);
}

void row_set(struct row *row, enum import_member member, const char *column, const char *text,
             size_t length)
{
    /* Nothing is nothing, but for one: who is not said to be active was refused by the old store,
     * which asked `if active`. */
    if (text == NULL && member == IMPORT_ACTIVE) {
        text = "false";
        length = 5;
    }
    if (text != NULL && !row->bad && member < IMPORT_MEMBER_COUNT) {
        row_setters[member](row, column, text, length);
    }
}

/* Rows of services have no user (document 003): then the token is its own. */
static void complete_names(struct row *row)
{
    const struct import_options *options = row->source->options;
    struct import_row *out = &row->out;
    if (out->user_id == NULL && options->default_user != NULL) {
        out->user_id = options->default_user;
    }
    if (out->user_id == NULL && out->name != NULL) {
        out->user_id = out->name;
        out->kind = row->has_kind ? out->kind : TOKEN_KIND_SERVICE;
    }
    if (out->user_id == NULL) {
        row_bad(row, "", "it has neither a user nor a name: give it a user with --user");
        return;
    }
    out->name = out->name != NULL ? out->name : out->user_id;
    out->org_id = out->org_id != NULL ? out->org_id : options->default_org;
}

static void complete_env(struct row *row)
{
    const char *test = row->source->options->prefixes.test;
    if (!row->has_env && row->out.display_prefix != NULL && test[0] != '\0' &&
        strncmp(row->out.display_prefix, test, strlen(test)) == 0) {
        row->out.env = TOKEN_ENV_TEST;
    }
}

/* Document 003 keeps them there. */
static void complete_scopes(struct row *row)
{
    if (row->has_scopes || strstr(row->out.metadata, "\"permissions\"") == NULL) {
        return;
    }
    json_t *metadata = json_loads(row->out.metadata, 0, NULL);
    const json_t *permissions = json_object_get(metadata, "permissions");
    if (json_is_array(permissions)) {
        char *text = json_dumps(permissions, JSON_COMPACT);
        if (text != NULL) {
            row_set_scopes(row, "permissions", text, strlen(text));
        }
        free(text);
    }
    json_decref(metadata);
}

tkr_error_t row_finish(struct row *row)
{
    struct import_row *out = &row->out;
    if (!row->bad && !row->has_digest) {
        row_bad(row, "", "it has no hash of a token");
    }
    if (!row->bad) {
        complete_names(row);
        complete_env(row);
        complete_scopes(row);
    }
    if (!row->bad && row->expired && out->expires_at_ms == 0) {
        row_bad(row, "", "it is said to be expired, and not since when");
    }
    if (!row->bad && out->not_before_ms != 0 && out->expires_at_ms != 0 &&
        out->not_before_ms >= out->expires_at_ms) {
        row_bad(row, "", "it would expire before it begins");
    }
    ENSURE(!arena_overflowed(row->source->arena), TKR_MEMORY);
    return TKR_OK;
}
