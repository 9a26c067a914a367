/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/suggest.h"

static const char *nearest(const char *typed)
{
    static const char *const known[] = {"create", "list", "revoke", "serve", "show", "verify"};
    struct suggestion suggestion = {.word = typed};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        suggest_offer(&suggestion, known[i]);
    }
    return suggestion.best;
}

static void test_words_that_are_far_away_suggest_nothing(void **state)
{
    assert_null(nearest("delete"));
    assert_null(nearest(""));
    assert_null(nearest("x"));
    assert_null(nearest("verification"));
}

static void test_a_word_that_is_too_long_is_infinitely_far(void **state)
{
    char word[SUGGEST_WORD_BYTES_MAX + 2];
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_true(suggest_distance(word, "a") == SIZE_MAX);
    assert_null(nearest(word));
}

static void test_distance_counts_edits(void **state)
{
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("verify", "verfy"), 1);
    assert_int_equal(suggest_distance("verify", "veriffy"), 1);
    assert_int_equal(suggest_distance("verify", "verity"), 1);
    assert_int_equal(suggest_distance("verify", "evrify"), 1); /* neighbours swapped */
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void test_a_typo_finds_the_nearest_word(void **state)
{
    assert_string_equal(nearest("craete"), "create");
    assert_string_equal(nearest("lst"), "list");
    assert_string_equal(nearest("revok"), "revoke");
    assert_string_equal(nearest("serv"), "serve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_that_are_far_away_suggest_nothing),
        cmocka_unit_test(test_a_word_that_is_too_long_is_infinitely_far),
        cmocka_unit_test(test_distance_counts_edits),
        cmocka_unit_test(test_a_typo_finds_the_nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
