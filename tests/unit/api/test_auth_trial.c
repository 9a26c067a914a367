/* SPDX-License-Identifier: Apache-2.0 */
/* `dry_run` and `explain` of `/auth`: who may ask, that nothing is left, what is told. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define DRY "X-Auth-Dry-Run"
#define EXPLAIN "X-Auth-Explain"
#define ALL_UP_TO_SCOPES                                                                           \
    "shape=passed, known=passed, revoked=passed, disabled=passed, not_before=passed, "             \
    "expiry=passed, user_active=passed, "

/* One minute's request, and one credit. */
static struct made make_narrow(struct fixture *fixture)
{
    return fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\",\"scopes\":[\"a:read\"],"
                                 "\"limits\":{\"minute\":1},\"credits\":{\"remaining\":1}}");
}

/* By a peer of the Unix socket that speaks for itself. */
static struct answer trial(struct fixture *fixture, const char *query, const char *token)
{
    return ask_socket(fixture, printed("GET /auth%s", query), token != NULL ? bearer(token) : "",
                      NULL);
}

static void assert_is_refused(const struct answer *answer, const char *member)
{
    assert_int_equal(answer->status, 400);
    assert_code(*answer, "invalid_request");
    assert_string_equal(text_of(answer, "member"), member);
    assert_null(header_of(answer, DRY));
    assert_null(header_of(answer, EXPLAIN));
}

/* --- who may ask ---------------------------------------------------------------------------- */

static const struct {
    const char *query, *member;
} questions[] = {
    {"?dry_run=true", "dry_run"},
    {"?explain=true", "explain"},
    {"?explain=true&dry_run=true", "dry_run"},
    {"?explain=true&dry_run=false", "explain"},
    {"?scope=a:read&dry_run=true", "dry_run"},
};

static void assert_tcp_is_refused(struct fixture *fixture)
{
    struct made token = make_narrow(fixture);
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        const char *request = printed("GET /auth%s", questions[i].query);
        struct answer answer = ask(fixture, request, bearer(token.text), NULL);
        assert_is_refused(&answer, questions[i].member);
        answer = ask(fixture, request,
                     printed("%sConnection: Tokenry-Peer\r\n", bearer(token.text)), NULL);
        assert_is_refused(&answer, questions[i].member);
    }
    assert_int_equal(ask(fixture, "GET /auth", bearer(token.text), NULL).status, 200);
    assert_int_equal(ask(fixture, "GET /auth", bearer(token.text), NULL).status, 429);
}

static void test_over_tcp_it_is_refused_and_nothing_is_consumed(void **state)
{
    assert_tcp_is_refused(*state);
}

/* 127.0.0.1 is no trusted proxy of the fixture. */
static void test_with_trials_on_it_is_refused_to_who_is_no_trusted_proxy(void **state)
{
    assert_tcp_is_refused(*state);
}

/* A proxy connects to the socket, too. */
static void test_a_peer_that_does_not_speak_for_itself_is_refused(void **state)
{
    static const char *const traces[] = {
        "",
        "Connection: Tokenry-Peer\r\nX-Forwarded-For: 203.0.113.9\r\n",
        "Connection: Tokenry-Peer\r\nX-Forwarded-Proto: https\r\n",
        "Connection: Tokenry-Peer\r\nVia: 1.1 proxy\r\n",
        "Connection: Tokenry-Peer\r\nForwarded: for=203.0.113.9\r\n",
        "Connection: Tokenry-Peer\r\nX-Real-IP: 203.0.113.9\r\n",
        "Connection: close\r\nTokenry-Peer: 1\r\n",
    };
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        const char *headers = printed("%s%s", bearer(token.text), traces[i]);
        for (size_t j = 0; j < COUNT_OF(questions); j++) {
            struct answer answer = ask_socket_unclaimed(
                fixture, printed("GET /auth%s", questions[j].query), headers, NULL);
            assert_is_refused(&answer, questions[j].member);
        }
    }
    assert_int_equal(ask(fixture, "GET /auth", bearer(token.text), NULL).status, 200);
}

static void test_for_nginx_the_refusal_is_one_that_it_knows(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    struct answer answer =
        ask(fixture, "GET /auth?dry_run=true&mode=nginx", bearer(token.text), NULL);
    assert_int_equal(answer.status, 403);
    assert_string_equal(header_of(&answer, "X-Auth-Status"), "400");
    assert_string_equal(text_of(&answer, "member"), "dry_run");
}

static void test_what_is_neither_true_nor_false_is_refused(void **state)
{
    static const char *const values[] = {"",         "=",    "=1",  "=0", "=TRUE",       "=True",
                                         "=true%20", "=yes", "=on", "=t", "=true%2Ctrue"};
    static const char *const names[] = {"dry_run", "explain"};
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t j = 0; j < COUNT_OF(values); j++) {
            struct answer answer =
                trial(fixture, printed("?%s%s", names[i], values[j]), token.text);
            assert_is_refused(&answer, names[i]);
        }
        for (int j = 0; j < 3; j++) { /* twice, whatever they say */
            const char *query = printed("?%s=%s&%s=%s", names[i], j == 1 ? "false" : "true",
                                        names[i], j == 2 ? "false" : "true");
            struct answer answer = trial(fixture, query, token.text);
            assert_is_refused(&answer, names[i]);
        }
    }
    struct answer answer = trial(fixture, "?Dry_Run=true", token.text);
    assert_int_equal(answer.status, 400);
    assert_code(answer, "unknown_member");
    assert_int_equal(trial(fixture, "", token.text).status, 200);
}

/* Whoever asks for nothing may say so. */
static void test_false_is_a_request_like_any_other(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    const char *request = "GET /auth?dry_run=false&explain=false";
    struct answer answer = ask(fixture, request, bearer(token.text), NULL);
    assert_int_equal(answer.status, 200);
    assert_null(header_of(&answer, DRY));
    assert_null(header_of(&answer, EXPLAIN));
    assert_int_equal(ask(fixture, request, bearer(token.text), NULL).status, 429);
}

static void test_with_trials_on_a_proxy_at_the_socket_may_ask(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    const char *headers = printed("%sX-Forwarded-For: 203.0.113.9\r\n", bearer(token.text));
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct answer answer = ask_socket_unclaimed(
            fixture, printed("%s /auth?mode=nginx&dry_run=true", methods[i]), headers, NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(header_of(&answer, DRY), "true");
        assert_string_equal(header_of(&answer, "X-Auth-Status"), "200");
        assert_string_equal(header_of(&answer, "X-Auth-User"), "alice");
    }
}

/* --- that nothing is left ------------------------------------------------------------------- */

static void test_a_dry_run_decides_the_same_and_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    for (int i = 0; i < 3; i++) {
        struct answer answer = trial(fixture, "?dry_run=true&endpoint=orders", token.text);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.body_length, 0);
        assert_string_equal(header_of(&answer, DRY), "true");
        assert_null(header_of(&answer, EXPLAIN));
        assert_string_equal(header_of(&answer, "X-Auth-Credits"), "1");
        assert_non_null(strstr(header_of(&answer, "RateLimit"), "\"minute\";r=1;"));
    }
    fixture_flush(fixture);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    assert_int_equal(number_of(&answer, "request_count"), 0);
    assert_non_null(strstr(answer.body, "\"last_used_at\":null"));
    answer = manage(fixture, printed("GET " TOKENS "/%s/analytics", token.id), NULL);
    assert_non_null(strstr(answer.body, "\"by_verdict\":[]"));
    assert_non_null(strstr(answer.body, "\"by_endpoint\":[]"));

    assert_int_equal(trial(fixture, "", token.text).status, 200);
    answer = trial(fixture, "?dry_run=true", token.text);
    assert_int_equal(answer.status, 429);
    assert_code(answer, "rate_limited");
    assert_string_equal(header_of(&answer, DRY), "true");
    fixture_advance(fixture, 70000);
    answer = trial(fixture, "?dry_run=true", token.text);
    assert_code(answer, "quota_exceeded");
}

static void test_a_dry_run_of_a_honeytoken_alone_leaves_evidence(void **state)
{
    struct fixture *fixture = *state;
    struct made bait =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"bait\",\"honeytoken\":true}");
    struct made revoked = make_narrow(fixture);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", revoked.id), NULL).status,
                     200);
    struct answer answer = trial(fixture, "?dry_run=true", bait.text);
    assert_int_equal(answer.status, 401);
    assert_code(answer, "not_found");
    answer = trial(fixture, "?dry_run=true&explain=true", revoked.text);
    assert_code(answer, "revoked");
    fixture_flush(fixture);
    assert_int_equal(fixture_events(fixture, "honeytoken.tried"), 1);
    assert_int_equal(fixture_events(fixture, "token.tried"), 0);
    assert_int_equal(trial(fixture, "?explain=true", revoked.text).status, 401);
    fixture_flush(fixture);
    assert_int_equal(fixture_events(fixture, "honeytoken.tried"), 1);
    assert_int_equal(fixture_events(fixture, "token.tried"), 1);
}

/* The id of an attempt is neither noted by a dry run nor used up. */
static void test_a_dry_run_is_no_attempt(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    const char *headers = printed("%sX-Attempt: r1\r\n", bearer(token.text));
    assert_int_equal(ask_socket(fixture, "GET /auth?dry_run=true", headers, NULL).status, 200);
    assert_int_equal(ask_socket(fixture, "GET /auth", headers, NULL).status, 200);
    for (int i = 0; i < API_ATTEMPT_RETRIES_MAX + 1; i++) {
        assert_int_equal(ask_socket(fixture, "GET /auth?dry_run=true", headers, NULL).status, 429);
    }
    assert_int_equal(ask_socket(fixture, "GET /auth", headers, NULL).status, 200);
    fixture_flush(fixture);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    assert_int_equal(number_of(&answer, "request_count"), 1);
}

/* --- what is told --------------------------------------------------------------------------- */

static void test_explain_tells_what_the_call_tells(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    struct answer answer =
        trial(fixture, "?dry_run=true&explain=true&scope=a:read&user=alice", token.text);
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "Content-Type"), "application/json");
    assert_string_equal(header_of(&answer, "Cache-Control"), "no-store");
    assert_string_equal(header_of(&answer, DRY), "true");
    assert_string_equal(header_of(&answer, EXPLAIN),
                        ALL_UP_TO_SCOPES "user_binding=passed, network=not_asked, scopes=passed, "
                                         "limits=passed, credits=passed");
    struct answer call = manage(fixture, "POST /api/v1/verify",
                                printed("{\"token\":\"%s\",\"scopes\":[\"a:read\"],\"user_id\":"
                                        "\"alice\",\"dry_run\":true,\"explain\":true}",
                                        token.text));
    assert_string_equal(answer.body, call.body);
}

static void test_explain_by_itself_counts(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    struct answer answer = trial(fixture, "?explain=true", token.text);
    assert_int_equal(answer.status, 200);
    assert_null(header_of(&answer, DRY));
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "0");
    answer = trial(fixture, "?explain=true", token.text);
    assert_int_equal(answer.status, 429);
    assert_code(answer, "rate_limited");
}

static void test_a_refusal_tells_every_check_that_failed(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    assert_int_equal(trial(fixture, "", token.text).status, 200);
    assert_int_equal(manage(fixture, printed("POST " TOKENS "/%s/disable", token.id), NULL).status,
                     200);
    struct answer answer =
        trial(fixture, "?explain=true&scope=b:read&user=bob&mode=nginx", token.text);
    assert_int_equal(answer.status, 401);
    assert_code(answer, "disabled");
    assert_string_equal(header_of(&answer, "Content-Type"), "application/problem+json");
    assert_string_equal(header_of(&answer, EXPLAIN),
                        "shape=passed, known=passed, revoked=passed, disabled=failed, "
                        "not_before=passed, expiry=passed, user_active=passed, "
                        "user_binding=failed, network=not_asked, scopes=failed, limits=failed, "
                        "credits=failed");
    json_t *root = json_of(&answer);
    const json_t *checks = json_object_get(root, "explain");
    assert_int_equal(json_array_size(checks), CHECK_COUNT);
    const json_t *disabled = json_array_get(checks, CHECK_DISABLED);
    assert_string_equal(json_string_value(json_object_get(disabled, "check")), "disabled");
    assert_string_equal(json_string_value(json_object_get(disabled, "outcome")), "failed");
    json_decref(root);
}

static void test_where_nothing_was_checked_nothing_was_reached(void **state)
{
    static const char nothing[] = "shape=not_reached, known=not_reached, revoked=not_reached, "
                                  "disabled=not_reached, not_before=not_reached, "
                                  "expiry=not_reached, user_active=not_reached, "
                                  "user_binding=not_reached, network=not_reached, "
                                  "scopes=not_reached, limits=not_reached, credits=not_reached";
    struct fixture *fixture = *state;
    struct answer answer = trial(fixture, "?explain=true&dry_run=true", NULL);
    assert_int_equal(answer.status, 401);
    assert_string_equal(header_of(&answer, EXPLAIN), nothing);
    assert_string_equal(header_of(&answer, DRY), "true");
    answer = ask_socket(fixture, "GET /auth?explain=true",
                        printed("%sX-API-Key: another\r\n", bearer(fixture->admin.text)), NULL);
    assert_code(answer, "invalid_request");
    assert_string_equal(header_of(&answer, EXPLAIN), nothing);
    answer = trial(fixture, "?explain=true", "short");
    assert_code(answer, "malformed");
    assert_memory_equal(header_of(&answer, EXPLAIN), "shape=failed, known=not_reached",
                        strlen("shape=failed, known=not_reached"));
}

/* HEAD has no body, and auth_request reads none. */
static void test_head_tells_it_in_the_header(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_narrow(fixture);
    static const char *const queries[] = {"", "&user=bob"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        struct answer answer =
            ask_socket(fixture, printed("HEAD /auth?dry_run=true&explain=true%s", queries[i]),
                       bearer(token.text), NULL);
        assert_int_equal(answer.status, i == 0 ? 200 : 403);
        assert_int_equal(answer.body_length, 0);
        assert_non_null(header_of(&answer, EXPLAIN));
    }
}

/* A honeytoken is unknown here, too. */
static void test_explain_does_not_give_a_honeytoken_away(void **state)
{
    struct fixture *fixture = *state;
    struct made bait =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"bait\",\"honeytoken\":true}");
    struct answer answer = trial(fixture, "?explain=true", bait.text);
    assert_code(answer, "not_found");
    assert_null(strstr(answer.body, bait.id));
    const char *first = "shape=passed, known=failed, revoked=not_reached, ";
    assert_memory_equal(header_of(&answer, EXPLAIN), first, strlen(first));
}

static int setup_with_trials(void **state)
{
    fixture_trials = true;
    int failed = fixture_setup(state);
    fixture_trials = false;
    return failed;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define WITH_TRIALS(name) cmocka_unit_test_setup_teardown(name, setup_with_trials, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_over_tcp_it_is_refused_and_nothing_is_consumed),
        WITH_TRIALS(test_with_trials_on_it_is_refused_to_who_is_no_trusted_proxy),
        TEST(test_a_peer_that_does_not_speak_for_itself_is_refused),
        TEST(test_for_nginx_the_refusal_is_one_that_it_knows),
        TEST(test_what_is_neither_true_nor_false_is_refused),
        TEST(test_false_is_a_request_like_any_other),
        WITH_TRIALS(test_with_trials_on_a_proxy_at_the_socket_may_ask),
        TEST(test_a_dry_run_decides_the_same_and_takes_nothing),
        TEST(test_a_dry_run_of_a_honeytoken_alone_leaves_evidence),
        TEST(test_a_dry_run_is_no_attempt),
        TEST(test_explain_tells_what_the_call_tells),
        TEST(test_explain_by_itself_counts),
        TEST(test_a_refusal_tells_every_check_that_failed),
        TEST(test_where_nothing_was_checked_nothing_was_reached),
        TEST(test_head_tells_it_in_the_header),
        TEST(test_explain_does_not_give_a_honeytoken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
