/* SPDX-License-Identifier: Apache-2.0 */
/* Bookkeeping from other threads: engine/task.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authority_fixture.h"
#include "engine/task.h"

#define EVENTS "SELECT count(*) FROM events WHERE type = 'test.task'"

struct task {
    tkr_error_t error; /* what it ends with, after its write */
    unsigned runs;
};

static tkr_error_t note(const struct store_port *store, void *context)
{
    struct task *task = context;
    const struct store_event event = {.at_ms = 1, .type = "test.task"};
    task->runs++;
    TRY(store->note_event(store->store, &event));
    return task->error;
}

static tkr_error_t run(struct authority_fixture *fixture, tkr_error_t error)
{
    struct task task = {.error = error};
    tkr_error_t came = authority_run(fixture->authority, note, &task);
    assert_int_equal(task.runs, 1);
    return came;
}

static void test_what_fails_has_left_nothing(void **state)
{
    struct authority_fixture *fixture = *state;
    assert_int_equal(run(fixture, TKR_NOT_FOUND), TKR_NOT_FOUND);
    assert_int_equal(run(fixture, TKR_IO), TKR_IO);
    assert_int_equal(fixture_query(fixture, EVENTS), 0);
    assert_int_equal(run(fixture, TKR_OK), TKR_OK);
    assert_int_equal(fixture_query(fixture, EVENTS), 1);
}

static void test_it_is_stored_when_the_call_returns(void **state)
{
    struct authority_fixture *fixture = *state;
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(run(fixture, TKR_OK), TKR_OK);
        assert_int_equal(fixture_query(fixture, EVENTS), i);
    }
}

static void test_it_shows_verifiers_nothing_new(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_create create = fixture_token("ci");
    struct answer made = fixture_create(fixture, &fixture_admin, &create);
    struct authority_status before, after;
    assert_int_equal(made.error, TKR_OK);
    authority_status(fixture->authority, &before);
    assert_int_equal(run(fixture, TKR_OK), TKR_OK);
    authority_status(fixture->authority, &after);
    assert_int_equal(after.segment.generation, before.segment.generation);
    assert_int_equal(fixture_verify(fixture, made.plaintext), TKR_VERDICT_VALID);
}

static int open_fixture(void **state)
{
    static struct authority_fixture fixture;
    authority_fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    authority_fixture_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_fails_has_left_nothing, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_it_is_stored_when_the_call_returns, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_it_shows_verifiers_nothing_new, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
