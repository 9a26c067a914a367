/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <string.h>

/* --- idempotency ------------------------------------------------------------------------- */

static void put_key(struct fixture *fixture, const char *org, const char *key, uint8_t digest_byte,
                    const char *token_id, int64_t now_ms)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];
    memset(digest, digest_byte, sizeof(digest));
    begin(fixture);
    assert_int_equal(
        fixture->port.put_idempotency(fixture->store, org, key, digest, token_id, now_ms), TKR_OK);
    commit(fixture);
}

static tkr_error_t find_key(struct fixture *fixture, const char *org, const char *key,
                            int64_t now_ms, char token_id[TOKEN_ID_CHARS + 1], uint8_t *digest_byte)
{
    uint8_t digest[TOKEN_DIGEST_BYTES] = {0};
    tkr_error_t error =
        fixture->port.find_idempotency(fixture->store, org, key, now_ms, token_id, digest);
    *digest_byte = digest[TOKEN_DIGEST_BYTES - 1];
    return error;
}

static void test_an_idempotency_key_is_known_for_a_day_in_its_org(void **state)
{
    struct fixture *fixture = *state;
    const int64_t day_ms = (int64_t)IDEMPOTENCY_TTL_S * 1000;
    struct token token = sample_token(1);
    char id[TOKEN_ID_CHARS + 1];
    uint8_t digest = 0;
    put_key(fixture, "acme", "k", 7, token.id, SAMPLE_NOW);
    assert_int_equal(find_key(fixture, "beta", "k", SAMPLE_NOW, id, &digest), TKR_NOT_FOUND);
    assert_int_equal(find_key(fixture, "acme", "K", SAMPLE_NOW, id, &digest), TKR_NOT_FOUND);
    assert_int_equal(find_key(fixture, "acme", "k", SAMPLE_NOW + day_ms, id, &digest),
                     TKR_NOT_FOUND);
    assert_int_equal(find_key(fixture, "acme", "k", SAMPLE_NOW + day_ms - 1, id, &digest), TKR_OK);
    assert_string_equal(id, token.id);
    assert_int_equal(digest, 7);
}

static void test_an_expired_idempotency_key_can_be_used_again(void **state)
{
    struct fixture *fixture = *state;
    const int64_t later = SAMPLE_NOW + (int64_t)IDEMPOTENCY_TTL_S * 1000;
    struct token first = sample_token(1);
    struct token second = sample_token(2);
    char id[TOKEN_ID_CHARS + 1];
    uint8_t digest = 0;
    put_key(fixture, "acme", "k", 7, first.id, SAMPLE_NOW);
    put_key(fixture, "acme", "k", 8, second.id, later);
    assert_int_equal(find_key(fixture, "acme", "k", later, id, &digest), TKR_OK);
    assert_string_equal(id, second.id);
    assert_int_equal(digest, 8);
}

/* --- usage ------------------------------------------------------------------------------- */

static void test_flushed_usage_shows_on_the_token_and_twice_counts_once(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    flush(fixture, token.line, 5, SAMPLE_NOW + 1);
    flush(fixture, token.line, 5, SAMPLE_NOW + 1);
    flush(fixture, token.line, 8, SAMPLE_NOW + 2);
    struct token read = get(fixture, token.id);
    assert_int_equal(read.request_count, 8);
    assert_int_equal(read.last_used_at_ms, SAMPLE_NOW + 2);
}

static void test_usage_that_is_behind_takes_nothing_back(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    flush(fixture, token.line, 5, SAMPLE_NOW + 1);
    flush(fixture, token.line, 0, 0);
    flush(fixture, token.line, 3, SAMPLE_NOW + 2);
    assert_int_equal(get(fixture, token.id).request_count, 5);
}

static void test_the_clock_of_a_flush_is_kept_and_never_goes_back(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(fixture->port.flush_usage(fixture->store, NULL, 0, SAMPLE_NOW + 9), TKR_OK);
    commit(fixture);
    begin(fixture);
    assert_int_equal(fixture->port.flush_usage(fixture->store, NULL, 0, SAMPLE_NOW + 1), TKR_OK);
    commit(fixture);
    reopen_store(fixture);
    assert_int_equal(identity(fixture).clock_ms, SAMPLE_NOW + 9);
}

int suite_usage(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_an_idempotency_key_is_known_for_a_day_in_its_org),
        SUITE_TEST(test_an_expired_idempotency_key_can_be_used_again),
        SUITE_TEST(test_flushed_usage_shows_on_the_token_and_twice_counts_once),
        SUITE_TEST(test_usage_that_is_behind_takes_nothing_back),
        SUITE_TEST(test_the_clock_of_a_flush_is_kept_and_never_goes_back),
    };
    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
