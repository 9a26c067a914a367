/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by verdict, endpoint and network, over real connections; retries; analytics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/attempts.h"
#include "engine/authority_internal.h"
#include "fixture.h"

#define BODY "{\"user_id\":\"alice\",\"name\":\"laptop\",\"scopes\":[\"a:read\"]"

static struct answer analytics(struct fixture *fixture, const char *path)
{
    authority_flush(fixture->authority);
    return manage(fixture, printed("GET %s", path), NULL);
}

static int64_t share(const struct answer *answer, const char *member, const char *label)
{
    json_t *root = json_of(answer);
    const json_t *list = json_object_get(root, member);
    int64_t count = 0;
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(row, "label")), label) == 0) {
            count = json_integer_value(json_object_get(row, "count"));
        }
    }
    json_decref(root);
    return count;
}

static struct answer of_token(struct fixture *fixture, const struct made *token)
{
    return analytics(fixture, printed(TOKENS "/%s/analytics", token->id));
}

/* --- what is counted -------------------------------------------------------------------------- */

static void test_an_endpoint_that_is_no_label_is_refused(void **state)
{
    static const char *const wrong[] = {"A", "a%20b", "a&endpoint=b",
                                        "123456789012345678901234567890123"};
    struct made made = fixture_make(*state, BODY "}");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct answer answer =
            ask(*state, printed("GET /auth?endpoint=%s", wrong[i]), bearer(made.text), NULL);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), "endpoint");
    }
    struct answer answer = manage(*state, "POST /api/v1/verify",
                                  printed("{\"token\":\"%s\",\"endpoint\":\"A\"}", made.text));
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "endpoint");
}

static void test_requests_show_by_verdict_endpoint_and_network(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":3}}");
    assert_int_equal(ask(fixture, "GET /auth?endpoint=orders", bearer(made.text), NULL).status,
                     200);
    assert_int_equal(ask(fixture, "GET /auth?endpoint=", bearer(made.text), NULL).status, 200);
    assert_int_equal(ask(fixture, "GET /auth?scope=b:read", bearer(made.text), NULL).status, 403);
    manage(
        fixture, "POST /api/v1/verify",
        printed("{\"token\":\"%s\",\"endpoint\":\"v1/users\",\"ip\":\"2001:db8::1\"}", made.text));
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 429);
    struct answer answer = of_token(fixture, &made);
    assert_int_equal(answer.status, 200);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 3);
    assert_int_equal(share(&answer, "by_verdict", "insufficient_scope"), 1);
    assert_int_equal(share(&answer, "by_verdict", "rate_limited"), 1);
    assert_int_equal(share(&answer, "by_endpoint", "orders"), 1);
    assert_int_equal(share(&answer, "by_endpoint", "v1/users"), 1);
    assert_int_equal(share(&answer, "by_network", "127.0.0.0/24"), 4);
    assert_int_equal(share(&answer, "by_network", "2001:db8::/48"), 1);
    assert_int_equal(number_of(&answer, "requests"), 3);
    assert_int_equal(number_of(&answer, "refused"), 2);
    assert_non_null(strstr(answer.body, "\"success_rate\":0.600000,"));
    assert_string_equal(text_of(&answer, "token_id"), made.id);
}

static void test_head_counts_once(void **state)
{
    struct made made = fixture_make(*state, BODY "}");
    assert_int_equal(ask(*state, "HEAD /auth", bearer(made.text), NULL).status, 200);
    struct answer answer = of_token(*state, &made);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 1);
    assert_int_equal(number_of(&answer, "requests"), 1);
}

static void test_a_dry_run_is_not_counted(void **state)
{
    struct made made = fixture_make(*state, BODY "}");
    manage(*state, "POST /api/v1/verify",
           printed("{\"token\":\"%s\",\"dry_run\":true}", made.text));
    struct answer answer = of_token(*state, &made);
    assert_non_null(strstr(answer.body, "\"success_rate\":null,"));
    assert_int_equal(share(&answer, "by_verdict", "valid"), 0);
}

static void test_each_of_a_batch_is_counted(void **state)
{
    struct made made = fixture_make(*state, BODY "}");
    manage(*state, "POST /api/v1/verify/batch",
           printed("{\"requests\":[{\"token\":\"%s\",\"endpoint\":\"a\"},{\"token\":\"%s\"},"
                   "{\"token\":\"nothing\"}]}",
                   made.text, made.text));
    struct answer answer = of_token(*state, &made);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 2);
    assert_int_equal(share(&answer, "by_endpoint", "a"), 1);
}

static void test_a_management_call_is_not_counted(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = of_token(fixture, &fixture->admin);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 0);
}

static void test_a_user_and_an_org_have_all_of_theirs(void **state)
{
    struct fixture *fixture = *state;
    struct made a = fixture_make(fixture, BODY "}");
    struct made b = fixture_make(fixture, BODY "}");
    struct made c = fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"c\"}");
    ask(fixture, "GET /auth", bearer(a.text), NULL);
    ask(fixture, "GET /auth", bearer(b.text), NULL);
    ask(fixture, "GET /auth", bearer(c.text), NULL);
    struct answer answer = analytics(fixture, "/api/v1/users/alice/analytics?step=hour");
    assert_int_equal(number_of(&answer, "requests"), 2);
    assert_string_equal(text_of(&answer, "user_id"), "alice");
    answer = analytics(fixture, "/api/v1/orgs/default/analytics?days=1");
    assert_int_equal(number_of(&answer, "requests"), 3);
    assert_int_equal(share(&answer, "by_network", "127.0.0.0/24"), 3);
}

static void test_analytics_of_nobody_are_not_found(void **state)
{
    static const char *const paths[] = {
        TOKENS "/tok_01hv0000000000000000000000/analytics",
        "/api/v1/users/nobody/analytics",
        "/api/v1/users/alice/analytics?org_id=nowhere",
        "/api/v1/orgs/nowhere/analytics",
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct answer answer = analytics(*state, paths[i]);
        assert_int_equal(answer.status, 404);
        assert_code(answer, "not_found");
    }
}

static void test_what_cannot_be_asked_is_named(void **state)
{
    static const struct {
        const char *query, *member;
    } rows[] = {
        {"days=0", "days"},
        {"days=3661", "days"},
        {"days=x", "days"},
        {"step=week", "step"},
        {"step=minute", "step"},
        {"month=1", "month"},
        {"step=minute&days=7", "step"},
    };
    struct made made = fixture_make(*state, BODY "}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer =
            analytics(*state, printed(TOKENS "/%s/analytics?%s", made.id, rows[i].query));
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
}

static void test_analytics_need_a_scope_and_the_same_org(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY "}");
    struct made reader =
        fixture_make(fixture, "{\"user_id\":\"eve\",\"org_id\":\"beta\",\"name\":\"r\","
                              "\"scopes\":[\"tokens:read\"]}");
    const char *path = printed("GET " TOKENS "/%s/analytics", made.id);
    assert_int_equal(ask(fixture, path, bearer(made.text), NULL).status, 403);
    assert_int_equal(ask(fixture, path, bearer(reader.text), NULL).status, 404);
    assert_int_equal(
        ask(fixture, "GET /api/v1/orgs/default/analytics", bearer(reader.text), NULL).status, 404);
    assert_int_equal(
        ask(fixture, "GET /api/v1/users/alice/analytics?org_id=default", bearer(reader.text), NULL)
            .status,
        404);
}

static void test_whoever_has_a_key_sees_the_usage_of_their_keys_only(void **state)
{
    struct fixture *fixture = *state;
    struct made mine = fixture_make(fixture, BODY "}"), other = fixture_make(fixture, BODY "}");
    struct made bobs = fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"b\"}");
    ask(fixture, "GET /auth", bearer(other.text), NULL);
    authority_flush(fixture->authority);
    const char *header = printed("X-API-Key: %s\r\n", mine.text);
    struct answer answer =
        ask(fixture, printed("GET /api/keys/%s/usage?days=30", other.id), header, NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(number_of(&answer, "requests"), 1);
    answer = ask(fixture, printed("GET /api/keys/%s/usage", bobs.id), header, NULL);
    assert_int_equal(answer.status, 404);
}

static void test_me_shows_what_remains_and_consumes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":3}}");
    ask(fixture, "GET /auth", bearer(made.text), NULL);
    for (int i = 0; i < 5; i++) {
        struct answer answer = ask(fixture, "GET /api/v1/auth/me", bearer(made.text), NULL);
        assert_int_equal(answer.status, 200);
        json_t *root = json_of(&answer);
        const json_t *limit = json_array_get(json_object_get(root, "limits"), 0);
        assert_int_equal(json_integer_value(json_object_get(limit, "remaining")), 2);
        json_decref(root);
    }
    struct answer answer = of_token(fixture, &made);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 1);
}

/* --- retries -------------------------------------------------------------------------------- */

static unsigned attempt(struct fixture *fixture, const struct made *token, const char *id)
{
    return ask_socket(fixture, "GET /auth", printed("%sX-Attempt: %s\r\n", bearer(token->text), id),
                      NULL)
        .status;
}

static void test_a_retry_is_not_counted_and_not_limited(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":1}}");
    for (int i = 0; i < 1 + API_ATTEMPT_RETRIES_MAX; i++) {
        assert_int_equal(attempt(fixture, &made, "r1"), 200);
    }
    assert_int_equal(attempt(fixture, &made, "r1"), 429); /* enough of that */
    assert_int_equal(attempt(fixture, &made, "r2"), 429);
    struct answer answer = of_token(fixture, &made);
    assert_int_equal(share(&answer, "by_verdict", "valid"), 1);
    assert_int_equal(share(&answer, "by_verdict", "rate_limited"), 2);
    assert_int_equal(number_of(&answer, "requests"), 1);
}

static void test_a_retry_of_another_token_or_too_late_counts(void **state)
{
    struct fixture *fixture = *state;
    struct made a = fixture_make(fixture, BODY "}"), b = fixture_make(fixture, BODY "}");
    assert_int_equal(attempt(fixture, &a, "r1"), 200);
    assert_int_equal(attempt(fixture, &b, "r1"), 200);
    fixture_advance(fixture, (API_ATTEMPT_S + 2) * 1000);
    assert_int_equal(attempt(fixture, &a, "r1"), 200);
    struct answer answer = of_token(fixture, &a);
    assert_int_equal(number_of(&answer, "requests"), 2);
    answer = of_token(fixture, &b);
    assert_int_equal(number_of(&answer, "requests"), 1);
}

static void test_a_retry_of_a_refusal_is_decided_anew(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":1}}");
    assert_int_equal(attempt(fixture, &made, "r1"), 200);
    assert_int_equal(attempt(fixture, &made, "r2"), 429);
    fixture_advance(fixture, 70000);
    assert_int_equal(attempt(fixture, &made, "r2"), 200);
    assert_int_equal(attempt(fixture, &made, "r3"), 429);
}

static void test_a_retry_of_a_revoked_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY "}");
    assert_int_equal(attempt(fixture, &made, "r1"), 200);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL).status, 200);
    assert_int_equal(attempt(fixture, &made, "r1"), 401);
}

/* 127.0.0.1 is no trusted proxy of the fixture. */
static void test_who_is_no_trusted_proxy_cannot_make_retries(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":1}}");
    const char *headers = printed("%sX-Attempt: r1\r\n", bearer(made.text));
    assert_int_equal(ask(fixture, "GET /auth", headers, NULL).status, 200);
    assert_int_equal(ask(fixture, "GET /auth", headers, NULL).status, 429);
}

static void test_an_odd_id_makes_no_retry(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, BODY ",\"limits\":{\"minute\":1}}");
    const char *id = "12345678901234567890123456789012345678901234567890123456789012345";
    assert_int_equal(attempt(fixture, &made, id), 200);
    assert_int_equal(attempt(fixture, &made, id), 429);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_endpoint_that_is_no_label_is_refused),
        TEST(test_requests_show_by_verdict_endpoint_and_network),
        TEST(test_head_counts_once),
        TEST(test_a_dry_run_is_not_counted),
        TEST(test_each_of_a_batch_is_counted),
        TEST(test_a_management_call_is_not_counted),
        TEST(test_a_user_and_an_org_have_all_of_theirs),
        TEST(test_analytics_of_nobody_are_not_found),
        TEST(test_what_cannot_be_asked_is_named),
        TEST(test_analytics_need_a_scope_and_the_same_org),
        TEST(test_whoever_has_a_key_sees_the_usage_of_their_keys_only),
        TEST(test_me_shows_what_remains_and_consumes_nothing),
        TEST(test_a_retry_is_not_counted_and_not_limited),
        TEST(test_a_retry_of_another_token_or_too_late_counts),
        TEST(test_a_retry_of_a_refusal_is_decided_anew),
        TEST(test_a_retry_of_a_revoked_token_is_refused),
        TEST(test_who_is_no_trusted_proxy_cannot_make_retries),
        TEST(test_an_odd_id_makes_no_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
