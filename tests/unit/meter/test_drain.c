/* SPDX-License-Identifier: Apache-2.0 */
/* Draining: in parts, that fail, beside threads that count. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "fixture.h"

static void test_a_drain_that_was_not_booked_comes_again(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 10);
    assert_true(meter_drain_next(scene->meter, &scene->drain));
    uint64_t number = scene->drain.number;
    count(scene, 1, 5);
    meter_drain_end(scene->meter, false);
    assert_int_equal(drain(scene), 1);
    assert_int_equal(scene->drain.number, number);
    assert_int_equal(drained(scene, 1), 15);
    assert_int_equal(drain(scene), 0);
}

static void test_what_is_counted_during_a_drain_waits_for_the_next(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 10);
    assert_true(meter_drain_next(scene->meter, &scene->drain));
    count(scene, 1, 5);
    meter_drain_end(scene->meter, true);
    assert_int_equal(drained(scene, 1), 10);
    assert_false(meter_drain_next(scene->meter, &scene->drain));
    assert_int_equal(drain(scene), 1);
    assert_int_equal(drained(scene, 1), 5);
}

static void test_numbers_grow_by_one(void **state)
{
    struct scene *scene = *state;
    for (uint64_t i = 1; i < 5; i++) {
        count(scene, 1, 1);
        drain(scene);
        assert_int_equal(scene->drain.number, i);
    }
}

static void test_a_large_pass_comes_in_parts(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    scene->options.slots = 0;
    scene_open(scene, 0);
    const uint64_t all = 3 * METER_DRAIN_MAX / 2;
    for (uint32_t i = 0; i < all; i++) {
        count(scene, i, i + 1);
    }
    uint64_t sum = 0;
    int parts = 0;
    meter_drain_start(scene->meter);
    while (meter_drain_next(scene->meter, &scene->drain)) {
        sum += drained_all(scene);
        assert_int_equal(scene->drain.count, parts == 0 ? METER_DRAIN_MAX : METER_DRAIN_MAX / 2);
        meter_drain_end(scene->meter, true);
        parts++;
    }
    assert_int_equal(parts, 2);
    assert_int_equal(sum, all * (all + 1) / 2);
}

static void test_all_seats_are_drained(void **state)
{
    struct scene *scene = *state;
    struct meter_seat *other;
    assert_int_equal(meter_seat_take(scene->meter, &other), TKR_OK);
    assert_ptr_not_equal(other, scene->seat);
    struct meter_event event = event_of(1);
    meter_count(other, &event, 2);
    count(scene, 1, 3);
    meter_seat_return(scene->meter, other);
    assert_int_equal(drain(scene), 2);
    assert_int_equal(drained(scene, 1), 5);
}

static void test_a_returned_seat_is_taken_again(void **state)
{
    struct scene *scene = *state;
    meter_seat_return(scene->meter, scene->seat);
    struct meter_seat *again;
    assert_int_equal(meter_seat_take(scene->meter, &again), TKR_OK);
    assert_ptr_equal(again, scene->seat);
}

static void test_one_seat_too_many_is_refused(void **state)
{
    struct scene *scene = *state;
    struct meter_seat *seat;
    for (int i = 1; i < METER_SEATS_MAX; i++) {
        assert_int_equal(meter_seat_take(scene->meter, &seat), TKR_OK);
    }
    assert_int_equal(meter_seat_take(scene->meter, &seat), TKR_CAPACITY);
}

/* --- threads --------------------------------------------------------------------------------- */

#define THREADS 3
#define ROUNDS 200000
#define LINES 300

struct counter {
    struct meter *meter;
    struct meter_seat *seat;
    uint64_t random;
    _Atomic int *running;
};

static void *run_counter(void *context)
{
    struct counter *counter = context;
    char label[8];
    for (int i = 0; i < ROUNDS; i++) {
        counter->random = counter->random * 6364136223846793005ULL + 1442695040888963407ULL;
        uint32_t chosen = (uint32_t)(counter->random >> 33);
        struct meter_event event = event_of(chosen % LINES);
        int length = snprintf(label, sizeof label, "%u", chosen % 7);
        event.label = meter_label_intern(counter->meter, label, (size_t)length);
        event.now_ms += i / 50000 * HOUR_MS;
        meter_count(counter->seat, &event, 1);
    }
    atomic_fetch_sub(counter->running, 1);
    return NULL;
}

/* The table is small, so that slots change their keys all the time. */
static void test_nothing_is_lost_or_doubled_beside_counting_threads(void **state)
{
    struct scene *scene = *state;
    pthread_t threads[THREADS];
    struct counter counters[THREADS];
    _Atomic int running = THREADS;
    for (int i = 0; i < THREADS; i++) {
        counters[i] =
            (struct counter){.meter = scene->meter, .random = (uint64_t)i, .running = &running};
        assert_int_equal(meter_seat_take(scene->meter, &counters[i].seat), TKR_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, run_counter, &counters[i]), 0);
    }
    uint64_t sum = 0;
    bool last = false;
    for (int turn = 0; !last; turn++) {
        last = atomic_load(&running) == 0;
        meter_drain_start(scene->meter);
        while (meter_drain_next(scene->meter, &scene->drain)) {
            bool booked = last || turn % 5 != 0;
            sum += booked ? drained_all(scene) : 0;
            meter_drain_end(scene->meter, booked);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(sum, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_drain_that_was_not_booked_comes_again),
        TEST(test_what_is_counted_during_a_drain_waits_for_the_next),
        TEST(test_numbers_grow_by_one),
        TEST(test_a_large_pass_comes_in_parts),
        TEST(test_all_seats_are_drained),
        TEST(test_a_returned_seat_is_taken_again),
        TEST(test_one_seat_too_many_is_refused),
        TEST(test_nothing_is_lost_or_doubled_beside_counting_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
