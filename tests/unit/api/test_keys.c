/* SPDX-License-Identifier: Apache-2.0 */
/* Self-service: keys that users make for themselves, and whole families of keys revoked. */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define KEYS "/api/keys"
#define USER "{\"user_id\":\"user_123\",\"name\":\"first\""
#define PLAIN "{\"name\":\"second\"}"

static struct answer as(struct fixture *fixture, const struct made *key, const char *request,
                        const char *body)
{
    return ask(fixture, request, printed("X-API-Key: %s\r\n", key->text), body);
}

static struct made made_by(struct fixture *fixture, const struct made *maker, const char *body)
{
    struct made made = {0};
    struct answer answer = as(fixture, maker, "POST " KEYS, body);
    assert_int_equal(answer.status, 201);
    snprintf(made.text, sizeof made.text, "%s", text_of(&answer, "api_key"));
    snprintf(made.id, sizeof made.id, "%s", text_of(&answer, "key_id"));
    fixture_secret(fixture, made.text);
    return made;
}

static struct made user_key(struct fixture *fixture, const char *more)
{
    return fixture_make(fixture, printed(USER "%s}", more));
}

static unsigned status_with(struct fixture *fixture, const struct made *key)
{
    return ask(fixture, "GET /auth", bearer(key->text), NULL).status;
}

/* --- never more than the caller has --------------------------------------------------------- */

static void test_a_key_with_more_than_the_caller_has_is_refused_by_name(void **state)
{
    static const struct {
        const char *maker, *body, *member;
    } rows[] = {
        {",\"scopes\":[\"a:x\"]", "{\"name\":\"n\",\"scopes\":[\"a:y\"]}", "scopes"},
        {",\"scopes\":[\"a:x\"]", "{\"name\":\"n\",\"scopes\":[\"*\"]}", "scopes"},
        {"", "{\"name\":\"n\",\"tier\":\"pro\"}", "tier"},
        {",\"env\":\"test\"", "{\"name\":\"n\",\"env\":\"live\"}", "env"},
        {",\"limits\":{\"minute\":5}", "{\"name\":\"n\",\"limits\":{\"minute\":6}}",
         "limits.minute"},
        {"", "{\"name\":\"n\",\"limits\":{\"day\":\"unlimited\"}}", "limits.day"},
        {",\"allowed_ips\":[\"127.0.0.0/8\"]",
         "{\"name\":\"n\",\"allowed_ips\":[\"127.0.0.0/8\",\"10.0.0.0/8\"]}", "allowed_ips"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct made key = user_key(fixture, rows[i].maker);
        struct answer answer = as(fixture, &key, "POST " KEYS, rows[i].body);
        assert_int_equal(answer.status, 403);
        assert_code(answer, "forbidden");
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
}

/* Scope `*` has other ways; here it is bound like everybody. */
static void test_an_admin_token_makes_an_ordinary_key_of_its_own_user(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask(fixture, "POST " KEYS, bearer(fixture->admin.text), PLAIN);
    assert_int_equal(answer.status, 201);
    assert_string_equal(text_of(&answer, "kind"), "user");
    assert_non_null(strstr(answer.body, "\"scopes\":[]"));
    answer = ask(fixture, "POST " KEYS, bearer(fixture->admin.text),
                 "{\"name\":\"n\",\"user_id\":\"alice\"}");
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "user_id");
}

static void test_what_was_not_asked_for_is_the_callers(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, ",\"env\":\"test\",\"tier\":\"pro\",\"limits\":"
                                        "{\"minute\":9},\"allowed_ips\":[\"127.0.0.0/8\"],"
                                        "\"scopes\":[\"a:x\"]");
    struct answer answer = as(fixture, &key, "POST " KEYS, PLAIN);
    assert_int_equal(answer.status, 201);
    assert_memory_equal(text_of(&answer, "api_key"), "sk_test_", 8);
    assert_string_equal(text_of(&answer, "tier"), "pro");
    assert_non_null(strstr(answer.body, "\"limits\":{\"minute\":9,\"hour\":null,\"day\":null}"));
    assert_non_null(strstr(answer.body, "\"allowed_ips\":[\"127.0.0.0/8\"]"));
    assert_non_null(strstr(answer.body, "\"scopes\":[]"));
}

/* An override may not be lost by choosing a tier, nor raise a smaller one. */
static void test_limits_of_the_callers_own_hold_in_a_tier_that_allows_more(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, ",\"tier\":\"pro\",\"limits\":{\"minute\":100}");
    struct answer answer = as(fixture, &key, "POST " KEYS, "{\"name\":\"n\",\"tier\":\"free\"}");
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body, "\"limits\":{\"minute\":null,"));
    key = user_key(fixture, ",\"tier\":\"pro\",\"limits\":{\"minute\":10}");
    answer = as(fixture, &key, "POST " KEYS, "{\"name\":\"n\",\"tier\":\"free\"}");
    assert_non_null(strstr(answer.body, "\"limits\":{\"minute\":10,"));
}

static void test_a_key_ends_with_the_one_that_made_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {"{\"name\":\"n\",\"expires_in_days\":365}",
                                         "{\"name\":\"n\",\"expires_at\":null}", PLAIN};
    struct made key = user_key(fixture, ",\"expires_at\":\"2026-02-01T00:00:00Z\"");
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct answer answer = as(fixture, &key, "POST " KEYS, bodies[i]);
        assert_int_equal(answer.status, 201);
        assert_string_equal(text_of(&answer, "expires_at"), "2026-02-01T00:00:00Z");
        assert_non_null(strstr(answer.body, "\"code\":\"lifetime_clamped\""));
    }
    struct answer answer =
        as(fixture, &key, "POST " KEYS, "{\"name\":\"n\",\"expires_in_days\":30}");
    assert_string_equal(text_of(&answer, "expires_at"), "2026-01-31T00:00:00Z");
    assert_non_null(strstr(answer.body, "\"warnings\":[]"));
}

static void test_a_user_has_a_maximum_of_keys_that_live(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, ""), last = {0};
    for (int i = 1; i < FIXTURE_OWN_KEYS_MAX; i++) { /* the admin's token made the first */
        last = made_by(fixture, &key, PLAIN);
    }
    struct answer answer = as(fixture, &key, "POST " KEYS, PLAIN);
    assert_int_equal(answer.status, 409);
    assert_code(answer, "capacity");
    answer = as(fixture, &key, printed("DELETE " KEYS "/%s", last.id), NULL);
    assert_int_equal(answer.status, 200);
    (void)made_by(fixture, &key, "{\"name\":\"short\",\"expires_in\":60}");
    assert_int_equal(as(fixture, &key, "POST " KEYS, PLAIN).status, 409);
    fixture_advance(fixture, 61000);
    (void)made_by(fixture, &key, PLAIN); /* what expired does not count */
}

static void test_only_a_token_in_force_reaches_keys(void **state)
{
    static const char *const requests[] = {"POST " KEYS, "GET " KEYS,
                                           "GET " KEYS "/tok_00000000000000000000000000",
                                           "DELETE " KEYS "/tok_00000000000000000000000000"};
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, "");
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", key.id), NULL).status, 200);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        const char *body = i == 0 ? PLAIN : NULL;
        assert_int_equal(ask(fixture, requests[i], "", body).status, 401);
        assert_int_equal(as(fixture, &key, requests[i], body).status, 401);
        struct answer answer = ask(
            fixture, requests[i],
            printed("Authorization: Bearer %s\r\nX-API-Key: %s\r\n", fixture->admin.text, key.text),
            body);
        assert_int_equal(answer.status, 400);
    }
    struct answer answer = ask_socket(fixture, "POST " KEYS, "", PLAIN);
    assert_int_equal(answer.status, 403);
    assert_int_equal(ask_socket(fixture, "GET " KEYS, "", NULL).status, 403);
}

/* --- the keys of others do not exist ---------------------------------------------------------- */

static void test_nobody_sees_or_revokes_the_key_of_another_user(void **state)
{
    struct fixture *fixture = *state;
    struct made mine = user_key(fixture, "");
    struct made other = fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"b\"}");
    struct made foreign =
        fixture_make(fixture, "{\"user_id\":\"user_123\",\"name\":\"b\",\"org_id\":\"acme\"}");
    const char *const ids[] = {other.id, foreign.id, "tok_00000000000000000000000000", "x"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(as(fixture, &mine, printed("GET " KEYS "/%s", ids[i]), NULL).status, 404);
        struct answer answer = as(fixture, &mine, printed("DELETE " KEYS "/%s", ids[i]), NULL);
        assert_int_equal(answer.status, 404);
        answer = ask(fixture, printed("DELETE " KEYS "/%s?children=true", ids[i]),
                     bearer(fixture->admin.text), NULL); /* of user admin, with scope * */
        assert_int_equal(answer.status, 404);
    }
    assert_int_equal(status_with(fixture, &other), 200);
    struct answer answer = as(fixture, &mine, "GET " KEYS "?include_inactive=true", NULL);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body, other.id));
    assert_null(strstr(answer.body, foreign.id));
}

/* --- as customers know it --------------------------------------------------------------------- */

static void test_a_key_is_made_listed_used_and_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct made first = user_key(fixture, "");
    struct answer answer =
        as(fixture, &first, "POST " KEYS,
           "{\"name\":\"My API Key\",\"tier\":\"free\",\"expires_in_days\":30,"
           "\"metadata\":{\"email\":\"user@example.com\",\"company\":\"Example Corp\"}}");
    assert_int_equal(answer.status, 201);
    struct made key = {0};
    snprintf(key.text, sizeof key.text, "%s", text_of(&answer, "api_key"));
    snprintf(key.id, sizeof key.id, "%s", text_of(&answer, "key_id"));
    assert_memory_equal(key.text, "sk_live_", 8);
    assert_string_equal(text_of(&answer, "id"), key.id);
    assert_string_equal(text_of(&answer, "created_by"), first.id);
    assert_string_equal(header_of(&answer, "Location"), printed(KEYS "/%s", key.id));
    fixture_secret(fixture, key.text);
    assert_int_equal(status_with(fixture, &key), 200);
    answer = ask(fixture, "GET " KEYS "?include_inactive=false", bearer(key.text), NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *item = json_array_get(json_object_get(root, "data"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "key_id")), key.id);
    assert_memory_equal(key.text, json_string_value(json_object_get(item, "key_prefix")), 12);
    assert_true(json_is_true(json_object_get(item, "is_active")));
    assert_int_equal(json_integer_value(json_object_get(item, "request_count")), 1);
    assert_true(json_is_string(json_object_get(item, "last_used_at")));
    answer = as(fixture, &first, printed("DELETE " KEYS "/%s?reason=lost", key.id), NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"is_active\":false"));
    assert_string_equal(text_of(&answer, "revoke_reason"), "lost");
    assert_int_equal(status_with(fixture, &key), 401);
    answer = as(fixture, &first, "GET " KEYS, NULL);
    assert_null(strstr(answer.body, key.id));
    answer = as(fixture, &first, "GET " KEYS "?include_inactive=true", NULL);
    assert_non_null(strstr(answer.body, key.id));
}

static void test_a_key_may_revoke_itself(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, "");
    assert_int_equal(as(fixture, &key, printed("DELETE " KEYS "/%s", key.id), NULL).status, 200);
    assert_int_equal(status_with(fixture, &key), 401);
}

static void test_an_idempotency_key_makes_one_key_also_at_the_maximum(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, "");
    const char *headers = printed("X-API-Key: %s\r\nIdempotency-Key: once\r\n", key.text);
    struct answer first = ask(fixture, "POST " KEYS, headers, PLAIN);
    assert_int_equal(first.status, 201);
    fixture_secret(fixture, text_of(&first, "api_key"));
    for (int i = 2; i < FIXTURE_OWN_KEYS_MAX; i++) {
        (void)made_by(fixture, &key, PLAIN);
    }
    struct answer again = ask(fixture, "POST " KEYS, headers, PLAIN);
    assert_int_equal(again.status, 200);
    assert_string_equal(text_of(&again, "key_id"), text_of(&first, "key_id"));
    assert_string_equal(text_of(&again, "api_key"), "");
}

/* --- families ------------------------------------------------------------------------------- */

static void test_a_leaked_key_is_revoked_with_all_that_it_made(void **state)
{
    struct fixture *fixture = *state;
    struct made leaked = user_key(fixture, ""), apart = user_key(fixture, "");
    struct made child = made_by(fixture, &leaked, PLAIN);
    struct made grandchild = made_by(fixture, &child, PLAIN);
    struct answer answer =
        manage(fixture, printed("DELETE " TOKENS "/%s?children=true&reason=leak", leaked.id), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(number_of(&answer, "children_revoked"), 2);
    assert_int_equal(status_with(fixture, &leaked), 401);
    assert_int_equal(status_with(fixture, &child), 401);
    assert_int_equal(status_with(fixture, &grandchild), 401);
    assert_int_equal(status_with(fixture, &apart), 200);
    answer = manage(fixture, printed("GET " TOKENS "/%s", grandchild.id), NULL);
    assert_string_equal(text_of(&answer, "revoke_reason"), "leak");
}

/* The first revocation forgot the children. */
static void test_the_family_of_a_revoked_key_can_still_be_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct made leaked = user_key(fixture, "");
    struct made child = made_by(fixture, &leaked, PLAIN);
    const char *path = printed("DELETE " TOKENS "/%s", leaked.id);
    assert_int_equal(manage(fixture, path, NULL).status, 200);
    assert_int_equal(status_with(fixture, &child), 200);
    struct answer answer = manage(fixture, printed("%s?children=true", path), NULL);
    assert_int_equal(number_of(&answer, "children_revoked"), 1);
    assert_int_equal(status_with(fixture, &child), 401);
}

/* A thief cuts the trail between what leaked and what they mean to keep. */
static void test_a_revoked_link_does_not_hide_the_rest_of_a_family(void **state)
{
    struct fixture *fixture = *state;
    struct made leaked = user_key(fixture, "");
    struct made child = made_by(fixture, &leaked, PLAIN);
    struct made grandchild = made_by(fixture, &child, PLAIN);
    assert_int_equal(as(fixture, &child, printed("DELETE " KEYS "/%s", child.id), NULL).status,
                     200);
    struct answer answer =
        manage(fixture, printed("DELETE " TOKENS "/%s?children=true", leaked.id), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(number_of(&answer, "children_revoked"), 1);
    assert_int_equal(status_with(fixture, &grandchild), 401);
}

static struct made rotated(struct fixture *fixture, const struct made *key)
{
    struct answer answer =
        manage(fixture, printed("POST " TOKENS "/%s/rotate", key->id), "{\"grace\":\"1h\"}");
    struct made made = {0};
    assert_int_equal(answer.status, 201);
    snprintf(made.id, sizeof made.id, "%s", text_of(&answer, "id"));
    snprintf(made.text, sizeof made.text, "%s", text_of(&answer, "token"));
    fixture_secret(fixture, made.text);
    return made;
}

/* Rotating what it made does not save it, whoever did that. */
static void test_a_family_has_all_versions_of_what_was_made(void **state)
{
    struct fixture *fixture = *state;
    struct made leaked = user_key(fixture, "");
    struct made child = made_by(fixture, &leaked, PLAIN);
    struct made grandchild = made_by(fixture, &child, PLAIN);
    struct made successor = rotated(fixture, &child);
    struct made late = made_by(fixture, &successor, PLAIN);
    struct answer answer =
        manage(fixture, printed("DELETE " TOKENS "/%s?children=true", leaked.id), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(number_of(&answer, "children_revoked"), 4);
    const struct made *const family[] = {&leaked, &child, &grandchild, &successor, &late};
    for (size_t i = 0; i < COUNT_OF(family); i++) {
        assert_int_equal(status_with(fixture, family[i]), 401);
    }
}

/* What an earlier version made counts; of an earlier one alone, only what it made itself. */
static void test_the_family_of_a_rotated_key_has_what_its_versions_made(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, "");
    struct made child = made_by(fixture, &key, PLAIN);
    struct made successor = rotated(fixture, &key);
    struct made late = made_by(fixture, &successor, PLAIN);
    struct answer answer =
        manage(fixture, printed("DELETE " TOKENS "/%s?children=true", key.id), NULL);
    assert_int_equal(number_of(&answer, "children_revoked"), 1);
    assert_int_equal(status_with(fixture, &child), 401);
    assert_int_equal(status_with(fixture, &late), 200);
    struct made second = made_by(fixture, &successor, PLAIN);
    struct made third = rotated(fixture, &successor);
    answer = manage(fixture, printed("DELETE " TOKENS "/%s?children=true", third.id), NULL);
    assert_int_equal(number_of(&answer, "versions_changed"), 1);
    assert_int_equal(number_of(&answer, "children_revoked"), 2);
    assert_int_equal(status_with(fixture, &successor), 401);
    assert_int_equal(status_with(fixture, &late), 401);
    assert_int_equal(status_with(fixture, &second), 401);
}

static void test_self_service_revokes_no_child_of_another_user(void **state)
{
    struct fixture *fixture = *state;
    struct made maker = user_key(fixture, ",\"scopes\":[\"tokens:write\"]");
    struct answer answer =
        ask(fixture, "POST " TOKENS, bearer(maker.text), "{\"user_id\":\"bob\",\"name\":\"b\"}");
    assert_int_equal(answer.status, 201);
    struct made other = {0};
    snprintf(other.text, sizeof other.text, "%s", text_of(&answer, "token"));
    fixture_secret(fixture, other.text);
    answer = as(fixture, &maker, printed("DELETE " KEYS "/%s?children=true", maker.id), NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(number_of(&answer, "children_revoked"), 0);
    assert_int_equal(status_with(fixture, &other), 200);
}

static void test_a_wrong_question_is_400(void **state)
{
    struct fixture *fixture = *state;
    struct made key = user_key(fixture, "");
    static const char *const requests[] = {
        "GET " KEYS "?include_inactive=1", "GET " KEYS "?limit=0", "GET " KEYS "?user_id=bob",
        "DELETE " KEYS "/tok_00000000000000000000000000?children=yes"};
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        assert_int_equal(as(fixture, &key, requests[i], NULL).status, 400);
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_key_with_more_than_the_caller_has_is_refused_by_name),
        WITH_FIXTURE(test_an_admin_token_makes_an_ordinary_key_of_its_own_user),
        WITH_FIXTURE(test_what_was_not_asked_for_is_the_callers),
        WITH_FIXTURE(test_limits_of_the_callers_own_hold_in_a_tier_that_allows_more),
        WITH_FIXTURE(test_a_key_ends_with_the_one_that_made_it),
        WITH_FIXTURE(test_a_user_has_a_maximum_of_keys_that_live),
        WITH_FIXTURE(test_only_a_token_in_force_reaches_keys),
        WITH_FIXTURE(test_nobody_sees_or_revokes_the_key_of_another_user),
        WITH_FIXTURE(test_a_key_is_made_listed_used_and_revoked),
        WITH_FIXTURE(test_a_key_may_revoke_itself),
        WITH_FIXTURE(test_an_idempotency_key_makes_one_key_also_at_the_maximum),
        WITH_FIXTURE(test_a_leaked_key_is_revoked_with_all_that_it_made),
        WITH_FIXTURE(test_the_family_of_a_revoked_key_can_still_be_revoked),
        WITH_FIXTURE(test_a_revoked_link_does_not_hide_the_rest_of_a_family),
        WITH_FIXTURE(test_a_family_has_all_versions_of_what_was_made),
        WITH_FIXTURE(test_the_family_of_a_rotated_key_has_what_its_versions_made),
        WITH_FIXTURE(test_self_service_revokes_no_child_of_another_user),
        WITH_FIXTURE(test_a_wrong_question_is_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
