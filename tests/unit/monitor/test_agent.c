/* SPDX-License-Identifier: Apache-2.0 */
/* Which user agents are the same. */
#include "unit.h"

static uint64_t agent(const char *text)
{
    return monitor_agent(text, strlen(text));
}

static void test_another_program_is_another_agent(void **state)
{
    assert_int_not_equal(agent("curl/8.5.0"), agent("python-requests/2.31.0"));
    assert_int_not_equal(agent("curl"), agent("curly"));
}

static void test_no_agent_has_the_number_of_none(void **state)
{
    assert_int_not_equal(agent(""), 0);
    assert_int_not_equal(agent("1.0"), 0);
}

static void test_a_new_version_is_the_same_agent(void **state)
{
    assert_int_equal(agent("curl/8.5.0"), agent("curl/8.12.1"));
    assert_int_equal(
        agent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/131.0.0.0 Safari/537.36"),
        agent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/132.0.0.0 Safari/537.36"));
}

static void test_case_makes_no_difference(void **state)
{
    assert_int_equal(agent("Go-http-client/1.1"), agent("go-HTTP-client/2.0"));
}

static void test_any_bytes_are_an_agent(void **state)
{
    assert_int_not_equal(monitor_agent("\xff\x00\x80", 3), monitor_agent("\xff\x00\x81", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_program_is_another_agent),
        cmocka_unit_test(test_no_agent_has_the_number_of_none),
        cmocka_unit_test(test_a_new_version_is_the_same_agent),
        cmocka_unit_test(test_case_makes_no_difference),
        cmocka_unit_test(test_any_bytes_are_an_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
