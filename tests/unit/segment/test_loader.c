/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a created segment from several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "crypto/digest.h"
#include "segment_fixture.h"

#define THREADS 4
#define TOKENS 60000 /* of all threads */

struct scene {
    struct segment_fixture fixture;
};

struct worker {
    struct segment_fixture *fixture;
    pthread_t thread;
    int begin, end;
    tkr_error_t error;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct segment_fixture *fixture = &scene->fixture;
    segment_fixture_init_empty(fixture, NULL);
    fixture->options.tokens_hint = TOKENS;
    bool kept;
    assert_int_equal(segment_writer_create(&fixture->options, 1, &fixture->writer, &kept, NULL),
                     TKR_OK);
    segment_fixture_fill(fixture);
    assert_int_equal(segment_writer_reserve_lines(fixture->writer, TOKENS + 1), TKR_OK);
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

static const char *text_of(int number, char text[64])
{
    snprintf(text, 64, "sk_live_token_of_the_table_%08d", number);
    return text;
}

/* Token `number`, with its name and scopes in `names`. */
static struct segment_token token_of(const struct segment_fixture *fixture, int number,
                                     char names[2][32])
{
    char text[64];
    struct segment_token token = {.line = (uint32_t)number,
                                  .user = fixture->user,
                                  .tier = fixture->tier,
                                  .name = names[0],
                                  .scopes = names[1]};
    text_of(number, text);
    assert_int_equal(digest_sha256(text, strlen(text), token.digest), TKR_OK);
    memcpy(token.id, &number, sizeof number);
    token.name_length = (size_t)snprintf(names[0], 32, "name %d", number);
    token.scopes_length = (size_t)snprintf(names[1], 32, "s%d:read", number % 500);
    return token;
}

static tkr_error_t load(struct worker *worker)
{
    struct segment_loader *loader = NULL;
    TRY(segment_loader_new(worker->fixture->writer, &loader));
    tkr_error_t error = TKR_OK;
    for (int i = worker->begin; i < worker->end && error == TKR_OK; i++) {
        char names[2][32];
        struct segment_token token = token_of(worker->fixture, i, names);
        error = segment_loader_put(loader, &token);
    }
    tkr_error_t last = segment_loader_finish(loader);
    return error == TKR_OK ? last : error;
}

static void *load_in_thread(void *argument)
{
    struct worker *worker = argument;
    worker->error = load(worker);
    return NULL;
}

static void test_a_digest_that_is_there_is_a_conflict(void **state)
{
    struct scene *scene = *state;
    struct worker worker = {.fixture = &scene->fixture, .begin = 0, .end = 10};
    assert_int_equal(load(&worker), TKR_OK);
    assert_int_equal(load(&worker), TKR_CONFLICT);
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_int_equal(stats.tokens, 10);
}

static void test_a_bad_token_is_refused(void **state)
{
    struct scene *scene = *state;
    char names[2][32];
    struct segment_token token = token_of(&scene->fixture, 1, names);
    token.user = 99;
    struct segment_loader *loader;
    assert_int_equal(segment_loader_new(scene->fixture.writer, &loader), TKR_OK);
    assert_int_equal(segment_loader_put(loader, &token), TKR_INVALID);
    assert_int_equal(segment_loader_finish(loader), TKR_OK);
    assert_int_equal(segment_loader_finish(NULL), TKR_OK);
}

static void test_more_than_the_hint_allows_is_a_capacity_error(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(segment_writer_reserve_lines(scene->fixture.writer, TOKENS + 200), TKR_OK);
    struct worker worker = {.fixture = &scene->fixture, .begin = 0, .end = TOKENS + 100};
    assert_int_equal(load(&worker), TKR_CAPACITY);
}

static void test_what_several_threads_load_is_all_there(void **state)
{
    struct scene *scene = *state;
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.fixture = &scene->fixture,
                                     .begin = TOKENS / THREADS * i,
                                     .end = TOKENS / THREADS * (i + 1)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, load_in_thread, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].error, TKR_OK);
    }
    assert_int_equal(segment_writer_publish(scene->fixture.writer, 1), TKR_OK);
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_int_equal(stats.tokens, TOKENS);
    assert_int_equal(stats.generation, 1);
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    for (int i = 0; i < TOKENS; i++) {
        struct verify_result result;
        char text[64], names[2][32];
        struct segment_token token = token_of(&scene->fixture, i, names);
        assert_int_equal(segment_fixture_verify(verifier, text_of(i, text), &result),
                         TKR_VERDICT_VALID);
        assert_memory_equal(result.token_id, token.id, sizeof token.id);
        assert_int_equal(result.name.length, token.name_length);
        assert_memory_equal(result.name.text, token.name, token.name_length);
        assert_int_equal(result.scopes.length, token.scopes_length);
        assert_memory_equal(result.scopes.text, token.scopes, token.scopes_length);
    }
    verifier_free(verifier);
}

static void test_a_loaded_segment_changes_and_grows_like_any_other(void **state)
{
    struct scene *scene = *state;
    struct worker worker = {.fixture = &scene->fixture, .begin = 0, .end = TOKENS};
    assert_int_equal(load(&worker), TKR_OK);
    assert_int_equal(segment_writer_publish(scene->fixture.writer, 1), TKR_OK);
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    struct verify_result result;
    char text[64], names[2][32];
    for (int i = 0; i < TOKENS + 20000; i++) {
        struct segment_token token = token_of(&scene->fixture, i, names);
        token.line = 0;
        token.flags = i % 2 == 0 ? SEGMENT_TOKEN_REVOKED : 0;
        assert_int_equal(segment_writer_put_token(scene->fixture.writer, &token), TKR_OK);
    }
    for (int i = 0; i < TOKENS + 20000; i++) {
        assert_int_equal(segment_fixture_verify(verifier, text_of(i, text), &result),
                         i % 2 == 0 ? TKR_VERDICT_REVOKED : TKR_VERDICT_VALID);
    }
    verifier_free(verifier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_digest_that_is_there_is_a_conflict),
        TEST(test_a_bad_token_is_refused),
        TEST(test_more_than_the_hint_allows_is_a_capacity_error),
        TEST(test_what_several_threads_load_is_all_there),
        TEST(test_a_loaded_segment_changes_and_grows_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
