/* SPDX-License-Identifier: Apache-2.0 */
/* `/auth` over real connections: each verdict, each header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static const char *const identity[] = {"X-Auth-User",    "X-Auth-Token-Id", "X-Auth-Token-Name",
                                       "X-Auth-Tier",    "X-Auth-Scopes",   "X-Auth-Org",
                                       "X-Auth-Warning", "X-Auth-Credits"};

static struct answer auth(struct fixture *fixture, const char *query, const char *token)
{
    return ask(fixture, printed("GET /auth%s", query), token != NULL ? bearer(token) : "", NULL);
}

static void assert_says_nothing(const struct answer *answer)
{
    for (size_t i = 0; i < COUNT_OF(identity); i++) {
        assert_string_equal(header_of(answer, identity[i]), "-");
    }
}

static void assert_refused(const struct answer *answer, unsigned status, const char *code)
{
    assert_int_equal(answer->status, status);
    assert_code(*answer, code);
    assert_int_equal(number_of(answer, "status"), status);
    assert_string_equal(header_of(answer, "Content-Type"), "application/problem+json");
    assert_says_nothing(answer);
}

/* --- who is refused ------------------------------------------------------------------------- */

static void test_no_token_is_401_with_a_challenge_without_error(void **state)
{
    struct answer answer = auth(*state, "", NULL);
    assert_refused(&answer, 401, "unauthenticated");
    assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer realm=\"test\"");
}

static void test_another_scheme_is_no_token(void **state)
{
    struct answer answer = ask(*state, "GET /auth", "Authorization: Basic YTpi\r\n", NULL);
    assert_refused(&answer, 401, "unauthenticated");
}

static void test_another_scheme_is_told_which_are_read_without_repeating_it(void **state)
{
    static const char *const requests[] = {"GET /auth", "GET /api/v1/auth/tokens"};
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct answer answer = ask(*state, requests[i], "Authorization: Basic YTpi\r\n", NULL);
        assert_int_equal(answer.status, 401);
        assert_non_null(strstr(answer.body, "a token is read from `Authorization: Bearer`"));
        assert_null(strstr(answer.body, "Basic"));
        assert_null(strstr(answer.body, "YTpi"));
    }
}

static void test_nothing_is_told_of_schemes_to_who_gave_none(void **state)
{
    static const char *const headers[] = {"", "Authorization:\r\n"};
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        struct answer answer = ask(*state, "GET /auth", headers[i], NULL);
        assert_refused(&answer, 401, "unauthenticated");
        assert_null(strstr(answer.body, "\"detail\""));
    }
}

static void test_a_token_in_the_query_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = auth(fixture, printed("?token=%s", fixture->admin.text), NULL);
    assert_refused(&answer, 400, "unknown_member");
    answer = auth(fixture, printed("?access_token=%s", fixture->admin.text), NULL);
    assert_refused(&answer, 400, "unknown_member");
}

static void test_header_aliases_are_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer =
        ask(fixture, "GET /auth", printed("X_API_Key: %s\r\n", fixture->admin.text), NULL);
    assert_refused(&answer, 401, "unauthenticated");
}

static void test_what_is_no_token_is_malformed(void **state)
{
    static const char *const texts[] = {"", "short", "two words in the same credential"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct answer answer = auth(*state, "", texts[i]);
        assert_refused(&answer, 401, "malformed");
        assert_non_null(strstr(header_of(&answer, "WWW-Authenticate"), "error=\"invalid_token\""));
    }
}

static void test_a_token_longer_than_the_maximum_is_malformed(void **state)
{
    char text[TOKEN_TEXT_BYTES_MAX + 2];
    memset(text, 'x', sizeof text);
    text[TOKEN_TEXT_BYTES_MAX + 1] = '\0';
    struct answer answer = auth(*state, "", text);
    assert_refused(&answer, 401, "malformed");
    text[TOKEN_TEXT_BYTES_MAX] = '\0';
    answer = auth(*state, "", text);
    assert_refused(&answer, 401, "not_found");
}

static void test_an_unknown_token_is_not_found(void **state)
{
    struct answer answer =
        auth(*state, "", "sk_live_0000000000000000000000000000000000000000000000000");
    assert_refused(&answer, 401, "not_found");
    assert_string_equal(header_of(&answer, "WWW-Authenticate"),
                        "Bearer realm=\"test\", error=\"invalid_token\", "
                        "error_description=\"no such token\"");
}

static void test_two_different_tokens_are_an_invalid_request(void **state)
{
    struct fixture *fixture = *state;
    struct made other = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    const char *headers[] = {
        printed("Authorization: Bearer %s\r\nX-API-Key: %s\r\n", other.text, fixture->admin.text),
        printed("X-API-Key: %s\r\nX-API-Key: %s\r\n", other.text, fixture->admin.text),
        printed("Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n", other.text,
                fixture->admin.text)};
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        struct answer answer = ask(fixture, "GET /auth", headers[i], NULL);
        assert_refused(&answer, 401, "invalid_request");
        assert_non_null(strstr(header_of(&answer, "WWW-Authenticate"), "invalid_request"));
    }
}

static void test_a_revoked_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    assert_int_equal(auth(fixture, "", made.text).status, 200);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL).status, 200);
    struct answer answer = auth(fixture, "", made.text);
    assert_refused(&answer, 401, "revoked");
}

static void test_a_disabled_token_is_refused_until_it_is_enabled(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    const char *patch = printed("PATCH " TOKENS "/%s", made.id);
    assert_int_equal(manage(fixture, patch, "{\"disabled\":true}").status, 200);
    struct answer answer = auth(fixture, "", made.text);
    assert_refused(&answer, 401, "disabled");
    assert_int_equal(manage(fixture, patch, "{\"disabled\":false}").status, 200);
    assert_int_equal(auth(fixture, "", made.text).status, 200);
}

static void test_a_token_is_refused_before_and_after_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\","
                                             "\"not_before\":\"2026-01-01T01:00:00Z\","
                                             "\"expires_at\":\"2026-01-01T02:00:00Z\"}");
    struct answer answer = auth(fixture, "", made.text);
    assert_refused(&answer, 401, "not_yet_valid");
    fixture_advance(fixture, 3600 * 1000);
    assert_int_equal(auth(fixture, "", made.text).status, 200);
    fixture_advance(fixture, 3600 * 1000);
    answer = auth(fixture, "", made.text);
    assert_refused(&answer, 401, "expired");
}

static void test_another_user_is_forbidden(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\"}");
    assert_int_equal(auth(fixture, "?user=alice", made.text).status, 200);
    struct answer answer = auth(fixture, "?user=bob", made.text);
    assert_refused(&answer, 403, "user_mismatch");
    assert_null(header_of(&answer, "WWW-Authenticate"));
}

static void test_another_network_is_forbidden(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"allowed_ips\":[\"203.0.113.0/24\"]}");
    struct answer answer = auth(fixture, "", made.text);
    assert_refused(&answer, 403, "ip_not_allowed");
    /* Not from a trusted proxy: what the caller says of itself is ignored. */
    answer = ask(fixture, "GET /auth",
                 printed("Authorization: Bearer %s\r\nX-Forwarded-For: 203.0.113.9\r\n", made.text),
                 NULL);
    assert_refused(&answer, 403, "ip_not_allowed");
}

static void test_a_missing_scope_is_forbidden_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"a:read\"]}");
    struct answer answer = auth(fixture, "?scope=a:read&scope=b:write", made.text);
    assert_refused(&answer, 403, "insufficient_scope");
    const char *challenge = header_of(&answer, "WWW-Authenticate");
    assert_non_null(strstr(challenge, "error=\"insufficient_scope\""));
    assert_non_null(strstr(challenge, "scope=\"a:read b:write\""));
    assert_non_null(strstr(text_of(&answer, "detail"), "b:write"));
}

static void test_a_query_that_is_wrong_is_400_and_consumes_nothing(void **state)
{
    static const struct {
        const char *query, *member;
    } rows[] = {
        {"?scope=", "scope"},       {"?scope", "scope"},        {"?scope=a%20b", "scope"},
        {"?scope=%22x", "scope"},   {"?user=", "user"},         {"?user=a&user=b", "user"},
        {"?user=%ff", "user"},      {"?user=a%0ab", "user"},    {"?cost=", "cost"},
        {"?cost=-1", "cost"},       {"?cost=1e3", "cost"},      {"?cost=1000001", "cost"},
        {"?cost=1&cost=1", "cost"}, {"?mode=apache", "mode"},   {"?mode=", "mode"},
        {"?unknown=1", "unknown"},  {"?Scope=a:read", "Scope"}, {"?scope=a:%ff", "scope"},
    };
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = auth(fixture, rows[i].query, made.text);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
        assert_says_nothing(&answer);
    }
    assert_int_equal(auth(fixture, "?cost=%zz", made.text).status, 400);
    assert_int_equal(auth(fixture, "", made.text).status, 200);
}

static void test_more_scopes_than_the_maximum_are_400(void **state)
{
    struct fixture *fixture = *state;
    char query[16 * (HTTP_SCOPE_ARGUMENTS_MAX + 1) + 8] = "?scope=a:b";
    for (int i = 1; i < HTTP_SCOPE_ARGUMENTS_MAX; i++) {
        strcat(query, "&scope=a:b");
    }
    assert_int_equal(auth(fixture, query, fixture->admin.text).status, 200);
    strcat(query, "&scope=a:b");
    assert_int_equal(auth(fixture, query, fixture->admin.text).status, 400);
}

static void test_a_body_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask(fixture, "POST /auth", bearer(fixture->admin.text), "x");
    assert_int_equal(answer.status, 413);
    answer = ask(fixture, "POST /auth", bearer(fixture->admin.text), "");
    assert_int_equal(answer.status, 200);
}

/* --- limits --------------------------------------------------------------------------------- */

static void test_the_limit_is_429_with_retry_after_and_consumes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\","
                              "\"limits\":{\"minute\":2,\"hour\":100,\"day\":\"unlimited\"}}");
    assert_int_equal(auth(fixture, "", made.text).status, 200);
    assert_int_equal(auth(fixture, "", made.text).status, 200);
    struct answer answer = auth(fixture, "", made.text);
    assert_refused(&answer, 429, "rate_limited");
    int wait_s = atoi(header_of(&answer, "Retry-After"));
    assert_in_range(wait_s, 1, 64); /* a bucket of the sliding minute more than 60 s */
    const char *policy = header_of(&answer, "RateLimit-Policy");
    assert_string_equal(policy, "\"minute\";q=2;w=60, \"hour\";q=100;w=3600");
    const char *state_of = header_of(&answer, "RateLimit");
    int remaining = -1, seconds = -1;
    assert_int_equal(sscanf(state_of, "\"minute\";r=%d;t=%d", &remaining, &seconds), 2);
    assert_int_equal(remaining, 0);
    assert_true(wait_s >= seconds);
    assert_non_null(strstr(state_of, "\"hour\";r=98;t=3600"));
    fixture_advance(fixture, (int64_t)wait_s * 1000);
    assert_int_equal(auth(fixture, "", made.text).status, 200);
}

static void test_cost_takes_that_much_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":10,\"hour\":12}}");
    assert_int_equal(auth(fixture, "?cost=7", made.text).status, 200);
    assert_int_equal(auth(fixture, "?cost=4", made.text).status, 429);
    assert_int_equal(auth(fixture, "?cost=3", made.text).status, 200);
    assert_int_equal(auth(fixture, "?cost=1", made.text).status, 429);
}

/* A 429 has a Retry-After by contract; here the window's end, and the detail says the truth. */
static void test_what_can_never_pass_is_told_so(void **state)
{
    static const struct {
        const char *limits, *query;
        int wait_s_most;
    } rows[] = {
        {"\"minute\":0", "", 64},
        {"\"hour\":0", "", 3600},
        {"\"minute\":5", "?cost=6", 64},
        {"\"minute\":100,\"hour\":5", "?cost=6", 3600},
        {"\"day\":5", "?cost=6&mode=nginx", 86400},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct made made =
            fixture_make(fixture, printed("{\"user_id\":\"a\",\"name\":\"n%zu\",\"limits\":{%s}}",
                                          i, rows[i].limits));
        struct answer answer = auth(fixture, rows[i].query, made.text);
        assert_code(answer, "rate_limited");
        assert_non_null(strstr(answer.body, "it can never pass"));
        assert_in_range(atoi(header_of(&answer, "Retry-After")), 1, rows[i].wait_s_most);
    }
}

static void test_what_can_pass_later_is_not_said_to_be_impossible(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"hour\":5}}");
    assert_int_equal(auth(fixture, "?cost=3", made.text).status, 200);
    struct answer answer = auth(fixture, "?cost=5", made.text);
    assert_refused(&answer, 429, "rate_limited");
    assert_null(strstr(answer.body, "\"detail\""));
}

static void test_the_windows_of_a_user_are_named_so(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(manage(fixture, "PUT /api/v1/tiers/both",
                            "{\"limits\":{\"minute\":5},\"subject\":\"both\"}")
                         .status,
                     200);
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"dora\",\"name\":\"n\",\"tier\":\"both\"}");
    struct answer answer = auth(fixture, "", made.text);
    assert_string_equal(header_of(&answer, "RateLimit-Policy"),
                        "\"minute\";q=5;w=60, \"user-minute\";q=5;w=60");
}

/* --- who passes ----------------------------------------------------------------------------- */

static void test_a_valid_token_says_whose_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"J\xc3\xbcrgen\",\"name\":\"my laptop\","
                              "\"scopes\":[\"b:x\",\"a:*\"],\"tier\":\"pro\"}");
    struct answer answer = auth(fixture, "", made.text);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_length, 0);
    assert_string_equal(header_of(&answer, "X-Auth-User"), "J%C3%BCrgen");
    assert_string_equal(header_of(&answer, "X-Auth-Token-Id"), made.id);
    assert_string_equal(header_of(&answer, "X-Auth-Token-Name"), "my%20laptop");
    assert_string_equal(header_of(&answer, "X-Auth-Tier"), "pro");
    assert_string_equal(header_of(&answer, "X-Auth-Scopes"), "a:* b:x");
    assert_string_equal(header_of(&answer, "X-Auth-Org"), "default");
    assert_string_equal(header_of(&answer, "RateLimit-Policy"),
                        "\"minute\";q=600;w=60, \"hour\";q=20000;w=3600, \"day\";q=500000;w=86400");
    assert_null(header_of(&answer, "WWW-Authenticate"));
    assert_null(header_of(&answer, "X-Auth-Status"));
}

static void test_nothing_is_a_dash(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"-\",\"name\":\"n\"}");
    struct answer answer = auth(fixture, "", made.text);
    assert_string_equal(header_of(&answer, "X-Auth-Scopes"), "-");
    assert_string_equal(header_of(&answer, "X-Auth-User"), "%2D");
}

static void test_get_head_and_post_are_the_same(void **state)
{
    struct fixture *fixture = *state;
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct answer answer =
            ask(fixture, printed("%s /auth", methods[i]), bearer(fixture->admin.text), NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(header_of(&answer, "X-Auth-User"), "root");
    }
}

static void test_a_token_is_taken_from_every_source(void **state)
{
    struct fixture *fixture = *state;
    const char *headers[] = {
        printed("Authorization: bearer   %s\r\n", fixture->admin.text),
        printed("x-api-key: %s\r\n", fixture->admin.text),
        printed("Authorization: Bearer %s\r\nX-API-Key: %s\r\n", fixture->admin.text,
                fixture->admin.text),
        printed("Authorization: Basic YTpi\r\nX-API-Key: %s\r\n", fixture->admin.text),
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(ask(fixture, "GET /auth", headers[i], NULL).status, 200);
    }
}

static void test_a_foreign_token_is_found_by_what_it_is(void **state)
{
    struct fixture *fixture = *state;
    fixture_secret(fixture, "Legacy!Token#of-ours/2019==");
    struct answer answer = manage(fixture, "POST " TOKENS,
                                  "{\"user_id\":\"a\",\"name\":\"old\","
                                  "\"token\":\"Legacy!Token#of-ours/2019==\"}");
    assert_int_equal(answer.status, 201);
    assert_int_equal(auth(fixture, "", "Legacy!Token#of-ours/2019==").status, 200);
    assert_int_equal(auth(fixture, "", "legacy!Token#of-ours/2019==").status, 401);
}

/* --- mode=nginx ------------------------------------------------------------------------------ */

static void test_nginx_mode_answers_what_nginx_knows_and_says_the_rest(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    const struct {
        const char *query, *token;
        unsigned status;
        const char *true_status;
    } rows[] = {
        {"?mode=nginx", made.text, 200, "200"},
        {"?mode=nginx", made.text, 403, "429"},
        {"?mode=nginx&user=b", made.text, 403, "403"},
        {"?mode=nginx", "sk_live_0000000000000000000", 401, "401"},
        {"?mode=nginx", NULL, 401, "401"},
        {"?mode=nginx&cost=x", made.text, 403, "400"},
        {"?cost=x&mode=nginx", made.text, 403, "400"},
        {"?mode=nginx&mode=nginx", made.text, 403, "400"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = auth(fixture, rows[i].query, rows[i].token);
        assert_int_equal(answer.status, rows[i].status);
        assert_string_equal(header_of(&answer, "X-Auth-Status"), rows[i].true_status);
        if (strcmp(rows[i].true_status, "429") == 0) {
            assert_non_null(header_of(&answer, "Retry-After"));
            assert_non_null(header_of(&answer, "RateLimit"));
            assert_code(answer, "rate_limited");
        }
    }
}

/* --- over the Unix socket -------------------------------------------------------------------- */

static void test_the_socket_gives_nobody_a_token(void **state)
{
    struct answer answer = ask_socket(*state, "GET /auth", "", NULL);
    assert_refused(&answer, 401, "unauthenticated");
}

static void test_over_the_socket_the_forwarded_address_counts(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"allowed_ips\":[\"203.0.113.0/24\"]}");
    struct answer answer = ask_socket(fixture, "GET /auth", bearer(made.text), NULL);
    assert_refused(&answer, 403, "ip_not_allowed");
    const char *lines[] = {"X-Forwarded-For: 203.0.113.9\r\n",
                           "X-Forwarded-For: 10.0.0.1, 203.0.113.9\r\n",
                           "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 203.0.113.9\r\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        answer = ask_socket(fixture, "GET /auth",
                            printed("Authorization: Bearer %s\r\n%s", made.text, lines[i]), NULL);
        assert_int_equal(answer.status, 200);
    }
    answer =
        ask_socket(fixture, "GET /auth",
                   printed("Authorization: Bearer %s\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\n",
                           made.text),
                   NULL);
    assert_refused(&answer, 403, "ip_not_allowed");
}

static void test_a_forwarded_address_that_cannot_be_read_is_400(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask_socket(
        fixture, "GET /auth",
        printed("Authorization: Bearer %s\r\nX-Forwarded-For: who\r\n", fixture->admin.text), NULL);
    assert_refused(&answer, 400, "malformed");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_no_token_is_401_with_a_challenge_without_error),
        WITH_FIXTURE(test_another_scheme_is_no_token),
        WITH_FIXTURE(test_another_scheme_is_told_which_are_read_without_repeating_it),
        WITH_FIXTURE(test_nothing_is_told_of_schemes_to_who_gave_none),
        WITH_FIXTURE(test_a_token_in_the_query_is_not_read),
        WITH_FIXTURE(test_header_aliases_are_not_read),
        WITH_FIXTURE(test_what_is_no_token_is_malformed),
        WITH_FIXTURE(test_a_token_longer_than_the_maximum_is_malformed),
        WITH_FIXTURE(test_an_unknown_token_is_not_found),
        WITH_FIXTURE(test_two_different_tokens_are_an_invalid_request),
        WITH_FIXTURE(test_a_revoked_token_is_refused),
        WITH_FIXTURE(test_a_disabled_token_is_refused_until_it_is_enabled),
        WITH_FIXTURE(test_a_token_is_refused_before_and_after_its_time),
        WITH_FIXTURE(test_another_user_is_forbidden),
        WITH_FIXTURE(test_another_network_is_forbidden),
        WITH_FIXTURE(test_a_missing_scope_is_forbidden_and_named),
        WITH_FIXTURE(test_a_query_that_is_wrong_is_400_and_consumes_nothing),
        WITH_FIXTURE(test_more_scopes_than_the_maximum_are_400),
        WITH_FIXTURE(test_a_body_is_not_taken),
        WITH_FIXTURE(test_the_limit_is_429_with_retry_after_and_consumes_nothing),
        WITH_FIXTURE(test_cost_takes_that_much_all_or_nothing),
        WITH_FIXTURE(test_what_can_never_pass_is_told_so),
        WITH_FIXTURE(test_what_can_pass_later_is_not_said_to_be_impossible),
        WITH_FIXTURE(test_the_windows_of_a_user_are_named_so),
        WITH_FIXTURE(test_a_valid_token_says_whose_it_is),
        WITH_FIXTURE(test_nothing_is_a_dash),
        WITH_FIXTURE(test_get_head_and_post_are_the_same),
        WITH_FIXTURE(test_a_token_is_taken_from_every_source),
        WITH_FIXTURE(test_a_foreign_token_is_found_by_what_it_is),
        WITH_FIXTURE(test_nginx_mode_answers_what_nginx_knows_and_says_the_rest),
        WITH_FIXTURE(test_the_socket_gives_nobody_a_token),
        WITH_FIXTURE(test_over_the_socket_the_forwarded_address_counts),
        WITH_FIXTURE(test_a_forwarded_address_that_cannot_be_read_is_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
