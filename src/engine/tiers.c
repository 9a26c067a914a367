/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/authority_internal.h"

/* The mutex is held. tier_count: none. */
static size_t position(const struct authority *authority, const char *name)
{
    size_t i = 0;
    while (i < authority->tier_count && strcmp(authority->tiers[i].tier.name, name) != 0) {
        i++;
    }
    return i;
}

tkr_error_t tiers_find(struct authority *authority, const char *name, struct known_tier *ret_tier)
{
    pthread_mutex_lock(&authority->tiers_mutex);
    size_t i = position(authority, name);
    bool found = i < authority->tier_count;
    if (found) {
        *ret_tier = authority->tiers[i];
    }
    pthread_mutex_unlock(&authority->tiers_mutex);
    return found ? TKR_OK : TKR_NOT_FOUND;
}

tkr_error_t tiers_remember(struct authority *authority, const struct tier *tier, uint16_t number)
{
    tkr_error_t error = TKR_CAPACITY;
    pthread_mutex_lock(&authority->tiers_mutex);
    size_t i = position(authority, tier->name);
    if (i < SEGMENT_TIERS_MAX) {
        authority->tiers[i] = (struct known_tier){*tier, number};
        authority->tier_count += i == authority->tier_count;
        error = TKR_OK;
    }
    pthread_mutex_unlock(&authority->tiers_mutex);
    return error;
}

tkr_error_t tiers_ensure_user(struct authority *authority, struct change *change,
                              struct token *token, int64_t now_ms)
{
    const struct store_port *store = authority->store;
    struct known_tier tier;
    bool created = false;
    if (token->tier_inherited) {
        TRY(store->ensure_user(store->store, token->org_id, token->user_id, false, now_ms,
                               change->arena, &change->user, &created));
        token->tier = change->user.tier != NULL ? change->user.tier : TIER_DEFAULT;
    }
    TRY(tiers_find(authority, token->tier, &tier));
    bool want_line = (tier.tier.subject & LIMITS_OF_USER) != 0 || authority->batch_wants_lines;
    if (token->tier_inherited && (!want_line || change->user.line != SEGMENT_NO_LINE)) {
        return TKR_OK; /* it was asked for just now */
    }
    return store->ensure_user(store->store, token->org_id, token->user_id, want_line, now_ms,
                              change->arena, &change->user, &created);
}
