/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: from the store, with the counts as the segment has them now. */
#include <string.h>

#include "engine/authority_internal.h"

void token_overlay(struct authority *authority, const struct epochs_noted *noted,
                   struct token *token, int64_t now_ms)
{
    uint64_t total = 0;
    int64_t last_used_ms = 0;
    segment_writer_read_line(authority->segment, token->line, &total, &last_used_ms);
    if (total > token->request_count) {
        token->request_count = total;
    }
    if (token->has_version_line) { /* the last use is the version's, the count the lineage's */
        segment_writer_read_line(authority->segment, token->version_line, &total, &last_used_ms);
        token->version_count = total > token->version_count ? total : token->version_count;
    }
    if (last_used_ms > token->last_used_at_ms) {
        token->last_used_at_ms = last_used_ms;
    }
    epochs_overlay_noted(noted, token);
    token->status = token_status_at(token, now_ms);
    token->credits = credits_of_token(authority, token);
}

tkr_error_t authority_get_token(struct authority *authority, const struct principal *by,
                                const char *token_id, struct arena *arena, struct token *ret_token)
{
    uint8_t id[TOKEN_ID_BYTES];
    char text[TOKEN_ID_CHARS + 1];
    struct token token;
    struct epochs_noted noted;
    ENSURE(token_id_parse(token_id, strlen(token_id), id) == TKR_OK, TKR_NOT_FOUND);
    token_id_format(id, text);
    epochs_note(authority, &noted);
    TRY(authority->store->get_token(authority->store->store, text, arena, &token));
    ENSURE(principal_sees(by, &token), TKR_NOT_FOUND);
    token_overlay(authority, &noted, &token, segment_writer_now_ms(authority->segment));
    *ret_token = token;
    return TKR_OK;
}

tkr_error_t authority_list_tokens(struct authority *authority, const struct principal *by,
                                  const struct token_filter *filter, struct arena *arena,
                                  struct token_page *ret_page, struct fault *fault)
{
    struct token_filter own = *filter;
    struct token_page page = {0};
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(check_list_org(by, filter->org_id, &own.org_id, fault));
    TRY(check_page(&(struct page_of){.limit = own.limit}, fault));
    own.now_ms = now_ms;
    struct epochs_noted noted;
    epochs_note(authority, &noted);
    own.epochs_pending = noted.count > 0;
    tkr_error_t error = authority->store->list_tokens(authority->store->store, &own, arena, &page);
    if (error == TKR_INVALID) {
        return fault_set(fault, error, "cursor", "this is no cursor of ours");
    }
    TRY(error);
    for (size_t i = 0; i < page.count; i++) {
        token_overlay(authority, &noted, &page.tokens[i], now_ms);
    }
    *ret_page = page;
    return TKR_OK;
}

tkr_error_t authority_find_token(struct authority *authority, const struct principal *by,
                                 const char *name, struct arena *arena, struct token *ret_token)
{
    struct token_filter filter = {.name = name, .limit = 2};
    struct token_page page = {0};
    TRY(authority_list_tokens(authority, by, &filter, arena, &page, NULL));
    ENSURE(page.count <= 1, TKR_CONFLICT);
    if (page.count == 0) { /* then the newest of those that were */
        filter.include_inactive = true;
        filter.limit = 1;
        TRY(authority_list_tokens(authority, by, &filter, arena, &page, NULL));
        ENSURE(page.count == 1, TKR_NOT_FOUND);
    }
    *ret_token = page.tokens[0];
    return TKR_OK;
}

tkr_error_t authority_list_tiers(struct authority *authority, struct arena *arena,
                                 struct tier **ret_tiers, size_t *ret_count)
{
    return authority->store->list_tiers(authority->store->store, arena, ret_tiers, ret_count);
}

tkr_error_t authority_list_events(struct authority *authority, const struct principal *by,
                                  const struct event_filter *filter, struct arena *arena,
                                  struct event_page *ret_page, struct fault *fault)
{
    struct event_filter own = *filter;
    bool all = filter->org_id == NULL && principal_is_global(by);
    TRY(check_list_org(by, all ? "*" : filter->org_id, &own.org_id, fault));
    TRY(check_page(&(struct page_of){.limit = own.limit}, fault));
    tkr_error_t error =
        authority->store->audit.list_events(authority->store->store, &own, arena, ret_page);
    return error == TKR_INVALID ? fault_set(fault, error, "cursor", "this is no cursor of ours")
                                : error;
}

static tkr_error_t keep_checkpoint(void *context, const struct audit_checkpoint *checkpoint)
{
    struct audit_chain *chain = context;
    chain->checkpoint = *checkpoint;
    chain->has_checkpoint = true;
    return TKR_OK;
}

tkr_error_t authority_read_chain(struct authority *authority, struct audit_chain *ret_chain)
{
    const struct store_port *store = authority->store;
    struct audit_chain chain = {0};
    TRY(store->audit.read_log(store->store, &chain.log));
    if (chain.log.head.checkpoint_seq != 0) {
        TRY(store->audit.each_checkpoint(store->store, chain.log.head.checkpoint_seq,
                                         keep_checkpoint, &chain));
    }
    *ret_chain = chain;
    return TKR_OK;
}
