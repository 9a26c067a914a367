/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that end soon: which are told of, how often, and how urgently. */
#include "watched.h"

static int set_up(void **state)
{
    const struct job_settings settings = {.expiry_days = {30, 14, 7, 1}, .expiry_count = 4};
    *state = open_job(&job_expiry_alerts, &settings);
    return 0;
}

static void test_without_days_it_is_off(void **state)
{
    struct context *context = *state;
    context->settings.expiry_count = 0;
    assert_off(context);
}

static void test_what_has_time_is_not_told_of(void **state)
{
    struct context *context = *state;
    (void)create(context, "far", 31 * DAY_MS);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 0);
}

static void test_what_was_made_for_a_day_is_not_told_of(void **state)
{
    struct context *context = *state;
    (void)create(context, "job", HOUR_MS);
    (void)create(context, "day", DAY_MS);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 0);
}

static void test_what_was_made_for_the_most_days_is_told_of_at_the_next_threshold(void **state)
{
    struct context *context = *state;
    (void)create(context, "month", 30 * DAY_MS);
    (void)create(context, "weeks", 20 * DAY_MS);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 0);
    wait_ms(context, 6 * DAY_MS);
    run(context);
    assert_int_equal(alerts_saying(context, "token weeks ends in 14 days"), 1);
}

static void test_a_token_is_told_of_at_each_threshold_once(void **state)
{
    struct context *context = *state;
    static const struct {
        int64_t days_before;
        const char *severity;
    } steps[] = {{30, "low"}, {14, "medium"}, {7, "high"}, {1, "critical"}};
    (void)create(context, "ci", 40 * DAY_MS);
    int64_t left = 40;
    for (size_t i = 0; i < 4; i++) {
        char words[64];
        wait_ms(context, (left - steps[i].days_before) * DAY_MS + HOUR_MS * (i == 0));
        left = steps[i].days_before;
        run(context);
        run(context);
        assert_int_equal(alerts(context, "token.expiring"), i + 1);
        snprintf(words, sizeof(words), "\"severity\":\"%s\"", steps[i].severity);
        assert_int_equal(alerts_saying(context, words), 1);
    }
    assert_int_equal(alerts_saying(context, "token ci ends in 6 days"), 1);
}

static void test_a_restart_tells_nothing_twice(void **state)
{
    struct context *context = *state;
    (void)create(context, "ci", 5 * DAY_MS);
    run(context);
    restart(context);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 1);
}

/* Also one that was born with five days. */
static void test_after_a_jump_of_the_clock_only_the_nearest_threshold_is_told(void **state)
{
    struct context *context = *state;
    (void)create(context, "ci", 40 * DAY_MS);
    wait_ms(context, 35 * DAY_MS);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 1);
    assert_int_equal(alerts_saying(context, "\"severity\":\"high\""), 1);
    assert_int_equal(alerts_saying(context, "\"threshold_days\":7"), 1);
}

static void test_a_clock_that_goes_back_tells_nothing_twice(void **state)
{
    struct context *context = *state;
    (void)create(context, "ci", 5 * DAY_MS);
    run(context);
    virtual_clock_set_wall(&context->fixture.time,
                           authority_now_ms(context->fixture.authority) - 20 * DAY_MS);
    run(context);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 1);
}

static void test_an_end_that_was_moved_is_told_again(void **state)
{
    struct context *context = *state;
    struct answer token = create(context, "ci", 5 * DAY_MS);
    run(context);
    struct token_update update = {.has_expires = true};
    update.lifetime.has_expires_at = true;
    update.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + 6 * DAY_MS;
    assert_int_equal(fixture_update(&context->fixture, &fixture_admin, token.id, &update).error,
                     TKR_OK);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 2);
}

static void test_it_is_told_whether_a_token_is_in_use(void **state)
{
    struct context *context = *state;
    struct answer used = create(context, "used", 6 * DAY_MS);
    (void)create(context, "idle", 5 * DAY_MS);
    fixture_count(&context->fixture, used.line, 3, authority_now_ms(context->fixture.authority));
    authority_flush(context->fixture.authority);
    run(context);
    assert_int_equal(alerts_saying(context, "it was used in the last 30 days"), 1);
    assert_int_equal(alerts_saying(context, "it was not used in the last 30 days"), 1);
    assert_int_equal(query(context, "SELECT token_name = 'used' FROM events"
                                    " WHERE type = 'alert.token.expiring' ORDER BY number"),
                     1);
}

static void test_a_rotated_token_is_told_of_until_its_successor_is_used(void **state)
{
    struct context *context = *state;
    struct answer token = create(context, "ci", 90 * DAY_MS);
    const struct token_rotate rotate = {.has_grace = true, .grace_ms = 3 * DAY_MS};
    struct answer next = fixture_rotate(&context->fixture, &fixture_admin, token.id, &rotate);
    assert_int_equal(next.error, TKR_OK);
    run(context);
    assert_int_equal(alerts_saying(context, "nobody has used its successor yet"), 1);
    assert_int_equal(fixture_verify(&context->fixture, next.plaintext), TKR_VERDICT_VALID);
    authority_flush(context->fixture.authority);
    wait_ms(context, 2 * DAY_MS + HOUR_MS);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), 1);
}

static void test_thousands_at_once_are_a_few_alerts_and_one_more(void **state)
{
    struct context *context = *state;
    enum { TOKENS = 1000 };
    char name[16];
    for (int i = 0; i < TOKENS; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        (void)create(context, name, (i % 2 == 0 ? 6 : 12) * DAY_MS);
    }
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), MONITOR_TOLD_ONE_BY_ONE + 1);
    assert_int_equal(alerts_saying(context, "\"tokens\":950"), 1);
    assert_int_equal(
        alerts_saying(context, "\"within_days\":{\"1\":0,\"7\":450,\"14\":500,\"30\":0}"), 1);
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), MONITOR_TOLD_ONE_BY_ONE + 1);
}

static void test_exactly_as_many_as_are_told_one_by_one_make_no_digest(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < MONITOR_TOLD_ONE_BY_ONE; i++) {
        (void)create(context, "t", 6 * DAY_MS);
    }
    run(context);
    assert_int_equal(alerts(context, "token.expiring"), MONITOR_TOLD_ONE_BY_ONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, close_job)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_days_it_is_off),
        TEST(test_what_has_time_is_not_told_of),
        TEST(test_what_was_made_for_a_day_is_not_told_of),
        TEST(test_what_was_made_for_the_most_days_is_told_of_at_the_next_threshold),
        TEST(test_a_token_is_told_of_at_each_threshold_once),
        TEST(test_a_restart_tells_nothing_twice),
        TEST(test_after_a_jump_of_the_clock_only_the_nearest_threshold_is_told),
        TEST(test_a_clock_that_goes_back_tells_nothing_twice),
        TEST(test_an_end_that_was_moved_is_told_again),
        TEST(test_it_is_told_whether_a_token_is_in_use),
        TEST(test_a_rotated_token_is_told_of_until_its_successor_is_used),
        TEST(test_thousands_at_once_are_a_few_alerts_and_one_more),
        TEST(test_exactly_as_many_as_are_told_one_by_one_make_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
