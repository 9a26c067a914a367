/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the store port that keeps users, organisations and roles. What the store port
 * says of changes and reads holds here too.
 */
#ifndef ENGINE_TENANCY_PORT_H
#define ENGINE_TENANCY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/model.h"

struct store;
struct store_event;

/* Pages are newest first, and their cursors opaque, as those of tokens. */
struct page_of {
    uint32_t limit;     /* 1 to LIST_PAGE_MAX */
    const char *cursor; /* NULL: from the newest */
};

struct user_filter {
    const char *org_id; /* NULL: all */
    const char *tier;   /* NULL: all */
    bool has_suspended, suspended;
    struct page_of page;
};
struct user_page {
    struct user *users;
    size_t count;
    const char *next_cursor; /* NULL: no more */
};

struct org_page {
    struct org *orgs;
    size_t count;
    const char *next_cursor;
};

struct role_filter {
    const char *org_id; /* its own and those of all; NULL: every one */
    struct page_of page;
};
struct role_page {
    struct role *roles;
    size_t count;
    const char *next_cursor;
};

/* Which tokens a change of something that they share is about: those of a user, or of a role. */
struct token_scan {
    const char *org_id;  /* of the user; of the role: NULL for one of all */
    const char *user_id; /* NULL: of the role */
    const char *role;
    int64_t after; /* the number of the last one that was seen; 0 at first */
};
struct scanned_token {
    int64_t number;
    const char *id;
    uint8_t digest[TOKEN_DIGEST_BYTES];
    enum token_kind kind;
    const char *scopes, *own_scopes; /* "" for none */
    bool tier_inherited;
    int64_t revoked_at_ms, expires_at_ms;
};

/* The tokens of a user that a new one of the same kind and environment replaces, or one that can
 * be used again: all that could
 * be used, now or later. Not the quarantined ones, which are evidence and refused, not
 * honeytokens, which are refused, and not those of the environment, which is their master. */
struct token_replacement {
    const char *org_id, *user_id;
    enum token_kind kind;
    enum token_env env;
    const char *kept_lineage_id; /* the new one, and its other versions */
    const char *reason;
    int64_t at_ms;
};

struct store_tenancy {
    /* --- the writer thread only; reads see the batch's own changes --- */

    /* Makes the org when new; counts no version. CONFLICT: there is such a user. NOT_FOUND: no
     * such tier. */
    tkr_error_t (*insert_user)(struct store *store, const struct user *user,
                               const struct store_event *event);
    tkr_error_t (*read_user)(struct store *store, const char *org_id, const char *user_id,
                             struct arena *arena, struct user *ret_user);
    /* Writes what can change where the version matches, and counts it up; else PRECONDITION. */
    tkr_error_t (*update_user)(struct store *store, struct user *user,
                               const struct store_event *event);
    /* Gives the tier to all tokens of the user that inherit theirs. */
    tkr_error_t (*set_inherited_tier)(struct store *store, const struct user *user,
                                      const char *tier, int64_t now_ms);
    /* Up to STORE_SCAN_TOKENS tokens, in the order of their numbers; 0 at the end. Texts are in
     * the arena. */
    tkr_error_t (*scan_tokens)(struct store *store, const struct token_scan *scan,
                               struct arena *arena,
                               struct scanned_token ret_tokens[STORE_SCAN_TOKENS],
                               size_t *ret_count);
    /* Revokes, each with a copy of the event that names it. */
    tkr_error_t (*replace_tokens)(struct store *store, const struct token_replacement *replacement,
                                  const struct store_event *event, uint64_t *ret_count);

    tkr_error_t (*insert_org)(struct store *store, const struct org *org,
                              const struct store_event *event); /* CONFLICT, CAPACITY */
    tkr_error_t (*read_org)(struct store *store, const char *org_id, struct arena *arena,
                            struct org *ret_org);
    tkr_error_t (*update_org)(struct store *store, struct org *org,
                              const struct store_event *event);

    /* Inserts (CAPACITY: the org has ROLES_PER_ORG_MAX) or, where the version matches, replaces;
     * makes the org when new. CONFLICT: another org, or all, have a role of that name so that it
     * would be ambiguous. `event` NULL: one that is built in, which nobody asked for. */
    tkr_error_t (*put_role)(struct store *store, struct role *role,
                            const struct store_event *event);
    /* The role that the name means in this org, which may be one of all. */
    tkr_error_t (*read_role)(struct store *store, const char *org_id, const char *name,
                             struct arena *arena, struct role *ret_role);
    tkr_error_t (*delete_role)(struct store *store, const struct role *role,
                               const struct store_event *event);
    tkr_error_t (*count_role)(struct store *store, const struct role *role, uint64_t *ret_tokens);
    tkr_error_t (*set_token_scopes)(struct store *store, int64_t number, const char *scopes,
                                    int64_t now_ms);

    /* --- any thread --- */
    tkr_error_t (*get_user)(struct store *store, const char *org_id, const char *user_id,
                            struct arena *arena, struct user *ret_user);
    tkr_error_t (*list_users)(struct store *store, const struct user_filter *filter,
                              struct arena *arena, struct user_page *ret_page);
    tkr_error_t (*get_org)(struct store *store, const char *org_id, struct arena *arena,
                           struct org *ret_org);
    tkr_error_t (*list_orgs)(struct store *store, const struct page_of *page, struct arena *arena,
                             struct org_page *ret_page);
    tkr_error_t (*get_role)(struct store *store, const char *org_id, const char *name,
                            struct arena *arena, struct role *ret_role);
    tkr_error_t (*list_roles)(struct store *store, const struct role_filter *filter,
                              struct arena *arena, struct role_page *ret_page);
};

#endif
