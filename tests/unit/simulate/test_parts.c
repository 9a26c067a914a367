/* SPDX-License-Identifier: Apache-2.0 */
/* The order of requests, the numbers of subjects, and counts over time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "seeded_random.h"
#include "simulate/order.h"
#include "simulate/subjects.h"
#include "simulate/timeline.h"

/* --- order ----------------------------------------------------------------------------------- */

static void test_a_request_that_comes_too_late_is_refused(void **state)
{
    struct order order CLEANUP(order_deinit);
    struct order_request taken;
    (void)state;
    order_init(&order, 2);
    assert_int_equal(order_put(&order, &(struct order_request){.time_ms = 10, .line = 1}), TKR_OK);
    assert_false(order_full(&order));
    assert_int_equal(order_put(&order, &(struct order_request){.time_ms = 20, .line = 2}), TKR_OK);
    assert_true(order_full(&order));
    assert_true(order_take(&order, &taken));
    assert_int_equal(taken.line, 1);
    assert_int_equal(order_put(&order, &(struct order_request){.time_ms = 9, .line = 3}),
                     TKR_OUT_OF_RANGE);
    assert_int_equal(order_put(&order, &(struct order_request){.time_ms = 10, .line = 4}), TKR_OK);
    assert_int_equal(order.late, 1);
    assert_true(order_take(&order, &taken));
    assert_int_equal(taken.line, 4);
    assert_true(order_take(&order, &taken));
    assert_int_equal(taken.line, 2);
    assert_false(order_take(&order, &taken));
}

static void test_requests_leave_in_the_order_of_time_and_then_of_lines(void **state)
{
    struct seeded_random random;
    (void)state;
    seeded_random_init(&random, 1);
    for (size_t count = 0; count < 300; count++) {
        struct order order CLEANUP(order_deinit);
        struct order_request request = {0}, before = {.time_ms = -1};
        order_init(&order, count + 1);
        for (uint64_t line = 1; line <= count; line++) {
            request.time_ms = (int64_t)seeded_random_below(&random, 1 + count / 3);
            request.line = line;
            assert_int_equal(order_put(&order, &request), TKR_OK);
        }
        size_t taken = 0;
        for (; order_take(&order, &request); taken++) {
            assert_true(request.time_ms > before.time_ms ||
                        (request.time_ms == before.time_ms && request.line > before.line));
            before = request;
        }
        assert_int_equal(taken, count);
    }
}

/* --- subjects -------------------------------------------------------------------------------- */

static void free_subjects(struct subjects **subjects)
{
    subjects_free(*subjects);
}

static void test_the_same_name_has_the_same_number_and_a_user_is_no_token(void **state)
{
    struct subjects *subjects CLEANUP(free_subjects) = NULL;
    struct seeded_random random;
    char name[32];
    uint32_t number;
    (void)state;
    seeded_random_init(&random, 2);
    assert_int_equal(subjects_new(&random.source, &subjects), TKR_OK);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 20000; i++) {
            enum limits_subject kind = i % 2 == 0 ? LIMITS_OF_TOKEN : LIMITS_OF_USER;
            size_t length = (size_t)snprintf(name, sizeof(name), "name-%u", i / 2);
            assert_int_equal(subjects_number(subjects, kind, name, length, &number), TKR_OK);
            assert_int_equal(number, i);
        }
    }
    assert_int_equal(subjects_count(subjects), 20000);
    size_t length;
    assert_memory_equal(subjects_id(subjects, 19999, &length), "name-9999", 9);
    assert_int_equal(length, 9);
    assert_int_equal(subjects_kind(subjects, 19999), LIMITS_OF_USER);
    assert_int_equal(subjects_kind(subjects, 19998), LIMITS_OF_TOKEN);
}

static void test_there_are_at_most_so_many_subjects(void **state)
{
    struct subjects *subjects CLEANUP(free_subjects) = NULL;
    struct seeded_random random;
    uint32_t number = 0;
    (void)state;
    seeded_random_init(&random, 3);
    assert_int_equal(subjects_new(&random.source, &subjects), TKR_OK);
    for (uint32_t i = 0; i < SIMULATE_SUBJECTS_MAX; i++) {
        tkr_error_t error =
            subjects_number(subjects, LIMITS_OF_USER, (const char *)&i, sizeof(i), &number);
        if (error != TKR_OK || number != i) {
            fail_msg("%u: error %d, number %u", i, (int)error, number);
        }
    }
    assert_int_equal(subjects_number(subjects, LIMITS_OF_TOKEN, "one more", 8, &number),
                     TKR_CAPACITY);
    uint32_t known = 5;
    assert_int_equal(
        subjects_number(subjects, LIMITS_OF_USER, (const char *)&known, sizeof(known), &number),
        TKR_OK);
    assert_int_equal(number, 5);
}

/* --- over time ------------------------------------------------------------------------------- */

static void test_a_timeline_counts_everything_in_steps_that_begin_at_round_times(void **state)
{
    static const int64_t strides_ms[] = {1, 999, 60000, 3600000, 86400000LL * 40};
    (void)state;
    for (size_t s = 0; s < sizeof(strides_ms) / sizeof(strides_ms[0]); s++) {
        struct timeline timeline = {0};
        int64_t first_ms = 1767225601234, now_ms = first_ms;
        uint64_t requests = 0, refused = 0;
        for (int i = 0; i < 1000; i++, now_ms += strides_ms[s]) {
            timeline_add(&timeline, now_ms, i % 3 == 0);
        }
        now_ms -= strides_ms[s];
        for (size_t i = 0; i < timeline.count; i++) {
            requests += timeline.requests[i];
            refused += timeline.refused[i];
        }
        assert_int_equal(requests, 1000);
        assert_int_equal(refused, 334);
        assert_true(timeline.count <= SIMULATE_STEPS_MAX);
        assert_int_equal(timeline.begins_ms % timeline.width_ms, 0);
        assert_in_range(first_ms, timeline.begins_ms, timeline.begins_ms + timeline.width_ms - 1);
        assert_int_equal((now_ms - timeline.begins_ms) / timeline.width_ms + 1, timeline.count);
        assert_true(timeline.requests[0] > 0);
    }
}

static void test_a_timeline_spans_all_times_there_are(void **state)
{
    struct timeline timeline = {0};
    (void)state;
    timeline_add(&timeline, 0, true);
    timeline_add(&timeline, 253402300799999, true);
    assert_int_equal(timeline.refused[0], 1);
    assert_int_equal(timeline.refused[timeline.count - 1], 1);
    assert_true(timeline.count <= SIMULATE_STEPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_that_comes_too_late_is_refused),
        cmocka_unit_test(test_requests_leave_in_the_order_of_time_and_then_of_lines),
        cmocka_unit_test(test_the_same_name_has_the_same_number_and_a_user_is_no_token),
        cmocka_unit_test(test_there_are_at_most_so_many_subjects),
        cmocka_unit_test(test_a_timeline_counts_everything_in_steps_that_begin_at_round_times),
        cmocka_unit_test(test_a_timeline_spans_all_times_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
