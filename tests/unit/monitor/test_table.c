/* SPDX-License-Identifier: Apache-2.0 */
/* Sketches by line: growing, the maximum, what is to be saved, what was stored. */
#include "unit.h"

static struct monitor_table *table_of(uint32_t sketches_max)
{
    struct monitor_table *table = NULL;
    assert_int_equal(monitor_table_new(sketches_max, &table), TKR_OK);
    return table;
}

static void use(struct monitor_table *table, uint32_t line, int64_t at_ms)
{
    struct monitor_sketch *sketch = NULL;
    struct monitor_alarms alarms;
    struct monitor_observation observation = {.at_ms = at_ms, .count = line % 1000 + 1};
    assert_int_equal(monitor_table_touch(table, line, at_ms, &sketch), TKR_OK);
    monitor_sketch_observe(sketch, SEED, &observation, &alarms);
}

static void test_a_line_that_was_never_used_has_no_sketch(void **state)
{
    struct monitor_table *table = table_of(10);
    assert_null(monitor_table_find(table, 3));
    monitor_table_free(table);
    monitor_table_free(NULL);
}

static void test_each_line_has_its_own_sketch(void **state)
{
    struct monitor_table *table = table_of(100000);
    for (uint32_t i = 0; i < 100000; i++) {
        use(table, i * 7919, MONDAY_MS);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(monitor_table_find(table, i * 7919)->count, i * 7919 % 1000 + 1);
    }
    assert_null(monitor_table_find(table, 1));
    monitor_table_free(table);
}

static void test_a_token_takes_at_most_256_bytes_with_all_that_finds_it(void **state)
{
    struct monitor_table *table = table_of(MONITOR_SKETCHES_MAX);
    struct monitor_stats stats;
    for (uint32_t i = 0; i < 180000; i++) { /* just grown */
        use(table, i, MONDAY_MS);
    }
    monitor_table_stats(table, &stats);
    assert_int_equal(stats.sketches, 180000);
    assert_true(stats.sketch_bytes + stats.index_bytes <= 180000ULL * 256);
    monitor_table_free(table);
}

static void test_at_the_maximum_the_one_unused_longest_goes(void **state)
{
    struct monitor_table *table = table_of(3);
    struct monitor_stats stats;
    use(table, 1, MONDAY_MS);
    use(table, 2, MONDAY_MS);
    use(table, 3, MONDAY_MS);
    use(table, 1, MONDAY_MS + HOUR_MS);
    use(table, 4, MONDAY_MS + HOUR_MS);
    assert_null(monitor_table_find(table, 2));
    assert_non_null(monitor_table_find(table, 1));
    assert_non_null(monitor_table_find(table, 3));
    monitor_table_stats(table, &stats);
    assert_int_equal(stats.evicted, 1);
    assert_int_equal(stats.sketches, 3);
    monitor_table_free(table);
}

static void test_an_evicted_line_begins_anew(void **state)
{
    struct monitor_table *table = table_of(1);
    use(table, 1, MONDAY_MS);
    use(table, 2, MONDAY_MS);
    use(table, 1, MONDAY_MS + DAY_MS);
    assert_int_equal(monitor_table_find(table, 1)->born_hour, (MONDAY_MS + DAY_MS) / HOUR_MS);
    monitor_table_free(table);
}

/* Against a plain array: the index closes its gaps right. */
static void test_many_evictions_lose_no_other_line(void **state)
{
    enum { ROOM = 500, LINES = 2000 };
    struct monitor_table *table = table_of(ROOM);
    int64_t used_at[LINES] = {0};
    uint32_t random = 1;
    for (int64_t hour = 1; hour < 20000; hour++) {
        random = random * 1103515245 + 12345;
        uint32_t line = (random >> 16) % LINES;
        use(table, line, MONDAY_MS + hour * HOUR_MS);
        used_at[line] = hour;
    }
    for (uint32_t line = 0; line < LINES; line++) {
        uint32_t later = 0;
        for (uint32_t i = 0; i < LINES; i++) {
            later += used_at[i] > used_at[line];
        }
        assert_int_equal(monitor_table_find(table, line) != NULL, later < ROOM);
    }
    monitor_table_free(table);
}

static void test_asking_ahead_for_any_line_changes_nothing(void **state)
{
    struct monitor_table *table = table_of(10);
    uint32_t lines[] = {1, 2, UINT32_MAX}, cursor = 0;
    struct monitor_saved saved[10];
    use(table, 1, MONDAY_MS);
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 10), 1);
    monitor_table_saved(table, saved, 1);
    monitor_table_prefetch(table, lines, 3);
    cursor = 0;
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 10), 0);
    assert_null(monitor_table_find(table, 2));
    monitor_table_free(table);
}

/* --- saving and loading ---------------------------------------------------------------------- */

static void test_what_changed_is_to_be_saved_until_it_is(void **state)
{
    struct monitor_table *table = table_of(1000);
    struct monitor_saved saved[300];
    uint32_t cursor = 0;
    for (uint32_t line = 0; line < 700; line++) {
        use(table, line, MONDAY_MS);
    }
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 300), 300);
    monitor_table_saved(table, saved, 300);
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 300), 300);
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 300), 100);
    cursor = 0;
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 300), 300);
    assert_int_equal(saved[0].line, 300);
    monitor_table_free(table);
}

static void test_what_was_stored_comes_back_as_it_was(void **state)
{
    struct monitor_table *table = table_of(10), *again = table_of(2);
    struct monitor_saved saved[10];
    uint32_t cursor = 0;
    use(table, 5, MONDAY_MS);
    use(table, 6, MONDAY_MS + HOUR_MS);
    assert_int_equal(monitor_table_changed(table, &cursor, saved, 10), 2);
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(
            monitor_table_load(again, saved[i].line, saved[i].sketch, sizeof(*saved[i].sketch)),
            TKR_OK);
    }
    assert_memory_equal(monitor_table_find(again, 5), monitor_table_find(table, 5),
                        sizeof(struct monitor_sketch));
    assert_int_equal(monitor_table_load(again, 9, saved[0].sketch, sizeof(*saved[0].sketch)),
                     TKR_CAPACITY);
    cursor = 0;
    assert_int_equal(monitor_table_changed(again, &cursor, saved, 10), 0);
    use(again, 7, MONDAY_MS + 2 * HOUR_MS); /* the last that was loaded is the oldest */
    assert_null(monitor_table_find(again, 5));
    monitor_table_free(table);
    monitor_table_free(again);
}

static void test_what_is_no_sketch_is_not_loaded(void **state)
{
    struct monitor_table *table = table_of(10);
    uint8_t image[sizeof(struct monitor_sketch)] = {0xff};
    assert_int_equal(monitor_table_load(table, 1, image, sizeof(image)), TKR_CORRUPT);
    assert_int_equal(monitor_table_load(table, 1, image, 0), TKR_CORRUPT);
    assert_null(monitor_table_find(table, 1));
    monitor_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_that_was_never_used_has_no_sketch),
        cmocka_unit_test(test_each_line_has_its_own_sketch),
        cmocka_unit_test(test_a_token_takes_at_most_256_bytes_with_all_that_finds_it),
        cmocka_unit_test(test_at_the_maximum_the_one_unused_longest_goes),
        cmocka_unit_test(test_an_evicted_line_begins_anew),
        cmocka_unit_test(test_many_evictions_lose_no_other_line),
        cmocka_unit_test(test_asking_ahead_for_any_line_changes_nothing),
        cmocka_unit_test(test_what_changed_is_to_be_saved_until_it_is),
        cmocka_unit_test(test_what_was_stored_comes_back_as_it_was),
        cmocka_unit_test(test_what_is_no_sketch_is_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
