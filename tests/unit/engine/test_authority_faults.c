/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the disk is full, when fsync fails, when the segment is full, when too much waits.
 * The segment is made to be full by standing before its functions (the linker's --wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "faulty_vfs.h"

/* --- a segment that can be full ------------------------------------------------------------- */

static _Atomic bool segment_full;
static _Atomic bool lines_full;
/* Holds the writer thread in a put, to fill the queue behind it. */
static pthread_mutex_t put_gate = PTHREAD_MUTEX_INITIALIZER;

tkr_error_t __real_segment_writer_put_token(struct segment_writer *writer,
                                            const struct segment_token *token);
tkr_error_t __wrap_segment_writer_put_token(struct segment_writer *writer,
                                            const struct segment_token *token);
tkr_error_t __real_segment_writer_put_tier(struct segment_writer *writer, const struct tier *tier,
                                           uint16_t *ret_number);
tkr_error_t __wrap_segment_writer_put_tier(struct segment_writer *writer, const struct tier *tier,
                                           uint16_t *ret_number);
tkr_error_t __real_segment_writer_reserve_lines(struct segment_writer *writer, uint32_t count);
tkr_error_t __wrap_segment_writer_reserve_lines(struct segment_writer *writer, uint32_t count);

tkr_error_t __wrap_segment_writer_put_token(struct segment_writer *writer,
                                            const struct segment_token *token)
{
    pthread_mutex_lock(&put_gate);
    pthread_mutex_unlock(&put_gate);
    return atomic_load(&segment_full) ? TKR_NO_SPACE
                                      : __real_segment_writer_put_token(writer, token);
}

tkr_error_t __wrap_segment_writer_put_tier(struct segment_writer *writer, const struct tier *tier,
                                           uint16_t *ret_number)
{
    return atomic_load(&segment_full) ? TKR_NO_SPACE
                                      : __real_segment_writer_put_tier(writer, tier, ret_number);
}

tkr_error_t __wrap_segment_writer_reserve_lines(struct segment_writer *writer, uint32_t count)
{
    return atomic_load(&lines_full) ? TKR_NO_SPACE
                                    : __real_segment_writer_reserve_lines(writer, count);
}

/* --- the fixture ------------------------------------------------------------------------------ */

static int set_up(void **state)
{
    struct authority_fixture *fixture = calloc(1, sizeof(*fixture));
    faulty_vfs_register();
    authority_fixture_init(fixture);
    fixture->vfs = FAULTY_VFS;
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    faulty_vfs_set(FAULT_NONE);
    atomic_store(&segment_full, false);
    atomic_store(&lines_full, false);
    authority_fixture_close(*state);
    free(*state);
    return 0;
}

static struct answer create(struct authority_fixture *fixture, const char *name)
{
    struct token_create asked = fixture_token(name);
    return fixture_create(fixture, &fixture_admin, &asked);
}

static struct authority_status status_of(struct authority_fixture *fixture)
{
    struct authority_status status;
    authority_status(fixture->authority, &status);
    return status;
}

static void restart(struct authority_fixture *fixture)
{
    authority_fixture_stop(fixture);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
}

/* --- the disk -----------------------------------------------------------------------------------
 */

static void test_a_full_disk_fails_changes_and_heals_by_itself(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer before = create(fixture, "before");
    faulty_vfs_set(FAULT_DISK_FULL);
    for (int i = 0; i < 3; i++) {
        struct answer failed = create(fixture, "failed");
        assert_int_equal(failed.error, TKR_NO_SPACE);
        assert_string_equal(failed.plaintext, "");
        assert_true(strlen(failed.fault.detail) > 0);
    }
    assert_int_equal(fixture_see(fixture, before.digest), SEEN_ACTIVE);
    assert_int_equal(status_of(fixture).last_commit, TKR_NO_SPACE);
    assert_int_equal(status_of(fixture).commit_failures, 3);
    assert_true(status_of(fixture).changes_accepted);
    assert_int_equal(status_of(fixture).segment.tokens, 1);
    faulty_vfs_set(FAULT_NONE);
    struct answer after = create(fixture, "after");
    assert_int_equal(after.error, TKR_OK);
    assert_int_equal(fixture_see(fixture, after.digest), SEEN_ACTIVE);
    assert_int_equal(status_of(fixture).last_commit, TKR_OK);
    assert_int_equal(fixture_reports(fixture, "commit_failed"), 1);
    assert_true(fixture_report_says(fixture, "commit_failed", "/tokenry.db: no_space: "));
    assert_true(fixture_report_says(fixture, "commit_failed", "verification goes on"));
    assert_int_equal(fixture_reports(fixture, "commit_recovered"), 1);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"), 2);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM events"), 2);
}

static void test_a_revocation_on_a_full_disk_is_not_answered_as_done(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    faulty_vfs_set(FAULT_DISK_FULL);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, token.id, NULL).error, TKR_NO_SPACE);
    assert_int_equal(fixture_see(fixture, token.digest), SEEN_ACTIVE);
    faulty_vfs_set(FAULT_NONE);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, token.id, NULL).error, TKR_OK);
    assert_int_equal(fixture_see(fixture, token.digest), SEEN_REVOKED);
}

static void test_after_a_failed_fsync_no_change_is_accepted_and_verification_goes_on(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer before = create(fixture, "before");
    faulty_vfs_set(FAULT_SYNC);
    struct answer failed = create(fixture, "failed");
    assert_int_equal(failed.error, TKR_UNAVAILABLE);
    faulty_vfs_set(FAULT_NONE); /* the disk is fine again, and that proves nothing */
    struct answer next = create(fixture, "next");
    assert_int_equal(next.error, TKR_UNAVAILABLE);
    assert_true(next.refused);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, before.id, NULL).error,
                     TKR_UNAVAILABLE);
    assert_false(status_of(fixture).changes_accepted);
    assert_int_equal(fixture_reports(fixture, "changes_stopped"), 1);
    assert_int_equal(fixture_see(fixture, before.digest), SEEN_ACTIVE);
    restart(fixture);
    assert_true(status_of(fixture).changes_accepted);
    assert_int_equal(fixture_see(fixture, before.digest), SEEN_ACTIVE);
    assert_int_equal(create(fixture, "after").error, TKR_OK);
}

static void test_after_a_failed_fsync_usage_is_not_written_either(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    fixture_count(fixture, token.line, 5, authority_now_ms(fixture->authority));
    faulty_vfs_set(FAULT_SYNC);
    authority_flush(fixture->authority);
    faulty_vfs_set(FAULT_NONE);
    assert_false(status_of(fixture).changes_accepted);
    authority_flush(fixture->authority); /* comes back, and does nothing */
    restart(fixture);
    authority_flush(fixture->authority);
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token read;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    assert_int_equal(
        authority_get_token(fixture->authority, &fixture_admin, token.id, arena, &read), TKR_OK);
    assert_int_equal(read.request_count, 5); /* it lives in the segment */
}

/* --- the segment
 * ---------------------------------------------------------------------------------- */

static void test_without_room_for_a_usage_line_nothing_is_committed(void **state)
{
    struct authority_fixture *fixture = *state;
    atomic_store(&lines_full, true);
    assert_int_equal(create(fixture, "n").error, TKR_NO_SPACE);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"), 0);
    atomic_store(&lines_full, false);
    assert_int_equal(create(fixture, "n").error, TKR_OK);
}

static void test_what_a_full_segment_cannot_show_is_not_answered_and_shown_later(void **state)
{
    struct authority_fixture *fixture = *state;
    atomic_store(&segment_full, true);
    struct answer hidden = create(fixture, "hidden");
    assert_int_equal(hidden.error, TKR_UNAVAILABLE);
    assert_string_equal(hidden.plaintext, "");
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_NOTHING);
    assert_int_equal(create(fixture, "next").error, TKR_NO_SPACE); /* refused at the door */
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(fixture_reports(fixture, "segment_full"), 1);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_NOTHING);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_reports(fixture, "segment_recovered"), 1);
    assert_int_equal(create(fixture, "next").error, TKR_OK);
    restart(fixture);
    assert_true(status_of(fixture).attached);
}

static void test_a_revocation_holds_in_a_full_segment(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    atomic_store(&segment_full, true);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, token.id, NULL).error, TKR_OK);
    assert_int_equal(fixture_see(fixture, token.digest), SEEN_NOTHING);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, token.digest), SEEN_NOTHING);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, token.digest), SEEN_REVOKED);
}

static void test_a_revocation_in_a_full_segment_holds_for_each_version(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_rotate rotate = {.has_grace = true, .grace_ms = 3600000};
    struct answer first = create(fixture, "n");
    struct answer second = fixture_rotate(fixture, &fixture_admin, first.id, &rotate);
    atomic_store(&segment_full, true);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, second.id, NULL).error, TKR_OK);
    assert_int_equal(fixture_see(fixture, first.digest), SEEN_NOTHING);
    assert_int_equal(fixture_see(fixture, second.digest), SEEN_NOTHING);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, first.digest), SEEN_REVOKED);
    assert_int_equal(fixture_see(fixture, second.digest), SEEN_REVOKED);
}

/* What is shown later is what the store has by then, not what could not be shown. */
static void test_a_token_that_is_revoked_while_it_is_hidden_stays_revoked(void **state)
{
    struct authority_fixture *fixture = *state;
    atomic_store(&segment_full, true);
    struct answer hidden = create(fixture, "hidden");
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, hidden.id, NULL).error, TKR_OK);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_REVOKED);
}

/* Its user is not in the segment, so nothing there can name what is revoked. */
static void test_a_hidden_token_of_an_emergency_is_shown_as_revoked(void **state)
{
    struct authority_fixture *fixture = *state;
    struct emergency emergency = {.reason = "leak", .user_id = "alice"};
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    atomic_store(&segment_full, true);
    struct answer hidden = create(fixture, "hidden");
    assert_int_equal(fixture_emergency(fixture, &fixture_admin, &emergency).error, TKR_OK);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_REVOKED);
}

static void test_a_segment_that_lacks_something_is_built_anew_at_the_next_start(void **state)
{
    struct authority_fixture *fixture = *state;
    atomic_store(&segment_full, true);
    struct answer hidden = create(fixture, "hidden");
    authority_fixture_stop(fixture);
    atomic_store(&segment_full, false);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    assert_false(status_of(fixture).attached);
    assert_int_equal(fixture_see(fixture, hidden.digest), SEEN_ACTIVE);
}

static void test_a_tier_that_cannot_be_shown_is_shown_later(void **state)
{
    struct authority_fixture *fixture = *state;
    struct tier tier = {.name = "gold", .limits = {1, {5}}, .subject = LIMITS_OF_TOKEN};
    struct known_tier known;
    atomic_store(&segment_full, true);
    assert_int_equal(fixture_put_tier(fixture, &fixture_admin, &tier).error, TKR_UNAVAILABLE);
    assert_int_equal(tiers_find(fixture->authority, "gold", &known), TKR_NOT_FOUND);
    atomic_store(&segment_full, false);
    authority_flush(fixture->authority);
    assert_int_equal(tiers_find(fixture->authority, "gold", &known), TKR_OK);
}

/* --- the queue
 * -------------------------------------------------------------------------------------- */

static _Atomic unsigned answered, answered_ok;

static void count_answer(void *context, const struct change_result *result)
{
    atomic_fetch_add(&answered_ok, result->error == TKR_OK);
    atomic_fetch_add(&answered, 1);
}

static tkr_error_t submit(struct authority_fixture *fixture)
{
    struct token_create asked = fixture_token("n");
    return authority_create_token(fixture->authority, &fixture_admin, &asked, count_answer, NULL,
                                  NULL);
}

static void test_a_full_queue_answers_busy_and_what_is_queued_is_done(void **state)
{
    struct authority_fixture *fixture = *state;
    unsigned submitted = 0;
    tkr_error_t error = TKR_OK;
    atomic_store(&answered, 0);
    atomic_store(&answered_ok, 0);
    pthread_mutex_lock(&put_gate);
    while (error == TKR_OK) {
        error = submit(fixture);
        submitted += error == TKR_OK;
        assert_in_range(submitted, 0, WORK_QUEUE_MAX + STORE_BATCH_MAX);
    }
    assert_int_equal(error, TKR_BUSY);
    assert_in_range(submitted, WORK_QUEUE_MAX, WORK_QUEUE_MAX + STORE_BATCH_MAX);
    assert_int_equal(status_of(fixture).queue_length, WORK_QUEUE_MAX);
    pthread_mutex_unlock(&put_gate);
    authority_fixture_stop(fixture); /* a clean stop finishes what is queued */
    assert_int_equal(atomic_load(&answered), submitted);
    assert_int_equal(atomic_load(&answered_ok), submitted);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"), submitted);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_full_disk_fails_changes_and_heals_by_itself),
        TEST(test_a_revocation_on_a_full_disk_is_not_answered_as_done),
        TEST(test_after_a_failed_fsync_no_change_is_accepted_and_verification_goes_on),
        TEST(test_after_a_failed_fsync_usage_is_not_written_either),
        TEST(test_without_room_for_a_usage_line_nothing_is_committed),
        TEST(test_what_a_full_segment_cannot_show_is_not_answered_and_shown_later),
        TEST(test_a_revocation_holds_in_a_full_segment),
        TEST(test_a_token_that_is_revoked_while_it_is_hidden_stays_revoked),
        TEST(test_a_revocation_in_a_full_segment_holds_for_each_version),
        TEST(test_a_hidden_token_of_an_emergency_is_shown_as_revoked),
        TEST(test_a_segment_that_lacks_something_is_built_anew_at_the_next_start),
        TEST(test_a_tier_that_cannot_be_shown_is_shown_later),
        TEST(test_a_full_queue_answers_busy_and_what_is_queued_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
