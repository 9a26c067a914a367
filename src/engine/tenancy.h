/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, organisations and roles: what tokens belong to, and what they have from there. Changes
 * are those of engine/lifecycle.h: asynchronous, durable and visible when `done` is called.
 *
 *   user    tier (of its tokens that were given none), suspension and limits across its tokens
 *   org     the lifetime policy where it differs from the server's; one active token a user
 *   role    scopes that its tokens have beside their own
 *
 * A change of a user or a role is one of all its tokens: their rows in the same transaction,
 * their records before the answer.
 *
 * Who may. Scope `*` reaches all organisations; anybody else their own, and what is of another
 * does not exist. The api checks the call's scope; here is what goes beyond: nobody gives more
 * than they have, and nobody but `*` changes the bounds of their own user.
 */
#ifndef ENGINE_TENANCY_H
#define ENGINE_TENANCY_H

#include "engine/lifecycle.h"

/* --- users -------------------------------------------------------------------------------- */

/* What is to be different; `has_` says what. */
struct user_write {
    const char *org_id; /* NULL: the principal's */
    const char *id;
    bool has_tier, has_email, has_metadata, has_overrides, has_suspended;
    const char *tier, *email; /* NULL: none */
    const char *metadata;     /* JSON object text, NULL: none */
    struct limits overrides;  /* replaces all */
    bool suspended;
    uint64_t if_version; /* update; 0: whatever it is */
};
/* Errors: CONFLICT (there is such a user: a token made it, perhaps), NOT_FOUND (tier), FORBIDDEN
 * (another org), and what is wrong with a value. */
MUST_USE tkr_error_t authority_create_user(struct authority *authority, const struct principal *by,
                                           const struct user_write *write, change_done done,
                                           void *context, struct fault *fault);
/*
 * Also NOT_FOUND, PRECONDITION, and FORBIDDEN: without `*`, tier, limits and suspension of one's
 * own user; and tier, limits and the end of a suspension of a user that has a token with more
 * scope than the principal. Suspending only takes away: that needs no more than the call's scope.
 */
MUST_USE tkr_error_t authority_update_user(struct authority *authority, const struct principal *by,
                                           const struct user_write *write, change_done done,
                                           void *context, struct fault *fault);
MUST_USE tkr_error_t authority_get_user(struct authority *authority, const struct principal *by,
                                        const char *org_id /* NULL: the principal's */,
                                        const char *user_id, struct arena *arena,
                                        struct user *ret_user);
/* `filter->org_id` as for tokens: NULL the principal's, "*" all. */
MUST_USE tkr_error_t authority_list_users(struct authority *authority, const struct principal *by,
                                          const struct user_filter *filter, struct arena *arena,
                                          struct user_page *ret_page, struct fault *fault);

/* --- organisations -------------------------------------------------------------------------- */

struct org_write {
    const char *id;
    unsigned rules[LIFETIME_KINDS]; /* by kind: members of `lifetimes` that are asked for */
    struct lifetimes lifetimes;     /* where `set` lacks one that is asked for: as the server has */
    bool has_one_active;
    enum choice one_active_per_user;
    uint64_t if_version;
};
/* Creating: only `*`. CONFLICT, CAPACITY. */
MUST_USE tkr_error_t authority_create_org(struct authority *authority, const struct principal *by,
                                          const struct org_write *write, change_done done,
                                          void *context, struct fault *fault);
/* NOT_FOUND also for another one, without `*`. Tokens that exist keep their end. */
MUST_USE tkr_error_t authority_update_org(struct authority *authority, const struct principal *by,
                                          const struct org_write *write, change_done done,
                                          void *context, struct fault *fault);
MUST_USE tkr_error_t authority_get_org(struct authority *authority, const struct principal *by,
                                       const char *org_id, struct arena *arena,
                                       struct org *ret_org);
/* The principal's own; with `*` all. */
MUST_USE tkr_error_t authority_list_orgs(struct authority *authority, const struct principal *by,
                                         const struct page_of *page, struct arena *arena,
                                         struct org_page *ret_page, struct fault *fault);

/* What holds in an org: what it says, else what the server's configuration says. */
struct org_policy {
    struct lifetime_policy lifetimes[LIFETIME_KINDS]; /* by enum token_kind */
    bool one_active_per_user;
};
void authority_org_policy(const struct authority *authority, const struct org *org,
                          struct org_policy *ret_policy);

/* --- roles ---------------------------------------------------------------------------------- */

struct role_write {
    const char *org_id; /* NULL: the principal's; "*": a role of all, for who has `*` */
    const char *name;
    const char *const *scopes;
    size_t scope_count;
    uint64_t if_version;
};
/*
 * Makes or replaces. The tokens that have it have its new scopes beside their own when `done` is
 * called. CONFLICT: it is built in, or its name would be ambiguous. FORBIDDEN: the scopes, as they
 * were or shall be, are more than the principal has; or a token that has the role has more.
 * OUT_OF_RANGE: some token would have too many scopes.
 */
MUST_USE tkr_error_t authority_put_role(struct authority *authority, const struct principal *by,
                                        const struct role_write *write, change_done done,
                                        void *context, struct fault *fault);
/* CONFLICT: built in, or tokens have it (also revoked ones, as long as they are kept). */
MUST_USE tkr_error_t authority_delete_role(struct authority *authority, const struct principal *by,
                                           const struct role_write *write, change_done done,
                                           void *context, struct fault *fault);
MUST_USE tkr_error_t authority_get_role(struct authority *authority, const struct principal *by,
                                        const char *org_id, const char *name, struct arena *arena,
                                        struct role *ret_role);
/* Those of the org and those of all. `org_id` as for users. */
MUST_USE tkr_error_t authority_list_roles(struct authority *authority, const struct principal *by,
                                          const struct role_filter *filter, struct arena *arena,
                                          struct role_page *ret_page, struct fault *fault);

#endif
