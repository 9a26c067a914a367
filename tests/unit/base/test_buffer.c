/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buffer.h"
#include "seeded_random.h"

static void test_writing_past_the_maximum_keeps_what_was_there(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, 5);
    buffer_add_text(&buffer, "abc");
    buffer_add_text(&buffer, "def");
    assert_int_equal(buffer_status(&buffer), TKR_TOO_LARGE);
    assert_string_equal(buffer.data, "abc");
}

static void test_overflow_is_sticky_even_for_what_would_fit(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, 5);
    buffer_add_text(&buffer, "abcdef");
    buffer_add_char(&buffer, 'a');
    buffer_print(&buffer, "%d", 1);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer_status(&buffer), TKR_TOO_LARGE);
}

static void test_a_size_that_would_wrap_around_is_refused(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, SIZE_MAX);
    buffer_add_text(&buffer, "abc");
    buffer_add(&buffer, "x", SIZE_MAX);
    assert_int_equal(buffer_status(&buffer), TKR_TOO_LARGE);
    buffer_clear(&buffer);
    buffer_add(&buffer, "x", SIZE_MAX / 2 + 1);
    assert_int_equal(buffer_status(&buffer), TKR_TOO_LARGE);
}

static void test_the_maximum_itself_fits(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, 6);
    buffer_print(&buffer, "%s%d", "abc", 123);
    assert_int_equal(buffer_status(&buffer), TKR_OK);
    assert_string_equal(buffer.data, "abc123");
    buffer_add(&buffer, "", 0);
    assert_int_equal(buffer_status(&buffer), TKR_OK);
}

static void test_a_buffer_is_null_until_the_first_write(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, 6);
    assert_null(buffer.data);
    buffer_clear(&buffer);
    assert_null(buffer.data);
    buffer_add(&buffer, NULL, 0);
    assert_string_equal(buffer.data, "");
}

static void test_clearing_makes_it_writable_again(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init(&buffer, 3);
    buffer_add_text(&buffer, "abc");
    buffer_add_text(&buffer, "d");
    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    buffer_add_text(&buffer, "xyz");
    assert_int_equal(buffer_status(&buffer), TKR_OK);
    assert_string_equal(buffer.data, "xyz");
}

static void test_what_was_added_is_what_is_there(void **state)
{
    static char expected[100000];
    for (int secret = 0; secret < 2; secret++) {
        struct seeded_random random;
        seeded_random_init(&random, 7);
        struct buffer buffer CLEANUP(buffer_deinit);
        if (secret) {
            buffer_init_secret(&buffer, sizeof(expected));
        } else {
            buffer_init(&buffer, sizeof(expected));
        }
        size_t length = 0;
        while (length < 90000) {
            size_t piece = seeded_random_below(&random, 3000);
            assert_int_equal(random_fill(&random.source, expected + length, piece), TKR_OK);
            buffer_add(&buffer, expected + length, piece);
            length += piece;
            assert_int_equal(buffer.length, length);
            assert_int_equal(buffer.data[length], '\0');
        }
        assert_memory_equal(buffer.data, expected, length);
    }
}

static void test_clearing_a_secret_wipes_its_bytes(void **state)
{
    struct buffer buffer CLEANUP(buffer_deinit);
    buffer_init_secret(&buffer, 100);
    buffer_add_text(&buffer, "top secret");
    buffer_clear(&buffer);
    for (size_t i = 0; i < strlen("top secret"); i++) {
        assert_int_equal(buffer.data[i], 0);
    }
}

static void test_releasing_half_built_or_nothing_is_allowed(void **state)
{
    buffer_deinit(NULL);
    struct buffer buffer = {0};
    buffer_deinit(&buffer);
    buffer_init_secret(&buffer, 10);
    buffer_deinit(&buffer);
    buffer_deinit(&buffer);
    assert_null(buffer.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writing_past_the_maximum_keeps_what_was_there),
        cmocka_unit_test(test_overflow_is_sticky_even_for_what_would_fit),
        cmocka_unit_test(test_a_size_that_would_wrap_around_is_refused),
        cmocka_unit_test(test_the_maximum_itself_fits),
        cmocka_unit_test(test_a_buffer_is_null_until_the_first_write),
        cmocka_unit_test(test_clearing_makes_it_writable_again),
        cmocka_unit_test(test_what_was_added_is_what_is_there),
        cmocka_unit_test(test_clearing_a_secret_wipes_its_bytes),
        cmocka_unit_test(test_releasing_half_built_or_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
