/* SPDX-License-Identifier: Apache-2.0 */
/* When jobs run, by whom, and what is told of them; on a clock that stands still until it is moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "jobs/scheduler_internal.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

/* --- two jobs, whose runs a test holds ----------------------------------------------------------
 */

static struct probe {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned runs; /* that began */
    bool held;     /* runs wait until they are let go */
    bool obeys;    /* while they wait, they look whether they should stop */
    bool more;
    tkr_error_t error;
    const char *words;
} probe, other;

static void probe_init(struct probe *which)
{
    memset(which, 0, sizeof(*which));
    pthread_mutex_init(&which->mutex, NULL);
    pthread_cond_init(&which->changed, NULL);
}

static tkr_error_t run_probe(struct probe *which, struct job_context *context)
{
    pthread_mutex_lock(&which->mutex);
    which->runs++;
    pthread_cond_broadcast(&which->changed);
    while (which->held && !(which->obeys && job_should_stop(context))) {
        pthread_cond_wait(&which->changed, &which->mutex);
    }
    context->count = which->runs;
    context->more = which->more;
    if (which->words != NULL) {
        job_say(context, "%s", which->words);
    }
    tkr_error_t error = which->error;
    pthread_mutex_unlock(&which->mutex);
    return error;
}

static tkr_error_t run_one(struct job_context *context)
{
    return run_probe(&probe, context);
}

static tkr_error_t run_other(struct job_context *context)
{
    return run_probe(&other, context);
}

static void wait_for_run(struct probe *which, unsigned runs)
{
    pthread_mutex_lock(&which->mutex);
    while (which->runs < runs) {
        pthread_cond_wait(&which->changed, &which->mutex);
    }
    pthread_mutex_unlock(&which->mutex);
}

/* Wakes it; with `held` it looks around and waits on. */
static void let_go(struct probe *which, bool held)
{
    pthread_mutex_lock(&which->mutex);
    which->held = held;
    pthread_cond_broadcast(&which->changed);
    pthread_mutex_unlock(&which->mutex);
}

static int64_t every_hour(const struct job_settings *settings)
{
    return HOUR_MS;
}

static int64_t every_day(const struct job_settings *settings)
{
    return 24 * HOUR_MS;
}

static int64_t never(const struct job_settings *settings)
{
    return 0;
}

static const struct job_handler one = {"one", "counts its runs", every_hour,
                                       NULL,  5 * MINUTE_MS,     run_one};
static const struct job_handler second = {"second", "likewise",    every_day,
                                          NULL,     5 * MINUTE_MS, run_other};
static const struct job_handler off = {"off", "is off", never, "off.on", 5 * MINUTE_MS, run_other};

/* --- steps --------------------------------------------------------------------------------------
 */

struct context {
    struct authority_fixture fixture;
    struct job_settings settings;
    struct scheduler *scheduler;
};

static void report(void *of, enum log_level level, const char *event, const char *detail)
{
    struct authority_fixture *fixture = of;
    fixture->options.report(fixture->options.report_context, level, event, detail);
}

static struct scheduler *make(struct context *context)
{
    static const struct job_handler *const handlers[] = {&one, &second, &off};
    const struct scheduler_options options = {
        .authority = context->fixture.authority,
        .store = &context->fixture.port,
        .clock = &context->fixture.time.clock,
        .random = random_system(),
        .settings = &context->settings,
        .handlers = handlers,
        .handler_count = 3,
        .report = report,
        .report_context = &context->fixture,
    };
    struct scheduler *scheduler = NULL;
    assert_int_equal(scheduler_new(&options, &scheduler, NULL), TKR_OK);
    return scheduler;
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    probe_init(&probe);
    probe_init(&other);
    authority_fixture_open(&context->fixture);
    context->scheduler = make(context);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    let_go(&probe, false);
    let_go(&other, false);
    if (context->scheduler != NULL) {
        assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
        scheduler_free(context->scheduler);
    }
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

/* What is due runs to its end. */
static void tick(struct context *context)
{
    scheduler_tick(context->scheduler);
    scheduler_settle(context->scheduler);
}

static void advance(struct context *context, int64_t ms)
{
    virtual_clock_advance(&context->fixture.time, ms);
}

static int64_t now_ms(struct context *context)
{
    return authority_now_ms(context->fixture.authority);
}

static struct job_status status_of(struct context *context, const char *name)
{
    struct job_status all[JOBS_MAX];
    size_t count = scheduler_list(context->scheduler, all);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].handler->name, name) == 0) {
            return all[i];
        }
    }
    fail_msg("no job %s", name);
    return all[0];
}

static int64_t stored(struct context *context, const char *column)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT %s FROM jobs WHERE name = 'one'", column);
    return fixture_query(&context->fixture, sql);
}

static int64_t alerts(struct context *context, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = 'alert.%s'", type);
    return fixture_query(&context->fixture, sql);
}

/* As after kill -9: what the store has stays, whoever held it is forgotten. */
static void crash(struct context *context)
{
    let_go(&probe, false);
    scheduler_settle(context->scheduler);
    scheduler_free(context->scheduler);
    context->scheduler = NULL;
}

static void restart(struct context *context)
{
    context->scheduler = make(context);
}

static void edit(struct context *context, const char *sql)
{
    fixture_run(&context->fixture, sql);
}

/* --- when ---------------------------------------------------------------------------------------
 */

static void test_the_next_run_is_at_a_full_period(void **state)
{
    static const struct {
        int64_t due, every, now, next;
    } cases[] = {
        {1000, 100, 1000, 1100},    {1000, 100, 1099, 1100}, {1000, 100, 1100, 1200},
        {1000, 100, 99999, 100000}, /* one catch-up, however many were missed */
        {1050, 100, 1000, 1050},    /* run by hand before its time */
        {9999, 100, 1000, 1100},    /* of a clock that was ahead */
        {0, 100, 1000, 1100},       {-5, 100, 1000, 1100},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(job_next_due(cases[i].due, cases[i].every, cases[i].now), cases[i].next);
    }
}

static void test_a_job_runs_at_once_and_then_once_a_period(void **state)
{
    struct context *context = *state;
    tick(context);
    tick(context);
    assert_int_equal(probe.runs, 1);
    advance(context, HOUR_MS - 1);
    tick(context);
    assert_int_equal(probe.runs, 1);
    advance(context, 1);
    tick(context);
    assert_int_equal(probe.runs, 2);
    assert_int_equal(other.runs, 1);
}

static void test_what_was_missed_is_caught_up_once(void **state)
{
    struct context *context = *state;
    tick(context);
    crash(context);
    advance(context, 100 * HOUR_MS + MINUTE_MS);
    restart(context);
    tick(context);
    tick(context);
    assert_int_equal(probe.runs, 2);
    assert_int_equal(status_of(context, "one").job.due_at_ms, now_ms(context) + 59 * MINUTE_MS);
}

static void test_a_restart_before_the_time_runs_nothing(void **state)
{
    struct context *context = *state;
    tick(context);
    int64_t due_ms = status_of(context, "one").job.due_at_ms;
    crash(context);
    advance(context, HOUR_MS / 2);
    restart(context);
    tick(context);
    assert_int_equal(probe.runs, 1);
    assert_int_equal(status_of(context, "one").job.due_at_ms, due_ms);
}

static void test_a_clock_that_is_set_back_runs_nothing_twice(void **state)
{
    struct context *context = *state;
    tick(context);
    virtual_clock_set_wall(&context->fixture.time, now_ms(context) - 5 * HOUR_MS);
    tick(context);
    assert_int_equal(probe.runs, 1);
    advance(context, 2 * HOUR_MS);
    tick(context);
    assert_int_equal(probe.runs, 2);
}

/* What a clock that was ten years ahead left in the store. */
static void test_a_time_far_away_is_one_period_away(void **state)
{
    struct context *context = *state;
    tick(context);
    crash(context);
    edit(context, "UPDATE jobs SET due_at = due_at + 315360000000, holder = 'somebody',"
                  " lease_until = due_at + 315360000000");
    restart(context);
    tick(context);
    assert_int_equal(probe.runs, 1);
    assert_int_equal(status_of(context, "one").job.due_at_ms, now_ms(context) + HOUR_MS);
    advance(context, HOUR_MS);
    tick(context);
    assert_int_equal(probe.runs, 2);
}

static void test_a_job_that_is_off_never_runs(void **state)
{
    struct context *context = *state;
    advance(context, 1000 * HOUR_MS);
    tick(context);
    assert_int_equal(status_of(context, "off").state, JOB_OFF);
    assert_int_equal(status_of(context, "off").job.runs, 0);
    assert_int_equal(other.runs, 1);
}

static void test_what_has_more_to_do_runs_again_at_once(void **state)
{
    struct context *context = *state;
    probe.more = true;
    tick(context);
    tick(context);
    assert_int_equal(probe.runs, 2);
    probe.more = false;
    tick(context);
    tick(context);
    assert_int_equal(probe.runs, 3);
}

/* --- what is told -------------------------------------------------------------------------------
 */

static void test_a_run_leaves_its_outcome_behind(void **state)
{
    struct context *context = *state;
    probe.words = "7 of 7";
    tick(context);
    struct job_status status = status_of(context, "one");
    assert_int_equal(status.state, JOB_IDLE);
    assert_int_equal(status.job.outcome, JOB_DONE);
    assert_string_equal(status.job.result, "7 of 7");
    assert_int_equal(status.job.count, 1);
    assert_int_equal(status.job.ended_at_ms, now_ms(context));
    assert_int_equal(status.job.succeeded_at_ms, now_ms(context));
    assert_int_equal(stored(context, "runs"), 1);
    assert_int_equal(stored(context, "holder IS NULL"), 1);
    assert_int_equal(stored(context, "result = '7 of 7'"), 1);
    assert_int_equal(stored(context, "due_at"), now_ms(context) + HOUR_MS);
}

static void test_a_failure_is_told_once_until_it_is_over(void **state)
{
    struct context *context = *state;
    other.error = TKR_NO_SPACE; /* of the job that runs once a day */
    for (int i = 0; i < 3; i++) {
        tick(context);
        assert_int_equal(status_of(context, "second").job.due_at_ms,
                         now_ms(context) + JOB_RETRY_MS);
        advance(context, JOB_RETRY_MS);
    }
    assert_int_equal(other.runs, 3);
    assert_int_equal(status_of(context, "second").job.outcome, JOB_FAILED);
    assert_int_equal(status_of(context, "second").job.failures, 3);
    assert_int_equal(status_of(context, "second").job.succeeded_at_ms, 0);
    assert_string_equal(status_of(context, "second").job.result, tkr_error_text(TKR_NO_SPACE));
    assert_int_equal(fixture_reports(&context->fixture, "job_failed"), 1);
    assert_int_equal(alerts(context, "job.failed"), 1);
    other.error = TKR_OK;
    tick(context);
    assert_int_equal(fixture_reports(&context->fixture, "job_recovered"), 1);
    assert_int_equal(status_of(context, "second").job.due_at_ms, now_ms(context) + 24 * HOUR_MS);
}

static void test_a_result_that_is_too_long_is_cut(void **state)
{
    struct context *context = *state;
    char words[400];
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    probe.words = words;
    tick(context);
    assert_int_equal(strlen(status_of(context, "one").job.result), JOB_RESULT_BYTES_MAX);
}

/* --- hanging ------------------------------------------------------------------------------------
 */

static void test_a_job_that_hangs_is_told_once_and_holds_up_no_other(void **state)
{
    struct context *context = *state;
    probe.held = true;
    scheduler_tick(context->scheduler);
    wait_for_run(&probe, 1);
    assert_int_equal(status_of(context, "one").state, JOB_RUNNING);
    advance(context, 5 * MINUTE_MS + JOB_STOP_MS - 1);
    scheduler_tick(context->scheduler);
    assert_int_equal(fixture_reports(&context->fixture, "job_hangs"), 0);
    advance(context, 1);
    for (int i = 0; i < 3; i++) {
        scheduler_tick(context->scheduler);
    }
    assert_int_equal(fixture_reports(&context->fixture, "job_hangs"), 1);
    assert_int_equal(alerts(context, "job.hangs"), 1);
    assert_int_equal(status_of(context, "one").state, JOB_HANGS);
    advance(context, 30 * HOUR_MS);
    scheduler_tick(context->scheduler);
    wait_for_run(&other, 2);
    assert_int_equal(probe.runs, 1); /* never beside itself */
    let_go(&probe, false);
    scheduler_settle(context->scheduler);
    assert_int_equal(fixture_reports(&context->fixture, "job_ended_late"), 1);
    assert_int_equal(status_of(context, "one").state, JOB_IDLE);
}

static void test_a_hang_is_seen_without_the_scheduler(void **state)
{
    struct context *context = *state;
    probe.held = true;
    scheduler_tick(context->scheduler);
    wait_for_run(&probe, 1);
    advance(context, HOUR_MS); /* and nobody looks at the jobs */
    assert_int_equal(status_of(context, "one").state, JOB_HANGS);
    assert_int_equal(status_of(context, "one").running_ms, HOUR_MS);
}

static void test_beyond_its_deadline_a_job_is_asked_to_stop(void **state)
{
    struct context *context = *state;
    probe.held = probe.obeys = true;
    scheduler_tick(context->scheduler);
    wait_for_run(&probe, 1);
    advance(context, 5 * MINUTE_MS);
    let_go(&probe, true);
    scheduler_settle(context->scheduler);
    assert_int_equal(status_of(context, "one").job.outcome, JOB_DONE);
    assert_int_equal(status_of(context, "one").job.duration_ms, 5 * MINUTE_MS);
    assert_int_equal(fixture_reports(&context->fixture, "job_hangs"), 0);
}

/* --- the lease ----------------------------------------------------------------------------------
 */

static void test_what_somebody_else_runs_is_left_alone(void **state)
{
    struct context *context = *state;
    struct scheduler *neighbour = make(context), *mine = context->scheduler;
    probe.held = true;
    scheduler_tick(neighbour);
    wait_for_run(&probe, 1);
    scheduler_tick(mine);
    assert_int_equal(probe.runs, 1);
    advance(context, JOB_LEASE_MS - 1);
    scheduler_tick(neighbour); /* renews */
    advance(context, JOB_LEASE_MS - 1);
    scheduler_tick(mine);
    assert_int_equal(probe.runs, 1);
    let_go(&probe, false);
    scheduler_settle(neighbour);
    advance(context, JOB_CLAIM_RETRY_MS);
    tick(context); /* it was run: nothing is due */
    assert_int_equal(probe.runs, 1);
    advance(context, HOUR_MS);
    tick(context);
    scheduler_tick(neighbour);
    scheduler_settle(neighbour);
    assert_int_equal(probe.runs, 2);
    assert_int_equal(scheduler_stop(neighbour), TKR_OK);
    scheduler_free(neighbour);
}

static void test_the_lease_of_one_who_died_runs_out(void **state)
{
    struct context *context = *state;
    tick(context);
    crash(context);
    advance(context, HOUR_MS);
    char sql[200];
    snprintf(sql, sizeof(sql),
             "UPDATE jobs SET holder = 'dead', lease_until = %lld WHERE name = 'one'",
             (long long)now_ms(context) + JOB_LEASE_MS);
    edit(context, sql);
    restart(context);
    tick(context);
    assert_int_equal(probe.runs, 1);
    advance(context, JOB_LEASE_MS);
    tick(context);
    assert_int_equal(probe.runs, 2);
    assert_int_equal(fixture_reports(&context->fixture, "job_interrupted"), 1);
    assert_int_equal(status_of(context, "one").job.runs, 3);
    assert_int_equal(status_of(context, "one").job.failures, 1);
    assert_int_equal(status_of(context, "one").job.outcome, JOB_DONE);
}

static void test_a_run_whose_lease_was_taken_is_asked_to_stop_and_writes_nothing(void **state)
{
    struct context *context = *state;
    probe.held = probe.obeys = true;
    scheduler_tick(context->scheduler);
    wait_for_run(&probe, 1);
    edit(context, "UPDATE jobs SET holder = 'thief' WHERE name = 'one'");
    advance(context, JOB_LEASE_MS / 2);
    scheduler_tick(context->scheduler);
    assert_int_equal(fixture_reports(&context->fixture, "job_lost"), 1);
    let_go(&probe, true);
    scheduler_settle(context->scheduler);
    assert_int_equal(stored(context, "holder = 'thief'"), 1);
    assert_int_equal(stored(context, "runs"), 0);
}

/* --- by hand ------------------------------------------------------------------------------------
 */

static void test_running_by_hand_has_an_event_and_keeps_the_time(void **state)
{
    struct context *context = *state;
    struct job_status status;
    struct fault fault = {0};
    tick(context);
    advance(context, MINUTE_MS);
    int64_t due_ms = status_of(context, "one").job.due_at_ms;
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "one", &status, &fault),
                     TKR_OK);
    assert_int_equal(probe.runs, 2); /* no thread runs here, so it has ended */
    assert_int_equal(status.job.runs, 2);
    assert_int_equal(status.job.due_at_ms, due_ms);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'job.run'"
                                   " AND actor_user = 'root' AND details = '{\"job\":\"one\"}'"),
                     1);
}

static void test_what_is_not_there_or_off_or_running_is_not_run(void **state)
{
    struct context *context = *state;
    struct job_status status;
    struct fault fault = {0};
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "three", &status, &fault),
                     TKR_NOT_FOUND);
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "off", &status, &fault),
                     TKR_CONFLICT);
    assert_non_null(strstr(fault.detail, "off.on"));
    probe.held = true;
    scheduler_tick(context->scheduler);
    wait_for_run(&probe, 1);
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "one", &status, &fault),
                     TKR_CONFLICT);
    assert_int_equal(
        fixture_query(&context->fixture, "SELECT count(*) FROM events WHERE type = 'job.run'"), 0);
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static void test_the_thread_runs_what_is_due_and_what_is_asked_for(void **state)
{
    struct context *context = *state;
    struct job_status status;
    context->scheduler->options.has_thread = true;
    assert_int_equal(scheduler_start(context->scheduler), TKR_OK);
    wait_for_run(&probe, 1);
    wait_for_run(&other, 1);
    /* It may not have been collected yet: then it says that it runs. */
    while (scheduler_run(context->scheduler, &fixture_admin, "one", &status, NULL) != TKR_OK) {
    }
    wait_for_run(&probe, 2);
}

static void test_what_is_asked_for_before_the_thread_begins_waits_for_it(void **state)
{
    struct context *context = *state;
    struct job_status status;
    tick(context);
    advance(context, MINUTE_MS);
    context->scheduler->options.has_thread = true;
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "one", &status, NULL),
                     TKR_OK);
    assert_int_equal(status.job.runs, 1);
    assert_int_equal(probe.runs, 1);
    assert_int_equal(scheduler_start(context->scheduler), TKR_OK);
    wait_for_run(&probe, 2);
}

static void test_stopping_waits_for_a_run_that_obeys(void **state)
{
    struct context *context = *state;
    assert_int_equal(scheduler_start(context->scheduler), TKR_OK);
    wait_for_run(&probe, 1);
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    assert_int_equal(stored(context, "runs"), 1); /* what came of it is stored */
    assert_int_equal(stored(context, "holder IS NULL"), 1);
    scheduler_free(context->scheduler);
    context->scheduler = NULL;
}

/* A wait of this thread that comes back at once, so many times; the last one ends the run. */
static _Thread_local unsigned early;

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    *(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    if (early == 0) {
        return wait(condition, mutex, until);
    }
    if (--early == 0) {
        let_go(&probe, false);
    }
    return ETIMEDOUT;
}

static void test_stopping_goes_by_the_clock_and_not_by_a_wait_that_came_back(void **state)
{
    struct context *context = *state;
    probe.held = true;
    assert_int_equal(scheduler_start(context->scheduler), TKR_OK);
    wait_for_run(&probe, 1);
    early = 3;
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    assert_int_equal(early, 0);
    assert_int_equal(stored(context, "runs"), 1);
    scheduler_free(context->scheduler);
    context->scheduler = NULL;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_run_is_at_a_full_period),
        TEST(test_a_job_runs_at_once_and_then_once_a_period),
        TEST(test_what_was_missed_is_caught_up_once),
        TEST(test_a_restart_before_the_time_runs_nothing),
        TEST(test_a_clock_that_is_set_back_runs_nothing_twice),
        TEST(test_a_time_far_away_is_one_period_away),
        TEST(test_a_job_that_is_off_never_runs),
        TEST(test_what_has_more_to_do_runs_again_at_once),
        TEST(test_a_run_leaves_its_outcome_behind),
        TEST(test_a_failure_is_told_once_until_it_is_over),
        TEST(test_a_result_that_is_too_long_is_cut),
        TEST(test_a_job_that_hangs_is_told_once_and_holds_up_no_other),
        TEST(test_a_hang_is_seen_without_the_scheduler),
        TEST(test_beyond_its_deadline_a_job_is_asked_to_stop),
        TEST(test_what_somebody_else_runs_is_left_alone),
        TEST(test_the_lease_of_one_who_died_runs_out),
        TEST(test_a_run_whose_lease_was_taken_is_asked_to_stop_and_writes_nothing),
        TEST(test_running_by_hand_has_an_event_and_keeps_the_time),
        TEST(test_what_is_not_there_or_off_or_running_is_not_run),
        TEST(test_the_thread_runs_what_is_due_and_what_is_asked_for),
        TEST(test_stopping_goes_by_the_clock_and_not_by_a_wait_that_came_back),
        TEST(test_what_is_asked_for_before_the_thread_begins_waits_for_it),
        TEST(test_stopping_waits_for_a_run_that_obeys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
