/* SPDX-License-Identifier: Apache-2.0 */
/* Honeytokens, and what is kept of tries, by HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void test_a_trial_is_no_try(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, HONEY);
    manage(fixture, "POST /api/v1/verify",
           printed("{\"token\":\"%s\",\"dry_run\":true}", made.text));
    assert_int_equal(events_after_flush(fixture, "honeytoken.tried"), 0);
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
    struct answer answer = manage(fixture, "GET /metrics", NULL);
    assert_non_null(strstr(answer.body, "\ntokenry_honeytoken_tries_total 2\n"));
    assert_non_null(strstr(answer.body, "\ntokenry_tries_left_out_total 1\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_honeytoken_is_unknown_outwardly_and_shown_in_lists),
        TEST(test_each_way_to_present_one_is_a_try),
        TEST(test_ended_tokens_leave_evidence),
        TEST(test_a_trial_is_no_try),
        TEST(test_a_user_agent_that_holds_the_token_is_left_out),
        TEST(test_tries_are_in_the_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
