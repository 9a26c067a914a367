/* SPDX-License-Identifier: Apache-2.0 */
/* Users as things of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define USERS "/api/v1/users"

static struct answer ask_as(struct fixture *fixture, const struct made *by, const char *request,
                            const char *body)
{
    return ask(fixture, request, bearer(by->text), body);
}

/* A token of `user` with these scopes, as the inside of a JSON array. */
static struct made token_of(struct fixture *fixture, const char *user, const char *scopes)
{
    return fixture_make(
        fixture, printed("{\"user_id\":\"%s\",\"name\":\"n\",\"scopes\":[%s]}", user, scopes));
}

static void make_user(struct fixture *fixture, const char *body)
{
    assert_int_equal(manage(fixture, "POST " USERS, body).status, 201);
}

static unsigned status_of_auth(struct fixture *fixture, const struct made *token)
{
    return ask(fixture, "GET /auth", bearer(token->text), NULL).status;
}

static const char *tier_of(struct fixture *fixture, const struct made *token)
{
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token->id), NULL);
    struct answer auth = ask(fixture, "GET /auth", bearer(token->text), NULL);
    assert_string_equal(header_of(&auth, "X-Auth-Tier"), text_of(&answer, "tier"));
    return text_of(&answer, "tier");
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_wrong_body_is_refused_and_makes_nobody(void **state)
{
    static const struct {
        const char *body, *code, *member;
    } rows[] = {
        {"{}", "invalid_request", "id"},
        {"{\"id\":\"\"}", "out_of_range", "id"},
        {"{\"id\":\"a\",\"name\":\"x\"}", "unknown_member", "name"},
        {"{\"id\":\"a\",\"tier\":\"nope\"}", "not_found", "tier"},
        {"{\"id\":\"a\",\"email\":\"nobody\"}", "invalid_request", "email"},
        {"{\"id\":\"a\",\"email\":\"@x\"}", "invalid_request", "email"},
        {"{\"id\":\"a\",\"email\":\"x@\"}", "invalid_request", "email"},
        {"{\"id\":\"a\",\"email\":\"x@y z\"}", "invalid_request", "email"},
        {"{\"id\":\"a\",\"email\":\"x@y@z\"}", "invalid_request", "email"},
        {"{\"id\":\"a\",\"status\":\"gone\"}", "invalid_request", "status"},
        {"{\"id\":\"a\",\"limits\":{\"week\":1}}", "unknown_member", "limits.week"},
        {"{\"id\":\"a\",\"limits\":{\"minute\":1000001}}", "out_of_range", "limits.minute"},
        {"{\"id\":\"a\",\"metadata\":[]}", "invalid_request", "metadata"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(fixture, "POST " USERS, rows[i].body);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(manage(fixture, "GET " USERS "/a", NULL).status, 404);
}

static void test_a_user_cannot_be_made_twice(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\"}");
    assert_int_equal(manage(fixture, "POST " USERS, "{\"id\":\"alice\"}").status, 409);
    token_of(fixture, "bob", "");
    assert_int_equal(manage(fixture, "POST " USERS, "{\"id\":\"bob\"}").status, 409);
}

static void test_a_change_of_something_that_was_changed_is_412(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\"}");
    const char *one = printed("%sIf-Match: \"1\"\r\n", bearer(fixture->admin.text));
    struct answer answer = ask(fixture, "PATCH " USERS "/alice", one, "{\"tier\":\"pro\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "ETag"), "\"2\"");
    answer = ask(fixture, "PATCH " USERS "/alice", one, "{\"tier\":\"free\"}");
    assert_int_equal(answer.status, 412);
    answer = manage(fixture, "GET " USERS "/alice", NULL);
    assert_string_equal(text_of(&answer, "tier"), "pro");
}

static void test_a_scope_is_needed(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\"}");
    struct made reader = token_of(fixture, "r", "\"users:read\"");
    struct made other = token_of(fixture, "o", "\"tokens:*\"");
    assert_int_equal(ask_as(fixture, &reader, "GET " USERS "/alice", NULL).status, 200);
    assert_int_equal(ask_as(fixture, &reader, "PATCH " USERS "/alice", "{\"tier\":\"pro\"}").status,
                     403);
    assert_int_equal(ask_as(fixture, &reader, "POST " USERS, "{\"id\":\"x\"}").status, 403);
    assert_int_equal(ask_as(fixture, &other, "GET " USERS "/alice", NULL).status, 403);
    assert_int_equal(ask_as(fixture, &other, "GET " USERS, NULL).status, 403);
}

static void test_a_user_of_another_org_does_not_exist(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\",\"org_id\":\"acme\"}");
    struct made here = token_of(fixture, "h", "\"users:*\"");
    assert_int_equal(ask_as(fixture, &here, "GET " USERS "/alice", NULL).status, 404);
    assert_int_equal(ask_as(fixture, &here, "GET " USERS "/alice?org_id=acme", NULL).status, 404);
    assert_int_equal(
        ask_as(fixture, &here, "PATCH " USERS "/alice?org_id=acme", "{\"tier\":\"pro\"}").status,
        404);
    assert_int_equal(ask_as(fixture, &here, "GET " USERS "?org_id=acme", NULL).status, 403);
    assert_int_equal(
        ask_as(fixture, &here, "POST " USERS, "{\"id\":\"x\",\"org_id\":\"acme\"}").status, 403);
    assert_int_equal(manage(fixture, "GET " USERS "/alice?org_id=acme", NULL).status, 200);
}

static void test_nobody_lifts_the_bounds_of_their_own_user(void **state)
{
    static const char *const bodies[] = {"{\"tier\":\"enterprise\"}", "{\"limits\":null}",
                                         "{\"status\":\"active\"}"};
    struct fixture *fixture = *state;
    struct made own = token_of(fixture, "alice", "\"users:*\"");
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(ask_as(fixture, &own, "PATCH " USERS "/alice", bodies[i]).status, 403);
    }
    assert_int_equal(ask_as(fixture, &own, "PATCH " USERS "/alice", "{\"email\":\"a@b\"}").status,
                     200);
    token_of(fixture, "bob", "");
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(ask_as(fixture, &own, "PATCH " USERS "/bob", bodies[i]).status, 200);
    }
}

/* What the principal could not have made they cannot wake up, or give more to. */
static void test_nobody_gives_to_a_user_with_more_scope_than_they_have(void **state)
{
    struct fixture *fixture = *state;
    struct made own = token_of(fixture, "alice", "\"users:*\"");
    struct made boss = token_of(fixture, "boss", "\"*\"");
    assert_int_equal(ask_as(fixture, &own, "PATCH " USERS "/boss", "{\"tier\":\"pro\"}").status,
                     403);
    assert_int_equal(ask_as(fixture, &own, "PATCH " USERS "/boss", "{\"limits\":null}").status,
                     403);
    assert_int_equal(
        ask_as(fixture, &own, "PATCH " USERS "/boss", "{\"status\":\"suspended\"}").status, 200);
    assert_int_equal(
        ask_as(fixture, &own, "PATCH " USERS "/boss", "{\"status\":\"active\"}").status, 403);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", boss.id), NULL).status, 200);
    assert_int_equal(
        ask_as(fixture, &own, "PATCH " USERS "/boss", "{\"status\":\"active\"}").status, 200);
}

/* --- what is made and shown ----------------------------------------------------------------- */

static void test_a_new_user_is_answered_in_full(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer =
        manage(fixture, "POST " USERS,
               "{\"id\":\"alice\",\"tier\":\"pro\",\"email\":\"alice@example.org\","
               "\"limits\":{\"hour\":5},\"metadata\":{\"company\":\"Example\"}}");
    assert_int_equal(answer.status, 201);
    assert_string_equal(header_of(&answer, "ETag"), "\"1\"");
    const char *expected =
        printed("{\"id\":\"alice\",\"object\":\"user\",\"org_id\":\"default\","
                "\"status\":\"active\",\"tier\":\"pro\",\"email\":\"alice@example.org\","
                "\"limits\":{\"minute\":null,\"hour\":5,\"day\":null},"
                "\"metadata\":{\"company\":\"Example\"},\"suspended_at\":null,"
                "\"created_at\":\"2026-01-01T00:00:00Z\","
                "\"updated_at\":\"2026-01-01T00:00:00Z\",\"version\":1}");
    assert_string_equal(answer.body, expected);
    answer = manage(fixture, "GET " USERS "/alice", NULL);
    assert_string_equal(answer.body, expected);
}

static void test_only_what_is_given_is_changed(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"a\",\"tier\":\"pro\",\"email\":\"a@b\",\"limits\":{\"hour\":5},"
                       "\"metadata\":{\"k\":1}}");
    struct answer answer = manage(fixture, "PATCH " USERS "/a", "{\"email\":null}");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"email\":null"));
    assert_non_null(strstr(answer.body, "\"tier\":\"pro\""));
    assert_non_null(strstr(answer.body, "\"hour\":5"));
    assert_non_null(strstr(answer.body, "\"metadata\":{\"k\":1}"));
    answer =
        manage(fixture, "PATCH " USERS "/a", "{\"tier\":null,\"limits\":null,\"metadata\":null}");
    assert_non_null(strstr(answer.body, "\"tier\":null"));
    assert_non_null(strstr(answer.body, "\"hour\":null"));
    assert_non_null(strstr(answer.body, "\"metadata\":{}"));
}

static size_t listed(struct fixture *fixture, const char *query)
{
    struct answer answer = manage(fixture, printed("GET " USERS "%s", query), NULL);
    assert_int_equal(answer.status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    return json_array_size(json_object_get(root, "data"));
}

static void test_users_are_listed_by_page_and_filter(void **state)
{
    struct fixture *fixture = *state; /* its admin's is one user */
    make_user(fixture, "{\"id\":\"a\",\"tier\":\"pro\"}");
    make_user(fixture, "{\"id\":\"b\",\"status\":\"suspended\"}");
    make_user(fixture, "{\"id\":\"c\",\"org_id\":\"acme\",\"tier\":\"pro\"}");
    token_of(fixture, "d", "");
    assert_int_equal(listed(fixture, ""), 4);
    assert_int_equal(listed(fixture, "?status=suspended"), 1);
    assert_int_equal(listed(fixture, "?status=active"), 3);
    assert_int_equal(listed(fixture, "?tier=pro"), 1);
    assert_int_equal(listed(fixture, "?tier=pro&org_id=*"), 2);
    assert_int_equal(listed(fixture, "?tier=nope"), 0);
    assert_int_equal(listed(fixture, "?org_id=acme"), 1);
    assert_int_equal(listed(fixture, "?org_id=*&status=active"), 4);
    struct answer answer = manage(fixture, "GET " USERS "?limit=3", NULL);
    const char *cursor = text_of(&answer, "next_cursor");
    assert_true(cursor[0] != '\0');
    assert_int_equal(listed(fixture, printed("?limit=3&cursor=%s", cursor)), 1);
    assert_int_equal(manage(fixture, "GET " USERS "?cursor=x", NULL).status, 400);
    assert_int_equal(manage(fixture, "GET " USERS "?status=gone", NULL).status, 400);
}

static void test_a_name_with_odd_characters_can_be_addressed(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"team/a b%\"}");
    assert_int_equal(manage(fixture, "GET " USERS "/team%2Fa%20b%25", NULL).status, 200);
}

/* --- what it does --------------------------------------------------------------------------- */

static void test_a_suspended_user_is_refused_with_every_token_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct made one = token_of(fixture, "alice", ""), two = token_of(fixture, "alice", "");
    struct made other = token_of(fixture, "bob", "");
    struct answer answer = manage(fixture, "PATCH " USERS "/alice", "{\"status\":\"suspended\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "suspended_at"), "2026-01-01T00:00:00Z");
    answer = ask(fixture, "GET /auth", bearer(one.text), NULL);
    assert_int_equal(answer.status, 403);
    assert_code(answer, "user_suspended");
    assert_int_equal(status_of_auth(fixture, &two), 403);
    assert_int_equal(status_of_auth(fixture, &other), 200);
    struct made third = token_of(fixture, "alice", "");
    assert_int_equal(status_of_auth(fixture, &third), 403);
    assert_int_equal(manage(fixture, "PATCH " USERS "/alice", "{\"status\":\"active\"}").status,
                     200);
    assert_int_equal(status_of_auth(fixture, &one), 200);
    assert_int_equal(status_of_auth(fixture, &third), 200);
}

static void test_limits_of_a_user_count_across_tokens(void **state)
{
    struct fixture *fixture = *state;
    struct made one = token_of(fixture, "alice", ""), two = token_of(fixture, "alice", "");
    assert_int_equal(manage(fixture, "PATCH " USERS "/alice", "{\"limits\":{\"minute\":3}}").status,
                     200);
    assert_int_equal(status_of_auth(fixture, &one), 200);
    assert_int_equal(status_of_auth(fixture, &two), 200);
    assert_int_equal(status_of_auth(fixture, &one), 200);
    assert_int_equal(status_of_auth(fixture, &two), 429);
    assert_int_equal(manage(fixture, "PATCH " USERS "/alice", "{\"limits\":null}").status, 200);
    assert_int_equal(status_of_auth(fixture, &two), 200);
}

static void test_a_user_made_with_limits_has_them_for_its_first_token(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\",\"limits\":{\"minute\":1}}");
    struct made one = token_of(fixture, "alice", "");
    assert_int_equal(status_of_auth(fixture, &one), 200);
    assert_int_equal(status_of_auth(fixture, &one), 429);
}

static void test_every_change_has_an_event(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\",\"email\":\"alice@example.org\"}");
    manage(fixture, "PATCH " USERS "/alice", "{\"tier\":\"pro\"}");
    manage(fixture, "PATCH " USERS "/alice", "{\"status\":\"suspended\"}");
    manage(fixture, "PATCH " USERS "/alice", "{\"status\":\"active\"}");
    static const char *const types[] = {"user.create", "user.update", "user.suspend",
                                        "user.activate"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        assert_int_equal(fixture_events(fixture, types[i]), 1);
    }
}

/* --- tiers ---------------------------------------------------------------------------------- */

static void test_a_token_without_a_tier_has_its_users(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\",\"tier\":\"pro\"}");
    struct made inherits = token_of(fixture, "alice", "");
    struct made own =
        fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\",\"tier\":\"free\"}");
    struct made nobody = token_of(fixture, "bob", "");
    assert_string_equal(tier_of(fixture, &inherits), "pro");
    assert_string_equal(tier_of(fixture, &own), "free");
    assert_string_equal(tier_of(fixture, &nobody), "free");
    struct answer answer = manage(fixture, "PATCH " USERS "/alice", "{\"tier\":\"enterprise\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(tier_of(fixture, &inherits), "enterprise");
    assert_string_equal(tier_of(fixture, &own), "free");
    assert_int_equal(manage(fixture, "PATCH " USERS "/alice", "{\"tier\":null}").status, 200);
    assert_string_equal(tier_of(fixture, &inherits), "free");
}

static void test_naming_a_tier_ends_inheritance_and_null_begins_it_again(void **state)
{
    struct fixture *fixture = *state;
    make_user(fixture, "{\"id\":\"alice\",\"tier\":\"pro\"}");
    struct made token = token_of(fixture, "alice", "");
    const char *path = printed("PATCH " TOKENS "/%s", token.id);
    struct answer answer = manage(fixture, path, "{\"tier\":\"pro\"}");
    assert_non_null(strstr(answer.body, "\"tier_inherited\":false"));
    manage(fixture, "PATCH " USERS "/alice", "{\"tier\":\"enterprise\"}");
    assert_string_equal(tier_of(fixture, &token), "pro");
    answer = manage(fixture, path, "{\"tier\":null}");
    assert_non_null(strstr(answer.body, "\"tier_inherited\":true"));
    assert_string_equal(tier_of(fixture, &token), "enterprise");
}

/* The tier limits users, so the user needs a line as soon as it has the tier. */
static void test_a_tier_of_users_holds_for_tokens_that_come_to_inherit_it(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(manage(fixture, "PUT /api/v1/tiers/team",
                            "{\"limits\":{\"minute\":2},\"subject\":\"user\"}")
                         .status,
                     200);
    struct made one = token_of(fixture, "alice", ""), two = token_of(fixture, "alice", "");
    assert_int_equal(manage(fixture, "PATCH " USERS "/alice", "{\"tier\":\"team\"}").status, 200);
    assert_int_equal(status_of_auth(fixture, &one), 200);
    assert_int_equal(status_of_auth(fixture, &two), 200);
    assert_int_equal(status_of_auth(fixture, &one), 429);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_wrong_body_is_refused_and_makes_nobody),
        WITH_FIXTURE(test_a_user_cannot_be_made_twice),
        WITH_FIXTURE(test_a_change_of_something_that_was_changed_is_412),
        WITH_FIXTURE(test_a_scope_is_needed),
        WITH_FIXTURE(test_a_user_of_another_org_does_not_exist),
        WITH_FIXTURE(test_nobody_lifts_the_bounds_of_their_own_user),
        WITH_FIXTURE(test_nobody_gives_to_a_user_with_more_scope_than_they_have),
        WITH_FIXTURE(test_a_new_user_is_answered_in_full),
        WITH_FIXTURE(test_only_what_is_given_is_changed),
        WITH_FIXTURE(test_users_are_listed_by_page_and_filter),
        WITH_FIXTURE(test_a_name_with_odd_characters_can_be_addressed),
        WITH_FIXTURE(test_a_suspended_user_is_refused_with_every_token_at_once),
        WITH_FIXTURE(test_limits_of_a_user_count_across_tokens),
        WITH_FIXTURE(test_a_user_made_with_limits_has_them_for_its_first_token),
        WITH_FIXTURE(test_every_change_has_an_event),
        WITH_FIXTURE(test_a_token_without_a_tier_has_its_users),
        WITH_FIXTURE(test_naming_a_tier_ends_inheritance_and_null_begins_it_again),
        WITH_FIXTURE(test_a_tier_of_users_holds_for_tokens_that_come_to_inherit_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
