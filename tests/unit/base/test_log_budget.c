/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_budget.h"

#define S_NS INT64_C(1000000000)

/* Of `count` lines at that time, how many may be written. */
static unsigned taken(struct log_budget *budget, unsigned count, int64_t now_ns, uint64_t *left_out)
{
    unsigned lines = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t told = 0;
        lines += log_budget_take(budget, now_ns, &told);
        *left_out += told;
    }
    return lines;
}

static void test_beyond_the_budget_of_a_second_none_is_taken(void **state)
{
    struct log_budget budget;
    uint64_t left_out = 0;
    log_budget_init(&budget, 3);
    assert_int_equal(taken(&budget, 10, 0, &left_out), 3);
    assert_int_equal(taken(&budget, 10, S_NS - 1, &left_out), 0);
    assert_int_equal(left_out, 0);
    log_budget_deinit(&budget);
}

static void test_what_was_left_out_is_told_once_with_the_next(void **state)
{
    struct log_budget budget;
    uint64_t left_out = 0;
    log_budget_init(&budget, 3);
    assert_int_equal(taken(&budget, 10, 0, &left_out), 3);
    assert_int_equal(taken(&budget, 1, S_NS, &left_out), 1);
    assert_int_equal(left_out, 7);
    assert_int_equal(taken(&budget, 1, S_NS, &left_out), 1);
    assert_int_equal(left_out, 7);
    assert_int_equal(taken(&budget, 4, S_NS, &left_out), 1);
    assert_int_equal(log_budget_rest(&budget), 3);
    assert_int_equal(log_budget_rest(&budget), 0);
    log_budget_deinit(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beyond_the_budget_of_a_second_none_is_taken),
        cmocka_unit_test(test_what_was_left_out_is_told_once_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
