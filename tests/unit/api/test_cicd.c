/* SPDX-License-Identifier: Apache-2.0 */
/* Events of CI/CD systems: what is taken, what is refused by name, and that they are kept once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define CICD "POST /api/v1/audit/cicd-event"
#define DEPLOY "{\"event\":\"deploy\",\"status\":\"success\"}"
#define ONE_MEMBER "{\"event\":\"e\",\"status\":\"started\",\"%s\":\"%s\"}"
#define METADATA "{\"event\":\"e\",\"status\":\"started\",\"metadata\":{\"k\":\"%s\"}}"
#define RUNNER "{\"user_id\":\"robot\",\"name\":\"ci\",\"scopes\":[\"audit:write\"]}"

static struct answer refused(struct fixture *fixture, const char *body)
{
    struct answer answer = manage(fixture, CICD, body);
    assert_true(answer.status >= 400 && answer.status < 500);
    return answer;
}

/* `size` bytes of x. */
static const char *long_text(size_t size)
{
    static char text[8192];
    assert_true(size < sizeof(text));
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

static const char *last_details(struct fixture *fixture, const char *type)
{
    struct answer answer =
        manage(fixture, printed("GET /api/v1/audit/events?type=%s&limit=1", type), NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    json_t *event = json_array_get(json_object_get(root, "data"), 0);
    char *text = json_dumps(json_object_get(event, "details"), JSON_COMPACT | JSON_SORT_KEYS);
    const char *kept = printed("%s", text);
    free(text);
    return kept;
}

/* --- what is refused ------------------------------------------------------------------------- */

static void test_what_is_missing_or_wrong_is_named(void **state)
{
    static const struct {
        const char *body, *member;
    } rows[] = {
        {"{\"status\":\"success\"}", "event"},
        {"{\"event\":\"deploy\"}", "status"},
        {"{\"event\":\"Deploy\",\"status\":\"success\"}", "event"},
        {"{\"event\":\"a.b\",\"status\":\"success\"}", "event"},
        {"{\"event\":\"9a\",\"status\":\"success\"}", "event"},
        {"{\"event\":\"deploy\",\"status\":\"done\"}", "status"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"colour\":1}", "colour"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"ref\":7}", "ref"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"ref\":\"\"}", "ref"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"metadata\":[]}", "metadata"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"message\":\"a\\u0007b\"}", "message"},
        {"{\"event\":\"deploy\",\"status\":\"success\",\"run_url\":\"javascript:1\"}", "run_url"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = refused(fixture, rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(fixture_events(fixture, "cicd.deploy"), 0);
}

static void test_each_maximum_holds(void **state)
{
    static const struct {
        const char *member;
        size_t bytes_max;
    } rows[] = {{"repository", 255}, {"ref", 255},        {"commit", 64}, {"workflow", 255},
                {"run_id", 64},      {"environment", 64}, {"actor", 255}, {"message", 500}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *most = printed(ONE_MEMBER, rows[i].member, long_text(rows[i].bytes_max));
        assert_int_equal(manage(fixture, CICD, most).status, 201);
        struct answer answer =
            refused(fixture, printed(ONE_MEMBER, rows[i].member, long_text(rows[i].bytes_max + 1)));
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(manage(fixture, CICD, printed(METADATA, long_text(2048 - 8))).status, 201);
    struct answer answer = refused(fixture, printed(METADATA, long_text(2048 - 7)));
    assert_string_equal(text_of(&answer, "member"), "metadata");
    const char *word = long_text(33);
    answer = refused(fixture, printed("{\"event\":\"%s\",\"status\":\"started\"}", word));
    assert_string_equal(text_of(&answer, "member"), "event");
}

static void test_what_is_too_large_together_is_refused_whole(void **state)
{
    struct fixture *fixture = *state;
    const char *quotes = "\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"";
    char message[2 * 500 + 1] = "";
    for (int i = 0; i < 50; i++) {
        strcat(message, quotes);
    }
    char word[2 * 250 + 1] = "";
    for (int i = 0; i < 25; i++) {
        strcat(word, quotes);
    }
    const char *body =
        printed("{\"event\":\"e\",\"status\":\"started\",\"message\":\"%s\",\"actor\":\"%s\","
                "\"ref\":\"%s\",\"workflow\":\"%s\",\"metadata\":{\"k\":\"%s\"}}",
                message, word, word, word, long_text(2040));
    struct answer answer = refused(fixture, body);
    assert_int_equal(answer.status, 413);
    assert_int_equal(fixture_events(fixture, "cicd.e"), 0);
}

static void test_no_token_gets_into_it(void **state)
{
    static const struct {
        const char *before, *after;
    } places[] = {
        {"\"message\":\"used ", "\""},
        {"\"run_id\":\"", "\""},
        {"\"metadata\":{\"a\":[{\"b\":\"", "\"}]}"},
        {"\"metadata\":{\"", "\":1}"},
    };
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, RUNNER);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct answer answer =
            refused(fixture, printed("{\"event\":\"e\",\"status\":\"started\",%s%s%s}",
                                     places[i].before, made.text, places[i].after));
        assert_int_equal(answer.status, 400);
    }
}

/* --- what is kept ---------------------------------------------------------------------------- */

static void test_an_event_has_its_caller_and_all_that_was_told(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, RUNNER);
    struct answer answer =
        ask(fixture, CICD, bearer(made.text),
            "{\"event\":\"deploy\",\"status\":\"failure\",\"repository\":\"acme/shop\","
            "\"ref\":null,\"message\":\"said \\\"no\\\"\",\"metadata\":{\"steps\":[1,2]}}");
    assert_int_equal(answer.status, 201);
    int64_t seq = number_of(&answer, "seq");
    answer = manage(fixture, "GET /api/v1/audit/events?type=cicd.*&verdict=failure", NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    json_t *event = json_array_get(json_object_get(root, "data"), 0);
    assert_int_equal(json_integer_value(json_object_get(event, "seq")), seq);
    assert_string_equal(json_string_value(json_object_get(event, "type")), "cicd.deploy");
    assert_string_equal(json_string_value(json_object_get(event, "actor_token")), made.id);
    assert_string_equal(json_string_value(json_object_get(event, "actor_user")), "robot");
    assert_string_equal(last_details(fixture, "cicd.deploy"),
                        "{\"message\":\"said \\\"no\\\"\",\"metadata\":{\"steps\":[1,2]},"
                        "\"repository\":\"acme/shop\"}");
}

static void test_a_key_records_once(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, RUNNER);
    const char *headers = printed("%sIdempotency-Key: run-1\r\n", bearer(made.text));
    struct answer first = ask(fixture, CICD, headers, DEPLOY);
    assert_int_equal(first.status, 201);
    fixture_advance(fixture, 5000);
    struct answer second = ask(fixture, CICD, headers, DEPLOY);
    assert_int_equal(second.status, 200);
    assert_int_equal(number_of(&second, "seq"), number_of(&first, "seq"));
    assert_string_equal(text_of(&second, "at"), text_of(&first, "at"));
    assert_int_equal(fixture_events(fixture, "cicd.deploy"), 1);
    struct answer other =
        ask(fixture, CICD, headers, "{\"event\":\"deploy\",\"status\":\"failure\"}");
    assert_int_equal(other.status, 422);
    assert_int_equal(ask(fixture, CICD, bearer(made.text), DEPLOY).status, 201);
    assert_int_equal(fixture_events(fixture, "cicd.deploy"), 2);
}

static void test_a_key_of_an_event_makes_no_token(void **state)
{
    struct fixture *fixture = *state;
    const char *headers = printed("%sIdempotency-Key: both\r\n", bearer(fixture->admin.text));
    assert_int_equal(ask(fixture, CICD, headers, DEPLOY).status, 201);
    struct answer answer = ask(fixture, "POST " TOKENS, headers, RUNNER);
    assert_int_equal(answer.status, 422);
    headers = printed("%sIdempotency-Key: back\r\n", bearer(fixture->admin.text));
    assert_int_equal(ask(fixture, "POST " TOKENS, headers,
                         "{\"user_id\":\"a\",\"name\":\"n\",\"honeytoken\":true}")
                         .status,
                     201);
    assert_int_equal(ask(fixture, CICD, headers, DEPLOY).status, 422);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_missing_or_wrong_is_named),
        TEST(test_each_maximum_holds),
        TEST(test_what_is_too_large_together_is_refused_whole),
        TEST(test_no_token_gets_into_it),
        TEST(test_an_event_has_its_caller_and_all_that_was_told),
        TEST(test_a_key_records_once),
        TEST(test_a_key_of_an_event_makes_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
