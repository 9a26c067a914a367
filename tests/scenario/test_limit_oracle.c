/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limiter against an oracle that remembers each admitted request with its time.
 *
 * Random requests (times from bursts to idle years, costs, tokens that share users, limits of
 * every packing, all eight combinations of window kinds) are decided by both. For each:
 *
 *   fixed     no room for the oracle: refused. Room everywhere: admitted. `remaining` and
 *             `reset_at_ms` are exact.
 *   sliding   admitted: the exact count in the window, with this one, is within the limit.
 *             Refused: the exact count in the window and one sub-bucket more is beyond it, so
 *             the limiter is no stricter than its resolution.
 *
 * A refused request changes no byte of a line. 1.2 million requests and more, the same ones in
 * every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/sliding.h"

#define START_MS 1767225600000
#define TOKENS 6
#define USERS 3
#define REQUESTS 40000 /* a scenario */

/* Everything one subject ever had admitted, and for each window a place in it. */
struct log {
    int64_t *time_ms;
    uint32_t *cost;
    uint8_t *windows; /* bits: those that were limited then; only those count */
    size_t count;
    struct {
        size_t head; /* first entry inside */
        uint64_t sum;
    } exact[WINDOW_COUNT], wide[WINDOW_COUNT];
};

struct subject {
    union {
        _Alignas(64) line_word line[LINE_WORDS_MAX];
        uint64_t words[LINE_WORDS_MAX];
    };
    struct limits limits;
    struct log log;
};

struct scenario {
    struct seeded_random random;
    enum window_kind kinds[WINDOW_COUNT];
    struct subject tokens[TOKENS], users[USERS];
    int64_t now_ms;
    bool limits_change; /* then the resolution is that of the coarsest packing */
};

struct tally {
    uint64_t requests, admitted, fixed_differences, over_admissions, too_strict, touched;
    uint64_t stricter_than_exact;
};

static int64_t width_ms(enum window window)
{
    static const int64_t widths[WINDOW_COUNT] = {60000, 3600000, 86400000};
    return widths[window];
}

/* Sum of what lies later than `after_ms`; calls come with rising times. */
static uint64_t sum_after(struct log *log, enum window window, size_t *head, uint64_t *sum,
                          int64_t after_ms)
{
    for (; *head < log->count && log->time_ms[*head] <= after_ms; (*head)++) {
        *sum -= (log->windows[*head] >> window & 1) != 0 ? log->cost[*head] : 0;
    }
    return *sum;
}

static int64_t resolution_ms(const struct scenario *scenario, enum window window, uint32_t limit)
{
    uint32_t layout = scenario->limits_change ? 3 : sliding_layout(window, limit);
    return sliding_shape(window, layout).bucket_ms;
}

/* What the oracle counts in a window now; *ret_wide: in it and one sub-bucket more. */
static uint64_t count_exactly(struct scenario *scenario, struct subject *subject,
                              enum window window, uint64_t *ret_wide)
{
    int64_t width = width_ms(window);
    struct log *log = &subject->log;
    if (scenario->kinds[window] == WINDOW_FIXED) {
        int64_t begins_ms = scenario->now_ms / width * width;
        *ret_wide = sum_after(log, window, &log->exact[window].head, &log->exact[window].sum,
                              begins_ms - 1);
        return *ret_wide;
    }
    int64_t wider = width + resolution_ms(scenario, window, subject->limits.limit[window]);
    *ret_wide = sum_after(log, window, &log->wide[window].head, &log->wide[window].sum,
                          scenario->now_ms - wider);
    return sum_after(log, window, &log->exact[window].head, &log->exact[window].sum,
                     scenario->now_ms - width);
}

static bool is_limited(const struct subject *subject, enum window window)
{
    return (subject->limits.set >> window & 1) != 0 && subject->limits.limit[window] != LIMIT_NONE;
}

struct opinion {
    bool must_refuse, may_refuse;
};

static void ask_oracle(struct scenario *scenario, struct subject *subject, uint32_t need,
                       struct opinion *opinion)
{
    for (int w = 0; subject != NULL && w < WINDOW_COUNT; w++) {
        enum window window = (enum window)w;
        uint64_t wide, exact = count_exactly(scenario, subject, window, &wide);
        if (is_limited(subject, window)) {
            opinion->must_refuse |= exact + need > subject->limits.limit[w];
            opinion->may_refuse |= wide + need > subject->limits.limit[w];
        }
    }
}

static void record(struct subject *subject, int64_t now_ms, uint32_t cost)
{
    if (subject == NULL || cost == 0) {
        return;
    }
    struct log *log = &subject->log;
    log->time_ms[log->count] = now_ms;
    log->cost[log->count] = cost;
    for (int w = 0; w < WINDOW_COUNT; w++) {
        bool limited = is_limited(subject, (enum window)w);
        log->windows[log->count] |= (uint8_t)(limited << w);
        log->exact[w].sum += limited ? cost : 0;
        log->wide[w].sum += limited ? cost : 0;
    }
    log->count++;
}

static void check_state(struct scenario *scenario, struct subject *subject,
                        const struct verify_window *state, struct tally *tally)
{
    uint64_t wide, exact = count_exactly(scenario, subject, state->window, &wide);
    uint32_t limit = subject->limits.limit[state->window];
    uint32_t remaining = exact < limit ? limit - (uint32_t)exact : 0;
    assert_int_equal(state->limit, limit);
    if (scenario->kinds[state->window] == WINDOW_FIXED) {
        int64_t width = width_ms(state->window);
        int64_t ends_ms = (scenario->now_ms / width + 1) * width;
        tally->fixed_differences += state->remaining != remaining || state->reset_at_ms != ends_ms;
    } else {
        tally->over_admissions += exact > limit;
        tally->too_strict += state->remaining > remaining || state->reset_at_ms <= scenario->now_ms;
    }
}

static uint32_t count_limited(const struct subject *subject)
{
    uint32_t count = 0;
    for (int w = 0; subject != NULL && w < WINDOW_COUNT; w++) {
        count += is_limited(subject, (enum window)w);
    }
    return count;
}

/* --- random requests ------------------------------------------------------------------------ */

static uint64_t below(struct scenario *scenario, uint64_t bound)
{
    return seeded_random_below(&scenario->random, bound);
}

static void step_time(struct scenario *scenario)
{
    uint64_t dice = below(scenario, 1000);
    int64_t step = dice < 400   ? 0
                   : dice < 900 ? (int64_t)below(scenario, 200)
                   : dice < 970 ? (int64_t)below(scenario, 5000)
                   : dice < 990 ? (int64_t)below(scenario, 120000)
                   : dice < 998 ? (int64_t)below(scenario, 4000000)
                   : dice < 999 ? (int64_t)below(scenario, 200000000)
                                : (int64_t)below(scenario, 40000000000); /* more than a year */
    scenario->now_ms += step;
}

static uint32_t random_cost(struct scenario *scenario)
{
    uint64_t dice = below(scenario, 100);
    return dice < 80   ? 1
           : dice < 85 ? 0
           : dice < 99 ? 1 + (uint32_t)below(scenario, 10)
                       : 1 + (uint32_t)below(scenario, VERIFY_COST_MAX);
}

static void random_limits(struct scenario *scenario, struct limits *limits)
{
    static const uint32_t around[] = {5, 20, 60, 250, 1000, 9000};
    uint32_t base = around[below(scenario, sizeof around / sizeof around[0])];
    limits->set = 1 + (uint32_t)below(scenario, 7);
    for (int w = 0; w < WINDOW_COUNT; w++) {
        uint32_t factor = w == 0 ? 1 : w == 1 ? 4 : 12;
        limits->limit[w] = base * factor + (uint32_t)below(scenario, base);
        if (below(scenario, 40) == 0) {
            limits->limit[w] = below(scenario, 2) == 0 ? 0 : LIMIT_NONE;
        }
    }
}

static void one_request(struct scenario *scenario, struct tally *tally)
{
    step_time(scenario);
    uint32_t number = (uint32_t)below(scenario, TOKENS);
    struct subject *token = &scenario->tokens[number];
    struct subject *user = below(scenario, 2) == 0 ? &scenario->users[number % USERS] : NULL;
    if (scenario->limits_change && below(scenario, 50) == 0) {
        random_limits(scenario, &token->limits);
    }
    struct limiter_take take = {.kinds = scenario->kinds,
                                .now_ms = scenario->now_ms,
                                .cost = random_cost(scenario),
                                .dry_run = below(scenario, 20) == 0};
    take.token = (struct limiter_subject){token->line, token->limits};
    if (user != NULL) {
        take.user = (struct limiter_subject){user->line, user->limits};
    }
    uint64_t before[LINE_WORDS_MAX], users_before[LINE_WORDS_MAX] = {0};
    memcpy(before, token->words, sizeof before);
    if (user != NULL) {
        memcpy(users_before, user->words, sizeof users_before);
    }
    struct opinion opinion = {0};
    uint32_t need = take.cost == 0 ? 1 : take.cost;
    ask_oracle(scenario, token, need, &opinion);
    ask_oracle(scenario, user, need, &opinion);
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    struct limiter_answer answer = {.windows = windows};
    limiter_local.take(&take, &answer);

    tally->requests++;
    tally->admitted += answer.admitted;
    bool all_fixed = true;
    for (int w = 0; w < WINDOW_COUNT; w++) {
        all_fixed &= scenario->kinds[w] == WINDOW_FIXED;
    }
    tally->fixed_differences += all_fixed && answer.admitted == opinion.must_refuse;
    tally->over_admissions += answer.admitted && opinion.must_refuse;
    tally->too_strict += !answer.admitted && !opinion.may_refuse;
    tally->stricter_than_exact += !answer.admitted && !opinion.must_refuse;
    if (answer.admitted && !take.dry_run) {
        record(token, scenario->now_ms, take.cost);
        record(user, scenario->now_ms, take.cost);
    } else {
        tally->touched += memcmp(before, token->words, sizeof before) != 0;
        tally->touched +=
            user != NULL && memcmp(users_before, user->words, sizeof users_before) != 0;
    }
    assert_int_equal(answer.window_count, count_limited(token) + count_limited(user));
    for (uint32_t i = 0; !scenario->limits_change && i < answer.window_count; i++) {
        bool of_token = windows[i].subject == LIMITS_OF_TOKEN;
        check_state(scenario, of_token ? token : user, &windows[i], tally);
    }
}

static void subject_init(struct scenario *scenario, struct subject *subject)
{
    random_limits(scenario, &subject->limits);
    subject->log.time_ms = calloc(REQUESTS, sizeof(int64_t));
    subject->log.cost = calloc(REQUESTS, sizeof(uint32_t));
    subject->log.windows = calloc(REQUESTS, 1);
}

static void subject_deinit(struct subject *subject)
{
    free(subject->log.time_ms);
    free(subject->log.cost);
    free(subject->log.windows);
}

static void run_scenario(uint64_t seed, unsigned kinds, bool limits_change, struct tally *tally)
{
    static struct scenario scenario;
    memset(&scenario, 0, sizeof scenario);
    seeded_random_init(&scenario.random, seed);
    scenario.limits_change = limits_change;
    scenario.now_ms = START_MS;
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        scenario.kinds[w] = (kinds >> w & 1) != 0 ? WINDOW_SLIDING : WINDOW_FIXED;
    }
    for (int i = 0; i < TOKENS; i++) {
        subject_init(&scenario, &scenario.tokens[i]);
    }
    for (int i = 0; i < USERS; i++) {
        subject_init(&scenario, &scenario.users[i]);
    }
    for (int i = 0; i < REQUESTS; i++) {
        one_request(&scenario, tally);
    }
    for (int i = 0; i < TOKENS; i++) {
        subject_deinit(&scenario.tokens[i]);
    }
    for (int i = 0; i < USERS; i++) {
        subject_deinit(&scenario.users[i]);
    }
}

static void report(const char *name, const struct tally *tally)
{
    printf("%s: %llu requests, %llu admitted, %llu refused that an exact log would admit\n", name,
           (unsigned long long)tally->requests, (unsigned long long)tally->admitted,
           (unsigned long long)tally->stricter_than_exact);
    assert_int_equal(tally->fixed_differences, 0);
    assert_int_equal(tally->over_admissions, 0);
    assert_int_equal(tally->touched, 0);
    assert_true(tally->admitted > tally->requests / 10);
    assert_true(tally->requests - tally->admitted > tally->requests / 20);
}

static void test_fixed_windows_decide_as_an_exact_log_does(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        run_scenario(seed, 0, false, &tally);
    }
    report("fixed", &tally);
    assert_int_equal(tally.stricter_than_exact, 0);
    assert_int_equal(tally.too_strict, 0);
}

static void
test_sliding_windows_never_admit_more_and_are_as_strict_as_their_resolution(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (unsigned kinds = 1; kinds < 8; kinds++) {
        run_scenario(100 + kinds, kinds, false, &tally);
        run_scenario(200 + kinds, kinds, false, &tally);
    }
    report("sliding", &tally);
    assert_int_equal(tally.too_strict, 0);
}

static void test_limits_that_change_never_admit_more(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (unsigned kinds = 0; kinds < 8; kinds++) {
        run_scenario(300 + kinds, kinds, true, &tally);
    }
    report("changing limits", &tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_windows_decide_as_an_exact_log_does),
        cmocka_unit_test(
            test_sliding_windows_never_admit_more_and_are_as_strict_as_their_resolution),
        cmocka_unit_test(test_limits_that_change_never_admit_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
