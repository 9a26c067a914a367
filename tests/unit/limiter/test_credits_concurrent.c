/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that compete for the same credits: as many are used as there were, windows beside
 * them are taken exactly when the credits are, and what the authority takes away at the same
 * time is not used twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <ucontext.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/usage_line.h"

#define START_MS 1767225600000
#define DAY_MS 86400000LL
#define THREADS 4
#define REQUESTS 60000 /* a thread */
#define DAYS 40

static const enum window_kind kinds[WINDOW_COUNT] = {WINDOW_FIXED, WINDOW_FIXED, WINDOW_FIXED};

struct arena {
    _Alignas(64) line_word token[LINE_WORDS_MAX], credits[LINE_WORDS_MAX];
    struct limits limits;
    uint32_t cost;
    _Atomic int64_t now_ms;
    _Atomic uint64_t admitted, limited, exhausted;
    _Atomic bool done;
};

struct worker {
    struct arena *arena;
    pthread_t thread;
    unsigned number;
    uint64_t used_by_day[DAYS + 2]; /* by the day of the next refill; 0: no such day */
};

static void give(struct arena *arena, enum credits_interval interval, uint64_t allowance,
                 uint64_t refill)
{
    struct credits_amount amount = {credits_period(interval, START_MS), allowance};
    atomic_store(&arena->credits[CREDIT_LINE_ALLOWANCE], credit_word(amount));
    atomic_store(&arena->credits[CREDIT_LINE_REFILL], refill);
}

static void arena_init(struct arena *arena, struct limits limits)
{
    memset(arena, 0, sizeof *arena);
    arena->limits = limits;
    arena->cost = 1;
    atomic_store(&arena->now_ms, START_MS);
}

static struct limiter_answer take_once(struct arena *arena, int64_t now_ms, uint32_t cost)
{
    struct limiter_take take = {.kinds = kinds, .now_ms = now_ms, .cost = cost};
    take.token = (struct limiter_subject){arena->token, arena->limits};
    take.credits = arena->credits;
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    struct limiter_answer answer = {.windows = windows};
    limiter_local.take(&take, &answer);
    answer.windows = NULL;
    return answer;
}

static void run(struct worker *workers, struct arena *arena, void *(*body)(void *))
{
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.arena = arena, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
    }
}

static void join(struct worker *workers)
{
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
}

static void *take_all(void *argument)
{
    struct worker *worker = argument;
    struct arena *arena = worker->arena;
    for (int i = 0; i < REQUESTS; i++) {
        struct limiter_answer answer = take_once(arena, START_MS, arena->cost);
        atomic_fetch_add(answer.admitted    ? &arena->admitted
                         : answer.exhausted ? &arena->exhausted
                                            : &arena->limited,
                         1);
    }
    return NULL;
}

static void test_exactly_the_credits_that_there_are_are_used(void **state)
{
    (void)state;
    static struct arena arena;
    struct worker workers[THREADS];
    for (uint32_t credits = 1; credits <= 100000; credits = credits * 10 + 7) {
        arena_init(&arena, (struct limits){.set = 0});
        give(&arena, CREDITS_DAILY, credits, 3);
        run(workers, &arena, take_all);
        join(workers);
        assert_int_equal(atomic_load(&arena.admitted), credits);
        assert_int_equal(atomic_load(&arena.limited), 0);
        assert_int_equal(credit_amount(arena.credits[CREDIT_LINE_USED]).amount, credits);
        assert_int_equal(arena.credits[LINE_TOTAL], credits);
        assert_int_equal(arena.token[LINE_TOTAL], credits);
    }
}

static void test_windows_and_credits_are_taken_together_or_not_at_all(void **state)
{
    (void)state;
    static struct arena arena;
    struct worker workers[THREADS];
    static const struct {
        uint32_t window, credits, cost;
    } rows[] = {{50000, 40000, 1}, {40000, 50000, 1}, {40000, 40000, 1}, {70000, 30001, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        arena_init(&arena, (struct limits){.set = 7, .limit = {90000, rows[i].window, 80000}});
        arena.cost = rows[i].cost;
        give(&arena, CREDITS_MONTHLY, rows[i].credits, 3);
        run(workers, &arena, take_all);
        join(workers);
        uint32_t least = rows[i].window < rows[i].credits ? rows[i].window : rows[i].credits;
        uint64_t admitted = atomic_load(&arena.admitted);
        assert_int_equal(admitted, least / rows[i].cost);
        uint64_t used = admitted * rows[i].cost;
        assert_int_equal(credit_amount(arena.credits[CREDIT_LINE_USED]).amount, used);
        assert_int_equal(fixed_count(arena.token[LINE_MINUTE]), used);
        assert_int_equal(fixed_count(arena.token[LINE_HOUR]), used);
        assert_int_equal(fixed_count(arena.token[LINE_DAY]), used);
    }
}

/* --- days go by ------------------------------------------------------------------------------ */

static void *take_while_days_go_by(void *argument)
{
    struct worker *worker = argument;
    struct arena *arena = worker->arena;
    struct seeded_random random;
    seeded_random_init(&random, 100 + worker->number);
    int64_t now_ms = START_MS;
    while (now_ms < START_MS + DAYS * DAY_MS) {
        now_ms = atomic_load(&arena->now_ms);
        uint64_t dice = seeded_random_below(&random, 100);
        if (dice == 0) { /* stopped between reading the clock and taking */
            sched_yield();
        }
        if (dice < 30) {
            atomic_fetch_add(&arena->now_ms, (int64_t)seeded_random_below(&random, 400000));
        }
        struct limiter_answer answer = take_once(arena, now_ms, 1 + (uint32_t)dice % 3);
        if (answer.admitted) {
            int64_t day = (answer.credits.refill_at_ms - START_MS) / DAY_MS;
            bool known = day >= 1 && day <= DAYS + 1;
            worker->used_by_day[known ? day : 0] += 1 + dice % 3;
        }
    }
    return NULL;
}

static void test_no_day_has_more_than_its_refill(void **state)
{
    (void)state;
    static struct arena arena;
    static struct worker workers[THREADS];
    arena_init(&arena, (struct limits){.set = 0});
    give(&arena, CREDITS_DAILY, 300, 200);
    run(workers, &arena, take_while_days_go_by);
    join(workers);
    unsigned full = 0;
    for (int day = 0; day <= DAYS; day++) {
        uint64_t used = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            used += workers[i].used_by_day[day];
        }
        assert_true(used <= (day == 0 ? 0 : day == 1 ? 300 : 200));
        full += used >= (day == 1 ? 298 : 198);
    }
    assert_true(full > DAYS / 2);
}

/* --- the authority takes credits away meanwhile -------------------------------------------------
 */

static void *take_until_done(void *argument)
{
    struct worker *worker = argument;
    struct arena *arena = worker->arena;
    while (!atomic_load(&arena->done)) {
        struct limiter_answer answer = take_once(arena, START_MS, 1);
        atomic_fetch_add(&arena->admitted, answer.admitted);
    }
    return NULL;
}

/* Lowers the allowance as the authority does; raises it again when less is left than that. */
static bool charge(struct arena *arena, uint64_t amount)
{
    line_word *allowance = &arena->credits[CREDIT_LINE_ALLOWANCE];
    uint64_t before = atomic_load(allowance);
    if (credit_amount(before).amount < amount) {
        return false;
    }
    atomic_store(allowance, before - amount);
    uint64_t used = atomic_load(&arena->credits[CREDIT_LINE_USED]);
    if (credit_amount(used).amount <= credit_amount(before).amount - amount) {
        return true;
    }
    atomic_store(allowance, before);
    return false;
}

/* One credit at a time is given, and everybody is after it: the threads, and the authority that
 * takes it away again. */
static void test_what_the_authority_takes_away_is_not_used_again(void **state)
{
    (void)state;
    static struct arena arena;
    struct worker workers[THREADS];
    arena_init(&arena, (struct limits){.set = 0});
    give(&arena, CREDITS_NO_REFILL, 0, 0);
    run(workers, &arena, take_until_done);
    line_word *allowance = &arena.credits[CREDIT_LINE_ALLOWANCE];
    uint64_t charged = 0, given = 0;
    for (; given < 200000; given++) {
        atomic_fetch_add(allowance, 1);
        struct credits_state left = credit_line_read(arena.credits, START_MS).state;
        while (left.remaining > 0 || left.used > left.allowance) {
            charged += charge(&arena, 1);
            left = credit_line_read(arena.credits, START_MS).state;
        }
    }
    atomic_store(&arena.done, true);
    join(workers);
    assert_int_equal(atomic_load(&arena.admitted) + charged, given);
    assert_int_equal(arena.credits[LINE_TOTAL], atomic_load(&arena.admitted));
}

/* The moment between a thread's reading of the allowance and its swap is too short for threads to
 * meet it by chance. So the processor stops after every single instruction of a take, and at one
 * of them, a different one each time, the authority takes the last credit away. */
#if defined __x86_64__ && !defined __SANITIZE_THREAD__
static struct arena stepped;
static volatile sig_atomic_t steps, charge_at, charged_then;

static void at_each_instruction(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    if (++steps == charge_at) {
        charged_then = charge(&stepped, 1);
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100; /* no further stops */
    }
}

static void test_a_charge_at_any_instruction_of_a_use_is_seen(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = at_each_instruction, .sa_flags = SA_SIGINFO}, before;
    assert_int_equal(sigaction(SIGTRAP, &action, &before), 0);
    int used = 0, charged = 0;
    steps = 0;
    for (charge_at = 1; steps == charge_at - 1; charge_at++) {
        arena_init(&stepped, (struct limits){.set = 0});
        give(&stepped, CREDITS_NO_REFILL, 1, 0);
        steps = charged_then = 0;
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                         "leaq 128(%%rsp), %%rsp" ::
                             : "memory", "cc");
        bool admitted = take_once(&stepped, START_MS, 1).admitted;
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n"
                         "leaq 128(%%rsp), %%rsp" ::
                             : "memory", "cc");
        assert_int_equal(admitted + charged_then, 1); /* beyond the last one: used */
        used += admitted;
        charged += charged_then;
    }
    assert_int_equal(sigaction(SIGTRAP, &before, NULL), 0);
    assert_true(used > 1 && charged > 1);
}
#else
static void test_a_charge_at_any_instruction_of_a_use_is_seen(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_the_credits_that_there_are_are_used),
        cmocka_unit_test(test_windows_and_credits_are_taken_together_or_not_at_all),
        cmocka_unit_test(test_no_day_has_more_than_its_refill),
        cmocka_unit_test(test_what_the_authority_takes_away_is_not_used_again),
        cmocka_unit_test(test_a_charge_at_any_instruction_of_a_use_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
