/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that nobody uses: told of once, counted each time. */
#include "watched.h"

static int set_up(void **state)
{
    const struct job_settings settings = {.unused_days = 90};
    *state = open_job(&job_unused_tokens, &settings);
    return 0;
}

static void use(struct context *context, uint32_t line)
{
    static uint64_t total;
    fixture_count(&context->fixture, line, ++total, authority_now_ms(context->fixture.authority));
    authority_flush(context->fixture.authority);
}

static void test_without_days_it_is_off(void **state)
{
    struct context *context = *state;
    context->settings.unused_days = 0;
    assert_off(context);
}

static void test_a_young_token_is_not_unused(void **state)
{
    struct context *context = *state;
    (void)create(context, "ci", 1000 * DAY_MS);
    wait_ms(context, 89 * DAY_MS);
    assert_int_equal(run(context).job.count, 0);
    assert_int_equal(alerts(context, "token.unused"), 0);
}

static void test_an_unused_token_is_told_of_once(void **state)
{
    struct context *context = *state;
    (void)create(context, "ci", 1000 * DAY_MS);
    wait_ms(context, 91 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    assert_int_equal(alerts_saying(context, "token ci was never used"), 1);
    restart(context);
    wait_ms(context, 100 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    assert_int_equal(alerts(context, "token.unused"), 1);
}

static void test_one_that_was_used_since_is_told_of_again(void **state)
{
    struct context *context = *state;
    struct answer token = create(context, "ci", 1000 * DAY_MS);
    wait_ms(context, 91 * DAY_MS);
    run(context);
    restart(context); /* a segment that is read needs a heartbeat of now */
    use(context, token.line);
    assert_int_equal(run(context).job.count, 0);
    wait_ms(context, 91 * DAY_MS);
    run(context);
    assert_int_equal(alerts(context, "token.unused"), 2);
    assert_int_equal(alerts_saying(context, "token ci is not used since 91 days"), 1);
}

static void test_many_are_one_alert(void **state)
{
    struct context *context = *state;
    enum { TOKENS = MONITOR_SCAN_ROWS + 100 };
    for (int i = 0; i < TOKENS; i++) {
        (void)create(context, "t", 1000 * DAY_MS);
    }
    wait_ms(context, 91 * DAY_MS);
    assert_int_equal(run(context).job.count, TOKENS);
    assert_int_equal(alerts(context, "token.unused"), 1);
    assert_int_equal(alerts_saying(context, "\"tokens\":600"), 1);
    run(context);
    assert_int_equal(alerts(context, "token.unused"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, close_job)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_days_it_is_off),
        TEST(test_a_young_token_is_not_unused),
        TEST(test_an_unused_token_is_told_of_once),
        TEST(test_one_that_was_used_since_is_told_of_again),
        TEST(test_many_are_one_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
