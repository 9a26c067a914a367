/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is changed of the current version holds for those that live on beside it.
 *
 * The versions of a lineage are one token to whoever manages it: one name, one configuration, one
 * set of limits. Somebody who revokes it while its predecessor is still in its overlap means the
 * token, and would be surprised to see the same client come in with the other version; so would
 * somebody who takes a scope or a network away. So a change of the current version is written to
 * every other one that has not ended, in the same transaction:
 *
 *   revoke                  they are revoked
 *   disable, quarantine     they are held, unless they are already
 *   restore                 those are restored that were held with it, and not by themselves: the
 *                           times tell, so a hold of theirs alone begins at another one
 *   update                  they get the same configuration, and the end if theirs is later
 *   rotate                  none outlives the successor
 *
 * A version that is not current may be held and revoked by itself, and nothing else. Who wants the
 * newest version to end and the one before it to go on rolls back.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* Held with the current version, at the same time, or freed with it. The current one may have been
 * held alone, when it leaked, and is now held as the whole token. */
static void follow_hold(bool asked, int64_t before_ms, int64_t after_ms, int64_t *version_ms)
{
    if (asked && *version_ms == 0) {
        *version_ms = after_ms;
    } else if (before_ms == 0 && after_ms != 0 && *version_ms == after_ms) {
        *version_ms = after_ms + 1; /* by itself, a moment ago */
    } else if (before_ms != 0 && after_ms == 0 && *version_ms == before_ms) {
        *version_ms = 0;
    }
}

int64_t lineage_hold_ms(const struct token *token, int64_t held_ms, int64_t now_ms)
{
    if (held_ms != 0 && token->replaced_by[0] == '\0') {
        return held_ms;
    }
    return now_ms > held_ms ? now_ms : held_ms + 1;
}

/* Never: 0. */
static int64_t earlier_end(int64_t a_ms, int64_t b_ms)
{
    return a_ms == 0 || (b_ms != 0 && b_ms < a_ms) ? b_ms : a_ms;
}

static void follow_update(const struct token_update *update, const struct token *current,
                          struct token *version)
{
    if (update->has_name) {
        version->name = current->name;
    }
    if (update->has_tier) {
        version->tier = current->tier;
        version->tier_inherited = current->tier_inherited;
    }
    if (update->has_scopes || update->has_role) {
        version->scopes = current->scopes;
        version->own_scopes = current->own_scopes;
        version->role = current->role;
    }
    if (update->has_overrides) {
        version->overrides = current->overrides;
    }
    if (update->has_allowed_ips) {
        version->allowed_ips = current->allowed_ips;
        version->allowed_ip_count = current->allowed_ip_count;
    }
    if (update->has_metadata) {
        version->metadata = current->metadata;
    }
    if (update->has_not_before) {
        version->not_before_ms = current->not_before_ms;
    }
}

static void follow_end(const struct token *current, struct token *version)
{
    version->expires_at_ms = earlier_end(version->expires_at_ms, current->expires_at_ms);
    version->expires_ungraced_ms =
        earlier_end(version->expires_ungraced_ms, current->expires_at_ms);
}

static void follow(const struct change *change, const struct token *before,
                   const struct token *current, struct token *version)
{
    if (current->revoked_at_ms != 0 && version->revoked_at_ms == 0) {
        version->revoked_at_ms = current->revoked_at_ms;
        version->revoke_reason = current->revoke_reason;
    }
    const struct token_update *update = &change->update;
    follow_hold(update->has_disabled && update->disabled, before->disabled_at_ms,
                current->disabled_at_ms, &version->disabled_at_ms);
    follow_hold(update->has_quarantined && update->quarantined, before->quarantined_at_ms,
                current->quarantined_at_ms, &version->quarantined_at_ms);
    follow_update(update, current, version);
    if (update->has_expires || change->kind == &change_rotate) {
        follow_end(current, version);
    }
    version->updated_at_ms = current->updated_at_ms;
}

static bool outlives(const struct token *version, const struct token *current)
{
    return earlier_end(version->expires_at_ms, current->expires_at_ms) != version->expires_at_ms ||
           earlier_end(version->expires_ungraced_ms, current->expires_at_ms) !=
               version->expires_ungraced_ms;
}

/* Unless it is revoked already by an emergency that is not settled yet; or, for a rotation, which
 * changes no more than the end, ends in time. */
static tkr_error_t write_version(struct authority *authority, struct change *change,
                                 const struct token *before, const struct token *current,
                                 const char *version_id)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    CLEANUP(details_deinit) struct details details;
    struct token version;
    details_init(&details);
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(store->read_token(store->store, version_id, arena, &version));
    epochs_overlay(authority, &version);
    ENSURE(version.revoked_at_ms == 0, TKR_OK);
    ENSURE(change->kind != &change_rotate || outlives(&version, current), TKR_OK);
    follow(change, before, current, &version);
    if (change->reason != NULL) {
        details_text(&details, "reason", change->reason);
    }
    details_text(&details, "with", current->id);
    struct store_event event = change_event(authority, change, &version, details_finish(&details));
    TRY(store->update_token(store->store, &version, &event));
    change->result.versions++;
    return change_add_id(change, version_id);
}

tkr_error_t lineage_follow(struct authority *authority, struct change *change,
                           const struct token *before, const struct token *current)
{
    const struct store_port *store = authority->store;
    char ids[VERSIONS_LIVE_MAX][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    if (current->replaced_by[0] != '\0' || !current->has_version_line) {
        return TKR_OK; /* it is not current, or has no other versions */
    }
    TRY(store->list_overlapping(store->store, current->lineage_id, current->updated_at_ms,
                                VERSIONS_LIVE_MAX, ids, &count));
    for (uint32_t i = 0; i < count; i++) {
        TRY(write_version(authority, change, before, current, ids[i]));
    }
    return TKR_OK;
}

tkr_error_t lineage_check_update(struct change *change, const struct token *token)
{
    const struct token_update *update = &change->update;
    bool configures = update->has_name || update->has_tier || update->has_scopes ||
                      update->has_role || update->has_overrides || update->has_allowed_ips ||
                      update->has_metadata || update->has_not_before || update->has_expires;
    if (configures && token->replaced_by[0] != '\0') {
        return fault_set(&change->result.fault, TKR_CONFLICT,
                         update->has_expires ? "expires_at" : "",
                         "it was rotated, and changes and ends with its successor: change %s, or "
                         "roll back",
                         token->replaced_by);
    }
    return TKR_OK;
}

tkr_error_t lineage_check_room(struct authority *authority, struct change *change,
                               const struct token *token, int64_t now_ms)
{
    const struct store_port *store = authority->store;
    char ids[VERSIONS_LIVE_MAX][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    TRY(store->list_overlapping(store->store, token->lineage_id, now_ms, VERSIONS_LIVE_MAX, ids,
                                &count));
    if (count >= VERSIONS_LIVE_MAX) {
        return fault_set(&change->result.fault, TKR_CAPACITY, "",
                         "%d versions before it still live in their overlaps: revoke some",
                         VERSIONS_LIVE_MAX);
    }
    return TKR_OK;
}
