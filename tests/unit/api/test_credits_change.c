/* SPDX-License-Identifier: Apache-2.0 */
/* Credits with an update of the token, and changes of credits that are made once for their key. */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define DAY_MS INT64_C(86400000)
#define PATCH(made) printed("PATCH " TOKENS "/%s", (made).id)
#define PUT_CREDITS(made) printed("PUT " TOKENS "/%s/credits", (made).id)

/* A token of alice's with 10 credits, and 8 a day from tomorrow on. */
static struct made make_metered(struct fixture *fixture)
{
    return fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"m\",\"credits\":{\"remaining\":"
                                 "10,\"refill\":{\"interval\":\"daily\",\"amount\":8}}}");
}

static struct made make_unlimited(struct fixture *fixture)
{
    return fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"u\"}");
}

/* `credits.remaining` of a body; -1 when `credits` is null. */
static int64_t left_in(const struct answer *answer)
{
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    const json_t *credits = json_object_get(root, "credits");
    assert_non_null(credits);
    return json_is_null(credits) ? -1 : json_integer_value(json_object_get(credits, "remaining"));
}

static int64_t remaining(struct fixture *fixture, struct made token)
{
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s/credits", token.id), NULL);
    assert_int_equal(answer.status, 200);
    return left_in(&answer);
}

static unsigned use(struct fixture *fixture, struct made token, int cost)
{
    return ask(fixture, printed("GET /auth?cost=%d", cost), bearer(token.text), NULL).status;
}

static struct answer with(struct fixture *fixture, const char *request, const char *headers,
                          const char *body)
{
    return ask(fixture, request, printed("%s%s", bearer(fixture->admin.text), headers), body);
}

static struct answer with_key(struct fixture *fixture, const char *request, const char *key,
                              const char *body)
{
    return with(fixture, request, printed("Idempotency-Key: %s\r\n", key), body);
}

static bool is_replayed(const struct answer *answer)
{
    assert_int_equal(answer->status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    assert_true(json_is_boolean(json_object_get(root, "replayed")));
    return json_is_true(json_object_get(root, "replayed"));
}

/* --- with an update: what is refused -------------------------------------------------------- */

static void test_a_member_that_gives_nothing_clear_is_refused(void **state)
{
    static const struct {
        const char *credits, *code, *member;
    } rows[] = {
        {"{}", "invalid_request", "credits"},
        {"5", "invalid_request", "credits"},
        {"true", "invalid_request", "credits"},
        {"[]", "invalid_request", "credits"},
        {"{\"remaining\":-1}", "out_of_range", "credits.remaining"},
        {"{\"remaining\":1000000000001}", "out_of_range", "credits.remaining"},
        {"{\"remaining\":null}", "invalid_request", "credits.remaining"},
        {"{\"add\":1}", "unknown_member", "credits.add"},
        {"{\"subtract\":1}", "unknown_member", "credits.subtract"},
        {"{\"unlimited\":true}", "unknown_member", "credits.unlimited"},
        {"{\"refill\":{\"interval\":\"weekly\",\"amount\":1}}", "invalid_request",
         "credits.refill.interval"},
        {"{\"refill\":{\"interval\":\"daily\"}}", "invalid_request", "credits.refill.amount"},
    };
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(
            fixture, PATCH(token), printed("{\"name\":\"other\",\"credits\":%s}", rows[i].credits));
        assert_int_equal(answer.status, 400);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(remaining(fixture, token), 10);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    assert_string_equal(text_of(&answer, "name"), "m");
}

static void test_it_takes_the_scopes_of_both(void **state)
{
    static const struct {
        const char *scopes;
        unsigned status;
    } rows[] = {
        {"\"tokens:write\"", 403},
        {"\"credits:write\"", 403},
        {"\"tokens:write\",\"credits:read\"", 403},
        {"\"tokens:write\",\"credits:write\"", 200},
        {"\"tokens:*\",\"credits:*\"", 200},
    };
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct made caller =
            fixture_make(fixture, printed("{\"user_id\":\"c\",\"name\":\"c%zu\",\"scopes\":[%s]}",
                                          i, rows[i].scopes));
        struct answer answer = ask(fixture, PATCH(token), bearer(caller.text),
                                   "{\"name\":\"n\",\"credits\":{\"remaining\":5}}");
        assert_int_equal(answer.status, rows[i].status);
        assert_int_equal(remaining(fixture, token), rows[i].status == 200 ? 5 : 10);
        if (i == 0) {
            assert_code(answer, "forbidden");
            assert_string_equal(text_of(&answer, "member"), "credits");
            assert_int_equal(
                ask(fixture, PATCH(token), bearer(caller.text), "{\"name\":\"n\"}").status, 200);
        }
        manage(fixture, PUT_CREDITS(token), "{\"remaining\":10}");
    }
}

static void test_a_token_cannot_give_itself_credits(void **state)
{
    struct fixture *fixture = *state;
    struct made own = fixture_make(fixture, "{\"user_id\":\"o\",\"name\":\"o\",\"credits\":"
                                            "{\"remaining\":1},\"scopes\":[\"tokens:write\","
                                            "\"credits:write\"]}");
    static const char *const bodies[] = {"{\"credits\":null}", "{\"credits\":{\"remaining\":9}}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct answer answer = ask(fixture, PATCH(own), bearer(own.text), bodies[i]);
        assert_int_equal(answer.status, 403);
        assert_string_equal(text_of(&answer, "member"), "credits");
    }
    assert_int_equal(remaining(fixture, own), 1);
}

static void test_another_organisations_token_and_a_revoked_one_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct made eve = fixture_make(fixture, "{\"user_id\":\"eve\",\"name\":\"e\",\"org_id\":"
                                            "\"other\",\"scopes\":[\"tokens:write\","
                                            "\"credits:write\"]}");
    const char *body = "{\"credits\":{\"remaining\":5}}";
    assert_int_equal(ask(fixture, PATCH(token), bearer(eve.text), body).status, 404);
    struct answer answer =
        ask(fixture, PUT_CREDITS(token), printed("%sIdempotency-Key: k\r\n", bearer(eve.text)),
            "{\"add\":5}");
    assert_int_equal(answer.status, 404);
    assert_int_equal(remaining(fixture, token), 10);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", token.id), NULL).status, 200);
    assert_int_equal(manage(fixture, PATCH(token), body).status, 409);
}

static void test_an_update_of_another_version_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    const char *first = header_of(&answer, "ETag");
    const char *condition = printed("If-Match: %s\r\n", first);
    answer = with(fixture, PATCH(token), condition, "{\"credits\":{\"remaining\":50}}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(left_in(&answer), 50);
    assert_string_not_equal(header_of(&answer, "ETag"), first);
    answer = with(fixture, PATCH(token), condition, "{\"credits\":{\"remaining\":99}}");
    assert_int_equal(answer.status, 412);
    assert_int_equal(remaining(fixture, token), 50);
    answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    condition = printed("If-Match: %s\r\n", header_of(&answer, "ETag"));
    assert_int_equal(with(fixture, PATCH(token), condition, "{\"credits\":null}").status, 200);
    assert_int_equal(with(fixture, PATCH(token), condition, "{\"credits\":null}").status, 412);
    assert_int_equal(remaining(fixture, token), -1);
}

/* --- with an update: what it does ----------------------------------------------------------- */

static void test_an_update_gives_changes_and_removes_credits(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    static const struct {
        const char *credits;
        int64_t expected;
    } rows[] = {
        {"{\"remaining\":100}", 100},
        {"{\"remaining\":3}", 3},
        {"null", -1},
        {"null", -1},
        {"{\"refill\":{\"interval\":\"daily\",\"amount\":6}}", 6},
        {"{\"remaining\":2}", 2}, /* and the refill stays */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer =
            manage(fixture, PATCH(token), printed("{\"credits\":%s}", rows[i].credits));
        assert_int_equal(answer.status, 200);
        assert_int_equal(left_in(&answer), rows[i].expected);
        assert_int_equal(remaining(fixture, token), rows[i].expected);
    }
    assert_int_equal(use(fixture, token, 2), 200);
    assert_int_equal(use(fixture, token, 1), 429);
    fixture_advance(fixture, DAY_MS);
    assert_int_equal(remaining(fixture, token), 6);
    struct answer answer = manage(fixture, PATCH(token), "{\"credits\":{\"refill\":null}}");
    assert_int_equal(left_in(&answer), 6);
    fixture_advance(fixture, DAY_MS);
    assert_int_equal(use(fixture, token, 6), 200);
    assert_int_equal(use(fixture, token, 1), 429);
}

static void test_it_goes_with_whatever_else_is_updated(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    struct answer answer =
        manage(fixture, PATCH(token),
               "{\"name\":\"renamed\",\"tier\":\"pro\",\"credits\":{\"remaining\":7}}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "name"), "renamed");
    assert_string_equal(text_of(&answer, "tier"), "pro");
    assert_int_equal(left_in(&answer), 7);
    assert_false(is_replayed(&answer));
    answer = ask(fixture, "GET /auth?cost=3", bearer(token.text), NULL);
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "4");
    assert_string_equal(header_of(&answer, "X-Auth-Token-Name"), "renamed");
    assert_int_equal(fixture_events(fixture, "token.update"), 1);
    assert_int_equal(fixture_events(fixture, "credits.set"), 1);
    assert_int_equal(manage(fixture, PATCH(token), "{\"name\":\"again\"}").status, 200);
    assert_int_equal(remaining(fixture, token), 4);
    assert_int_equal(fixture_events(fixture, "credits.set"), 1);
}

/* The lineage has them, and so have keys that were made of them, until there are none. */
static void test_versions_and_own_keys_follow(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture), successor = {0}, key = {0};
    struct answer answer = ask(fixture, "POST /api/keys", bearer(token.text), "{\"name\":\"k\"}");
    snprintf(key.text, sizeof key.text, "%s", text_of(&answer, "api_key"));
    snprintf(key.id, sizeof key.id, "%s", text_of(&answer, "key_id"));
    fixture_secret(fixture, key.text);
    answer = manage(fixture, printed("POST " TOKENS "/%s/rotate", token.id), "{\"grace\":\"1h\"}");
    snprintf(successor.text, sizeof successor.text, "%s", text_of(&answer, "token"));
    snprintf(successor.id, sizeof successor.id, "%s", text_of(&answer, "id"));
    fixture_secret(fixture, successor.text);
    const struct made all[] = {token, key, successor};
    static const struct {
        const char *body;
        int64_t expected;
    } rows[] = {
        {"{\"credits\":{\"remaining\":4}}", 4},
        {"{\"credits\":null}", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(manage(fixture, PATCH(successor), rows[i].body).status, 200);
        for (size_t j = 0; j < COUNT_OF(all); j++) {
            int64_t used = rows[i].expected < 0 ? 0 : (int64_t)j;
            assert_int_equal(remaining(fixture, all[j]), rows[i].expected - used);
            assert_int_equal(use(fixture, all[j], 1), 200);
        }
    }
    manage(fixture, PATCH(successor), "{\"credits\":{\"remaining\":2}}");
    assert_int_equal(use(fixture, token, 2), 200);
    assert_int_equal(use(fixture, successor, 1), 429);
    assert_int_equal(remaining(fixture, key), -1);
}

static const char *reserve(struct fixture *fixture, struct made token, int amount)
{
    struct answer answer =
        manage(fixture, "POST /api/v1/credits/reserve",
               printed("{\"token_id\":\"%s\",\"amount\":%d,\"ttl\":\"1h\"}", token.id, amount));
    assert_int_equal(answer.status, 201);
    return text_of(&answer, "id");
}

static void test_what_is_reserved_stays_beside_what_is_set(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    const char *id = reserve(fixture, token, 6);
    assert_int_equal(manage(fixture, PATCH(token), "{\"credits\":{\"remaining\":20}}").status, 200);
    assert_int_equal(remaining(fixture, token), 20);
    struct answer answer =
        manage(fixture, printed("POST /api/v1/credits/%s/settle", id), "{\"amount\":2}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(remaining(fixture, token), 24);
}

static void test_what_was_reserved_is_not_given_back_to_credits_that_are_gone(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    const char *first = reserve(fixture, token, 3);
    const char *second = reserve(fixture, token, 3);
    assert_int_equal(manage(fixture, PATCH(token), "{\"credits\":null}").status, 200);
    struct answer answer = manage(fixture, printed("POST /api/v1/credits/%s/refund", first), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(remaining(fixture, token), -1);
    assert_int_equal(manage(fixture, PATCH(token), "{\"credits\":{\"remaining\":5}}").status, 200);
    answer = manage(fixture, printed("POST /api/v1/credits/%s/refund", second), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(remaining(fixture, token), 5);
}

/* --- once for a key ------------------------------------------------------------------------- */

static void test_a_key_adds_subtracts_and_sets_once(void **state)
{
    static const struct {
        const char *body;
        int64_t expected; /* after it, and a use of 1 */
    } rows[] = {
        {"{\"add\":5}", 14},
        {"{\"subtract\":4}", 9},
        {"{\"remaining\":30}", 29},
        {"{\"remaining\":3,\"refill\":{\"interval\":\"monthly\",\"amount\":9}}", 2},
        {"{\"unlimited\":true}", -1},
    };
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *key = printed("change-%zu", i);
        struct answer answer = with_key(fixture, PUT_CREDITS(token), key, rows[i].body);
        assert_false(is_replayed(&answer));
        assert_int_equal(use(fixture, token, 1), 200);
        for (int again = 0; again < 2; again++) {
            answer = with_key(fixture, PUT_CREDITS(token), key, rows[i].body);
            assert_true(is_replayed(&answer));
            assert_int_equal(left_in(&answer), rows[i].expected);
            assert_non_null(header_of(&answer, "ETag"));
        }
        assert_int_equal(remaining(fixture, token), rows[i].expected);
    }
    assert_int_equal(fixture_events(fixture, "credits.set"), COUNT_OF(rows));
    /* Made unlimited once: what was set since then stays. */
    manage(fixture, PUT_CREDITS(token), "{\"remaining\":6}");
    struct answer answer = with_key(fixture, PUT_CREDITS(token), "change-4", rows[4].body);
    assert_true(is_replayed(&answer));
    assert_int_equal(left_in(&answer), 6);
}

static void test_without_a_key_it_is_done_again(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    for (int i = 1; i <= 2; i++) {
        struct answer answer = manage(fixture, PUT_CREDITS(token), "{\"add\":5}");
        assert_false(is_replayed(&answer));
        assert_int_equal(left_in(&answer), 10 + 5 * i);
    }
}

static void test_a_key_that_came_with_another_request_is_a_mismatch(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture), other = make_metered(fixture);
    assert_int_equal(with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}").status, 200);
    const struct {
        const char *request, *body;
    } rows[] = {
        {PUT_CREDITS(token), "{\"add\":6}"},
        {PUT_CREDITS(token), "{\"subtract\":5}"},
        {PUT_CREDITS(other), "{\"add\":5}"},
        {PATCH(token), "{\"credits\":{\"remaining\":5}}"},
        {printed("POST " TOKENS "/%s/rotate", token.id), "{}"},
        {"POST " TOKENS, "{\"user_id\":\"alice\",\"name\":\"new\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = with_key(fixture, rows[i].request, "k", rows[i].body);
        assert_int_equal(answer.status, 422);
        assert_code(answer, "idempotency_mismatch");
    }
    assert_int_equal(remaining(fixture, token), 15);
    assert_int_equal(remaining(fixture, other), 10);
}

/* The same body to another path is another request. */
static void test_a_rotation_is_no_answer_to_an_update(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    const char *body = "{\"expires_in\":\"20d\"}";
    assert_int_equal(with_key(fixture, PATCH(token), "k", body).status, 200);
    struct answer answer =
        with_key(fixture, printed("POST " TOKENS "/%s/rotate", token.id), "k", body);
    assert_int_equal(answer.status, 422);
}

static void test_a_key_is_its_users(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct made caller =
        fixture_make(fixture, "{\"user_id\":\"c\",\"name\":\"c\",\"scopes\":[\"credits:write\"]}");
    assert_int_equal(with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}").status, 200);
    struct answer answer =
        ask(fixture, PUT_CREDITS(token), printed("%sIdempotency-Key: k\r\n", bearer(caller.text)),
            "{\"add\":5}");
    assert_false(is_replayed(&answer));
    assert_int_equal(remaining(fixture, token), 20);
}

static void test_a_refusal_is_not_kept_under_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    assert_int_equal(with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}").status, 409);
    manage(fixture, PUT_CREDITS(token), "{\"remaining\":1}");
    struct answer answer = with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}");
    assert_false(is_replayed(&answer));
    assert_int_equal(remaining(fixture, token), 6);
}

static void test_a_key_that_is_no_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    char lengthy[300];
    memset(lengthy, 'k', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = '\0';
    const char *keys[] = {"", lengthy};
    static const char *const bodies[] = {"{\"credits\":{\"remaining\":5}}", "{\"remaining\":5}"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_int_equal(with_key(fixture, PATCH(token), keys[i], bodies[0]).status, 400);
        assert_int_equal(with_key(fixture, PUT_CREDITS(token), keys[i], bodies[1]).status, 400);
    }
    /* A token of ours as a key would stand in the database. */
    const char *headers = printed("X-API-Key: %s\r\nIdempotency-Key: %s\r\n", fixture->admin.text,
                                  fixture->admin.text);
    struct answer answer = ask(fixture, PUT_CREDITS(token), headers, bodies[1]);
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "Idempotency-Key");
    answer = ask(fixture, PATCH(token), headers, bodies[0]);
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "Idempotency-Key");
    assert_int_equal(remaining(fixture, token), 10);
}

static void test_an_update_with_a_key_is_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = manage(fixture, printed("GET " TOKENS "/%s", token.id), NULL);
    const char *headers =
        printed("Idempotency-Key: u\r\nIf-Match: %s\r\n", header_of(&answer, "ETag"));
    const char *body = "{\"name\":\"renamed\",\"credits\":{\"remaining\":10}}";
    answer = with(fixture, PATCH(token), headers, body);
    assert_false(is_replayed(&answer));
    assert_int_equal(use(fixture, token, 4), 200);
    /* The condition was met when it was made, and does not stand in the way of the answer. */
    answer = with(fixture, PATCH(token), headers, body);
    assert_true(is_replayed(&answer));
    assert_int_equal(left_in(&answer), 6);
    assert_int_equal(remaining(fixture, token), 6);
    assert_int_equal(fixture_events(fixture, "token.update"), 1);
    answer = with_key(fixture, PATCH(token), "u", "{\"credits\":{\"remaining\":11}}");
    assert_int_equal(answer.status, 422);
}

static void test_a_key_is_forgotten_after_a_day(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    manage(fixture, PUT_CREDITS(token), "{\"remaining\":1}");
    assert_int_equal(with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}").status, 200);
    fixture_advance(fixture, DAY_MS + 1000);
    struct answer answer = with_key(fixture, PUT_CREDITS(token), "k", "{\"add\":5}");
    assert_false(is_replayed(&answer));
    assert_int_equal(remaining(fixture, token), 11);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_member_that_gives_nothing_clear_is_refused),
        TEST(test_it_takes_the_scopes_of_both),
        TEST(test_a_token_cannot_give_itself_credits),
        TEST(test_another_organisations_token_and_a_revoked_one_are_refused),
        TEST(test_an_update_of_another_version_changes_nothing),
        TEST(test_an_update_gives_changes_and_removes_credits),
        TEST(test_it_goes_with_whatever_else_is_updated),
        TEST(test_versions_and_own_keys_follow),
        TEST(test_what_is_reserved_stays_beside_what_is_set),
        TEST(test_what_was_reserved_is_not_given_back_to_credits_that_are_gone),
        TEST(test_a_key_adds_subtracts_and_sets_once),
        TEST(test_without_a_key_it_is_done_again),
        TEST(test_a_key_that_came_with_another_request_is_a_mismatch),
        TEST(test_a_rotation_is_no_answer_to_an_update),
        TEST(test_a_key_is_its_users),
        TEST(test_a_refusal_is_not_kept_under_its_key),
        TEST(test_a_key_that_is_no_key_is_refused),
        TEST(test_an_update_with_a_key_is_made_once),
        TEST(test_a_key_is_forgotten_after_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
