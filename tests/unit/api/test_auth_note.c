/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests become events of the audit log, and what they tell of themselves, by HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "unit.h"

#define HONEY                                                                                      \
    "{\"user_id\":\"alice\",\"name\":\"bait\",\"scopes\":[\"api:read\"],\"honeytoken\":true}"
#define SMALL "{\"user_id\":\"alice\",\"name\":\"ci\",\"scopes\":[\"api:read\"]}"

/* The fixture searches every answer and file for the tokens, so no test here has to. */

static int64_t events_after_flush(struct fixture *fixture, const char *type)
{
    fixture_flush(fixture);
    return fixture_events(fixture, type);
}

static void test_a_honeytoken_is_unknown_outwardly_and_shown_in_lists(void **state)
{
    struct fixture *fixture = *state;
    struct made unknown = fixture_make(fixture, HONEY);
    struct answer answer = ask(fixture, "GET /auth", bearer(unknown.text), NULL);
    assert_int_equal(answer.status, 401);
    assert_code(answer, "not_found");
    answer = manage(fixture, "POST /api/v1/verify", printed("{\"token\":\"%s\"}", unknown.text));
    assert_string_equal(text_of(&answer, "code"), "not_found");
    assert_null(strstr(answer.body, unknown.id));
    answer = manage(fixture, printed("GET " TOKENS "/%s", unknown.id), NULL);
    assert_non_null(strstr(answer.body, "\"honeytoken\":true"));
    answer = manage(fixture, printed("POST " TOKENS "/%s/rotate", unknown.id), NULL);
    assert_int_equal(answer.status, 409);
}

static void test_each_way_to_present_one_is_a_try(void **state)
{
    static const struct {
        const char *request, *before, *after; /* the token in a body, asked by the admin */
    } rows[] = {
        {"GET /auth", NULL, NULL},
        {"GET " TOKENS, NULL, NULL},
        {"POST /api/v1/verify", "{\"token\":\"", "\"}"},
        {"POST /api/v1/verify/batch", "{\"requests\":[{\"token\":\"", "\"}]}"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct made made = fixture_make(fixture, HONEY);
        if (rows[i].before != NULL) {
            const char *body = printed("%s%s%s", rows[i].before, made.text, rows[i].after);
            assert_int_equal(manage(fixture, rows[i].request, body).status, 200);
        } else {
            assert_int_equal(ask(fixture, rows[i].request, bearer(made.text), NULL).status, 401);
        }
        assert_int_equal(events_after_flush(fixture, "honeytoken.tried"), (int64_t)i + 1);
    }
}

static void test_ended_tokens_leave_evidence(void **state)
{
    static const char *const ways[] = {"quarantine", "revoke", "disable"};
    static const int64_t kept[] = {1, 2, 2}; /* who disabled it knows why */
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct made made = fixture_make(fixture, SMALL);
        assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
        const char *path = printed(TOKENS "/%s", made.id);
        const char *request = strcmp(ways[i], "revoke") == 0 ? printed("DELETE %s", path)
                                                             : printed("POST %s/%s", path, ways[i]);
        assert_true(manage(fixture, request, NULL).status < 300);
        assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 401);
        assert_int_equal(events_after_flush(fixture, "token.tried"), kept[i]);
    }
}

/* Who has found tokens and asks about them without effect still has the bait among them. */
static void test_a_trial_is_no_try_but_of_a_honeytoken(void **state)
{
    struct fixture *fixture = *state;
    struct made honey = fixture_make(fixture, HONEY), ended = fixture_make(fixture, SMALL);
    manage(fixture, printed("DELETE " TOKENS "/%s", ended.id), NULL);
    manage(fixture, "POST /api/v1/verify",
           printed("{\"token\":\"%s\",\"dry_run\":true}", ended.text));
    assert_int_equal(events_after_flush(fixture, "token.tried"), 0);
    manage(fixture, "POST /api/v1/verify",
           printed("{\"token\":\"%s\",\"dry_run\":true}", honey.text));
    assert_int_equal(events_after_flush(fixture, "honeytoken.tried"), 1);
    manage(fixture, "POST /api/v1/verify/batch",
           printed("{\"requests\":[{\"token\":\"%s\",\"dry_run\":true,\"ip\":\"192.0.2.9\"}]}",
                   honey.text));
    assert_int_equal(events_after_flush(fixture, "honeytoken.tried"), 2);
}

static void test_a_retry_that_is_refused_is_an_event(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *attempt = printed("%sX-Attempt: a-1\r\n", bearer(made.text));
    assert_int_equal(ask_socket_unclaimed(fixture, "GET /auth", attempt, NULL).status, 200);
    manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL);
    assert_int_equal(ask_socket_unclaimed(fixture, "GET /auth", attempt, NULL).status, 401);
    assert_int_equal(events_after_flush(fixture, "token.tried"), 1);
}

static void test_a_user_agent_that_holds_the_token_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, HONEY);
    const char *headers = printed("%sUser-Agent: x %s\r\n", bearer(made.text), made.text);
    assert_int_equal(ask(fixture, "GET /auth", headers, NULL).status, 401);
    assert_int_equal(events_after_flush(fixture, "honeytoken.tried"), 1);
}

static void test_tries_are_in_the_metrics(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, HONEY);
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    fixture_flush(fixture);
    struct answer answer = manage(fixture, "GET /metrics", NULL);
    static const char *const lines[] = {
        "\ntokenry_honeytoken_tries_total 2\n",
        "\ntokenry_tries_left_out_total 1\n",
        "\ntokenry_auth_events_total{outcome=\"refused\"} 1\n",
        "\ntokenry_auth_events_left_out_total{reason=\"repeated\"} 1\n",
        "\ntokenry_auth_events_left_out_total{reason=\"no_room\"} 0\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_non_null(strstr(answer.body, lines[i]));
    }
}

/* --- what becomes an event ---------------------------------------------------------------------
 */

/* How many events there are with these words in the WHERE of a query. */
static int64_t events_with(struct fixture *fixture, const char *where)
{
    fixture_flush(fixture);
    return fixture_query(fixture, printed("SELECT count(*) FROM events WHERE %s", where));
}

static void test_each_outcome_of_a_question_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    static const struct {
        const char *request, *headers, *verdict;
        bool with_token;
    } rows[] = {
        {"GET /auth", "", "no_token", false},
        {"GET /auth", "Authorization: Basic eDp5\r\n", "no_token", false},
        {"GET /auth", "X-API-Key: sk_live_another_token_of_somebody\r\n", "conflicting_tokens",
         true},
        {"GET /auth", "Authorization: Bearer short\r\n", "malformed", false},
        {"GET /auth", "Authorization: Bearer nobody_knows_this_token\r\n", "not_found", false},
        {"GET /auth?scope=other:read", "", "insufficient_scope", true},
        {"GET /auth?user=bob", "", "user_mismatch", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *headers =
            printed("%s%s", rows[i].headers, rows[i].with_token ? bearer(made.text) : "");
        int64_t before = events_with(fixture, printed("verdict = '%s'", rows[i].verdict));
        assert_true(ask(fixture, rows[i].request, headers, NULL).status >= 401);
        bool repeated = i == 1; /* the first row's, and so it is only counted */
        assert_int_equal(events_with(fixture, printed("type = 'auth.refused' AND verdict = '%s'"
                                                      " AND client = '127.0.0.1'"
                                                      " AND endpoint = '/auth' AND method = 'GET'"
                                                      " AND request_id IS NOT NULL",
                                                      rows[i].verdict)),
                         before + !repeated);
    }
}

static void test_a_success_tells_whose_token_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *headers =
        printed("%sUser-Agent: ci/1\r\nX-Request-Id: request-7\r\n", bearer(made.text));
    ask(fixture, "GET /auth", headers, NULL);
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    assert_int_equal(events_with(fixture, printed("type = 'auth.allowed' AND token_id = '%s'"
                                                  " AND verdict = 'valid' AND user_id = 'alice'"
                                                  " AND org_id = 'default' AND token_name = 'ci'"
                                                  " AND user_agent = 'ci/1'"
                                                  " AND request_id = 'request-7'",
                                                  made.id)),
                     1);
    assert_int_equal(
        events_with(fixture, printed("token_id = '%s' AND type LIKE 'auth.%%'", made.id)), 1);
}

static void test_with_all_each_success_is_an_event(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    for (int i = 0; i < 5; i++) {
        ask(fixture, "GET /auth", bearer(made.text), NULL);
    }
    manage(fixture, "POST /api/v1/verify", printed("{\"token\":\"%s\"}", made.text));
    assert_int_equal(
        events_with(fixture, printed("type = 'auth.allowed' AND token_id = '%s'", made.id)), 6);
}

static void test_a_proxys_mistake_a_trial_and_a_retry_are_no_events(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *of_token = printed("token_id = '%s' AND type LIKE 'auth.%%'", made.id);
    const char *attempt = printed("%sX-Attempt: a-1\r\n", bearer(made.text));
    assert_int_equal(ask(fixture, "GET /auth?cost=x", bearer(made.text), NULL).status, 400);
    assert_int_equal(ask_socket(fixture, "GET /auth?dry_run=true", bearer(made.text), NULL).status,
                     200);
    manage(fixture, "POST /api/v1/verify",
           printed("{\"token\":\"%s\",\"dry_run\":true}", made.text));
    assert_int_equal(events_with(fixture, of_token), 0);
    assert_int_equal(ask_socket_unclaimed(fixture, "GET /auth", attempt, NULL).status, 200);
    assert_int_equal(ask_socket_unclaimed(fixture, "GET /auth", attempt, NULL).status, 200);
    assert_int_equal(events_with(fixture, of_token), 1);
    assert_int_equal(ask_socket_unclaimed(fixture, "GET /auth", bearer(made.text), NULL).status,
                     200);
    assert_int_equal(events_with(fixture, of_token), 2);
}

static void test_callers_of_the_api_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(ask(fixture, "GET " TOKENS, bearer(made.text), NULL).status, 403);
    assert_int_equal(events_with(fixture, printed("type = 'auth.refused' AND token_id = '%s'"
                                                  " AND verdict = 'insufficient_scope'"
                                                  " AND method = 'GET' AND endpoint = '" TOKENS
                                                  "' AND details IS NULL",
                                                  made.id)),
                     1);
    assert_int_equal(ask(fixture, "GET " TOKENS, "", NULL).status, 401);
    assert_int_equal(events_with(fixture, "verdict = 'no_token' AND endpoint = '" TOKENS "'"), 1);
    assert_int_equal(
        events_with(fixture, printed("type = 'auth.allowed' AND token_id = '%s'"
                                     " AND endpoint = '" TOKENS "' AND method = 'POST'",
                                     fixture->admin.id)),
        1);
    assert_int_equal(
        events_with(fixture, printed("type = 'auth.allowed' AND token_id = '%s'", made.id)), 0);
}

static void test_a_token_that_is_asked_about_tells_who_asked(void **state)
{
    struct fixture *fixture = *state;
    manage(fixture, "POST /api/v1/verify", "{\"token\":\"nobody_knows_this_token\"}");
    manage(fixture, "POST /api/v1/verify/batch",
           "{\"requests\":[{\"token\":\"nobody\",\"ip\":\"192.0.2.9\",\"endpoint\":\"orders\"}]}");
    assert_int_equal(
        events_with(fixture, printed("verdict = 'not_found' AND endpoint = '/api/v1/verify'"
                                     " AND method = 'POST' AND org_id = 'default'"
                                     " AND client IS NULL AND token_id IS NULL"
                                     " AND json_extract(details, '$.asked_by') = '%s'",
                                     fixture->admin.id)),
        1);
    assert_int_equal(events_with(fixture, "verdict = 'malformed' AND endpoint = 'orders'"
                                          " AND client = '192.0.2.9'"),
                     1);
}

static void test_a_keyed_verification_is_an_event_once(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *body = printed("{\"token\":\"%s\",\"scopes\":[\"other:read\"]}", made.text);
    const char *headers = printed("%sIdempotency-Key: k-1\r\n", bearer(fixture->admin.text));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(fixture, "POST /api/v1/verify", headers, body).status, 200);
    }
    assert_int_equal(events_with(fixture, "type = 'auth.refused'"
                                          " AND verdict = 'insufficient_scope'"),
                     1);
}

/* --- what a proxy tells ------------------------------------------------------------------------
 */

#define RAY "CF-Ray: 7d9e5e2b2d0a1c3f-AMS\r\n"

static void test_a_trusted_proxy_tells_what_was_asked_for(void **state)
{
    static const struct {
        const char *headers, *method, *endpoint, *ray;
    } rows[] = {
        {"X-Original-Method: POST\r\nX-Original-URI: /a/b?secret=1\r\n" RAY, "POST", "/a/b",
         "7d9e5e2b2d0a1c3f-AMS"},
        {"X-Forwarded-Method: PUT\r\nX-Forwarded-Uri: /c#d\r\n", "PUT", "/c", NULL},
        {"X-Original-URI: /e%20f/\r\n", "GET", "/e%20f/", NULL},
        {"X-Original-URI: no-path\r\nX-Original-Method: post\r\nCF-Ray: a b\r\n", "GET", "orders",
         NULL},
        {"X-Original-URI: /one\r\nX-Original-URI: /two\r\n", "GET", "orders", NULL},
        {"", "GET", "orders", NULL},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *headers = printed("Authorization: Bearer nobody_knows_this_%zu\r\n"
                                      "X-Forwarded-For: 192.0.2.%zu\r\n%s",
                                      i, i, rows[i].headers);
        ask_socket_unclaimed(fixture, "GET /auth?endpoint=orders", headers, NULL);
        const char *ray = rows[i].ray != NULL ? printed("= '%s'", rows[i].ray) : "IS NULL";
        assert_int_equal(events_with(fixture, printed("client = '192.0.2.%zu' AND method = '%s'"
                                                      " AND endpoint = '%s' AND ray_id %s",
                                                      i, rows[i].method, rows[i].endpoint, ray)),
                         1);
    }
}

static void test_nobody_else_does(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "GET /auth",
        "Authorization: Bearer nobody_knows_this_token\r\nX-Original-Method: POST\r\n"
        "X-Original-URI: /a\r\n" RAY,
        NULL);
    assert_int_equal(events_with(fixture, "verdict = 'not_found' AND method = 'GET'"
                                          " AND endpoint = '/auth' AND ray_id IS NULL"),
                     1);
}

static void test_long_paths_are_cut_and_long_methods_and_rays_are_none(void **state)
{
    struct fixture *fixture = *state;
    char path[1001], ray[61], method[33];
    memset(path, 'p', sizeof path - 1);
    memset(ray, 'r', sizeof ray - 1);
    memset(method, 'M', sizeof method - 1);
    path[0] = '/';
    path[sizeof path - 1] = ray[sizeof ray - 1] = method[sizeof method - 1] = '\0';
    ask_socket_unclaimed(fixture, "GET /auth",
                         printed("Authorization: Bearer nobody_knows_this_token\r\n"
                                 "X-Original-URI: %s\r\nCF-Ray: %s\r\nX-Original-Method: %s\r\n",
                                 path, ray, method),
                         NULL);
    assert_int_equal(events_with(fixture, "verdict = 'not_found' AND method = 'GET'"
                                          " AND length(endpoint) = 255 AND ray_id IS NULL"),
                     1);
}

/* One that we made and one that is nobody's; wherever a request can put it. The fixture searches
 * the database for the first at the end. */
static void test_no_event_holds_a_token(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *texts[] = {made.text, "0123456789-nobodys-token-9876543210"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = texts[i];
        char coded[4] = {0};
        snprintf(coded, sizeof coded, "%%%02X", (unsigned char)text[0]);
        const char *rows[] = {
            printed("User-Agent: x %s\r\n", text),
            printed("X-Original-URI: /reset/%s/now\r\n", text),
            printed("X-Original-URI: /reset/%s%s\r\n", coded, text + 1),
            printed("X-Forwarded-Uri: /a?b=%s\r\n", text),
            printed("X-Request-Id: %.48s\r\n", text),
            printed("CF-Ray: %s\r\n", text),
            printed("X-Original-Method: %s\r\n", text),
            /* Without its end, which is a checksum that anybody can work out. */
            printed("User-Agent: x %.30s\r\n", text),
            printed("X-Original-URI: /reset/%.30s\r\n", text),
            printed("X-Original-URI: /reset/%s%.29s/\r\n", coded, text + 1),
        };
        for (size_t j = 0; j < COUNT_OF(rows); j++) {
            const char *headers =
                printed("%sX-Forwarded-For: 192.0.%zu.%zu\r\n%s", bearer(text), i, j, rows[j]);
            ask_socket_unclaimed(fixture, "GET /auth", headers, NULL);
        }
        assert_int_equal(events_with(fixture, printed("type LIKE 'auth.%%' AND client LIKE"
                                                      " '192.0.%zu.%%'",
                                                      i)),
                         COUNT_OF(rows));
        assert_int_equal(
            events_with(fixture,
                        printed("instr(coalesce(user_agent, '') || coalesce(endpoint, '') ||"
                                " coalesce(request_id, '') || coalesce(ray_id, '') ||"
                                " coalesce(method, '') || coalesce(details, ''), '%.30s') > 0"
                                " OR endpoint LIKE '%%%.29s%%'",
                                text, text + 1)),
            0);
    }
}

static int set_up_all(void **state)
{
    fixture_successes = AUDIT_SUCCESSES_ALL;
    int set_up = fixture_setup(state);
    fixture_successes = AUDIT_SUCCESSES_FIRST_PER_MINUTE;
    return set_up;
}

#define TEST_ALL(name) cmocka_unit_test_setup_teardown(name, set_up_all, fixture_teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_honeytoken_is_unknown_outwardly_and_shown_in_lists),
        TEST(test_each_way_to_present_one_is_a_try),
        TEST(test_ended_tokens_leave_evidence),
        TEST(test_a_trial_is_no_try_but_of_a_honeytoken),
        TEST(test_a_retry_that_is_refused_is_an_event),
        TEST(test_a_user_agent_that_holds_the_token_is_left_out),
        TEST(test_tries_are_in_the_metrics),
        TEST(test_each_outcome_of_a_question_is_told),
        TEST(test_a_success_tells_whose_token_it_was),
        TEST_ALL(test_with_all_each_success_is_an_event),
        TEST_ALL(test_a_proxys_mistake_a_trial_and_a_retry_are_no_events),
        TEST(test_callers_of_the_api_are_told),
        TEST(test_a_token_that_is_asked_about_tells_who_asked),
        TEST(test_a_keyed_verification_is_an_event_once),
        TEST(test_a_trusted_proxy_tells_what_was_asked_for),
        TEST(test_nobody_else_does),
        TEST(test_long_paths_are_cut_and_long_methods_and_rays_are_none),
        TEST_ALL(test_no_event_holds_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
