/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "engine/authority_internal.h"
#include "policy/scopes.h"

/* A token belongs into no text that is stored, shown to others or audited. Somebody who pastes
 * one into the wrong place is told so, by the member's name only. */
static tkr_error_t check_no_token(const struct authority *authority, const char *field,
                                  const char *text, size_t length, struct fault *fault)
{
    if (token_text_within(&authority->options.prefixes, text, length)) {
        return fault_set(fault, TKR_INVALID, field, "contains a token");
    }
    return TKR_OK;
}

tkr_error_t check_text(const struct authority *authority, const char *field, const char *text,
                       size_t bytes_max, struct fault *fault)
{
    size_t length = text != NULL ? strnlen(text, bytes_max + 1) : 0;
    if (length < 1 || length > bytes_max) {
        return fault_set(fault, TKR_OUT_OF_RANGE, field, "must be 1 to %zu bytes", bytes_max);
    }
    if (!text_is_printable_utf8(text, length)) {
        return fault_set(fault, TKR_INVALID, field,
                         "must be valid UTF-8 without control or invisible characters");
    }
    return check_no_token(authority, field, text, length, fault);
}

tkr_error_t check_networks(size_t count, struct fault *fault)
{
    if (count > CIDRS_PER_TOKEN_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "allowed_ips", "at most %d networks",
                         CIDRS_PER_TOKEN_MAX);
    }
    return TKR_OK;
}

tkr_error_t check_metadata(const struct authority *authority, const char *metadata,
                           struct fault *fault)
{
    size_t length = metadata != NULL ? strnlen(metadata, METADATA_BYTES_MAX + 1) : 0;
    if (length > METADATA_BYTES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "metadata", "at most %d bytes as JSON",
                         METADATA_BYTES_MAX);
    }
    return length > 0 ? check_no_token(authority, "metadata", metadata, length, fault) : TKR_OK;
}

tkr_error_t check_scopes(const struct authority *authority, const struct principal *by,
                         const char *const *scopes, size_t count, struct arena *arena,
                         const char **ret_text, struct fault *fault)
{
    CLEANUP(buffer_deinit) struct buffer text;
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) { /* first: joining names a wrong scope in its fault */
        TRY(check_no_token(authority, "scopes", scopes[i], strlen(scopes[i]), fault));
    }
    TRY(scopes_join(scopes, count, &text, fault));
    const char *joined = text.data != NULL ? text.data : "";
    if (!scopes_cover(by->scopes, strlen(by->scopes), joined, text.length)) {
        return fault_set(fault, TKR_FORBIDDEN, "scopes",
                         "nobody can give a token more scope than they have");
    }
    *ret_text = arena_copy(arena, joined, text.length);
    ENSURE(*ret_text != NULL, TKR_MEMORY);
    return TKR_OK;
}

tkr_error_t check_validity(int64_t not_before_ms, int64_t expires_at_ms, struct fault *fault)
{
    if (not_before_ms < 0 || not_before_ms > TEXT_TIME_MS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "not_before",
                         "must be in the years 1970 to 9999");
    }
    if (expires_at_ms != 0 && not_before_ms >= expires_at_ms) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "not_before", "must be before the expiry");
    }
    return TKR_OK;
}

bool principal_is_global(const struct principal *by)
{
    return scopes_grant(by->scopes, strlen(by->scopes), "*", 1);
}

bool principal_sees(const struct principal *by, const struct token *token)
{
    return strcmp(by->org_id, token->org_id) == 0 || principal_is_global(by);
}

bool principal_covers(const struct principal *by, const char *scopes)
{
    return scopes_cover(by->scopes, strlen(by->scopes), scopes, strlen(scopes));
}

tkr_error_t check_org(const struct authority *authority, const struct principal *by,
                      const char *asked, const char **ret_org, struct fault *fault)
{
    const char *org = asked != NULL ? asked : by->org_id;
    TRY(check_text(authority, "org_id", org, ORG_ID_BYTES_MAX, fault));
    if (strcmp(org, by->org_id) != 0 && !principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "org_id",
                         "only scope * reaches other organisations");
    }
    if (strcmp(org, "*") == 0) { /* lists take it for all of them */
        return fault_set(fault, TKR_INVALID, "org_id", "* is no organisation");
    }
    *ret_org = org;
    return TKR_OK;
}

tkr_error_t check_own_org(const struct principal *by, const char *asked, const char **ret_org)
{
    const char *org = asked != NULL ? asked : by->org_id;
    ENSURE(strcmp(org, by->org_id) == 0 || principal_is_global(by), TKR_NOT_FOUND);
    *ret_org = org;
    return TKR_OK;
}

tkr_error_t check_list_org(const struct principal *by, const char *asked, const char **ret_org,
                           struct fault *fault)
{
    const char *org = asked != NULL ? asked : by->org_id;
    if (strcmp(org, by->org_id) != 0 && !principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "org_id",
                         "only scope * reaches other organisations");
    }
    /* Only who has scope * reaches all, and only by asking: a principal of an org of that name,
     * should a store hold one, does not. */
    bool all = asked != NULL && strcmp(org, "*") == 0 && principal_is_global(by);
    *ret_org = all ? NULL : org;
    return TKR_OK;
}

tkr_error_t check_page(const struct page_of *page, struct fault *fault)
{
    if (page->limit < 1 || page->limit > LIST_PAGE_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "limit", "must be 1 to %d", LIST_PAGE_MAX);
    }
    return TKR_OK;
}
