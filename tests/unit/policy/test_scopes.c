/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "policy/scopes.h"
#include "seeded_random.h"

static bool grants(const char *set, const char *scope)
{
    return scopes_grant(set, strlen(set), scope, strlen(scope));
}

static bool covers(const char *set, const char *asked)
{
    return scopes_cover(set, strlen(set), asked, strlen(asked));
}

static void test_texts_that_are_no_scope(void **state)
{
    static const char *const bad[] = {
        "",     ":",        "a:",   ":a",  "a::b", "**",    "a*",  "*a",  "a:*b",
        "*:a",  "a:*:b",    "a b",  " a",  "a ",   "a\n",   "a\"", "a\\", "a,b",
        "a:**", "\xC3\xA4", "a:b:", "*:*", "a=b",  "a\x7F", "(a)", "a;b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(scope_valid(bad[i], strlen(bad[i])));
    }
    char longest[SCOPE_BYTES_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(scope_valid(longest, SCOPE_BYTES_MAX));
    assert_false(scope_valid(longest, SCOPE_BYTES_MAX + 1));
    assert_false(scope_valid("a\0b", 3));
}

static void test_texts_that_are_scopes(void **state)
{
    static const char *const good[] = {
        "*", "a", "a:*", "a:b:*", "api_read", "a:b:c", "tokens:write", "v1.2/x-y:Z", "0", "-"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(scope_valid(good[i], strlen(good[i])));
    }
}

static void test_a_scope_that_is_not_granted(void **state)
{
    assert_false(grants("", "a"));
    assert_false(grants("", "*"));
    assert_false(grants("a:b", "a"));
    assert_false(grants("a", "a:b"));
    assert_false(grants("a:b", "a:c"));
    assert_false(grants("a:b", "a:*"));
    assert_false(grants("a:b", "a:bc"));
    assert_false(grants("a:bc", "a:b"));
    assert_false(grants("a:*", "a"));
    assert_false(grants("a:*", "a:"));
    assert_false(grants("a:*", "ab:c"));
    assert_false(grants("a:*", "*"));
    assert_false(grants("a:b:*", "a:b"));
    assert_false(grants("a:b:*", "a:c"));
    assert_false(grants("A:b", "a:b"));
    assert_false(grants("aa bb cc", "b"));
    assert_false(grants("aa bb cc", "aa bb"));
    assert_false(grants("*", ""));
    assert_false(grants("a", ""));
}

static void test_a_scope_that_is_granted(void **state)
{
    assert_true(grants("a", "a"));
    assert_true(grants("a:b", "a:b"));
    assert_true(grants("x a:b y", "a:b"));
    assert_true(grants("a:*", "a:b"));
    assert_true(grants("a:*", "a:b:c"));
    assert_true(grants("a:*", "a:*"));
    assert_true(grants("a:*", "a:b:*"));
    assert_true(grants("a:b:*", "a:b:c"));
    assert_true(grants("*", "*"));
    assert_true(grants("*", "anything:at:all"));
    assert_true(grants("*", "api_read"));
    assert_true(grants("* a", "b"));
}

static void test_one_scope_that_is_not_granted_breaks_the_cover(void **state)
{
    assert_false(covers("a:b", "a:b a:c"));
    assert_false(covers("a:*", "a:b *"));
    assert_false(covers("", "a"));
    assert_false(covers("a:b", "a:*"));
    assert_true(covers("a:* b:c", "a:x a:y b:c"));
    assert_true(covers("", ""));
    assert_true(covers("a", "  "));
    assert_true(covers("*", "a b:* *"));
}

static void test_a_scope_that_is_not_valid_is_named(void **state)
{
    const char *const scopes[] = {"a:b", "not a scope"};
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    buffer_add_text(&text, "before");
    struct fault fault;
    assert_int_equal(scopes_join(scopes, 2, &text, &fault), TKR_INVALID);
    assert_string_equal(fault.field, "scopes");
    assert_non_null(strstr(fault.detail, "not a scope"));
    assert_string_equal(text.data, "before");
}

static void test_too_many_or_too_long_scopes_are_out_of_range(void **state)
{
    static char texts[SCOPES_PER_TOKEN_MAX + 1][SCOPE_BYTES_MAX + 1];
    const char *scopes[SCOPES_PER_TOKEN_MAX + 1];
    for (size_t i = 0; i <= SCOPES_PER_TOKEN_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "s%zu", i);
        scopes[i] = texts[i];
    }
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    assert_int_equal(scopes_join(scopes, SCOPES_PER_TOKEN_MAX + 1, &text, NULL), TKR_OUT_OF_RANGE);
    assert_int_equal(scopes_join(scopes, SCOPES_PER_TOKEN_MAX, &text, NULL), TKR_OK);
    for (size_t i = 0; i < SCOPES_PER_TOKEN_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%0*zu", SCOPE_BYTES_MAX, i);
    }
    assert_int_equal(scopes_join(scopes, SCOPES_PER_TOKEN_MAX, &text, NULL), TKR_OUT_OF_RANGE);
    assert_int_equal(scopes_join(scopes, 20, &text, NULL), TKR_OK);
    assert_int_equal(text.length, 20 * SCOPE_BYTES_MAX + 19);
    assert_int_equal(scopes_join(scopes, 21, &text, NULL), TKR_OUT_OF_RANGE);
}

static void test_a_buffer_that_allows_less_keeps_what_it_had(void **state)
{
    const char *const scopes[] = {"abc", "def"};
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, 6);
    buffer_add_text(&text, "x");
    assert_int_equal(scopes_join(scopes, 2, &text, NULL), TKR_TOO_LARGE);
    assert_string_equal(text.data, "x");
}

static void test_equal_sets_are_equal_texts(void **state)
{
    const char *scopes[] = {"b:c", "a", "*", "b:*", "a", "b:c", "A"};
    const size_t count = sizeof(scopes) / sizeof(scopes[0]);
    struct seeded_random random;
    seeded_random_init(&random, 23);
    for (int round = 0; round < 200; round++) {
        for (size_t i = count - 1; i > 0; i--) {
            size_t j = seeded_random_below(&random, i + 1);
            const char *kept = scopes[i];
            scopes[i] = scopes[j];
            scopes[j] = kept;
        }
        struct buffer text CLEANUP(buffer_deinit);
        buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
        assert_int_equal(scopes_join(scopes, count, &text, NULL), TKR_OK);
        assert_string_equal(text.data, "* A a b:* b:c");
    }
}

static void test_no_scopes_are_an_empty_text(void **state)
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    assert_int_equal(scopes_join(NULL, 0, &text, NULL), TKR_OK);
    assert_string_equal(text.data, "");
    buffer_add_text(&text, "before");
    assert_int_equal(scopes_join(NULL, 0, &text, NULL), TKR_OK);
    assert_string_equal(text.data, "");
    assert_int_equal(text.length, 0);
}

static void test_walking_a_set_meets_every_scope(void **state)
{
    static const char set[] = "  a b:c   d ";
    static const char *const expected[] = {"a", "b:c", "d"};
    size_t position = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t length;
        const char *scope = scopes_next(set, sizeof(set) - 1, &position, &length);
        assert_non_null(scope);
        assert_int_equal(length, strlen(expected[i]));
        assert_memory_equal(scope, expected[i], length);
    }
    size_t length;
    assert_null(scopes_next(set, sizeof(set) - 1, &position, &length));
    assert_null(scopes_next(set, sizeof(set) - 1, &position, &length));
    position = 0;
    assert_null(scopes_next("", 0, &position, &length));
}

static void assert_union(const char *a, const char *b, const char *expected)
{
    CLEANUP(buffer_deinit) struct buffer text;
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    assert_int_equal(scopes_union(a, strlen(a), b, strlen(b), &text, NULL), TKR_OK);
    assert_string_equal(text.data, expected);
    assert_int_equal(scopes_union(b, strlen(b), a, strlen(a), &text, NULL), TKR_OK);
    assert_string_equal(text.data, expected);
}

static void test_a_union_has_each_scope_once_in_order(void **state)
{
    assert_union("", "", "");
    assert_union("a:b", "", "a:b");
    assert_union("a:b c", "a:b", "a:b c");
    assert_union("a:b a:bc", "a:ba b", "a:b a:ba a:bc b");
    assert_union("*", "a:b z", "* a:b z");
}

static void test_a_union_beyond_the_maximum_is_refused(void **state)
{
    CLEANUP(buffer_deinit) struct buffer text, kept;
    char a[SCOPES_TEXT_BYTES_MAX + 1] = "", b[SCOPES_TEXT_BYTES_MAX + 1] = "";
    struct fault fault = {0};
    buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
    buffer_init(&kept, SCOPES_TEXT_BYTES_MAX);
    for (int i = 0; i < SCOPES_PER_TOKEN_MAX; i++) {
        snprintf(a + strlen(a), sizeof(a) - strlen(a), "%sa:%02d", i > 0 ? " " : "", i);
    }
    snprintf(b, sizeof(b), "b");
    buffer_add_text(&text, "as it was");
    assert_int_equal(scopes_union(a, strlen(a), b, strlen(b), &text, &fault), TKR_OUT_OF_RANGE);
    assert_string_equal(fault.field, "scopes");
    assert_string_equal(text.data, "as it was");
    assert_int_equal(scopes_union(a, strlen(a), a, strlen(a), &text, &fault), TKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_no_scope),
        cmocka_unit_test(test_texts_that_are_scopes),
        cmocka_unit_test(test_a_scope_that_is_not_granted),
        cmocka_unit_test(test_a_scope_that_is_granted),
        cmocka_unit_test(test_one_scope_that_is_not_granted_breaks_the_cover),
        cmocka_unit_test(test_a_scope_that_is_not_valid_is_named),
        cmocka_unit_test(test_too_many_or_too_long_scopes_are_out_of_range),
        cmocka_unit_test(test_a_buffer_that_allows_less_keeps_what_it_had),
        cmocka_unit_test(test_equal_sets_are_equal_texts),
        cmocka_unit_test(test_no_scopes_are_an_empty_text),
        cmocka_unit_test(test_walking_a_set_meets_every_scope),
        cmocka_unit_test(test_a_union_has_each_scope_once_in_order),
        cmocka_unit_test(test_a_union_beyond_the_maximum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
