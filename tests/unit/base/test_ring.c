/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: order, room, wrapping, and counts that are exact whatever the threads do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "base/ring.h"

#define SIZE 1024
#define RECORD 24 /* and a head of 8: 32 in all */
#define PRODUCERS 4
#define NOTES 20000

static int set_up(void **state)
{
    static struct ring ring;
    assert_int_equal(ring_init(&ring, SIZE), TKR_OK);
    *state = &ring;
    return 0;
}

static int tear_down(void **state)
{
    ring_deinit(*state);
    return 0;
}

static bool put(struct ring *ring, uint64_t number, size_t bytes, size_t most)
{
    uint64_t *record = ring_reserve(ring, bytes, most);
    if (record == NULL) {
        return false;
    }
    memset(record, 0xff, bytes);
    *record = number;
    ring_publish(record);
    return true;
}

/* The next number, and its record is released; 0: there is none. */
static uint64_t take(struct ring *ring)
{
    uint64_t position = ring_tail(ring);
    const uint64_t *record = ring_next(ring, &position, ring_head(ring));
    uint64_t number = record != NULL ? *record : 0;
    ring_release(ring, position);
    return number;
}

static void test_an_empty_ring_has_nothing(void **state)
{
    assert_int_equal(take(*state), 0);
    assert_int_equal(ring_used(*state), 0);
}

static void test_records_come_out_in_their_order(void **state)
{
    for (uint64_t i = 1; i <= 10; i++) {
        assert_true(put(*state, i, 8 + i, SIZE));
    }
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(take(*state), i);
    }
    assert_int_equal(take(*state), 0);
    assert_int_equal(ring_used(*state), 0);
}

static void test_a_full_ring_refuses_and_keeps_the_oldest(void **state)
{
    uint64_t count = 0;
    while (put(*state, count + 1, RECORD, SIZE)) {
        count++;
    }
    assert_int_equal(count, SIZE / (RECORD + 8));
    assert_int_equal(ring_used(*state), SIZE);
    assert_int_equal(take(*state), 1);
    assert_true(put(*state, count + 1, RECORD, SIZE));
    assert_false(put(*state, count + 2, RECORD, SIZE));
    assert_int_equal(take(*state), 2);
}

static void test_who_may_fill_less_leaves_the_rest(void **state)
{
    while (put(*state, 1, RECORD, SIZE / 2)) {
    }
    assert_int_equal(ring_used(*state), SIZE / 2);
    assert_false(put(*state, 2, RECORD, SIZE / 2));
    assert_true(put(*state, 3, RECORD, SIZE));
}

/* 1024 is no multiple of 8 + 40, so every round leaves another gap at the end. */
static void test_a_record_is_in_one_piece_at_the_end_of_the_ring(void **state)
{
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_true(put(*state, i, 40, SIZE));
        assert_true(put(*state, i + 5000, 33, SIZE));
        assert_int_equal(take(*state), i);
        assert_int_equal(take(*state), i + 5000);
    }
}

static void test_a_gap_counts_as_used(void **state)
{
    for (uint64_t i = 0; i < 31; i++) {
        assert_true(put(*state, i + 1, RECORD, SIZE));
        assert_int_equal(take(*state), i + 1);
    }
    /* 32 bytes are left at the end: the gap and the record go together or not at all. */
    assert_false(put(*state, 1, 40, 64));
    assert_true(put(*state, 1, 40, 80));
    assert_int_equal(ring_used(*state), 80);
    assert_int_equal(take(*state), 1);
}

static void test_what_is_not_published_holds_up_what_comes_after(void **state)
{
    uint64_t *first = ring_reserve(*state, RECORD, SIZE);
    *first = 1;
    assert_true(put(*state, 2, RECORD, SIZE));
    assert_int_equal(take(*state), 0);
    ring_publish(first);
    assert_int_equal(take(*state), 1);
    assert_int_equal(take(*state), 2);
}

static void test_nothing_is_read_behind_the_end_that_was_asked_for(void **state)
{
    assert_true(put(*state, 1, RECORD, SIZE));
    uint64_t end = ring_head(*state), position = ring_tail(*state);
    assert_true(put(*state, 2, RECORD, SIZE));
    assert_non_null(ring_next(*state, &position, end));
    assert_null(ring_next(*state, &position, end));
    assert_int_equal(position, end);
}

/* What stood in a place before looks like a head there, and must not be taken for one. */
static void test_old_bytes_are_no_records(void **state)
{
    for (uint64_t i = 1; i <= 32; i++) {
        assert_true(put(*state, i, RECORD, SIZE));
        assert_int_equal(take(*state), i);
    }
    uint64_t *record = ring_reserve(*state, 3 * RECORD, SIZE);
    assert_int_equal(take(*state), 0);
    *record = 7;
    ring_publish(record);
    assert_int_equal(take(*state), 7);
}

/* --- threads --------------------------------------------------------------------------------- */

struct producer {
    pthread_t thread;
    struct ring *ring;
    uint64_t number, refused;
};

static void *produce(void *context)
{
    struct producer *producer = context;
    for (uint64_t i = 1; i <= NOTES; i++) {
        size_t bytes = 8 + (i * 7 + producer->number) % 60;
        producer->refused += !put(producer->ring, producer->number << 32 | i, bytes, SIZE);
    }
    return NULL;
}

static void take_all(struct ring *ring, uint64_t last[PRODUCERS], uint64_t *taken)
{
    uint64_t record;
    while ((record = take(ring)) != 0) {
        uint64_t number = record >> 32, i = record & UINT32_MAX;
        assert_true(number < PRODUCERS && i > last[number]);
        last[number] = i;
        (*taken)++;
    }
}

static void test_each_record_of_many_threads_is_taken_once_or_refused(void **state)
{
    struct producer producers[PRODUCERS];
    uint64_t last[PRODUCERS] = {0}, taken = 0, refused = 0;
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.ring = *state, .number = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < NOTES; i++) {
        take_all(*state, last, &taken);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
        refused += producers[i].refused;
    }
    take_all(*state, last, &taken);
    assert_int_equal(taken + refused, PRODUCERS * NOTES);
    assert_true(taken > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_ring_has_nothing),
        TEST(test_records_come_out_in_their_order),
        TEST(test_a_full_ring_refuses_and_keeps_the_oldest),
        TEST(test_who_may_fill_less_leaves_the_rest),
        TEST(test_a_record_is_in_one_piece_at_the_end_of_the_ring),
        TEST(test_a_gap_counts_as_used),
        TEST(test_what_is_not_published_holds_up_what_comes_after),
        TEST(test_nothing_is_read_behind_the_end_that_was_asked_for),
        TEST(test_old_bytes_are_no_records),
        TEST(test_each_record_of_many_threads_is_taken_once_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
