/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers that run while the writer changes and grows the segment: threads, and another
 * process. A token that is there is found at all times, and what is read of it is of one
 * change, never of two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"
#define STEADY 200
#define ADDED 40000

static const char *text_of(int number, char text[64])
{
    snprintf(text, 64, "sk_live_token_of_the_table_%08d", number);
    return text;
}

struct scene {
    struct segment_fixture fixture;
    _Atomic bool stop;
    _Atomic uint64_t reads, wrong;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init(&scene->fixture, NULL);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

/* --- tokens that are there stay there ------------------------------------------------------ */

/* Verifies the steady tokens over and over; the number of wrong answers. */
static uint64_t read_steady(struct scene *scene, struct verifier *verifier, uint64_t rounds)
{
    uint64_t wrong = 0;
    char text[64];
    struct verify_result result;
    for (uint64_t i = 0; i < rounds && !atomic_load(&scene->stop); i++) {
        tkr_verdict_t verdict =
            segment_fixture_verify(verifier, text_of((int)(i % STEADY), text), &result);
        wrong += verdict != TKR_VERDICT_VALID || result.name.length != 2 ||
                 memcmp(result.name.text, "ci", 2) != 0;
    }
    return wrong;
}

static void *reading_thread(void *argument)
{
    struct scene *scene = argument;
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    while (!atomic_load(&scene->stop)) {
        atomic_fetch_add(&scene->wrong, read_steady(scene, verifier, 1000));
        atomic_fetch_add(&scene->reads, 1000);
    }
    verifier_free(verifier);
    return NULL;
}

/* A process that reads until the pipe is closed; it says with its exit status how it went. */
static pid_t reading_process(struct scene *scene, int until_closed[2])
{
    assert_int_equal(pipe(until_closed), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) {
        close(until_closed[0]);
        return child;
    }
    close(until_closed[1]);
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    uint64_t wrong = 0;
    pid_t parent = getppid();
    for (int round = 0; getppid() == parent && wrong == 0; round++) {
        wrong += read_steady(scene, verifier, 500);
        char byte;
        if (round % 8 == 7 && read(until_closed[0], &byte, 1) <= 0) {
            break;
        }
    }
    _exit(wrong == 0 ? 0 : 1);
}

static void put_steady(struct scene *scene)
{
    char text[64];
    for (int i = 0; i < STEADY; i++) {
        struct segment_token token = segment_fixture_token(&scene->fixture, text_of(i, text));
        segment_fixture_put(&scene->fixture, &token);
    }
}

static void test_growth_is_not_noticed_by_running_readers(void **state)
{
    struct scene *scene = *state;
    put_steady(scene);
    int until_closed[2];
    pid_t child = reading_process(scene, until_closed);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reading_thread, scene), 0);
    }
    char text[64];
    for (int i = STEADY; i < ADDED; i++) {
        struct segment_token token = segment_fixture_token(&scene->fixture, text_of(i, text));
        segment_fixture_put(&scene->fixture, &token);
        if (i % 4 == 0) {
            assert_int_equal(segment_writer_remove_token(scene->fixture.writer, token.digest),
                             TKR_OK);
        }
        if (i % 512 == 0) {
            (void)segment_writer_beat(scene->fixture.writer, NULL);
            assert_int_equal(write(until_closed[1], "x", 1), 1);
        }
    }
    atomic_store(&scene->stop, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    close(until_closed[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&scene->wrong), 0);
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_true(stats.generation > 1);
}

/* --- what is read is of one change ----------------------------------------------------------- */

/* In change k the name is k in letters, the expiry is k milliseconds past a base, and the
 * scopes name k: a reader that sees two of them differ has read half a change. */
#define CHANGES 64
#define BASE_MS 4000000000000

static void *comparing_thread(void *argument)
{
    struct scene *scene = argument;
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    struct verify_result result;
    while (!atomic_load(&scene->stop)) {
        bool valid = segment_fixture_verify(verifier, TOKEN, &result) == TKR_VERDICT_VALID;
        int64_t change = result.expires_at_ms - BASE_MS;
        char name[16], scopes[16];
        int name_length = snprintf(name, sizeof name, "%0*d", (int)(1 + change % 9), (int)change);
        int scopes_length = snprintf(scopes, sizeof scopes, "s%d:x", (int)change);
        bool same = valid && result.name.length == (size_t)name_length &&
                    memcmp(result.name.text, name, (size_t)name_length) == 0 &&
                    result.scopes.length == (size_t)scopes_length &&
                    memcmp(result.scopes.text, scopes, (size_t)scopes_length) == 0 &&
                    (result.kind == TOKEN_KIND_SERVICE) == (change % 2 != 0);
        atomic_fetch_add(&scene->wrong, !same);
        atomic_fetch_add(&scene->reads, 1);
    }
    verifier_free(verifier);
    return NULL;
}

static void put_change(struct scene *scene, struct segment_token *token, int change)
{
    char name[16], scopes[16];
    token->name_length = (size_t)snprintf(name, sizeof name, "%0*d", 1 + change % 9, change);
    token->scopes_length = (size_t)snprintf(scopes, sizeof scopes, "s%d:x", change);
    token->name = name;
    token->scopes = scopes;
    token->expires_at_ms = BASE_MS + change;
    token->kind = change % 2 != 0 ? TOKEN_KIND_SERVICE : TOKEN_KIND_USER;
    segment_fixture_put(&scene->fixture, token);
}

static void test_no_reader_sees_half_a_change(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    put_change(scene, &token, 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, comparing_thread, scene), 0);
    }
    for (int i = 0; i < 200000 || atomic_load(&scene->reads) < 20000; i++) {
        put_change(scene, &token, i % CHANGES);
    }
    atomic_store(&scene->stop, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&scene->wrong), 0);
}

static void test_a_revocation_is_seen_by_the_next_verification_in_another_process(void **state)
{
    struct scene *scene = *state;
    int to_child[2], from_child[2];
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(from_child), 0);
    put_steady(scene);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(to_child[1]);
        close(from_child[0]);
        struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
        char text[64];
        int32_t number;
        while (read(to_child[0], &number, sizeof number) == sizeof number) {
            struct verify_result result;
            int32_t verdict =
                (int32_t)segment_fixture_verify(verifier, text_of(number, text), &result);
            if (write(from_child[1], &verdict, sizeof verdict) != sizeof verdict) {
                break;
            }
            number = -1;
        }
        _exit(0);
    }
    close(to_child[0]);
    close(from_child[1]);
    char text[64];
    for (int32_t i = 0; i < STEADY; i++) {
        for (int revoked = 0; revoked < 2; revoked++) {
            int32_t verdict;
            assert_int_equal(write(to_child[1], &i, sizeof i), sizeof i);
            assert_int_equal(read(from_child[0], &verdict, sizeof verdict), sizeof verdict);
            assert_int_equal(verdict, revoked ? TKR_VERDICT_REVOKED : TKR_VERDICT_VALID);
            struct segment_token token = segment_fixture_token(&scene->fixture, text_of(i, text));
            token.flags = SEGMENT_TOKEN_REVOKED;
            segment_fixture_put(&scene->fixture, &token);
        }
    }
    close(to_child[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_growth_is_not_noticed_by_running_readers),
        TEST(test_no_reader_sees_half_a_change),
        TEST(test_a_revocation_is_seen_by_the_next_verification_in_another_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
