/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* --- loading ----------------------------------------------------------------------------- */

#define LOADED_TOKENS 300
struct loaded {
    struct fixture *fixture;
    pthread_mutex_t mutex;
    char tiers[8][TIER_NAME_BYTES_MAX + 1];
    char orgs[8][ORG_ID_BYTES_MAX + 1];
    char users[8][64];
    unsigned tier_count, org_count, user_count, line_count, token_count;
    uint32_t line;
    uint8_t line_byte;
    unsigned fail_after; /* 0: never */
    bool seen[LOADED_TOKENS];
};

static tkr_error_t load_tier(void *context, const struct tier *tier, uint16_t *ret_number)
{
    struct loaded *loaded = context;
    snprintf(loaded->tiers[loaded->tier_count], sizeof(loaded->tiers[0]), "%s", tier->name);
    *ret_number = (uint16_t)(100 + loaded->tier_count++);
    return TKR_OK;
}

static tkr_error_t load_org(void *context, const char *id, size_t id_length, uint16_t *ret_number)
{
    struct loaded *loaded = context;
    assert_true(loaded->tier_count > 0);
    snprintf(loaded->orgs[loaded->org_count], sizeof(loaded->orgs[0]), "%.*s", (int)id_length, id);
    *ret_number = (uint16_t)(200 + loaded->org_count++);
    return TKR_OK;
}

static tkr_error_t load_user(void *context, uint16_t org, const struct store_user *user,
                             uint32_t *ret_number)
{
    struct loaded *loaded = context;
    char name[64];
    int length = snprintf(name, sizeof(name), "%s/%s", loaded->orgs[org - 200], user->id);
    memcpy(loaded->users[loaded->user_count], name, (size_t)length + 1);
    *ret_number = 300 + loaded->user_count++;
    return TKR_OK;
}

static tkr_error_t load_line(void *context, uint32_t line, const uint8_t *image, size_t bytes)
{
    struct loaded *loaded = context;
    assert_int_equal(bytes, 64);
    loaded->line = line;
    loaded->line_byte = image[63];
    loaded->line_count++;
    return TKR_OK;
}

/* Runs on the store's threads, where an assertion of cmocka has nowhere to go: what is wrong
 * is an error. */
static tkr_error_t load_token(void *context, unsigned worker,
                              const struct store_loaded_token *loaded_token)
{
    struct loaded *loaded = context;
    const struct token *token = loaded_token->token;
    unsigned number = 0;
    char user[64];
    memcpy(&number, token->digest, sizeof(number));
    ENSURE(worker < 4 && number >= 1 && number <= LOADED_TOKENS, TKR_INTERNAL);
    snprintf(user, sizeof(user), "%s", loaded->users[loaded_token->user - 300]);
    ENSURE(strcmp(user, number % 2 == 0 ? "acme/alice" : "beta/bob") == 0, TKR_INTERNAL);
    ENSURE(strcmp(loaded->tiers[loaded_token->tier - 100], number % 3 == 0 ? "pro" : "free") == 0,
           TKR_INTERNAL);
    struct token sample = sample_token(number);
    ENSURE(strcmp(token->id, sample.id) == 0, TKR_INTERNAL);
    ENSURE(strcmp(token->scopes, sample.scopes) == 0, TKR_INTERNAL);
    pthread_mutex_lock(&loaded->mutex);
    bool twice = loaded->seen[number - 1];
    loaded->seen[number - 1] = true;
    unsigned count = ++loaded->token_count;
    pthread_mutex_unlock(&loaded->mutex);
    ENSURE(!twice, TKR_INTERNAL);
    return loaded->fail_after != 0 && count >= loaded->fail_after ? TKR_NO_SPACE : TKR_OK;
}

static void store_for_loading(struct fixture *fixture)
{
    begin(fixture);
    for (unsigned i = 1; i <= LOADED_TOKENS; i++) {
        struct token token = sample_token(i);
        token.org_id = i % 2 == 0 ? "acme" : "beta";
        token.user_id = i % 2 == 0 ? "alice" : "bob";
        token.tier = i % 3 == 0 ? "pro" : "free";
        assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    }
    commit(fixture);
    flush(fixture, 17, 3, SAMPLE_NOW);
}

static tkr_error_t load(struct fixture *fixture, struct loaded *loaded, unsigned workers,
                        bool with_lines, struct fault *fault)
{
    struct store_loader loader = {loaded, load_tier, load_org, load_user, load_line, load_token};
    loaded->fixture = fixture;
    pthread_mutex_init(&loaded->mutex, NULL);
    tkr_error_t error = fixture->port.load(fixture->store, &loader, workers, with_lines, fault);
    pthread_mutex_destroy(&loaded->mutex);
    return error;
}

static void test_loading_shows_everything_once_to_any_number_of_workers(void **state)
{
    struct fixture *fixture = *state;
    store_for_loading(fixture);
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct loaded loaded = {0};
        assert_int_equal(load(fixture, &loaded, workers, workers == 1, NULL), TKR_OK);
        assert_int_equal(loaded.tier_count, TIERS_SHIPPED);
        assert_int_equal(loaded.org_count, 2);
        assert_int_equal(loaded.user_count, 2);
        assert_int_equal(loaded.token_count, LOADED_TOKENS);
        assert_int_equal(loaded.line_count, workers == 1 ? 1 : 0);
        if (workers == 1) {
            assert_int_equal(loaded.line, 17);
            assert_int_equal(loaded.line_byte, 3);
        }
    }
}

static void test_loading_an_empty_store_shows_the_tiers(void **state)
{
    struct fixture *fixture = *state;
    struct loaded loaded = {0};
    assert_int_equal(load(fixture, &loaded, 2, true, NULL), TKR_OK);
    assert_int_equal(loaded.tier_count, TIERS_SHIPPED);
    assert_int_equal(loaded.token_count, 0);
}

static void test_loading_stops_with_the_error_of_a_loader(void **state)
{
    struct fixture *fixture = *state;
    struct loaded loaded = {.fail_after = 10};
    struct fault fault;
    store_for_loading(fixture);
    assert_int_equal(load(fixture, &loaded, 2, false, &fault), TKR_NO_SPACE);
}

static struct token loaded_full;
static tkr_error_t compare_full(void *context, unsigned worker,
                                const struct store_loaded_token *token)
{
    assert_same_for_segment(token->token, &loaded_full);
    return TKR_OK;
}

static void test_a_loaded_token_has_all_that_the_segment_needs(void **state)
{
    struct fixture *fixture = *state;
    struct loaded loaded = {0};
    struct store_loader loader = {&loaded, load_tier, load_org, load_user, load_line, compare_full};
    loaded_full = sample_store(&fixture->port, full_token());
    assert_int_equal(fixture->port.load(fixture->store, &loader, 1, false, NULL), TKR_OK);
}

/* --- threads ----------------------------------------------------------------------------- */

#define READING_THREADS 12 /* more than there are connections */
struct reading {
    struct fixture *fixture;
    tkr_error_t error;
};

static void *read_again_and_again(void *context)
{
    struct reading *reading = context;
    struct store_port *port = &reading->fixture->port;
    struct token_filter filter = {.limit = 5, .now_ms = SAMPLE_NOW};
    struct arena *arena = NULL;
    reading->error = arena_new(1024 * 1024, &arena);
    for (int i = 0; i < 50 && reading->error == TKR_OK; i++) {
        struct token sample = sample_token(1);
        struct token token;
        struct token_page page;
        arena_reset(arena);
        reading->error = port->get_token(port->store, sample.id, arena, &token);
        if (reading->error == TKR_OK) {
            reading->error = port->list_tokens(port->store, &filter, arena, &page);
        }
    }
    arena_free(arena);
    return NULL;
}

static void test_many_readers_read_while_the_writer_writes(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[READING_THREADS];
    struct reading reading[READING_THREADS];
    sample_store(&fixture->port, sample_token(1));
    for (unsigned i = 0; i < READING_THREADS; i++) {
        reading[i].fixture = fixture;
        assert_int_equal(pthread_create(&threads[i], NULL, read_again_and_again, &reading[i]), 0);
    }
    for (unsigned i = 2; i < 100; i++) {
        sample_store(&fixture->port, sample_token(i));
        assert_int_equal(fixture->port.maintain(fixture->store), TKR_OK);
    }
    for (unsigned i = 0; i < READING_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(reading[i].error, TKR_OK);
    }
}

int suite_load(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_loading_shows_everything_once_to_any_number_of_workers),
        SUITE_TEST(test_loading_an_empty_store_shows_the_tiers),
        SUITE_TEST(test_loading_stops_with_the_error_of_a_loader),
        SUITE_TEST(test_a_loaded_token_has_all_that_the_segment_needs),
        SUITE_TEST(test_many_readers_read_while_the_writer_writes),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
