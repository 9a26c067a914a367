/* SPDX-License-Identifier: Apache-2.0 */
/* The logical clock: never back, and once again with the wall clock in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "segment_fixture.h"

struct scene {
    struct segment_fixture fixture;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init(&scene->fixture, NULL);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static void test_time_does_not_go_back_with_the_wall_clock(void **state)
{
    struct scene *scene = *state;
    struct segment_writer *writer = scene->fixture.writer;
    virtual_clock_advance(&scene->fixture.time, 5000);
    int64_t before = segment_writer_beat(writer, NULL);
    assert_int_equal(before, FIXTURE_WALL_MS + 5000);
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS - 86400000);
    int64_t behind_ms;
    assert_int_equal(segment_writer_beat(writer, &behind_ms), before);
    assert_int_equal(behind_ms, 86400000 + 5000);
}

static void test_a_clock_that_was_set_back_is_met_one_percent_slower(void **state)
{
    struct scene *scene = *state;
    struct segment_writer *writer = scene->fixture.writer;
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS - 1000);
    int64_t last = segment_writer_beat(writer, NULL);
    for (int i = 0; i < 399; i++) { /* 1 s behind is met after 100 s */
        virtual_clock_advance(&scene->fixture.time, 250);
        int64_t behind_ms;
        int64_t now = segment_writer_beat(writer, &behind_ms);
        assert_true(now > last && now - last <= 250);
        assert_true(behind_ms > 0);
        last = now;
    }
    virtual_clock_advance(&scene->fixture.time, 500);
    int64_t behind_ms;
    int64_t now = segment_writer_beat(writer, &behind_ms);
    assert_int_equal(behind_ms, 0);
    assert_int_equal(now, clock_wall_ms(&scene->fixture.time.clock));
    virtual_clock_advance(&scene->fixture.time, 1000);
    assert_int_equal(segment_writer_now_ms(writer), now + 1000);
}

static void test_time_jumps_forward_with_the_wall_clock(void **state)
{
    struct scene *scene = *state;
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS + 7200000);
    assert_int_equal(segment_writer_now_ms(scene->fixture.writer), FIXTURE_WALL_MS);
    assert_int_equal(segment_writer_beat(scene->fixture.writer, NULL), FIXTURE_WALL_MS + 7200000);
    assert_int_equal(segment_writer_now_ms(scene->fixture.writer), FIXTURE_WALL_MS + 7200000);
}

static void restart(struct scene *scene, bool attach)
{
    struct segment_fixture *fixture = &scene->fixture;
    segment_writer_close(fixture->writer);
    fixture->writer = NULL;
    bool kept;
    tkr_error_t error =
        attach
            ? segment_writer_attach(&fixture->options, fixture->seq, &fixture->writer, NULL)
            : segment_writer_create(&fixture->options, fixture->seq, &fixture->writer, &kept, NULL);
    assert_int_equal(error, TKR_OK);
}

static void test_a_restart_does_not_go_back_behind_what_readers_saw(void **state)
{
    struct scene *scene = *state;
    for (int attach = 0; attach < 2; attach++) {
        virtual_clock_advance(&scene->fixture.time, 60000);
        int64_t seen = segment_writer_now_ms(scene->fixture.writer);
        virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS);
        restart(scene, attach == 1);
        assert_true(segment_writer_now_ms(scene->fixture.writer) >= seen);
        if (attach == 0) {
            segment_fixture_fill(&scene->fixture);
            assert_int_equal(segment_writer_publish(scene->fixture.writer, scene->fixture.seq),
                             TKR_OK);
        }
    }
}

static void test_the_floor_of_the_store_holds(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.clock_floor_ms = FIXTURE_WALL_MS + 1000000;
    restart(scene, true);
    assert_int_equal(segment_writer_now_ms(scene->fixture.writer), FIXTURE_WALL_MS + 1000000);
}

static void test_a_reset_forgets_the_former_time(void **state)
{
    struct scene *scene = *state;
    segment_fixture_advance(&scene->fixture, 1000000);
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS);
    scene->fixture.options.reset_clock = true;
    restart(scene, false);
    assert_int_equal(segment_writer_now_ms(scene->fixture.writer), FIXTURE_WALL_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_time_does_not_go_back_with_the_wall_clock),
        TEST(test_a_clock_that_was_set_back_is_met_one_percent_slower),
        TEST(test_time_jumps_forward_with_the_wall_clock),
        TEST(test_a_restart_does_not_go_back_behind_what_readers_saw),
        TEST(test_the_floor_of_the_store_holds),
        TEST(test_a_reset_forgets_the_former_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
