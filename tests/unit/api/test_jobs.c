/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs, as they are told and run over the API, without HTTP. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "jobs/scheduler.h"

static tkr_error_t outcome; /* of each run */

static tkr_error_t run(struct job_context *context)
{
    context->count = 7;
    job_say(context, "seven \"things\"");
    return outcome;
}

static int64_t every_hour(const struct job_settings *settings)
{
    return 3600000;
}

static int64_t never(const struct job_settings *settings)
{
    return 0;
}

static const struct job_handler probe = {"probe", "for a test", every_hour, NULL, 1000, run};
static const struct job_handler off = {"off", "is off", never, "off.on", 1000, run};

static struct scheduler *make_scheduler(struct fixture *fixture)
{
    static const struct job_handler *const handlers[] = {&probe, &off};
    static const struct job_settings settings;
    const struct scheduler_options options = {
        .authority = fixture->authority,
        .store = &fixture->store,
        .clock = &fixture->time.clock,
        .random = random_system(),
        .settings = &settings,
        .handlers = handlers,
        .handler_count = 2,
    };
    struct scheduler *scheduler = NULL;
    assert_int_equal(scheduler_new(&options, &scheduler, NULL), TKR_OK);
    return scheduler;
}

static struct api *make_api(struct fixture *fixture, struct scheduler *scheduler)
{
    struct api_options options = {
        .authority = fixture->authority,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .sources = {{"Authorization", "Bearer"}},
        .source_count = 1,
        .realm = "test",
        .version = "1",
        .stale_s = 5,
        .scheduler = scheduler,
    };
    struct api *api = NULL;
    assert_int_equal(api_new(&options, &api, NULL), TKR_OK);
    return api;
}

struct context {
    struct fixture *fixture;
    struct scheduler *scheduler;
    struct api *api;
};

static struct context open_context(void **state)
{
    struct context context = {.fixture = *state};
    outcome = TKR_OK;
    context.scheduler = make_scheduler(context.fixture);
    context.api = make_api(context.fixture, context.scheduler);
    return context;
}

static void close_context(struct context *context)
{
    api_free(context->api);
    scheduler_free(context->scheduler);
}

static void assert_call(struct context *context, enum http_method method, const char *path,
                        unsigned status, const char *words)
{
    struct buffer body CLEANUP(buffer_deinit);
    unsigned answered = 0;
    buffer_init_secret(&body, 1024 * 1024);
    assert_int_equal(
        api_call_local(context->api, "default", method, path, NULL, NULL, NULL, &answered, &body),
        TKR_OK);
    if (answered != status || strstr(body.data, words) == NULL) {
        fail_msg("%u: %s", answered, body.data);
    }
}

static void test_the_list_tells_each_job(void **state)
{
    struct context context = open_context(state);
    assert_call(&context, HTTP_GET, "/api/v1/system/jobs", 200,
                "{\"data\":[{\"name\":\"probe\",\"object\":\"job\",\"description\":\"for a test\","
                "\"state\":\"idle\",\"every_s\":3600,\"deadline_s\":1,");
    assert_call(&context, HTTP_GET, "/api/v1/system/jobs", 200,
                "\"last_run_at\":null,\"last_success_at\":null,\"last_outcome\":null,"
                "\"last_result\":null,");
    assert_call(&context, HTTP_GET, "/api/v1/system/jobs", 200,
                "\"state\":\"off\",\"every_s\":0,\"deadline_s\":1,\"next_run_at\":null");
    assert_call(&context, HTTP_GET, "/api/v1/system/status", 200, "\"jobs\":[{\"name\":\"probe\"");
    close_context(&context);
}

static void test_a_run_that_is_asked_for_answers_how_it_went(void **state)
{
    struct context context = open_context(state);
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/probe/run", 200,
                "\"last_outcome\":\"done\",\"last_result\":\"seven \\\"things\\\"\","
                "\"last_count\":7,");
    outcome = TKR_IO;
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/probe/run", 200,
                "\"last_outcome\":\"failed\"");
    assert_call(&context, HTTP_GET, "/api/v1/system/jobs", 200, "\"runs\":2,\"failures\":1}");
    close_context(&context);
}

static void test_what_cannot_be_run_is_refused_with_words(void **state)
{
    struct context context = open_context(state);
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/none/run", 404, "no job of this name");
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/off/run", 409, "set off.on");
    close_context(&context);
}

static void test_metrics_have_a_sample_for_each_job(void **state)
{
    struct context context = open_context(state);
    outcome = TKR_IO;
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/probe/run", 200, "failed");
    assert_call(&context, HTTP_GET, "/metrics", 200,
                "tokenry_job_failures_total{job=\"probe\"} 1\n");
    assert_call(&context, HTTP_GET, "/metrics", 200, "tokenry_job_hanging{job=\"probe\"} 0\n");
    assert_call(&context, HTTP_GET, "/metrics", 200,
                "tokenry_job_last_success_timestamp_seconds{job=\"probe\"} 0\n");
    assert_call(&context, HTTP_GET, "/metrics", 200,
                "tokenry_job_next_run_timestamp_seconds{job=\"off\"} 0\n");
    close_context(&context);
}

static void test_without_a_scheduler_there_are_none(void **state)
{
    struct context context = {.fixture = *state};
    context.api = make_api(context.fixture, NULL);
    assert_call(&context, HTTP_GET, "/api/v1/system/jobs", 200, "{\"data\":[],");
    assert_call(&context, HTTP_POST, "/api/v1/system/jobs/probe/run", 404, "not_found");
    close_context(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_list_tells_each_job, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_run_that_is_asked_for_answers_how_it_went,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_run_is_refused_with_words,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_metrics_have_a_sample_for_each_job, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_without_a_scheduler_there_are_none, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
