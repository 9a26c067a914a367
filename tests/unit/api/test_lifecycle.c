/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation, holds, revoking oneself, emergencies and cleanup, by HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/json_input.h"
#include "fixture.h"
#include "unit.h"

#define SMALL "{\"user_id\":\"alice\",\"name\":\"ci\",\"scopes\":[\"api:read\"]}"
#define EMERGENCY "POST /api/v1/auth/emergency-revoke"

static struct answer act(struct fixture *fixture, const char *id, const char *action,
                         const char *body)
{
    return manage(fixture, printed("POST " TOKENS "/%s/%s", id, action), body);
}

static unsigned auth(struct fixture *fixture, const char *text)
{
    return ask(fixture, "GET /auth", bearer(text), NULL).status;
}

static void assert_refusal(const struct answer *answer, unsigned status, const char *code)
{
    assert_int_equal(answer->status, status);
    assert_string_equal(text_of(answer, "code"), code);
}

/* --- rotation ------------------------------------------------------------------------------- */

static void test_a_wrong_body_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    static const char *const bodies[] = {"{\"grace\":\"soon\"}",
                                         "{\"grace\":-1}",
                                         "{\"grace\":\"367d\"}",
                                         "{\"gracee\":1}",
                                         "{\"expires_in\":1,\"expires_in_days\":1}",
                                         "[]"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(act(fixture, made.id, "rotate", bodies[i]).status, 400);
    }
    assert_int_equal(auth(fixture, made.text), 200);
    assert_int_equal(fixture_events(fixture, "token.rotate"), 0);
}

static void test_a_rotation_answers_the_successor_once_and_the_predecessor(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer answer = act(fixture, made.id, "rotate", "{\"grace\":\"1h\"}");
    assert_int_equal(answer.status, 201);
    const char *text = text_of(&answer, "token");
    assert_memory_equal(text, "sk_live_", 8);
    assert_string_equal(text_of(&answer, "rotated_from"), made.id);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *predecessor = json_object_get(root, "predecessor");
    assert_string_equal(json_string_value(json_object_get(predecessor, "grace_until")),
                        "2026-01-01T01:00:00Z");
    assert_int_equal(auth(fixture, text), 200);
    assert_int_equal(auth(fixture, made.text), 200);
    fixture_secret(fixture, text); /* from here on no answer has it */
    struct answer again = act(fixture, made.id, "rotate", "{\"grace\":0}");
    assert_refusal(&again, 409, "conflict");
    assert_non_null(strstr(again.body, text_of(&answer, "id")));
    fixture_advance(fixture, 3600 * 1000);
    assert_int_equal(auth(fixture, made.text), 401);
    assert_int_equal(auth(fixture, text), 200);
}

static void test_without_a_body_the_configured_overlap_applies(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(act(fixture, made.id, "rotate", NULL).status, 201);
    assert_int_equal(auth(fixture, made.text), 401); /* none here */
}

static void test_a_rollback_within_the_overlap(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer rotated = act(fixture, made.id, "rotate", "{\"grace\":3600}");
    struct answer answer = act(fixture, text_of(&rotated, "id"), "rollback", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "id"), made.id);
    assert_int_equal(auth(fixture, made.text), 200);
    assert_int_equal(auth(fixture, text_of(&rotated, "token")), 401);
    struct answer again = act(fixture, made.id, "rollback", NULL);
    assert_refusal(&again, 409, "conflict");
}

static void test_a_rotation_is_held_to_the_version_that_was_read(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer answer = ask(fixture, printed("POST " TOKENS "/%s/rotate", made.id),
                               printed("%sIf-Match: \"7\"\r\n", bearer(fixture->admin.text)), NULL);
    assert_refusal(&answer, 412, "precondition_failed");
}

/* --- holds ---------------------------------------------------------------------------------- */

static void test_a_token_is_held_and_restored(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    static const struct {
        const char *action, *status;
    } rows[] = {{"disable", "disabled"}, {"quarantine", "quarantined"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer held = act(fixture, made.id, rows[i].action, "{\"reason\":\"odd use\"}");
        assert_int_equal(held.status, 200);
        assert_string_equal(text_of(&held, "status"), rows[i].status);
        struct answer refused = ask(fixture, "GET /auth", bearer(made.text), NULL);
        assert_refusal(&refused, 401, rows[i].status);
        struct answer restored = act(fixture, made.id, "restore", NULL);
        assert_string_equal(text_of(&restored, "status"), "active");
        assert_int_equal(auth(fixture, made.text), 200);
    }
    assert_int_equal(fixture_events(fixture, "token.quarantine"), 1);
    assert_int_equal(fixture_events(fixture, "token.disable"), 1);
    assert_int_equal(fixture_events(fixture, "token.restore"), 2);
}

static void test_restoring_gives_and_needs_the_scope_that_it_gives(void **state)
{
    struct fixture *fixture = *state;
    struct made weak = fixture_make(fixture, "{\"user_id\":\"op\",\"name\":\"n\",\"scopes\":"
                                             "[\"tokens:write\"]}");
    struct made strong =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"*\"],"
                              "\"kind\":\"admin\"}");
    const char *path = printed("POST " TOKENS "/%s/", strong.id);
    assert_int_equal(ask(fixture, printed("%squarantine", path), bearer(weak.text), NULL).status,
                     200);
    assert_int_equal(auth(fixture, strong.text), 401);
    assert_int_equal(ask(fixture, printed("%srestore", path), bearer(weak.text), NULL).status, 403);
    assert_int_equal(auth(fixture, strong.text), 401);
}

/* --- by who holds it -------------------------------------------------------------------------- */

static void test_a_token_revokes_itself_whatever_it_may_do(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer answer = ask(fixture, "POST /api/v1/auth/revoke", bearer(made.text), NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "id"), made.id);
    assert_string_equal(text_of(&answer, "status"), "revoked");
    assert_int_equal(auth(fixture, made.text), 401);
    assert_int_equal(ask(fixture, "POST /api/v1/auth/revoke", bearer(made.text), NULL).status, 200);
    assert_int_equal(fixture_events(fixture, "token.revoke"), 1);
}

static void test_a_held_token_can_still_be_revoked_by_its_holder(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(act(fixture, made.id, "quarantine", NULL).status, 200);
    assert_int_equal(
        ask(fixture, "POST /api/v1/auth/revoke", bearer(made.text), "{\"reason\":\"found\"}")
            .status,
        200);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", made.id), NULL);
    assert_string_equal(text_of(&answer, "revoke_reason"), "found");
}

static void test_possession_opens_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"*\"]}");
    assert_int_equal(act(fixture, made.id, "disable", NULL).status, 200);
    assert_int_equal(ask(fixture, "GET " TOKENS, bearer(made.text), NULL).status, 401);
    assert_int_equal(ask(fixture, "GET /api/v1/auth/me", bearer(made.text), NULL).status, 401);
    struct answer unknown =
        ask(fixture, "POST /api/v1/auth/revoke", bearer("sk_live_00000000000000000000"), NULL);
    assert_refusal(&unknown, 401, "not_found");
    assert_int_equal(ask(fixture, "POST /api/v1/auth/revoke", "", NULL).status, 401);
    assert_int_equal(ask_socket(fixture, "POST /api/v1/auth/revoke", "", NULL).status, 400);
}

/* --- emergency -------------------------------------------------------------------------------- */

static void test_an_emergency_that_says_not_what_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {"{}",
                                         "{\"reason\":\"r\"}",
                                         "{\"reason\":\"\",\"all\":true}",
                                         "{\"reason\":\"r\",\"all\":false}",
                                         "{\"reason\":\"r\",\"all\":true,\"user_id\":\"a\"}",
                                         "{\"reason\":\"r\",\"kind\":\"robot\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(manage(fixture, EMERGENCY, bodies[i]).status, 400);
    }
    assert_int_equal(fixture_events(fixture, "emergency.revoke"), 0);
}

static void test_an_emergency_refuses_all_but_the_callers_own(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct made other =
        fixture_make(fixture, "{\"user_id\":\"b\",\"name\":\"n\",\"org_id\":\"acme\"}");
    struct answer answer = manage(fixture, EMERGENCY, "{\"reason\":\"leak\",\"all\":true}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "spared_token_id"), fixture->admin.id);
    struct answer refused = ask(fixture, "GET /auth", bearer(made.text), NULL);
    assert_refusal(&refused, 401, "revoked");
    assert_int_equal(auth(fixture, other.text), 401);
    assert_int_equal(auth(fixture, fixture->admin.text), 200);
    struct answer list = manage(fixture, "GET /api/v1/auth/emergency-revoke", NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&list);
    assert_int_equal(json_array_size(json_object_get(root, "data")), 1);
    struct made after = fixture_make(fixture, SMALL);
    assert_int_equal(auth(fixture, after.text), 200);
}

static void test_an_emergency_of_one_org_leaves_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct made officer = fixture_make(fixture, "{\"user_id\":\"o\",\"name\":\"n\",\"org_id\":"
                                                "\"acme\",\"scopes\":[\"tokens:emergency\"]}");
    struct answer other =
        ask(fixture, EMERGENCY, bearer(officer.text), "{\"reason\":\"r\",\"org_id\":\"default\"}");
    assert_refusal(&other, 403, "forbidden");
    struct answer answer = ask(fixture, EMERGENCY, bearer(officer.text),
                               "{\"reason\":\"r\",\"all\":true,\"spare_caller\":false}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "org_id"), "acme");
    assert_int_equal(auth(fixture, officer.text), 401);
    assert_int_equal(auth(fixture, made.text), 200);
}

/* --- cleanup ---------------------------------------------------------------------------------- */

static void test_a_cleanup_counts_first_and_deletes_then(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL).status, 200);
    fixture_advance(fixture, 3600 * 1000);
    const char *path = "POST /api/v1/auth/cleanup";
    struct answer answer = manage(fixture, path, "{\"older_than\":\"30m\",\"dry_run\":true}");
    assert_int_equal(number_of(&answer, "count"), 1);
    answer = manage(fixture, path, "{\"older_than\":\"2h\"}");
    assert_int_equal(number_of(&answer, "count"), 0);
    answer = manage(fixture, path, "{\"older_than\":\"30m\"}");
    assert_int_equal(number_of(&answer, "count"), 1);
    assert_int_equal(manage(fixture, printed("GET " TOKENS "/%s", made.id), NULL).status, 404);
    assert_int_equal(manage(fixture, path, "{\"older_than\":\"soon\"}").status, 400);
    assert_int_equal(manage(fixture, path, "{}").status, 400);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wrong_body_is_refused_by_name),
        TEST(test_a_rotation_answers_the_successor_once_and_the_predecessor),
        TEST(test_without_a_body_the_configured_overlap_applies),
        TEST(test_a_rollback_within_the_overlap),
        TEST(test_a_rotation_is_held_to_the_version_that_was_read),
        TEST(test_a_token_is_held_and_restored),
        TEST(test_restoring_gives_and_needs_the_scope_that_it_gives),
        TEST(test_a_token_revokes_itself_whatever_it_may_do),
        TEST(test_a_held_token_can_still_be_revoked_by_its_holder),
        TEST(test_possession_opens_nothing_else),
        TEST(test_an_emergency_that_says_not_what_is_refused),
        TEST(test_an_emergency_refuses_all_but_the_callers_own),
        TEST(test_an_emergency_of_one_org_leaves_the_others),
        TEST(test_a_cleanup_counts_first_and_deletes_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
