/* SPDX-License-Identifier: Apache-2.0 */
/* Organisations: what they say about lifetimes, and one active token a user. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define ORGS "/api/v1/orgs"

static struct made token_of(struct fixture *fixture, const char *user, const char *scopes)
{
    return fixture_make(
        fixture, printed("{\"user_id\":\"%s\",\"name\":\"n\",\"scopes\":[%s]}", user, scopes));
}

static struct answer patch(struct fixture *fixture, const char *body)
{
    return manage(fixture, "PATCH " ORGS "/default", body);
}

static const char *code_of_auth(struct fixture *fixture, const struct made *token)
{
    struct answer answer = ask(fixture, "GET /auth", bearer(token->text), NULL);
    return answer.status == 200 ? "valid" : text_of(&answer, "code");
}

/* The answer to a token that asks for so many days; null is 0. */
static struct answer ask_for_days(struct fixture *fixture, const char *more, int days)
{
    const char *asked = days > 0 ? printed("%d", days) : "null";
    struct answer answer =
        manage(fixture, "POST " TOKENS,
               printed("{\"user_id\":\"a\",\"name\":\"n\"%s,\"expires_in_days\":%s}", more, asked));
    if (answer.status == 201) {
        fixture_secret(fixture, text_of(&answer, "token"));
    }
    return answer;
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_wrong_body_is_refused_by_name(void **state)
{
    static const struct {
        const char *body, *code, *member;
    } rows[] = {
        {"{}", "invalid_request", ""},
        {"{\"name\":\"x\"}", "unknown_member", "name"},
        {"{\"lifetimes\":[]}", "invalid_request", "lifetimes"},
        {"{\"lifetimes\":{\"robot\":null}}", "unknown_member", "lifetimes.robot"},
        {"{\"lifetimes\":{\"user\":{\"least\":\"1d\"}}}", "unknown_member", "lifetimes.user.least"},
        {"{\"lifetimes\":{\"user\":{\"max\":\"soon\"}}}", "invalid_request", "lifetimes.user.max"},
        {"{\"lifetimes\":{\"user\":{\"max\":0}}}", "out_of_range", "lifetimes.user.max"},
        {"{\"lifetimes\":{\"user\":{\"max\":\"0\"}}}", "out_of_range", "lifetimes.user.max"},
        {"{\"lifetimes\":{\"admin\":{\"on_exceed\":\"cry\"}}}", "invalid_request",
         "lifetimes.admin.on_exceed"},
        {"{\"lifetimes\":{\"admin\":{\"default\":\"2d\",\"max\":\"1d\"}}}", "out_of_range",
         "lifetimes.admin.default"},
        {"{\"one_active_per_user\":1}", "invalid_request", "one_active_per_user"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = patch(fixture, rows[i].body);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(fixture_events(fixture, "org.update"), 0);
}

static void test_only_a_star_reaches_other_organisations(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(manage(fixture, "POST " ORGS, "{\"id\":\"acme\"}").status, 201);
    assert_int_equal(manage(fixture, "POST " ORGS, "{\"id\":\"acme\"}").status, 409);
    assert_int_equal(manage(fixture, "POST " ORGS, "{\"id\":\"*\"}").status, 400);
    struct made here = token_of(fixture, "h", "\"orgs:*\"");
    const char *headers = bearer(here.text);
    assert_int_equal(ask(fixture, "GET " ORGS "/default", headers, NULL).status, 200);
    assert_int_equal(ask(fixture, "GET " ORGS "/acme", headers, NULL).status, 404);
    assert_int_equal(
        ask(fixture, "PATCH " ORGS "/acme", headers, "{\"one_active_per_user\":true}").status, 404);
    assert_int_equal(
        ask(fixture, "PATCH " ORGS "/default", headers, "{\"one_active_per_user\":null}").status,
        200);
    assert_int_equal(ask(fixture, "POST " ORGS, headers, "{\"id\":\"mine\"}").status, 403);
    struct answer answer = ask(fixture, "GET " ORGS, headers, NULL);
    assert_non_null(strstr(answer.body, "\"id\":\"default\""));
    assert_null(strstr(answer.body, "\"id\":\"acme\""));
    answer = manage(fixture, "GET " ORGS, NULL);
    assert_non_null(strstr(answer.body, "\"id\":\"acme\""));
    assert_int_equal(manage(fixture, "GET " ORGS "/nowhere", NULL).status, 404);
}

static void test_only_a_star_makes_a_maximum_longer(void **state)
{
    struct fixture *fixture = *state;
    struct made here = token_of(fixture, "h", "\"orgs:write\"");
    const char *path = "PATCH " ORGS "/default", *headers = bearer(here.text);
    static const char *const longer[] = {"\"never\"", "\"3650d\"", "null"};
    struct answer answer =
        ask(fixture, path, headers, "{\"lifetimes\":{\"user\":{\"max\":\"never\"}}}");
    assert_code(answer, "forbidden");
    assert_string_equal(text_of(&answer, "member"), "lifetimes");
    assert_int_equal(
        ask(fixture, path, headers, "{\"lifetimes\":{\"user\":{\"max\":\"100d\"}}}").status, 200);
    for (size_t i = 0; i < COUNT_OF(longer); i++) {
        const char *body = printed("{\"lifetimes\":{\"user\":{\"max\":%s}}}", longer[i]);
        assert_int_equal(ask(fixture, path, headers, body).status, 403);
        assert_int_equal(patch(fixture, body).status, 200);
        assert_int_equal(patch(fixture, "{\"lifetimes\":{\"user\":{\"max\":\"100d\"}}}").status,
                         200);
    }
}

static void test_a_change_of_something_that_was_changed_is_412(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = manage(fixture, "GET " ORGS "/default", NULL);
    const char *etag = printed("%s", header_of(&answer, "ETag"));
    const char *headers = printed("%sIf-Match: %s\r\n", bearer(fixture->admin.text), etag);
    const char *body = "{\"one_active_per_user\":false}";
    assert_int_equal(ask(fixture, "PATCH " ORGS "/default", headers, body).status, 200);
    assert_int_equal(ask(fixture, "PATCH " ORGS "/default", headers, body).status, 412);
}

/* --- lifetimes ------------------------------------------------------------------------------ */

/* The fixture's server has 90 days as the default and 365 as the maximum. */
static void test_where_an_organisation_is_silent_the_server_holds(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = patch(fixture, "{\"lifetimes\":{\"user\":{\"max\":\"30d\"}}}");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"lifetimes\":{\"user\":{\"default\":null,"
                                        "\"max\":\"30d\",\"on_exceed\":null}"));
    assert_non_null(strstr(answer.body, "\"effective\":{\"lifetimes\":{\"user\":{"
                                        "\"default\":\"90d\",\"max\":\"30d\","
                                        "\"on_exceed\":\"clamp\"}"));
    assert_non_null(strstr(answer.body, "\"one_active_per_user\":null"));
    answer = patch(fixture, "{\"lifetimes\":{\"user\":{\"on_exceed\":\"reject\"}}}");
    assert_non_null(strstr(answer.body, "\"lifetimes\":{\"user\":{\"default\":null,"
                                        "\"max\":\"30d\",\"on_exceed\":\"reject\"}"));
    answer = patch(fixture, "{\"lifetimes\":{\"user\":null}}");
    assert_non_null(strstr(answer.body, "\"lifetimes\":{\"user\":{\"default\":null,"
                                        "\"max\":null,\"on_exceed\":null}"));
}

static void test_a_clamp_names_the_maximum_and_what_was_asked(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        patch(fixture, "{\"lifetimes\":{\"user\":{\"default\":\"30d\",\"max\":\"30d\"}}}").status,
        200);
    struct answer answer = ask_for_days(fixture, "", 60);
    assert_int_equal(answer.status, 201);
    assert_string_equal(text_of(&answer, "expires_at"), "2026-01-31T00:00:00Z");
    assert_non_null(
        strstr(answer.body,
               "\"warnings\":[{\"code\":\"lifetime_clamped\",\"member\":\"expires_at\",\"detail\":"
               "\"Maximum expiry is 30 days. Setting expiry to 30 days instead of 60.\","
               "\"maximum\":\"30d\",\"asked\":\"60d\"}]"));
    answer = ask_for_days(fixture, "", 0);
    assert_non_null(strstr(answer.body, "instead of never.\",\"maximum\":\"30d\","
                                        "\"asked\":\"never\"}]"));
    answer = ask_for_days(fixture, "", 30);
    assert_non_null(strstr(answer.body, "\"warnings\":[]"));
    answer = ask_for_days(fixture, ",\"kind\":\"service\"", 60);
    assert_non_null(strstr(answer.body, "\"warnings\":[]"));
}

static void test_an_organisation_may_reject_and_may_lift(void **state)
{
    struct fixture *fixture = *state;
    patch(fixture, "{\"lifetimes\":{\"user\":{\"max\":\"30d\",\"on_exceed\":\"reject\"},"
                   "\"service\":{\"default\":\"never\",\"max\":\"never\"}}}");
    struct answer answer = ask_for_days(fixture, "", 31);
    assert_int_equal(answer.status, 400);
    assert_code(answer, "out_of_range");
    assert_string_equal(text_of(&answer, "member"), "expires_at");
    answer = ask_for_days(fixture, ",\"kind\":\"service\"", 0);
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body, "\"expires_at\":null"));
    assert_non_null(strstr(answer.body, "\"warnings\":[]"));
}

static void test_prolonging_obeys_the_organisation_too(void **state)
{
    struct fixture *fixture = *state;
    struct made made = token_of(fixture, "a", "");
    patch(fixture, "{\"lifetimes\":{\"user\":{\"max\":\"10d\"}}}");
    struct answer answer =
        manage(fixture, printed("PATCH " TOKENS "/%s", made.id), "{\"expires_in_days\":20}");
    assert_string_equal(text_of(&answer, "expires_at"), "2026-01-11T00:00:00Z");
    assert_non_null(strstr(answer.body, "instead of 20."));
}

/* --- one active token a user ----------------------------------------------------------------- */

static void test_without_the_policy_tokens_live_beside_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct made one = token_of(fixture, "a", "");
    token_of(fixture, "a", "");
    assert_string_equal(code_of_auth(fixture, &one), "valid");
}

static void test_a_new_token_replaces_the_older_ones_of_its_user(void **state)
{
    struct fixture *fixture = *state;
    struct made first = token_of(fixture, "a", ""), second = token_of(fixture, "a", "");
    struct made other = token_of(fixture, "b", "");
    assert_int_equal(patch(fixture, "{\"one_active_per_user\":true}").status, 200);
    assert_string_equal(code_of_auth(fixture, &first), "valid"); /* it holds for what is made */
    struct answer answer = ask_for_days(fixture, "", 1);
    assert_int_equal(number_of(&answer, "revoked_count"), 2);
    assert_non_null(strstr(answer.body, "\"code\":\"older_revoked\""));
    assert_string_equal(code_of_auth(fixture, &first), "revoked");
    assert_string_equal(code_of_auth(fixture, &second), "revoked");
    assert_string_equal(code_of_auth(fixture, &other), "valid");
    struct answer shown = manage(fixture, printed("GET " TOKENS "/%s", first.id), NULL);
    assert_string_equal(text_of(&shown, "revoke_reason"),
                        printed("replaced by %s", text_of(&answer, "id")));
    assert_int_equal(fixture_events(fixture, "token.revoke"), 2);
    answer = ask_for_days(fixture, "", 1);
    assert_int_equal(number_of(&answer, "revoked_count"), 1);
}

static void test_other_kinds_and_environments_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    patch(fixture, "{\"one_active_per_user\":true}");
    struct made live = token_of(fixture, "a", "");
    struct made test = fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"env\":\"test\"}");
    struct made service =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"kind\":\"service\"}");
    assert_string_equal(code_of_auth(fixture, &live), "valid");
    assert_string_equal(code_of_auth(fixture, &test), "valid");
    assert_string_equal(code_of_auth(fixture, &service), "valid");
}

static void test_a_disabled_token_cannot_come_back_beside_the_new_one(void **state)
{
    struct fixture *fixture = *state;
    patch(fixture, "{\"one_active_per_user\":true}");
    struct made old = token_of(fixture, "a", "");
    const char *path = printed("PATCH " TOKENS "/%s", old.id);
    assert_int_equal(manage(fixture, path, "{\"disabled\":true}").status, 200);
    token_of(fixture, "a", "");
    assert_int_equal(manage(fixture, path, "{\"disabled\":false}").status, 409);
}

static void test_a_token_that_can_be_used_again_replaces_the_others(void **state)
{
    struct fixture *fixture = *state;
    patch(fixture, "{\"one_active_per_user\":true}");
    struct answer answer = ask_for_days(fixture, "", 1);
    struct made old = {0};
    snprintf(old.id, sizeof old.id, "%s", text_of(&answer, "id"));
    fixture_advance(fixture, INT64_C(2) * 86400000);
    struct made newer = token_of(fixture, "a", "");
    const char *path = printed("PATCH " TOKENS "/%s", old.id);
    answer = manage(fixture, path, "{\"name\":\"still expired\"}");
    assert_non_null(strstr(answer.body, "\"warnings\":[]"));
    assert_string_equal(code_of_auth(fixture, &newer), "valid");
    answer = manage(fixture, path, "{\"expires_in_days\":1}");
    assert_string_equal(text_of(&answer, "status"), "active");
    assert_non_null(strstr(answer.body, "\"code\":\"older_revoked\""));
    assert_string_equal(code_of_auth(fixture, &newer), "revoked");
}

static void test_a_replayed_creation_revokes_nothing(void **state)
{
    struct fixture *fixture = *state;
    patch(fixture, "{\"one_active_per_user\":true}");
    const char *headers = printed("%sIdempotency-Key: k\r\n", bearer(fixture->admin.text));
    const char *body = "{\"user_id\":\"a\",\"name\":\"n\"}";
    struct answer first = ask(fixture, "POST " TOKENS, headers, body);
    assert_int_equal(first.status, 201);
    fixture_secret(fixture, text_of(&first, "token"));
    struct made second = token_of(fixture, "a", "");
    struct answer again = ask(fixture, "POST " TOKENS, headers, body);
    assert_int_equal(again.status, 200);
    assert_int_equal(number_of(&again, "revoked_count"), 0);
    assert_string_equal(text_of(&again, "status"), "revoked");
    assert_string_equal(code_of_auth(fixture, &second), "valid");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_wrong_body_is_refused_by_name),
        WITH_FIXTURE(test_only_a_star_reaches_other_organisations),
        WITH_FIXTURE(test_only_a_star_makes_a_maximum_longer),
        WITH_FIXTURE(test_a_change_of_something_that_was_changed_is_412),
        WITH_FIXTURE(test_where_an_organisation_is_silent_the_server_holds),
        WITH_FIXTURE(test_a_clamp_names_the_maximum_and_what_was_asked),
        WITH_FIXTURE(test_an_organisation_may_reject_and_may_lift),
        WITH_FIXTURE(test_prolonging_obeys_the_organisation_too),
        WITH_FIXTURE(test_without_the_policy_tokens_live_beside_each_other),
        WITH_FIXTURE(test_a_new_token_replaces_the_older_ones_of_its_user),
        WITH_FIXTURE(test_other_kinds_and_environments_are_left_alone),
        WITH_FIXTURE(test_a_disabled_token_cannot_come_back_beside_the_new_one),
        WITH_FIXTURE(test_a_token_that_can_be_used_again_replaces_the_others),
        WITH_FIXTURE(test_a_replayed_creation_revokes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
