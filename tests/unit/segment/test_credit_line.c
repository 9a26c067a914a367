/* SPDX-License-Identifier: Apache-2.0 */
/* Credit lines: their tag, and what becomes of them when the kinds of windows change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "segment/sliding.h"
#include "segment/writer.h"

#define NOW_MS 1767225600000 /* 2026-01-01T00:00:00Z */
#define DAY_MS 86400000LL

static const enum window_kind all_fixed[WINDOW_COUNT] = {WINDOW_FIXED, WINDOW_FIXED, WINDOW_FIXED};

static void fill(uint64_t words[LINE_WORDS_MAX], enum credits_interval interval, int64_t at_ms)
{
    uint32_t period = credits_period(interval, at_ms);
    memset(words, 0, LINE_WORDS_MAX * sizeof *words);
    words[LINE_TOTAL] = 77;
    words[LINE_LAST_USED] = (uint64_t)at_ms;
    words[CREDIT_LINE_USED] = credit_word((struct credits_amount){period, 30});
    words[CREDIT_LINE_ALLOWANCE] = credit_word((struct credits_amount){period, 100});
    words[CREDIT_LINE_REFILL] = 50;
    words[CREDIT_LINE_TAG] = CREDIT_LINE_TAGGED;
}

static void test_no_window_of_a_minute_looks_like_a_credit_line(void **state)
{
    (void)state;
    for (uint32_t layout = 0; layout < SLIDING_LAYOUTS; layout++) {
        struct sliding_shape shape = sliding_shape(WINDOW_MINUTE, layout);
        uint64_t all = sliding_word(layout, SLIDING_TAG_MASK, SLIDING_COUNTERS_MASK);
        bool counts_fit = sliding_sum(shape, SLIDING_COUNTERS_MASK) <= LIMIT_SLIDING_MINUTE_MAX;
        assert_false(all == CREDIT_LINE_TAGGED && counts_fit);
    }
    assert_true(line_fixed_word(WINDOW_MINUTE) < CREDIT_LINE_TAG);
}

static void test_an_amount_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct credits_amount amount = {(1U << CREDITS_PERIOD_BITS) - 1, CREDITS_ALLOWANCE_MAX - 5};
    struct credits_amount read = credit_amount(credit_word(amount));
    assert_int_equal(read.period, amount.period);
    assert_int_equal(read.amount, amount.amount);
}

static void test_a_credit_line_is_kept_whatever_the_kinds(void **state)
{
    (void)state;
    uint64_t from[LINE_WORDS_MAX], to[LINE_WORDS_MAX];
    for (unsigned i = 0; i < CREDITS_INTERVAL_COUNT; i++) {
        fill(from, (enum credits_interval)i, NOW_MS - 3 * DAY_MS);
        for (int k = 0; k < 64; k++) {
            enum window_kind old[WINDOW_COUNT], new[WINDOW_COUNT];
            for (int w = 0; w < WINDOW_COUNT; w++) {
                old[w] = (enum window_kind)(k >> w & 1);
                new[w] = (enum window_kind)(k >> (w + WINDOW_COUNT) & 1);
            }
            for (int drop = 0; drop < 2; drop++) {
                memset(to, 0, sizeof to);
                segment_line_convert(old, from, new, to, NOW_MS, drop != 0);
                assert_memory_equal(to, from, sizeof to);
            }
        }
    }
}

static void test_a_clock_that_was_set_back_brings_the_stock_back_to_the_present(void **state)
{
    (void)state;
    for (unsigned i = CREDITS_DAILY; i < CREDITS_INTERVAL_COUNT; i++) {
        enum credits_interval interval = (enum credits_interval)i;
        uint64_t from[LINE_WORDS_MAX], to[LINE_WORDS_MAX] = {0};
        fill(from, interval, NOW_MS + 1000 * DAY_MS);
        segment_line_convert(all_fixed, from, all_fixed, to, NOW_MS, true);
        struct credits_state now =
            credits_at(credit_amount(to[CREDIT_LINE_ALLOWANCE]), to[CREDIT_LINE_REFILL],
                       credit_amount(to[CREDIT_LINE_USED]), NOW_MS);
        assert_int_equal(now.period, credits_period(interval, NOW_MS));
        assert_int_equal(now.remaining, 70);
        assert_int_equal(to[LINE_TOTAL], 77);
        assert_true(to[CREDIT_LINE_TAG] == CREDIT_LINE_TAGGED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_window_of_a_minute_looks_like_a_credit_line),
        cmocka_unit_test(test_an_amount_is_read_as_it_was_written),
        cmocka_unit_test(test_a_credit_line_is_kept_whatever_the_kinds),
        cmocka_unit_test(test_a_clock_that_was_set_back_brings_the_stock_back_to_the_present),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
