/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/metrics.h"

static const uint64_t bounds[] = {10, 100, 1000};

static void test_a_value_above_all_bounds_is_in_the_last_bucket(void **state)
{
    struct histogram histogram;
    histogram_init(&histogram, bounds, 3);
    histogram_observe(&histogram, 1001);
    histogram_observe(&histogram, UINT64_MAX / 2);
    assert_int_equal(histogram.counts[3], 2);
    assert_int_equal(histogram.sum_ns, 1001 + UINT64_MAX / 2);
}

static void test_a_bound_belongs_to_its_bucket(void **state)
{
    struct histogram histogram;
    histogram_init(&histogram, bounds, 3);
    static const uint64_t values[] = {0, 10, 11, 100, 101, 1000};
    for (size_t i = 0; i < 6; i++) {
        histogram_observe(&histogram, values[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(histogram.counts[i], 2);
    }
    assert_int_equal(histogram.counts[3], 0);
    assert_int_equal(histogram.sum_ns, 1222);
}

static void test_adding_adds_every_bucket_and_the_sum(void **state)
{
    struct histogram a;
    struct histogram b;
    histogram_init(&a, bounds, 3);
    histogram_init(&b, bounds, 3);
    histogram_observe(&a, 5);
    histogram_observe(&b, 5);
    histogram_observe(&b, 5000);
    histogram_add(&a, &b);
    assert_int_equal(a.counts[0], 2);
    assert_int_equal(a.counts[3], 1);
    assert_int_equal(a.sum_ns, 5010);
    assert_int_equal(b.counts[0], 1);
}

static void *observe_many(void *histogram)
{
    for (uint64_t i = 0; i < 10000; i++) {
        histogram_observe(histogram, i % 2000);
    }
    return NULL;
}

static void test_threads_lose_no_observation(void **state)
{
    struct histogram histogram;
    histogram_init(&histogram, bounds, 3);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, observe_many, &histogram), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    uint64_t count = 0;
    for (size_t i = 0; i <= 3; i++) {
        count += histogram.counts[i];
    }
    assert_int_equal(count, 40000);
    assert_int_equal(histogram.sum_ns, 4 * 5 * (1999 * 2000 / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_above_all_bounds_is_in_the_last_bucket),
        cmocka_unit_test(test_a_bound_belongs_to_its_bucket),
        cmocka_unit_test(test_adding_adds_every_bucket_and_the_sum),
        cmocka_unit_test(test_threads_lose_no_observation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
