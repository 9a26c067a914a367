/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of one's own: whoever has a token makes further ones for its user.
 *
 * Nobody gives what they have not, or a thief of a small key would have a large one a call later.
 * The caller's token is read again on the writer thread, within the batch that inserts the new
 * key, so that what it was when the request came does not count any more:
 *
 *   state      it is in force; one that was revoked meanwhile makes nothing
 *   env        a test token makes test tokens
 *   scopes     covered by its own
 *   tier       within its own (policy/limits_order.h)
 *   limits     window by window no more than it may do itself, its overrides counted; where the
 *              tier alone would allow more, the new key gets an override
 *   networks   within its own, when it has some
 *   end        no later than its own: cut, and the answer says so
 *   credits    from the same account
 *
 * What was not asked for is as with the caller. The number of live keys that a user got this way
 * has a maximum, or the limits of a tier of tokens could be multiplied at will.
 */
#include <stdio.h>
#include <string.h>

#include "engine/authority_internal.h"
#include "policy/limits_order.h"
#include "policy/scopes.h"

/* --- on the caller's thread -------------------------------------------------------------- */

tkr_error_t authority_get_own_key(struct authority *authority, const struct principal *by,
                                  const char *token_id, struct arena *arena,
                                  struct token *ret_token)
{
    struct token token;
    TRY(authority_get_token(authority, by, token_id, arena, &token));
    ENSURE(strcmp(token.org_id, by->org_id) == 0 && strcmp(token.user_id, by->user_id) == 0,
           TKR_NOT_FOUND);
    *ret_token = token;
    return TKR_OK;
}

tkr_error_t authority_create_own_key(struct authority *authority, const struct principal *by,
                                     const struct token_create *create, bool has_env,
                                     change_done done, void *context, struct fault *fault)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token maker;
    struct token_create own = *create;
    if (by->via != VIA_TOKEN) {
        return fault_set(fault, TKR_FORBIDDEN, "", "only a token makes keys of its own");
    }
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(authority_get_token(authority, by, by->token_id, arena, &maker));
    own.user_id = by->user_id;
    own.org_id = NULL;
    own.kind = TOKEN_KIND_USER;
    own.chosen = NULL;
    own.env = has_env ? create->env : maker.env;
    own.own = true;
    own.own_tier = create->tier != NULL;
    own.tier = own.own_tier ? create->tier : maker.tier;
    return authority_create_token(authority, by, &own, done, context, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static tkr_error_t read_maker(struct authority *authority, struct change *change,
                              struct token *ret_maker)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    tkr_error_t error =
        store->read_token(store->store, change->by.token_id, change->arena, ret_maker);
    if (error == TKR_OK) {
        epochs_overlay(authority, ret_maker);
    }
    if (error == TKR_NOT_FOUND ||
        (error == TKR_OK && token_status_at(ret_maker, now_ms) != TOKEN_ACTIVE)) {
        return fault_set(&change->result.fault, TKR_UNAUTHENTICATED, "",
                         "the token of this call is no longer in force");
    }
    return error;
}

static tkr_error_t bound_kind(struct change *change, const struct token *maker)
{
    const struct token *key = &change->asked;
    struct fault *fault = &change->result.fault;
    if (maker->env == TOKEN_ENV_TEST && key->env != TOKEN_ENV_TEST) {
        return fault_set(fault, TKR_FORBIDDEN, "env", "a test token makes no live ones");
    }
    if (!scopes_cover(maker->scopes, strlen(maker->scopes), key->scopes, strlen(key->scopes))) {
        return fault_set(fault, TKR_FORBIDDEN, "scopes",
                         "nobody can give a token more scope than they have");
    }
    return TKR_OK;
}

static tkr_error_t bound_window(struct change *change, const struct tier *tier, uint32_t most,
                                enum window window)
{
    static const struct limits none = {0};
    struct limits *overrides = &change->asked.overrides;
    bool asked = (overrides->set & (1U << window)) != 0;
    if (asked && overrides->limit[window] > most) {
        char field[FAULT_FIELD_BYTES];
        snprintf(field, sizeof(field), "limits.%s", window_name(window));
        return fault_set(&change->result.fault, TKR_FORBIDDEN, field,
                         "the token of this call has a lower limit");
    }
    if (!asked && limit_of_token(tier, &none, window) > most) {
        overrides->set |= 1U << window;
        overrides->limit[window] = most;
    }
    return TKR_OK;
}

static tkr_error_t bound_limits(struct authority *authority, struct change *change,
                                const struct token *maker)
{
    struct token *key = &change->asked;
    struct known_tier theirs, mine;
    enum window window = 0;
    if (!change->own_tier) {
        key->tier = maker->tier;
        key->tier_inherited = maker->tier_inherited;
    }
    TRY(tiers_find(authority, maker->tier, &theirs));
    TRY(tiers_find(authority, key->tier, &mine));
    if (!tier_within(&mine.tier, &theirs.tier, &window)) {
        return fault_set(&change->result.fault, TKR_FORBIDDEN, "tier",
                         "tier %s allows more in a window (%s) than %s, that of this call's token",
                         key->tier, window_name(window), maker->tier);
    }
    for (window = 0; window < WINDOW_COUNT; window++) {
        uint32_t most = limit_of_token(&theirs.tier, &maker->overrides, window);
        TRY(bound_window(change, &mine.tier, most, window));
    }
    return TKR_OK;
}

static bool is_inside(const struct token *maker, const struct cidr *network)
{
    bool inside = false;
    for (size_t i = 0; i < maker->allowed_ip_count && !inside; i++) {
        inside = cidr_within(network, &maker->allowed_ips[i]);
    }
    return inside;
}

static tkr_error_t bound_networks(struct change *change, const struct token *maker)
{
    struct token *key = &change->asked;
    if (maker->allowed_ip_count == 0) {
        return TKR_OK;
    }
    if (key->allowed_ip_count == 0) {
        key->allowed_ips = maker->allowed_ips; /* in the change's arena */
        key->allowed_ip_count = maker->allowed_ip_count;
    }
    for (size_t i = 0; i < key->allowed_ip_count; i++) {
        if (!is_inside(maker, &key->allowed_ips[i])) {
            return fault_set(&change->result.fault, TKR_FORBIDDEN, "allowed_ips",
                             "element %zu is outside the networks of this call's token", i);
        }
    }
    return TKR_OK;
}

void own_key_cut(struct change *change, struct token *key)
{
    int64_t end_ms = change->maker_ends_ms;
    if (change->own && end_ms != 0 && (key->expires_at_ms == 0 || key->expires_at_ms > end_ms)) {
        key->expires_at_ms = end_ms;
        change->result.clamped_to_maker = true;
    }
}

static tkr_error_t check_room(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    const struct token *key = &change->asked;
    uint32_t most = authority->options.own_keys_max;
    uint32_t count = 0;
    most = most == 0 || most > OWN_KEYS_MAX ? OWN_KEYS_MAX : most;
    TRY(store->count_made(store->store, key->org_id, key->user_id,
                          segment_writer_now_ms(authority->segment), most, &count));
    if (count >= most) {
        return fault_set(&change->result.fault, TKR_CAPACITY, "",
                         "this user has %u live keys already, which is the maximum", count);
    }
    return TKR_OK;
}

tkr_error_t own_key_bound(struct authority *authority, struct change *change)
{
    struct token maker;
    TRY(read_maker(authority, change, &maker));
    TRY(bound_kind(change, &maker));
    TRY(bound_limits(authority, change, &maker));
    TRY(bound_networks(change, &maker));
    change->maker_ends_ms = maker.expires_at_ms;
    change->asked.has_credit_line = maker.has_credit_line;
    change->asked.credit_line = maker.credit_line;
    return check_room(authority, change);
}
