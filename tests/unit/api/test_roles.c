/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: named sets of scopes that tokens have beside their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"
#include "policy/roles.h"

#define ROLES "/api/v1/roles"

static struct made token_with(struct fixture *fixture, const char *members)
{
    return fixture_make(fixture, printed("{\"user_id\":\"a\",\"name\":\"n\"%s}", members));
}

static struct answer put(struct fixture *fixture, const char *name, const char *scopes)
{
    return manage(fixture, printed("PUT " ROLES "/%s", name), printed("{\"scopes\":[%s]}", scopes));
}

static bool may(struct fixture *fixture, const struct made *token, const char *scope)
{
    unsigned status =
        ask(fixture, printed("GET /auth?scope=%s", scope), bearer(token->text), NULL).status;
    assert_true(status == 200 || status == 403);
    return status == 200;
}

static struct answer ask_as(struct fixture *fixture, const struct made *by, const char *request,
                            const char *body)
{
    return ask(fixture, request, bearer(by->text), body);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_wrong_role_is_refused(void **state)
{
    static const struct {
        const char *name, *body, *code, *member;
    } rows[] = {
        {"x", "{}", "invalid_request", "scopes"},
        {"x", "{\"scopes\":[\"a b\"]}", "invalid_request", "scopes"},
        {"x", "{\"scopes\":[],\"name\":\"y\"}", "unknown_member", "name"},
        {"X", "{\"scopes\":[]}", "invalid_request", "name"},
        {"admin", "{\"scopes\":[]}", "conflict", "name"},
        {"operator", "{\"scopes\":[]}", "conflict", "name"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer =
            manage(fixture, printed("PUT " ROLES "/%s", rows[i].name), rows[i].body);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(manage(fixture, "GET " ROLES "/x", NULL).status, 404);
    assert_int_equal(manage(fixture, "DELETE " ROLES "/x", NULL).status, 404);
    assert_int_equal(manage(fixture, "DELETE " ROLES "/admin", NULL).status, 409);
    struct answer answer =
        manage(fixture, "POST " TOKENS, "{\"user_id\":\"a\",\"name\":\"n\",\"role\":\"x\"}");
    assert_int_equal(answer.status, 404);
    assert_string_equal(text_of(&answer, "member"), "role");
}

static void test_nobody_grants_or_edits_more_than_they_have(void **state)
{
    struct fixture *fixture = *state;
    struct made own = token_with(fixture, ",\"scopes\":[\"roles:*\",\"tokens:*\",\"a:read\"]");
    assert_int_equal(put(fixture, "big", "\"b:read\"").status, 201);
    assert_int_equal(
        ask_as(fixture, &own, "PUT " ROLES "/mine", "{\"scopes\":[\"b:read\"]}").status, 403);
    assert_int_equal(ask_as(fixture, &own, "PUT " ROLES "/big", "{\"scopes\":[\"a:read\"]}").status,
                     403);
    assert_int_equal(ask_as(fixture, &own, "DELETE " ROLES "/big", NULL).status, 403);
    assert_int_equal(
        ask_as(fixture, &own, "PUT " ROLES "/mine", "{\"scopes\":[\"a:read\"]}").status, 201);
    static const char *const names[] = {"big", "admin", "operator"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *body = printed("{\"user_id\":\"a\",\"name\":\"n\",\"role\":\"%s\"}", names[i]);
        struct answer answer = ask_as(fixture, &own, "POST " TOKENS, body);
        assert_int_equal(answer.status, 403);
        assert_string_equal(text_of(&answer, "member"), "role");
    }
    struct made other = token_with(fixture, "");
    assert_int_equal(
        ask_as(fixture, &own, printed("PATCH " TOKENS "/%s", other.id), "{\"role\":\"big\"}")
            .status,
        403);
}

/* A role that an administrator has beside scopes of their own is not for others to edit. */
static void test_a_role_of_a_token_with_more_scope_cannot_be_edited(void **state)
{
    struct fixture *fixture = *state;
    struct made own = token_with(fixture, ",\"scopes\":[\"roles:*\",\"a:*\"]");
    assert_int_equal(put(fixture, "shared", "\"a:read\"").status, 201);
    struct made boss = token_with(fixture, ",\"scopes\":[\"*\"],\"role\":\"shared\"");
    assert_int_equal(
        ask_as(fixture, &own, "PUT " ROLES "/shared", "{\"scopes\":[\"a:write\"]}").status, 403);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", boss.id), NULL).status, 200);
    assert_int_equal(
        ask_as(fixture, &own, "PUT " ROLES "/shared", "{\"scopes\":[\"a:write\"]}").status, 200);
}

static void test_a_role_that_tokens_have_cannot_be_deleted(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "deploy", "\"a:read\"");
    struct made made = token_with(fixture, ",\"role\":\"deploy\"");
    token_with(fixture, ",\"role\":\"deploy\"");
    struct answer answer = manage(fixture, "DELETE " ROLES "/deploy", NULL);
    assert_int_equal(answer.status, 409);
    assert_string_equal(text_of(&answer, "detail"), "2 tokens have this role");
    assert_int_equal(
        manage(fixture, printed("PATCH " TOKENS "/%s", made.id), "{\"role\":null}").status, 200);
    answer = manage(fixture, "DELETE " ROLES "/deploy", NULL);
    assert_string_equal(text_of(&answer, "detail"), "1 token has this role");
}

static void test_names_are_not_ambiguous(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, "a", "").status, 201);
    assert_int_equal(put(fixture, "a?org_id=acme", "").status, 201);
    assert_int_equal(put(fixture, "a?org_id=*", "").status, 409);
    assert_int_equal(put(fixture, "b?org_id=*", "").status, 201);
    assert_int_equal(put(fixture, "b", "").status, 409);
    assert_int_equal(put(fixture, "b?org_id=*", "\"x\"").status, 200);
    struct made here = token_with(fixture, ",\"scopes\":[\"roles:*\",\"x\"]");
    assert_int_equal(ask_as(fixture, &here, "PUT " ROLES "/c?org_id=*", "{\"scopes\":[]}").status,
                     403);
    assert_int_equal(
        ask_as(fixture, &here, "PUT " ROLES "/c?org_id=acme", "{\"scopes\":[]}").status, 403);
    assert_int_equal(ask_as(fixture, &here, "GET " ROLES "/a?org_id=acme", NULL).status, 404);
    assert_int_equal(ask_as(fixture, &here, "DELETE " ROLES "/b", NULL).status, 404);
}

static void test_a_union_with_too_many_scopes_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    char scopes[2000] = "";
    for (int i = 0; i < SCOPES_PER_TOKEN_MAX; i++) {
        snprintf(scopes + strlen(scopes), sizeof scopes - strlen(scopes), "%s\"s:%d\"",
                 i > 0 ? "," : "", i);
    }
    put(fixture, "r", "\"s:0\"");
    struct made made = token_with(fixture, printed(",\"scopes\":[%s],\"role\":\"r\"", scopes));
    struct answer answer = put(fixture, "r", "\"t:0\"");
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(text_of(&answer, "detail"), made.id));
    answer = manage(fixture, "GET " ROLES "/r", NULL);
    assert_non_null(strstr(answer.body, "\"scopes\":[\"s:0\"]"));
    assert_false(may(fixture, &made, "t:0"));
}

/* --- what is made and shown ----------------------------------------------------------------- */

static void test_the_built_in_roles_are_there(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = manage(fixture, "GET " ROLES, NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    assert_int_equal(json_array_size(json_object_get(root, "data")), ROLES_BUILT_IN);
    answer = manage(fixture, "GET " ROLES "/admin", NULL);
    assert_string_equal(answer.body, "{\"name\":\"admin\",\"object\":\"role\",\"org_id\":null,"
                                     "\"scopes\":[\"*\"],\"built_in\":true,"
                                     "\"created_at\":\"2026-01-01T00:00:00Z\","
                                     "\"updated_at\":\"2026-01-01T00:00:00Z\",\"version\":1}");
}

static void test_a_role_is_made_replaced_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = put(fixture, "deploy", "\"b\",\"a\",\"a\"");
    assert_int_equal(answer.status, 201);
    assert_string_equal(answer.body, "{\"name\":\"deploy\",\"object\":\"role\","
                                     "\"org_id\":\"default\",\"scopes\":[\"a\",\"b\"],"
                                     "\"built_in\":false,\"created_at\":\"2026-01-01T00:00:00Z\","
                                     "\"updated_at\":\"2026-01-01T00:00:00Z\",\"version\":1,"
                                     "\"tokens\":0}");
    answer = put(fixture, "deploy", "\"a\"");
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "ETag"), "\"2\"");
    const char *old = printed("%sIf-Match: \"1\"\r\n", bearer(fixture->admin.text));
    assert_int_equal(ask(fixture, "DELETE " ROLES "/deploy", old, NULL).status, 412);
    assert_int_equal(manage(fixture, "DELETE " ROLES "/deploy", NULL).status, 204);
    assert_int_equal(manage(fixture, "GET " ROLES "/deploy", NULL).status, 404);
    assert_int_equal(fixture_events(fixture, "role.put"), 2);
    assert_int_equal(fixture_events(fixture, "role.delete"), 1);
}

static void test_a_token_has_its_own_scopes_and_its_roles(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "deploy", "\"app:deploy\"");
    struct made made = token_with(fixture, ",\"scopes\":[\"app:read\"],\"role\":\"deploy\"");
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", made.id), NULL);
    assert_string_equal(text_of(&answer, "role"), "deploy");
    assert_non_null(strstr(answer.body, "\"scopes\":[\"app:deploy\",\"app:read\"]"));
    assert_non_null(strstr(answer.body, "\"own_scopes\":[\"app:read\"]"));
    assert_true(may(fixture, &made, "app:deploy"));
    const char *path = printed("PATCH " TOKENS "/%s", made.id);
    assert_int_equal(manage(fixture, path, "{\"scopes\":[]}").status, 200);
    assert_true(may(fixture, &made, "app:deploy"));
    assert_false(may(fixture, &made, "app:read"));
    assert_int_equal(manage(fixture, path, "{\"role\":null}").status, 200);
    assert_false(may(fixture, &made, "app:deploy"));
    assert_int_equal(manage(fixture, path, "{\"role\":\"auditor\"}").status, 200);
    assert_true(may(fixture, &made, "audit:read"));
}

static void test_a_changed_role_holds_for_the_next_request_of_all_its_tokens(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "deploy", "\"app:read\"");
    struct made made[3];
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        made[i] = token_with(fixture, printed(",\"scopes\":[\"own:%zu\"],\"role\":\"deploy\"", i));
    }
    struct made other = token_with(fixture, ",\"scopes\":[\"app:read\"]");
    struct answer answer = put(fixture, "deploy", "\"app:write\"");
    assert_int_equal(number_of(&answer, "tokens"), COUNT_OF(made));
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        assert_true(may(fixture, &made[i], "app:write"));
        assert_false(may(fixture, &made[i], "app:read"));
        assert_true(may(fixture, &made[i], printed("own:%zu", i)));
        answer = manage(fixture, printed("GET " TOKENS "/%s", made[i].id), NULL);
        assert_string_equal(header_of(&answer, "ETag"), "\"2\"");
    }
    assert_true(may(fixture, &other, "app:read"));
}

static void test_an_admin_role_manages_and_a_user_role_does_not(void **state)
{
    struct fixture *fixture = *state;
    struct made admin = token_with(fixture, ",\"role\":\"admin\"");
    struct made user = token_with(fixture, ",\"role\":\"user\"");
    assert_int_equal(ask_as(fixture, &admin, "GET /api/v1/orgs", NULL).status, 200);
    assert_int_equal(ask_as(fixture, &user, "GET " TOKENS, NULL).status, 403);
    assert_int_equal(ask_as(fixture, &user, "GET /api/v1/auth/me", NULL).status, 200);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_wrong_role_is_refused),
        WITH_FIXTURE(test_nobody_grants_or_edits_more_than_they_have),
        WITH_FIXTURE(test_a_role_of_a_token_with_more_scope_cannot_be_edited),
        WITH_FIXTURE(test_a_role_that_tokens_have_cannot_be_deleted),
        WITH_FIXTURE(test_names_are_not_ambiguous),
        WITH_FIXTURE(test_a_union_with_too_many_scopes_changes_nothing),
        WITH_FIXTURE(test_the_built_in_roles_are_there),
        WITH_FIXTURE(test_a_role_is_made_replaced_and_deleted),
        WITH_FIXTURE(test_a_token_has_its_own_scopes_and_its_roles),
        WITH_FIXTURE(test_a_changed_role_holds_for_the_next_request_of_all_its_tokens),
        WITH_FIXTURE(test_an_admin_role_manages_and_a_user_role_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
