/* SPDX-License-Identifier: Apache-2.0 */
/* Single windows, one thread: edges, clocks that are behind, packings, and lines full of
 * noise. The oracle in tests/scenario has the random requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/sliding.h"

#define START_MS 1767225600000 /* the beginning of a day */
#define DAY_MS 86400000LL

static const enum window_kind all_fixed[WINDOW_COUNT] = {WINDOW_FIXED, WINDOW_FIXED, WINDOW_FIXED};
static const enum window_kind all_sliding[WINDOW_COUNT] = {WINDOW_SLIDING, WINDOW_SLIDING,
                                                           WINDOW_SLIDING};

struct scene {
    union {
        _Alignas(64) line_word line[LINE_WORDS_MAX];
        uint64_t words[LINE_WORDS_MAX];
    };
    const enum window_kind *kinds;
    struct limits limits;
    struct limiter_answer answer;
    struct verify_window windows[VERIFY_WINDOWS_MAX];
};

static struct scene scene_of(const enum window_kind *kinds, enum window window, uint32_t limit)
{
    struct scene scene = {.kinds = kinds, .limits = {.set = 1U << window}};
    scene.limits.limit[window] = limit;
    return scene;
}

/* What the last answer says of a window. */
static const struct verify_window *state_of(const struct scene *scene, unsigned window)
{
    for (uint32_t i = 0; i < scene->answer.window_count; i++) {
        if (scene->windows[i].window == window) {
            return &scene->windows[i];
        }
    }
    fail();
    return NULL;
}

static bool take(struct scene *scene, int64_t now_ms, uint32_t cost)
{
    struct limiter_take take = {.kinds = scene->kinds, .now_ms = now_ms, .cost = cost};
    take.token = (struct limiter_subject){scene->line, scene->limits};
    scene->answer.windows = scene->windows;
    limiter_local.take(&take, &scene->answer);
    return scene->answer.admitted;
}

static void test_a_refused_request_changes_no_byte(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct scene scene = scene_of(kind == 0 ? all_fixed : all_sliding, WINDOW_MINUTE, 3);
        scene.limits = (struct limits){.set = 7, .limit = {3, 100, 100}};
        assert_true(take(&scene, START_MS, 3));
        struct scene before = scene;
        assert_false(take(&scene, START_MS + 5000, 1));
        assert_memory_equal(scene.words, before.words, sizeof scene.words);
    }
}

static void test_a_cost_above_the_limit_never_passes(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct scene scene = scene_of(kind == 0 ? all_fixed : all_sliding, WINDOW_HOUR, 10);
        assert_false(take(&scene, START_MS, 11));
        assert_int_equal(scene.answer.retry_after_ms, 0);
        assert_true(take(&scene, START_MS, 10));
        assert_false(take(&scene, START_MS, 1));
        assert_true(scene.answer.retry_after_ms > 0);
    }
}

static void test_a_fixed_window_ends_on_the_clock(void **state)
{
    (void)state;
    static const int64_t widths[WINDOW_COUNT] = {60000, 3600000, DAY_MS};
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        struct scene scene = scene_of(all_fixed, (enum window)w, 2);
        int64_t ends_ms = START_MS + widths[w];
        assert_true(take(&scene, ends_ms - 1, 2));
        assert_int_equal(state_of(&scene, w)->reset_at_ms, ends_ms);
        assert_false(take(&scene, ends_ms - 1, 1));
        assert_int_equal(scene.answer.retry_after_ms, 1);
        assert_true(take(&scene, ends_ms, 2));
        assert_false(take(&scene, ends_ms + widths[w] - 1, 1));
    }
}

static void test_a_clock_that_is_behind_counts_in_the_later_window(void **state)
{
    (void)state;
    struct scene fixed = scene_of(all_fixed, WINDOW_MINUTE, 2);
    assert_true(take(&fixed, START_MS + 60000, 1));
    assert_true(take(&fixed, START_MS, 1)); /* an older clock: not a window of its own */
    assert_false(take(&fixed, START_MS, 1));
    assert_false(take(&fixed, START_MS + 60000, 1));

    struct scene sliding = scene_of(all_sliding, WINDOW_MINUTE, 2);
    assert_true(take(&sliding, START_MS + 60000, 1));
    assert_true(take(&sliding, START_MS, 1));
    assert_false(take(&sliding, START_MS + 60000 + 59999, 1));
    assert_true(take(&sliding, START_MS + 60000 + 60000 + 4000, 1));
}

static void test_a_request_leaves_a_sliding_window_after_one_width_and_one_bucket(void **state)
{
    (void)state;
    static const struct {
        enum window window;
        uint32_t limit;
    } rows[] = {{WINDOW_MINUTE, 200},    {WINDOW_MINUTE, 1000},  {WINDOW_MINUTE, 8000},
                {WINDOW_MINUTE, 900000}, {WINDOW_HOUR, 1000},    {WINDOW_HOUR, 8000},
                {WINDOW_HOUR, 1000000},  {WINDOW_HOUR, 2000000}, {WINDOW_DAY, 1000},
                {WINDOW_DAY, 4000000000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum window window = rows[i].window;
        uint32_t layout = sliding_layout(window, rows[i].limit);
        struct sliding_shape shape = sliding_shape(window, layout);
        assert_true(shape.bucket_ms * (shape.buckets - 1) >= shape.window_ms);
        for (int64_t offset = 0; offset < shape.bucket_ms; offset += shape.bucket_ms / 7) {
            struct scene scene = scene_of(all_sliding, window, rows[i].limit);
            int64_t at_ms = START_MS + offset;
            uint32_t left = rows[i].limit;
            while (left > 0) {
                uint32_t cost = left < VERIFY_COST_MAX ? left : VERIFY_COST_MAX;
                assert_true(take(&scene, at_ms, cost));
                left -= cost;
            }
            assert_false(take(&scene, at_ms + shape.window_ms - 1, 1));
            assert_true(take(&scene, at_ms + shape.window_ms + shape.bucket_ms, 1));
            /* What it said about when there would be room was exact. */
            scene = scene_of(all_sliding, window, 1);
            scene.limits.limit[window] = 1;
            assert_true(take(&scene, at_ms, 1));
            int64_t reset_ms = state_of(&scene, window)->reset_at_ms;
            assert_false(take(&scene, at_ms, 1));
            assert_int_equal(at_ms + scene.answer.retry_after_ms, reset_ms);
            assert_false(take(&scene, reset_ms - 1, 1));
            assert_true(take(&scene, reset_ms, 1));
        }
    }
}

static void test_counts_survive_a_change_of_packing(void **state)
{
    (void)state;
    static const uint32_t limits[] = {200, 1000, 8000, 900000, 5000, 600, 100, 100000};
    struct scene scene = scene_of(all_sliding, WINDOW_MINUTE, 100);
    uint32_t used = 0;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        scene.limits.limit[WINDOW_MINUTE] = limits[i];
        bool room = used + 10 <= limits[i];
        assert_int_equal(take(&scene, START_MS + (int64_t)i * 5000, 10), room);
        used += room ? 10 : 0;
        assert_int_equal(state_of(&scene, WINDOW_MINUTE)->remaining, limits[i] - used);
    }
}

static void test_a_line_that_was_idle_for_long_is_empty(void **state)
{
    (void)state;
    for (int64_t days = 1; days < 500; days += 7) {
        struct scene scene = scene_of(all_sliding, WINDOW_MINUTE, 5);
        scene.limits = (struct limits){.set = 7, .limit = {5, 5, 5}};
        assert_true(take(&scene, START_MS, 5));
        assert_true(take(&scene, START_MS + days * DAY_MS + DAY_MS, 5));
    }
}

static void test_noise_in_a_line_never_crashes_nor_hangs(void **state)
{
    (void)state;
    struct seeded_random random;
    seeded_random_init(&random, 5);
    for (int i = 0; i < 200000; i++) {
        struct scene scene = scene_of(i % 2 == 0 ? all_sliding : all_fixed, WINDOW_MINUTE, 1);
        for (unsigned w = 0; w < LINE_WORDS_MAX; w++) {
            scene.words[w] = seeded_random_next(&random);
        }
        scene.limits.set = 7;
        for (unsigned w = 0; w < WINDOW_COUNT; w++) {
            scene.limits.limit[w] = (uint32_t)seeded_random_next(&random) >> i % 32;
        }
        (void)take(&scene, START_MS, (uint32_t)seeded_random_below(&random, 100));
        for (unsigned w = 0; w < WINDOW_COUNT; w++) {
            assert_true(state_of(&scene, w)->remaining <= scene.limits.limit[w]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_request_changes_no_byte),
        cmocka_unit_test(test_a_cost_above_the_limit_never_passes),
        cmocka_unit_test(test_a_fixed_window_ends_on_the_clock),
        cmocka_unit_test(test_a_clock_that_is_behind_counts_in_the_later_window),
        cmocka_unit_test(test_a_request_leaves_a_sliding_window_after_one_width_and_one_bucket),
        cmocka_unit_test(test_counts_survive_a_change_of_packing),
        cmocka_unit_test(test_a_line_that_was_idle_for_long_is_empty),
        cmocka_unit_test(test_noise_in_a_line_never_crashes_nor_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
