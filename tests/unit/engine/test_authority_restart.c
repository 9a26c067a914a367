/* SPDX-License-Identifier: Apache-2.0 */
/* Usage on its way to the store, and what a restart finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "faulty_vfs.h"
#include "store/sqlite/store_sqlite.h"
#include "store_samples.h"

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
    authority_fixture_close(*state);
    free(*state);
    return 0;
}

static struct answer create(struct authority_fixture *fixture, const char *name)
{
    struct token_create asked = fixture_token(name);
    struct answer answer = fixture_create(fixture, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    return answer;
}

static void start(struct authority_fixture *fixture)
{
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(fixture, &fault), TKR_OK);
}

static void restart(struct authority_fixture *fixture)
{
    authority_fixture_stop(fixture);
    start(fixture);
}

static struct token get(struct authority_fixture *fixture, const char *id, struct arena *arena)
{
    struct token token;
    assert_int_equal(authority_get_token(fixture->authority, &fixture_admin, id, arena, &token),
                     TKR_OK);
    return token;
}

static bool attached(struct authority_fixture *fixture)
{
    struct authority_status status;
    authority_status(fixture->authority, &status);
    return status.attached;
}

static void forget_runtime(struct authority_fixture *fixture)
{
    temp_directory_remove(&fixture->runtime);
    temp_directory_make(&fixture->runtime); /* options points to its path */
}

/* --- usage ---------------------------------------------------------------------------------- */

static void test_usage_shows_at_once_and_is_stored_by_a_flush(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    int64_t now_ms = authority_now_ms(fixture->authority);
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    fixture_count(fixture, token.line, 7, now_ms);
    assert_int_equal(get(fixture, token.id, arena).request_count, 7);
    assert_int_equal(get(fixture, token.id, arena).last_used_at_ms, now_ms);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM usage_lines"), 0);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_query(fixture, "SELECT total FROM usage_lines"), 7);
    assert_int_equal(fixture_query(fixture, "SELECT last_used_at FROM usage_lines"), now_ms);
}

static void test_flushed_minutes_add_up_to_what_was_counted(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer tokens[] = {create(fixture, "a"), create(fixture, "b")};
    uint64_t counted = 0;
    int64_t now_ms = authority_now_ms(fixture->authority);
    int64_t first_minute_ms = now_ms - now_ms % 60000;
    for (uint64_t i = 1; i <= 12; i++) {
        fixture_count(fixture, tokens[i % 2].line, i, now_ms + (int64_t)i * 20000);
        counted += i;
        authority_flush(fixture->authority);
        authority_flush(fixture->authority);
    }
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT sum(count) FROM token_usage WHERE minute = %lld",
             (long long)first_minute_ms);
    assert_int_equal(fixture_query(fixture, "SELECT sum(count) FROM token_usage"), counted);
    assert_int_equal(fixture_query(fixture, "SELECT sum(total) FROM usage_lines"), counted);
    assert_int_equal(fixture_query(fixture, sql), 1 + 2);
    assert_int_equal(fixture_query(fixture, "SELECT count(DISTINCT minute) FROM token_usage"), 5);
}

/* So many tokens, with the lines 0 to `count` - 1, behind the authority's back. */
static void store_tokens(struct authority_fixture *fixture, unsigned count)
{
    struct store_sqlite_options options = {fixture->data.path, &fixture->time.clock,
                                           random_system(), NULL};
    uint64_t seq = 0;
    authority_fixture_stop(fixture);
    assert_int_equal(store_sqlite_open(&options, &fixture->port, NULL), TKR_OK);
    assert_int_equal(fixture->port.begin(fixture->port.store), TKR_OK);
    for (unsigned i = 0; i < count; i++) {
        struct token token = sample_token(i);
        assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    }
    assert_int_equal(fixture->port.commit(fixture->port.store, &seq), TKR_OK);
    store_sqlite_close(&fixture->port);
}

static void test_more_lines_than_a_slice_are_flushed(void **state)
{
    struct authority_fixture *fixture = *state;
    enum { TOKENS = 2 * USAGE_FLUSH_SLICE + 100 };
    store_tokens(fixture, TOKENS);
    start(fixture);
    fixture_count_lines(fixture, 0, TOKENS, 3, SAMPLE_NOW);
    fixture_count(fixture, 5, 1, SAMPLE_NOW);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM usage_lines"), TOKENS);
    assert_int_equal(fixture_query(fixture, "SELECT sum(total) FROM usage_lines"), 3 * TOKENS + 1);
}

static void test_no_line_waits_for_ever_behind_busy_ones(void **state)
{
    struct authority_fixture *fixture = *state;
    enum { TOKENS = 2 * USAGE_FLUSH_LINES_MAX + 100 };
    store_tokens(fixture, TOKENS);
    start(fixture);
    fixture_count_lines(fixture, 0, TOKENS, 1, SAMPLE_NOW);
    for (int i = 0; i < 3; i++) {
        authority_flush(fixture->authority);
        fixture_count_lines(fixture, 0, USAGE_FLUSH_LINES_MAX + 50, 1, SAMPLE_NOW);
    }
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM usage_lines"), TOKENS);
}

static void test_usage_that_a_full_disk_refused_is_flushed_later(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    int64_t now_ms = authority_now_ms(fixture->authority);
    fixture_count(fixture, token.line, 5, now_ms);
    faulty_vfs_set(FAULT_DISK_FULL);
    authority_flush(fixture->authority);
    fixture_count(fixture, token.line, 2, now_ms);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_reports(fixture, "usage_flush_failed"), 1);
    faulty_vfs_set(FAULT_NONE);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM usage_lines"), 0);
    authority_flush(fixture->authority);
    authority_flush(fixture->authority); /* the first one finished what had been scanned */
    assert_int_equal(fixture_reports(fixture, "usage_flush_recovered"), 1);
    assert_int_equal(fixture_query(fixture, "SELECT total FROM usage_lines"), 7);
    assert_int_equal(fixture_query(fixture, "SELECT sum(count) FROM token_usage"), 7);
}

static void test_a_clean_stop_flushes(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    fixture_count(fixture, token.line, 9, authority_now_ms(fixture->authority));
    authority_fixture_stop(fixture);
    assert_int_equal(fixture_query(fixture, "SELECT total FROM usage_lines"), 9);
    start(fixture);
}

/* --- restarts
 * --------------------------------------------------------------------------------------- */

static void test_after_a_clean_stop_the_segment_is_taken_over(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer kept = create(fixture, "kept");
    struct answer revoked = create(fixture, "revoked");
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, revoked.id, NULL).error, TKR_OK);
    size_t built = fixture_reports(fixture, "segment_built");
    restart(fixture);
    assert_true(attached(fixture));
    assert_int_equal(fixture_reports(fixture, "segment_built"), built);
    assert_int_equal(fixture_see(fixture, kept.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_see(fixture, revoked.digest), SEEN_REVOKED);
}

static void test_without_a_segment_it_is_built_with_the_counts_of_the_last_flush(void **state)
{
    struct authority_fixture *fixture = *state;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct answer kept = create(fixture, "kept");
    struct answer revoked = create(fixture, "revoked");
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, revoked.id, NULL).error, TKR_OK);
    fixture_count(fixture, kept.line, 11, authority_now_ms(fixture->authority));
    authority_fixture_stop(fixture);
    forget_runtime(fixture);
    start(fixture);
    assert_false(attached(fixture));
    assert_int_equal(fixture_reports(fixture, "usage_restored"), 1);
    assert_int_equal(fixture_see(fixture, kept.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_see(fixture, revoked.digest), SEEN_REVOKED);
    assert_int_equal(get(fixture, kept.id, arena).request_count, 11);
    fixture_count(fixture, kept.line, 1, authority_now_ms(fixture->authority));
    assert_int_equal(get(fixture, kept.id, arena).request_count, 12);
    authority_flush(fixture->authority);
    assert_int_equal(fixture_query(fixture, "SELECT sum(count) FROM token_usage"), 12);
}

/* As after a power cut between the commit and the segment. */
static void test_a_segment_that_is_behind_the_store_is_built_anew(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer before = create(fixture, "before");
    authority_fixture_stop(fixture);
    struct store_sqlite_options options = {fixture->data.path, &fixture->time.clock,
                                           random_system(), NULL};
    assert_int_equal(store_sqlite_open(&options, &fixture->port, NULL), TKR_OK);
    struct token behind = sample_store(&fixture->port, sample_token(77));
    store_sqlite_close(&fixture->port);
    start(fixture);
    assert_false(attached(fixture));
    assert_int_equal(fixture_see(fixture, before.digest), SEEN_ACTIVE);
    assert_int_equal(fixture_see(fixture, behind.digest), SEEN_ACTIVE);
}

static void test_the_segment_of_another_store_is_not_taken_over(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer other = create(fixture, "other");
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->data);
    temp_directory_make(&fixture->data);
    start(fixture);
    assert_false(attached(fixture));
    assert_int_equal(fixture_see(fixture, other.digest), SEEN_NOTHING);
}

static void test_tiers_that_an_operator_edited_are_seen_after_a_restart(void **state)
{
    struct authority_fixture *fixture = *state;
    struct answer token = create(fixture, "n");
    struct known_tier tier;
    assert_int_equal(token.error, TKR_OK);
    authority_fixture_stop(fixture);
    fixture_run(fixture, "UPDATE tiers SET limits = 'minute=7', subject = 'user'"
                         " WHERE name = 'free'");
    start(fixture);
    assert_int_equal(tiers_find(fixture->authority, "free", &tier), TKR_OK);
    assert_int_equal(tier.tier.limits.limit[WINDOW_MINUTE], 7);
    assert_int_equal(fixture_query(fixture, "SELECT count(line) FROM users"), 1);
}

/* The store's own count of tokens is what the segment is sized by; rows that somebody put in
 * by hand are in it none the less. */
static void test_a_wrong_count_of_tokens_does_not_stop_a_start(void **state)
{
    struct authority_fixture *fixture = *state;
    enum { TOKENS = 3000 };
    store_tokens(fixture, TOKENS);
    forget_runtime(fixture);
    fixture_run(fixture, "UPDATE meta SET tokens = 1");
    start(fixture);
    struct authority_status status;
    authority_status(fixture->authority, &status);
    assert_int_equal(status.segment.tokens, TOKENS);
}

static void test_a_runtime_directory_that_another_holds_is_locked(void **state)
{
    struct authority_fixture *fixture = *state;
    struct temp_directory data;
    struct store_port port;
    struct authority *authority = NULL;
    struct fault fault = {0};
    temp_directory_make(&data);
    struct store_sqlite_options options = {data.path, &fixture->time.clock, random_system(), NULL};
    struct authority_options second = fixture->options;
    second.store = &port;
    assert_int_equal(store_sqlite_open(&options, &port, NULL), TKR_OK);
    assert_int_equal(authority_new(&second, &authority, &fault), TKR_LOCKED);
    assert_null(authority);
    assert_true(strlen(fault.detail) > 0);
    store_sqlite_close(&port);
    temp_directory_remove(&data);
}

/* --- the clock
 * ------------------------------------------------------------------------------------------ */

static void test_time_does_not_go_back_over_a_restart_without_a_segment(void **state)
{
    struct authority_fixture *fixture = *state;
    virtual_clock_advance(&fixture->time, 3600 * 1000);
    int64_t before_ms = authority_now_ms(fixture->authority);
    create(fixture, "n");
    authority_flush(fixture->authority);
    authority_fixture_stop(fixture);
    forget_runtime(fixture);
    virtual_clock_set_wall(&fixture->time, SAMPLE_NOW);
    start(fixture);
    assert_true(authority_now_ms(fixture->authority) >= before_ms);
    authority_fixture_stop(fixture);
    fixture->options.reset_clock = true; /* the operator says that the clock is right */
    start(fixture);
    assert_true(authority_now_ms(fixture->authority) < before_ms);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_usage_shows_at_once_and_is_stored_by_a_flush),
        TEST(test_flushed_minutes_add_up_to_what_was_counted),
        TEST(test_more_lines_than_a_slice_are_flushed),
        TEST(test_no_line_waits_for_ever_behind_busy_ones),
        TEST(test_usage_that_a_full_disk_refused_is_flushed_later),
        TEST(test_a_clean_stop_flushes),
        TEST(test_after_a_clean_stop_the_segment_is_taken_over),
        TEST(test_without_a_segment_it_is_built_with_the_counts_of_the_last_flush),
        TEST(test_a_segment_that_is_behind_the_store_is_built_anew),
        TEST(test_the_segment_of_another_store_is_not_taken_over),
        TEST(test_tiers_that_an_operator_edited_are_seen_after_a_restart),
        TEST(test_a_wrong_count_of_tokens_does_not_stop_a_start),
        TEST(test_a_runtime_directory_that_another_holds_is_locked),
        TEST(test_time_does_not_go_back_over_a_restart_without_a_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
