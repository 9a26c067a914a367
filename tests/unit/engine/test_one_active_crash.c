/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One active token a user, under kill -9. A child makes tokens for a few users with several
 * threads at once, and is killed at a random moment. Whatever the moment: a user has at most one
 * token that is not revoked, each revocation has its event and its reason, the segment that is
 * taken over or built says the same, and what was answered is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authority_fixture.h"
#include "seeded_random.h"

#define ROUNDS 12
#define CHILD_THREADS 8
#define CHILD_USERS 3
#define LIFE_MS_MAX 100
#define ANSWERS_MAX 200000

struct told {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    char id[TOKEN_ID_CHARS + 1];
};
static struct told *journal;
static size_t journal_length;

struct worker {
    struct authority_fixture *fixture;
    int pipe_fd;
    unsigned number;
};

static struct answer create_for(struct authority_fixture *fixture, unsigned user)
{
    char id[16];
    snprintf(id, sizeof(id), "user-%u", user);
    struct token_create asked = fixture_token("n");
    asked.user_id = id;
    return fixture_create(fixture, &fixture_admin, &asked);
}

static void *work(void *context)
{
    const struct worker *worker = context;
    for (;;) {
        struct answer answer = create_for(worker->fixture, worker->number % CHILD_USERS);
        struct told told = {{0}, ""};
        if (answer.error != TKR_OK) {
            _exit(4);
        }
        memcpy(told.digest, answer.digest, sizeof(told.digest));
        memcpy(told.id, answer.id, sizeof(told.id));
        if (write(worker->pipe_fd, &told, sizeof(told)) != (ssize_t)sizeof(told)) {
            _exit(3);
        }
    }
    return NULL;
}

static _Noreturn void run_child(struct authority_fixture *fixture, int pipe_fd)
{
    struct worker workers[CHILD_THREADS];
    pthread_t threads[CHILD_THREADS];
    if (authority_fixture_start(fixture, NULL) != TKR_OK) {
        _exit(2);
    }
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        workers[i] = (struct worker){fixture, pipe_fd, i};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            _exit(6);
        }
    }
    for (;;) {
        pause(); /* until the parent kills us */
    }
}

/* From the first answer on the child lives for a while; all that it told is read. */
static void listen_and_kill(pid_t child, int fd, int64_t life_ms)
{
    int64_t until_ns = 0;
    int status = 0;
    while (until_ns == 0 || clock_monotonic_ns(clock_system()) < until_ns) {
        assert_true(journal_length < ANSWERS_MAX);
        assert_int_equal(read(fd, &journal[journal_length++], sizeof(journal[0])),
                         sizeof(journal[0]));
        until_ns =
            until_ns != 0 ? until_ns : clock_monotonic_ns(clock_system()) + life_ms * 1000000;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(fd, &journal[journal_length], sizeof(journal[0])) > 0) {
        assert_true(++journal_length < ANSWERS_MAX);
    }
}

static void check(struct authority_fixture *fixture)
{
    assert_int_equal(fixture_query(fixture, "SELECT coalesce(max(active), 0) FROM (SELECT count(*)"
                                            " AS active FROM tokens WHERE revoked_at IS NULL"
                                            " GROUP BY user)"),
                     1);
    assert_int_equal(
        fixture_query(fixture, "SELECT (SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL)"
                               " - (SELECT count(*) FROM events WHERE type = 'token.revoke')"),
        0);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens t WHERE revoked_at IS NOT"
                                            " NULL AND NOT EXISTS (SELECT 1 FROM tokens n WHERE"
                                            " t.revoke_reason = 'replaced by ' || n.id AND"
                                            " n.user = t.user AND n.number > t.number)"),
                     0);
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    for (size_t i = 0; i < journal_length; i++) {
        struct token token;
        arena_reset(arena);
        assert_int_equal(
            authority_get_token(fixture->authority, &fixture_admin, journal[i].id, arena, &token),
            TKR_OK);
        assert_int_equal(fixture_see(fixture, journal[i].digest),
                         token.revoked_at_ms != 0 ? SEEN_REVOKED : SEEN_ACTIVE);
    }
}

static void test_after_kill_9_a_user_has_one_active_token(void **state)
{
    struct authority_fixture fixture;
    struct seeded_random random;
    authority_fixture_init(&fixture);
    fixture.options.one_active_per_user = true;
    seeded_random_init(&random, 20260102);
    journal = calloc(ANSWERS_MAX, sizeof(*journal));
    assert_non_null(journal);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            run_child(&fixture, ends[1]);
        }
        close(ends[1]);
        listen_and_kill(child, ends[0], (int64_t)seeded_random_below(&random, LIFE_MS_MAX));
        close(ends[0]);
        assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
        check(&fixture);
        authority_fixture_stop(&fixture);
    }
    print_message("%zu answers\n", journal_length);
    free(journal);
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    authority_fixture_close(&fixture);
}

/* --- without a crash ---------------------------------------------------------------------- */

struct maker {
    struct authority_fixture *fixture;
    struct answer last;
};

static void *make_some(void *context)
{
    struct maker *maker = context;
    for (int i = 0; i < 50; i++) {
        maker->last = create_for(maker->fixture, 0);
        assert_int_equal(maker->last.error, TKR_OK);
    }
    return NULL;
}

static void test_of_creations_at_once_exactly_one_stays(void **state)
{
    struct authority_fixture fixture;
    pthread_t threads[CHILD_THREADS];
    struct maker makers[CHILD_THREADS];
    authority_fixture_init(&fixture);
    fixture.options.one_active_per_user = true;
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        makers[i].fixture = &fixture;
        assert_int_equal(pthread_create(&threads[i], NULL, make_some, &makers[i]), 0);
    }
    unsigned active = 0;
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < CHILD_THREADS; i++) {
        active += fixture_see(&fixture, makers[i].last.digest) == SEEN_ACTIVE;
    }
    assert_int_equal(active, 1);
    assert_int_equal(
        fixture_query(&fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"), 1);
    authority_fixture_close(&fixture);
}

/* A successor is a version of the same token: its overlap is no second token. But another token
 * replaces both versions. */
static void test_rotation_is_no_second_token(void **state)
{
    struct authority_fixture fixture;
    authority_fixture_init(&fixture);
    fixture.options.one_active_per_user = true;
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    struct answer first = create_for(&fixture, 0);
    struct token_rotate rotate = {.has_grace = true, .grace_ms = 3600000};
    struct answer successor = fixture_rotate(&fixture, &fixture_admin, first.id, &rotate);
    assert_int_equal(successor.error, TKR_OK);
    assert_int_equal(fixture_see(&fixture, first.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_see(&fixture, successor.digest), SEEN_ACTIVE);
    struct answer other = create_for(&fixture, 0);
    assert_int_equal(fixture_see(&fixture, first.digest), SEEN_REVOKED);
    assert_int_equal(fixture_see(&fixture, successor.digest), SEEN_REVOKED);
    assert_int_equal(fixture_see(&fixture, other.digest), SEEN_ACTIVE);
    authority_fixture_close(&fixture);
}

/* It is older than what was made here, and so is what an import brings. */
static void test_an_adopted_token_takes_nobodys_place(void **state)
{
    static const char old[] = "Rk4vPz9wQ2mXt7LcYb1sNh6u";
    struct authority_fixture fixture;
    struct token_create asked = fixture_token("old");
    authority_fixture_init(&fixture);
    fixture.options.one_active_per_user = true;
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    struct answer made = create_for(&fixture, 0);
    asked.user_id = "user-0";
    asked.chosen = old;
    asked.chosen_length = strlen(old);
    asked.adopted = asked.force = true;
    assert_int_equal(fixture_create(&fixture, &fixture_admin, &asked).error, TKR_OK);
    assert_int_equal(fixture_see(&fixture, made.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_verify(&fixture, old), TKR_VERDICT_VALID);
    struct answer next = create_for(&fixture, 0);
    assert_int_equal(fixture_see(&fixture, made.digest), SEEN_REVOKED);
    assert_int_equal(fixture_verify(&fixture, old), TKR_VERDICT_REVOKED);
    assert_int_equal(fixture_see(&fixture, next.digest), SEEN_ACTIVE);
    authority_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_creations_at_once_exactly_one_stays),
        cmocka_unit_test(test_rotation_is_no_second_token),
        cmocka_unit_test(test_an_adopted_token_takes_nobodys_place),
        cmocka_unit_test(test_after_kill_9_a_user_has_one_active_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
