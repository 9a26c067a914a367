/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/credits.h"

#include <string.h>

#include "base/text.h"

#define DAY_MS 86400000LL
#define MONTHLY (1U << (CREDITS_PERIOD_BITS - 1)) /* the bit of periods that are months */
#define NUMBER_MAX (MONTHLY - 1)

static const char *const interval_names[CREDITS_INTERVAL_COUNT] = {
    [CREDITS_NO_REFILL] = "none",
    [CREDITS_DAILY] = "daily",
    [CREDITS_MONTHLY] = "monthly",
};

const char *credits_interval_name(enum credits_interval interval)
{
    ASSERT((unsigned)interval < CREDITS_INTERVAL_COUNT);
    return interval_names[interval];
}

tkr_error_t credits_interval_parse(const char *text, size_t length,
                                   enum credits_interval *ret_interval)
{
    for (unsigned i = 0; i < CREDITS_INTERVAL_COUNT; i++) {
        if (strlen(interval_names[i]) == length && memcmp(interval_names[i], text, length) == 0) {
            *ret_interval = (enum credits_interval)i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

static uint32_t bounded(int64_t number)
{
    return number < NUMBER_MAX ? (uint32_t)number : NUMBER_MAX;
}

uint32_t credits_period(enum credits_interval interval, int64_t now_ms)
{
    int64_t days = now_ms < 0 ? 0 : now_ms / DAY_MS;
    switch (interval) {
    case CREDITS_DAILY:
        return days == 0 ? 1 : bounded(days); /* 0 stands for all of time */
    case CREDITS_MONTHLY: {
        struct text_date date = text_date_from_days(bounded(days));
        return MONTHLY | (uint32_t)((date.year - 1970) * 12 + date.month - 1);
    }
    case CREDITS_NO_REFILL:
    case CREDITS_INTERVAL_COUNT:
        break;
    }
    return 0;
}

enum credits_interval credits_period_interval(uint32_t period)
{
    return period == 0               ? CREDITS_NO_REFILL
           : (period & MONTHLY) != 0 ? CREDITS_MONTHLY
                                     : CREDITS_DAILY;
}

int64_t credits_period_ends_ms(uint32_t period)
{
    uint32_t number = period & NUMBER_MAX;
    if (period == 0 || number == NUMBER_MAX) {
        return 0;
    }
    if ((period & MONTHLY) == 0) {
        return (number + 1LL) * DAY_MS;
    }
    uint32_t next = number + 1;
    struct text_date first = {1970 + (int)(next / 12), (int)(next % 12) + 1, 1};
    return text_days_from_date(first) * DAY_MS;
}

uint32_t credits_later_period(uint32_t period, uint32_t other)
{
    bool same = credits_period_interval(period) == credits_period_interval(other);
    return same && other > period ? other : period;
}

struct credits_state credits_at(struct credits_amount allowance, uint64_t refill,
                                struct credits_amount used, int64_t now_ms)
{
    uint32_t period = credits_period(credits_period_interval(allowance.period), now_ms);
    period = credits_later_period(period, allowance.period);
    period = credits_later_period(period, used.period);
    struct credits_state state = {
        .period = period,
        .allowance = allowance.period == period ? allowance.amount : refill,
        .used = used.period == period ? used.amount : 0,
    };
    state.remaining = state.allowance > state.used ? state.allowance - state.used : 0;
    return state;
}

struct credits_amount credits_leaving(uint64_t remaining, enum credits_interval interval,
                                      struct credits_amount used, int64_t now_ms)
{
    uint32_t period = credits_later_period(credits_period(interval, now_ms), used.period);
    uint64_t counted = used.period == period ? used.amount : 0;
    return (struct credits_amount){period, remaining + counted};
}
