/* SPDX-License-Identifier: Apache-2.0 */
/* Usage lines: scanning, restoring, converting, and what survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"

struct scene {
    struct segment_fixture fixture;
    struct verifier *verifier;
    struct verify_result result;
    struct segment_token token;
};

static void start(struct scene *scene, const enum window_kind *kinds)
{
    segment_fixture_init(&scene->fixture, kinds);
    scene->token = segment_fixture_token(&scene->fixture, TOKEN);
    segment_fixture_put(&scene->fixture, &scene->token);
    scene->verifier = segment_fixture_verifier(&scene->fixture);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    start(*state, NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    verifier_free(scene->verifier);
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static tkr_verdict_t verify(struct scene *scene)
{
    return segment_fixture_verify(scene->verifier, TOKEN, &scene->result);
}

struct seen {
    int visits;
    struct segment_usage last;
    tkr_error_t answer;
};

static tkr_error_t see(void *context, const struct segment_usage *usage)
{
    struct seen *seen = context;
    seen->visits++;
    seen->last = *usage;
    return seen->answer;
}

static struct seen scan(struct scene *scene)
{
    struct seen seen = {.answer = TKR_OK};
    assert_int_equal(segment_writer_scan_usage(scene->fixture.writer, see, &seen), TKR_OK);
    return seen;
}

static void test_a_line_that_nobody_used_is_not_visited(void **state)
{
    assert_int_equal(scan(*state).visits, 0);
}

static void test_a_refused_request_marks_nothing(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 0, 10, 10);
    assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(scan(scene).visits, 0);
}

static void test_a_used_line_is_visited_once_until_it_is_used_again(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    struct seen seen = scan(scene);
    assert_int_equal(seen.visits, 1);
    assert_int_equal(seen.last.line, scene->token.line);
    assert_int_equal(seen.last.total, 1);
    assert_int_equal(seen.last.last_used_ms, FIXTURE_WALL_MS);
    assert_int_equal(scan(scene).visits, 0);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scan(scene).last.total, 2);
}

static void test_a_visit_that_fails_is_made_again(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    struct seen seen = {.answer = TKR_IO};
    assert_int_equal(segment_writer_scan_usage(scene->fixture.writer, see, &seen), TKR_IO);
    assert_int_equal(scan(scene).visits, 1);
}

static void test_an_image_that_does_not_fit_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    struct segment_usage image = scan(scene).last;
    struct segment_writer *writer = scene->fixture.writer;
    assert_int_equal(segment_writer_restore_line(writer, 1 << 30, image.image, image.bytes),
                     TKR_OUT_OF_RANGE);
    assert_int_equal(segment_writer_restore_line(writer, 0, image.image, image.bytes - 1),
                     TKR_CORRUPT);
    assert_int_equal(segment_writer_restore_line(writer, 0, image.image, 0), TKR_CORRUPT);
    image.image[0] = 9;
    assert_int_equal(segment_writer_restore_line(writer, 0, image.image, image.bytes), TKR_CORRUPT);
}

static void test_a_restored_line_has_its_windows(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 5, 6, 7);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    }
    struct segment_usage image = scan(scene).last;
    struct segment_token other = segment_fixture_token(&scene->fixture, TOKEN "2");
    segment_fixture_put(&scene->fixture, &other);
    assert_int_equal(
        segment_writer_restore_line(scene->fixture.writer, other.line, image.image, image.bytes),
        TKR_OK);
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "2", &scene->result),
                     TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(scene->result.windows[1].remaining, 1);
    assert_int_equal(scene->result.windows[2].remaining, 2);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, other.line, &total, &last_used_ms);
    assert_int_equal(total, 5);
    assert_int_equal(last_used_ms, FIXTURE_WALL_MS);
}

/* Takes up the usage file with other kinds of windows, as a restarted authority does. */
static void restart_with(struct scene *scene, const enum window_kind kinds[WINDOW_COUNT],
                         bool *ret_kept)
{
    struct segment_fixture *fixture = &scene->fixture;
    segment_writer_close(fixture->writer);
    fixture->writer = NULL;
    memcpy(fixture->options.window_kinds, kinds, sizeof fixture->options.window_kinds);
    assert_int_equal(
        segment_writer_create(&fixture->options, fixture->seq, &fixture->writer, ret_kept, NULL),
        TKR_OK);
    struct tier tier = fixture->tier_row;
    uint32_t next_line = fixture->next_line;
    fixture->next_line = fixture->user_line;
    segment_fixture_fill(fixture);
    fixture->next_line = next_line;
    fixture->tier_row = tier;
    assert_int_equal(segment_writer_put_tier(fixture->writer, &tier, &fixture->tier), TKR_OK);
    assert_int_equal(segment_writer_reserve_lines(fixture->writer, next_line), TKR_OK);
    assert_int_equal(segment_writer_put_token(fixture->writer, &scene->token), TKR_OK);
    assert_int_equal(segment_writer_publish(fixture->writer, fixture->seq), TKR_OK);
}

static void test_no_window_is_granted_twice_when_its_kind_changes(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 5, 5, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    }
    /* From each of the eight combinations to the next: never any room. */
    for (int i = 0; i < 16; i++) {
        enum window_kind kinds[WINDOW_COUNT] = {
            (i & 1) != 0 ? WINDOW_SLIDING : WINDOW_FIXED,
            (i & 2) != 0 ? WINDOW_SLIDING : WINDOW_FIXED,
            (i & 4) != 0 ? WINDOW_SLIDING : WINDOW_FIXED,
        };
        bool kept;
        restart_with(scene, kinds, &kept);
        assert_true(kept);
        assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
        for (int w = 0; w < 3; w++) {
            assert_int_equal(scene->result.windows[w].remaining, 0);
        }
        uint64_t total;
        int64_t last_used_ms;
        segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
        assert_int_equal(total, 5);
    }
}

static void test_a_reset_clock_empties_windows_of_the_future(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 5, 5, 5);
    segment_fixture_advance(&scene->fixture, 10LL * 365 * 86400000); /* somebody's mistake */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    }
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS + 1000);
    scene->fixture.options.reset_clock = true;
    bool kept;
    restart_with(scene, fixture_kinds_default, &kept);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.now_ms, FIXTURE_WALL_MS + 1000);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
    assert_int_equal(total, 6);
}

static void test_lines_are_found_after_the_usage_file_became_longer(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(segment_writer_reserve_lines(scene->fixture.writer, 1000000), TKR_OK);
    scene->fixture.next_line = 999999;
    struct segment_token far = segment_fixture_token(&scene->fixture, TOKEN "far");
    segment_fixture_put(&scene->fixture, &far);
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "far", &scene->result),
                     TKR_VERDICT_VALID);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    struct seen seen = scan(scene);
    assert_int_equal(seen.visits, 2);
    assert_int_equal(seen.last.line, 999999);
}

/* --- a process that is killed -------------------------------------------------------------- */

/* Verifies without end and writes a byte for each acknowledged one. */
static void count_until_killed(struct scene *scene, int pipe_fd)
{
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    struct verify_result result;
    for (;;) {
        bool valid = segment_fixture_verify(verifier, TOKEN, &result) == TKR_VERDICT_VALID;
        if (!valid || write(pipe_fd, "x", 1) != 1) {
            _exit(1);
        }
    }
}

static void test_counts_survive_a_killed_process(void **state)
{
    struct scene *scene = *state;
    uint64_t acknowledged = 0;
    for (int round = 0; round < 20; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            count_until_killed(scene, ends[1]);
        }
        close(ends[1]);
        char bytes[512];
        uint64_t wanted = acknowledged + 200 + (uint64_t)round * 37;
        while (acknowledged < wanted) {
            ssize_t got = read(ends[0], bytes, sizeof bytes);
            assert_true(got > 0);
            acknowledged += (uint64_t)got;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;) {
            acknowledged += (uint64_t)got;
        }
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        uint64_t total;
        int64_t last_used_ms;
        segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
        /* One may have been counted and not been acknowledged, in each round. */
        assert_in_range(total, acknowledged, acknowledged + (uint64_t)round + 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_line_that_nobody_used_is_not_visited),
        TEST(test_a_refused_request_marks_nothing),
        TEST(test_a_used_line_is_visited_once_until_it_is_used_again),
        TEST(test_a_visit_that_fails_is_made_again),
        TEST(test_an_image_that_does_not_fit_is_refused),
        TEST(test_a_restored_line_has_its_windows),
        TEST(test_no_window_is_granted_twice_when_its_kind_changes),
        TEST(test_a_reset_clock_empties_windows_of_the_future),
        TEST(test_lines_are_found_after_the_usage_file_became_longer),
        TEST(test_counts_survive_a_killed_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
