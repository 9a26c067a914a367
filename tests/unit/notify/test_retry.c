/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/retry.h"

static struct retry_try tried(tkr_error_t error, long status)
{
    return (struct retry_try){.error = error, .status = status, .tries = 1, .give_up_ms = 86400000};
}

static enum outbox_outcome judge(tkr_error_t error, long status)
{
    struct retry_try one = tried(error, status);
    return retry_judge(&one);
}

static void test_only_what_can_never_work_is_dead_at_once(void **state)
{
    static const long dead[] = {400, 410, 413, 415, 422};
    static const long later[] = {100, 301, 307, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503};
    for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
        assert_int_equal(judge(TKR_OK, dead[i]), OUTBOX_DEAD);
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        assert_int_equal(judge(TKR_OK, later[i]), OUTBOX_LATER);
    }
    assert_int_equal(judge(TKR_TIMEOUT, 0), OUTBOX_LATER);
    assert_int_equal(judge(TKR_UNAVAILABLE, 0), OUTBOX_LATER);
    assert_int_equal(judge(TKR_FORBIDDEN, 0), OUTBOX_LATER); /* its name may be mended */
}

static void test_a_receiver_that_said_2xx_has_it_whatever_else_it_says(void **state)
{
    assert_int_equal(judge(TKR_OK, 200), OUTBOX_SENT);
    assert_int_equal(judge(TKR_OK, 202), OUTBOX_SENT);
    assert_int_equal(judge(TKR_TOO_LARGE, 200), OUTBOX_SENT); /* and goes on for ever */
    assert_int_equal(judge(TKR_TOO_LARGE, 500), OUTBOX_LATER);
    assert_int_equal(judge(TKR_OK, 0), OUTBOX_SENT);             /* mail, a log */
    assert_int_equal(judge(TKR_UNAVAILABLE, 200), OUTBOX_LATER); /* it broke off */
}

static void test_a_message_dies_of_its_tries_or_its_age(void **state)
{
    struct retry_try one = tried(TKR_OK, 500);
    one.tries = NOTIFY_TRIES_MAX - 1;
    one.age_ms = one.give_up_ms - 1;
    assert_int_equal(retry_judge(&one), OUTBOX_LATER);
    one.tries++;
    assert_int_equal(retry_judge(&one), OUTBOX_DEAD);
    one.tries = 1;
    one.age_ms++;
    assert_int_equal(retry_judge(&one), OUTBOX_DEAD);
    one.status = 200;
    assert_int_equal(retry_judge(&one), OUTBOX_SENT);
}

static void test_the_delay_is_at_random_below_a_bound_that_doubles(void **state)
{
    struct retry_try one = tried(TKR_OK, 500);
    int64_t bound = NOTIFY_RETRY_FIRST_MS;
    for (one.tries = 1; one.tries <= NOTIFY_TRIES_MAX; one.tries++) {
        int64_t least = retry_delay_ms(&one, 0);
        int64_t most = retry_delay_ms(&one, (uint64_t)(bound - 1000));
        assert_int_equal(least, 1000);
        assert_int_equal(most, bound);
        for (uint64_t draw = 1; draw != 0; draw <<= 1) {
            int64_t delay = retry_delay_ms(&one, draw * 2654435761U);
            assert_true(delay >= least && delay <= most);
        }
        bound = 2 * bound < NOTIFY_RETRY_MOST_MS ? 2 * bound : NOTIFY_RETRY_MOST_MS;
    }
}

static void test_what_the_receiver_asks_for_counts_within_bounds(void **state)
{
    struct retry_try one = tried(TKR_OK, 429);
    one.retry_after_s = 120;
    assert_int_equal(retry_delay_ms(&one, 0), 120000);
    one.retry_after_s = INT64_MAX;
    assert_int_equal(retry_delay_ms(&one, 0), NOTIFY_RETRY_MOST_MS);
    one.retry_after_s = -5;
    assert_int_equal(retry_delay_ms(&one, 0), 1000);
    one.retry_after_s = 1; /* less than the back-off */
    one.tries = 5;
    assert_int_equal(retry_delay_ms(&one, 50000), 51000);
}

static void test_a_channel_pauses_longer_the_longer_nobody_is_there(void **state)
{
    assert_int_equal(retry_pause_ms(0, 12345), 0);
    assert_int_equal(retry_pause_ms(1, 0), 250);
    assert_int_equal(retry_pause_ms(1, 250), 500);
    assert_int_equal(retry_pause_ms(2, 500), 1000);
    assert_true(retry_pause_ms(UINT32_MAX, UINT64_MAX) <= NOTIFY_PAUSE_MOST_MS);
    assert_true(retry_pause_ms(50, 0) == NOTIFY_PAUSE_MOST_MS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_can_never_work_is_dead_at_once),
        cmocka_unit_test(test_a_receiver_that_said_2xx_has_it_whatever_else_it_says),
        cmocka_unit_test(test_a_message_dies_of_its_tries_or_its_age),
        cmocka_unit_test(test_the_delay_is_at_random_below_a_bound_that_doubles),
        cmocka_unit_test(test_what_the_receiver_asks_for_counts_within_bounds),
        cmocka_unit_test(test_a_channel_pauses_longer_the_longer_nobody_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
