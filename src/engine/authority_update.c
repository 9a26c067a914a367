/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing tokens, and holding them. What is asked is checked on the caller's thread as far as it
 * goes without the token; the rest, on the writer thread, against the token as it then is.
 */
#include <string.h>

#include "base/text.h"
#include "engine/authority_internal.h"
#include "policy/scopes.h"

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t check_update(struct authority *authority, const struct token_update *update,
                                struct change *change, struct fault *fault)
{
    struct known_tier tier;
    if (update->has_name) {
        TRY(check_text(authority, "name", update->name, TOKEN_NAME_BYTES_MAX, fault));
    }
    if (update->has_tier && update->tier != NULL &&
        tiers_find(authority, update->tier, &tier) != TKR_OK) {
        return fault_set(fault, TKR_NOT_FOUND, "tier", "there is no such tier");
    }
    if (update->has_scopes) {
        TRY(check_scopes(authority, &change->by, update->scopes, update->scope_count, change->arena,
                         &change->asked.scopes, fault));
    }
    if (update->has_overrides) {
        TRY(limits_check(&update->overrides, authority->options.window_kinds, fault));
    }
    if (update->has_allowed_ips) {
        TRY(check_networks(update->allowed_ip_count, fault));
    }
    if (update->credits != NULL) {
        TRY(credits_check(update->credits, fault));
    }
    if (update->idempotency_key != NULL) {
        TRY(check_text(authority, "Idempotency-Key", update->idempotency_key,
                       IDEMPOTENCY_KEY_BYTES_MAX, fault));
    }
    return update->has_metadata ? check_metadata(authority, update->metadata, fault) : TKR_OK;
}

/* The texts of the request do not live until the writer thread reads them. */
static tkr_error_t copy_update(const struct token_update *update, struct change *change)
{
    struct arena *arena = change->arena;
    struct token_update *copy = &change->update;
    *copy = *update;
    if (update->has_name) {
        copy->name = arena_copy(arena, update->name, strlen(update->name));
    }
    if (update->tier != NULL) {
        copy->tier = arena_copy(arena, update->tier, strlen(update->tier));
    }
    if (update->role != NULL) {
        copy->role = arena_copy(arena, update->role, strlen(update->role));
    }
    if (update->has_metadata) {
        const char *metadata = update->metadata != NULL ? update->metadata : "{}";
        copy->metadata = arena_copy(arena, metadata, strlen(metadata));
    }
    if (update->has_allowed_ips) {
        size_t bytes = update->allowed_ip_count * sizeof(struct cidr);
        struct cidr *networks = bytes > 0 ? arena_alloc(arena, bytes) : NULL;
        if (networks != NULL) {
            memcpy(networks, update->allowed_ips, bytes);
        }
        copy->allowed_ips = networks;
    }
    copy->scopes = NULL; /* change->asked.scopes has them joined */
    copy->credits = NULL;
    change->credits =
        update->credits != NULL ? *update->credits : (struct credits_asked){.unlimited = true};
    change_copy_key(change, update->idempotency_key, update->request_digest);
    change->if_version = update->if_version;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

tkr_error_t authority_update_token(struct authority *authority, const struct principal *by,
                                   const char *token_id, const struct token_update *update,
                                   change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    if (atomic_load(&authority->segment_full)) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    TRY(change_new(authority, &change_update, by, done, context, &change, fault));
    tkr_error_t error = change_copy_id(token_id, change);
    if (error == TKR_OK) {
        error = check_update(authority, update, change, fault);
    }
    if (error == TKR_OK) {
        error = copy_update(update, change);
    }
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

static const struct change_kind *const hold_kinds[] = {
    [HOLD_DISABLE] = &change_disable,
    [HOLD_QUARANTINE] = &change_quarantine,
    [HOLD_RESTORE] = &change_restore,
};

tkr_error_t authority_hold_token(struct authority *authority, const struct principal *by,
                                 const char *token_id, enum token_hold hold, const char *reason,
                                 uint64_t if_version, change_done done, void *context,
                                 struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, hold_kinds[hold], by, done, context, &change, fault));
    tkr_error_t error = change_copy_id(token_id, change);
    if (error == TKR_OK) {
        error = change_copy_reason(authority, reason, change, fault);
    }
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    change->if_version = if_version;
    change->update = (struct token_update){
        .has_disabled = hold != HOLD_QUARANTINE,
        .disabled = hold == HOLD_DISABLE,
        .has_quarantined = hold != HOLD_DISABLE,
        .quarantined = hold == HOLD_QUARANTINE,
    };
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

/*
 * A token is bound by what it was given: a thief of it, or a program that has it for its work,
 * must not free itself of a limit, a network or an end, be it by way of its successor. What it is
 * called is its own affair, and it may take from itself (scopes, being enabled). Scope * could
 * make itself anew.
 */
static tkr_error_t check_bounds(struct authority *authority, struct change *change,
                                const struct token *token)
{
    const struct token_update *update = &change->update;
    const struct {
        bool has;
        const char *member;
    } bounds[] = {
        {update->has_tier, "tier"},
        {update->has_overrides, "limits"},
        {update->has_allowed_ips, "allowed_ips"},
        {update->has_not_before, "not_before"},
        {update->has_expires, "expires_at"},
    };
    size_t count = sizeof(bounds) / sizeof(bounds[0]), i = 0;
    while (i < count && !bounds[i].has) {
        i++;
    }
    if (i < count) {
        TRY(change_check_bound(authority, change, token, BOUND_BY_CONFIGURATION, bounds[i].member));
    }
    return update->has_credits
               ? change_check_bound(authority, change, token, BOUND_BY_CREDITS, "credits")
               : TKR_OK;
}

/* The token as it is to be, and what is different, for the event. */
static void merge_values(const struct change *change, struct token *token, struct details *details)
{
    const struct token_update *update = &change->update;
    char limits[LIMITS_TEXT_SIZE];
    if (update->has_name) {
        details_text(details, "name_was", token->name);
        token->name = update->name;
        details_text(details, "name", token->name);
    }
    if (update->has_tier) {
        details_text(details, "tier_was", token->tier);
        token->tier_inherited = update->tier == NULL; /* then it is set to the user's below */
        token->tier = update->tier != NULL ? update->tier : token->tier;
        details_text(details, "tier", update->tier);
    }
    if (update->has_overrides) {
        details_text(details, "limits_were", limits_format(&token->overrides, limits));
        token->overrides = update->overrides;
        details_text(details, "limits", limits_format(&token->overrides, limits));
    }
    if (update->has_allowed_ips) {
        token->allowed_ips = update->allowed_ips;
        token->allowed_ip_count = update->allowed_ip_count;
        details_flag(details, "networks", token->allowed_ip_count > 0);
    }
    if (update->has_metadata) {
        token->metadata = update->metadata;
        details_flag(details, "metadata", true);
    }
    if (update->has_credits) { /* what they were and are is told by an event of theirs */
        details_flag(details, "credits", true);
    }
}

static tkr_error_t merge_scopes(struct authority *authority, struct change *change,
                                struct token *token, struct details *details)
{
    const struct token_update *update = &change->update;
    const char *own = token->role != NULL ? token->own_scopes : token->scopes;
    if (!update->has_scopes && !update->has_role) {
        return TKR_OK;
    }
    if (update->has_role) {
        details_text(details, "role_was", token->role);
        token->role = update->role;
        details_text(details, "role", token->role);
    }
    details_text(details, "scopes_were", token->scopes);
    token->scopes = update->has_scopes ? change->asked.scopes : own;
    token->own_scopes = token->role != NULL ? token->scopes : NULL;
    TRY(role_join(authority, change, token));
    details_text(details, "scopes", token->scopes);
    return TKR_OK;
}

static tkr_error_t merge_times(struct authority *authority, struct change *change,
                               struct token *token, struct details *details)
{
    const struct token_update *update = &change->update;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    if (update->has_not_before) {
        token->not_before_ms = update->not_before_ms;
        details_time(details, "not_before", token->not_before_ms);
    }
    if (update->has_expires) {
        details_time(details, "expires_at_was", token->expires_at_ms);
        TRY(org_decide_expiry(authority, change, token, &update->lifetime, now_ms));
        details_time(details, "expires_at", token->expires_at_ms);
    }
    if (update->has_not_before || update->has_expires) {
        TRY(check_validity(token->not_before_ms, token->expires_at_ms, &change->result.fault));
    }
    if (update->has_disabled) {
        token->disabled_at_ms =
            update->disabled ? lineage_hold_ms(token, token->disabled_at_ms, now_ms) : 0;
        if (token->source == TOKEN_SOURCE_ENVIRONMENT) {
            token->metadata = "{}"; /* it was somebody, not the environment */
        }
        details_flag(details, "disabled", update->disabled);
    }
    if (update->has_quarantined) {
        token->quarantined_at_ms =
            update->quarantined ? lineage_hold_ms(token, token->quarantined_at_ms, now_ms) : 0;
        details_flag(details, "quarantined", update->quarantined);
    }
    change->denies = token->disabled_at_ms != 0 || token->quarantined_at_ms != 0;
    token->updated_at_ms = now_ms;
    return TKR_OK;
}

/* As revoking does: that may happen to a token with more scope than the caller's. */
static bool only_takes_away(const struct change *change)
{
    return change->kind == &change_disable || change->kind == &change_quarantine;
}

/* What the token was, and what it is. */
static tkr_error_t write_update(struct authority *authority, struct change *change,
                                const struct token *before, struct token *token,
                                struct details *details)
{
    const struct store_port *store = authority->store;
    bool was_active = token_status_at(before, token->updated_at_ms) == TOKEN_ACTIVE;
    struct store_event event = change_event(authority, change, token, details_finish(details));
    TRY(store->update_token(store->store, token, &event));
    TRY(lineage_follow(authority, change, before, token));
    if (!was_active && token_status_at(token, token->updated_at_ms) == TOKEN_ACTIVE) {
        TRY(org_replace_older(authority, change, token));
    }
    TRY(change_put_key(authority, change, token->id));
    return credits_update(authority, change, token);
}

static tkr_error_t update(struct authority *authority, struct change *change)
{
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token token;
    TRY(change_read_current(authority, change, change->asked.id, &token));
    if (!only_takes_away(change)) {
        TRY(change_check_reach(change, &token));
    }
    TRY(change_check_version(change, &token));
    if (token.revoked_at_ms != 0) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "the token is revoked");
    }
    TRY(check_bounds(authority, change, &token));
    if (change->kind == &change_update) { /* to be refused for a while is none of its master's */
        TRY(change_check_source(change, &token));
        TRY(lineage_check_update(change, &token));
    }
    if (change->reason != NULL) {
        details_text(&details, "reason", change->reason);
    }
    const struct token before = token;
    merge_values(change, &token, &details);
    TRY(merge_scopes(authority, change, &token, &details));
    TRY(merge_times(authority, change, &token, &details));
    TRY(tiers_ensure_user(authority, change, &token, token.updated_at_ms));
    TRY(write_update(authority, change, &before, &token, &details));
    change->result.token = token;
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t apply_update(struct authority *authority, struct change *change)
{
    bool replayed = false;
    TRY(change_replay(authority, change, &replayed));
    return replayed ? TKR_OK : change_apply_marked(authority, change, update);
}

static tkr_error_t show_change(struct authority *authority, struct change *change)
{
    TRY(org_show_replaced(authority, change));
    TRY(credits_show_others(authority, change));
    return show_token(authority, &change->result.token, &change->user);
}

const struct change_kind change_update = {"token.update", apply_update, show_change};
const struct change_kind change_disable = {"token.disable", apply_update, show_change};
const struct change_kind change_restore = {"token.restore", apply_update, show_change};
const struct change_kind change_quarantine = {"token.quarantine", apply_update, show_change};
