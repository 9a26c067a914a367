/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "base/limits.h"
#include "base/text.h"

/* What stands here was computed by another program from the description in audit/chain.h. */
static void assert_digest(const uint8_t *digest, const char *expected)
{
    char hex[2 * AUDIT_DIGEST_BYTES + 1];
    text_hex(digest, AUDIT_DIGEST_BYTES, hex);
    assert_string_equal(hex, expected);
}

static void begin(uint8_t digest[AUDIT_DIGEST_BYTES])
{
    uint8_t store_id[16];
    for (uint8_t i = 0; i < sizeof(store_id); i++) {
        store_id[i] = i;
    }
    assert_int_equal(audit_chain_begin(store_id, sizeof(store_id), digest), TKR_OK);
}

static void test_the_format_is_what_the_header_says(void **state)
{
    uint8_t digest[AUDIT_DIGEST_BYTES];
    struct audit_event first = {
        .seq = 1,
        .at_ms = 1767225600000,
        .fields =
            {
                [AUDIT_FIELD_TYPE] = "token.create",
                [AUDIT_FIELD_ORG] = "acme",
                [AUDIT_FIELD_ACTOR_USER] = "root",
                [AUDIT_FIELD_USER] = "alice",
                [AUDIT_FIELD_TOKEN] = "tok_1",
                [AUDIT_FIELD_TOKEN_NAME] = "n\xc3\xa4me",
                [AUDIT_FIELD_DETAILS] = "{\"a\":1}",
            },
    };
    struct audit_event second = {
        .seq = 2,
        .at_ms = -1,
        .fields = {"type", "org", "actor_user", "actor_token", "user", "token", "name", "verdict",
                   "client", "agent", "method", "endpoint", "request", "ray", "details"},
    };
    begin(digest);
    assert_digest(digest, "e9bf7ded7bc181c68fd5653c9fd26df9b30085ee6086af98b319ed6f25051e63");
    assert_int_equal(audit_chain_next(digest, &first, digest), TKR_OK);
    assert_digest(digest, "5c9c5a1fb5477592ae5f719708dc7f48a9aadf3b0a845302a3e5995ebc064d15");
    assert_int_equal(audit_chain_next(digest, &second, digest), TKR_OK);
    assert_digest(digest, "36c6c9f48312646765c36f71295e2cd5ece4fd99c30d3d5a8655fac60c644d9b");
}

static struct audit_event full_event(void)
{
    struct audit_event event = {.seq = 7, .at_ms = 1000};
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        event.fields[i] = "text";
    }
    return event;
}

static void assert_differ(const struct audit_event *a, const struct audit_event *b)
{
    uint8_t before[AUDIT_DIGEST_BYTES] = {0}, one[AUDIT_DIGEST_BYTES], two[AUDIT_DIGEST_BYTES];
    assert_int_equal(audit_chain_next(before, a, one), TKR_OK);
    assert_int_equal(audit_chain_next(before, b, two), TKR_OK);
    assert_memory_not_equal(one, two, sizeof(one));
}

static void test_every_member_and_the_event_before_matter(void **state)
{
    const struct audit_event event = full_event();
    uint8_t before[AUDIT_DIGEST_BYTES] = {0}, one[AUDIT_DIGEST_BYTES], two[AUDIT_DIGEST_BYTES];
    struct audit_event other = event;
    other.seq = 8;
    assert_differ(&event, &other);
    other = event;
    other.at_ms = 1001;
    assert_differ(&event, &other);
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        other = event;
        other.fields[i] = "texT";
        assert_differ(&event, &other);
        other.fields[i] = NULL;
        assert_differ(&event, &other);
    }
    assert_int_equal(audit_chain_next(before, &event, one), TKR_OK);
    before[31] = 1;
    assert_int_equal(audit_chain_next(before, &event, two), TKR_OK);
    assert_memory_not_equal(one, two, sizeof(one));
}

static void test_a_byte_cannot_move_from_a_field_to_the_next(void **state)
{
    for (int i = 0; i + 1 < AUDIT_FIELDS; i++) {
        struct audit_event one = full_event(), two = full_event();
        one.fields[i] = "ab";
        one.fields[i + 1] = "c";
        two.fields[i] = "a";
        two.fields[i + 1] = "bc";
        assert_differ(&one, &two);
        two.fields[i] = "";
        two.fields[i + 1] = "abc";
        assert_differ(&one, &two);
    }
}

static void test_no_text_and_an_empty_text_are_the_same(void **state)
{
    uint8_t before[AUDIT_DIGEST_BYTES] = {0}, one[AUDIT_DIGEST_BYTES], two[AUDIT_DIGEST_BYTES];
    struct audit_event none = full_event(), empty = full_event();
    none.fields[AUDIT_FIELD_RAY] = NULL;
    empty.fields[AUDIT_FIELD_RAY] = "";
    assert_int_equal(audit_chain_next(before, &none, one), TKR_OK);
    assert_int_equal(audit_chain_next(before, &empty, two), TKR_OK);
    assert_memory_equal(one, two, sizeof(one));
}

static void test_an_event_over_the_limit_is_too_large(void **state)
{
    static char text[AUDIT_EVENT_BYTES_MAX + 1];
    const size_t rest = 4 + AUDIT_DIGEST_BYTES + 16 + 4 * (size_t)AUDIT_FIELDS;
    struct audit_event event = {.seq = 1, .fields = {[AUDIT_FIELD_DETAILS] = text}};
    uint8_t before[AUDIT_DIGEST_BYTES] = {0}, digest[AUDIT_DIGEST_BYTES] = {0};
    memset(text, 'x', AUDIT_EVENT_BYTES_MAX - rest + 1);
    assert_int_equal(audit_chain_next(before, &event, digest), TKR_TOO_LARGE);
    assert_memory_equal(digest, before, sizeof(digest)); /* written only on success */
    text[AUDIT_EVENT_BYTES_MAX - rest] = '\0';
    assert_int_equal(audit_chain_next(before, &event, digest), TKR_OK);
}

static void test_each_store_begins_with_another_digest(void **state)
{
    uint8_t one[AUDIT_DIGEST_BYTES], two[AUDIT_DIGEST_BYTES];
    assert_int_equal(audit_chain_begin("0123456789abcdef", 16, one), TKR_OK);
    assert_int_equal(audit_chain_begin("0123456789abcdeg", 16, two), TKR_OK);
    assert_memory_not_equal(one, two, sizeof(one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_format_is_what_the_header_says),
        cmocka_unit_test(test_every_member_and_the_event_before_matter),
        cmocka_unit_test(test_a_byte_cannot_move_from_a_field_to_the_next),
        cmocka_unit_test(test_no_text_and_an_empty_text_are_the_same),
        cmocka_unit_test(test_an_event_over_the_limit_is_too_large),
        cmocka_unit_test(test_each_store_begins_with_another_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
