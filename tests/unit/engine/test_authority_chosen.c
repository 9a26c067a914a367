/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that somebody thought up: weak ones are refused, unless who may forces them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "crypto/digest.h"

static int set_up(void **state)
{
    struct authority_fixture *fixture = calloc(1, sizeof(*fixture));
    authority_fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    authority_fixture_close(*state);
    free(*state);
    return 0;
}

static struct token_create chosen(const char *text)
{
    struct token_create asked = fixture_token("n");
    asked.chosen = text;
    asked.chosen_length = strlen(text);
    return asked;
}

static void assert_nothing_stored(void **state)
{
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM users"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 0);
}

static void test_a_weak_token_is_refused_with_a_reason_and_without_itself(void **state)
{
    struct token_create asked = chosen("alice_secret_token_2025");
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_INVALID);
    assert_true(answer.refused);
    assert_string_equal(answer.fault.field, "token");
    assert_non_null(strstr(answer.fault.detail, "too weak"));
    assert_null(strstr(answer.fault.detail, "alice"));
    assert_null(strstr(answer.fault.detail, "2025"));
    assert_nothing_stored(state);
}

static void test_the_user_and_the_name_are_no_secret(void **state)
{
    struct token_create asked = chosen("Wolfeschlegelstein-h7Qp2x");
    asked.user_id = "wolfeschlegelstein";
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_INVALID);
    assert_non_null(strstr(answer.fault.detail, "the user"));
    asked.user_id = "u";
    asked.name = "WOLFESCHLEGELSTEIN";
    assert_int_equal(fixture_create(*state, &fixture_admin, &asked).error, TKR_INVALID);
    assert_nothing_stored(state);
}

static void test_force_needs_every_scope_also_for_a_strong_token(void **state)
{
    static const char *const texts[] = {"alice_secret_token_2025", "Kq7-vT2mZx9_Rb4LnW8cJd3F"};
    for (size_t i = 0; i < 2; i++) {
        struct token_create asked = chosen(texts[i]);
        asked.force = true;
        struct answer answer = fixture_create(*state, &fixture_alice, &asked);
        assert_int_equal(answer.error, TKR_FORBIDDEN);
        assert_string_equal(answer.fault.field, "force");
    }
    assert_nothing_stored(state);
}

static void test_force_without_a_chosen_token_is_refused(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.force = true;
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_INVALID);
    assert_string_equal(answer.fault.field, "force");
    assert_nothing_stored(state);
}

static void test_a_forced_token_works_and_its_event_says_so(void **state)
{
    struct token_create asked = chosen("alice_secret_token_2025");
    uint8_t digest[TOKEN_DIGEST_BYTES];
    asked.force = true;
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_true(answer.weak);
    assert_int_equal(digest_sha256(asked.chosen, asked.chosen_length, digest), TKR_OK);
    assert_int_equal(fixture_see(*state, digest), SEEN_ACTIVE);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"
                                           " WHERE json_extract(details, '$.forced') = 1"),
                     1);
}

static void test_a_strong_token_is_not_called_forced(void **state)
{
    struct token_create asked = chosen("Kq7-vT2mZx9_Rb4LnW8cJd3F");
    asked.force = true;
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_false(answer.weak);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"
                                           " WHERE json_extract(details, '$.forced') = 0"),
                     1);
}

static void test_a_replay_does_not_warn_again(void **state)
{
    struct token_create asked = chosen("alice_secret_token_2025");
    asked.force = true;
    asked.idempotency_key = "k";
    assert_true(fixture_create(*state, &fixture_admin, &asked).weak);
    struct answer answer = fixture_create(*state, &fixture_admin, &asked);
    assert_true(answer.replayed);
    assert_false(answer.weak);
}

static void test_a_weak_successor_needs_force_too(void **state)
{
    struct token_create asked = fixture_token("n");
    struct answer made = fixture_create(*state, &fixture_admin, &asked);
    static const char text[] = "alice_secret_token_2025";
    struct token_rotate rotate = {.chosen = text, .chosen_length = strlen(text)};
    struct answer answer = fixture_rotate(*state, &fixture_admin, made.id, &rotate);
    assert_int_equal(answer.error, TKR_INVALID);
    assert_string_equal(answer.fault.field, "token");
    rotate.force = true;
    answer = fixture_rotate(*state, &fixture_alice, made.id, &rotate);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    answer = fixture_rotate(*state, &fixture_admin, made.id, &rotate);
    assert_int_equal(answer.error, TKR_OK);
    assert_true(answer.weak);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"
                                           " WHERE json_extract(details, '$.forced') = 1"),
                     1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_weak_token_is_refused_with_a_reason_and_without_itself),
        TEST(test_the_user_and_the_name_are_no_secret),
        TEST(test_force_needs_every_scope_also_for_a_strong_token),
        TEST(test_force_without_a_chosen_token_is_refused),
        TEST(test_a_forced_token_works_and_its_event_says_so),
        TEST(test_a_strong_token_is_not_called_forced),
        TEST(test_a_replay_does_not_warn_again),
        TEST(test_a_weak_successor_needs_force_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
