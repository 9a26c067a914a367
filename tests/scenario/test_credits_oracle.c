/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credits against an oracle that knows the calendar only as text: a day is the first ten
 * characters of a time, a month the first seven, an hour the first thirteen. The later of two
 * is the one that sorts later.
 *
 * Random requests (times that creep over the ends of days and months or jump years, clocks that
 * are behind, costs from nothing to more than there is, dry runs, an hour's window beside the
 * credits) and random grants (set, add, another refill, another interval) are decided by both.
 * The verdict, what remains and the time of the refill are the same each time, and a request
 * that was refused changes no byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/usage_line.h"

#define START_MS 1767225600000 /* 2026-01-01T00:00:00Z */
#define LATEST_MS (START_MS + 400LL * 365 * 86400000)
#define HOUR_LIMIT 40
#define REQUESTS 50000 /* a seed */
#define SEEDS 8

static const enum window_kind kinds[WINDOW_COUNT] = {WINDOW_FIXED, WINDOW_FIXED, WINDOW_FIXED};
static const size_t name_lengths[CREDITS_INTERVAL_COUNT] = {0, 10, 7};

/* An amount and the time it belongs to, cut to the length of its interval. */
struct dated {
    char name[TEXT_TIME_SIZE];
    uint64_t amount;
};

struct oracle {
    enum credits_interval interval;
    struct dated allowance, used, hour;
    uint64_t refill;
};

struct scenario {
    struct seeded_random random;
    union {
        _Alignas(64) line_word line[LINE_WORDS_MAX];
        uint64_t words[LINE_WORDS_MAX];
    };
    union {
        _Alignas(64) line_word credits[LINE_WORDS_MAX];
        uint64_t credit_words[LINE_WORDS_MAX];
    };
    struct oracle oracle;
    int64_t now_ms;
    uint64_t admitted, limited, exhausted, refills, behind;
};

static uint64_t below(struct scenario *scenario, uint64_t bound)
{
    return seeded_random_below(&scenario->random, bound);
}

static void name_of(int64_t ms, size_t length, char name[TEXT_TIME_SIZE])
{
    text_format_time(ms, name);
    memset(name + length, 0, TEXT_TIME_SIZE - length);
}

/* Moves `dated` on to the time's name, unless it is there or beyond; a new one holds `amount`. */
static bool move_on(struct dated *dated, int64_t ms, size_t length, uint64_t amount)
{
    struct dated now = {.amount = amount};
    name_of(ms, length, now.name);
    bool later = strcmp(now.name, dated->name) > 0;
    *dated = later ? now : *dated;
    return later;
}

/* The period that both the time and what was seen before it agree on. */
static void settle(struct scenario *scenario, struct oracle *oracle, int64_t ms)
{
    size_t length = name_lengths[oracle->interval];
    scenario->refills += move_on(&oracle->allowance, ms, length, oracle->refill);
    (void)move_on(&oracle->used, ms, length, 0);
}

static uint64_t left(const struct oracle *oracle)
{
    return oracle->allowance.amount - oracle->used.amount;
}

/* --- grants --------------------------------------------------------------------------------- */

/* Writes what the oracle was given into the line, as the authority does. */
static void show(struct scenario *scenario, int64_t ms)
{
    const struct oracle *oracle = &scenario->oracle;
    struct credits_amount used = credit_amount(scenario->credit_words[CREDIT_LINE_USED]);
    struct credits_amount allowance = credits_leaving(left(oracle), oracle->interval, used, ms);
    scenario->credit_words[CREDIT_LINE_ALLOWANCE] = credit_word(allowance);
    scenario->credit_words[CREDIT_LINE_REFILL] = oracle->refill;
    scenario->credit_words[CREDIT_LINE_TAG] = CREDIT_LINE_TAGGED;
}

static void grant(struct scenario *scenario)
{
    struct oracle *oracle = &scenario->oracle;
    settle(scenario, oracle, scenario->now_ms);
    uint64_t amount = below(scenario, 60);
    switch (below(scenario, 3)) {
    case 0: /* set what is left */
        oracle->allowance.amount = oracle->used.amount + amount;
        break;
    case 1: /* add */
        oracle->allowance.amount += amount;
        break;
    default: { /* another interval or refill, with what is left */
        uint64_t keep = left(oracle);
        enum credits_interval before = oracle->interval;
        oracle->interval = (enum credits_interval)below(scenario, CREDITS_INTERVAL_COUNT);
        oracle->refill = oracle->interval == CREDITS_NO_REFILL ? 0 : amount;
        if (oracle->interval != before) {
            oracle->used = (struct dated){.amount = 0};
            oracle->allowance = (struct dated){.amount = keep};
            name_of(scenario->now_ms, name_lengths[oracle->interval], oracle->allowance.name);
            name_of(scenario->now_ms, name_lengths[oracle->interval], oracle->used.name);
        }
    }
    }
    show(scenario, scenario->now_ms);
}

/* --- requests --------------------------------------------------------------------------------- */

static void step_time(struct scenario *scenario)
{
    uint64_t dice = below(scenario, 1000);
    int64_t day_ms = 86400000;
    int64_t to_midnight_ms = day_ms - scenario->now_ms % day_ms;
    scenario->now_ms += dice < 600   ? (int64_t)below(scenario, 60000)
                        : dice < 900 ? (int64_t)below(scenario, 2) * (to_midnight_ms - 1)
                        : dice < 970 ? to_midnight_ms
                        : dice < 999 ? (int64_t)below(scenario, 20) * day_ms
                                     : (int64_t)below(scenario, 500) * day_ms;
    scenario->now_ms = scenario->now_ms > LATEST_MS ? LATEST_MS : scenario->now_ms;
}

static void check_refill(const struct oracle *oracle, const struct limiter_answer *answer)
{
    if (oracle->interval == CREDITS_NO_REFILL) {
        assert_int_equal(answer->credits.refill_at_ms, 0);
        return;
    }
    char last[TEXT_TIME_SIZE], next[TEXT_TIME_SIZE];
    name_of(answer->credits.refill_at_ms - 1, name_lengths[oracle->interval], last);
    name_of(answer->credits.refill_at_ms, name_lengths[oracle->interval], next);
    assert_string_equal(last, oracle->allowance.name);
    assert_true(strcmp(next, last) > 0);
}

/* What the oracle says of a request, and does. */
static void decide(struct scenario *scenario, const struct limiter_take *take,
                   const struct limiter_answer *answer)
{
    struct oracle *oracle = &scenario->oracle;
    struct oracle asked = *oracle;
    settle(scenario, &asked, take->now_ms);
    (void)move_on(&asked.hour, take->now_ms, 13, 0);
    uint32_t room = take->cost == 0 ? 1 : take->cost;
    bool limited = asked.hour.amount + room > HOUR_LIMIT;
    bool exhausted = !limited && left(&asked) < take->cost;
    bool admitted = !limited && !exhausted;
    assert_int_equal(answer->admitted, admitted);
    assert_int_equal(answer->exhausted, exhausted);
    if (admitted && !take->dry_run) {
        asked.used.amount += take->cost;
        asked.hour.amount += take->cost;
        /* Times of what was only asked for leave no trace. */
        oracle->hour = take->cost > 0 ? asked.hour : oracle->hour;
        oracle->used = take->cost > 0 ? asked.used : oracle->used;
        if (take->cost > 0) {
            oracle->allowance = asked.allowance;
        }
    }
    assert_int_equal(answer->credits.remaining, left(&asked));
    check_refill(&asked, answer);
    scenario->admitted += admitted;
    scenario->limited += limited;
    scenario->exhausted += exhausted;
}

static uint32_t random_cost(struct scenario *scenario)
{
    uint64_t dice = below(scenario, 20);
    return dice == 0   ? 0
           : dice < 18 ? 1 + (uint32_t)below(scenario, 4)
                       : (uint32_t)below(scenario, 60);
}

static void one_request(struct scenario *scenario)
{
    step_time(scenario);
    if (below(scenario, 60) == 0) {
        grant(scenario);
    }
    bool behind = below(scenario, 10) == 0;
    scenario->behind += behind;
    struct limiter_take take = {.kinds = kinds, .cost = random_cost(scenario)};
    take.now_ms = scenario->now_ms - (behind ? (int64_t)below(scenario, 3000000) : 0);
    take.token.line = scenario->line;
    take.token.limits = (struct limits){.set = 1U << WINDOW_HOUR};
    take.token.limits.limit[WINDOW_HOUR] = HOUR_LIMIT;
    take.credits = scenario->credits;
    take.dry_run = below(scenario, 20) == 0;
    uint64_t before[LINE_WORDS_MAX], credits_before[LINE_WORDS_MAX];
    memcpy(before, scenario->words, sizeof before);
    memcpy(credits_before, scenario->credit_words, sizeof credits_before);
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    struct limiter_answer answer = {.windows = windows};
    limiter_local.take(&take, &answer);
    decide(scenario, &take, &answer);
    if (!answer.admitted || take.dry_run) {
        assert_memory_equal(before, scenario->words, sizeof before);
    }
    if (!answer.admitted || take.dry_run || take.cost == 0) {
        assert_memory_equal(credits_before, scenario->credit_words, sizeof credits_before);
    }
}

static void test_credits_are_what_the_calendar_says(void **state)
{
    (void)state;
    static struct scenario scenario;
    uint64_t admitted = 0, limited = 0, exhausted = 0, refills = 0, behind = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        memset(&scenario, 0, sizeof scenario);
        seeded_random_init(&scenario.random, seed);
        scenario.now_ms = START_MS;
        scenario.oracle.allowance.amount = 50;
        show(&scenario, START_MS);
        for (int i = 0; i < REQUESTS; i++) {
            one_request(&scenario);
        }
        admitted += scenario.admitted;
        limited += scenario.limited;
        exhausted += scenario.exhausted;
        refills += scenario.refills;
        behind += scenario.behind;
    }
    printf("%d requests: %llu admitted, %llu limited, %llu exhausted, %llu refills seen, "
           "%llu with a clock behind\n",
           SEEDS * REQUESTS, (unsigned long long)admitted, (unsigned long long)limited,
           (unsigned long long)exhausted, (unsigned long long)refills, (unsigned long long)behind);
    assert_true(admitted > SEEDS * REQUESTS / 10);
    assert_true(limited > SEEDS * REQUESTS / 100);
    assert_true(exhausted > SEEDS * REQUESTS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credits_are_what_the_calendar_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
