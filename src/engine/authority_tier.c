/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/authority_internal.h"
#include "policy/scopes.h"

static const char needed_scope[] = "tiers:write";

static tkr_error_t check_tier(const struct authority *authority, const struct principal *by,
                              const struct tier *tier, struct fault *fault)
{
    if (!scopes_grant(by->scopes, strlen(by->scopes), needed_scope, sizeof(needed_scope) - 1)) {
        return fault_set(fault, TKR_FORBIDDEN, "", "scope %s is needed", needed_scope);
    }
    if (!tier_name_valid(tier->name, strnlen(tier->name, sizeof(tier->name)))) {
        return fault_set(fault, TKR_INVALID, "name", "1 to %d of a-z, 0-9, _ and -",
                         TIER_NAME_BYTES_MAX);
    }
    ENSURE(tier->subject >= LIMITS_OF_TOKEN && tier->subject <= LIMITS_OF_BOTH, TKR_INVALID);
    return limits_check(&tier->limits, authority->options.window_kinds, fault);
}

tkr_error_t authority_put_tier(struct authority *authority, const struct principal *by,
                               const struct tier *tier, change_done done, void *context,
                               struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_tier(authority, by, tier, fault));
    TRY(change_new(authority, &change_tier, by, done, context, &change, fault));
    change->tier = *tier;
    return writer_submit(authority, change, fault);
}

/*
 * The users are shown before the tier is, so that a tier of users finds their lines; and while
 * the batch is open, so that none has to be remembered. A rollback leaves lines behind that no
 * limit speaks of: before one does, the user is shown again with the line that the store has.
 */
static tkr_error_t show_early(void *context, const struct store_user *user)
{
    uint32_t number = 0;
    return show_user(context, user, &number);
}

static tkr_error_t apply_tier(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    char limits[LIMITS_TEXT_SIZE];
    struct known_tier known;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    bool is_new = tiers_find(authority, change->tier.name, &known) != TKR_OK;
    if (is_new && authority->tier_count >= SEGMENT_TIERS_MAX) {
        return fault_set(&change->result.fault, TKR_CAPACITY, "", "there are %d tiers already",
                         SEGMENT_TIERS_MAX);
    }
    details_text(&details, "tier", change->tier.name);
    if (!is_new) {
        details_text(&details, "limits_were", limits_format(&known.tier.limits, limits));
        details_text(&details, "subject_was", limits_subject_name(known.tier.subject));
    }
    details_text(&details, "limits", limits_format(&change->tier.limits, limits));
    details_text(&details, "subject", limits_subject_name(change->tier.subject));
    struct store_event event = change_event(authority, change, NULL, details_finish(&details));
    authority->batch_wants_lines |= (change->tier.subject & LIMITS_OF_USER) != 0;
    TRY(store->put_tier(store->store, &change->tier, &event));
    TRY(store->give_user_lines(store->store, show_early, authority));
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t show_change(struct authority *authority, struct change *change)
{
    return show_tier(authority, &change->tier);
}

const struct change_kind change_tier = {"tier.put", apply_tier, show_change};
