/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An emergency revocation of many tokens, and rotation under full verification.
 *
 *     bench_lifecycle [--tokens N] [--rotations N]
 *
 * Prints lines `name value unit`. The emergency is timed from the call to its answer, after which
 * every token that is tried must be refused; settling is what follows in the background. While
 * rotations run one after the other, two threads verify without a pause: a version that was
 * answered and did not end must be valid, and one whose end was answered must be refused. Every
 * wrong verdict is counted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "engine/authority_internal.h"
#include "limiter/local/limiter_local.h"

#define SAMPLES 1000
#define VERIFIERS 2
#define HOUR_MS INT64_C(3600000)

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench_lifecycle: %s\n", what);
        exit(1);
    }
}

static double seconds(void)
{
    return (double)clock_monotonic_ns(clock_system()) / 1e9;
}

static struct verifier *open_verifier(struct authority_fixture *fixture)
{
    struct verifier_options options = {.directory = fixture->runtime.path,
                                       .clock = &fixture->time.clock,
                                       .stale_s = 400 * 86400,
                                       .limiter = &limiter_local};
    struct verifier *verifier = NULL;
    must(verifier_new(&options, &verifier, NULL) == TKR_OK, "no verifier");
    return verifier;
}

static tkr_verdict_t verify(struct verifier *verifier, const char *text)
{
    struct verify_request request = {.token = text, .token_length = strlen(text), .cost = 1};
    struct verify_result result;
    return verify_token(verifier, &request, &result);
}

/* --- emergency ------------------------------------------------------------------------------- */

/* Rows as an import would leave them; the digests are random, so nobody can present them. */
static void fill(struct authority_fixture *fixture, uint64_t tokens)
{
    char sql[1200];
    snprintf(sql, sizeof(sql),
             "PRAGMA synchronous = OFF; BEGIN;"
             " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %llu)"
             " INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name, scopes,"
             " display_prefix, version, created_at, updated_at, expires_at)"
             " SELECT randomblob(32), printf('tok_%%026d', i), user, org, tier, i, kind, env, name,"
             " scopes, display_prefix, 1, created_at, updated_at, expires_at"
             " FROM n, (SELECT * FROM tokens LIMIT 1);"
             " UPDATE meta SET tokens = tokens + %llu, next_line = %llu + 2, seq = seq + 1; COMMIT",
             (unsigned long long)tokens, (unsigned long long)tokens, (unsigned long long)tokens);
    authority_fixture_stop(fixture);
    fixture_run(fixture, sql);
    must(authority_fixture_start(fixture, NULL) == TKR_OK, "the authority does not start");
}

static void run_emergency(uint64_t tokens)
{
    struct authority_fixture fixture;
    struct token_create create = fixture_token("n");
    authority_fixture_open(&fixture);
    struct answer made[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        made[i] = fixture_create(&fixture, &fixture_admin, &create);
        must(made[i].error == TKR_OK, "no token");
    }
    fill(&fixture, tokens);
    struct verifier *verifier = open_verifier(&fixture);
    must(verify(verifier, made[0].plaintext) == TKR_VERDICT_VALID, "it is not valid before");
    struct emergency all = {.reason = "bench", .org_id = "*"};
    double before_s = seconds();
    must(fixture_emergency(&fixture, &fixture_admin, &all).error == TKR_OK, "no revocation");
    double answered_s = seconds();
    for (size_t i = 0; i < SAMPLES; i++) {
        must(verify(verifier, made[i].plaintext) == TKR_VERDICT_REVOKED, "one was let in");
    }
    double refused_s = seconds();
    while (epochs_pending(fixture.authority)) {
        authority_flush(fixture.authority);
    }
    double settled_s = seconds();
    must(fixture_query(&fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL") == 0,
         "a row does not say it");
    printf("emergency_answer_s %.4f s\n", answered_s - before_s);
    printf("emergency_%d_refused_s %.4f s\n", SAMPLES, refused_s - before_s);
    printf("emergency_settled_s %.2f s\n", settled_s - before_s);
    verifier_free(verifier);
    authority_fixture_close(&fixture);
}

/* --- rotation -------------------------------------------------------------------------------- */

struct rotating {
    struct authority_fixture *fixture;
    struct answer *versions; /* in the order in which they were answered */
    _Atomic size_t answered; /* of them are there */
    _Atomic size_t ending;   /* those below may end, or have */
    _Atomic size_t ended;    /* those below have ended, for sure */
    _Atomic bool stop;
    _Atomic uint64_t verified, refused_valid, accepted_ended;
};

/* What may change meanwhile is read before and after, and what changed is not judged. */
static void judge_current(struct rotating *rotating, struct verifier *verifier)
{
    size_t current = atomic_load(&rotating->answered) - 1;
    tkr_verdict_t verdict = verify(verifier, rotating->versions[current].plaintext);
    if (verdict != TKR_VERDICT_VALID && atomic_load(&rotating->ending) <= current) {
        atomic_fetch_add(&rotating->refused_valid, 1);
    }
}

static void judge_ended(struct rotating *rotating, struct verifier *verifier, size_t *at)
{
    size_t ended = atomic_load(&rotating->ended);
    if (ended > 0) {
        *at = *at + 1 < ended ? *at + 1 : ended > 3 ? ended - 3 : 0; /* the newest, mostly */
        tkr_verdict_t verdict = verify(verifier, rotating->versions[*at].plaintext);
        atomic_fetch_add(&rotating->accepted_ended, verdict == TKR_VERDICT_VALID);
    }
}

static void *verify_without_pause(void *context)
{
    struct rotating *rotating = context;
    struct verifier *verifier = open_verifier(rotating->fixture);
    size_t at = 0;
    while (!atomic_load(&rotating->stop)) {
        judge_current(rotating, verifier);
        judge_ended(rotating, verifier, &at);
        atomic_fetch_add(&rotating->verified, 2);
    }
    verifier_free(verifier);
    return NULL;
}

/* Without an overlap the version ends with its rotation. With one, those before it would be more
 * than may live at a time, so the one before it is revoked. */
static void rotate_many(struct rotating *rotating, size_t rotations, int64_t grace_ms)
{
    struct token_rotate asked = {.has_grace = true, .grace_ms = grace_ms};
    for (size_t i = 0; i < rotations; i++) {
        size_t ending = grace_ms == 0 ? i + 1 : i;
        atomic_store(&rotating->ending, ending);
        struct answer answer =
            fixture_rotate(rotating->fixture, &fixture_admin, rotating->versions[i].id, &asked);
        must(answer.error == TKR_OK, "no rotation");
        rotating->versions[i + 1] = answer;
        atomic_store(&rotating->answered, i + 2);
        if (grace_ms > 0 && i > 0) {
            must(fixture_revoke(rotating->fixture, &fixture_admin, rotating->versions[i - 1].id,
                                NULL)
                         .error == TKR_OK,
                 "no revocation");
        }
        atomic_store(&rotating->ended, ending);
    }
}

static void run_rotation(const char *name, size_t rotations, int64_t grace_ms)
{
    struct authority_fixture fixture;
    struct token_create create = fixture_token("n");
    pthread_t threads[VERIFIERS];
    authority_fixture_open(&fixture);
    create.tier = "open";
    struct tier open = {.name = "open", .subject = LIMITS_OF_TOKEN};
    must(fixture_put_tier(&fixture, &fixture_admin, &open).error == TKR_OK, "no tier");
    struct rotating rotating = {.fixture = &fixture,
                                .versions = calloc(rotations + 1, sizeof(struct answer)),
                                .answered = 1};
    must(rotating.versions != NULL, "no memory");
    rotating.versions[0] = fixture_create(&fixture, &fixture_admin, &create);
    must(rotating.versions[0].error == TKR_OK, "no token");
    for (size_t i = 0; i < VERIFIERS; i++) {
        must(pthread_create(&threads[i], NULL, verify_without_pause, &rotating) == 0, "no thread");
    }
    double before_s = seconds();
    rotate_many(&rotating, rotations, grace_ms);
    double took_s = seconds() - before_s;
    atomic_store(&rotating.stop, true);
    for (size_t i = 0; i < VERIFIERS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%s_rotations_per_s %.0f /s\n", name, (double)rotations / took_s);
    printf("%s_verified %llu verdicts\n", name, (unsigned long long)rotating.verified);
    printf("%s_valid_refused %llu verdicts\n", name, (unsigned long long)rotating.refused_valid);
    printf("%s_ended_accepted %llu verdicts\n", name, (unsigned long long)rotating.accepted_ended);
    free(rotating.versions);
    authority_fixture_close(&fixture);
}

int main(int count, char **words)
{
    uint64_t tokens = 1000000, rotations = 2000;
    for (int i = 1; i + 1 < count; i += 2) {
        uint64_t *value = strcmp(words[i], "--tokens") == 0      ? &tokens
                          : strcmp(words[i], "--rotations") == 0 ? &rotations
                                                                 : NULL;
        must(value != NULL && text_parse_u64(words[i + 1], strlen(words[i + 1]), value) == TKR_OK,
             "usage: bench_lifecycle [--tokens N] [--rotations N]");
    }
    run_rotation("rotation_overlap", rotations, HOUR_MS);
    run_rotation("rotation_at_once", rotations, 0);
    run_emergency(tokens);
    return 0;
}
