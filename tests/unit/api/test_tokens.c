/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and tiers through their life. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"

#define TIERS "/api/v1/tiers"
#define SMALL "{\"user_id\":\"a\",\"name\":\"n\"}"

static const char *path_of(const struct made *made)
{
    return printed(TOKENS "/%s", made->id);
}

static struct answer patch(struct fixture *fixture, const struct made *made, const char *if_match,
                           const char *body)
{
    const char *headers = if_match == NULL ? bearer(fixture->admin.text)
                                           : printed("Authorization: Bearer %s\r\nIf-Match: %s\r\n",
                                                     fixture->admin.text, if_match);
    return ask(fixture, printed("PATCH %s", path_of(made)), headers, body);
}

static struct answer show(struct fixture *fixture, const struct made *made)
{
    return manage(fixture, printed("GET %s", path_of(made)), NULL);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_wrong_body_is_refused_and_makes_nothing(void **state)
{
    static const struct {
        const char *body, *code, *member;
        unsigned status;
    } rows[] = {
        {"", "malformed", "", 400},
        {"null", "malformed", "", 400},
        {"{\"user_id\":\"a\"}", "invalid_request", "name", 400},
        {"{\"user_id\":\"a\",\"user_id\":\"root\",\"name\":\"n\"}", "malformed", "", 400},
        {"{\"user_id\":\"a\",\"name\":\"n\",\"scopez\":[]}", "unknown_member", "scopez", 400},
        {"{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"a b\"]}", "invalid_request", "scopes",
         400},
        {"{\"user_id\":\"a\",\"name\":\"n\",\"tier\":\"nope\"}", "not_found", "tier", 404},
        {"{\"user_id\":\"a\",\"name\":\"n\",\"limits\":{\"minute\":1000001}}", "out_of_range",
         "limits.minute", 400},
        {"{\"user_id\":\"a\",\"name\":\"n\",\"expires_at\":\"2025-12-31T23:59:59Z\"}",
         "out_of_range", "expires_at", 400},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(fixture, "POST " TOKENS, rows[i].body);
        assert_int_equal(answer.status, rows[i].status);
        assert_code(answer, rows[i].code);
        const char *member = text_of(&answer, "member");
        if (strcmp(rows[i].member, "limits.minute") == 0) {
            assert_non_null(strstr(member, "minute"));
        } else {
            assert_string_equal(member, rows[i].member);
        }
    }
    struct answer answer = manage(fixture, "GET " TOKENS "?user_id=a&include_inactive=true", NULL);
    assert_string_equal(answer.body, "{\"data\":[],\"next_cursor\":null}");
}

/* At the end the fixture looks into every file and has looked into every answer. */
static void test_a_token_pasted_into_another_place_is_refused_and_kept_nowhere(void **state)
{
    struct fixture *fixture = *state;
    struct made other = fixture_make(fixture, SMALL);
    struct made made = fixture_make(fixture, SMALL);
    const struct {
        const char *request, *headers, *body, *member;
    } rows[] = {
        {"POST " TOKENS, "", printed("{\"user_id\":\"a\",\"name\":\"%s\"}", other.text), "name"},
        {"POST " TOKENS, "", printed("{\"user_id\":\"%s\",\"name\":\"n\"}", other.text), "user_id"},
        {"POST " TOKENS, "",
         printed("{\"user_id\":\"a\",\"name\":\"n\",\"metadata\":{\"a\":[\"\\u0073%s\"]}}",
                 other.text + 1),
         "metadata"},
        {"POST " TOKENS, "",
         printed("{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"%s\"]}", other.text), "scopes"},
        {"POST " TOKENS, "",
         printed("{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"Bearer %s\"]}", other.text),
         "scopes"},
        {"POST " TOKENS, printed("Idempotency-Key: %s\r\n", other.text), SMALL, "Idempotency-Key"},
        {printed("PATCH %s", path_of(&made)), "", printed("{\"name\":\"%s\"}", other.text), "name"},
        {printed("DELETE %s?reason=leaked+%s", path_of(&made), other.text), "", NULL, "reason"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *headers = printed("%s%s", bearer(fixture->admin.text), rows[i].headers);
        struct answer answer = ask(fixture, rows[i].request, headers, rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
        assert_string_equal(text_of(&answer, "detail"), "contains a token");
    }
    /* A client names itself as it likes: that is no reason to refuse it. */
    const char *headers =
        printed("%sUser-Agent: curl/7.88 %s\r\n", bearer(fixture->admin.text), other.text);
    assert_int_equal(ask(fixture, "POST " TOKENS, headers, SMALL).status, 201);
}

static void test_a_token_that_is_not_there_is_404(void **state)
{
    static const char *const ids[] = {"tok_00000000000000000000000000", "tok_", "x", "%00", "..",
                                      "tok_0000000000000000000000000!"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        unsigned status = manage(*state, printed("GET " TOKENS "/%s", ids[i]), NULL).status;
        assert_true(status == 404 || (strcmp(ids[i], "%00") == 0 && status == 400));
    }
}

static void test_a_chosen_token_cannot_be_made_twice(void **state)
{
    static const char body[] = "{\"user_id\":\"a\",\"name\":\"n\",\"token\":"
                               "\"Chosen-Kq7vT2mZx9Rb4LnW\"}";
    struct fixture *fixture = *state;
    fixture_secret(fixture, "Chosen-Kq7vT2mZx9Rb4LnW");
    struct answer answer = manage(fixture, "POST " TOKENS, body);
    assert_int_equal(answer.status, 201);
    assert_string_equal(text_of(&answer, "display_prefix"), "Chos");
    answer = manage(fixture, "POST " TOKENS, body);
    assert_int_equal(answer.status, 409);
    assert_code(answer, "conflict");
}

static void test_a_bad_question_for_a_list_is_400(void **state)
{
    static const struct {
        const char *query, *member;
    } rows[] = {
        {"?limit=0", "limit"},
        {"?limit=1001", "limit"},
        {"?limit=-1", "limit"},
        {"?limit=", "limit"},
        {"?limit=1&limit=2", "limit"},
        {"?status=dead", "status"},
        {"?include_inactive=yes", "include_inactive"},
        {"?page=2", "page"},
        {"?cursor=nonsense!", "cursor"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(*state, printed("GET " TOKENS "%s", rows[i].query), NULL);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
}

static void test_a_change_of_something_that_was_changed_is_412(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer answer = show(fixture, &made);
    const char *etag = printed("%s", header_of(&answer, "ETag"));
    assert_string_equal(etag, "\"1\"");
    answer = patch(fixture, &made, "\"1\"", "{\"name\":\"one\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(header_of(&answer, "ETag"), "\"2\"");
    answer = patch(fixture, &made, "\"1\"", "{\"name\":\"two\"}");
    assert_int_equal(answer.status, 412);
    assert_code(answer, "precondition_failed");
    answer =
        ask(fixture, printed("DELETE %s", path_of(&made)),
            printed("Authorization: Bearer %s\r\nIf-Match: \"1\"\r\n", fixture->admin.text), NULL);
    assert_int_equal(answer.status, 412);
    answer = show(fixture, &made);
    assert_string_equal(text_of(&answer, "name"), "one");
    assert_string_equal(text_of(&answer, "status"), "active");
}

static void test_an_etag_that_is_not_ours_never_matches(void **state)
{
    static const char *const etags[] = {"1",
                                        "W/\"1\"",
                                        "\"\"",
                                        "\"x\"",
                                        "\"1\", \"2\"",
                                        "\"0\"",
                                        "\"-1\"",
                                        "\"99999999999999999999999\""};
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    for (size_t i = 0; i < COUNT_OF(etags); i++) {
        struct answer answer = patch(fixture, &made, etags[i], "{\"name\":\"x\"}");
        assert_int_equal(answer.status, 412);
    }
    assert_int_equal(patch(fixture, &made, "*", "{\"name\":\"x\"}").status, 200);
}

static void test_a_revoked_token_cannot_be_changed_back(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(manage(fixture, printed("DELETE %s", path_of(&made)), NULL).status, 200);
    assert_int_equal(patch(fixture, &made, NULL, "{\"disabled\":false}").status, 409);
    struct answer answer = show(fixture, &made);
    assert_string_equal(text_of(&answer, "status"), "revoked");
}

/* --- create --------------------------------------------------------------------------------- */

static void test_a_new_token_is_answered_in_full_and_once(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = manage(fixture, "POST " TOKENS,
                                  "{\"user_id\":\"alice\",\"name\":\"laptop\","
                                  "\"scopes\":[\"b:x\",\"a:y\",\"a:y\"],\"expires_in_days\":1,"
                                  "\"limits\":{\"minute\":5,\"hour\":\"unlimited\"},"
                                  "\"allowed_ips\":[\"10.0.0.0/8\"],\"metadata\":{\"k\":[1,0.5]}}");
    assert_int_equal(answer.status, 201);
    assert_string_equal(header_of(&answer, "Cache-Control"), "no-store");
    assert_string_equal(header_of(&answer, "ETag"), "\"1\"");
    const char *id = text_of(&answer, "id");
    assert_string_equal(header_of(&answer, "Location"), printed(TOKENS "/%s", id));
    const char *text = text_of(&answer, "token");
    assert_memory_equal(text, "sk_live_", 8);
    const char *created_by = text_of(&answer, "created_by");
    assert_memory_equal(created_by, "tok_", 4);
    const char *expected = printed(
        "{\"id\":\"%s\",\"object\":\"token\",\"org_id\":\"default\",\"user_id\":\"alice\","
        "\"name\":\"laptop\",\"kind\":\"user\",\"env\":\"live\",\"display_prefix\":\"%.12s\","
        "\"tier\":\"free\",\"tier_inherited\":true,\"role\":null,\"scopes\":[\"a:y\",\"b:x\"],"
        "\"own_scopes\":[\"a:y\",\"b:x\"],"
        "\"limits\":{\"minute\":5,\"hour\":\"unlimited\",\"day\":null},\"credits\":null,"
        "\"allowed_ips\":[\"10.0.0.0/8\"],\"metadata\":{\"k\":[1,0.5]},\"not_before\":null,"
        "\"expires_at\":\"2026-01-02T00:00:00Z\",\"created_at\":\"2026-01-01T00:00:00Z\","
        "\"updated_at\":\"2026-01-01T00:00:00Z\",\"last_used_at\":null,\"request_count\":0,"
        "\"lineage_id\":\"%s\",\"rotated_from\":null,\"replaced_by\":null,"
        "\"grace_until\":null,\"source\":\"made\",\"created_by\":\"%s\","
        "\"honeytoken\":false,\"disabled_at\":null,\"quarantined_at\":null,\"revoked_at\":null,"
        "\"revoke_reason\":null,\"status\":\"active\",\"version\":1",
        id, text, id, created_by);
    assert_string_equal(
        answer.body,
        printed("%s,\"token\":\"%s\",\"replayed\":false,\"revoked_count\":0,\"warnings\":[]}",
                expected, text));
    fixture_secret(fixture, text); /* from here on no answer has it */
    answer = manage(fixture, printed("GET " TOKENS "/%s", id), NULL);
    assert_string_equal(answer.body, printed("%s}", expected));
}

static void test_words_of_other_systems_for_our_scopes_are_told(void **state)
{
    struct answer answer = manage(*state, "POST " TOKENS,
                                  "{\"user_id\":\"a\",\"name\":\"n\",\"honeytoken\":true,"
                                  "\"scopes\":[\"api_read\",\"audit_log\",\"system_status\","
                                  "\"system:read\"]}");
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body, "\"warnings\":[{\"code\":\"foreign_scope\",\"member\":"
                                        "\"scopes\",\"detail\":\"`audit_log` opens nothing of "
                                        "Tokenry; its scope is `audit:write`.\"}]"));
}

static void test_a_test_token_has_its_own_prefix(void **state)
{
    struct made made = fixture_make(*state, "{\"user_id\":\"a\",\"name\":\"n\",\"env\":\"test\"}");
    assert_memory_equal(made.text, "sk_test_", 8);
}

static void test_a_lifetime_beyond_the_maximum_is_cut_with_a_warning(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {
        "{\"user_id\":\"a\",\"name\":\"n\",\"expires_in_days\":1000}",
        "{\"user_id\":\"a\",\"name\":\"n\",\"expires_at\":null}"};
    static const char *const words[] = {
        "Maximum expiry is 365 days. Setting expiry to 365 days instead of 1000.",
        "Maximum expiry is 365 days. Setting expiry to 365 days instead of never."};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct answer answer = manage(fixture, "POST " TOKENS, bodies[i]);
        assert_int_equal(answer.status, 201);
        assert_string_equal(text_of(&answer, "expires_at"), "2027-01-01T00:00:00Z");
        assert_non_null(strstr(answer.body, "\"code\":\"lifetime_clamped\""));
        assert_non_null(strstr(answer.body, words[i]));
    }
}

#define WEAK "{\"user_id\":\"a\",\"name\":\"n\",\"token\":\"my-super-secret-api-token\""

static void test_a_weak_token_needs_force_and_comes_with_a_warning(void **state)
{
    struct fixture *fixture = *state;
    fixture_secret(fixture, "my-super-secret-api-token");
    struct answer answer = manage(fixture, "POST " TOKENS, WEAK "}");
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "token");
    answer = manage(fixture, "POST " TOKENS, WEAK ",\"force\":true}");
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body, "\"code\":\"weak_token\",\"member\":\"token\""));
}

static void test_force_is_for_those_with_every_scope(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"tokens:write\"]}");
    struct answer answer =
        ask(fixture, "POST " TOKENS, bearer(made.text),
            "{\"user_id\":\"a\",\"name\":\"m\",\"token\":\"Kq7-vT2mZx9_Rb4LnW8cJd3F\","
            "\"force\":true}");
    assert_int_equal(answer.status, 403);
    assert_string_equal(text_of(&answer, "member"), "force");
}

static void test_an_idempotency_key_makes_one_token(void **state)
{
    struct fixture *fixture = *state;
    const char *headers =
        printed("Authorization: Bearer %s\r\nIdempotency-Key: once\r\n", fixture->admin.text);
    struct answer first = ask(fixture, "POST " TOKENS, headers, SMALL);
    assert_int_equal(first.status, 201);
    fixture_secret(fixture, text_of(&first, "token"));
    struct answer again = ask(fixture, "POST " TOKENS, headers, SMALL);
    assert_int_equal(again.status, 200);
    assert_string_equal(text_of(&again, "id"), text_of(&first, "id"));
    assert_string_equal(text_of(&again, "token"), "");
    assert_non_null(strstr(again.body, "\"replayed\":true"));
    struct answer other =
        ask(fixture, "POST " TOKENS, headers, "{\"user_id\":\"a\",\"name\":\"other\"}");
    assert_int_equal(other.status, 422);
    assert_code(other, "idempotency_mismatch");
}

static void test_an_idempotency_key_that_is_too_long_or_stands_twice_is_400(void **state)
{
    struct fixture *fixture = *state;
    char key[IDEMPOTENCY_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    struct answer answer = ask(
        fixture, "POST " TOKENS,
        printed("Authorization: Bearer %s\r\nIdempotency-Key: %s\r\n", fixture->admin.text, key),
        SMALL);
    assert_int_equal(answer.status, 400);
    assert_string_equal(text_of(&answer, "member"), "Idempotency-Key");
    answer = ask(fixture, "POST " TOKENS,
                 printed("Authorization: Bearer %s\r\nIdempotency-Key: a\r\n"
                         "Idempotency-Key: b\r\n",
                         fixture->admin.text),
                 SMALL);
    assert_int_equal(answer.status, 400);
}

/* --- list ----------------------------------------------------------------------------------- */

static void test_pages_end_lose_nothing_and_have_the_newest_first(void **state)
{
    struct fixture *fixture = *state;
    struct made made[25];
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        made[i] = fixture_make(fixture, printed("{\"user_id\":\"pages\",\"name\":\"p%zu\"}", i));
    }
    size_t left = COUNT_OF(made);
    char query[128] = "?user_id=pages&limit=10";
    for (int pages = 1; pages <= 3; pages++) {
        struct answer answer = manage(fixture, printed("GET " TOKENS "%s", query), NULL);
        assert_int_equal(answer.status, 200);
        json_t *root CLEANUP(json_decref_p) = json_of(&answer);
        const json_t *data = json_object_get(root, "data");
        assert_int_equal(json_array_size(data), pages < 3 ? 10 : 5);
        for (size_t i = 0; i < json_array_size(data); i++) {
            const char *id = json_string_value(json_object_get(json_array_get(data, i), "id"));
            assert_string_equal(id, made[--left].id);
        }
        const char *cursor = json_string_value(json_object_get(root, "next_cursor"));
        assert_int_equal(cursor == NULL, pages == 3);
        snprintf(query, sizeof query, "?user_id=pages&limit=10&cursor=%s",
                 cursor != NULL ? cursor : "");
    }
    assert_int_equal(left, 0);
}

static size_t listed(struct fixture *fixture, const char *query)
{
    struct answer answer = manage(fixture, printed("GET " TOKENS "%s", query), NULL);
    assert_int_equal(answer.status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    return json_array_size(json_object_get(root, "data"));
}

static void test_a_list_is_filtered(void **state)
{
    struct fixture *fixture = *state;
    struct made revoked = fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"gone\"}");
    fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"here\"}");
    fixture_make(fixture, "{\"user_id\":\"a+b c\",\"name\":\"here\"}");
    fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"far\",\"org_id\":\"acme\"}");
    assert_int_equal(manage(fixture, printed("DELETE %s", path_of(&revoked)), NULL).status, 200);
    assert_int_equal(listed(fixture, "?user_id=bob"), 1);
    assert_int_equal(listed(fixture, "?user_id=bob&include_inactive=true"), 2);
    assert_int_equal(listed(fixture, "?user_id=bob&status=revoked"), 1);
    assert_int_equal(listed(fixture, "?user_id=bob&status=disabled"), 0);
    assert_int_equal(listed(fixture, "?name=here"), 2);
    assert_int_equal(listed(fixture, "?user_id=a%2Bb%20c"), 1);
    assert_int_equal(listed(fixture, "?user_id=bob&org_id=acme"), 1);
    assert_int_equal(listed(fixture, "?user_id=nobody"), 0);
}

/* --- change and revoke ---------------------------------------------------------------------- */

static void test_only_what_is_given_is_changed(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"a:b\"],\"metadata\":{\"k\":1},"
                 "\"limits\":{\"minute\":5}}");
    struct answer answer = patch(fixture, &made, NULL, "{\"tier\":\"pro\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "tier"), "pro");
    assert_non_null(strstr(answer.body, "\"scopes\":[\"a:b\"]"));
    assert_non_null(strstr(answer.body, "\"metadata\":{\"k\":1}"));
    assert_non_null(strstr(answer.body, "\"limits\":{\"minute\":5,"));
    assert_non_null(strstr(answer.body, "\"expires_at\":\"2026-04-01T00:00:00Z\""));
    answer = patch(fixture, &made, NULL, "{\"limits\":null,\"metadata\":null,\"scopes\":[]}");
    assert_non_null(strstr(answer.body, "\"limits\":{\"minute\":null,"));
    assert_non_null(strstr(answer.body, "\"metadata\":{}"));
    assert_non_null(strstr(answer.body, "\"scopes\":[]"));
    assert_non_null(strstr(answer.body, "\"tier\":\"pro\""));
}

static void test_a_change_is_seen_by_the_next_verification(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(ask(fixture, "GET /auth?scope=a:b", bearer(made.text), NULL).status, 403);
    assert_int_equal(patch(fixture, &made, NULL, "{\"permissions\":[\"a:b\"]}").status, 200);
    assert_int_equal(ask(fixture, "GET /auth?scope=a:b", bearer(made.text), NULL).status, 200);
}

static void test_use_is_counted_and_shown(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
    }
    struct answer answer = show(fixture, &made);
    assert_int_equal(number_of(&answer, "request_count"), 3);
    assert_string_equal(text_of(&answer, "last_used_at"), "2026-01-01T00:00:00Z");
    assert_string_equal(header_of(&answer, "ETag"), "\"1\"");
}

static void test_a_token_in_a_wrong_header_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"scopes\":[\"*\"]}");
    struct answer answer =
        ask(fixture, "POST " TOKENS,
            printed("Authorization: Bearer %s\r\nUser-Agent: cli/1 (%s)\r\n", made.text, made.text),
            SMALL);
    assert_int_equal(answer.status, 201); /* the files are searched at the end */
    answer =
        ask(fixture, printed("DELETE " TOKENS "/%s?reason=x", made.text), bearer(made.text), NULL);
    assert_int_equal(answer.status, 404);
}

static void test_a_revocation_keeps_its_reason_and_is_idempotent(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer answer =
        manage(fixture, printed("DELETE %s?reason=left%%20the%%20team", path_of(&made)), NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "status"), "revoked");
    assert_string_equal(text_of(&answer, "revoke_reason"), "left the team");
    assert_string_equal(text_of(&answer, "revoked_at"), "2026-01-01T00:00:00Z");
    answer = manage(fixture, printed("DELETE %s?reason=again", path_of(&made)), NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text_of(&answer, "revoke_reason"), "left the team");
}

static void test_a_reason_has_a_maximum(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    char reason[REVOKE_REASON_BYTES_MAX + 2];
    memset(reason, 'r', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    struct answer answer =
        manage(fixture, printed("DELETE %s?reason=%s", path_of(&made), reason), NULL);
    assert_int_equal(answer.status, 400);
    assert_int_equal(manage(fixture, printed("DELETE %s?reason=%%0a", path_of(&made)), NULL).status,
                     400);
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
}

/* --- tiers ---------------------------------------------------------------------------------- */

static void test_a_wrong_tier_is_refused(void **state)
{
    static const struct {
        const char *request, *body, *member;
    } rows[] = {
        {"PUT " TIERS "/gold", "{}", "limits"},
        {"PUT " TIERS "/gold", "{\"limits\":{\"week\":1}}", "limits.week"},
        {"PUT " TIERS "/gold", "{\"limits\":{},\"name\":\"x\"}", "name"},
        {"PUT " TIERS "/Gold", "{\"limits\":{}}", "name"},
        {"PUT " TIERS "/gold", "{\"limits\":{},\"subject\":\"x\"}", "subject"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(*state, rows[i].request, rows[i].body);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), rows[i].member);
    }
}

static void test_the_shipped_tiers_are_there(void **state)
{
    struct answer answer = manage(*state, "GET " TIERS, NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "{\"name\":\"free\",\"object\":\"tier\","
                                        "\"limits\":{\"minute\":60,\"hour\":1000,\"day\":10000},"
                                        "\"subject\":\"token\"}"));
    assert_non_null(strstr(answer.body, "\"name\":\"pro\""));
    assert_non_null(strstr(answer.body, "\"name\":\"enterprise\""));
}

static void test_an_edited_tier_holds_for_the_next_request(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer =
        manage(fixture, "PUT " TIERS "/gold", "{\"limits\":{\"minute\":1},\"subject\":\"user\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"name\":\"gold\",\"object\":\"tier\",\"limits\":"
                                     "{\"minute\":1,\"hour\":null,\"day\":null},"
                                     "\"subject\":\"user\"}");
    struct made made =
        fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"n\",\"tier\":\"gold\"}");
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 429);
    assert_int_equal(manage(fixture, "PUT " TIERS "/gold", "{\"limits\":{\"minute\":3}}").status,
                     200);
    assert_int_equal(ask(fixture, "GET /auth", bearer(made.text), NULL).status, 200);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_wrong_body_is_refused_and_makes_nothing),
        WITH_FIXTURE(test_a_token_pasted_into_another_place_is_refused_and_kept_nowhere),
        WITH_FIXTURE(test_a_token_that_is_not_there_is_404),
        WITH_FIXTURE(test_a_chosen_token_cannot_be_made_twice),
        WITH_FIXTURE(test_a_bad_question_for_a_list_is_400),
        WITH_FIXTURE(test_a_change_of_something_that_was_changed_is_412),
        WITH_FIXTURE(test_an_etag_that_is_not_ours_never_matches),
        WITH_FIXTURE(test_a_revoked_token_cannot_be_changed_back),
        WITH_FIXTURE(test_a_new_token_is_answered_in_full_and_once),
        WITH_FIXTURE(test_words_of_other_systems_for_our_scopes_are_told),
        WITH_FIXTURE(test_a_test_token_has_its_own_prefix),
        WITH_FIXTURE(test_a_lifetime_beyond_the_maximum_is_cut_with_a_warning),
        WITH_FIXTURE(test_a_weak_token_needs_force_and_comes_with_a_warning),
        WITH_FIXTURE(test_force_is_for_those_with_every_scope),
        WITH_FIXTURE(test_an_idempotency_key_makes_one_token),
        WITH_FIXTURE(test_an_idempotency_key_that_is_too_long_or_stands_twice_is_400),
        WITH_FIXTURE(test_pages_end_lose_nothing_and_have_the_newest_first),
        WITH_FIXTURE(test_a_list_is_filtered),
        WITH_FIXTURE(test_only_what_is_given_is_changed),
        WITH_FIXTURE(test_a_change_is_seen_by_the_next_verification),
        WITH_FIXTURE(test_use_is_counted_and_shown),
        WITH_FIXTURE(test_a_token_in_a_wrong_header_is_not_kept),
        WITH_FIXTURE(test_a_revocation_keeps_its_reason_and_is_idempotent),
        WITH_FIXTURE(test_a_reason_has_a_maximum),
        WITH_FIXTURE(test_a_wrong_tier_is_refused),
        WITH_FIXTURE(test_the_shipped_tiers_are_there),
        WITH_FIXTURE(test_an_edited_tier_holds_for_the_next_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
