/* SPDX-License-Identifier: Apache-2.0 */
/* Credits over the API: giving them, using them up, charges with a key, reservations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "api/json_input.h"
#include "engine/authority_internal.h"
#include "fixture.h"

#define DAY_MS INT64_C(86400000)
#define CREDITS(made) printed("GET " TOKENS "/%s/credits", (made).id)
#define PUT_CREDITS(made) printed("PUT " TOKENS "/%s/credits", (made).id)
#define RESERVE "POST /api/v1/credits/reserve"

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

/* A caller of another organisation, with everything that credits need. */
static struct made make_stranger(struct fixture *fixture)
{
    return fixture_make(fixture, "{\"user_id\":\"eve\",\"name\":\"e\",\"org_id\":\"other\","
                                 "\"scopes\":[\"credits:write\",\"tokens:read\","
                                 "\"tokens:verify\"]}");
}

/* `credits.NAME` of a body; -1 when `credits` is null. */
static int64_t credits_of(const struct answer *answer, const char *name)
{
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    const json_t *credits = json_object_get(root, "credits");
    return json_is_null(credits) ? -1 : json_integer_value(json_object_get(credits, name));
}

static int64_t remaining(struct fixture *fixture, struct made token)
{
    struct answer answer = manage(fixture, CREDITS(token), NULL);
    assert_int_equal(answer.status, 200);
    return credits_of(&answer, "remaining");
}

static struct answer with_key(struct fixture *fixture, const char *request, const char *key,
                              const char *body)
{
    return ask(fixture, request,
               printed("%sIdempotency-Key: %s\r\n", bearer(fixture->admin.text), key), body);
}

static struct answer charge(struct fixture *fixture, struct made token, const char *key, int cost)
{
    return with_key(fixture, "POST /api/v1/verify", key,
                    printed("{\"token\":\"%s\",\"cost\":%d}", token.text, cost));
}

static struct answer auth(struct fixture *fixture, struct made token, int cost)
{
    return ask(fixture, printed("GET /auth?cost=%d", cost), bearer(token.text), NULL);
}

static bool is_replayed(const struct answer *answer)
{
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    assert_true(json_is_boolean(json_object_get(root, "replayed")));
    return json_is_true(json_object_get(root, "replayed"));
}

static int64_t count(struct fixture *fixture, const char *type)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    const char *path = printed("%s/tokenry.db", fixture->folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM events WHERE type = ?1", -1, &statement, NULL),
        SQLITE_OK);
    sqlite3_bind_text(statement, 1, type, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t events = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return events;
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_body_that_gives_nothing_clear_is_refused(void **state)
{
    static const struct {
        const char *body, *code, *member;
    } rows[] = {
        {"{}", "invalid_request", ""},
        {"{\"remaining\":-1}", "out_of_range", "remaining"},
        {"{\"remaining\":1000000000001}", "out_of_range", "remaining"},
        {"{\"remaining\":1,\"add\":1}", "invalid_request", ""},
        {"{\"unlimited\":true,\"remaining\":1}", "invalid_request", ""},
        {"{\"refill\":{\"interval\":\"weekly\",\"amount\":1}}", "invalid_request",
         "refill.interval"},
        {"{\"refill\":{\"interval\":\"daily\"}}", "invalid_request", "refill.amount"},
        {"{\"left\":1}", "unknown_member", "left"},
    };
    struct made token = make_metered(*state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(*state, PUT_CREDITS(token), rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_code(answer, rows[i].code);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
    assert_int_equal(remaining(*state, token), 10);
}

static void test_what_is_unlimited_cannot_be_added_to(void **state)
{
    struct made token = make_unlimited(*state);
    struct answer answer = manage(*state, PUT_CREDITS(token), "{\"add\":5}");
    assert_int_equal(answer.status, 409);
    assert_int_equal(remaining(*state, token), -1);
}

static void test_credits_of_another_organisation_do_not_exist(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct made eve = make_stranger(fixture);
    struct answer reserved =
        manage(fixture, RESERVE, printed("{\"token_id\":\"%s\",\"amount\":1}", token.id));
    const char *id = text_of(&reserved, "id");
    const struct {
        const char *request, *body;
    } rows[] = {
        {CREDITS(token), NULL},
        {PUT_CREDITS(token), "{\"remaining\":5}"},
        {RESERVE, printed("{\"token_id\":\"%s\",\"amount\":1}", token.id)},
        {RESERVE, printed("{\"token\":\"%s\",\"amount\":1}", token.text)},
        {printed("POST /api/v1/credits/%s/settle", id), "{\"amount\":1}"},
        {printed("POST /api/v1/credits/%s/refund", id), NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = ask(fixture, rows[i].request, bearer(eve.text), rows[i].body);
        assert_int_equal(answer.status, 404);
    }
    struct answer answer =
        ask(fixture, "POST /api/v1/verify", printed("%sIdempotency-Key: k\r\n", bearer(eve.text)),
            printed("{\"token\":\"%s\",\"cost\":1}", token.text));
    assert_code(answer, "not_found");
    assert_int_equal(remaining(fixture, token), 9);
}

static void test_the_scope_is_needed_and_a_token_cannot_give_itself_credits(void **state)
{
    struct fixture *fixture = *state;
    struct made reader = fixture_make(
        fixture,
        "{\"user_id\":\"r\",\"name\":\"r\",\"scopes\":[\"tokens:read\",\"tokens:write\"]}");
    struct answer answer = ask(fixture, PUT_CREDITS(reader), bearer(reader.text), "{\"add\":1}");
    assert_int_equal(answer.status, 403);
    struct made own = fixture_make(fixture, "{\"user_id\":\"o\",\"name\":\"o\",\"credits\":"
                                            "{\"remaining\":1},\"scopes\":[\"credits:write\"]}");
    answer = ask(fixture, PUT_CREDITS(own), bearer(own.text), "{\"unlimited\":true}");
    assert_int_equal(answer.status, 403);
    assert_int_equal(remaining(fixture, own), 1);
}

/* --- giving --------------------------------------------------------------------------------- */

static void test_a_token_is_unlimited_unless_it_is_given_credits(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    struct answer answer = manage(fixture, CREDITS(token), NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    assert_true(json_is_true(json_object_get(root, "unlimited")));
    answer = auth(fixture, token, 1);
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "-");
}

static void test_set_add_and_subtract(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    static const struct {
        const char *body;
        int64_t expected;
    } rows[] = {
        {"{\"remaining\":100}", 100}, {"{\"add\":7}", 107},     {"{\"subtract\":100}", 7},
        {"{\"subtract\":100}", 0},    {"{\"remaining\":3}", 3}, {"{\"unlimited\":true}", -1},
        {"{\"unlimited\":true}", -1}, {"{\"remaining\":4}", 4},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(fixture, PUT_CREDITS(token), rows[i].body);
        assert_int_equal(answer.status, 200);
        assert_int_equal(credits_of(&answer, "remaining"), rows[i].expected);
        assert_int_equal(remaining(fixture, token), rows[i].expected);
    }
    assert_int_equal(auth(fixture, token, 4).status, 200);
    assert_int_equal(auth(fixture, token, 1).status, 429);
}

static void test_a_refill_alone_begins_with_one_and_keeps_what_is_left(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    struct answer answer = manage(fixture, PUT_CREDITS(token),
                                  "{\"refill\":{\"interval\":\"monthly\",\"amount\":20}}");
    assert_int_equal(credits_of(&answer, "remaining"), 20);
    assert_int_equal(auth(fixture, token, 5).status, 200);
    answer =
        manage(fixture, PUT_CREDITS(token), "{\"refill\":{\"interval\":\"daily\",\"amount\":6}}");
    assert_int_equal(credits_of(&answer, "remaining"), 15);
    fixture_advance(fixture, DAY_MS);
    assert_int_equal(remaining(fixture, token), 6);
    answer = manage(fixture, PUT_CREDITS(token), "{\"refill\":null}");
    assert_int_equal(credits_of(&answer, "remaining"), 6);
    fixture_advance(fixture, DAY_MS);
    assert_int_equal(remaining(fixture, token), 6);
}

static void test_a_change_of_credits_leaves_an_event(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    manage(fixture, PUT_CREDITS(token), "{\"add\":1}");
    assert_int_equal(count(fixture, "credits.set"), 1);
}

/* Else a metered token would be unlimited a call later. */
static void test_a_key_of_ones_own_uses_the_credits_of_its_maker(void **state)
{
    struct fixture *fixture = *state;
    struct made maker = make_metered(fixture);
    struct answer answer = ask(fixture, "POST /api/keys", bearer(maker.text), "{\"name\":\"k\"}");
    assert_int_equal(answer.status, 201);
    struct made key;
    snprintf(key.text, sizeof key.text, "%s", text_of(&answer, "api_key"));
    snprintf(key.id, sizeof key.id, "%s", text_of(&answer, "key_id"));
    fixture_secret(fixture, key.text);
    assert_int_equal(remaining(fixture, key), 10);
    assert_int_equal(auth(fixture, key, 6).status, 200);
    assert_int_equal(remaining(fixture, maker), 4);
    assert_int_equal(auth(fixture, key, 5).status, 429);
    manage(fixture, PUT_CREDITS(maker), "{\"unlimited\":true}");
    assert_int_equal(remaining(fixture, key), -1);
    manage(fixture, PUT_CREDITS(key), "{\"remaining\":2}");
    assert_int_equal(auth(fixture, key, 1).status, 200);
    assert_int_equal(auth(fixture, key, 2).status, 429);
}

/* --- using up ------------------------------------------------------------------------------- */

static void test_who_has_used_them_up_waits_for_the_refill(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = auth(fixture, token, 7);
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "3");
    answer = auth(fixture, token, 4);
    assert_int_equal(answer.status, 429);
    assert_code(answer, "quota_exceeded");
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "3");
    assert_string_equal(header_of(&answer, "Retry-After"), "86400");
    answer = auth(fixture, token, 9); /* more than a refill */
    assert_int_equal(answer.status, 429);
    assert_null(header_of(&answer, "Retry-After"));
    fixture_advance(fixture, DAY_MS);
    answer = auth(fixture, token, 8);
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "X-Auth-Credits"), "0");
    assert_int_equal(auth(fixture, token, 0).status, 200);
}

static void test_the_call_and_the_customer_see_what_remains(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = manage(fixture, "POST /api/v1/verify",
                                  printed("{\"token\":\"%s\",\"cost\":2}", token.text));
    assert_int_equal(credits_of(&answer, "remaining"), 8);
    assert_non_null(strstr(answer.body, "\"refill\":{\"interval\":\"daily\",\"amount\":8},"
                                        "\"reset_at\":\"2026-01-02T00:00:00Z\""));
    answer = ask(fixture, "GET /api/v1/auth/me", bearer(token.text), NULL);
    assert_int_equal(credits_of(&answer, "remaining"), 8);
    answer = manage(fixture, "POST /api/v1/verify",
                    printed("{\"token\":\"%s\",\"cost\":9,\"explain\":true}", token.text));
    assert_code(answer, "quota_exceeded");
    assert_null(strstr(answer.body, "\"retry_after_ms\":86400000")); /* 9 is more than a refill */
    assert_non_null(strstr(answer.body, "\"retry_after_ms\":null"));
    assert_non_null(strstr(answer.body, "{\"check\":\"credits\",\"outcome\":\"failed\"}"));
}

/* --- charges with a key --------------------------------------------------------------------- */

static void test_a_key_charges_once_and_tells_the_same_again(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer first = charge(fixture, token, "job-1", 3);
    assert_int_equal(first.status, 200);
    assert_code(first, "valid");
    assert_int_equal(credits_of(&first, "remaining"), 7);
    assert_false(is_replayed(&first));
    assert_int_equal(auth(fixture, token, 1).status, 200);
    struct answer second = charge(fixture, token, "job-1", 3);
    assert_true(is_replayed(&second));
    size_t same = strlen(first.body) - strlen("false}");
    assert_memory_equal(first.body, second.body, same);
    assert_int_equal(remaining(fixture, token), 6);
    assert_int_equal(count(fixture, "credits.charge"), 1);
}

static void test_a_key_with_another_request_is_a_mismatch(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    assert_int_equal(charge(fixture, token, "k", 3).status, 200);
    struct answer answer = charge(fixture, token, "k", 4);
    assert_int_equal(answer.status, 422);
    assert_code(answer, "idempotency_mismatch");
    assert_int_equal(remaining(fixture, token), 7);
}

static void test_a_refusal_is_not_kept_under_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = charge(fixture, token, "k", 11);
    assert_code(answer, "quota_exceeded");
    assert_int_equal(credits_of(&answer, "remaining"), 10);
    assert_false(is_replayed(&answer));
    manage(fixture, PUT_CREDITS(token), "{\"add\":1}");
    answer = charge(fixture, token, "k", 11);
    assert_code(answer, "valid");
    assert_false(is_replayed(&answer));
    assert_int_equal(remaining(fixture, token), 0);
}

static void test_a_charge_and_its_windows_go_together(void **state)
{
    struct fixture *fixture = *state;
    struct made token = fixture_make(
        fixture, "{\"user_id\":\"a\",\"name\":\"w\",\"limits\":{\"minute\":5},\"credits\":"
                 "{\"remaining\":7}}");
    struct answer answer = charge(fixture, token, "1", 5);
    assert_code(answer, "valid");
    answer = charge(fixture, token, "2", 1);
    assert_code(answer, "rate_limited");
    assert_int_equal(remaining(fixture, token), 2);
    fixture_advance(fixture, 70000);
    answer = charge(fixture, token, "3", 3);
    assert_code(answer, "quota_exceeded");
    assert_int_equal(auth(fixture, token, 2).status, 200);
}

static void test_a_key_works_for_a_token_of_unlimited_credits(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    struct answer answer = charge(fixture, token, "k", 3);
    assert_false(is_replayed(&answer));
    answer = charge(fixture, token, "k", 3);
    assert_true(is_replayed(&answer));
}

static void test_a_batch_with_a_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = with_key(fixture, "POST /api/v1/verify/batch", "k",
                                    printed("{\"requests\":[{\"token\":\"%s\"}]}", token.text));
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "Idempotency-Key");
}

/* --- reservations --------------------------------------------------------------------------- */

static struct answer reserve(struct fixture *fixture, struct made token, int amount)
{
    return manage(fixture, RESERVE,
                  printed("{\"token_id\":\"%s\",\"amount\":%d,\"ttl\":\"1h\"}", token.id, amount));
}

static struct answer end(struct fixture *fixture, const char *id, const char *how, const char *body)
{
    return manage(fixture, printed("POST /api/v1/credits/%s/%s", id, how), body);
}

static void test_a_reservation_takes_at_once_and_settling_gives_back(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = reserve(fixture, token, 6);
    assert_int_equal(answer.status, 201);
    assert_string_equal(text_of(&answer, "state"), "open");
    assert_int_equal(remaining(fixture, token), 4);
    assert_int_equal(auth(fixture, token, 5).status, 429);
    const char *id = text_of(&answer, "id");
    answer = end(fixture, id, "settle", "{\"amount\":2}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(credits_of(&answer, "remaining"), 8);
    assert_false(is_replayed(&answer));
    answer = end(fixture, id, "settle", "{\"amount\":2}");
    assert_true(is_replayed(&answer));
    assert_int_equal(end(fixture, id, "settle", "{\"amount\":3}").status, 409);
    assert_int_equal(end(fixture, id, "refund", NULL).status, 409);
    assert_int_equal(remaining(fixture, token), 8);
    assert_int_equal(count(fixture, "credits.reserve"), 1);
    assert_int_equal(count(fixture, "credits.settle"), 1);
}

static void test_settling_for_more_takes_from_what_remains_or_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = reserve(fixture, token, 6);
    const char *id = text_of(&answer, "id");
    answer = end(fixture, id, "settle", "{\"amount\":11}");
    assert_int_equal(answer.status, 429);
    assert_code(answer, "quota_exceeded");
    assert_non_null(header_of(&answer, "Retry-After"));
    assert_int_equal(remaining(fixture, token), 4); /* it is still open */
    assert_int_equal(end(fixture, id, "settle", "{\"amount\":9}").status, 200);
    assert_int_equal(remaining(fixture, token), 1);
}

static void test_a_refund_gives_all_back_once(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = reserve(fixture, token, 10);
    const char *id = text_of(&answer, "id");
    assert_int_equal(end(fixture, id, "refund", NULL).status, 200);
    answer = end(fixture, id, "refund", NULL);
    assert_true(is_replayed(&answer));
    assert_int_equal(remaining(fixture, token), 10);
    assert_int_equal(end(fixture, id, "settle", "{\"amount\":1}").status, 409);
}

static void test_more_than_there_is_cannot_be_reserved(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = reserve(fixture, token, 11);
    assert_int_equal(answer.status, 429);
    assert_code(answer, "quota_exceeded");
    assert_null(header_of(&answer, "Retry-After"));
    assert_int_equal(remaining(fixture, token), 10);
}

static void test_a_reservation_whose_time_is_over_is_refunded(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = reserve(fixture, token, 6);
    const char *id = text_of(&answer, "id");
    fixture_advance(fixture, 3599000);
    authority_flush(fixture->authority);
    assert_int_equal(remaining(fixture, token), 4);
    fixture_advance(fixture, 1000);
    assert_int_equal(end(fixture, id, "settle", "{\"amount\":1}").status, 409);
    authority_flush(fixture->authority);
    assert_int_equal(remaining(fixture, token), 10);
    assert_int_equal(count(fixture, "credits.expire"), 1);
    answer = end(fixture, id, "refund", NULL);
    assert_string_equal(text_of(&answer, "state"), "expired");
}

static void test_what_was_reserved_before_a_refill_is_not_given_back_after_it(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    struct answer answer = manage(
        fixture, RESERVE, printed("{\"token_id\":\"%s\",\"amount\":6,\"ttl\":\"2d\"}", token.id));
    const char *id = text_of(&answer, "id");
    fixture_advance(fixture, DAY_MS);
    assert_int_equal(end(fixture, id, "refund", NULL).status, 200);
    assert_int_equal(remaining(fixture, token), 8);
}

static void test_a_key_reserves_once(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    const char *body = printed("{\"token\":\"%s\",\"amount\":3}", token.text);
    struct answer first = with_key(fixture, RESERVE, "r", body);
    struct answer second = with_key(fixture, RESERVE, "r", body);
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 200);
    assert_string_equal(text_of(&first, "id"), text_of(&second, "id"));
    assert_int_equal(remaining(fixture, token), 7);
    assert_int_equal(
        with_key(fixture, RESERVE, "r", printed("{\"token\":\"%s\",\"amount\":4}", token.text))
            .status,
        422);
}

static void test_what_cannot_be_reserved_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_metered(fixture);
    const struct {
        const char *body;
        unsigned status;
    } rows[] = {
        {"{\"amount\":1}", 400},
        {printed("{\"token_id\":\"%s\",\"token\":\"%s\",\"amount\":1}", token.id, token.text), 400},
        {printed("{\"token_id\":\"%s\",\"amount\":0}", token.id), 400},
        {printed("{\"token_id\":\"%s\",\"amount\":1,\"ttl\":\"8d\"}", token.id), 400},
        {printed("{\"token_id\":\"%s\",\"amount\":1,\"ttl\":\"soon\"}", token.id), 400},
        {"{\"token_id\":\"tok_00000000000000000000000000\",\"amount\":1}", 404},
        {"{\"token_id\":\"nonsense\",\"amount\":1}", 404},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(manage(fixture, RESERVE, rows[i].body).status, rows[i].status);
    }
    assert_int_equal(end(fixture, "rsv_00000000000000000000000000", "refund", NULL).status, 404);
    assert_int_equal(end(fixture, "nonsense", "refund", NULL).status, 404);
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", token.id), NULL).status, 200);
    assert_int_equal(reserve(fixture, token, 1).status, 409);
}

static void test_an_unlimited_token_reserves_without_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct made token = make_unlimited(fixture);
    struct answer answer = reserve(fixture, token, 1000000);
    assert_int_equal(answer.status, 201);
    const char *id = text_of(&answer, "id");
    assert_int_equal(end(fixture, id, "settle", "{\"amount\":2000000}").status, 200);
    assert_int_equal(remaining(fixture, token), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_body_that_gives_nothing_clear_is_refused),
        TEST(test_what_is_unlimited_cannot_be_added_to),
        TEST(test_credits_of_another_organisation_do_not_exist),
        TEST(test_the_scope_is_needed_and_a_token_cannot_give_itself_credits),
        TEST(test_a_token_is_unlimited_unless_it_is_given_credits),
        TEST(test_set_add_and_subtract),
        TEST(test_a_refill_alone_begins_with_one_and_keeps_what_is_left),
        TEST(test_a_change_of_credits_leaves_an_event),
        TEST(test_a_key_of_ones_own_uses_the_credits_of_its_maker),
        TEST(test_who_has_used_them_up_waits_for_the_refill),
        TEST(test_the_call_and_the_customer_see_what_remains),
        TEST(test_a_key_charges_once_and_tells_the_same_again),
        TEST(test_a_key_with_another_request_is_a_mismatch),
        TEST(test_a_refusal_is_not_kept_under_its_key),
        TEST(test_a_charge_and_its_windows_go_together),
        TEST(test_a_key_works_for_a_token_of_unlimited_credits),
        TEST(test_a_batch_with_a_key_is_refused),
        TEST(test_a_reservation_takes_at_once_and_settling_gives_back),
        TEST(test_settling_for_more_takes_from_what_remains_or_is_refused),
        TEST(test_a_refund_gives_all_back_once),
        TEST(test_more_than_there_is_cannot_be_reserved),
        TEST(test_a_reservation_whose_time_is_over_is_refunded),
        TEST(test_what_was_reserved_before_a_refill_is_not_given_back_after_it),
        TEST(test_a_key_reserves_once),
        TEST(test_what_cannot_be_reserved_says_why),
        TEST(test_an_unlimited_token_reserves_without_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
