/* SPDX-License-Identifier: Apache-2.0 */
/* Health, status, metrics, and the same resources without HTTP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/json_input.h"
#include "engine/authority_internal.h"
#include "fixture.h"

static void test_health_is_public_and_says_little(void **state)
{
    struct answer answer = ask(*state, "GET /api/v1/auth/health", "", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"status\":\"ok\",\"checks\":{\"verification\":\"ok\"}}");
    answer = ask(*state, "GET /api/v1/system/health", "", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"status\":\"ok\",\"checks\":{\"verification\":\"ok\","
                                     "\"changes\":\"ok\"}}");
    assert_int_equal(ask(*state, "HEAD /api/v1/auth/health", "", NULL).status, 200);
}

/* An api over a folder without a segment: as after a lost runtime directory. */
static struct api *api_without_segment(struct fixture *fixture)
{
    static char folder[128];
    snprintf(folder, sizeof folder, "%s/nothing-here", fixture->folder);
    struct api_options options = {
        .authority = fixture->authority,
        .runtime_directory = folder,
        .clock = &fixture->time.clock,
        .sources = {{"Authorization", "Bearer"}},
        .source_count = 1,
        .realm = "test",
        .version = "1",
        .stale_s = 5,
    };
    struct api *api = NULL;
    assert_int_equal(api_new(&options, &api, NULL), TKR_OK);
    return api;
}

static unsigned call(struct api *api, enum http_method method, const char *path, const char *query,
                     const char *body, struct buffer *ret_body)
{
    unsigned status = 0;
    buffer_init_secret(ret_body, 1024 * 1024);
    assert_int_equal(
        api_call_local(api, "default", method, path, query, body, NULL, &status, ret_body), TKR_OK);
    return status;
}

static void test_without_a_segment_nothing_is_decided_and_health_is_503(void **state)
{
    struct api *api = api_without_segment(*state);
    struct buffer body CLEANUP(buffer_deinit);
    assert_int_equal(call(api, HTTP_GET, "/api/v1/auth/health", NULL, NULL, &body), 503);
    assert_non_null(strstr(body.data, "\"failing\""));
    buffer_deinit(&body);
    assert_int_equal(call(api, HTTP_POST, "/api/v1/verify", NULL,
                          "{\"token\":\"xxxxxxxxxxxxxxxxxxxxxxxx\"}", &body),
                     200);
    assert_non_null(strstr(body.data, "\"valid\":false,\"code\":\"unavailable\""));
    buffer_deinit(&body);
    assert_int_equal(call(api, HTTP_POST, "/api/v1/verify/batch", NULL,
                          "{\"requests\":[{\"token\":\"x\"},{\"token\":\"y\"}]}", &body),
                     200);
    assert_null(strstr(body.data, "\"valid\":true"));
    api_free(api);
}

static void test_a_stale_heartbeat_is_unavailable_and_never_a_denial(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    beat_stop(fixture->authority); /* nobody beats from here on */
    virtual_clock_advance(&fixture->time, (SEGMENT_STALE_S_DEFAULT + 1) * 1000);
    struct answer answer = ask(fixture, "GET /auth", bearer(made.text), NULL);
    assert_int_equal(answer.status, 503);
    assert_code(answer, "unavailable");
    assert_string_equal(header_of(&answer, "Retry-After"), "1");
    assert_null(header_of(&answer, "WWW-Authenticate"));
    answer = ask(fixture, "GET /auth?mode=nginx", bearer(made.text), NULL);
    assert_int_equal(answer.status, 403);
    assert_string_equal(header_of(&answer, "X-Auth-Status"), "503");
    answer = ask(fixture, "GET /api/v1/auth/me", bearer(made.text), NULL);
    assert_int_equal(answer.status, 503);
    answer = ask(fixture, "GET /api/v1/auth/health", "", NULL);
    assert_int_equal(answer.status, 503);
    assert_string_equal(header_of(&answer, "Retry-After"), "1");
}

static void test_status_tells_the_state(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = manage(fixture, "GET /api/v1/system/status", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "version"), "1.2.3");
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    assert_true(json_integer_value(json_object_get(json_object_get(root, "segment"), "tokens")) >=
                1);
    assert_true(json_is_true(json_object_get(json_object_get(root, "store"), "changes_accepted")));
    assert_true(json_integer_value(
                    json_object_get(json_object_get(root, "http"), "connections_total")) >= 1);
}

/* --- metrics --------------------------------------------------------------------------------- */

static void test_promtool_accepts_the_metrics(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "GET /auth", bearer(fixture->admin.text), NULL);
    struct answer answer = manage(fixture, "GET /metrics", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "Content-Type"),
                        "text/plain; version=0.0.4; charset=utf-8");
    const char *path = printed("%s/metrics", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(answer.body, 1, answer.body_length, file), answer.body_length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(system(printed("promtool check metrics < %s > %s.out 2>&1 && "
                                    "! test -s %s.out",
                                    path, path, path)),
                     0);
}

static uint64_t sample(struct fixture *fixture, const char *name)
{
    struct answer answer = manage(fixture, "GET /metrics", NULL);
    const char *line = strstr(answer.body, printed("\n%s ", name));
    if (line == NULL) {
        fail_msg("no %s in the metrics", name);
    }
    return strtoull(line + strlen(name) + 2, NULL, 10);
}

static void test_what_is_verified_is_counted_by_what_it_came_to(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    static const char *const outcomes[] = {
        "valid",       "rate_limited", "not_found", "no_token", "conflicting_tokens",
        "bad_request", "malformed",    "revoked"};
    uint64_t before[COUNT_OF(outcomes)];
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        before[i] =
            sample(fixture, printed("tokenry_verifications_total{verdict=\"%s\"}", outcomes[i]));
    }
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    manage(fixture, "POST /api/v1/verify", "{\"token\":\"xxxxxxxxxxxxxxxxxxxxxxxx\"}");
    ask(fixture, "GET /auth", "", NULL);
    ask(fixture, "GET /auth", "X-API-Key: a\r\nX-API-Key: b\r\n", NULL);
    ask(fixture, "GET /auth?x=1", "", NULL);
    manage(fixture, "POST /api/v1/verify/batch", "{\"requests\":[{\"token\":\"x\"}]}");
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        uint64_t after =
            sample(fixture, printed("tokenry_verifications_total{verdict=\"%s\"}", outcomes[i]));
        assert_int_equal(after - before[i], i < 7 ? 1 : 0);
    }
    assert_int_equal(sample(fixture, "tokenry_verify_duration_seconds_count{endpoint=\"auth\"}"),
                     5);
}

static void test_no_metric_has_a_value_that_a_caller_chose(void **state)
{
    struct fixture *fixture = *state;
    fixture_make(fixture, "{\"user_id\":\"marked-user\",\"name\":\"marked-name\"}");
    ask(fixture, "GET /marked-path", "", NULL);
    struct answer answer = manage(fixture, "GET /metrics", NULL);
    assert_null(strstr(answer.body, "marked"));
}

/* --- without HTTP ----------------------------------------------------------------------------- */

static void test_a_local_call_to_nothing_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct buffer body CLEANUP(buffer_deinit);
    unsigned status = 0;
    static const struct {
        enum http_method method;
        const char *path;
    } rows[] = {{HTTP_GET, "/"},           {HTTP_GET, "/auth"}, /* only proxies ask this */
                {HTTP_PUT, TOKENS},        {HTTP_GET, TOKENS "/"},   {HTTP_GET, TOKENS "/a/b"},
                {HTTP_GET, TOKENS "/%00"}, {HTTP_GET, TOKENS "/%zz"}};
    buffer_init(&body, 1024);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(api_call_local(fixture->api, "default", rows[i].method, rows[i].path, NULL,
                                        NULL, NULL, &status, &body),
                         TKR_NOT_FOUND);
    }
}

static void test_a_local_call_that_is_wrong_is_a_problem(void **state)
{
    struct fixture *fixture = *state;
    struct buffer body CLEANUP(buffer_deinit);
    assert_int_equal(call(fixture->api, HTTP_GET, TOKENS, "limit=0", NULL, &body), 400);
    assert_string_equal(body.data, "{\"type\":\"about:blank\",\"title\":\"a value is outside its "
                                   "range\",\"status\":400,\"detail\":\"must be 1 to 1000\","
                                   "\"code\":\"out_of_range\",\"member\":\"limit\"}");
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_POST, TOKENS, NULL, NULL, &body), 400);
}

static void test_local_calls_do_what_http_does(void **state)
{
    struct fixture *fixture = *state;
    struct buffer body CLEANUP(buffer_deinit);
    assert_int_equal(call(fixture->api, HTTP_POST, TOKENS, NULL,
                          "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"*\"]}", &body),
                     201);
    json_t *root CLEANUP(json_decref_p) = json_loadb(body.data, body.length, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "token"));
    const char *id = json_string_value(json_object_get(root, "id"));
    assert_int_equal(ask(fixture, "GET /auth", bearer(text), NULL).status, 200);
    fixture_secret(fixture, text);
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_PATCH, printed(TOKENS "/%s", id), NULL,
                          "{\"disabled\":true}", &body),
                     200);
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_GET, TOKENS, "user_id=a&status=disabled", NULL, &body),
                     200);
    assert_non_null(strstr(body.data, id));
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_POST, "/api/v1/verify", NULL,
                          printed("{\"token\":\"%s\"}", text), &body),
                     200);
    assert_non_null(strstr(body.data, "\"code\":\"disabled\""));
    buffer_deinit(&body);
    assert_int_equal(
        call(fixture->api, HTTP_DELETE, printed(TOKENS "/%s", id), "reason=x", NULL, &body), 200);
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_GET, "/api/v1/auth/me", NULL, NULL, &body), 200);
    assert_non_null(strstr(body.data, "\"via\":\"local\""));
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_GET, "/metrics", NULL, NULL, &body), 200);
    buffer_deinit(&body);
    assert_int_equal(call(fixture->api, HTTP_GET, "/api/v1/system/status", NULL, NULL, &body), 200);
}

static void test_options_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const realms[] = {"a\"b", "a\\b", "a\nb", "\xc3\xa4"};
    struct api_options options = {
        .authority = fixture->authority,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .sources = {{"Authorization", "Bearer"}},
        .source_count = 1,
        .version = "1",
    };
    struct api *api = NULL;
    struct fault fault = {0};
    for (size_t i = 0; i < COUNT_OF(realms); i++) {
        options.realm = realms[i];
        assert_int_equal(api_new(&options, &api, &fault), TKR_INVALID);
        assert_string_equal(fault.field, "realm");
    }
    options.realm = "fine";
    options.source_count = 0;
    assert_int_equal(api_new(&options, &api, &fault), TKR_OUT_OF_RANGE);
    api_free(NULL);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_health_is_public_and_says_little),
        WITH_FIXTURE(test_without_a_segment_nothing_is_decided_and_health_is_503),
        WITH_FIXTURE(test_a_stale_heartbeat_is_unavailable_and_never_a_denial),
        WITH_FIXTURE(test_status_tells_the_state),
        WITH_FIXTURE(test_promtool_accepts_the_metrics),
        WITH_FIXTURE(test_what_is_verified_is_counted_by_what_it_came_to),
        WITH_FIXTURE(test_no_metric_has_a_value_that_a_caller_chose),
        WITH_FIXTURE(test_a_local_call_to_nothing_is_not_found),
        WITH_FIXTURE(test_a_local_call_that_is_wrong_is_a_problem),
        WITH_FIXTURE(test_local_calls_do_what_http_does),
        WITH_FIXTURE(test_options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
