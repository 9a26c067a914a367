/* SPDX-License-Identifier: Apache-2.0 */
/* Revoking one token, with the versions that live on beside it (see authority_lineage.c). For those
 * that it made see authority_family.c, for all at once authority_emergency.c. */
#include "engine/authority_internal.h"

tkr_error_t authority_revoke_token(struct authority *authority, const struct principal *by,
                                   const char *token_id, const char *reason, uint64_t if_version,
                                   change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, &change_revoke, by, done, context, &change, fault));
    tkr_error_t error = change_copy_id(token_id, change);
    if (error == TKR_OK) {
        error = change_copy_reason(authority, reason, change, fault);
    }
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    change->if_version = if_version;
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static tkr_error_t tell(struct change *change, const struct token *token)
{
    change->result.token = *token;
    change->changed = true;
    change->denies = true;
    return TKR_OK;
}

/* A second revocation is fine and changes nothing, whatever version it asks for: it may be the
 * first one again, whose answer was lost. But when the current version ended alone, because it
 * leaked or expired, this is the first one of the token. */
static tkr_error_t revoke_others(struct authority *authority, struct change *change,
                                 struct token *token)
{
    struct token ended = *token;
    ended.revoked_at_ms = segment_writer_now_ms(authority->segment);
    ended.updated_at_ms = ended.revoked_at_ms;
    ended.revoke_reason = change->reason;
    TRY(lineage_follow(authority, change, token, &ended));
    change->result.token = *token;
    if (change->result.versions == 0) {
        return TKR_OK;
    }
    TRY(tiers_ensure_user(authority, change, token, ended.updated_at_ms));
    return tell(change, token);
}

tkr_error_t revoke_with_versions(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token token;
    TRY(change_read_current(authority, change, change->asked.id, &token));
    if (token.revoked_at_ms != 0) {
        return revoke_others(authority, change, &token);
    }
    TRY(change_check_version(change, &token));
    const struct token before = token;
    token.revoked_at_ms = segment_writer_now_ms(authority->segment);
    token.updated_at_ms = token.revoked_at_ms;
    token.revoke_reason = change->reason;
    TRY(tiers_ensure_user(authority, change, &token, token.updated_at_ms));
    details_text(&details, "reason", change->reason);
    struct store_event event = change_event(authority, change, &token, details_finish(&details));
    TRY(store->update_token(store->store, &token, &event));
    TRY(lineage_follow(authority, change, &before, &token));
    return tell(change, &token);
}

static tkr_error_t apply_revoke(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, revoke_with_versions);
}

/* Showing it must not fail, whatever it takes: see change->denies. */
static tkr_error_t show_revoke(struct authority *authority, struct change *change)
{
    return show_token(authority, &change->result.token, &change->user);
}

const struct change_kind change_revoke = {"token.revoke", apply_revoke, show_revoke};
