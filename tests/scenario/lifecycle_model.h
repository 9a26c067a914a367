/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the documents say of a token's life, as plainly as it can be said: an array of tokens and
 * a time. Nothing is stored, shown or queued, and no code of the product runs. A token is its place
 * in the array, where it stays when it is gone.
 *
 * Operations answer with the class of the error. Those that make a token put it at the end; its
 * id and text are the product's to say.
 */
#ifndef SCENARIO_LIFECYCLE_MODEL_H
#define SCENARIO_LIFECYCLE_MODEL_H

#include "engine/lifecycle.h"
#include "tokenry/verdict.h"

#define MODEL_NONE (-1)
#define MODEL_ORGS 2
#define MODEL_USERS 8 /* half of them in each org */
#define MODEL_TIERS 3
#define MODEL_TOKENS_MAX 60000 /* ever made */
#define MODEL_LIVE_MAX 400
#define MODEL_GRACE_MAX_MS (366 * 86400000LL)

extern const char *const model_orgs[MODEL_ORGS];
extern const char *const model_users[MODEL_USERS];
extern const struct tier model_tiers[MODEL_TIERS]; /* fixed windows, of the token */
extern const struct lifetime_policy model_lifetimes[3];

struct model_token {
    char id[TOKEN_ID_CHARS + 1];
    char text[TOKEN_TEXT_BYTES_MAX + 1];
    int user, lineage, replaced_by, rotated_from;
    enum token_kind kind;
    enum token_env env;
    int tier; /* MODEL_NONE: its user's */
    bool has_role, gone, versioned;
    int64_t disabled_ms, quarantined_ms; /* since when */
    int64_t created_ms, not_before_ms, expires_ms, ungraced_ms, grace_ms, revoked_ms;
    uint64_t version_count;
    int64_t version_used_ms;
    /* Of the lineage: those of its first version count. */
    uint64_t total;
    int64_t used_ms;
    int64_t window[WINDOW_COUNT]; /* the window that was counted last */
    uint32_t in_window[WINDOW_COUNT];
};

struct model {
    int64_t now_ms, newest_epoch_ms;
    bool suspended[MODEL_USERS], one_active[MODEL_ORGS];
    int user_tier[MODEL_USERS];
    bool role_runs; /* whether the role grants the scope that is asked for at times */
    struct model_token tokens[MODEL_TOKENS_MAX];
    int count;
    int live[MODEL_LIVE_MAX]; /* those that are not gone */
    int live_count;
};

enum token_status model_status(const struct model *model, int token);
/* `take`: counts, when it is valid. */
tkr_verdict_t model_verify(struct model *model, int token, bool asks_role, bool take);

/* `asked` has user, kind, env, tier, has_role and not_before_ms. */
tkr_error_t model_create(struct model *model, const struct model_token *asked,
                         const struct lifetime_asked *lifetime);
/* `tier` and `role` are looked at when `update` has them. */
tkr_error_t model_update(struct model *model, int token, const struct token_update *update,
                         int tier, bool role);
tkr_error_t model_rotate(struct model *model, int token, int64_t grace_ms,
                         const struct lifetime_asked *lifetime /* NULL: as it was given */);
tkr_error_t model_rollback(struct model *model, int token, int64_t grace_ms);
tkr_error_t model_revoke(struct model *model, int token);
/* MODEL_NONE: all. `spared` goes on. */
void model_emergency(struct model *model, int org, int user, int kind, int spared);
/* Returns how many there were. */
int model_cleanup(struct model *model, int64_t before_ms, bool deactivate_only);

#endif
