/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users as things of their own. One that is suspended is refused with every token from the next
 * request on: verification looks at the user's record, so no token is touched. There is no
 * deleting: a name that came back for somebody else would have the former one's tokens, usage
 * and history. Suspending has the effect that is wanted, and can be undone.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- on the caller's thread -------------------------------------------------------------- */

/* One @ with something on either side: who has it in their address book knows the rest. */
static tkr_error_t check_email(const struct authority *authority, const char *email,
                               struct fault *fault)
{
    TRY(check_text(authority, "email", email, EMAIL_BYTES_MAX, fault));
    const char *at = strchr(email, '@');
    if (at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strchr(email, ' ') != NULL) {
        return fault_set(fault, TKR_INVALID, "email", "must be an address, as ann@example.org");
    }
    return TKR_OK;
}

static tkr_error_t check_values(struct authority *authority, const struct user_write *write,
                                struct fault *fault)
{
    struct known_tier tier;
    if (write->has_tier && write->tier != NULL &&
        tiers_find(authority, write->tier, &tier) != TKR_OK) {
        return fault_set(fault, TKR_NOT_FOUND, "tier", "there is no such tier");
    }
    if (write->has_email && write->email != NULL) {
        TRY(check_email(authority, write->email, fault));
    }
    if (write->has_overrides) {
        TRY(limits_check(&write->overrides, authority->options.window_kinds, fault));
    }
    return write->has_metadata ? check_metadata(authority, write->metadata, fault) : TKR_OK;
}

/* Who gave themselves the limits would have none. Scope * could make another user. */
static tkr_error_t check_self(const struct principal *by, const struct user_write *write,
                              const char *org, struct fault *fault)
{
    const struct {
        bool has;
        const char *member;
    } bounds[] = {
        {write->has_tier, "tier"},
        {write->has_overrides, "limits"},
        {write->has_suspended, "status"},
    };
    if (principal_is_global(by) || strcmp(by->user_id, write->id) != 0 ||
        strcmp(by->org_id, org) != 0) {
        return TKR_OK;
    }
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        if (bounds[i].has) {
            return fault_set(fault, TKR_FORBIDDEN, bounds[i].member,
                             "nobody can change the bounds of their own user");
        }
    }
    return TKR_OK;
}

static const char *copied(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy(arena, text, strlen(text)) : NULL;
}

static tkr_error_t copy_write(struct change *change, const struct user_write *write,
                              const char *org)
{
    struct arena *arena = change->arena;
    struct user_write *copy = &change->user_asked;
    *copy = *write;
    copy->org_id = copied(arena, org);
    copy->id = copied(arena, write->id);
    copy->tier = copied(arena, write->tier);
    copy->email = copied(arena, write->email);
    copy->metadata = copied(arena, write->metadata != NULL ? write->metadata : "{}");
    change->if_version = write->if_version;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

static tkr_error_t submit(struct authority *authority, const struct change_kind *kind,
                          const struct principal *by, const struct user_write *write,
                          const char *org, change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_values(authority, write, fault));
    TRY(change_new(authority, kind, by, done, context, &change, fault));
    tkr_error_t error = copy_write(change, write, org);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_create_user(struct authority *authority, const struct principal *by,
                                  const struct user_write *write, change_done done, void *context,
                                  struct fault *fault)
{
    const char *org = NULL;
    TRY(check_org(authority, by, write->org_id, &org, fault));
    TRY(check_text(authority, "id", write->id, USER_ID_BYTES_MAX, fault));
    return submit(authority, &change_user_create, by, write, org, done, context, fault);
}

tkr_error_t authority_update_user(struct authority *authority, const struct principal *by,
                                  const struct user_write *write, change_done done, void *context,
                                  struct fault *fault)
{
    const char *org = NULL;
    TRY(check_own_org(by, write->org_id, &org));
    TRY(check_self(by, write, org, fault));
    return submit(authority, &change_user_update, by, write, org, done, context, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static const char *effective_tier(const struct user *user)
{
    return user->tier != NULL ? user->tier : TIER_DEFAULT;
}

/* What is different, and for the event what it was. */
static void merge(const struct user_write *write, int64_t now_ms, struct user *user,
                  struct details *details)
{
    char limits[LIMITS_TEXT_SIZE];
    if (write->has_tier) {
        details_text(details, "tier_was", user->tier);
        user->tier = write->tier;
        details_text(details, "tier", user->tier);
    }
    if (write->has_email) { /* who it was is for the record; an address is not */
        user->email = write->email;
        details_flag(details, "email", user->email != NULL);
    }
    if (write->has_metadata) {
        user->metadata = write->metadata;
        details_flag(details, "metadata", true);
    }
    if (write->has_overrides) {
        details_text(details, "limits_were", limits_format(&user->overrides, limits));
        user->overrides = write->overrides;
        details_text(details, "limits", limits_format(&user->overrides, limits));
    }
    if (write->has_suspended) {
        bool is_suspended = user->suspended_at_ms != 0;
        if (write->suspended != is_suspended) {
            user->suspended_at_ms = write->suspended ? now_ms : 0;
        }
        details_flag(details, "suspended", write->suspended);
    }
    user->updated_at_ms = now_ms;
}

/* The user as the segment needs it, with a line as soon as it has limits. */
static tkr_error_t ensure_lines(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    const struct user *user = &change->result.user;
    struct known_tier tier;
    bool created = false;
    TRY(tiers_find(authority, effective_tier(user), &tier));
    bool want_line = user->overrides.set != 0 || (tier.tier.subject & LIMITS_OF_USER) != 0 ||
                     authority->batch_wants_lines;
    return store->ensure_user(store->store, user->org_id, user->id, want_line, user->updated_at_ms,
                              change->arena, &change->user, &created);
}

static struct store_event user_event(const struct authority *authority, const struct change *change,
                                     const struct user *user, const char *type, const char *details)
{
    struct store_event event = change_event(authority, change, NULL, details);
    event.type = type;
    event.org_id = user->org_id;
    event.user_id = user->id;
    return event;
}

static tkr_error_t apply_create(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    const struct user_write *write = &change->user_asked;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct user user = {.org_id = write->org_id,
                        .id = write->id,
                        .metadata = "{}",
                        .created_at_ms = now_ms,
                        .version = 1};
    merge(write, now_ms, &user, &details);
    struct store_event event =
        user_event(authority, change, &user, "user.create", details_finish(&details));
    tkr_error_t error = store->tenancy.insert_user(store->store, &user, &event);
    if (error == TKR_CONFLICT) {
        return fault_set(&change->result.fault, error, "id", "there is such a user already");
    }
    TRY(error);
    change->result.user = user;
    TRY(ensure_lines(authority, change));
    change->changed = true;
    return TKR_OK;
}

/* More limits, a better tier or the end of a suspension would be given to tokens that the
 * principal could not have made; taking away is open to all who may change users. */
static tkr_error_t check_reach(struct authority *authority, struct change *change,
                               const struct user *user)
{
    const struct user_write *write = &change->user_asked;
    bool activates = write->has_suspended && !write->suspended && user->suspended_at_ms != 0;
    if (!write->has_tier && !write->has_overrides && !activates) {
        return TKR_OK;
    }
    struct token_scan scan = {.org_id = user->org_id, .user_id = user->id};
    return many_check_reach(authority, &change->by, &scan, &change->result.fault);
}

static const char *event_type(const struct user *before, const struct user *after)
{
    bool was = before->suspended_at_ms != 0;
    bool is = after->suspended_at_ms != 0;
    return was == is ? "user.update" : is ? "user.suspend" : "user.activate";
}

static tkr_error_t read_current(struct authority *authority, struct change *change,
                                struct user *ret_user)
{
    const struct store_port *store = authority->store;
    const struct user_write *write = &change->user_asked;
    struct user user = {0};
    tkr_error_t error =
        store->tenancy.read_user(store->store, write->org_id, write->id, change->arena, &user);
    if (error == TKR_NOT_FOUND) {
        return fault_set(&change->result.fault, error, "", "no user has this ID");
    }
    TRY(error);
    if (change->if_version != 0 && change->if_version != user.version) {
        return fault_set(&change->result.fault, TKR_PRECONDITION, "If-Match",
                         "the user is at version %llu", (unsigned long long)user.version);
    }
    *ret_user = user;
    return TKR_OK;
}

static tkr_error_t apply_update(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct user before = {0};
    TRY(read_current(authority, change, &before));
    TRY(check_reach(authority, change, &before));
    struct user user = before;
    merge(&change->user_asked, now_ms, &user, &details);
    struct store_event event =
        user_event(authority, change, &user, event_type(&before, &user), details_finish(&details));
    TRY(store->tenancy.update_user(store->store, &user, &event));
    change->retiered = strcmp(effective_tier(&before), effective_tier(&user)) != 0;
    if (change->retiered) {
        TRY(store->tenancy.set_inherited_tier(store->store, &user, effective_tier(&user), now_ms));
    }
    change->result.user = user;
    TRY(ensure_lines(authority, change));
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t show_tier_of(struct authority *authority, void *context,
                                const struct scanned_token *token)
{
    const struct segment_adjustment *adjustment = context;
    return token->tier_inherited ? many_show(authority, token, adjustment) : TKR_OK;
}

/* A user that is there is changed in place, which needs no space. One that is not has no token
 * in the segment either, and comes with its first one. */
static tkr_error_t show_change(struct authority *authority, struct change *change)
{
    const struct user *user = &change->result.user;
    uint32_t number = 0;
    bool shown = show_user(authority, &change->user, &number) == TKR_OK;
    if (!shown || !change->retiered) {
        return TKR_OK;
    }
    struct known_tier tier;
    TRY(tiers_find(authority, effective_tier(user), &tier));
    struct segment_adjustment adjustment = {.has_tier = true, .tier = tier.number};
    struct token_scan scan = {.org_id = user->org_id, .user_id = user->id};
    return many_show_each(authority, &scan, show_tier_of, &adjustment);
}

const struct change_kind change_user_create = {"user.create", apply_create, show_change};
const struct change_kind change_user_update = {"user.update", apply_update, show_change};

/* --- reads ------------------------------------------------------------------------------- */

tkr_error_t authority_get_user(struct authority *authority, const struct principal *by,
                               const char *org_id, const char *user_id, struct arena *arena,
                               struct user *ret_user)
{
    const char *org = NULL;
    TRY(check_own_org(by, org_id, &org));
    return authority->store->tenancy.get_user(authority->store->store, org, user_id, arena,
                                              ret_user);
}

tkr_error_t authority_list_users(struct authority *authority, const struct principal *by,
                                 const struct user_filter *filter, struct arena *arena,
                                 struct user_page *ret_page, struct fault *fault)
{
    struct user_filter own = *filter;
    TRY(check_list_org(by, filter->org_id, &own.org_id, fault));
    TRY(check_page(&filter->page, fault));
    tkr_error_t error =
        authority->store->tenancy.list_users(authority->store->store, &own, arena, ret_page);
    return error == TKR_INVALID ? fault_set(fault, error, "cursor", "this is no cursor of ours")
                                : error;
}
