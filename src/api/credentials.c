/* SPDX-License-Identifier: Apache-2.0 */
#include "api/credentials.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"

/* tchar of RFC 9110 §5.6.2, of which header names and schemes are made. */
static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return true;
    }
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!is_token_char((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

bool header_name_valid(const char *name)
{
    return name[0] != '\0' && is_token(name);
}

tkr_error_t credential_sources_init(struct credential_sources *sources,
                                    const struct api_credential_source *rows, size_t count,
                                    struct fault *fault)
{
    struct credential_sources made = {.count = count};
    if (count == 0 || count > API_CREDENTIAL_SOURCES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "credential_sources", "1 to %d are needed",
                         API_CREDENTIAL_SOURCES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        struct credential_source_row *row = &made.rows[i];
        row->header_length = strlen(rows[i].header);
        row->scheme_length = strlen(rows[i].scheme);
        if (row->header_length > CREDENTIAL_NAME_BYTES_MAX ||
            row->scheme_length > CREDENTIAL_NAME_BYTES_MAX) {
            return fault_set(fault, TKR_OUT_OF_RANGE, "credential_sources",
                             "a name has at most %d characters", CREDENTIAL_NAME_BYTES_MAX);
        }
        if (row->header_length == 0 || !is_token(rows[i].header) || !is_token(rows[i].scheme)) {
            return fault_set(fault, TKR_INVALID, "credential_sources",
                             "source %zu is not a header name and a scheme", i + 1);
        }
        memcpy(row->header, rows[i].header, row->header_length);
        memcpy(row->scheme, rows[i].scheme, row->scheme_length);
        made.lengths |= UINT64_C(1) << row->header_length;
    }
    *sources = made;
    return TKR_OK;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t')) {
        (*length)--;
    }
}

/*
 * Cuts the scheme off. False when the value is of another scheme, which is then none of our
 * business (`Basic` for the API behind us may stand beside an `X-API-Key`). RFC 6750 §2.1:
 * "Bearer" 1*SP b64token, the scheme in any case (RFC 9110 §11.1). What follows the scheme
 * and is not a space makes the credential malformed, not absent: it is kept, and no token
 * contains it.
 */
static bool cut_scheme(const struct credential_source_row *row, const char **text, size_t *length)
{
    size_t end = 0;
    while (end < *length && is_token_char((unsigned char)(*text)[end])) {
        end++;
    }
    if (end != row->scheme_length || strncasecmp(*text, row->scheme, end) != 0) {
        return false;
    }
    while (end < *length && (*text)[end] == ' ') {
        end++;
    }
    *text += end;
    *length -= end;
    return true;
}

static void found(struct credential *credential, const char *text, size_t length)
{
    if (credential->state == CREDENTIAL_NONE) {
        *credential =
            (struct credential){.state = CREDENTIAL_FOUND, .text = text, .length = length};
        return;
    }
    /* Both came from the caller, so the time of this comparison tells nobody anything. */
    if (credential->length != length || memcmp(credential->text, text, length) != 0) {
        *credential = (struct credential){.state = CREDENTIAL_CONFLICT};
    }
}

void credential_offer(const struct credential_sources *sources, struct credential *credential,
                      const char *name, size_t name_length, const char *value, size_t value_length)
{
    if (name_length > CREDENTIAL_NAME_BYTES_MAX || ((sources->lengths >> name_length) & 1) == 0 ||
        credential->state == CREDENTIAL_CONFLICT) {
        return;
    }
    for (size_t i = 0; i < sources->count; i++) {
        const struct credential_source_row *row = &sources->rows[i];
        if (row->header_length != name_length || strncasecmp(row->header, name, name_length) != 0) {
            continue;
        }
        const char *text = value;
        size_t length = value_length;
        trim(&text, &length);
        if (row->scheme_length == 0 ? length > 0 : cut_scheme(row, &text, &length)) {
            found(credential, text, length);
            return;
        }
        if (credential->state == CREDENTIAL_NONE && length > 0) {
            credential->other_scheme = true;
        }
    }
}

const struct fault *credential_absence(const struct credential_sources *sources,
                                       const struct credential *credential, struct fault *fault)
{
    if (!credential->other_scheme) {
        return NULL;
    }
    struct buffer names CLEANUP(buffer_deinit);
    buffer_init(&names, FAULT_DETAIL_BYTES);
    for (size_t i = 0; i < sources->count; i++) {
        const struct credential_source_row *row = &sources->rows[i];
        buffer_print(&names, "%s`%s%s%s`", i > 0 ? ", " : "", row->header,
                     row->scheme_length > 0 ? ": " : "", row->scheme);
    }
    bool whole = buffer_status(&names) == TKR_OK;
    fault_set(fault, TKR_UNAUTHENTICATED, "",
              "the scheme is not one that is read here; a token is read from %s",
              whole ? names.data : "the configured headers");
    return fault;
}
