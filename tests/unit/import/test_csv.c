/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

#include "base/buffer.h"

#define HEADER "token_hash,user_id,name\n"

static const char *read_csv(void **state, const char *content)
{
    return fixture_read(*state, IMPORT_CSV, content);
}

/* --- lines that cannot be taken -------------------------------------------------------------- */

static void test_bad_lines_do_not_stop_the_rest(void **state)
{
    assert_string_equal(read_csv(state, HEADER "\"" HASH_A "\"x,alice,a\n"
                                               "a\"b,alice,a\n" HASH_A ",alice\n" HASH_A
                                               ",alice,a,b\n" HASH_B ",bob,ok\n"),
                        "2 bad something follows a closing quote\n"
                        "3 bad a quote stands within a field\n"
                        "4 bad it has 2 fields, and the first line 3\n"
                        "5 bad it has 4 fields, and the first line 3\n"
                        "6 bob/ok bbbbbbbb\n");
}

static void test_a_quote_that_never_ends_ends_the_stream(void **state)
{
    assert_string_equal(read_csv(state, HEADER HASH_A ",alice,a\n" HASH_A ",\"bob,b\n" HASH_A),
                        "2 alice/a aaaaaaaa\n"
                        "error malformed: a quote of line 3 does not end\n");
}

static void test_a_line_that_is_too_long_is_bad_and_passed_over(void **state)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 4 * IMPORT_ENTRY_BYTES_MAX);
    buffer_add_text(&text, HEADER);
    for (int i = 0; i < 2 * IMPORT_ENTRY_BYTES_MAX; i++) {
        buffer_add_char(&text, 'x');
    }
    buffer_add_text(&text, "\n" HASH_A ",alice,a\n");
    assert_string_equal(read_csv(state, text.data), "2 bad it is too long\n3 alice/a aaaaaaaa\n");
}

static void test_a_nul_is_bad(void **state)
{
    static const char text[] = HEADER HASH_A ",al\0ice,a\n";
    assert_string_equal(fixture_read_bytes(*state, IMPORT_CSV, text, sizeof(text) - 1),
                        "2 bad it has a NUL\n");
}

static void test_a_file_without_hashes_is_refused(void **state)
{
    assert_non_null(strstr(read_csv(state, "user_id,name\nalice,a\n"),
                           "error invalid_request: no column has the SHA-256 of the tokens"));
    assert_non_null(strstr(read_csv(state, ""), "error malformed: it is empty"));
}

static void test_other_hashes_are_bad_rows_with_a_reason(void **state)
{
    assert_string_equal(
        read_csv(state, HEADER "$2b$12$abcdefghijklmnopqrstuv,a,a\n"
                               "\"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA\",a,a\n"
                               "da39a3ee5e6b4b0d3255bfef95601890afd80709,a,a\n"
                               "zz" HASH_A ",a,a\n,a,a\n"),
        "2 bad token_hash: it is a bcrypt hash; only SHA-256 can be kept\n"
        "3 bad token_hash: it is an argon2 hash; only SHA-256 can be kept\n"
        "4 bad token_hash: it has the length of SHA-1; only SHA-256 can be kept\n"
        "5 bad token_hash: it has not 64 hexadecimal digits; only SHA-256 can be kept\n"
        "6 bad it has no hash of a token\n");
}

static void test_a_value_never_stands_in_a_reason(void **state)
{
    const char *text = read_csv(state, "token,user_id,expires_at\n" TOKEN_ALICE ",a,secret-value\n"
                                       "short-secret-value,a,\n");
    assert_null(strstr(text, "secret-value"));
    assert_null(strstr(text, TOKEN_ALICE));
}

/* --- lines that can -------------------------------------------------------------------------- */

static void test_rfc_4180(void **state)
{
    assert_string_equal(read_csv(state, "\"token_hash\",user_id,name\r\n" HASH_A
                                        ",\"alice\",\"a, \"\"the\"\" laptop\"\r\n\r\n" HASH_B
                                        ",bob,\r\n" HASH_A ",carol,c"),
                        "2 alice/a, \"the\" laptop aaaaaaaa\n"
                        "4 bob/bob bbbbbbbb\n"
                        "5 carol/c aaaaaaaa\n");
}

static void test_a_byte_order_mark_is_passed_over(void **state)
{
    assert_string_equal(read_csv(state, "\xEF\xBB\xBF" HEADER HASH_A ",alice,a\n"),
                        "2 alice/a aaaaaaaa\n");
}

static void test_every_member(void **state)
{
    assert_string_equal(
        read_csv(state,
                 "id,KEY_HASH,key_prefix,user_id,org_id,name,kind,environment,tier,permissions,"
                 "metadata,allowed_ips,valid_from,expires_at,created_at,last_used_at,"
                 "request_count\n"
                 "7," HASH_A ",sk_test_ab12...,alice,acme,laptop,service,sandbox,Pro,"
                 "\"read,write:all\",\"{\"\"email\"\":\"\"a@example.com\"\"}\",10.0.0.0/8 ::1,"
                 "2025-01-01,2026-01-01,2024-12-31 10:00:00,2025-02-01T00:00:00Z,17\n"),
        "2 alice/laptop aaaaaaaa org=acme kind=service env=test tier=pro scopes=read write:all "
        "shown=sk_test_ab12 metadata={\"email\":\"a@example.com\"} network=10.0.0.0/8 "
        "network=::1/128 begins=2025-01-01T00:00:00Z expires=2026-01-01T00:00:00Z "
        "created=2024-12-31T10:00:00Z used=2025-02-01T00:00:00Z requests=17\n");
}

static void test_a_plaintext_becomes_a_digest(void **state)
{
    assert_string_equal(read_csv(state, "api_key,user_id\n" TOKEN_ALICE ",alice\n"),
                        "2 alice/alice a1dd82ea shown=tok-\n");
}

static void test_what_does_not_work_there_is_revoked_here(void **state)
{
    assert_string_equal(
        read_csv(state,
                 "token_hash,user_id,is_active,status,revoked_at,revoke_reason\n" HASH_A
                 ",a,true,,,\n" HASH_A ",b,0,,,left\n" HASH_A ",c,,,,\n" HASH_A
                 ",d,t,revoked,,\n" HASH_A ",e,1,,2025-01-01,\n" HASH_A ",f,1,suspended,,\n" HASH_A
                 ",g,maybe,,,\n" HASH_A ",h,1,odd,,\n" HASH_A ",i,1,expired,,\n"),
        "2 a/a aaaaaaaa\n"
        "3 b/b aaaaaaaa revoked because=left\n"
        "4 c/c aaaaaaaa revoked\n"
        "5 d/d aaaaaaaa revoked\n"
        "6 e/e aaaaaaaa revoked since=2025-01-01T00:00:00Z\n"
        "7 f/f aaaaaaaa disabled\n"
        "8 bad is_active: is neither true nor false\n"
        "9 bad status: is a state that is not known here\n"
        "10 bad it is said to be expired, and not since when\n");
}

static void test_a_row_without_user_is_a_service_of_its_own_name(void **state)
{
    assert_string_equal(read_csv(state, "token_hash,token_name\n" HASH_A ",ci-cd\n" HASH_A ",\n"),
                        "2 ci-cd/ci-cd aaaaaaaa kind=service\n"
                        "3 bad it has neither a user nor a name: give it a user with --user\n");
}

/* --- mappings -------------------------------------------------------------------------------- */

static void test_a_mapping_beats_the_synonyms(void **state)
{
    struct fixture *fixture = *state;
    const struct import_pair maps[] = {
        {"Digest of it", "digest"}, {"user_id", "ignore"}, {"who", "user_id"}};
    fixture->options.maps = maps;
    fixture->options.map_count = 3;
    assert_string_equal(read_csv(state, "digest of it,user_id,who\n" HASH_A ",17,alice\n"),
                        "2 alice/alice aaaaaaaa\n");
}

static void test_a_mapping_that_is_about_nothing_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct import_pair maps[][1] = {{{"token_hash", "hsah"}}, {{"missing", "name"}}};
    fixture->options.map_count = 1;
    fixture->options.maps = maps[0];
    assert_non_null(strstr(read_csv(state, HEADER), "error invalid_request: hsah is no member"));
    fixture->options.maps = maps[1];
    assert_non_null(strstr(read_csv(state, HEADER), "invalid_request: there is no column missing"));
}

static void test_tiers_are_renamed(void **state)
{
    struct fixture *fixture = *state;
    const struct import_pair tiers[] = {{"Gold Plan", "pro"}};
    fixture->options.tiers = tiers;
    fixture->options.tier_count = 1;
    assert_string_equal(read_csv(state, "token_hash,user_id,plan\n" HASH_A ",a,gold plan\n" HASH_A
                                        ",b,silver plan\n"),
                        "2 a/a aaaaaaaa tier=pro\n"
                        "3 bad plan: has other characters than a-z, 0-9, _ and -: give it a name "
                        "of ours with --tier-map OLD=NEW\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bad_lines_do_not_stop_the_rest),
        TEST(test_a_quote_that_never_ends_ends_the_stream),
        TEST(test_a_line_that_is_too_long_is_bad_and_passed_over),
        TEST(test_a_nul_is_bad),
        TEST(test_a_file_without_hashes_is_refused),
        TEST(test_other_hashes_are_bad_rows_with_a_reason),
        TEST(test_a_value_never_stands_in_a_reason),
        TEST(test_rfc_4180),
        TEST(test_a_byte_order_mark_is_passed_over),
        TEST(test_every_member),
        TEST(test_a_plaintext_becomes_a_digest),
        TEST(test_what_does_not_work_there_is_revoked_here),
        TEST(test_a_row_without_user_is_a_service_of_its_own_name),
        TEST(test_a_mapping_beats_the_synonyms),
        TEST(test_a_mapping_that_is_about_nothing_is_refused),
        TEST(test_tiers_are_renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
