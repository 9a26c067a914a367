/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that compete for the same windows. A fixed window admits exactly its limit; a
 * sliding one never more in any 60 s, whatever the threads' clocks do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/sliding.h"

#define START_MS 1767225600000
#define THREADS 4
#define REQUESTS 60000 /* a thread */

struct admission {
    int64_t earliest_ms, latest_ms; /* the admission is at one of these times */
};

struct arena {
    _Alignas(64) line_word token[LINE_WORDS_MAX], user[LINE_WORDS_MAX];
    enum window_kind kinds[WINDOW_COUNT];
    struct limits token_limits, user_limits;
    _Atomic int64_t now_ms;
    _Atomic uint32_t admitted;
    bool two_packings; /* half of the threads have a limit of another packing */
};

struct worker {
    struct arena *arena;
    pthread_t thread;
    unsigned number;
    struct admission *admissions;
    size_t count;
};

static void arena_init(struct arena *arena, enum window_kind minute)
{
    memset(arena, 0, sizeof *arena);
    arena->kinds[WINDOW_MINUTE] = minute;
    atomic_store(&arena->now_ms, START_MS);
}

static int64_t later_ms(void *context)
{
    struct arena *arena = context;
    return atomic_load(&arena->now_ms);
}

static bool take_once(struct arena *arena, uint32_t limit, int64_t now_ms)
{
    struct limiter_take take = {.kinds = arena->kinds,
                                .now_ms = now_ms,
                                .later_ms = later_ms,
                                .later_context = arena,
                                .cost = 1};
    take.token = (struct limiter_subject){arena->token, arena->token_limits};
    take.user = (struct limiter_subject){arena->user, arena->user_limits};
    if (limit != 0) {
        take.token.limits.limit[WINDOW_MINUTE] = limit;
    }
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    struct limiter_answer answer = {.windows = windows};
    limiter_local.take(&take, &answer);
    return answer.admitted;
}

static void run(struct worker *workers, struct arena *arena, void *(*body)(void *))
{
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.arena = arena, .number = i};
        workers[i].admissions = calloc(REQUESTS, sizeof *workers[i].admissions);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
}

static void free_admissions(struct worker *workers)
{
    for (unsigned i = 0; i < THREADS; i++) {
        free(workers[i].admissions);
    }
}

/* --- time stands still -------------------------------------------------------------------------
 */

static void *take_all(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < REQUESTS; i++) {
        if (take_once(worker->arena, 0, START_MS)) {
            atomic_fetch_add(&worker->arena->admitted, 1);
        }
    }
    return NULL;
}

static void test_a_fixed_window_admits_exactly_its_limit(void **state)
{
    (void)state;
    static struct arena arena;
    struct worker workers[THREADS];
    for (uint32_t limit = 1; limit <= 100000; limit = limit * 10 + 7) {
        arena_init(&arena, WINDOW_FIXED);
        arena.token_limits = (struct limits){.set = 1, .limit = {limit}};
        run(workers, &arena, take_all);
        free_admissions(workers);
        assert_int_equal(atomic_load(&arena.admitted), limit);
        assert_int_equal(fixed_count(arena.token[LINE_MINUTE]), limit);
        assert_int_equal(arena.token[LINE_TOTAL], limit);
    }
}

static void test_what_a_narrower_window_refuses_is_given_back_by_the_others(void **state)
{
    (void)state;
    static struct arena arena;
    struct worker workers[THREADS];
    for (int round = 0; round < 3; round++) {
        arena_init(&arena, round == 2 ? WINDOW_SLIDING : WINDOW_FIXED);
        arena.token_limits = (struct limits){.set = 7, .limit = {90000, 80000, 70000}};
        arena.user_limits = (struct limits){.set = 7, .limit = {90000, 60000, 50000}};
        run(workers, &arena, take_all);
        free_admissions(workers);
        /* Holds that were given back can only have refused others; nobody else is there. */
        assert_int_equal(atomic_load(&arena.admitted), 50000);
        assert_int_equal(fixed_count(arena.token[LINE_HOUR]), 50000);
        assert_int_equal(fixed_count(arena.token[LINE_DAY]), 50000);
        assert_int_equal(fixed_count(arena.user[LINE_HOUR]), 50000);
        assert_int_equal(fixed_count(arena.user[LINE_DAY]), 50000);
    }
}

/* --- time goes on, and not for all alike
 * ---------------------------------------------------------- */

static void *take_while_time_goes_on(void *argument)
{
    struct worker *worker = argument;
    struct arena *arena = worker->arena;
    struct seeded_random random;
    seeded_random_init(&random, 1000 + worker->number);
    uint32_t limit = arena->two_packings && worker->number % 2 == 0 ? 300 : 0;
    for (int i = 0; i < REQUESTS; i++) {
        int64_t now_ms = atomic_load(&arena->now_ms);
        uint64_t dice = seeded_random_below(&random, 200);
        if (dice == 0) { /* stopped between reading the clock and taking */
            sched_yield();
            atomic_fetch_add(&arena->now_ms, (int64_t)seeded_random_below(&random, 9000));
        }
        if (dice > 150) {
            atomic_fetch_add(&arena->now_ms, (int64_t)seeded_random_below(&random, 100));
        }
        if (take_once(arena, limit, now_ms)) {
            worker->admissions[worker->count++] =
                (struct admission){now_ms, atomic_load(&arena->now_ms)};
        }
    }
    return NULL;
}

static int compare_earliest(const void *a, const void *b)
{
    int64_t x = ((const struct admission *)a)->earliest_ms;
    int64_t y = ((const struct admission *)b)->earliest_ms;
    return (x > y) - (x < y);
}

/* The most admissions that lie certainly inside one window of 60 s. */
static size_t most_in_a_window(struct worker *workers, size_t *ret_count)
{
    struct admission *all = calloc((size_t)THREADS * REQUESTS, sizeof *all);
    size_t count = 0, most = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        memcpy(all + count, workers[i].admissions, workers[i].count * sizeof *all);
        count += workers[i].count;
    }
    qsort(all, count, sizeof *all, compare_earliest);
    for (size_t i = 0; i < count; i++) {
        size_t inside = 0;
        int64_t end_ms = all[i].earliest_ms + 60000;
        for (size_t j = i; j < count && all[j].earliest_ms < end_ms; j++) {
            inside += all[j].latest_ms < end_ms;
        }
        most = inside > most ? inside : most;
    }
    free(all);
    *ret_count = count;
    return most;
}

static void check_sliding(uint32_t limit, bool two_packings)
{
    static struct arena arena;
    struct worker workers[THREADS];
    arena_init(&arena, WINDOW_SLIDING);
    arena.token_limits = (struct limits){.set = 1, .limit = {limit}};
    arena.two_packings = two_packings;
    run(workers, &arena, take_while_time_goes_on);
    size_t count;
    size_t most = most_in_a_window(workers, &count);
    free_admissions(workers);
    uint32_t bound = two_packings ? 300 : limit;
    assert_true(most <= bound);
    /* And not by refusing everything: three quarters of what the time that went by allows. */
    int64_t minutes = (atomic_load(&arena.now_ms) - START_MS) / 60000;
    assert_true(minutes > 10);
    assert_true(count >= (uint64_t)minutes * limit * 3 / 4);
    assert_int_equal(arena.token[LINE_TOTAL], count);
}

static void test_a_sliding_window_never_admits_more_in_any_minute(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 7, 60, 255, 256, 900, 1500};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        check_sliding(limits[i], false);
    }
}

static void test_two_packings_at_once_never_admit_more_than_the_larger_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        check_sliding(60, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fixed_window_admits_exactly_its_limit),
        cmocka_unit_test(test_what_a_narrower_window_refuses_is_given_back_by_the_others),
        cmocka_unit_test(test_a_sliding_window_never_admits_more_in_any_minute),
        cmocka_unit_test(test_two_packings_at_once_never_admit_more_than_the_larger_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
