/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/verify, its batch, and /api/v1/auth/me. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define VERIFY "POST /api/v1/verify"
#define BATCH "POST /api/v1/verify/batch"
#define ME "GET /api/v1/auth/me"

static struct answer verify(struct fixture *fixture, const char *token, const char *members)
{
    return manage(fixture, VERIFY, printed("{\"token\":\"%s\"%s}", token, members));
}

static void assert_verdict(const struct answer *answer, const char *code)
{
    assert_int_equal(answer->status, 200);
    assert_code(*answer, code);
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    assert_int_equal(json_is_true(json_object_get(root, "valid")), strcmp(code, "valid") == 0);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_body_that_is_no_question_is_400_and_names_what_is_wrong(void **state)
{
    static const struct {
        const char *body, *code, *member;
    } rows[] = {
        {"", "malformed", ""},
        {"{", "malformed", ""},
        {"[]", "malformed", ""},
        {"{\"token\":\"x\"} {}", "malformed", ""},
        {"{\"token\":\"x\",\"token\":\"y\"}", "malformed", ""},
        {"{\"token\":\"a\\u0000b\"}", "malformed", ""},
        {"{\"token\":\"\xff\"}", "malformed", ""},
        {"{\"token\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", "malformed", ""},
        {"{}", "invalid_request", "token"},
        {"{\"token\":1}", "invalid_request", "token"},
        {"{\"token\":null}", "invalid_request", "token"},
        {"{\"token\":\"x\",\"cost\":\"1\"}", "invalid_request", "cost"},
        {"{\"token\":\"x\",\"cost\":-1}", "out_of_range", "cost"},
        {"{\"token\":\"x\",\"cost\":1000001}", "out_of_range", "cost"},
        {"{\"token\":\"x\",\"user_id\":\"\"}", "out_of_range", "user_id"},
        {"{\"token\":\"x\",\"ip\":\"nowhere\"}", "invalid_request", "ip"},
        {"{\"token\":\"x\",\"ip\":\"10.0.0.0/8\"}", "invalid_request", "ip"},
        {"{\"token\":\"x\",\"scopes\":\"a:b\"}", "invalid_request", "scopes"},
        {"{\"token\":\"x\",\"scopes\":[\"a b\"]}", "invalid_request", "scopes"},
        {"{\"token\":\"x\",\"scopes\":[],\"permissions\":[]}", "invalid_request", "permissions"},
        {"{\"token\":\"x\",\"dry_run\":1}", "invalid_request", "dry_run"},
        {"{\"token\":\"x\",\"explain\":\"yes\"}", "invalid_request", "explain"},
        {"{\"token\":\"x\",\"dryrun\":true}", "unknown_member", "dryrun"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(*state, VERIFY, rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
}

static void test_a_raw_nul_in_the_body_is_400(void **state)
{
    static const char body[] = "{\"token\":\"a\0b\"}";
    struct fixture *fixture = *state;
    struct answer answer =
        ask_bytes(fixture, VERIFY, bearer(fixture->admin.text), body, sizeof body - 1);
    assert_int_equal(answer.status, 400);
}

static void test_a_body_that_is_too_large_is_413(void **state)
{
    struct fixture *fixture = *state;
    char *body = malloc(HTTP_BODY_BYTES_MAX + 2);
    assert_non_null(body);
    memset(body, ' ', HTTP_BODY_BYTES_MAX + 1);
    body[HTTP_BODY_BYTES_MAX + 1] = '\0';
    assert_int_equal(manage(fixture, VERIFY, body).status, 413);
    body[HTTP_BODY_BYTES_MAX] = '\0';
    assert_int_equal(manage(fixture, VERIFY, body).status, 400);
    free(body);
}

static void test_a_token_in_a_wrong_place_is_not_repeated(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    const char *bodies[] = {
        printed("{\"%s\":1}", made.text), printed("{\"token\":\"%s\" x}", made.text),
        printed("{\"token\":\"%s\",\"ip\":\"%s\"}", made.text, made.text),
        printed("{\"token\":\"%s\",\"user_id\":1}", made.text),
        printed("{\"token\":\"x\",\"scopes\":[\"%s %s\"]}", made.text, made.text)};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct answer answer = manage(fixture, VERIFY, bodies[i]); /* asserts that it is not in */
        assert_int_equal(answer.status, 400);
    }
}

/* --- verdicts ------------------------------------------------------------------------------- */

static void test_an_unknown_token_has_every_member_and_nothing_in_them(void **state)
{
    struct answer answer = verify(*state, "sk_live_0000000000000000000000000000000000", "");
    assert_verdict(&answer, "not_found");
    assert_string_equal(answer.body, "{\"valid\":false,\"code\":\"not_found\",\"token_id\":null,"
                                     "\"user_id\":null,\"org_id\":null,\"name\":null,\"kind\":null,"
                                     "\"env\":null,\"tier\":null,\"scopes\":[],\"metadata\":{},"
                                     "\"expires_at\":null,\"limits\":[],\"credits\":null,"
                                     "\"warnings\":[]}");
}

static void test_what_is_no_token_is_malformed(void **state)
{
    static const char *const texts[] = {"", "short", "with a space in the middle of it",
                                        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct answer answer = verify(*state, texts[i], "");
        assert_verdict(&answer, "malformed");
    }
}

static void test_each_reason_has_its_code(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\","
                                             "\"scopes\":[\"a:read\"],"
                                             "\"allowed_ips\":[\"203.0.113.0/24\"]}");
    static const struct {
        const char *members, *code;
    } rows[] = {
        {",\"ip\":\"203.0.113.9\"", "valid"},
        {",\"ip\":\"203.0.113.9\",\"user_id\":\"alice\",\"scopes\":[\"a:read\"]", "valid"},
        {",\"ip\":\"203.0.113.9\",\"user_id\":\"bob\"", "user_mismatch"},
        {"", "ip_not_allowed"},
        {",\"ip\":null", "ip_not_allowed"},
        {",\"ip\":\"203.0.114.9\"", "ip_not_allowed"},
        {",\"ip\":\"203.0.113.9\",\"scopes\":[\"a:read\",\"b:read\"]", "insufficient_scope"},
        {",\"ip\":\"203.0.113.9\",\"permissions\":[\"b:read\"]", "insufficient_scope"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = verify(fixture, made.text, rows[i].members);
        assert_verdict(&answer, rows[i].code);
        assert_string_equal(text_of(&answer, "token_id"), made.id);
        assert_string_equal(text_of(&answer, "user_id"), "alice");
        if (strcmp(rows[i].code, "insufficient_scope") == 0) {
            assert_string_equal(text_of(&answer, "missing_scope"), "b:read");
        }
    }
}

static void test_a_valid_token_is_described_in_full(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"alice\",\"name\":\"n\",\"kind\":\"service\",\"env\":\"test\","
                 "\"scopes\":[\"b:x\",\"a:y\"],\"metadata\":{\"team\":\"core\",\"w\":0.1},"
                 "\"limits\":{\"minute\":5,\"hour\":\"unlimited\",\"day\":\"unlimited\"},"
                 "\"expires_in\":\"24h\"}");
    struct answer answer = verify(fixture, made.text, ",\"cost\":2");
    const char *expected = printed(
        "{\"valid\":true,\"code\":\"valid\",\"token_id\":\"%s\",\"user_id\":\"alice\","
        "\"org_id\":\"default\",\"name\":\"n\",\"kind\":\"service\",\"env\":\"test\","
        "\"tier\":\"free\",\"scopes\":[\"a:y\",\"b:x\"],\"metadata\":{\"team\":\"core\",\"w\":0.1},"
        "\"expires_at\":\"2026-01-02T00:00:00Z\",\"limits\":[{\"window\":\"minute\","
        "\"subject\":\"token\",\"limit\":5,\"remaining\":3,\"reset_at\":\"",
        made.id);
    if (strncmp(answer.body, expected, strlen(expected)) != 0) {
        fail_msg("%s", answer.body);
    }
    assert_non_null(strstr(answer.body, "\"}],\"credits\":null,\"warnings\":[]}"));
}

static void test_a_limit_is_a_verdict_with_the_time_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    struct answer answer = verify(fixture, made.text, "");
    assert_verdict(&answer, "valid");
    answer = verify(fixture, made.text, "");
    assert_verdict(&answer, "rate_limited");
    assert_in_range(number_of(&answer, "retry_after_ms"), 1, 64000);
}

static void test_what_can_never_pass_has_no_time_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"hour\":5}}");
    struct answer answer = verify(fixture, made.text, ",\"cost\":6");
    assert_verdict(&answer, "rate_limited");
    assert_non_null(strstr(answer.body, "\"retry_after_ms\":null"));
}

static void test_a_dry_run_consumes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    for (int i = 0; i < 3; i++) {
        struct answer answer = verify(fixture, made.text, ",\"dry_run\":true");
        assert_verdict(&answer, "valid");
    }
    struct answer answer = verify(fixture, made.text, "");
    assert_verdict(&answer, "valid");
    answer = verify(fixture, made.text, ",\"dry_run\":true");
    assert_verdict(&answer, "rate_limited");
}

static void test_explain_lists_every_check(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    struct answer answer =
        verify(fixture, made.text, ",\"explain\":true,\"dry_run\":true,\"scopes\":[\"a:read\"]");
    assert_verdict(&answer, "insufficient_scope");
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *checks = json_object_get(root, "explain");
    assert_int_equal(json_array_size(checks), CHECK_COUNT);
    const json_t *scopes = json_array_get(checks, CHECK_SCOPES);
    assert_string_equal(json_string_value(json_object_get(scopes, "check")),
                        verify_check_name(CHECK_SCOPES));
    assert_string_equal(json_string_value(json_object_get(scopes, "outcome")),
                        verify_outcome_name(OUTCOME_FAILED));
}

/* --- whose tokens a caller sees -------------------------------------------------------------- */

static struct made make_verifier(struct fixture *fixture, const char *org)
{
    return fixture_make(fixture, printed("{\"user_id\":\"svc\",\"name\":\"v\",\"org_id\":\"%s\","
                                         "\"scopes\":[\"tokens:verify\"]}",
                                         org));
}

static struct answer verify_as(struct fixture *fixture, const struct made *caller,
                               const char *token, const char *members)
{
    return ask(fixture, VERIFY, bearer(caller->text),
               printed("{\"token\":\"%s\"%s}", token, members));
}

static void test_a_token_of_another_org_is_not_found_and_not_counted(void **state)
{
    struct fixture *fixture = *state;
    struct made caller = make_verifier(fixture, "acme");
    struct made theirs =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    for (int i = 0; i < 3; i++) {
        struct answer answer = verify_as(fixture, &caller, theirs.text, "");
        assert_verdict(&answer, "not_found");
        assert_string_equal(text_of(&answer, "token_id"), "");
        answer = verify_as(fixture, &caller, theirs.text, ",\"explain\":true");
        assert_verdict(&answer, "not_found");
        assert_null(strstr(answer.body, "\"check\":\"revoked\",\"outcome\":\"passed\""));
    }
    struct answer answer = verify(fixture, theirs.text, "");
    assert_verdict(&answer, "valid");
}

static void test_a_token_of_the_own_org_is_counted_once(void **state)
{
    struct fixture *fixture = *state;
    struct made caller = make_verifier(fixture, "acme");
    struct made ours = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\","
                                             "\"org_id\":\"acme\",\"limits\":{\"minute\":2}}");
    static const char *const codes[] = {"valid", "valid", "rate_limited"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct answer answer = verify_as(fixture, &caller, ours.text, "");
        assert_verdict(&answer, codes[i]);
    }
}

static void test_scope_star_sees_every_org(void **state)
{
    struct fixture *fixture = *state;
    struct made theirs =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"org_id\":\"acme\"}");
    struct answer answer = verify(fixture, theirs.text, "");
    assert_verdict(&answer, "valid");
    assert_string_equal(text_of(&answer, "org_id"), "acme");
}

static void test_the_callers_own_limits_are_not_touched(void **state)
{
    struct fixture *fixture = *state;
    struct made caller =
        fixture_make(fixture, "{\"user_id\":\"svc\",\"name\":\"v\",\"scopes\":[\"tokens:verify\"],"
                              "\"limits\":{\"minute\":1}}");
    for (int i = 0; i < 3; i++) {
        struct answer answer = verify_as(fixture, &caller, "xxxxxxxxxxxxxxxxxxxxxxxx", "");
        assert_verdict(&answer, "not_found");
    }
}

/* --- batch ---------------------------------------------------------------------------------- */

static const char *code_at(const json_t *results, size_t i)
{
    return json_string_value(json_object_get(json_array_get(results, i), "code"));
}

static void test_a_batch_that_is_no_question_is_refused_as_a_whole(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    const struct {
        const char *body, *code, *member;
    } rows[] = {
        {"{}", "invalid_request", "requests"},
        {"{\"requests\":{}}", "invalid_request", "requests"},
        {"{\"requests\":[]}", "out_of_range", "requests"},
        {"{\"requests\":[1]}", "invalid_request", "requests[0]"},
        {"{\"requests\":[],\"tokens\":[]}", "out_of_range", "requests"},
        {printed("{\"requests\":[{\"token\":\"%s\"},{\"token\":\"x\",\"cost\":-1}]}", made.text),
         "out_of_range", "requests[1].cost"},
        {printed("{\"requests\":[{\"token\":\"%s\"},{\"tokne\":\"x\"}]}", made.text),
         "invalid_request", "requests[1].token"},
        {printed("{\"requests\":[{\"token\":\"%s\",\"ip\":\"x\"}]}", made.text), "invalid_request",
         "requests[0].ip"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(fixture, BATCH, rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    struct answer answer = verify(fixture, made.text, "");
    assert_verdict(&answer, "valid"); /* nothing was consumed */
}

static char *batch_of(size_t count)
{
    char *body = malloc(64 + count * 64);
    assert_non_null(body);
    char *end = stpcpy(body, "{\"requests\":[");
    for (size_t i = 0; i < count; i++) {
        end += sprintf(end, "%s{\"token\":\"zzzzzzzzzzzzzzzzzzzz%zu\"}", i > 0 ? "," : "", i);
    }
    strcpy(end, "]}");
    return body;
}

static void test_a_batch_has_a_maximum(void **state)
{
    struct fixture *fixture = *state;
    char *body = batch_of(VERIFY_BATCH_MAX + 1);
    struct answer answer = manage(fixture, BATCH, body);
    free(body);
    assert_int_equal(answer.status, 413);
    assert_code(answer, "too_large");
    body = batch_of(VERIFY_BATCH_MAX);
    answer = manage(fixture, BATCH, body);
    free(body);
    assert_int_equal(answer.status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    assert_int_equal(json_array_size(json_object_get(root, "results")), VERIFY_BATCH_MAX);
}

static void test_a_batch_answers_each_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct made a = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\"}");
    struct made b =
        fixture_make(fixture, "{\"user_id\":\"b\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    struct answer answer =
        manage(fixture, BATCH,
               printed("{\"requests\":[{\"token\":\"%s\"},{\"token\":\"x\"},{\"token\":\"%s\"},"
                       "{\"token\":\"%s\"},{\"token\":\"%s\",\"user_id\":\"b\",\"explain\":true}]}",
                       a.text, b.text, b.text, a.text));
    static const char *const codes[] = {"valid", "malformed", "valid", "rate_limited",
                                        "user_mismatch"};
    assert_int_equal(answer.status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *results = json_object_get(root, "results");
    assert_int_equal(json_array_size(results), COUNT_OF(codes));
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        assert_string_equal(code_at(results, i), codes[i]);
        assert_int_equal(json_object_get(json_array_get(results, i), "explain") != NULL, i == 4);
    }
}

static void test_a_batch_hides_tokens_of_other_orgs_and_keeps_the_order(void **state)
{
    struct fixture *fixture = *state;
    struct made caller = make_verifier(fixture, "acme");
    struct made ours =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"org_id\":\"acme\"}");
    struct made theirs =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1}}");
    const char *body = printed("{\"requests\":[{\"token\":\"%s\"},{\"token\":\"%s\"},"
                               "{\"token\":\"%s\"},{\"token\":\"%s\"}]}",
                               theirs.text, ours.text, theirs.text, ours.text);
    struct answer answer = ask(fixture, BATCH, bearer(caller.text), body);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *results = json_object_get(root, "results");
    static const char *const codes[] = {"not_found", "valid", "not_found", "valid"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        assert_string_equal(code_at(results, i), codes[i]);
    }
    answer = verify(fixture, theirs.text, "");
    assert_verdict(&answer, "valid");
}

/* --- me ------------------------------------------------------------------------------------- */

static void test_me_says_who_the_caller_is_and_consumes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\","
                                             "\"scopes\":[\"a:read\"],\"limits\":{\"minute\":1}}");
    for (int i = 0; i < 3; i++) {
        struct answer answer = ask(fixture, ME, bearer(made.text), NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(text_of(&answer, "via"), "token");
        assert_string_equal(text_of(&answer, "user_id"), "alice");
        assert_string_equal(text_of(&answer, "token_id"), made.id);
        assert_non_null(strstr(answer.body, "\"limit\":1,\"remaining\":1"));
    }
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
    struct answer answer = ask(fixture, ME, bearer(made.text), NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"limit\":1,\"remaining\":0"));
}

static void test_me_needs_a_token(void **state)
{
    assert_int_equal(ask(*state, ME, "", NULL).status, 401);
    assert_int_equal(ask(*state, ME, bearer("xxxxxxxxxxxxxxxxxxxxxxxx"), NULL).status, 401);
}

static void test_me_over_the_socket_is_the_peer(void **state)
{
    struct answer answer = ask_socket(*state, ME, "", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "via"), "socket");
    assert_non_null(strstr(answer.body, "\"scopes\":[\"*\"]"));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_body_that_is_no_question_is_400_and_names_what_is_wrong),
        WITH_FIXTURE(test_a_raw_nul_in_the_body_is_400),
        WITH_FIXTURE(test_a_body_that_is_too_large_is_413),
        WITH_FIXTURE(test_a_token_in_a_wrong_place_is_not_repeated),
        WITH_FIXTURE(test_an_unknown_token_has_every_member_and_nothing_in_them),
        WITH_FIXTURE(test_what_is_no_token_is_malformed),
        WITH_FIXTURE(test_each_reason_has_its_code),
        WITH_FIXTURE(test_a_valid_token_is_described_in_full),
        WITH_FIXTURE(test_a_limit_is_a_verdict_with_the_time_to_wait),
        WITH_FIXTURE(test_what_can_never_pass_has_no_time_to_wait),
        WITH_FIXTURE(test_a_dry_run_consumes_nothing),
        WITH_FIXTURE(test_explain_lists_every_check),
        WITH_FIXTURE(test_a_token_of_another_org_is_not_found_and_not_counted),
        WITH_FIXTURE(test_a_token_of_the_own_org_is_counted_once),
        WITH_FIXTURE(test_scope_star_sees_every_org),
        WITH_FIXTURE(test_the_callers_own_limits_are_not_touched),
        WITH_FIXTURE(test_a_batch_that_is_no_question_is_refused_as_a_whole),
        WITH_FIXTURE(test_a_batch_has_a_maximum),
        WITH_FIXTURE(test_a_batch_answers_each_in_order),
        WITH_FIXTURE(test_a_batch_hides_tokens_of_other_orgs_and_keeps_the_order),
        WITH_FIXTURE(test_me_says_who_the_caller_is_and_consumes_nothing),
        WITH_FIXTURE(test_me_needs_a_token),
        WITH_FIXTURE(test_me_over_the_socket_is_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
