/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of tokens: the authority, over SQLite and a segment, with a verifier, against
 * lifecycle_model.c.
 *
 * 100,000 steps, each an operation on both. Their answers are of the same class. After each
 * change, every token has the verdict that the model has for it, and some of them what a reader
 * is told; every LOOK_EVERY steps all of them. The same steps in every run; another seed comes
 * from TOKENRY_SEED.
 *
 * Where /dev/shm is, the directories are there: this is about what is stored, not about disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "lifecycle_model.h"
#include "limiter/local/limiter_local.h"
#include "seeded_random.h"

#define STEPS 100000
#define SEED 20260101
#define LOOK_EVERY 250   /* steps: then all of them are looked at */
#define LIVE_AT_MOST 160 /* more, and what would make one cleans up instead */
#define SECOND_MS INT64_C(1000)
#define HOUR_MS (3600 * SECOND_MS)
#define DAY_MS (24 * HOUR_MS)
#define ROLE_SCOPE "jobs:run"

struct run {
    struct authority_fixture fixture;
    struct verifier *verifier;
    struct arena *arena;
    struct seeded_random random;
    struct model model;
    uint64_t seed;
    int step, last; /* last: the token of the step before */
    const char *operation;
    uint64_t changes, looks, verdicts[TKR_VERDICT_COUNT], answers[TKR_ERROR_COUNT];
};

/* --- randomness ------------------------------------------------------------------------------ */

static uint64_t below(struct run *run, uint64_t bound)
{
    return seeded_random_below(&run->random, bound);
}

static bool one_in(struct run *run, uint64_t times)
{
    return below(run, times) == 0;
}

/* Mostly one that is there, at times the one of the step before, rarely one that is gone. */
static int any_token(struct run *run)
{
    struct model *model = &run->model;
    if (model->live_count == 0 || one_in(run, 40)) {
        return (int)below(run, (uint64_t)model->count);
    }
    bool again = one_in(run, 3) && !model->tokens[run->last].gone;
    run->last = again ? run->last : model->live[below(run, (uint64_t)model->live_count)];
    return run->last;
}

static struct lifetime_asked any_lifetime(struct run *run)
{
    int64_t now_ms = run->model.now_ms;
    switch (below(run, 8)) {
    case 0:
    case 1:
        return (struct lifetime_asked){0};
    case 2:
        return (struct lifetime_asked){.never = true};
    case 3: /* the past, now, or just not yet */
        return (struct lifetime_asked){
            .has_expires_at = true, .expires_at_ms = now_ms + (int64_t)below(run, 3) * 2000 - 2000};
    case 4: /* beyond the maximum of some */
        return (struct lifetime_asked){.has_expires_at = true,
                                       .expires_at_ms = now_ms + (int64_t)below(run, 500) * DAY_MS};
    default:
        return (struct lifetime_asked){.has_expires_at = true,
                                       .expires_at_ms =
                                           now_ms + (int64_t)(1 + below(run, 400)) * HOUR_MS};
    }
}

static int64_t any_grace(struct run *run)
{
    uint64_t dice = below(run, 30);
    return dice < 10   ? 0
           : dice < 20 ? (int64_t)(1 + below(run, 48)) * HOUR_MS
           : dice < 29 ? (int64_t)(1 + below(run, 30)) * DAY_MS
                       : MODEL_GRACE_MAX_MS + 1;
}

/* --- what differs ------------------------------------------------------------------------------
 */

static void tell(const struct run *run, int token)
{
    const struct model_token *t = &run->model.tokens[token];
    fprintf(
        stderr,
        "seed %llu, step %d, %s, at %lld\n model token %d %s: user %d kind %d env %d tier %d "
        "gone %d %s replaced_by %d rotated_from %d\n  created %lld not_before %lld expires %lld "
        "(without grace %lld) grace %lld revoked %lld disabled %d quarantined %d\n  lineage %d "
        "total %llu used %lld, version %d count %llu used %lld; suspended %d\n",
        (unsigned long long)run->seed, run->step, run->operation, (long long)run->model.now_ms,
        token, t->id, t->user, t->kind, t->env, t->tier, t->gone,
        token_status_name(model_status(&run->model, token)), t->replaced_by, t->rotated_from,
        (long long)t->created_ms, (long long)t->not_before_ms, (long long)t->expires_ms,
        (long long)t->ungraced_ms, (long long)t->grace_ms, (long long)t->revoked_ms,
        t->disabled_ms != 0, t->quarantined_ms != 0, t->lineage,
        (unsigned long long)run->model.tokens[t->lineage].total,
        (long long)run->model.tokens[t->lineage].used_ms, t->versioned,
        (unsigned long long)t->version_count, (long long)t->version_used_ms,
        run->model.suspended[t->user]);
}

static void tell_real(struct run *run, int token)
{
    struct token real;
    arena_reset(run->arena);
    tkr_error_t error = authority_get_token(run->fixture.authority, &fixture_admin,
                                            run->model.tokens[token].id, run->arena, &real);
    if (error != TKR_OK) {
        fprintf(stderr, " authority: %s\n", tkr_error_name(error));
        return;
    }
    fprintf(stderr,
            " authority: %s tier %s replaced_by %s rotated_from %s\n  created %lld not_before %lld "
            "expires %lld (without grace %lld) grace %lld revoked %lld (%s)\n  count %llu, version "
            "%d count %llu, used %lld\n",
            token_status_name(real.status), real.tier, real.replaced_by, real.rotated_from,
            (long long)real.created_at_ms, (long long)real.not_before_ms,
            (long long)real.expires_at_ms, (long long)real.expires_ungraced_ms,
            (long long)real.grace_until_ms, (long long)real.revoked_at_ms,
            real.revoke_reason != NULL ? real.revoke_reason : "",
            (unsigned long long)real.request_count, real.has_version_line,
            (unsigned long long)real.version_count, (long long)real.last_used_at_ms);
}

static void differ(struct run *run, int token, const char *what, const char *real,
                   const char *expected)
{
    tell(run, token);
    tell_real(run, token);
    fail_msg("%s: the authority says %s, the model %s", what, real, expected);
}

static void same_number(struct run *run, int token, const char *what, int64_t real,
                        int64_t expected)
{
    if (real != expected) {
        char texts[2][32];
        snprintf(texts[0], sizeof(texts[0]), "%lld", (long long)real);
        snprintf(texts[1], sizeof(texts[1]), "%lld", (long long)expected);
        differ(run, token, what, texts[0], texts[1]);
    }
}

static void same_answer(struct run *run, int token, const struct answer *answer,
                        tkr_error_t expected)
{
    run->changes++;
    run->answers[expected]++;
    if (answer->error != expected) {
        fprintf(stderr, "%s\n", answer->fault.detail);
        differ(run, token, "answer", tkr_error_name(answer->error), tkr_error_name(expected));
    }
}

/* --- looking ------------------------------------------------------------------------------- */

static tkr_verdict_t verify(struct run *run, int token, bool asks_role, bool take)
{
    static const struct verify_text role_scope = {ROLE_SCOPE, sizeof(ROLE_SCOPE) - 1};
    const char *text = run->model.tokens[token].text;
    struct verify_request request = {.token = text,
                                     .token_length = strlen(text),
                                     .cost = 1,
                                     .scopes = &role_scope,
                                     .scope_count = asks_role,
                                     .dry_run = !take};
    struct verify_result result;
    return verify_token(run->verifier, &request, &result);
}

static void check_verdict(struct run *run, int token, bool asks_role, bool take)
{
    tkr_verdict_t real = verify(run, token, asks_role, take);
    tkr_verdict_t expected = model_verify(&run->model, token, asks_role, take);
    run->verdicts[expected] += take;
    if (real != expected) {
        differ(run, token, take ? "verdict" : "verdict (dry run)", tkr_verdict_name(real),
               tkr_verdict_name(expected));
    }
}

static void check_verdicts(struct run *run)
{
    for (int i = 0; i < run->model.live_count; i++) {
        check_verdict(run, run->model.live[i], (run->step + i) % 4 == 0, false);
    }
}

static void check_version(struct run *run, int token, const struct token *real)
{
    const struct model_token *t = &run->model.tokens[token];
    const struct model_token *lineage = &run->model.tokens[t->lineage];
    same_number(run, token, "request_count", (int64_t)real->request_count, (int64_t)lineage->total);
    same_number(run, token, "has a version line", real->has_version_line, t->versioned);
    same_number(run, token, "last_used_at", real->last_used_at_ms, t->version_used_ms);
    if (t->versioned) {
        same_number(run, token, "version_count", (int64_t)real->version_count,
                    (int64_t)t->version_count);
    }
}

static void check_token(struct run *run, int token)
{
    const struct model_token *t = &run->model.tokens[token];
    struct token real;
    arena_reset(run->arena);
    tkr_error_t error =
        authority_get_token(run->fixture.authority, &fixture_admin, t->id, run->arena, &real);
    run->looks++;
    if (t->gone || error != TKR_OK) {
        same_number(run, token, "reading", (int64_t)error, t->gone ? TKR_NOT_FOUND : TKR_OK);
        return;
    }
    const char *successor =
        t->replaced_by != MODEL_NONE ? run->model.tokens[t->replaced_by].id : "";
    const int tier = t->tier != MODEL_NONE ? t->tier : run->model.user_tier[t->user];
    same_number(run, token, "status", real.status, model_status(&run->model, token));
    same_number(run, token, "expires_at", real.expires_at_ms, t->expires_ms);
    same_number(run, token, "grace_until", real.grace_until_ms, t->grace_ms);
    same_number(run, token, "revoked_at", real.revoked_at_ms, t->revoked_ms);
    if (strcmp(real.replaced_by, successor) != 0) {
        differ(run, token, "replaced_by", real.replaced_by, successor);
    }
    if (strcmp(real.tier, model_tiers[tier].name) != 0) {
        differ(run, token, "tier", real.tier, model_tiers[tier].name);
    }
    check_version(run, token, &real);
}

static void check_all(struct run *run)
{
    check_verdicts(run);
    for (int i = 0; i < run->model.live_count; i++) {
        check_token(run, run->model.live[i]);
    }
}

/* --- operations ---------------------------------------------------------------------------- */

static void step_verify(struct run *run)
{
    int token = any_token(run);
    int times = one_in(run, 8) ? 10 : 1; /* enough to exhaust a limit */
    for (int i = 0; i < times; i++) {
        check_verdict(run, token, one_in(run, 6), true);
    }
}

static void step_time(struct run *run)
{
    uint64_t dice = below(run, 100);
    int64_t ms = dice < 50   ? (int64_t)below(run, 2000)
                 : dice < 75 ? (int64_t)below(run, 300 * SECOND_MS)
                 : dice < 92 ? (int64_t)below(run, 4 * HOUR_MS)
                 : dice < 99 ? (int64_t)below(run, 3 * DAY_MS)
                             : (int64_t)below(run, 28 * DAY_MS);
    virtual_clock_advance(&run->fixture.time, ms);
    run->model.now_ms += ms;
}

static void clean(struct run *run, int64_t before_ms, bool deactivate_only)
{
    struct cleanup cleanup = {.before_ms = before_ms, .deactivate_only = deactivate_only};
    struct answer answer = fixture_cleanup(&run->fixture, &fixture_admin, &cleanup);
    int count = model_cleanup(&run->model, before_ms, deactivate_only);
    same_answer(run, run->last, &answer, TKR_OK);
    same_number(run, run->last, "cleaned away", (int64_t)answer.cleanup.count, count);
}

static void step_revoke(struct run *run)
{
    int token = any_token(run);
    struct answer answer =
        fixture_revoke(&run->fixture, &fixture_admin, run->model.tokens[token].id, NULL);
    same_answer(run, token, &answer, model_revoke(&run->model, token));
}

/* True: there is room for one more. */
static bool make_room(struct run *run)
{
    if (run->model.live_count < LIVE_AT_MOST) {
        return true;
    }
    clean(run, run->model.now_ms, false);
    if (run->model.live_count >= LIVE_AT_MOST) {
        step_revoke(run);
    }
    return false;
}

static void name_newest(struct run *run, const struct answer *answer)
{
    struct model_token *t = &run->model.tokens[run->model.count - 1];
    memcpy(t->id, answer->id, sizeof(t->id));
    memcpy(t->text, answer->plaintext, sizeof(t->text));
    run->last = run->model.count - 1;
}

static void create(struct run *run, const struct model_token *asked,
                   const struct lifetime_asked *lifetime)
{
    static const char *const scopes[] = {"api:read"};
    struct token_create made = {
        .org_id = model_orgs[asked->user / (MODEL_USERS / MODEL_ORGS)],
        .user_id = model_users[asked->user],
        .name = "t",
        .kind = asked->kind,
        .env = asked->env,
        .tier = asked->tier != MODEL_NONE ? model_tiers[asked->tier].name : NULL,
        .scopes = scopes,
        .scope_count = 1,
        .role = asked->has_role ? "runner" : NULL,
        .not_before_ms = asked->not_before_ms,
        .lifetime = *lifetime,
    };
    struct answer answer = fixture_create(&run->fixture, &fixture_admin, &made);
    tkr_error_t expected = model_create(&run->model, asked, lifetime);
    if (expected == TKR_OK) {
        name_newest(run, &answer);
    }
    same_answer(run, run->last, &answer, expected);
}

static void step_create(struct run *run)
{
    if (!make_room(run)) {
        return;
    }
    struct model_token asked = {
        .user = (int)below(run, MODEL_USERS),
        .kind = (enum token_kind)below(run, 3),
        .env = one_in(run, 4) ? TOKEN_ENV_TEST : TOKEN_ENV_LIVE,
        .tier = (int)below(run, MODEL_TIERS + 2),
        .has_role = one_in(run, 2),
    };
    asked.tier = asked.tier < MODEL_TIERS ? asked.tier : MODEL_NONE;
    if (one_in(run, 8)) {
        asked.not_before_ms = run->model.now_ms + (int64_t)below(run, 2 * DAY_MS);
    }
    struct lifetime_asked lifetime = any_lifetime(run);
    create(run, &asked, &lifetime);
}

static void step_update(struct run *run)
{
    int token = any_token(run);
    struct token_update update = {0};
    int tier = (int)below(run, MODEL_TIERS + 1) - 1;
    bool has_role = one_in(run, 2);
    uint64_t what = below(run, 6);
    update.has_disabled = what == 0;
    update.disabled = one_in(run, 3);
    update.has_quarantined = what == 1;
    update.quarantined = one_in(run, 3);
    update.has_expires = what == 2;
    update.lifetime = what == 2 ? any_lifetime(run) : (struct lifetime_asked){0};
    update.has_tier = what == 3;
    update.tier = tier != MODEL_NONE ? model_tiers[tier].name : NULL;
    update.has_name = what == 4;
    update.name = "renamed";
    update.has_role = what == 5;
    update.role = has_role ? "runner" : NULL;
    struct answer answer =
        fixture_update(&run->fixture, &fixture_admin, run->model.tokens[token].id, &update);
    same_answer(run, token, &answer, model_update(&run->model, token, &update, tier, has_role));
}

static void step_hold(struct run *run)
{
    int token = any_token(run);
    enum token_hold hold = one_in(run, 2) ? HOLD_RESTORE : (enum token_hold)below(run, 2);
    struct token_update update = {
        .has_disabled = hold != HOLD_QUARANTINE,
        .disabled = hold == HOLD_DISABLE,
        .has_quarantined = hold != HOLD_DISABLE,
        .quarantined = hold == HOLD_QUARANTINE,
    };
    struct answer answer =
        fixture_hold(&run->fixture, &fixture_admin, run->model.tokens[token].id, hold, NULL);
    same_answer(run, token, &answer, model_update(&run->model, token, &update, 0, false));
}

static void step_rotate(struct run *run)
{
    if (!make_room(run)) {
        return;
    }
    int token = any_token(run);
    struct token_rotate rotate = {
        .has_grace = true, .grace_ms = any_grace(run), .has_lifetime = one_in(run, 4)};
    rotate.lifetime = rotate.has_lifetime ? any_lifetime(run) : (struct lifetime_asked){0};
    struct answer answer =
        fixture_rotate(&run->fixture, &fixture_admin, run->model.tokens[token].id, &rotate);
    tkr_error_t expected = model_rotate(&run->model, token, rotate.grace_ms,
                                        rotate.has_lifetime ? &rotate.lifetime : NULL);
    same_answer(run, token, &answer, expected);
    if (expected == TKR_OK) {
        name_newest(run, &answer);
        check_token(run, token);
    }
}

static void step_rollback(struct run *run)
{
    int token = any_token(run);
    for (int i = 0; i < 5 && run->model.tokens[token].rotated_from == MODEL_NONE; i++) {
        token = any_token(run); /* most were never rotated */
    }
    int other = run->model.tokens[token].rotated_from;
    int64_t grace_ms = any_grace(run);
    struct answer answer =
        fixture_rollback(&run->fixture, &fixture_admin, run->model.tokens[token].id, grace_ms);
    same_answer(run, token, &answer, model_rollback(&run->model, token, grace_ms));
    if (other != MODEL_NONE) {
        check_token(run, other);
    }
}

/* The verdicts are looked at while it may be pending, and then when it is settled. */
static void step_emergency(struct run *run)
{
    int org = one_in(run, 12) ? MODEL_NONE : (int)below(run, MODEL_ORGS);
    int user = org != MODEL_NONE && !one_in(run, 4)
                   ? org * (MODEL_USERS / MODEL_ORGS) + (int)below(run, 4)
                   : MODEL_NONE;
    int kind = one_in(run, 2) ? (int)below(run, 3) : MODEL_NONE;
    int spared = one_in(run, 2) && run->model.live_count > 0
                     ? run->model.live[below(run, (uint64_t)run->model.live_count)]
                     : MODEL_NONE;
    struct principal by = fixture_admin;
    by.token_id = spared != MODEL_NONE ? run->model.tokens[spared].id : "";
    struct emergency emergency = {
        .reason = "leaked",
        .org_id = org != MODEL_NONE ? model_orgs[org] : "*",
        .user_id = user != MODEL_NONE ? model_users[user] : NULL,
        .has_kind = kind != MODEL_NONE,
        .kind = kind != MODEL_NONE ? (enum token_kind)kind : TOKEN_KIND_USER,
        .spare_caller = spared != MODEL_NONE,
    };
    struct answer answer = fixture_emergency(&run->fixture, &by, &emergency);
    model_emergency(&run->model, org, user, kind, spared);
    same_answer(run, run->last, &answer, TKR_OK);
    check_all(run);
    for (int i = 0; i < 1000 && epochs_pending(run->fixture.authority); i++) {
        authority_flush(run->fixture.authority);
    }
    check_all(run);
}

static void step_user(struct run *run)
{
    int user = (int)below(run, MODEL_USERS);
    int tier = (int)below(run, MODEL_TIERS + 1) - 1;
    struct user_write write = {.org_id = model_orgs[user / (MODEL_USERS / MODEL_ORGS)],
                               .id = model_users[user]};
    if (one_in(run, 2)) {
        write.has_tier = true;
        write.tier = tier != MODEL_NONE ? model_tiers[tier].name : NULL;
        run->model.user_tier[user] = tier != MODEL_NONE ? tier : 0;
    } else {
        write.has_suspended = true;
        write.suspended = one_in(run, 3);
        run->model.suspended[user] = write.suspended;
    }
    struct answer answer = fixture_update_user(&run->fixture, &fixture_admin, &write);
    same_answer(run, run->last, &answer, TKR_OK);
}

static void step_org(struct run *run)
{
    int org = (int)below(run, MODEL_ORGS);
    run->model.one_active[org] = one_in(run, 3);
    struct org_write write = {.id = model_orgs[org],
                              .has_one_active = true,
                              .one_active_per_user =
                                  run->model.one_active[org] ? CHOICE_YES : CHOICE_NO};
    struct answer answer = fixture_update_org(&run->fixture, &fixture_admin, &write);
    same_answer(run, run->last, &answer, TKR_OK);
}

static void step_role(struct run *run)
{
    static const char *const scopes[] = {"jobs:read", ROLE_SCOPE};
    run->model.role_runs = !run->model.role_runs;
    struct role_write write = {.org_id = "*",
                               .name = "runner",
                               .scopes = scopes,
                               .scope_count = run->model.role_runs ? 2 : 1};
    struct answer answer = fixture_put_role(&run->fixture, &fixture_admin, &write);
    same_answer(run, run->last, &answer, TKR_OK);
}

static void step_cleanup(struct run *run)
{
    int64_t age_ms = one_in(run, 2) ? 0 : (int64_t)below(run, 20 * DAY_MS);
    clean(run, run->model.now_ms - age_ms, one_in(run, 2));
}

static void step_flush(struct run *run)
{
    authority_flush(run->fixture.authority);
}

static void open_verifier(struct run *run)
{
    struct fault fault = {0};
    struct verifier_options options = {
        .directory = run->fixture.runtime.path,
        .clock = &run->fixture.time.clock,
        .stale_s = INT64_C(80) * 365 * 86400, /* years pass between two beats */
        .limiter = &limiter_local,
    };
    if (verifier_new(&options, &run->verifier, &fault) != TKR_OK) {
        fail_msg("no verifier: %s", fault.detail);
    }
}

static void restart(struct run *run, bool keep_runtime)
{
    struct fault fault = {0};
    verifier_free(run->verifier);
    run->verifier = NULL;
    authority_fixture_stop(&run->fixture);
    if (!keep_runtime) {
        temp_directory_remove(&run->fixture.runtime);
        temp_directory_make(&run->fixture.runtime);
    }
    if (authority_fixture_start(&run->fixture, &fault) != TKR_OK) {
        fail_msg("step %d: no start: %s", run->step, fault.detail);
    }
    open_verifier(run);
    check_all(run);
}

static void step_restart(struct run *run)
{
    restart(run, true);
}

static void step_lost_runtime(struct run *run)
{
    restart(run, false);
}

static const struct operation {
    const char *name;
    void (*run)(struct run *run);
    unsigned weight; /* of 1,000 */
    bool changes;
} operations[] = {
    {"verify", step_verify, 566, false},
    {"time", step_time, 130, false},
    {"create", step_create, 65, true},
    {"update", step_update, 60, true},
    {"hold", step_hold, 40, true},
    {"rotate", step_rotate, 50, true},
    {"rollback", step_rollback, 30, true},
    {"revoke", step_revoke, 12, true},
    {"emergency", step_emergency, 3, true},
    {"user", step_user, 16, true},
    {"org", step_org, 4, true},
    {"role", step_role, 2, true},
    {"cleanup", step_cleanup, 16, true},
    {"flush", step_flush, 4, true},
    {"restart", step_restart, 1, true},
    {"restart without runtime", step_lost_runtime, 1, true},
};

static const struct operation *any_operation(struct run *run)
{
    unsigned dice = (unsigned)below(run, 1000);
    const struct operation *operation = operations;
    while (dice >= operation->weight) {
        dice -= operation->weight;
        operation++;
    }
    return operation;
}

static void one_step(struct run *run)
{
    const struct operation *operation = any_operation(run);
    run->operation = operation->name;
    operation->run(run);
    if (operation->changes) {
        check_verdicts(run);
        check_token(run, run->last);
        check_token(run, any_token(run));
    }
    if (run->step % LOOK_EVERY == 0) {
        check_all(run);
    }
}

/* --- the run ------------------------------------------------------------------------------- */

static void set_up(struct run *run)
{
    const char *seed = getenv("TOKENRY_SEED");
    struct lifetime_asked as_usual = {0};
    struct fault fault = {0};
    run->seed = seed != NULL ? strtoull(seed, NULL, 10) : SEED;
    seeded_random_init(&run->random, run->seed);
    assert_int_equal(arena_new(1 << 20, &run->arena), TKR_OK);
    authority_fixture_init(&run->fixture);
    for (int i = 0; i < 3; i++) {
        run->fixture.options.lifetimes[i] = model_lifetimes[i];
        run->fixture.options.window_kinds[i] = WINDOW_FIXED;
    }
    assert_int_equal(authority_fixture_start(&run->fixture, &fault), TKR_OK);
    run->model.now_ms = authority_now_ms(run->fixture.authority);
    for (int i = 0; i < MODEL_TIERS; i++) {
        struct answer answer = fixture_put_tier(&run->fixture, &fixture_admin, &model_tiers[i]);
        assert_int_equal(answer.error, TKR_OK);
    }
    open_verifier(run);
    run->operation = "the beginning";
    step_role(run);
    for (int i = 0; i < MODEL_USERS; i++) {
        struct model_token asked = {.user = i, .tier = MODEL_NONE};
        create(run, &asked, &as_usual);
    }
}

static void tear_down(struct run *run)
{
    verifier_free(run->verifier);
    authority_fixture_close(&run->fixture);
    arena_free(run->arena);
}

static void test_the_authority_does_as_the_model(void **state)
{
    static struct run run;
    (void)state;
    set_up(&run);
    for (run.step = 1; run.step <= STEPS; run.step++) {
        one_step(&run);
    }
    check_all(&run);
    printf("seed %llu: %d steps, %llu changes, %d tokens, %llu readings, no difference\n",
           (unsigned long long)run.seed, STEPS, (unsigned long long)run.changes, run.model.count,
           (unsigned long long)run.looks);
    static const tkr_verdict_t verdicts[] = {
        TKR_VERDICT_VALID,        TKR_VERDICT_NOT_FOUND,
        TKR_VERDICT_REVOKED,      TKR_VERDICT_DISABLED,
        TKR_VERDICT_QUARANTINED,  TKR_VERDICT_NOT_YET_VALID,
        TKR_VERDICT_EXPIRED,      TKR_VERDICT_USER_SUSPENDED,
        TKR_VERDICT_RATE_LIMITED, TKR_VERDICT_INSUFFICIENT_SCOPE,
    };
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        printf("  %s %llu\n", tkr_verdict_name(verdicts[i]),
               (unsigned long long)run.verdicts[verdicts[i]]);
        assert_true(run.verdicts[verdicts[i]] > 50);
    }
    static const tkr_error_t errors[] = {TKR_OK, TKR_NOT_FOUND, TKR_CONFLICT, TKR_OUT_OF_RANGE};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        printf("  %s %llu\n", tkr_error_name(errors[i]),
               (unsigned long long)run.answers[errors[i]]);
        assert_true(run.answers[errors[i]] > 50);
    }
    tear_down(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_authority_does_as_the_model)};
    if (access("/dev/shm", W_OK | X_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
