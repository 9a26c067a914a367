/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of jobs. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

static struct store_job sample_job(const char *name)
{
    struct store_job job = {
        .due_at_ms = SAMPLE_NOW + 1,
        .holder = "0123456789abcdef0123456789abcdef",
        .lease_until_ms = SAMPLE_NOW + 2,
        .started_at_ms = SAMPLE_NOW + 3,
        .ended_at_ms = SAMPLE_NOW + 4,
        .succeeded_at_ms = SAMPLE_NOW + 5,
        .duration_ms = 6,
        .outcome = JOB_INTERRUPTED,
        .count = 7,
        .result = "it was “interrupted”",
        .runs = 8,
        .failures = 9,
    };
    snprintf(job.name, sizeof(job.name), "%s", name);
    return job;
}

static void put(struct fixture *fixture, const struct store_job *job)
{
    begin(fixture);
    assert_int_equal(fixture->port.jobs.put(fixture->store, job), TKR_OK);
    commit(fixture);
}

static struct store_job read_job(struct fixture *fixture, const char *name)
{
    struct store_job job;
    memset(&job, 0, sizeof(job));
    begin(fixture);
    assert_int_equal(fixture->port.jobs.read(fixture->store, name, &job), TKR_OK);
    fixture->port.rollback(fixture->store);
    return job;
}

static void assert_same_job(const struct store_job *a, const struct store_job *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->holder, b->holder);
    assert_string_equal(a->result, b->result);
    assert_int_equal(a->due_at_ms, b->due_at_ms);
    assert_int_equal(a->lease_until_ms, b->lease_until_ms);
    assert_int_equal(a->started_at_ms, b->started_at_ms);
    assert_int_equal(a->ended_at_ms, b->ended_at_ms);
    assert_int_equal(a->succeeded_at_ms, b->succeeded_at_ms);
    assert_int_equal(a->duration_ms, b->duration_ms);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->runs, b->runs);
    assert_int_equal(a->failures, b->failures);
}

static void test_a_job_that_never_ran_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job;
    begin(fixture);
    assert_int_equal(fixture->port.jobs.read(fixture->store, "nobody", &job), TKR_NOT_FOUND);
    fixture->port.rollback(fixture->store);
}

static void test_every_member_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct store_job full = sample_job("full"), empty = {.name = "empty"};
    put(fixture, &full);
    put(fixture, &empty);
    reopen_store(fixture);
    struct store_job job = read_job(fixture, "full");
    assert_same_job(&job, &full);
    job = read_job(fixture, "empty");
    assert_same_job(&job, &empty);
}

static void test_putting_again_replaces(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = sample_job("one");
    put(fixture, &job);
    job.holder[0] = '\0';
    job.runs++;
    put(fixture, &job);
    struct store_job stored = read_job(fixture, "one");
    assert_same_job(&stored, &job);
}

static void test_a_batch_sees_what_it_put_and_no_one_else_does_before_the_commit(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = sample_job("one"), seen;
    begin(fixture);
    assert_int_equal(fixture->port.jobs.put(fixture->store, &job), TKR_OK);
    assert_int_equal(fixture->port.jobs.read(fixture->store, "one", &seen), TKR_OK);
    fixture->port.rollback(fixture->store);
    begin(fixture);
    assert_int_equal(fixture->port.jobs.read(fixture->store, "one", &seen), TKR_NOT_FOUND);
    fixture->port.rollback(fixture->store);
}

struct names {
    char text[128];
    tkr_error_t error;
};

static tkr_error_t note_name(void *context, const struct store_job *job)
{
    struct names *names = context;
    size_t length = strlen(names->text);
    snprintf(names->text + length, sizeof(names->text) - length, "%s ", job->name);
    return names->error;
}

static void test_each_is_visited_until_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct names names = {.text = ""};
    assert_int_equal(fixture->port.jobs.each(fixture->store, note_name, &names), TKR_OK);
    assert_string_equal(names.text, "");
    for (int i = 0; i < 3; i++) {
        struct store_job job = sample_job((const char *[]){"b", "c", "a"}[i]);
        put(fixture, &job);
    }
    assert_int_equal(fixture->port.jobs.each(fixture->store, note_name, &names), TKR_OK);
    assert_string_equal(names.text, "a b c ");
    names = (struct names){.error = TKR_INTERNAL};
    assert_int_equal(fixture->port.jobs.each(fixture->store, note_name, &names), TKR_INTERNAL);
    assert_string_equal(names.text, "a ");
}

int suite_jobs(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_a_job_that_never_ran_is_not_found),
        SUITE_TEST(test_every_member_comes_back),
        SUITE_TEST(test_putting_again_replaces),
        SUITE_TEST(test_a_batch_sees_what_it_put_and_no_one_else_does_before_the_commit),
        SUITE_TEST(test_each_is_visited_until_an_error),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
