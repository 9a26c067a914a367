/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credits: a stock that calls use up, refilled by the day, by the month or never. Pure.
 *
 * A *period* is the time between two refills: a UTC day, a UTC calendar month, or all of time.
 * Its number says which of the three it is, so that what was used in days is never taken for
 * what was used in months:
 *
 *     0                   all of time (no refill)
 *     1 … 2¹⁹ - 1         days since 1970-01-01; the last one, in the year 3405, never ends
 *     2¹⁹ … 2²⁰ - 1       2¹⁹ and months since January 1970
 *
 * Numbers of one interval rise with time. A stock is known by what may be used in one period
 * (the allowance), by what may be used in every period after that one (the refill), and by
 * what was used in a period. What is left of a period's allowance is not carried over.
 */
#ifndef POLICY_CREDITS_H
#define POLICY_CREDITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

enum credits_interval { CREDITS_NO_REFILL, CREDITS_DAILY, CREDITS_MONTHLY, CREDITS_INTERVAL_COUNT };

const char *credits_interval_name(enum credits_interval interval); /* "none", "daily", "monthly" */
/* Errors: TKR_INVALID. */
MUST_USE tkr_error_t credits_interval_parse(const char *text, size_t length,
                                            enum credits_interval *ret_interval);

#define CREDITS_PERIOD_BITS 20
#define CREDITS_AMOUNT_BITS 44
/* What an allowance can be. More than CREDITS_MAX, because without a refill it is all that was
 * ever given: what is left and what was used. */
#define CREDITS_ALLOWANCE_MAX ((1ULL << CREDITS_AMOUNT_BITS) - 1)

/* The period that a moment lies in; moments before 1970 lie in its first. */
uint32_t credits_period(enum credits_interval interval, int64_t now_ms);
enum credits_interval credits_period_interval(uint32_t period);
/* When the period ends and a refill is due; 0: never. */
int64_t credits_period_ends_ms(uint32_t period);
/* The later of two periods of one interval; `period` when `other` is of another interval. */
uint32_t credits_later_period(uint32_t period, uint32_t other);

struct credits_amount {
    uint32_t period;
    uint64_t amount;
};

/* A stock at a moment. */
struct credits_state {
    uint32_t period;    /* may be later than the moment's: see credits_at */
    uint64_t allowance; /* of this period */
    uint64_t used;      /* in this period */
    uint64_t remaining;
};

/*
 * The interval is the allowance's. When somebody with a later clock has granted or used in a
 * later period already, that period is meant: a clock that is behind brings no period back.
 */
struct credits_state credits_at(struct credits_amount allowance, uint64_t refill,
                                struct credits_amount used, int64_t now_ms);
/* The allowance that leaves `remaining` at this moment: that, and what was used in the present
 * period of the interval. Its amount may be beyond CREDITS_ALLOWANCE_MAX; the caller asks. */
struct credits_amount credits_leaving(uint64_t remaining, enum credits_interval interval,
                                      struct credits_amount used, int64_t now_ms);

#endif
