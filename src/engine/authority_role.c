/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles. tokens.scopes is what is granted: a token's own scopes and its role's. So verification
 * knows nothing of roles, and a change of a role is one of all its tokens, in slices, in one
 * transaction. Records refer to their scopes by place and share equal ones, so that the change of
 * a record is one word.
 */
#include <string.h>

#include "engine/authority_internal.h"
#include "policy/roles.h"
#include "policy/scopes.h"

/* --- on the caller's thread -------------------------------------------------------------- */

/* "*" is all organisations, which *ret_org NULL stands for. */
static tkr_error_t decide_org(const struct authority *authority, const struct principal *by,
                              const char *asked, const char **ret_org, struct fault *fault)
{
    if (asked != NULL && strcmp(asked, "*") == 0 && principal_is_global(by)) {
        *ret_org = NULL;
        return TKR_OK;
    }
    return check_org(authority, by, asked, ret_org, fault);
}

static tkr_error_t check_name(const char *name, struct fault *fault)
{
    if (!role_name_valid(name, strlen(name))) {
        return fault_set(fault, TKR_INVALID, "name", "1 to %d of a-z, 0-9, _ and -",
                         ROLE_NAME_BYTES_MAX);
    }
    if (role_is_built_in(name)) {
        return fault_set(fault, TKR_CONFLICT, "name", "this role is built in");
    }
    return TKR_OK;
}

static tkr_error_t prepare(struct authority *authority, const struct role_write *write,
                           const char *org, struct change *change, struct fault *fault)
{
    struct arena *arena = change->arena;
    TRY(check_scopes(authority, &change->by, write->scopes, write->scope_count, arena,
                     &change->asked.scopes, fault));
    change->role_asked.org_id = org != NULL ? arena_copy(arena, org, strlen(org)) : NULL;
    change->role_asked.name = arena_copy(arena, write->name, strlen(write->name));
    change->if_version = write->if_version;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

static tkr_error_t submit(struct authority *authority, const struct change_kind *kind,
                          const struct principal *by, const struct role_write *write,
                          change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    const char *org = NULL;
    TRY(check_name(write->name, fault));
    TRY(decide_org(authority, by, write->org_id, &org, fault));
    TRY(change_new(authority, kind, by, done, context, &change, fault));
    tkr_error_t error = prepare(authority, write, org, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_put_role(struct authority *authority, const struct principal *by,
                               const struct role_write *write, change_done done, void *context,
                               struct fault *fault)
{
    if (atomic_load(&authority->segment_full)) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    return submit(authority, &change_role_put, by, write, done, context, fault);
}

tkr_error_t authority_delete_role(struct authority *authority, const struct principal *by,
                                  const struct role_write *write, change_done done, void *context,
                                  struct fault *fault)
{
    return submit(authority, &change_role_delete, by, write, done, context, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

/* NOT_FOUND: there is none; a role of all organisations does not count as one of this. */
static tkr_error_t read_exact(struct authority *authority, struct change *change,
                              struct role *ret_role)
{
    const struct store_port *store = authority->store;
    const struct role_write *write = &change->role_asked;
    TRY(store->tenancy.read_role(store->store, write->org_id, write->name, change->arena,
                                 ret_role));
    return (ret_role->org_id == NULL) == (write->org_id == NULL) ? TKR_OK : TKR_NOT_FOUND;
}

static tkr_error_t check_current(struct change *change, const struct role *role)
{
    if (!principal_covers(&change->by, role->scopes)) {
        return fault_set(&change->result.fault, TKR_FORBIDDEN, "",
                         "nobody can change a role that has more scope than they have");
    }
    if (change->if_version != 0 && change->if_version != role->version) {
        return fault_set(&change->result.fault, TKR_PRECONDITION, "If-Match",
                         "the role is at version %llu", (unsigned long long)role->version);
    }
    return TKR_OK;
}

/* What is done to each token of a role. */
struct rewrite {
    const char *scopes; /* of the role, as they shall be */
    int64_t now_ms;
    struct buffer joined;
    uint64_t tokens;
    struct fault *fault;
};

static tkr_error_t rewrite_token(struct authority *authority, void *context,
                                 const struct scanned_token *token)
{
    const struct store_port *store = authority->store;
    struct rewrite *rewrite = context;
    tkr_error_t error = scopes_union(token->own_scopes, strlen(token->own_scopes), rewrite->scopes,
                                     strlen(rewrite->scopes), &rewrite->joined, NULL);
    if (error == TKR_OUT_OF_RANGE) {
        return fault_set(rewrite->fault, error, "scopes", "token %s would have too many",
                         token->id);
    }
    TRY(error);
    rewrite->tokens++;
    if (strcmp(rewrite->joined.data, token->scopes) == 0) {
        return TKR_OK;
    }
    return store->tenancy.set_token_scopes(store->store, token->number, rewrite->joined.data,
                                           rewrite->now_ms);
}

static tkr_error_t rewrite_tokens(struct authority *authority, const struct role *role,
                                  struct fault *fault, uint64_t *ret_tokens)
{
    struct rewrite rewrite = {
        .scopes = role->scopes, .now_ms = role->updated_at_ms, .fault = fault};
    buffer_init(&rewrite.joined, SCOPES_TEXT_BYTES_MAX);
    struct token_scan scan = {.org_id = role->org_id, .role = role->name};
    tkr_error_t error = many_each(authority, &scan, rewrite_token, &rewrite);
    buffer_deinit(&rewrite.joined);
    *ret_tokens = rewrite.tokens;
    return error;
}

static struct store_event role_event(const struct authority *authority, const struct change *change,
                                     const struct role *role, const char *details)
{
    struct store_event event = change_event(authority, change, NULL, details);
    event.org_id = role->org_id;
    return event;
}

static tkr_error_t put(struct authority *authority, struct change *change, struct role *role,
                       bool is_new)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "role", role->name);
    if (!is_new) {
        details_text(&details, "scopes_were", role->scopes);
    }
    role->scopes = change->asked.scopes;
    role->updated_at_ms = segment_writer_now_ms(authority->segment);
    details_text(&details, "scopes", role->scopes);
    struct store_event event = role_event(authority, change, role, details_finish(&details));
    tkr_error_t error = store->tenancy.put_role(store->store, role, &event);
    if (error == TKR_CONFLICT) {
        return fault_set(&change->result.fault, error, "name", "%s",
                         role->org_id != NULL ? "there is a role of all organisations of this name"
                                              : "an organisation has a role of this name");
    }
    if (error == TKR_CAPACITY) {
        return fault_set(&change->result.fault, error, "", "there are %d roles already",
                         ROLES_PER_ORG_MAX);
    }
    TRY(error);
    return rewrite_tokens(authority, role, &change->result.fault, &change->result.role_tokens);
}

static tkr_error_t apply_put(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    const struct role_write *write = &change->role_asked;
    struct role role;
    tkr_error_t error = read_exact(authority, change, &role);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    bool is_new = error == TKR_NOT_FOUND;
    if (is_new) {
        role = (struct role){.org_id = write->org_id,
                             .name = write->name,
                             .scopes = "",
                             .created_at_ms = segment_writer_now_ms(authority->segment)};
    }
    TRY(check_current(change, &role));
    if (!is_new) {
        struct token_scan scan = {.org_id = role.org_id, .role = role.name};
        TRY(many_check_reach(authority, &change->by, &scan, &change->result.fault));
    }
    TRY(store->mark(store->store));
    error = put(authority, change, &role, is_new);
    TRY(store->release(store->store, error != TKR_OK));
    TRY(error);
    change->result.role = role;
    change->changed = true;
    return TKR_OK;
}

/* The first failure is told at the end: each token that could not be shown is remembered. */
struct showing {
    tkr_error_t error;
};

static tkr_error_t show_scopes(struct authority *authority, void *context,
                               const struct scanned_token *token)
{
    struct showing *showing = context;
    struct segment_adjustment adjustment = {
        .scopes = token->scopes,
        .scopes_length = strlen(token->scopes),
    };
    tkr_error_t error = many_show(authority, token, &adjustment);
    showing->error = showing->error == TKR_OK ? error : showing->error;
    return TKR_OK;
}

static tkr_error_t show_put(struct authority *authority, struct change *change)
{
    const struct role *role = &change->result.role;
    struct token_scan scan = {.org_id = role->org_id, .role = role->name};
    struct showing showing = {TKR_OK};
    TRY(many_show_each(authority, &scan, show_scopes, &showing));
    return showing.error;
}

static tkr_error_t apply_delete(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct role role;
    uint64_t tokens = 0;
    tkr_error_t error = read_exact(authority, change, &role);
    if (error == TKR_NOT_FOUND) {
        return fault_set(&change->result.fault, error, "", "there is no such role");
    }
    TRY(error);
    TRY(check_current(change, &role));
    TRY(store->tenancy.count_role(store->store, &role, &tokens));
    if (tokens > 0) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "%llu token%s this role",
                         (unsigned long long)tokens, tokens == 1 ? " has" : "s have");
    }
    details_text(&details, "role", role.name);
    details_text(&details, "scopes_were", role.scopes);
    struct store_event event = role_event(authority, change, &role, details_finish(&details));
    TRY(store->tenancy.delete_role(store->store, &role, &event));
    change->result.role = role;
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t show_nothing(struct authority *authority, struct change *change)
{
    return TKR_OK;
}

const struct change_kind change_role_put = {"role.put", apply_put, show_put};
const struct change_kind change_role_delete = {"role.delete", apply_delete, show_nothing};

tkr_error_t role_join(struct authority *authority, struct change *change, struct token *token)
{
    const struct store_port *store = authority->store;
    struct fault *fault = &change->result.fault;
    CLEANUP(buffer_deinit) struct buffer joined;
    struct role role;
    buffer_init(&joined, SCOPES_TEXT_BYTES_MAX);
    if (token->role == NULL) {
        return TKR_OK;
    }
    tkr_error_t error =
        store->tenancy.read_role(store->store, token->org_id, token->role, change->arena, &role);
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, error, "role", "there is no such role");
    }
    TRY(error);
    if (!principal_covers(&change->by, role.scopes)) {
        return fault_set(fault, TKR_FORBIDDEN, "role",
                         "nobody can give a role that has more scope than they have");
    }
    TRY(scopes_union(token->own_scopes, strlen(token->own_scopes), role.scopes, strlen(role.scopes),
                     &joined, fault));
    token->scopes = arena_copy(change->arena, joined.data, joined.length);
    ENSURE(token->scopes != NULL, TKR_MEMORY);
    return TKR_OK;
}

/* --- at start ---------------------------------------------------------------------------- */

/* Nobody asked for it, so there is no event: it comes with the version of the program. */
static tkr_error_t sync_one(struct authority *authority, const struct role_built_in *built_in)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct role role = {.name = built_in->name};
    uint64_t tokens = 0;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    tkr_error_t error = store->tenancy.read_role(store->store, NULL, built_in->name, arena, &role);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK && strcmp(role.scopes, built_in->scopes) == 0) {
        return TKR_OK;
    }
    role.scopes = built_in->scopes;
    role.updated_at_ms = clock_wall_ms(authority->options.clock);
    role.created_at_ms = error == TKR_OK ? role.created_at_ms : role.updated_at_ms;
    TRY(store->tenancy.put_role(store->store, &role, NULL));
    return rewrite_tokens(authority, &role, NULL, &tokens);
}

tkr_error_t roles_sync(struct authority *authority)
{
    const struct store_port *store = authority->store;
    for (size_t i = 0; i < ROLES_BUILT_IN; i++) {
        TRY(store->mark(store->store));
        tkr_error_t error = sync_one(authority, &roles_built_in[i]);
        TRY(store->release(store->store, error != TKR_OK));
        if (error == TKR_CONFLICT || error == TKR_CAPACITY || error == TKR_OUT_OF_RANGE) {
            authority_report(authority, LOG_WARNING, "role_not_built_in",
                             "role %s cannot be what this version has built in: %s",
                             roles_built_in[i].name, tkr_error_name(error));
            continue;
        }
        TRY(error);
    }
    return TKR_OK;
}

/* --- reads ------------------------------------------------------------------------------- */

tkr_error_t authority_get_role(struct authority *authority, const struct principal *by,
                               const char *org_id, const char *name, struct arena *arena,
                               struct role *ret_role)
{
    const char *org = NULL;
    if (org_id == NULL || strcmp(org_id, "*") != 0 || !principal_is_global(by)) {
        TRY(check_own_org(by, org_id, &org));
    }
    return authority->store->tenancy.get_role(authority->store->store, org, name, arena, ret_role);
}

tkr_error_t authority_list_roles(struct authority *authority, const struct principal *by,
                                 const struct role_filter *filter, struct arena *arena,
                                 struct role_page *ret_page, struct fault *fault)
{
    struct role_filter own = *filter;
    TRY(check_list_org(by, filter->org_id, &own.org_id, fault));
    TRY(check_page(&filter->page, fault));
    tkr_error_t error =
        authority->store->tenancy.list_roles(authority->store->store, &own, arena, ret_page);
    return error == TKR_INVALID ? fault_set(fault, error, "cursor", "this is no cursor of ours")
                                : error;
}
