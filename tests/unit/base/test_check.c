/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

static tkr_error_t ensure_positive(int value)
{
    ENSURE(value > 0, TKR_OUT_OF_RANGE);
    return TKR_OK;
}

static tkr_error_t try_both(int first, int second, int *ret_reached)
{
    TRY(ensure_positive(first));
    *ret_reached = 1;
    TRY(ensure_positive(second));
    *ret_reached = 2;
    return TKR_OK;
}

static void test_a_failed_assertion_names_its_place_and_aborts(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would report a failed test */
        dup2(ends[1], STDERR_FILENO);
        int two = 2;
        ASSERT(two == 3);
        _exit(0);
    }
    close(ends[1]);
    char said[512] = "";
    ssize_t length = read(ends[0], said, sizeof(said) - 1);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(length > 0);
    assert_non_null(strstr(said, "test_check.c:"));
    assert_non_null(strstr(said, "assertion failed: two == 3"));
}

static void test_an_assertion_that_holds_does_nothing(void **state)
{
    int evaluated = 0;
    ASSERT(++evaluated == 1);
    assert_int_equal(evaluated, 1);
}

static void test_try_returns_the_first_error_and_stops_there(void **state)
{
    int reached = 0;
    assert_int_equal(try_both(0, 1, &reached), TKR_OUT_OF_RANGE);
    assert_int_equal(reached, 0);
    assert_int_equal(try_both(1, 0, &reached), TKR_OUT_OF_RANGE);
    assert_int_equal(reached, 1);
}

static void test_try_goes_on_after_success(void **state)
{
    int reached = 0;
    assert_int_equal(try_both(1, 1, &reached), TKR_OK);
    assert_int_equal(reached, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_assertion_names_its_place_and_aborts),
        cmocka_unit_test(test_an_assertion_that_holds_does_nothing),
        cmocka_unit_test(test_try_returns_the_first_error_and_stops_there),
        cmocka_unit_test(test_try_goes_on_after_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
