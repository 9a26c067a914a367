/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle_model.h"

#define DAY_S 86400
#define FOREVER INT64_MAX

const char *const model_orgs[MODEL_ORGS] = {"acme", "globex"};
const char *const model_users[MODEL_USERS] = {"ann", "bob",  "cleo", "dan",
                                              "ann", "erik", "fay",  "gus"};
const struct tier model_tiers[MODEL_TIERS] = {
    {"free", {.set = 1 << WINDOW_HOUR, .limit = {0, 6, 0}}, LIMITS_OF_TOKEN},
    {"pro", {.set = 1 << WINDOW_MINUTE | 1 << WINDOW_DAY, .limit = {3, 0, 25}}, LIMITS_OF_TOKEN},
    {"enterprise", {.set = 0}, LIMITS_OF_TOKEN},
};
const struct lifetime_policy model_lifetimes[3] = {
    [TOKEN_KIND_USER] = {90 * DAY_S, 365 * DAY_S, ON_EXCEED_CLAMP},
    [TOKEN_KIND_SERVICE] = {0, 0, ON_EXCEED_CLAMP},
    [TOKEN_KIND_ADMIN] = {30 * DAY_S, 60 * DAY_S, ON_EXCEED_REJECT},
};

static int org_of(int user)
{
    return user / (MODEL_USERS / MODEL_ORGS);
}

enum token_status model_status(const struct model *model, int token)
{
    const struct model_token *t = &model->tokens[token];
    bool expired = t->expires_ms != 0 && t->expires_ms <= model->now_ms;
    return t->revoked_ms != 0                 ? TOKEN_REVOKED
           : t->disabled_ms != 0              ? TOKEN_DISABLED
           : t->quarantined_ms != 0           ? TOKEN_QUARANTINED
           : t->not_before_ms > model->now_ms ? TOKEN_NOT_YET_VALID
           : expired                          ? TOKEN_EXPIRED
                                              : TOKEN_ACTIVE;
}

/* --- verification ------------------------------------------------------------------------- */

static bool take_limits(struct model *model, const struct model_token *t, bool take)
{
    static const int64_t widths[WINDOW_COUNT] = {60000, 3600000, 86400000};
    struct model_token *lineage = &model->tokens[t->lineage];
    const struct limits *limits =
        &model_tiers[t->tier != MODEL_NONE ? t->tier : model->user_tier[t->user]].limits;
    uint32_t counts[WINDOW_COUNT];
    for (int w = 0; w < WINDOW_COUNT; w++) {
        bool same = lineage->window[w] == model->now_ms / widths[w];
        counts[w] = same ? lineage->in_window[w] : 0;
        if ((limits->set >> w & 1) != 0 && counts[w] >= limits->limit[w]) {
            return false;
        }
    }
    for (int w = 0; take && w < WINDOW_COUNT; w++) {
        if ((limits->set >> w & 1) != 0) { /* a window without a limit is not counted */
            lineage->window[w] = model->now_ms / widths[w];
            lineage->in_window[w] = counts[w] + 1;
        }
    }
    return true;
}

tkr_verdict_t model_verify(struct model *model, int token, bool asks_role, bool take)
{
    static const tkr_verdict_t by_status[TOKEN_STATUS_COUNT] = {
        [TOKEN_REVOKED] = TKR_VERDICT_REVOKED,
        [TOKEN_DISABLED] = TKR_VERDICT_DISABLED,
        [TOKEN_QUARANTINED] = TKR_VERDICT_QUARANTINED,
        [TOKEN_NOT_YET_VALID] = TKR_VERDICT_NOT_YET_VALID,
        [TOKEN_EXPIRED] = TKR_VERDICT_EXPIRED,
    };
    struct model_token *t = &model->tokens[token];
    enum token_status status = model_status(model, token);
    if (t->gone) {
        return TKR_VERDICT_NOT_FOUND;
    }
    if (status != TOKEN_ACTIVE) {
        return by_status[status];
    }
    if (model->suspended[t->user]) {
        return TKR_VERDICT_USER_SUSPENDED;
    }
    if (asks_role && !(t->has_role && model->role_runs)) {
        return TKR_VERDICT_INSUFFICIENT_SCOPE;
    }
    if (!take_limits(model, t, take)) {
        return TKR_VERDICT_RATE_LIMITED;
    }
    if (take) {
        model->tokens[t->lineage].total++;
        model->tokens[t->lineage].used_ms = model->now_ms;
        t->version_count++;
        t->version_used_ms = model->now_ms;
    }
    return TKR_VERDICT_VALID;
}

/* --- making and changing ---------------------------------------------------------------------- */

static tkr_error_t decide_expiry(const struct model *model, enum token_kind kind,
                                 const struct lifetime_asked *asked, int64_t *ret_expires_ms)
{
    const struct lifetime_policy *policy = &model_lifetimes[kind];
    if (!asked->never && !asked->has_expires_at) {
        *ret_expires_ms = policy->default_s != 0 ? model->now_ms + policy->default_s * 1000 : 0;
        return TKR_OK;
    }
    int64_t wanted = asked->never ? FOREVER : asked->expires_at_ms;
    int64_t latest = policy->max_s != 0 ? model->now_ms + policy->max_s * 1000 : FOREVER;
    if (wanted <= model->now_ms || (wanted > latest && policy->on_exceed == ON_EXCEED_REJECT)) {
        return TKR_OUT_OF_RANGE;
    }
    wanted = wanted < latest ? wanted : latest;
    *ret_expires_ms = wanted == FOREVER ? 0 : wanted;
    return TKR_OK;
}

static int add(struct model *model, const struct model_token *token)
{
    ASSERT(model->count < MODEL_TOKENS_MAX && model->live_count < MODEL_LIVE_MAX);
    model->live[model->live_count++] = model->count;
    model->tokens[model->count] = *token;
    return model->count++;
}

/* One active token a user: what else could be used, of the same kind and environment, ends. */
static void replace_older(struct model *model, int token)
{
    const struct model_token *kept = &model->tokens[token];
    for (int i = 0; model->one_active[org_of(kept->user)] && i < model->live_count; i++) {
        struct model_token *t = &model->tokens[model->live[i]];
        bool rival = t->user == kept->user && t->kind == kept->kind && t->env == kept->env &&
                     t->lineage != kept->lineage && t->quarantined_ms == 0;
        bool ended = t->revoked_ms != 0 || (t->expires_ms != 0 && t->expires_ms <= model->now_ms);
        if (rival && !ended) {
            t->revoked_ms = model->now_ms;
        }
    }
}

tkr_error_t model_create(struct model *model, const struct model_token *asked,
                         const struct lifetime_asked *lifetime)
{
    struct model_token token = *asked;
    TRY(decide_expiry(model, token.kind, lifetime, &token.expires_ms));
    if (token.expires_ms != 0 && token.not_before_ms >= token.expires_ms) {
        return TKR_OUT_OF_RANGE;
    }
    token.created_ms = model->now_ms;
    token.lineage = model->count;
    token.replaced_by = token.rotated_from = MODEL_NONE;
    replace_older(model, add(model, &token));
    return TKR_OK;
}

static int64_t with(bool asked, int64_t before_ms, int64_t after_ms, int64_t own_ms)
{
    bool held = asked && own_ms == 0;
    bool by_itself = before_ms == 0 && after_ms != 0 && own_ms == after_ms;
    bool freed = before_ms != 0 && after_ms == 0 && own_ms == before_ms;
    return held ? after_ms : by_itself ? own_ms + 1 : freed ? 0 : own_ms;
}

/* Since when it is held that is asked to be: an older version by itself anew. */
static int64_t since(const struct model *model, const struct model_token *t, int64_t own_ms)
{
    if (own_ms != 0 && t->replaced_by == MODEL_NONE) {
        return own_ms;
    }
    return model->now_ms > own_ms ? model->now_ms : own_ms + 1;
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    int64_t a = a_ms != 0 ? a_ms : FOREVER, b = b_ms != 0 ? b_ms : FOREVER;
    int64_t first = a < b ? a : b;
    return first == FOREVER ? 0 : first;
}

/* What is done to the current version is done to each that lives on beside it. `update` NULL: it
 * was revoked. */
static void each_beside(struct model *model, int current, const struct model_token *before,
                        const struct token_update *update)
{
    const struct model_token *c = &model->tokens[current];
    for (int i = 0; c->replaced_by == MODEL_NONE && i < model->live_count; i++) {
        struct model_token *t = &model->tokens[model->live[i]];
        bool lives = t->revoked_ms == 0 && t->expires_ms > model->now_ms;
        if (t->lineage != c->lineage || t == c || !lives) {
            continue;
        }
        if (update == NULL) {
            t->revoked_ms = model->now_ms;
            continue;
        }
        t->disabled_ms = with(update->has_disabled && update->disabled, before->disabled_ms,
                              c->disabled_ms, t->disabled_ms);
        t->quarantined_ms = with(update->has_quarantined && update->quarantined,
                                 before->quarantined_ms, c->quarantined_ms, t->quarantined_ms);
        t->tier = update->has_tier ? c->tier : t->tier;
        t->has_role = update->has_role ? c->has_role : t->has_role;
        if (update->has_expires) {
            t->expires_ms = sooner(t->expires_ms, c->expires_ms);
            t->ungraced_ms = sooner(t->ungraced_ms, c->expires_ms);
        }
    }
}

tkr_error_t model_update(struct model *model, int token, const struct token_update *update,
                         int tier, bool role)
{
    struct model_token *t = &model->tokens[token];
    struct model_token before = *t;
    bool was_active = model_status(model, token) == TOKEN_ACTIVE;
    int64_t expires_ms = t->expires_ms;
    ENSURE(!t->gone, TKR_NOT_FOUND);
    ENSURE(t->revoked_ms == 0, TKR_CONFLICT);
    ENSURE(t->replaced_by == MODEL_NONE || update->has_disabled || update->has_quarantined,
           TKR_CONFLICT);
    if (update->has_expires) {
        TRY(decide_expiry(model, t->kind, &update->lifetime, &expires_ms));
        ENSURE(expires_ms == 0 || t->not_before_ms < expires_ms, TKR_OUT_OF_RANGE);
    }
    t->expires_ms = expires_ms;
    t->tier = update->has_tier ? tier : t->tier;
    t->has_role = update->has_role ? role : t->has_role;
    if (update->has_disabled) {
        t->disabled_ms = update->disabled ? since(model, t, t->disabled_ms) : 0;
    }
    if (update->has_quarantined) {
        t->quarantined_ms = update->quarantined ? since(model, t, t->quarantined_ms) : 0;
    }
    each_beside(model, token, &before, update);
    if (!was_active && model_status(model, token) == TOKEN_ACTIVE) {
        replace_older(model, token);
    }
    return TKR_OK;
}

/* --- rotation --------------------------------------------------------------------------------- */

static void retire(struct model *model, struct model_token *t, int replaced_by, int64_t grace_ms)
{
    t->replaced_by = replaced_by;
    t->grace_ms = model->now_ms + grace_ms;
    t->ungraced_ms = t->expires_ms;
    if (t->expires_ms == 0 || t->expires_ms > t->grace_ms) {
        t->expires_ms = t->grace_ms;
    }
    t->versioned = true;
}

tkr_error_t model_rotate(struct model *model, int token, int64_t grace_ms,
                         const struct lifetime_asked *lifetime)
{
    struct model_token *t = &model->tokens[token];
    ENSURE(grace_ms <= MODEL_GRACE_MAX_MS, TKR_OUT_OF_RANGE);
    ENSURE(!t->gone, TKR_NOT_FOUND);
    ENSURE(t->replaced_by == MODEL_NONE && t->revoked_ms == 0, TKR_CONFLICT);
    ENSURE(t->disabled_ms == 0 && t->quarantined_ms == 0, TKR_CONFLICT);
    struct model_token successor = *t;
    int64_t given_ms = t->expires_ms - t->created_ms;
    struct lifetime_asked as_given = {.never = t->expires_ms == 0,
                                      .has_expires_at = t->expires_ms != 0,
                                      .expires_at_ms = model->now_ms + given_ms};
    TRY(decide_expiry(model, t->kind, lifetime != NULL ? lifetime : &as_given,
                      &successor.expires_ms));
    successor.created_ms = model->now_ms;
    successor.not_before_ms = t->not_before_ms > model->now_ms ? t->not_before_ms : 0;
    successor.rotated_from = token;
    successor.versioned = true;
    successor.version_count = 0;
    successor.version_used_ms = 0;
    if (successor.expires_ms != 0) { /* no version outlives its successor */
        int64_t left_ms = successor.expires_ms - model->now_ms;
        grace_ms = grace_ms < left_ms ? grace_ms : left_ms;
        for (int i = 0; i < model->live_count; i++) {
            struct model_token *other = &model->tokens[model->live[i]];
            bool lives = other->revoked_ms == 0 && other->expires_ms > model->now_ms;
            if (other->lineage == t->lineage && other != t && lives) {
                other->expires_ms = sooner(other->expires_ms, successor.expires_ms);
                other->ungraced_ms = sooner(other->ungraced_ms, successor.expires_ms);
            }
        }
    }
    retire(model, t, add(model, &successor), grace_ms);
    return TKR_OK;
}

tkr_error_t model_rollback(struct model *model, int token, int64_t grace_ms)
{
    const struct model_token *named = &model->tokens[token];
    ENSURE(grace_ms <= MODEL_GRACE_MAX_MS, TKR_OUT_OF_RANGE);
    ENSURE(!named->gone, TKR_NOT_FOUND);
    bool is_current = named->replaced_by == MODEL_NONE;
    int current = is_current ? token : named->replaced_by;
    int before = is_current ? named->rotated_from : token;
    ENSURE(before != MODEL_NONE, TKR_CONFLICT);
    struct model_token *successor = &model->tokens[current];
    struct model_token *t = &model->tokens[before];
    ENSURE(!successor->gone && !t->gone, TKR_CONFLICT);
    ENSURE(t->replaced_by == current && successor->replaced_by == MODEL_NONE, TKR_CONFLICT);
    ENSURE(t->revoked_ms == 0 && t->expires_ms > model->now_ms, TKR_CONFLICT);
    t->replaced_by = MODEL_NONE;
    t->expires_ms = t->ungraced_ms;
    t->ungraced_ms = t->grace_ms = 0;
    if (grace_ms > 0) {
        retire(model, successor, before, grace_ms);
    } else {
        successor->replaced_by = before;
        successor->revoked_ms = successor->revoked_ms != 0 ? successor->revoked_ms : model->now_ms;
    }
    return TKR_OK;
}

/* --- ending ----------------------------------------------------------------------------------- */

tkr_error_t model_revoke(struct model *model, int token)
{
    struct model_token *t = &model->tokens[token];
    ENSURE(!t->gone, TKR_NOT_FOUND);
    if (t->revoked_ms == 0) {
        t->revoked_ms = model->now_ms;
    }
    each_beside(model, token, t, NULL); /* also when it had ended alone, as by a cleanup */
    return TKR_OK;
}

void model_emergency(struct model *model, int org, int user, int kind, int spared)
{
    int64_t at_ms =
        model->now_ms > model->newest_epoch_ms ? model->now_ms : model->newest_epoch_ms + 1;
    model->newest_epoch_ms = at_ms;
    for (int i = 0; i < model->live_count; i++) {
        struct model_token *t = &model->tokens[model->live[i]];
        bool covered = (org == MODEL_NONE || org == org_of(t->user)) &&
                       (user == MODEL_NONE || user == t->user) &&
                       (kind == MODEL_NONE || kind == (int)t->kind) && model->live[i] != spared;
        if (covered && t->revoked_ms == 0) {
            t->revoked_ms = at_ms;
        }
    }
}

int model_cleanup(struct model *model, int64_t before_ms, bool deactivate_only)
{
    int found = 0, kept = 0;
    for (int i = 0; i < model->live_count; i++) {
        int token = model->live[i];
        struct model_token *t = &model->tokens[token];
        enum token_status status = model_status(model, token);
        bool expired = t->expires_ms != 0 && t->expires_ms <= before_ms && t->revoked_ms == 0 &&
                       t->quarantined_ms <= before_ms;
        bool revoked = status == TOKEN_REVOKED && t->revoked_ms <= before_ms && !deactivate_only;
        found += expired || revoked;
        if (deactivate_only && expired) {
            t->revoked_ms = model->now_ms;
        }
        t->gone = !deactivate_only && (expired || revoked);
        if (!t->gone) {
            model->live[kept++] = token;
        }
    }
    model->live_count = kept;
    return found;
}
