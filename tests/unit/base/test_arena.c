/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "seeded_random.h"

static void test_an_allocation_beyond_the_bound_is_refused(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(100, &arena), TKR_OK);
    assert_null(arena_alloc(arena, 101));
    assert_true(arena_overflowed(arena));
}

static void test_overflow_is_sticky_even_for_what_would_fit(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(100, &arena), TKR_OK);
    assert_null(arena_alloc(arena, 101));
    assert_null(arena_alloc(arena, 1));
    assert_null(arena_copy(arena, "a", 1));
    assert_null(arena_print(arena, "%d", 1));
}

static void test_a_size_that_would_wrap_around_is_refused(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct arena *arena CLEANUP(arena_free_p) = NULL;
        assert_int_equal(arena_new(64 * 1024, &arena), TKR_OK);
        assert_null(arena_alloc(arena, sizes[i]));
        assert_true(arena_overflowed(arena));
    }
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(64 * 1024, &arena), TKR_OK);
    assert_null(arena_copy(arena, "", SIZE_MAX));
    assert_true(arena_overflowed(arena));
}

static void test_an_arena_of_nothing_gives_nothing(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(0, &arena), TKR_OK);
    assert_false(arena_overflowed(arena));
    assert_null(arena_alloc(arena, 0));
}

static void test_the_whole_bound_can_be_used_at_once(void **state)
{
    static const size_t bounds[] = {1, 15, 16, 17, 4095, 4096, 4097, 100001};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct arena *arena CLEANUP(arena_free_p) = NULL;
        assert_int_equal(arena_new(bounds[i], &arena), TKR_OK);
        char *all = arena_alloc(arena, bounds[i]);
        assert_non_null(all);
        memset(all, 1, bounds[i]);
        assert_false(arena_overflowed(arena));
        assert_null(arena_alloc(arena, 1));
    }
}

static void test_memory_is_zeroed_and_aligned_also_after_a_reset(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(64 * 1024, &arena), TKR_OK);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 200; size++) {
            unsigned char *memory = arena_alloc(arena, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % 16, 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(memory[i], 0);
            }
            memset(memory, 0xAA, size);
        }
        arena_reset(arena);
    }
}

static void test_allocations_do_not_overlap(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 1);
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(1024 * 1024, &arena), TKR_OK);
    unsigned char *memory[200];
    size_t sizes[200];
    for (size_t i = 0; i < 200; i++) {
        sizes[i] = seeded_random_below(&random, i % 50 == 0 ? 20000 : 500) + 1;
        memory[i] = arena_alloc(arena, sizes[i]);
        assert_non_null(memory[i]);
        memset(memory[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(memory[i][at], (unsigned char)(i + 1));
        }
    }
}

static void test_the_sum_of_allocations_is_bounded_over_many_blocks(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(100 * 1024, &arena), TKR_OK);
    size_t got = 0;
    while (arena_alloc(arena, 1024) != NULL) {
        got += 1024;
        assert_true(got <= 100 * 1024);
    }
    assert_int_equal(got, 100 * 1024);
}

static void test_a_reset_makes_the_whole_bound_free_again(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(50000, &arena), TKR_OK);
    for (int round = 0; round < 5; round++) {
        assert_non_null(arena_alloc(arena, 20000));
        assert_non_null(arena_alloc(arena, 30000));
        assert_null(arena_alloc(arena, 1));
        arena_reset(arena);
        assert_false(arena_overflowed(arena));
    }
}

static void test_a_copy_ends_with_nul_and_keeps_nul_inside(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(100, &arena), TKR_OK);
    const char *copy = arena_copy(arena, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_copy(arena, NULL, 0), "");
}

static void test_printing_formats_into_the_arena(void **state)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(arena_new(100, &arena), TKR_OK);
    assert_string_equal(arena_print(arena, "%s=%d", "minute", 60), "minute=60");
    assert_null(arena_print(arena, "%200d", 1));
    assert_true(arena_overflowed(arena));
}

static void test_freeing_nothing_is_allowed(void **state)
{
    arena_free(NULL);
    struct arena *arena = NULL;
    arena_free_p(&arena);
    assert_null(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_allocation_beyond_the_bound_is_refused),
        cmocka_unit_test(test_overflow_is_sticky_even_for_what_would_fit),
        cmocka_unit_test(test_a_size_that_would_wrap_around_is_refused),
        cmocka_unit_test(test_an_arena_of_nothing_gives_nothing),
        cmocka_unit_test(test_the_whole_bound_can_be_used_at_once),
        cmocka_unit_test(test_memory_is_zeroed_and_aligned_also_after_a_reset),
        cmocka_unit_test(test_allocations_do_not_overlap),
        cmocka_unit_test(test_the_sum_of_allocations_is_bounded_over_many_blocks),
        cmocka_unit_test(test_a_reset_makes_the_whole_bound_free_again),
        cmocka_unit_test(test_a_copy_ends_with_nul_and_keeps_nul_inside),
        cmocka_unit_test(test_printing_formats_into_the_arena),
        cmocka_unit_test(test_freeing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
