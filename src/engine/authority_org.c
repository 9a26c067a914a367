/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Organisations: what they say about the lifetimes of their tokens and how many a user may have.
 * It holds for what is made or prolonged from then on; a token that is there keeps its end.
 *
 * One active token a user: a new one revokes the older ones of the same user, kind and
 * environment, in its own transaction. Of the same kind, because else a person's new token would
 * stop a service that runs under the same name, and an administrator who makes a token to try
 * something would revoke the one they work with; of the same environment, because test tokens
 * are no danger to live ones. Rotation makes a version of the same token and is no matter of
 * this; but when another token is made, the predecessor that is still in its overlap goes with
 * its successor. A token that can be used again (it was prolonged after its end, or restored from
 * quarantine) is as good as a new one; one that is adopted from an old endpoint is not, and neither
 * are those of an import: they take nobody's place, and go when the next one is made. Changes are
 * made one after the other, so of two that are made at once the later one stays.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t submit(struct authority *authority, const struct change_kind *kind,
                          const struct principal *by, const struct org_write *write,
                          change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, kind, by, done, context, &change, fault));
    change->org_asked = *write;
    change->org_asked.id = arena_copy(change->arena, write->id, strlen(write->id));
    change->if_version = write->if_version;
    if (arena_overflowed(change->arena)) {
        change_free(authority, change);
        return TKR_TOO_LARGE;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_create_org(struct authority *authority, const struct principal *by,
                                 const struct org_write *write, change_done done, void *context,
                                 struct fault *fault)
{
    if (!principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "", "only scope * makes organisations");
    }
    TRY(check_text(authority, "id", write->id, ORG_ID_BYTES_MAX, fault));
    if (strcmp(write->id, "*") == 0) { /* lists take it for all of them */
        return fault_set(fault, TKR_INVALID, "id", "* is no organisation");
    }
    return submit(authority, &change_org_create, by, write, done, context, fault);
}

tkr_error_t authority_update_org(struct authority *authority, const struct principal *by,
                                 const struct org_write *write, change_done done, void *context,
                                 struct fault *fault)
{
    const char *org = NULL;
    TRY(check_own_org(by, write->id, &org));
    return submit(authority, &change_org_update, by, write, done, context, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static void merge_rule(struct lifetime_rule *rule, const struct lifetime_rule *asked, unsigned what)
{
    unsigned given = asked->set & what;
    rule->set = (rule->set & ~what) | given;
    if ((given & LIFETIME_DEFAULT) != 0) {
        rule->policy.default_s = asked->policy.default_s;
    }
    if ((given & LIFETIME_MAX) != 0) {
        rule->policy.max_s = asked->policy.max_s;
    }
    if ((given & LIFETIME_ON_EXCEED) != 0) {
        rule->policy.on_exceed = asked->policy.on_exceed;
    }
}

static const char *choice_name(enum choice choice)
{
    return choice == CHOICE_YES ? "yes" : choice == CHOICE_NO ? "no" : "as the server";
}

static tkr_error_t merge(struct change *change, int64_t now_ms, struct org *org,
                         struct details *details)
{
    const struct org_write *write = &change->org_asked;
    char text[LIFETIMES_TEXT_SIZE];
    bool speaks = false;
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        speaks |= write->rules[i] != 0;
    }
    if (speaks) {
        details_text(details, "lifetimes_were", lifetimes_format(&org->lifetimes, text));
        for (size_t i = 0; i < LIFETIME_KINDS; i++) {
            merge_rule(&org->lifetimes.of[i], &write->lifetimes.of[i], write->rules[i]);
        }
        details_text(details, "lifetimes", lifetimes_format(&org->lifetimes, text));
    }
    if (write->has_one_active) {
        details_text(details, "one_active_per_user_was", choice_name(org->one_active_per_user));
        org->one_active_per_user = write->one_active_per_user;
        details_text(details, "one_active_per_user", choice_name(org->one_active_per_user));
    }
    org->updated_at_ms = now_ms;
    return lifetimes_check(&org->lifetimes, &change->result.fault);
}

static struct store_event org_event(const struct authority *authority, const struct change *change,
                                    const struct org *org, const char *details)
{
    struct store_event event = change_event(authority, change, NULL, details);
    event.org_id = org->id;
    return event;
}

static tkr_error_t apply_create(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct org org = {.id = change->org_asked.id, .created_at_ms = now_ms, .version = 1};
    TRY(merge(change, now_ms, &org, &details));
    struct store_event event = org_event(authority, change, &org, details_finish(&details));
    tkr_error_t error = store->tenancy.insert_org(store->store, &org, &event);
    if (error == TKR_CONFLICT) {
        return fault_set(&change->result.fault, error, "id",
                         "there is such an organisation already");
    }
    if (error == TKR_CAPACITY) {
        return fault_set(&change->result.fault, error, "", "there are %d organisations already",
                         SEGMENT_ORGS_MAX);
    }
    TRY(error);
    change->result.org = org;
    change->changed = true;
    return TKR_OK;
}

/* Within its org somebody decides how short tokens live, and no more than that: else every token
 * that may change its org would free all of them from the maximum of whoever runs the server. */
static tkr_error_t check_reach(struct authority *authority, struct change *change,
                               const struct org *before, const struct org *after)
{
    struct org_policy was, is;
    if (principal_is_global(&change->by)) {
        return TKR_OK;
    }
    authority_org_policy(authority, before, &was);
    authority_org_policy(authority, after, &is);
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        int64_t max_s = is.lifetimes[i].max_s;
        int64_t max_was_s = was.lifetimes[i].max_s;
        if (max_was_s != 0 && (max_s == 0 || max_s > max_was_s)) {
            return fault_set(&change->result.fault, TKR_FORBIDDEN, "lifetimes",
                             "only scope * makes a maximum longer (%s)", lifetimes_kind_name(i));
        }
    }
    return TKR_OK;
}

static tkr_error_t apply_update(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct org org;
    tkr_error_t error =
        store->tenancy.read_org(store->store, change->org_asked.id, change->arena, &org);
    if (error == TKR_NOT_FOUND) {
        return fault_set(&change->result.fault, error, "", "no organisation has this ID");
    }
    TRY(error);
    if (change->if_version != 0 && change->if_version != org.version) {
        return fault_set(&change->result.fault, TKR_PRECONDITION, "If-Match",
                         "the organisation is at version %llu", (unsigned long long)org.version);
    }
    struct org before = org;
    TRY(merge(change, segment_writer_now_ms(authority->segment), &org, &details));
    TRY(check_reach(authority, change, &before, &org));
    struct store_event event = org_event(authority, change, &org, details_finish(&details));
    TRY(store->tenancy.update_org(store->store, &org, &event));
    change->result.org = org;
    change->changed = true;
    return TKR_OK;
}

/* The segment knows of an org only that it is there, and learns that with its first user. */
static tkr_error_t show_nothing(struct authority *authority, struct change *change)
{
    return TKR_OK;
}

const struct change_kind change_org_create = {"org.create", apply_create, show_nothing};
const struct change_kind change_org_update = {"org.update", apply_update, show_nothing};

/* --- what holds -------------------------------------------------------------------------- */

void authority_org_policy(const struct authority *authority, const struct org *org,
                          struct org_policy *ret_policy)
{
    const struct authority_options *options = &authority->options;
    struct org_policy policy = {
        .one_active_per_user = org->one_active_per_user == CHOICE_OF_SERVER
                                   ? options->one_active_per_user
                                   : org->one_active_per_user == CHOICE_YES,
    };
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        policy.lifetimes[i] = lifetimes_effective(&org->lifetimes, i, &options->lifetimes[i]);
    }
    *ret_policy = policy;
}

tkr_error_t org_policy_of(struct authority *authority, struct change *change, const char *org_id,
                          struct org_policy *ret_policy)
{
    const struct store_port *store = authority->store;
    struct org org = {0}; /* a new one says nothing */
    if (change->policy_org == NULL || strcmp(change->policy_org, org_id) != 0) {
        tkr_error_t error = store->tenancy.read_org(store->store, org_id, change->arena, &org);
        ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
        authority_org_policy(authority, &org, &change->policy);
        change->policy_org = org_id;
    }
    *ret_policy = change->policy;
    return TKR_OK;
}

tkr_error_t org_decide_expiry(struct authority *authority, struct change *change,
                              struct token *token, const struct lifetime_asked *asked,
                              int64_t now_ms)
{
    struct change_result *result = &change->result;
    struct org_policy policy;
    TRY(org_policy_of(authority, change, token->org_id, &policy));
    struct lifetime_policy lifetime = policy.lifetimes[token->kind];
    if (change->kind == &change_adopt || change->scheduled) { /* nobody is there to ask for less */
        lifetime.on_exceed = ON_EXCEED_CLAMP;
    }
    TRY(lifetime_decide(&lifetime, asked, now_ms, &token->expires_at_ms, &result->clamped,
                        &result->fault));
    if (result->clamped) {
        result->clamp_max_s = lifetime.max_s;
        result->clamp_asked_s =
            asked->has_expires_at ? (asked->expires_at_ms - now_ms + 999) / 1000 : 0;
    }
    return TKR_OK;
}

/* --- one active token a user -------------------------------------------------------------- */

tkr_error_t org_replace_older(struct authority *authority, struct change *change,
                              const struct token *token)
{
    const struct store_port *store = authority->store;
    struct org_policy policy;
    TRY(org_policy_of(authority, change, token->org_id, &policy));
    if (!policy.one_active_per_user || token->honeytoken) { /* which takes nobody's place */
        return TKR_OK;
    }
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token_replacement replacement = {
        .org_id = token->org_id,
        .user_id = token->user_id,
        .kind = token->kind,
        .env = token->env,
        .kept_lineage_id = token->lineage_id,
        .reason = arena_print(change->arena, "replaced by %s", token->id),
        .at_ms = segment_writer_now_ms(authority->segment),
    };
    ENSURE(replacement.reason != NULL, TKR_MEMORY);
    details_text(&details, "reason", replacement.reason);
    struct store_event event = change_event(authority, change, NULL, details_finish(&details));
    event.type = change_revoke.event;
    change->replaced_at_ms = replacement.at_ms;
    return store->tenancy.replace_tokens(store->store, &replacement, &event,
                                         &change->result.revoked_count);
}

static tkr_error_t show_revoked(struct authority *authority, void *context,
                                const struct scanned_token *token)
{
    static const struct segment_adjustment revoked = {.set_flags = SEGMENT_TOKEN_REVOKED};
    const struct change *change = context;
    return token->revoked_at_ms == change->replaced_at_ms ? many_show(authority, token, &revoked)
                                                          : TKR_OK;
}

tkr_error_t org_show_replaced(struct authority *authority, struct change *change)
{
    if (change->result.revoked_count == 0) {
        return TKR_OK;
    }
    struct token_scan scan = {.org_id = change->result.token.org_id,
                              .user_id = change->result.token.user_id};
    return many_show_each(authority, &scan, show_revoked, change);
}

/* --- reads ------------------------------------------------------------------------------- */

tkr_error_t authority_get_org(struct authority *authority, const struct principal *by,
                              const char *org_id, struct arena *arena, struct org *ret_org)
{
    const char *org = NULL;
    TRY(check_own_org(by, org_id, &org));
    return authority->store->tenancy.get_org(authority->store->store, org, arena, ret_org);
}

static tkr_error_t list_own(struct authority *authority, const struct principal *by,
                            struct arena *arena, struct org_page *ret_page)
{
    struct org *own = arena_alloc(arena, sizeof(*own));
    ENSURE(own != NULL, TKR_MEMORY);
    TRY(authority_get_org(authority, by, by->org_id, arena, own));
    *ret_page = (struct org_page){.orgs = own, .count = 1};
    return TKR_OK;
}

tkr_error_t authority_list_orgs(struct authority *authority, const struct principal *by,
                                const struct page_of *page, struct arena *arena,
                                struct org_page *ret_page, struct fault *fault)
{
    TRY(check_page(page, fault));
    if (!principal_is_global(by)) {
        return list_own(authority, by, arena, ret_page);
    }
    tkr_error_t error =
        authority->store->tenancy.list_orgs(authority->store->store, page, arena, ret_page);
    return error == TKR_INVALID ? fault_set(fault, error, "cursor", "this is no cursor of ours")
                                : error;
}
