/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

#include "base/buffer.h"

static const char *read_json(void **state, const char *content)
{
    return fixture_read(*state, IMPORT_JSON, content);
}

/* --- what ends the stream -------------------------------------------------------------------- */

static void test_a_broken_frame_is_an_error_with_its_place(void **state)
{
    static const struct {
        const char *text, *words;
    } broken[] = {
        {"", "an object or an array is expected (line 1, byte 0)"},
        {"17", "an object or an array is expected"},
        {"{", "a key is missing"},
        {"{\"a\" {}}", "a colon is missing"},
        {"{\"a\": }", "a value is missing"},
        {"{\"a\": {}", "a comma is missing"},
        {"{\"a\": {} \"b\": {}}", "a comma is missing"},
        {"{\"a\": {},}", "a key is missing"},
        {"[{},]", "a value is missing"},
        {"[{}}", "a comma is missing"},
        {"[{\"a\": [}]}]", "brackets do not match"},
        {"[{\"a\": \"x", "a text does not end"},
        {"[{}] x", "something follows"},
        {"{\"tokens\": [{}", "a comma is missing"},
        {"\n\n[1 2]", "a comma is missing (line 3, byte 5)"},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        const char *text = read_json(state, broken[i].text);
        assert_non_null(strstr(text, "error malformed: it is not JSON: "));
        assert_non_null(strstr(text, broken[i].words));
    }
}

static void test_a_newer_export_is_refused(void **state)
{
    assert_non_null(
        strstr(read_json(state, "{\"object\": \"export\", \"version\": 2, \"tokens\": []}"),
               "error newer_version: "));
}

static void test_brackets_without_end_are_refused(void **state)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 100000);
    for (int i = 0; i < 90000; i++) {
        buffer_add_char(&text, '[');
    }
    assert_non_null(strstr(read_json(state, text.data), "it is nested too deep"));
}

/* --- bad entries ----------------------------------------------------------------------------- */

static void test_bad_entries_do_not_stop_the_rest(void **state)
{
    assert_string_equal(
        read_json(state, "[17, {\"token_hash\": \"" HASH_A "\", \"user\": \"a\", \"user\": \"b\"},"
                         "{\"token_hash\": tru, \"user\": \"a\"},"
                         "{\"token_hash\": \"" HASH_A "\", \"user\": \"a\xff\"},"
                         "{\"token_hash\": \"" HASH_A "\", \"user\": \"a\", \"metadata\": [1]},"
                         "{\"token_hash\": \"" HASH_B "\", \"user\": \"bob\"}]"),
        "1 bad it is no object\n"
        "2 bad a member stands twice in it\n"
        "3 bad it is not JSON\n"
        "4 bad it is not JSON\n"
        "5 bad metadata: is no JSON object, or one nested too deep\n"
        "6 bob/bob bbbbbbbb\n");
}

static void test_an_entry_too_deep_or_too_long_is_bad_and_passed_over(void **state)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 4 * IMPORT_ENTRY_BYTES_MAX);
    buffer_add_text(&text, "[{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}, {\"a\":\"");
    for (int i = 0; i < IMPORT_ENTRY_BYTES_MAX; i++) {
        buffer_add_char(&text, 'x');
    }
    buffer_add_text(&text, "\"}, {\"token_hash\":\"" HASH_A "\",\"user\":\"alice\"}]");
    assert_string_equal(read_json(state, text.data),
                        "1 bad it is nested too deep\n2 bad it is too long\n"
                        "3 alice/alice aaaaaaaa\n");
}

/* --- the forms ------------------------------------------------------------------------------- */

static void test_tokens_json_of_a_token_manager(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(import_zone_parse("+01:00", &fixture->options.zone), TKR_OK);
    assert_string_equal(
        read_json(state, "{\n  \"" HASH_A "\": {\n    \"user_id\": \"analyst1\",\n"
                         "    \"name\": \"John Smith - Analyst\",\n"
                         "    \"created_at\": \"2025-11-06T15:30:22.123456\",\n"
                         "    \"expires_at\": \"2026-02-04T15:30:22.123456\",\n"
                         "    \"active\": true,\n    \"last_used\": null,\n"
                         "    \"request_count\": 12\n  },\n"
                         "  \"" HASH_B "\": {\"user_id\": \"admin\", \"name\": \"\\u00dcber\", "
                         "\"active\": false, \"last_used\": \"2025-11-06T00:00:00\", "
                         "\"request_count\": 0},\n"
                         "  \"no hash\": {\"user_id\": \"x\", \"active\": true}\n}\n"),
        "1 analyst1/John Smith - Analyst aaaaaaaa expires=2026-02-04T14:30:22.123Z "
        "created=2025-11-06T14:30:22.123Z requests=12\n"
        "2 admin/\xC3\x9C"
        "ber bbbbbbbb used=2025-11-05T23:00:00Z revoked\n"
        "3 bad key: it has not 64 hexadecimal digits; only SHA-256 can be kept\n");
}

static void test_an_export_of_ours(void **state)
{
    assert_string_equal(
        read_json(state,
                  "{\"object\":\"export\",\"version\":1,\"exported_at\":\"2026-01-01T00:00:00Z\","
                  "\"tokens\":[{\"id\":\"tok_1\",\"digest\":\"" HASH_A
                  "\",\"org_id\":\"default\",\"user_id\":\"alice\",\"name\":\"laptop\","
                  "\"kind\":\"admin\",\"env\":\"test\",\"display_prefix\":\"sk_test_ab12\","
                  "\"tier\":\"pro\",\"scopes\":[\"a:b\",\"*\"],"
                  "\"limits\":{\"minute\":5,\"hour\":null,\"day\":\"unlimited\"},"
                  "\"allowed_ips\":[\"10.0.0.0/8\"],\"metadata\":{\"a\":{\"b\":1}},"
                  "\"not_before\":null,\"expires_at\":\"2027-01-01T00:00:00Z\","
                  "\"disabled_at\":\"2026-01-01T00:00:00Z\",\"quarantined_at\":null,"
                  "\"revoked_at\":null,\"revoke_reason\":null,\"status\":\"disabled\"}]}"),
        "1 alice/laptop aaaaaaaa org=default kind=admin env=test tier=pro scopes=* a:b "
        "limits=minute=5 day=none shown=sk_test_ab12 metadata={\"a\":{\"b\":1}} "
        "network=10.0.0.0/8 expires=2027-01-01T00:00:00Z disabled\n");
}

static void test_empty_stores_have_no_rows(void **state)
{
    assert_string_equal(read_json(state, "{}"), "");
    assert_string_equal(read_json(state, " [ ] \n"), "");
    assert_string_equal(read_json(state, "{\"tokens\":[],\"version\":1}"), "");
}

static void test_numbers_are_unix_time(void **state)
{
    assert_string_equal(read_json(state, "[{\"token_hash\":\"" HASH_A
                                         "\",\"user\":\"a\",\"expires_at\":1765032254,"
                                         "\"created_at\":1765032254.5}]"),
                        "1 a/a aaaaaaaa expires=2025-12-06T14:44:14Z "
                        "created=2025-12-06T14:44:14.500Z\n");
}

static void test_permissions_in_the_metadata_are_scopes(void **state)
{
    assert_string_equal(read_json(state, "[{\"token_hash\":\"" HASH_A
                                         "\",\"token_name\":\"ci\",\"token_metadata\":"
                                         "{\"permissions\":[\"api_read\",\"system_status\"]}}]"),
                        "1 ci/ci aaaaaaaa kind=service scopes=api_read system_status "
                        "metadata={\"permissions\":[\"api_read\",\"system_status\"]}\n");
}

static void test_a_file_longer_than_what_is_read_at_a_time(void **state)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 1 << 20);
    buffer_add_char(&text, '[');
    for (int i = 0; i < 2000; i++) {
        buffer_print(&text, "%s{\"token_hash\":\"%064x\",\"user\":\"u\"}", i > 0 ? "," : "", i);
    }
    buffer_add_char(&text, ']');
    const char *out = read_json(state, text.data);
    assert_non_null(strstr(out, "2000 u/u 00000000\n"));
    assert_null(strstr(out, "bad"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_broken_frame_is_an_error_with_its_place),
        TEST(test_a_newer_export_is_refused),
        TEST(test_brackets_without_end_are_refused),
        TEST(test_bad_entries_do_not_stop_the_rest),
        TEST(test_an_entry_too_deep_or_too_long_is_bad_and_passed_over),
        TEST(test_tokens_json_of_a_token_manager),
        TEST(test_an_export_of_ours),
        TEST(test_empty_stores_have_no_rows),
        TEST(test_numbers_are_unix_time),
        TEST(test_permissions_in_the_metadata_are_scopes),
        TEST(test_a_file_longer_than_what_is_read_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
