/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/secret.h"
#include "virtual_clock.h"

/* The sanitizers turn mlock into a call that does nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

static void test_secrets_that_differ_in_one_bit_are_not_equal(void **state)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
        b[bit / 8] = (uint8_t)(1 << bit % 8);
        assert_false(secret_equal(a, b, sizeof(a)));
        b[bit / 8] = 0;
    }
}

static void test_equal_secrets_are_equal(void **state)
{
    assert_true(secret_equal("token", "token", 5));
    assert_true(secret_equal("tokenA", "tokenB", 5));
    assert_true(secret_equal("", "", 0));
}

static void test_more_secret_memory_than_there_is_is_an_error(void **state)
{
    void *memory = NULL;
    assert_int_equal(secret_alloc(SIZE_MAX, &memory), TKR_MEMORY);
    assert_int_equal(secret_alloc(SIZE_MAX / 2, &memory), TKR_MEMORY);
    assert_null(memory);
}

static void test_wiping_leaves_zeros_and_nothing_else_changed(void **state)
{
    char text[] = "abcdef";
    secret_wipe(text + 1, 3);
    assert_memory_equal(text, "a\0\0\0ef", 7);
    secret_wipe(NULL, 0);
}

/* Whether the mapping that holds `address` has this flag in smaps. */
static bool has_vm_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512];
    bool inside = false;
    bool found = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long start;
        unsigned long end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
            inside = (uintptr_t)address >= start && (uintptr_t)address < end;
        }
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag) != NULL;
        }
    }
    fclose(maps);
    return found;
}

static void test_secret_memory_is_zeroed_and_left_out_of_core_dumps(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 4097, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *memory = NULL;
        assert_int_equal(secret_alloc(sizes[i], &memory), TKR_OK);
        assert_true(has_vm_flag(memory, " dd"));
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(((uint8_t *)memory)[at], 0);
        }
        memset(memory, 1, sizes[i]);
        secret_free(memory, sizes[i]);
    }
    secret_free(NULL, 10);
}

static void test_secret_memory_that_is_used_again_is_zeroed(void **state)
{
    void *pages[SECRET_SPARE_PAGES_MAX + 2];
    const size_t count = sizeof(pages) / sizeof(pages[0]);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < count; i++) {
            size_t bytes = i % 2 ? 4096 : 100;
            assert_int_equal(secret_alloc(bytes, &pages[i]), TKR_OK);
            for (size_t at = 0; at < bytes; at++) {
                assert_int_equal(((uint8_t *)pages[i])[at], 0);
            }
            memset(pages[i], 0xAA, bytes);
            for (size_t j = 0; j < i; j++) {
                assert_ptr_not_equal(pages[i], pages[j]);
            }
        }
        for (size_t i = 0; i < count; i++) {
            secret_free(pages[i], i % 2 ? 4096 : 100);
        }
    }
}

static void *use_secrets(void *context)
{
    for (int i = 0; i < 2000; i++) {
        uint8_t *memory = NULL;
        if (secret_alloc(16, (void **)&memory) != TKR_OK || memory[0] != 0) {
            *(int *)context = 1;
            return NULL;
        }
        memset(memory, 1, 16);
        secret_free(memory, 16);
    }
    return NULL;
}

static void test_threads_do_not_share_a_secret_page(void **state)
{
    pthread_t threads[4];
    int wrong[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_secrets, &wrong[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

static void test_secret_memory_is_locked_where_the_limit_allows(void **state)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    void *memory = NULL;
    assert_int_equal(secret_alloc(10, &memory), TKR_OK);
    bool may_lock = limit.rlim_cur >= 64 * 1024 && !SANITIZED;
    assert_true(has_vm_flag(memory, " lo") || !may_lock);
    secret_free(memory, 10);
}

static void test_a_hardened_process_dumps_no_core(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        secret_harden_process();
        struct rlimit core;
        bool good = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 &&
                    core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_randomness_fills_all_and_nothing_else(void **state)
{
    uint8_t bytes[700];
    uint8_t seen[700] = {0};
    for (int round = 0; round < 64; round++) {
        memset(bytes, 0, sizeof(bytes));
        assert_int_equal(random_fill(random_system(), bytes, 600), TKR_OK);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof(seen); i++) {
        /* that a byte has no bit in 64 rounds has a chance of 2^-512 */
        assert_true((seen[i] != 0) == (i < 600));
    }
    assert_int_equal(random_fill(random_system(), bytes, 0), TKR_OK);
}

static void test_the_system_clocks_agree_with_the_kernel(void **state)
{
    const struct clock *clock = clock_system();
    int64_t before = time(NULL);
    int64_t wall_ms = clock_wall_ms(clock);
    assert_true(wall_ms >= before * 1000 && wall_ms / 1000 <= time(NULL));
    int64_t first = clock_monotonic_ns(clock);
    int64_t coarse = clock_monotonic_coarse_ns(clock);
    int64_t last = clock_monotonic_ns(clock);
    assert_true(first <= last);
    assert_true(coarse <= last && coarse >= first - 20 * 1000 * 1000);
}

static void test_a_virtual_clock_moves_only_when_told(void **state)
{
    struct virtual_clock time;
    virtual_clock_init(&time, 1767225600000);
    int64_t start_ns = clock_monotonic_ns(&time.clock);
    assert_int_equal(clock_wall_ms(&time.clock), 1767225600000);
    virtual_clock_advance(&time, 1500);
    assert_int_equal(clock_wall_ms(&time.clock), 1767225601500);
    assert_int_equal(clock_monotonic_ns(&time.clock), start_ns + 1500000000);
    virtual_clock_set_wall(&time, 5);
    assert_int_equal(clock_wall_ms(&time.clock), 5);
    assert_int_equal(clock_monotonic_coarse_ns(&time.clock), start_ns + 1500000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_that_differ_in_one_bit_are_not_equal),
        cmocka_unit_test(test_equal_secrets_are_equal),
        cmocka_unit_test(test_more_secret_memory_than_there_is_is_an_error),
        cmocka_unit_test(test_wiping_leaves_zeros_and_nothing_else_changed),
        cmocka_unit_test(test_secret_memory_is_zeroed_and_left_out_of_core_dumps),
        cmocka_unit_test(test_secret_memory_that_is_used_again_is_zeroed),
        cmocka_unit_test(test_threads_do_not_share_a_secret_page),
        cmocka_unit_test(test_secret_memory_is_locked_where_the_limit_allows),
        cmocka_unit_test(test_a_hardened_process_dumps_no_core),
        cmocka_unit_test(test_randomness_fills_all_and_nothing_else),
        cmocka_unit_test(test_the_system_clocks_agree_with_the_kernel),
        cmocka_unit_test(test_a_virtual_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
