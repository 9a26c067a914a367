/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/authority_internal.h"

static tkr_error_t visit_slice(struct authority *authority, const struct scanned_token *tokens,
                               size_t count,
                               tkr_error_t (*visit)(struct authority *authority, void *context,
                                                    const struct scanned_token *token),
                               void *context)
{
    for (size_t i = 0; i < count; i++) {
        TRY(visit(authority, context, &tokens[i]));
    }
    return TKR_OK;
}

tkr_error_t many_each(struct authority *authority, const struct token_scan *scan,
                      tkr_error_t (*visit)(struct authority *authority, void *context,
                                           const struct scanned_token *token),
                      void *context)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token_scan at = *scan;
    size_t count = 0;
    TRY(arena_new(STORE_SCAN_BYTES_MAX, &arena));
    do {
        arena_reset(arena);
        struct scanned_token *tokens = arena_alloc(arena, STORE_SCAN_TOKENS * sizeof(*tokens));
        ENSURE(tokens != NULL, TKR_MEMORY);
        TRY(store->tenancy.scan_tokens(store->store, &at, arena, tokens, &count));
        TRY(visit_slice(authority, tokens, count, visit, context));
        at.after = count > 0 ? tokens[count - 1].number : at.after;
    } while (count == STORE_SCAN_TOKENS);
    return TKR_OK;
}

tkr_error_t many_show(struct authority *authority, const struct scanned_token *token,
                      const struct segment_adjustment *adjustment)
{
    tkr_error_t error = segment_writer_adjust_token(authority->segment, token->digest, adjustment);
    if (error == TKR_OK || error == TKR_NOT_FOUND) {
        return TKR_OK;
    }
    writer_remember_token(authority, token->id);
    return error;
}

tkr_error_t many_show_each(struct authority *authority, const struct token_scan *scan,
                           tkr_error_t (*visit)(struct authority *authority, void *context,
                                                const struct scanned_token *token),
                           void *context)
{
    tkr_error_t error = many_each(authority, scan, visit, context);
    if (error != TKR_OK) { /* which ones are missing is not known: the next start shows all */
        authority->segment_behind = true;
        authority->invisible_lost = true;
    }
    return error;
}

static tkr_error_t check_one(struct authority *authority, void *context,
                             const struct scanned_token *token)
{
    const struct principal *by = context;
    bool covered = principal_covers(by, token->scopes) && token->kind != TOKEN_KIND_ADMIN;
    return covered || token->revoked_at_ms != 0 ? TKR_OK : TKR_FORBIDDEN;
}

tkr_error_t many_check_reach(struct authority *authority, const struct principal *by,
                             const struct token_scan *scan, struct fault *fault)
{
    if (principal_is_global(by)) {
        return TKR_OK;
    }
    struct principal reader = *by;
    tkr_error_t error = many_each(authority, scan, check_one, &reader);
    if (error == TKR_FORBIDDEN) {
        return fault_set(fault, error, "", "a token of it has more scope than you have");
    }
    return error;
}
