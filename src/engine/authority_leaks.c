/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of leaked tokens. The row of the report and what it does to the tokens are one
 * transaction, so a report that is sent twice, or replayed by somebody who saw it, acts once:
 * else it would hold a token again that an operator has restored.
 *
 * A honeytoken is left as it is: being found is what it is for.
 */
#include <string.h>

#include "engine/authority_internal.h"
#include "engine/leaks.h"

#define LEAK_REASON "leaked: a scanner found it"

static const struct change_kind change_leaks;

tkr_error_t authority_take_leaks(struct authority *authority, const struct principal *by,
                                 struct leak_notice *notice, change_done done, void *context,
                                 struct fault *fault)
{
    struct change *change = NULL;
    ENSURE(notice->count <= LEAK_REPORT_TOKENS_MAX, TKR_TOO_LARGE);
    TRY(change_new(authority, &change_leaks, by, done, context, &change, fault));
    change->leaks = notice;
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ----------------------------------------------------------------- */

static const char *act_on(const struct leak_notice *notice, struct token *token, int64_t now_ms)
{
    bool is_current = token->replaced_by[0] == '\0';
    bool refused = token->revoked_at_ms != 0 ||
                   (!notice->revoke && token->quarantined_at_ms != 0 && is_current);
    if (refused || token->honeytoken) {
        return "none";
    }
    token->updated_at_ms = now_ms;
    if (notice->revoke) {
        token->revoked_at_ms = now_ms;
        token->revoke_reason = LEAK_REASON;
        return "revoke";
    }
    token->quarantined_at_ms = lineage_hold_ms(token, token->quarantined_at_ms, now_ms);
    return "quarantine";
}

static const char *write_details(struct details *details, const struct leak_notice *notice,
                                 const struct leaked *leaked, const char *action)
{
    details_text(details, "action", action);
    details_text(details, "scanner", notice->scanner);
    details_text(details, "type", leaked->type);
    details_text(details, "source", leaked->source);
    details_text(details, "url", leaked->url);
    return details_finish(details);
}

static tkr_error_t take_one(struct authority *authority, struct change *change,
                            struct leaked *leaked)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    CLEANUP(details_deinit) struct details details;
    struct token token;
    details_init(&details);
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    tkr_error_t error = store->read_digest(store->store, leaked->digest, arena, &token);
    if (error == TKR_NOT_FOUND) {
        return TKR_OK;
    }
    TRY(error);
    epochs_overlay(authority, &token);
    leaked->ours = true;
    const char *action = act_on(change->leaks, &token, segment_writer_now_ms(authority->segment));
    struct store_event event = change_event(authority, change, &token,
                                            write_details(&details, change->leaks, leaked, action));
    if (action[0] == 'n') {
        return store->import.put_event(store->store, &event);
    }
    TRY(store->update_token(store->store, &token, &event));
    return change_add_id(change, token.id);
}

static tkr_error_t take_all(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct leak_notice *notice = change->leaks;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(store->put_leak_report(store->store, notice->digest, notice->scanner, notice->count,
                               now_ms));
    for (size_t i = 0; i < notice->count; i++) {
        TRY(take_one(authority, change, &notice->leaks[i]));
    }
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t apply_leaks(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, take_all);
}

/* The tokens themselves are shown as the store has them: change->ids. */
static tkr_error_t show_leaks(struct authority *authority, struct change *change)
{
    const struct leak_notice *notice = change->leaks;
    size_t ours = 0;
    for (size_t i = 0; i < notice->count; i++) {
        ours += notice->leaks[i].ours ? 1 : 0;
    }
    if (ours > 0) {
        authority_report(authority, LOG_WARNING, "tokens_leaked",
                         "%s found %zu of our tokens in public: %u %s now; see the events "
                         "token.leaked",
                         notice->scanner, ours, (unsigned)change->ids.count,
                         notice->revoke ? "revoked" : "quarantined");
    }
    return TKR_OK;
}

static const struct change_kind change_leaks = {"token.leaked", apply_leaks, show_leaks};
