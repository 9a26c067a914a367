/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/fault.h"
#include "base/text.h"

static void test_nobody_to_tell_is_no_problem(void **state)
{
    assert_int_equal(fault_set(NULL, TKR_INVALID, "name", "must be %d", 1), TKR_INVALID);
}

static void test_a_long_detail_is_cut_and_stays_text(void **state)
{
    struct fault fault;
    char detail[2000];
    memset(detail, 'a', sizeof(detail));
    detail[sizeof(detail) - 1] = '\0';
    fault_set(&fault, TKR_INVALID, detail, "%s", detail);
    assert_int_equal(strlen(fault.detail), FAULT_DETAIL_BYTES - 1);
    assert_int_equal(strlen(fault.field), FAULT_FIELD_BYTES - 1);
}

static void test_a_character_that_the_cut_splits_is_no_broken_text(void **state)
{
    struct fault fault;
    char detail[FAULT_DETAIL_BYTES + 10] = "";
    while (strlen(detail) + 2 < sizeof(detail)) {
        strcat(detail, "\xC3\xA4");
    }
    for (size_t shift = 0; shift < 2; shift++) {
        fault_set(&fault, TKR_INVALID, "", "%s%s", shift ? "x" : "", detail);
        assert_true(text_is_printable_utf8(fault.detail, strlen(fault.detail)));
    }
}

static void test_what_is_not_printable_becomes_a_question_mark(void **state)
{
    struct fault fault;
    fault_set(&fault, TKR_INVALID, "na\x1bme", "%s",
              "a\n\x80"
              "b\xC3\xA4\xC2\x9B\x7F");
    assert_string_equal(fault.field, "na?me");
    assert_string_equal(fault.detail, "a??b\xC3\xA4??"
                                      "?");
}

static void test_all_parts_are_filled(void **state)
{
    struct fault fault;
    tkr_error_t error = fault_set(&fault, TKR_OUT_OF_RANGE, "cost", "must be 0 to %d", 5);
    assert_int_equal(error, TKR_OUT_OF_RANGE);
    assert_int_equal(fault.error, TKR_OUT_OF_RANGE);
    assert_string_equal(fault.field, "cost");
    assert_string_equal(fault.detail, "must be 0 to 5");
    fault_set(&fault, TKR_IO, NULL, "%s", "");
    assert_string_equal(fault.field, "");
    assert_string_equal(fault.detail, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_to_tell_is_no_problem),
        cmocka_unit_test(test_a_long_detail_is_cut_and_stays_text),
        cmocka_unit_test(test_a_character_that_the_cut_splits_is_no_broken_text),
        cmocka_unit_test(test_what_is_not_printable_becomes_a_question_mark),
        cmocka_unit_test(test_all_parts_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
