/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9. A child creates and revokes tokens with several threads, and tells each answer to
 * its parent through a pipe; the parent kills it at a random moment, starts on what is left
 * and compares: no acknowledged create is lost, no acknowledged revocation is forgotten, and
 * no usage count goes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "seeded_random.h"

#define ROUNDS 20
#define CHILD_THREADS 8
#define LIFE_MS_MAX 120
#define ANSWERS_MAX 400000

/* One acknowledged change, written to the pipe at once (it is smaller than PIPE_BUF). */
struct acknowledged {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    char id[TOKEN_ID_CHARS + 1];
    uint32_t line;
    bool revoked;
};

static struct acknowledged *journal;
static size_t journal_length;

/* --- the child ------------------------------------------------------------------------------- */

struct worker {
    struct authority_fixture *fixture;
    int pipe_fd;
    unsigned number;
};

static void tell(const struct worker *worker, const struct answer *answer, bool revoked)
{
    struct acknowledged told = {.line = answer->line, .revoked = revoked};
    memcpy(told.digest, answer->digest, sizeof(told.digest));
    memcpy(told.id, answer->id, sizeof(told.id));
    if (write(worker->pipe_fd, &told, sizeof(told)) != (ssize_t)sizeof(told)) {
        _exit(3);
    }
}

static void *work(void *context)
{
    const struct worker *worker = context;
    for (unsigned i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u-%u", worker->number, i);
        struct token_create asked = fixture_token(name);
        struct answer created = fixture_create(worker->fixture, &fixture_admin, &asked);
        if (created.error != TKR_OK) {
            _exit(4);
        }
        tell(worker, &created, false);
        if (i % 3 == 0) {
            struct answer revoked =
                fixture_revoke(worker->fixture, &fixture_admin, created.id, "test");
            if (revoked.error != TKR_OK) {
                _exit(5);
            }
            tell(worker, &revoked, true);
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

/* --- the parent --------------------------------------------------------------------------------
 */

/* Reads what has been told so far; false at the end of the pipe. */
static bool read_some(int fd)
{
    assert_true(journal_length < ANSWERS_MAX);
    ssize_t length = read(fd, &journal[journal_length], sizeof(journal[0]));
    if (length == 0) {
        return false;
    }
    assert_int_equal(length, sizeof(journal[0]));
    journal_length++;
    return true;
}

/* Lets the child live for a while from its first answer on, kills it, and reads the rest. */
static void listen_and_kill(pid_t child, int fd, int life_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 60000), 1);
    int64_t until_ns = clock_monotonic_ns(clock_system()) + (int64_t)life_ms * 1000000;
    while (clock_monotonic_ns(clock_system()) < until_ns) {
        if (poll(&waiting, 1, 1) == 1) {
            assert_true(read_some(fd));
        }
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not end by itself, with an error */
    while (read_some(fd)) {
    }
}

static void check_journal(struct authority_fixture *fixture)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    for (size_t i = 0; i < journal_length; i++) {
        const struct acknowledged *told = &journal[i];
        struct token token;
        arena_reset(arena);
        assert_int_equal(
            authority_get_token(fixture->authority, &fixture_admin, told->id, arena, &token),
            TKR_OK);
        enum seen seen = fixture_see(fixture, told->digest);
        assert_int_equal(token.line, told->line);
        assert_int_equal(seen, token.revoked_at_ms != 0 ? SEEN_REVOKED : SEEN_ACTIVE);
        if (told->revoked) {
            assert_int_equal(seen, SEEN_REVOKED);
        }
    }
}

static void check_store(struct authority_fixture *fixture)
{
    struct authority_status status;
    authority_status(fixture->authority, &status);
    int64_t tokens = fixture_query(fixture, "SELECT count(*) FROM tokens");
    assert_int_equal(status.segment.tokens, tokens);
    assert_int_equal(fixture_query(fixture, "SELECT tokens FROM meta"), tokens);
    assert_int_equal(fixture_query(fixture, "SELECT count(DISTINCT line) FROM tokens"), tokens);
    assert_int_equal(
        fixture_query(fixture, "SELECT count(*) FROM events WHERE type = 'token.create'"), tokens);
    assert_int_equal(
        fixture_query(fixture, "SELECT (SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL)"
                               " - (SELECT count(*) FROM events WHERE type = 'token.revoke')"),
        0);
}

/* The usage of the first token is counted a little each round, and never goes back. */
static void check_usage(struct authority_fixture *fixture, uint64_t round)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    assert_int_equal(
        authority_get_token(fixture->authority, &fixture_admin, journal[0].id, arena, &token),
        TKR_OK);
    assert_int_equal(token.request_count, round * 10);
    fixture_count(fixture, journal[0].line, 10, authority_now_ms(fixture->authority));
}

static void test_after_kill_9_nothing_that_was_answered_is_lost(void **state)
{
    struct authority_fixture fixture;
    struct seeded_random random;
    unsigned attached = 0;
    authority_fixture_init(&fixture);
    seeded_random_init(&random, 20260101);
    journal = calloc(ANSWERS_MAX, sizeof(*journal));
    assert_non_null(journal);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int ends[2];
        size_t before = journal_length;
        assert_int_equal(pipe(ends), 0);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            run_child(&fixture, ends[1]);
        }
        close(ends[1]);
        listen_and_kill(child, ends[0], (int)seeded_random_below(&random, LIFE_MS_MAX));
        close(ends[0]);
        assert_true(journal_length > before);
        assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
        struct authority_status status;
        authority_status(fixture.authority, &status);
        attached += status.attached;
        check_journal(&fixture);
        check_store(&fixture);
        check_usage(&fixture, round);
        authority_fixture_stop(&fixture);
    }
    print_message("%zu answers, %u of %u segments taken over\n", journal_length, attached, ROUNDS);
    free(journal);
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    authority_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_kill_9_nothing_that_was_answered_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
