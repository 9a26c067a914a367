/* SPDX-License-Identifier: Apache-2.0 */
/* The job that cleans as the configuration says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "authority_fixture.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler_internal.h"

#define DAY_MS INT64_C(86400000)

struct context {
    struct authority_fixture fixture;
    struct job_settings settings;
    struct scheduler *scheduler;
};

static void open_with(struct context *context, int64_t after_ms)
{
    static const struct job_handler *const handlers[] = {&job_cleanup};
    context->settings.cleanup_after_ms = after_ms;
    const struct scheduler_options options = {
        .authority = context->fixture.authority,
        .store = &context->fixture.port,
        .clock = &context->fixture.time.clock,
        .random = random_system(),
        .settings = &context->settings,
        .handlers = handlers,
        .handler_count = 1,
    };
    assert_int_equal(scheduler_new(&options, &context->scheduler, NULL), TKR_OK);
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    scheduler_free(context->scheduler);
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

static void create(struct context *context, int64_t lifetime_ms)
{
    struct token_create asked = fixture_token("n");
    asked.lifetime.has_expires_at = true;
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + lifetime_ms;
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &asked).error, TKR_OK);
}

static struct job_status tick(struct context *context)
{
    struct job_status status[JOBS_MAX];
    scheduler_tick(context->scheduler);
    scheduler_settle(context->scheduler);
    assert_int_equal(scheduler_list(context->scheduler, status), 1);
    return status[0];
}

static int64_t count_tokens(struct context *context)
{
    return fixture_query(&context->fixture, "SELECT count(*) FROM tokens");
}

static void test_without_a_time_it_is_off_and_everything_stays(void **state)
{
    struct context *context = *state;
    open_with(context, 0);
    create(context, DAY_MS);
    virtual_clock_advance(&context->fixture.time, 300 * DAY_MS);
    assert_int_equal(tick(context).state, JOB_OFF);
    assert_int_equal(count_tokens(context), 1);
}

static void test_what_ended_long_ago_goes_in_one_run_however_much(void **state)
{
    struct context *context = *state;
    open_with(context, 30 * DAY_MS);
    for (int i = 0; i < CLEANUP_BATCH_MAX + 10; i++) {
        create(context, 1000);
    }
    create(context, 50 * DAY_MS);
    tick(context);
    assert_int_equal(count_tokens(context), CLEANUP_BATCH_MAX + 11);
    virtual_clock_advance(&context->fixture.time, 31 * DAY_MS);
    struct job_status status = tick(context);
    assert_int_equal(status.job.outcome, JOB_DONE);
    assert_int_equal(status.job.count, CLEANUP_BATCH_MAX + 10);
    assert_string_equal(status.job.result, "510 tokens cleaned away");
    assert_int_equal(count_tokens(context), 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'token.cleanup'"
                                   " AND actor_user = 'tokenry'"),
                     CLEANUP_BATCH_MAX + 10);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_time_it_is_off_and_everything_stays),
        TEST(test_what_ended_long_ago_goes_in_one_run_however_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
