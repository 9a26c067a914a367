/* SPDX-License-Identifier: Apache-2.0 */
/* Credits in one thread: what is refused, what a refusal leaves, refills, clocks that are
 * behind, and what the authority changes meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/usage_line.h"

#define START_MS 1767225600000 /* 2026-01-01T00:00:00Z */
#define DAY_MS 86400000LL
#define FEBRUARY_MS (START_MS + 31 * DAY_MS)

static const enum window_kind kinds[WINDOW_COUNT] = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED};

struct scene {
    union {
        _Alignas(64) line_word line[LINE_WORDS_MAX];
        uint64_t words[LINE_WORDS_MAX];
    };
    union {
        _Alignas(64) line_word credits[LINE_WORDS_MAX];
        uint64_t credit_words[LINE_WORDS_MAX];
    };
    struct limits limits;
    struct limiter_answer answer;
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    bool dry_run;
};

static void give(struct scene *scene, enum credits_interval interval, int64_t now_ms,
                 uint64_t allowance, uint64_t refill)
{
    struct credits_amount amount = {credits_period(interval, now_ms), allowance};
    scene->credit_words[CREDIT_LINE_ALLOWANCE] = credit_word(amount);
    scene->credit_words[CREDIT_LINE_REFILL] = refill;
    scene->credit_words[CREDIT_LINE_TAG] = CREDIT_LINE_TAGGED;
}

static struct scene scene_of(enum credits_interval interval, uint64_t allowance, uint64_t refill)
{
    struct scene scene = {.limits = {.set = 7, .limit = {1000000, LIMIT_NONE, 1000000}}};
    give(&scene, interval, START_MS, allowance, refill);
    return scene;
}

static bool take(struct scene *scene, int64_t now_ms, uint32_t cost)
{
    struct limiter_take take = {.kinds = kinds, .now_ms = now_ms, .cost = cost};
    take.token = (struct limiter_subject){scene->line, scene->limits};
    take.credits = scene->credits;
    take.dry_run = scene->dry_run;
    scene->answer.windows = scene->windows;
    limiter_local.take(&take, &scene->answer);
    return scene->answer.admitted;
}

static void assert_exhausted(struct scene *scene, int64_t now_ms, uint32_t cost,
                             int64_t retry_after_ms)
{
    assert_false(take(scene, now_ms, cost));
    assert_true(scene->answer.exhausted);
    assert_int_equal(scene->answer.retry_after_ms, retry_after_ms);
}

static void test_who_has_too_few_credits_is_refused_and_nothing_is_touched(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_NO_REFILL, 10, 0);
    assert_true(take(&scene, START_MS, 7));
    struct scene before = scene;
    assert_exhausted(&scene, START_MS, 4, 0);
    assert_int_equal(scene.answer.credits.remaining, 3);
    assert_memory_equal(scene.words, before.words, sizeof scene.words);
    assert_memory_equal(scene.credit_words, before.credit_words, sizeof scene.credit_words);
    assert_true(take(&scene, START_MS, 3));
    assert_exhausted(&scene, START_MS, 1, 0);
}

static void test_a_rate_is_the_first_reason(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_NO_REFILL, 0, 0);
    scene.limits = (struct limits){.set = 1, .limit = {0}};
    assert_false(take(&scene, START_MS, 1));
    assert_false(scene.answer.exhausted);
    assert_true(scene.answer.has_credits);
}

static void test_a_refusal_by_a_window_takes_no_credits(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_DAILY, 100, 100);
    scene.limits = (struct limits){.set = 1, .limit = {5}};
    assert_true(take(&scene, START_MS, 5));
    struct scene before = scene;
    assert_false(take(&scene, START_MS, 1));
    assert_false(scene.answer.exhausted);
    assert_int_equal(scene.answer.credits.remaining, 95);
    assert_memory_equal(scene.credit_words, before.credit_words, sizeof scene.credit_words);
}

static void test_a_cost_of_nothing_passes_without_credits(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_NO_REFILL, 0, 0);
    struct scene before = scene;
    assert_true(take(&scene, START_MS, 0));
    assert_true(scene.answer.has_credits);
    assert_int_equal(scene.answer.credits.remaining, 0);
    assert_memory_equal(scene.credit_words, before.credit_words, sizeof scene.credit_words);
    assert_int_equal(scene.words[LINE_TOTAL], 1);
}

static void test_a_dry_run_says_what_there_is_and_takes_nothing(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_MONTHLY, 10, 20);
    scene.dry_run = true;
    struct scene before = scene;
    assert_true(take(&scene, START_MS, 10));
    assert_int_equal(scene.answer.credits.remaining, 10);
    assert_int_equal(scene.answer.credits.refill_at_ms, FEBRUARY_MS);
    assert_exhausted(&scene, START_MS, 11, 31 * DAY_MS);
    assert_memory_equal(scene.credit_words, before.credit_words, sizeof scene.credit_words);
}

static void test_a_token_without_credits_is_told_of_none(void **state)
{
    (void)state;
    struct scene scene = {.limits = {.set = 0}};
    struct limiter_take take = {.kinds = kinds, .now_ms = START_MS, .cost = 1};
    take.token = (struct limiter_subject){scene.line, scene.limits};
    scene.answer = (struct limiter_answer){.windows = scene.windows, .has_credits = true};
    limiter_local.take(&take, &scene.answer);
    assert_true(scene.answer.admitted);
    assert_false(scene.answer.has_credits);
}

static void test_credits_are_counted_with_their_last_use(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_DAILY, 100, 100);
    assert_true(take(&scene, START_MS + 5, 30));
    assert_int_equal(scene.answer.credits.remaining, 70);
    assert_true(take(&scene, START_MS + DAY_MS, 12));
    assert_int_equal(scene.answer.credits.remaining, 88);
    assert_int_equal(scene.credit_words[LINE_TOTAL], 42);
    assert_int_equal(scene.credit_words[LINE_LAST_USED], START_MS + DAY_MS);
}

static void test_a_day_and_a_month_are_refilled_at_their_end(void **state)
{
    (void)state;
    static const struct {
        enum credits_interval interval;
        int64_t ends_ms;
    } rows[] = {{CREDITS_DAILY, START_MS + DAY_MS}, {CREDITS_MONTHLY, FEBRUARY_MS}};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene = scene_of(rows[i].interval, 3, 8);
        int64_t ends_ms = rows[i].ends_ms;
        assert_true(take(&scene, START_MS, 3));
        assert_exhausted(&scene, ends_ms - 1, 1, 1);
        assert_int_equal(scene.answer.credits.refill_at_ms, ends_ms);
        assert_true(take(&scene, ends_ms, 8));
        assert_exhausted(&scene, ends_ms, 1,
                         credits_period_ends_ms(credits_period(rows[i].interval, ends_ms)) -
                             ends_ms);
    }
}

static void test_more_than_a_refill_is_not_worth_waiting_for(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_DAILY, 3, 8);
    assert_exhausted(&scene, START_MS, 9, 0);
    assert_exhausted(&scene, START_MS, 8, DAY_MS);
}

static void test_a_clock_that_is_behind_uses_the_later_period(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_DAILY, 100, 10);
    int64_t midnight_ms = START_MS + DAY_MS;
    assert_true(take(&scene, midnight_ms, 4));
    assert_true(take(&scene, midnight_ms - 1, 4)); /* not of the 100 that were */
    assert_int_equal(scene.answer.credits.remaining, 2);
    assert_exhausted(&scene, midnight_ms - 1, 3, DAY_MS + 1);
    assert_true(take(&scene, midnight_ms, 2));
    assert_exhausted(&scene, midnight_ms, 1, DAY_MS);
}

static void test_a_change_of_the_interval_begins_anew(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_MONTHLY, 100, 100);
    assert_true(take(&scene, START_MS, 100));
    give(&scene, CREDITS_DAILY, START_MS, 5, 6);
    assert_true(take(&scene, START_MS, 5));
    assert_exhausted(&scene, START_MS, 1, DAY_MS);
    give(&scene, CREDITS_NO_REFILL, START_MS, 7, 0);
    assert_true(take(&scene, START_MS, 7));
    assert_exhausted(&scene, START_MS, 1, 0);
    give(&scene, CREDITS_MONTHLY, START_MS, 9, 0);
    assert_true(take(&scene, START_MS, 9));
    assert_exhausted(&scene, START_MS, 1, 0);
}

static void test_an_allowance_below_what_was_used_leaves_nothing(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_DAILY, 100, 100);
    assert_true(take(&scene, START_MS, 60));
    give(&scene, CREDITS_DAILY, START_MS, 50, 100);
    assert_exhausted(&scene, START_MS, 1, DAY_MS);
    assert_int_equal(scene.answer.credits.remaining, 0);
}

static void test_the_largest_stock_is_used_to_the_end(void **state)
{
    (void)state;
    struct scene scene = scene_of(CREDITS_NO_REFILL, CREDITS_ALLOWANCE_MAX, 0);
    struct credits_amount used = {0, CREDITS_ALLOWANCE_MAX - 1};
    scene.credit_words[CREDIT_LINE_USED] = credit_word(used);
    assert_exhausted(&scene, START_MS, 2, 0);
    assert_true(take(&scene, START_MS, 1));
    assert_exhausted(&scene, START_MS, 1, 0);
}

static void test_noise_in_a_credit_line_never_crashes_nor_hangs(void **state)
{
    (void)state;
    struct seeded_random random;
    seeded_random_init(&random, 11);
    for (int i = 0; i < 200000; i++) {
        struct scene scene = scene_of(CREDITS_DAILY, 1, 1);
        for (unsigned w = 0; w < LINE_WORDS_MAX; w++) {
            scene.credit_words[w] = seeded_random_next(&random) >> seeded_random_below(&random, 64);
        }
        (void)take(&scene, START_MS, (uint32_t)seeded_random_below(&random, 100));
        assert_true(scene.answer.has_credits);
        assert_true(scene.answer.credits.remaining <= CREDITS_ALLOWANCE_MAX);
        assert_true(scene.answer.credits.refill_at_ms == 0 ||
                    scene.answer.credits.refill_at_ms > START_MS);
        assert_true(scene.answer.retry_after_ms >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_too_few_credits_is_refused_and_nothing_is_touched),
        cmocka_unit_test(test_a_rate_is_the_first_reason),
        cmocka_unit_test(test_a_refusal_by_a_window_takes_no_credits),
        cmocka_unit_test(test_a_cost_of_nothing_passes_without_credits),
        cmocka_unit_test(test_a_dry_run_says_what_there_is_and_takes_nothing),
        cmocka_unit_test(test_a_token_without_credits_is_told_of_none),
        cmocka_unit_test(test_credits_are_counted_with_their_last_use),
        cmocka_unit_test(test_a_day_and_a_month_are_refilled_at_their_end),
        cmocka_unit_test(test_more_than_a_refill_is_not_worth_waiting_for),
        cmocka_unit_test(test_a_clock_that_is_behind_uses_the_later_period),
        cmocka_unit_test(test_a_change_of_the_interval_begins_anew),
        cmocka_unit_test(test_an_allowance_below_what_was_used_leaves_nothing),
        cmocka_unit_test(test_the_largest_stock_is_used_to_the_end),
        cmocka_unit_test(test_noise_in_a_credit_line_never_crashes_nor_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
