/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing in the segment what the store has committed.
 *
 * The segment can be full (a tmpfs has a size), and then a change is durable and cannot be
 * seen. So that nobody is told otherwise, and nothing refused is let through:
 *
 *   - a change that denies (revoke, disable) takes the token out of the segment, which needs no
 *     space: it is then `not_found`, which is refused too, and the change is answered as done;
 *   - any other change is answered with `unavailable`. A verification sees the token as it
 *     was (or not at all, when it is new);
 *   - either way the token is remembered and shown again, as the store has it by then, at every
 *     flush until it succeeds. Meanwhile changes that need space are refused at the door;
 *   - the segment is not marked as complete, so that an authority that starts while something
 *     is missing builds a new one.
 */
#include <stdio.h>
#include <string.h>

#include "engine/authority_internal.h"

/* --- one thing --------------------------------------------------------------------------- */

tkr_error_t segment_token_from(const struct token *token, struct segment_token *ret_token)
{
    struct segment_token shown = {
        .kind = token->kind,
        .env = token->env,
        .line = token->line,
        .not_before_ms = token->not_before_ms,
        .expires_at_ms = token->expires_at_ms,
        .overrides = token->overrides,
        .name = token->name,
        .name_length = strlen(token->name),
        .scopes = token->scopes,
        .scopes_length = strlen(token->scopes),
        .cidrs = token->allowed_ips,
        .cidr_count = token->allowed_ip_count,
    };
    shown.has_version_line = token->has_version_line;
    shown.version_line = token->version_line;
    shown.has_credit_line = token->has_credit_line;
    shown.credit_line = token->credit_line;
    shown.spared_ms = token->spared_at_ms;
    if (strcmp(token->metadata, "{}") != 0) {
        shown.metadata = token->metadata;
        shown.metadata_length = strlen(token->metadata);
    }
    shown.flags = (token->revoked_at_ms != 0 ? SEGMENT_TOKEN_REVOKED : 0) |
                  (token->disabled_at_ms != 0 ? SEGMENT_TOKEN_DISABLED : 0) |
                  (token->quarantined_at_ms != 0 ? SEGMENT_TOKEN_QUARANTINED : 0) |
                  (token->honeytoken ? SEGMENT_TOKEN_HONEYTOKEN : 0) |
                  (token->warned ? SEGMENT_TOKEN_WARNED : 0);
    memcpy(shown.digest, token->digest, sizeof(shown.digest));
    ENSURE(token_id_parse(token->id, TOKEN_ID_CHARS, shown.id) == TKR_OK, TKR_CORRUPT);
    *ret_token = shown;
    return TKR_OK;
}

tkr_error_t show_user(struct authority *authority, const struct store_user *user,
                      uint32_t *ret_number)
{
    uint16_t org = 0;
    if (user->line != SEGMENT_NO_LINE) {
        TRY(segment_writer_reserve_lines(authority->segment, user->line + 1));
    }
    TRY(segment_writer_put_org(authority->segment, user->org_id, strlen(user->org_id), &org));
    return segment_writer_put_user(authority->segment, org, user->id, strlen(user->id),
                                   user->suspended ? SEGMENT_USER_SUSPENDED : 0, user->line,
                                   &user->overrides, ret_number);
}

tkr_error_t show_token(struct authority *authority, const struct token *token,
                       const struct store_user *user)
{
    struct segment_token shown;
    struct known_tier tier;
    TRY(segment_token_from(token, &shown));
    TRY(tiers_find(authority, token->tier, &tier));
    shown.tier = tier.number;
    TRY(show_user(authority, user, &shown.user));
    return segment_writer_put_token(authority->segment, &shown);
}

tkr_error_t show_tier(struct authority *authority, const struct tier *tier)
{
    uint16_t number = 0;
    TRY(segment_writer_put_tier(authority->segment, tier, &number));
    return tiers_remember(authority, tier, number);
}

/* --- what could not be shown ------------------------------------------------------------- */

void writer_remember_token(struct authority *authority, const char *token_id)
{
    if (authority->invisible_count < INVISIBLE_TOKENS_MAX) {
        memcpy(authority->invisible[authority->invisible_count++], token_id, TOKEN_ID_CHARS + 1);
    } else {
        authority->invisible_lost = true; /* the next start builds the segment anew */
    }
}

static void remember_imported(struct authority *authority, const struct import_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i].result == TOKEN_IMPORT_CREATED && !batch->rows[i].shown) {
            writer_remember_token(authority, batch->rows[i].token.id);
        }
    }
}

static void remember(struct authority *authority, const struct change *change)
{
    authority->segment_behind = true;
    if (change->kind == &change_tier) {
        authority->invisible_tiers = true;
    } else if (change->import != NULL) {
        remember_imported(authority, change->import);
    } else if (change->result.token.id[0] != '\0') {
        writer_remember_token(authority, change->result.token.id);
    }
    if (change->other != NULL) {
        writer_remember_token(authority, change->other->id);
    }
    for (size_t i = 0; i < change->other_count; i++) {
        writer_remember_token(authority, change->others[i]);
    }
    if (!atomic_exchange(&authority->segment_full, true)) {
        authority_report(authority, LOG_ERROR, "segment_full",
                         "what is stored cannot be shown to verifiers: is %s full?",
                         authority->runtime_directory);
    }
}

static bool take_out(struct authority *authority, const struct token *token)
{
    tkr_error_t removed = segment_writer_remove_token(authority->segment, token->digest);
    return removed == TKR_OK || removed == TKR_NOT_FOUND;
}

static void tell_unseen(struct change_result *result, tkr_error_t error)
{
    result->error = fault_set(&result->fault, TKR_UNAVAILABLE, "",
                              "the change is stored, and verifiers cannot see it yet (%s)",
                              tkr_error_name(error));
}

static void could_not_show(struct authority *authority, struct change *change, tkr_error_t error)
{
    struct change_result *result = &change->result;
    remember(authority, change);
    bool gone = change->denies && take_out(authority, &result->token);
    bool other_gone = change->other_denies && take_out(authority, change->other);
    if (gone && (change->other == NULL || other_gone)) {
        return;
    }
    tell_unseen(result, error);
}

void writer_shown(struct authority *authority, uint64_t store_seq)
{
    authority->store_seq = store_seq;
    if (!authority->segment_behind) {
        segment_writer_end(authority->segment, store_seq);
    }
}

void writer_show_batch(struct authority *authority, struct change *changes, uint64_t store_seq)
{
    segment_writer_begin(authority->segment);
    credits_book_show(authority); /* before the tokens that may name new lines */
    for (struct change *change = changes; change != NULL; change = change->next) {
        if (change->result.error != TKR_OK || !change->changed) {
            continue;
        }
        tkr_error_t error = change->kind->show(authority, change);
        if (error != TKR_OK) {
            could_not_show(authority, change, error);
        }
        error = show_ids(authority, change);
        if (error != TKR_OK && change->environment == NULL) { /* a start does not fail for it */
            tell_unseen(&change->result, error);
        }
    }
    writer_shown(authority, store_seq);
}

tkr_error_t show_stored_token(struct authority *authority, const char *token_id)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    struct store_user user;
    bool created = false;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(store->begin(store->store));
    tkr_error_t error = store->read_token(store->store, token_id, arena, &token);
    if (error == TKR_OK) { /* the user is there: nothing is made */
        error = store->ensure_user(store->store, token.org_id, token.user_id, false, 0, arena,
                                   &user, &created);
    }
    store->rollback(store->store);
    TRY(error);
    epochs_overlay(authority, &token);
    return show_token(authority, &token, &user);
}

static tkr_error_t show_stored_tiers(struct authority *authority)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct tier *tiers = NULL;
    size_t count = 0;
    TRY(arena_new(SEGMENT_TIERS_MAX * sizeof(struct tier) + 64, &arena));
    TRY(store->list_tiers(store->store, arena, &tiers, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(show_tier(authority, &tiers[i]));
    }
    return TKR_OK;
}

void writer_show_again(struct authority *authority)
{
    if (!authority->segment_behind) {
        return;
    }
    if (authority->invisible_tiers && show_stored_tiers(authority) != TKR_OK) {
        return;
    }
    authority->invisible_tiers = false;
    while (authority->invisible_count > 0) {
        if (show_stored_token(authority, authority->invisible[authority->invisible_count - 1]) !=
            TKR_OK) {
            return;
        }
        authority->invisible_count--;
    }
    atomic_store(&authority->segment_full, false);
    authority_report(authority, LOG_INFO, "segment_recovered", "verifiers see what is stored");
    if (!authority->invisible_lost) {
        authority->segment_behind = false;
        segment_writer_end(authority->segment, authority->store_seq);
    }
}

/* What is refused and cannot be shown so is taken out, as could_not_show does. */
static bool take_out_refused(struct authority *authority, const char *token_id)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    if (arena_new(CHANGE_BYTES_MAX, &arena) != TKR_OK || store->begin(store->store) != TKR_OK) {
        return false;
    }
    tkr_error_t error = store->read_token(store->store, token_id, arena, &token);
    store->rollback(store->store);
    if (error != TKR_OK) {
        return false;
    }
    epochs_overlay(authority, &token);
    bool refused =
        token.revoked_at_ms != 0 || token.disabled_at_ms != 0 || token.quarantined_at_ms != 0;
    return refused && take_out(authority, &token);
}

tkr_error_t show_ids(struct authority *authority, const struct change *change)
{
    tkr_error_t unseen = TKR_OK;
    for (uint32_t i = 0; i < change->ids.count; i++) {
        const char *id = change->ids.ids[i];
        tkr_error_t error = show_stored_token(authority, id);
        if (error == TKR_OK) {
            continue;
        }
        if (!take_out_refused(authority, id)) {
            unseen = error;
        }
        writer_remember_token(authority, id);
        authority->segment_behind = true;
        atomic_store(&authority->segment_full, true);
    }
    return unseen;
}
