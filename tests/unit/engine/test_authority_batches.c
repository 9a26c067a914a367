/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which changes share a transaction, and what becomes of the others when an import breaks. The
 * store's functions are stood before: what they do happens on the writer's thread, at a known
 * place of a batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"

#define CHANGES_MAX 64

/* A change, and how it was answered. */
struct note {
    struct batches *batches;
    bool answered;
    tkr_error_t error;
    uint64_t batch; /* the number of the commit */
    unsigned place; /* among all answers */
};

struct batches {
    struct authority_fixture fixture;
    struct store_port real;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned answered;
    bool held;                             /* the writer waits in a commit */
    void (*at_event)(struct batches *all); /* when the first import writes its event */
    tkr_error_t event_error;               /* what the next one answers instead */
    struct note notes[CHANGES_MAX];
};
static struct batches *current;

static tkr_error_t commit_held(struct store *store, uint64_t *ret_seq)
{
    pthread_mutex_lock(&current->mutex);
    while (current->held) {
        pthread_cond_wait(&current->changed, &current->mutex);
    }
    pthread_mutex_unlock(&current->mutex);
    return current->real.commit(store, ret_seq);
}

static tkr_error_t put_event(struct store *store, const struct store_event *event)
{
    void (*at_event)(struct batches *) = current->at_event;
    tkr_error_t error = current->event_error;
    current->at_event = NULL;
    current->event_error = TKR_OK;
    if (at_event != NULL) {
        at_event(current);
    }
    return error != TKR_OK ? error : current->real.import.put_event(store, event);
}

static int set_up(void **state)
{
    struct batches *all = calloc(1, sizeof(*all));
    pthread_mutex_init(&all->mutex, NULL);
    pthread_cond_init(&all->changed, NULL);
    authority_fixture_open(&all->fixture);
    all->real = all->fixture.port;
    all->fixture.port.commit = commit_held;
    all->fixture.port.import.put_event = put_event;
    current = all;
    *state = all;
    return 0;
}

static int tear_down(void **state)
{
    struct batches *all = *state;
    authority_fixture_close(&all->fixture);
    pthread_mutex_destroy(&all->mutex);
    pthread_cond_destroy(&all->changed);
    free(all);
    return 0;
}

/* --- changes that are not waited for ------------------------------------------------------- */

static void note(void *context, const struct change_result *result)
{
    struct note *note = context;
    struct batches *all = note->batches;
    pthread_mutex_lock(&all->mutex);
    note->answered = true;
    note->error = result->error;
    note->batch = atomic_load(&all->fixture.authority->commits);
    note->place = ++all->answered;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->mutex);
}

static struct note *create(struct batches *all, unsigned number)
{
    struct note *one = &all->notes[number];
    struct token_create asked = fixture_token("n");
    *one = (struct note){.batches = all};
    assert_int_equal(
        authority_create_token(all->fixture.authority, &fixture_admin, &asked, note, one, NULL),
        TKR_OK);
    return one;
}

#define SLICE (STORE_SLICE_ROWS / IMPORT_CHANGE_ROWS_MAX) /* imports */

static struct note *import(struct batches *all, unsigned number, size_t count)
{
    static struct token_import rows[IMPORT_CHANGE_ROWS_MAX];
    struct note *one = &all->notes[number];
    *one = (struct note){.batches = all};
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct token_import){.user_id = "alice", .name = "old"};
        rows[i].digest[0] = (uint8_t)number;
        rows[i].digest[1] = (uint8_t)(i >> 8);
        rows[i].digest[2] = (uint8_t)i;
    }
    assert_int_equal(authority_import_tokens(all->fixture.authority, &fixture_admin, rows, count,
                                             false, note, one, NULL),
                     TKR_OK);
    return one;
}

static void hold(struct batches *all, bool held)
{
    pthread_mutex_lock(&all->mutex);
    all->held = held;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->mutex);
}

static void wait_for(struct batches *all, unsigned answers)
{
    pthread_mutex_lock(&all->mutex);
    while (all->answered < answers) {
        pthread_cond_wait(&all->changed, &all->mutex);
    }
    pthread_mutex_unlock(&all->mutex);
}

/* The writer is in a commit, or on its way into it, with nothing that is submitted later. */
static struct note *occupy(struct batches *all)
{
    struct authority_status status = {.queue_length = 1};
    hold(all, true);
    struct note *first = create(all, 0);
    while (status.queue_length > 0) {
        authority_status(all->fixture.authority, &status);
    }
    return first;
}

/* --- an import that breaks ------------------------------------------------------------------ */

static void test_an_import_that_breaks_takes_nobody_with_it(void **state)
{
    struct batches *all = *state;
    struct note *first = occupy(all);
    all->event_error = TKR_CORRUPT;
    struct note *broken = import(all, 1, 3);
    struct note *other = create(all, 2);
    hold(all, false);
    wait_for(all, 3);
    assert_int_equal(first->error, TKR_OK);
    assert_int_equal(other->error, TKR_OK);
    assert_int_equal(broken->error, TKR_CORRUPT);
    assert_int_equal(broken->batch, other->batch);
    assert_int_equal(fixture_query(&all->fixture, "SELECT count(*) FROM tokens"), 2);
    struct note *again = import(all, 1, 3);
    wait_for(all, 4);
    assert_int_equal(again->error, TKR_OK);
    assert_int_equal(fixture_query(&all->fixture, "SELECT count(*) FROM tokens"), 5);
}

static void test_an_import_that_breaks_alone_leaves_nothing_and_can_be_done_again(void **state)
{
    struct batches *all = *state;
    all->event_error = TKR_CORRUPT;
    struct note *broken = import(all, 1, 3);
    wait_for(all, 1);
    assert_int_equal(broken->error, TKR_CORRUPT);
    assert_int_equal(fixture_query(&all->fixture, "SELECT count(*) FROM tokens"), 0);
    struct note *again = import(all, 1, 3);
    wait_for(all, 2);
    assert_int_equal(again->error, TKR_OK);
    assert_int_equal(fixture_query(&all->fixture, "SELECT count(*) FROM tokens"), 3);
}

/* --- who waits for whom --------------------------------------------------------------------- */

static void import_many(struct batches *all, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        import(all, i, IMPORT_CHANGE_ROWS_MAX);
    }
}

/* All of them were done, in this batch. */
static void assert_batch(struct batches *all, unsigned first, unsigned count, uint64_t batch)
{
    for (unsigned i = first; i < first + count; i++) {
        assert_int_equal(all->notes[i].error, TKR_OK);
        assert_int_equal(all->notes[i].batch, batch);
    }
}

static void test_who_waits_is_before_imports_and_shares_with_a_slice(void **state)
{
    struct batches *all = *state;
    struct note *first = occupy(all);
    import_many(all, 1, SLICE + 2);
    struct note *other = create(all, 60);
    hold(all, false);
    wait_for(all, SLICE + 4);
    assert_int_equal(other->batch, first->batch + 1);
    assert_int_equal(other->place, 2);
    assert_batch(all, 1, SLICE, other->batch);
    assert_batch(all, 1 + SLICE, 2, other->batch + 1);
}

static void submit_another(struct batches *all)
{
    create(all, 60);
}

static void test_imports_give_way_to_who_comes_while_they_are_written(void **state)
{
    struct batches *all = *state;
    struct note *first = occupy(all);
    struct note *other = &all->notes[60];
    import_many(all, 1, 3 * SLICE);
    all->at_event = submit_another; /* when the first is written */
    hold(all, false);
    wait_for(all, 3 * SLICE + 2);
    assert_batch(all, 1, SLICE, first->batch + 1);
    assert_int_equal(other->batch, first->batch + 2);
    assert_batch(all, 1 + SLICE, SLICE, other->batch);
    assert_batch(all, 1 + 2 * SLICE, SLICE, other->batch + 1);
}

static void test_a_transaction_of_imports_has_a_maximum(void **state)
{
    struct batches *all = *state;
    enum { SHARE = STORE_BATCH_ROWS_MAX / IMPORT_CHANGE_ROWS_MAX, COUNT = SHARE + 2 };
    struct note *first = occupy(all);
    import_many(all, 1, COUNT);
    hold(all, false);
    wait_for(all, COUNT + 1);
    assert_batch(all, 1, SHARE, first->batch + 1);
    assert_batch(all, 1 + SHARE, 2, first->batch + 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_import_that_breaks_takes_nobody_with_it),
        TEST(test_an_import_that_breaks_alone_leaves_nothing_and_can_be_done_again),
        TEST(test_who_waits_is_before_imports_and_shares_with_a_slice),
        TEST(test_imports_give_way_to_who_comes_while_they_are_written),
        TEST(test_a_transaction_of_imports_has_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
