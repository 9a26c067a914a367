/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked about, how often, and who waits: with a question that the test answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "adopt/adopter.h"
#include "adopt/refused.h"
#include "virtual_clock.h"

#define IN_FLIGHT 2
#define PER_SECOND 1000
#define REFUSED_MS 60000

static struct world {
    struct virtual_clock time;
    struct adopter_options options;
    struct adopter *adopter;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open; /* questions are answered */
    enum adopt_outcome answer;
    unsigned asking, asked, resumed;
    char last[TOKEN_TEXT_BYTES_MAX + 1];
    int64_t last_timeout_ms;
    unsigned outcomes[ADOPT_OUTCOME_COUNT];
} world;

static enum adopt_outcome decide(void *context, const char *token, size_t length,
                                 int64_t timeout_ms)
{
    pthread_mutex_lock(&world.lock);
    memcpy(world.last, token, length);
    world.last[length] = '\0';
    world.last_timeout_ms = timeout_ms;
    world.asked++;
    world.asking++;
    pthread_cond_broadcast(&world.changed);
    while (!world.open) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    world.asking--;
    enum adopt_outcome answer = world.answer;
    pthread_mutex_unlock(&world.lock);
    return answer;
}

static bool park(void *request)
{
    return request == NULL; /* any other cannot wait */
}

static void resume(void *context, void *request, enum adopt_outcome outcome)
{
    pthread_mutex_lock(&world.lock);
    world.resumed++;
    world.outcomes[outcome]++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static const struct adopter_waiter waiter = {.park = park, .resume = resume};

static enum adopter_answer take(const char *token)
{
    return adopter_take(world.adopter, token, strlen(token), &waiter);
}

static void answer_all(enum adopt_outcome answer)
{
    pthread_mutex_lock(&world.lock);
    world.open = true;
    world.answer = answer;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static void wait_until(const unsigned *count, unsigned value)
{
    pthread_mutex_lock(&world.lock);
    while (*count < value) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    pthread_mutex_unlock(&world.lock);
}

static int set_up(void **state)
{
    world = (struct world){.answer = ADOPT_REFUSED};
    pthread_mutex_init(&world.lock, NULL);
    pthread_cond_init(&world.changed, NULL);
    virtual_clock_init(&world.time, 1000000);
    world.options = (struct adopter_options){
        .clock = &world.time.clock,
        .in_flight = IN_FLIGHT,
        .timeout_ms = 2000,
        .per_second = PER_SECOND,
        .refused_entries = 64,
        .refused_ms = REFUSED_MS,
        .decide = decide,
    };
    assert_int_equal(adopter_new(&world.options, &world.adopter), TKR_OK);
    return 0;
}

static int tear_down(void **state)
{
    answer_all(ADOPT_UNDECIDED);
    adopter_free(world.adopter);
    return 0;
}

static void test_a_refused_token_is_not_asked_about_for_a_while(void **state)
{
    answer_all(ADOPT_REFUSED);
    assert_int_equal(take("one"), ADOPTER_WAITS);
    wait_until(&world.resumed, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take("one"), ADOPTER_REFUSED);
    }
    virtual_clock_advance(&world.time, REFUSED_MS - 1);
    assert_int_equal(take("one"), ADOPTER_REFUSED);
    virtual_clock_advance(&world.time, 2);
    assert_int_equal(take("one"), ADOPTER_WAITS);
    wait_until(&world.resumed, 2);
    assert_int_equal(world.asked, 2);
}

static void test_what_is_undecided_or_settled_is_remembered_as_nothing(void **state)
{
    answer_all(ADOPT_UNDECIDED);
    assert_int_equal(take("one"), ADOPTER_WAITS);
    wait_until(&world.resumed, 1);
    answer_all(ADOPT_SETTLED);
    assert_int_equal(take("one"), ADOPTER_WAITS);
    wait_until(&world.resumed, 2);
    assert_int_equal(take("one"), ADOPTER_WAITS);
    wait_until(&world.resumed, 3);
    assert_int_equal(world.outcomes[ADOPT_UNDECIDED], 1);
    assert_int_equal(world.outcomes[ADOPT_SETTLED], 2);
}

static void test_all_who_wait_for_one_token_share_a_question(void **state)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(take("one"), ADOPTER_WAITS);
    }
    wait_until(&world.asked, 1);
    answer_all(ADOPT_SETTLED);
    wait_until(&world.resumed, 10);
    assert_int_equal(world.asked, 1);
    assert_string_equal(world.last, "one");
}

static void test_so_many_questions_are_under_way_and_the_rest_queues(void **state)
{
    for (int i = 0; i < 10; i++) {
        char token[16];
        snprintf(token, sizeof(token), "t%d", i);
        assert_int_equal(take(token), ADOPTER_WAITS);
    }
    wait_until(&world.asking, IN_FLIGHT);
    assert_int_equal(world.asked, IN_FLIGHT);
    answer_all(ADOPT_SETTLED);
    wait_until(&world.resumed, 10);
    assert_int_equal(world.asked, 10);
}

/* The wait for a free thread is part of the time. */
static void test_who_waited_too_long_in_the_queue_is_not_asked_about(void **state)
{
    assert_int_equal(take("a"), ADOPTER_WAITS);
    assert_int_equal(take("b"), ADOPTER_WAITS);
    wait_until(&world.asking, IN_FLIGHT);
    virtual_clock_advance(&world.time, 500);
    assert_int_equal(take("c"), ADOPTER_WAITS);
    virtual_clock_advance(&world.time, 2001);
    answer_all(ADOPT_SETTLED);
    wait_until(&world.resumed, 3);
    assert_int_equal(world.asked, 2);
    assert_int_equal(world.outcomes[ADOPT_UNDECIDED], 1);
    assert_true(world.last_timeout_ms == 2000);
}

static void test_questions_a_second_are_bounded(void **state)
{
    unsigned taken = 0;
    answer_all(ADOPT_UNDECIDED);
    for (int i = 0; i < 2 * PER_SECOND; i++) {
        char token[16];
        snprintf(token, sizeof(token), "t%d", i);
        enum adopter_answer answer = take(token);
        taken += answer == ADOPTER_WAITS;
        wait_until(&world.resumed, taken);
    }
    assert_int_equal(taken, PER_SECOND);
    virtual_clock_advance(&world.time, 10);
    for (int i = 0; i < 100; i++) {
        char token[16];
        snprintf(token, sizeof(token), "u%d", i);
        taken += take(token) == ADOPTER_WAITS;
        wait_until(&world.resumed, taken);
    }
    assert_int_equal(taken, PER_SECOND + PER_SECOND / 100);
}

static void test_who_cannot_be_parked_takes_no_place(void **state)
{
    struct adopter_waiter other = {.park = park, .resume = resume, .request = &world};
    assert_int_equal(adopter_take(world.adopter, "one", 3, &other), ADOPTER_BUSY);
    struct adopter_stats stats;
    adopter_stats(world.adopter, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.busy, 1);
    assert_int_equal(world.asked, 0);
}

static void test_more_who_wait_than_there_are_places_are_busy(void **state)
{
    for (int i = 0; i < ADOPT_WAITING_MAX; i++) {
        assert_int_equal(take("one"), ADOPTER_WAITS);
    }
    assert_int_equal(take("one"), ADOPTER_BUSY);
    answer_all(ADOPT_SETTLED);
    wait_until(&world.resumed, ADOPT_WAITING_MAX);
    assert_int_equal(take("one"), ADOPTER_WAITS);
}

static void test_more_tokens_than_there_are_flights_are_busy(void **state)
{
    char token[16];
    for (int i = 0; i < ADOPT_FLIGHTS_MAX; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        assert_int_equal(take(token), ADOPTER_WAITS);
    }
    assert_int_equal(take("one-more"), ADOPTER_BUSY);
    assert_int_equal(take("t0"), ADOPTER_WAITS); /* one that is asked about */
}

static void test_a_stop_tells_all_who_wait_and_takes_nobody(void **state)
{
    for (int i = 0; i < 20; i++) {
        char token[16];
        snprintf(token, sizeof(token), "t%d", i);
        assert_int_equal(take(token), ADOPTER_WAITS);
    }
    wait_until(&world.asking, IN_FLIGHT);
    answer_all(ADOPT_UNDECIDED);
    adopter_stop(world.adopter);
    assert_int_equal(world.resumed, 20);
    assert_int_equal(take("later"), ADOPTER_BUSY);
    assert_true(adopter_stopping(world.adopter));
}

/* --- what is remembered ---------------------------------------------------------------------- */

static void test_a_full_memory_forgets_what_ends_first(void **state)
{
    struct refused refused;
    uint8_t digests[5][TOKEN_DIGEST_BYTES] = {{0}};
    assert_int_equal(refused_init(&refused, 4), TKR_OK);
    for (uint8_t i = 0; i < 5; i++) {
        digests[i][31] = i; /* all in one set */
        refused_add(&refused, digests[i], 100 + i);
    }
    assert_false(refused_has(&refused, digests[0], 50));
    for (int i = 1; i < 5; i++) {
        assert_true(refused_has(&refused, digests[i], 50));
    }
    refused_add(&refused, digests[1], 200); /* again: in its own place */
    assert_true(refused_has(&refused, digests[2], 50));
    assert_true(refused_has(&refused, digests[1], 199));
    assert_false(refused_has(&refused, digests[1], 200));
    refused_deinit(&refused);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_a_refused_token_is_not_asked_about_for_a_while),
        IN_WORLD(test_what_is_undecided_or_settled_is_remembered_as_nothing),
        IN_WORLD(test_all_who_wait_for_one_token_share_a_question),
        IN_WORLD(test_so_many_questions_are_under_way_and_the_rest_queues),
        IN_WORLD(test_who_waited_too_long_in_the_queue_is_not_asked_about),
        IN_WORLD(test_questions_a_second_are_bounded),
        IN_WORLD(test_who_cannot_be_parked_takes_no_place),
        IN_WORLD(test_more_who_wait_than_there_are_places_are_busy),
        IN_WORLD(test_more_tokens_than_there_are_flights_are_busy),
        IN_WORLD(test_a_stop_tells_all_who_wait_and_takes_nobody),
        cmocka_unit_test(test_a_full_memory_forgets_what_ends_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
