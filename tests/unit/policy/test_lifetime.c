/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "policy/lifetime.h"

#define NOW 1767225600000
#define DAY_S 86400
#define DAY_MS 86400000LL

static const struct lifetime_policy clamping = {30 * DAY_S, 90 * DAY_S, ON_EXCEED_CLAMP};
static const struct lifetime_policy rejecting = {30 * DAY_S, 90 * DAY_S, ON_EXCEED_REJECT};
static const struct lifetime_policy unlimited = {0, 0, ON_EXCEED_REJECT};

static const struct lifetime_asked nothing = {0};
static const struct lifetime_asked never = {.never = true};

static struct lifetime_asked at(int64_t ms)
{
    return (struct lifetime_asked){.has_expires_at = true, .expires_at_ms = ms};
}

static void assert_refused(const struct lifetime_policy *policy, struct lifetime_asked asked,
                           tkr_error_t expected)
{
    int64_t expires = 77;
    bool clamped = true;
    struct fault fault;
    assert_int_equal(lifetime_decide(policy, &asked, NOW, &expires, &clamped, &fault), expected);
    assert_string_equal(fault.field, "expires_at");
    assert_true(strlen(fault.detail) > 0);
    assert_int_equal(expires, 77);
}

static void assert_decided(const struct lifetime_policy *policy, struct lifetime_asked asked,
                           int64_t expected, bool expected_clamped)
{
    int64_t expires = -1;
    bool clamped = !expected_clamped;
    assert_int_equal(lifetime_decide(policy, &asked, NOW, &expires, &clamped, NULL), TKR_OK);
    assert_int_equal(expires, expected);
    assert_int_equal(clamped, expected_clamped);
}

static void test_a_time_that_is_not_in_the_future_is_refused(void **state)
{
    assert_refused(&clamping, at(NOW), TKR_OUT_OF_RANGE);
    assert_refused(&clamping, at(0), TKR_OUT_OF_RANGE);
    assert_refused(&clamping, at(INT64_MIN), TKR_OUT_OF_RANGE);
    assert_refused(&unlimited, at(NOW - 1), TKR_OUT_OF_RANGE);
}

static void test_beyond_the_maximum_a_rejecting_policy_refuses(void **state)
{
    assert_refused(&rejecting, at(NOW + 90 * DAY_MS + 1), TKR_OUT_OF_RANGE);
    assert_refused(&rejecting, never, TKR_OUT_OF_RANGE);
}

static void test_never_and_a_time_together_are_refused(void **state)
{
    struct lifetime_asked both = at(NOW + 1);
    both.never = true;
    assert_refused(&unlimited, both, TKR_INVALID);
}

static void test_beyond_the_maximum_a_clamping_policy_cuts_and_says_so(void **state)
{
    assert_decided(&clamping, at(NOW + 90 * DAY_MS + 1), NOW + 90 * DAY_MS, true);
    assert_decided(&clamping, at(INT64_MAX), NOW + 90 * DAY_MS, true);
    assert_decided(&clamping, never, NOW + 90 * DAY_MS, true);
}

static void test_up_to_the_maximum_everybody_gets_what_was_asked(void **state)
{
    assert_decided(&clamping, at(NOW + 1), NOW + 1, false);
    assert_decided(&clamping, at(NOW + 90 * DAY_MS), NOW + 90 * DAY_MS, false);
    assert_decided(&rejecting, at(NOW + 90 * DAY_MS), NOW + 90 * DAY_MS, false);
}

static void test_without_a_maximum_never_may_be_asked_for(void **state)
{
    assert_decided(&unlimited, never, 0, false);
    assert_decided(&unlimited, at(TEXT_TIME_MS_MAX), TEXT_TIME_MS_MAX, false);
}

static void test_asking_for_nothing_gives_the_default(void **state)
{
    assert_decided(&clamping, nothing, NOW + 30 * DAY_MS, false);
    assert_decided(&rejecting, nothing, NOW + 30 * DAY_MS, false);
    assert_decided(&unlimited, nothing, 0, false);
}

static void test_a_default_beyond_the_maximum_is_the_maximum(void **state)
{
    const struct lifetime_policy longer = {100 * DAY_S, 90 * DAY_S, ON_EXCEED_REJECT};
    const struct lifetime_policy endless = {0, 90 * DAY_S, ON_EXCEED_REJECT};
    assert_decided(&longer, nothing, NOW + 90 * DAY_MS, false);
    assert_decided(&endless, nothing, NOW + 90 * DAY_MS, false);
}

static void test_no_lifetime_wraps_around(void **state)
{
    const struct lifetime_policy huge = {INT64_MAX, INT64_MAX, ON_EXCEED_CLAMP};
    assert_decided(&huge, nothing, TEXT_TIME_MS_MAX, false);
    assert_decided(&huge, at(INT64_MAX), TEXT_TIME_MS_MAX, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_time_that_is_not_in_the_future_is_refused),
        cmocka_unit_test(test_beyond_the_maximum_a_rejecting_policy_refuses),
        cmocka_unit_test(test_never_and_a_time_together_are_refused),
        cmocka_unit_test(test_beyond_the_maximum_a_clamping_policy_cuts_and_says_so),
        cmocka_unit_test(test_up_to_the_maximum_everybody_gets_what_was_asked),
        cmocka_unit_test(test_without_a_maximum_never_may_be_asked_for),
        cmocka_unit_test(test_asking_for_nothing_gives_the_default),
        cmocka_unit_test(test_a_default_beyond_the_maximum_is_the_maximum),
        cmocka_unit_test(test_no_lifetime_wraps_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
