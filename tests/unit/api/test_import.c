/* SPDX-License-Identifier: Apache-2.0 */
/* Import and export as calls. */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "fixture.h"

#define IMPORT TOKENS "/import"
#define EXPORT TOKENS "/export"
#define OLD_TOKEN "an-old-token-of-alice"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *old_hash(void)
{
    static char hex[2 * DIGEST_SHA256_BYTES + 1];
    uint8_t digest[DIGEST_SHA256_BYTES];
    assert_int_equal(digest_sha256(OLD_TOKEN, strlen(OLD_TOKEN), digest), TKR_OK);
    text_hex(digest, sizeof digest, hex);
    return hex;
}

/* A text of the result of one token; "" when it is not there. */
static const char *result_at(const struct answer *answer, size_t i, const char *member)
{
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    const json_t *result = json_array_get(json_object_get(root, "results"), i);
    const char *text = json_string_value(json_object_get(result, member));
    return printed("%s", text != NULL ? text : "");
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_body_that_is_none_is_refused_whole(void **state)
{
    static const struct {
        const char *body, *code;
        unsigned status;
    } rows[] = {
        {"", "malformed", 400},
        {"{}", "invalid_request", 400},
        {"{\"tokens\":[]}", "out_of_range", 400},
        {"{\"tokens\":[{}],\"force\":true}", "unknown_member", 400},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = manage(*state, "POST " IMPORT, rows[i].body);
        assert_int_equal(answer.status, rows[i].status);
        assert_code(answer, rows[i].code);
    }
}

static void test_more_than_the_maximum_are_too_large(void **state)
{
    static char body[16 * (IMPORT_CALL_ROWS_MAX + 2)];
    size_t length = (size_t)sprintf(body, "{\"tokens\":[{}");
    for (int i = 0; i < IMPORT_CALL_ROWS_MAX; i++) {
        length += (size_t)sprintf(body + length, ",{}");
    }
    sprintf(body + length, "]}");
    struct answer answer = manage(*state, "POST " IMPORT, body);
    assert_int_equal(answer.status, 413);
    assert_code(answer, "too_large");
}

static void test_a_bad_token_is_refused_alone_by_its_member(void **state)
{
    struct answer answer =
        manage(*state, "POST " IMPORT,
               "{\"tokens\":[17,{\"digest\":\"" HASH_A "\",\"user_id\":\"a\"},"
               "{\"digest\":\"zz\",\"user_id\":\"a\",\"name\":\"n\"},"
               "{\"digest\":\"" HASH_A "\",\"user_id\":\"a\",\"name\":\"n\",\"token\":\"x\"},"
               "{\"digest\":\"" HASH_A "\",\"user_id\":\"a\",\"name\":\"n\",\"tier\":\"nope\"},"
               "{\"digest\":\"" HASH_A "\",\"user_id\":\"a\",\"name\":\"n\"}]}");
    static const char *const members[] = {"", "name", "digest", "token", "tier"};
    assert_int_equal(answer.status, 200);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        assert_string_equal(result_at(&answer, i, "result"), "refused");
        assert_string_equal(result_at(&answer, i, "member"), members[i]);
        assert_true(strlen(result_at(&answer, i, "detail")) > 0);
    }
    assert_string_equal(result_at(&answer, 5, "result"), "created");
    assert_int_equal(number_of(&answer, "refused"), 5);
}

static void test_scopes_are_needed_for_both(void **state)
{
    struct fixture *fixture = *state;
    struct made reader =
        fixture_make(fixture, "{\"user_id\":\"r\",\"name\":\"r\",\"scopes\":[\"tokens:read\"]}");
    assert_int_equal(ask(fixture, "POST " IMPORT, bearer(reader.text), "{\"tokens\":[{}]}").status,
                     403);
    assert_int_equal(ask(fixture, "GET " EXPORT, bearer(reader.text), NULL).status, 403);
}

static void test_nobody_imports_more_scope_than_they_have(void **state)
{
    struct fixture *fixture = *state;
    struct made writer =
        fixture_make(fixture, "{\"user_id\":\"w\",\"name\":\"w\",\"scopes\":[\"tokens:write\"]}");
    struct answer answer =
        ask(fixture, "POST " IMPORT, bearer(writer.text),
            "{\"tokens\":[{\"digest\":\"" HASH_A "\",\"user_id\":\"a\",\"name\":\"n\","
            "\"scopes\":[\"*\"]}]}");
    assert_string_equal(result_at(&answer, 0, "code"), "forbidden");
    assert_string_equal(result_at(&answer, 0, "member"), "scopes");
}

/* --- what is done --------------------------------------------------------------------------- */

static void test_an_old_token_works_unchanged(void **state)
{
    struct fixture *fixture = *state;
    const char *body = printed("{\"tokens\":[{\"digest\":\"%s\",\"user_id\":\"alice\","
                               "\"name\":\"laptop\",\"tier\":\"pro\",\"request_count\":7}]}",
                               old_hash());
    fixture_secret(fixture, OLD_TOKEN);
    assert_int_equal(ask(fixture, "GET /auth", bearer(OLD_TOKEN), NULL).status, 401);
    struct answer answer = manage(fixture, "POST " IMPORT, body);
    assert_string_equal(result_at(&answer, 0, "result"), "created");
    answer = ask(fixture, "GET /auth", bearer(OLD_TOKEN), NULL);
    assert_int_equal(answer.status, 200);
    answer = manage(fixture, "POST " IMPORT, body);
    assert_string_equal(result_at(&answer, 0, "result"), "exists");
}

static void test_a_revoked_token_stays_revoked(void **state)
{
    struct fixture *fixture = *state;
    const char *row =
        printed("{\"digest\":\"%s\",\"user_id\":\"alice\",\"name\":\"l\"", old_hash());
    struct answer answer =
        manage(fixture, "POST " IMPORT, printed("{\"tokens\":[%s,\"revoked\":true}]}", row));
    assert_string_equal(result_at(&answer, 0, "result"), "created");
    assert_int_equal(ask(fixture, "GET /auth", bearer(OLD_TOKEN), NULL).status, 401);
    answer = manage(fixture, "POST " IMPORT, printed("{\"tokens\":[%s}]}", row));
    assert_string_equal(result_at(&answer, 0, "result"), "revoked");
    assert_int_equal(ask(fixture, "GET /auth", bearer(OLD_TOKEN), NULL).status, 401);
}

static void test_a_thousand_are_done_in_order(void **state)
{
    static char body[200 * IMPORT_CALL_ROWS_MAX];
    size_t length = (size_t)sprintf(body, "{\"tokens\":[");
    for (int i = 0; i < IMPORT_CALL_ROWS_MAX; i++) {
        bool bad = i == 3 || i == 700;
        length += (size_t)sprintf(body + length,
                                  "%s{\"digest\":\"%064x\",\"user_id\":\"u\",\"name\":\"n%d\"%s}",
                                  i > 0 ? "," : "", i + 1, i, bad ? ",\"kind\":\"x\"" : "");
    }
    sprintf(body + length, "]}");
    struct answer answer = manage(*state, "POST " IMPORT, body);
    assert_int_equal(answer.status, 200);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    size_t i;
    json_t *result;
    json_array_foreach(json_object_get(root, "results"), i, result)
    {
        bool bad = i == 3 || i == 700;
        const char *text = json_string_value(json_object_get(result, "result"));
        assert_string_equal(text, bad ? "refused" : "created");
    }
    assert_int_equal(number_of(&answer, "created"), 998);
}

static void test_an_export_has_digests_and_pages(void **state)
{
    struct fixture *fixture = *state;
    fixture_make(fixture, "{\"user_id\":\"a\",\"name\":\"first\"}");
    fixture_make(fixture, "{\"user_id\":\"b\",\"name\":\"second\"}");
    struct answer answer = manage(fixture, "GET " EXPORT "?limit=2", NULL);
    json_t *root CLEANUP(json_decref_p) = json_of(&answer);
    const json_t *tokens = json_object_get(root, "tokens");
    assert_int_equal(json_array_size(tokens), 2);
    const json_t *token = json_array_get(tokens, 0);
    assert_string_equal(json_string_value(json_object_get(token, "name")), "second");
    assert_int_equal(json_string_length(json_object_get(token, "digest")), 64);
    assert_null(json_object_get(token, "token"));
    const char *cursor = text_of(&answer, "next_cursor");
    answer = manage(fixture, printed("GET " EXPORT "?limit=2&cursor=%s", cursor), NULL);
    json_t *rest CLEANUP(json_decref_p) = json_of(&answer);
    assert_int_equal(json_array_size(json_object_get(rest, "tokens")), 1);
    assert_true(json_is_null(json_object_get(rest, "next_cursor")));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_body_that_is_none_is_refused_whole),
        WITH_FIXTURE(test_more_than_the_maximum_are_too_large),
        WITH_FIXTURE(test_a_bad_token_is_refused_alone_by_its_member),
        WITH_FIXTURE(test_scopes_are_needed_for_both),
        WITH_FIXTURE(test_nobody_imports_more_scope_than_they_have),
        WITH_FIXTURE(test_an_old_token_works_unchanged),
        WITH_FIXTURE(test_a_revoked_token_stays_revoked),
        WITH_FIXTURE(test_a_thousand_are_done_in_order),
        WITH_FIXTURE(test_an_export_has_digests_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
