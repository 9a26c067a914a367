/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tokenry/error.h"
#include "tokenry/verdict.h"

static void test_a_number_outside_the_table_reads_as_a_defect(void **state)
{
    assert_string_equal(tkr_error_name(TKR_ERROR_COUNT), "internal");
    assert_string_equal(tkr_error_name((tkr_error_t)-1), "internal");
    assert_int_equal(tkr_error_category((tkr_error_t)9999), TKR_CATEGORY_INTERNAL);
}

static void test_a_number_outside_the_verdicts_reads_as_unavailable(void **state)
{
    assert_string_equal(tkr_verdict_name(TKR_VERDICT_COUNT), "unavailable");
    assert_string_equal(tkr_verdict_text((tkr_verdict_t)-1),
                        tkr_verdict_text(TKR_VERDICT_UNAVAILABLE));
}

static void test_zero_is_ok_among_errors_and_no_permission_among_verdicts(void **state)
{
    assert_int_equal(TKR_OK, 0);
    assert_int_equal(tkr_error_category(TKR_OK), TKR_CATEGORY_NONE);
    assert_int_equal(TKR_VERDICT_UNAVAILABLE, 0);
}

static void test_every_error_has_a_name_of_its_own_and_a_text(void **state)
{
    for (unsigned i = 0; i < TKR_ERROR_COUNT; i++) {
        const char *name = tkr_error_name((tkr_error_t)i);
        assert_true(strlen(name) > 0 &&
                    strlen(name) == strspn(name, "abcdefghijklmnopqrstuvwxyz_"));
        assert_true(strlen(tkr_error_text((tkr_error_t)i)) > 0);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(name, tkr_error_name((tkr_error_t)j));
        }
    }
}

static void test_every_verdict_has_a_name_of_its_own_and_a_text(void **state)
{
    for (unsigned i = 0; i < TKR_VERDICT_COUNT; i++) {
        const char *name = tkr_verdict_name((tkr_verdict_t)i);
        assert_true(strlen(name) > 0 &&
                    strlen(name) == strspn(name, "abcdefghijklmnopqrstuvwxyz_"));
        assert_true(strlen(tkr_verdict_text((tkr_verdict_t)i)) > 0);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(name, tkr_verdict_name((tkr_verdict_t)j));
        }
    }
}

static void test_only_errors_that_changed_nothing_are_retryable(void **state)
{
    static const tkr_error_t retryable[] = {TKR_BUSY, TKR_UNAVAILABLE, TKR_LOCKED, TKR_NO_SPACE,
                                            TKR_TIMEOUT};
    size_t count = 0;
    for (unsigned i = 0; i < TKR_ERROR_COUNT; i++) {
        count += tkr_error_category((tkr_error_t)i) == TKR_CATEGORY_RETRYABLE;
    }
    assert_int_equal(count, sizeof(retryable) / sizeof(retryable[0]));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tkr_error_category(retryable[i]), TKR_CATEGORY_RETRYABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_outside_the_table_reads_as_a_defect),
        cmocka_unit_test(test_a_number_outside_the_verdicts_reads_as_unavailable),
        cmocka_unit_test(test_zero_is_ok_among_errors_and_no_permission_among_verdicts),
        cmocka_unit_test(test_every_error_has_a_name_of_its_own_and_a_text),
        cmocka_unit_test(test_every_verdict_has_a_name_of_its_own_and_a_text),
        cmocka_unit_test(test_only_errors_that_changed_nothing_are_retryable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
