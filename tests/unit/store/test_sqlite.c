/* SPDX-License-Identifier: Apache-2.0 */
/* What is SQLite's own: faults of the disk, what the tables hold, and which index serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faulty_vfs.h"
#include "store/sqlite/store.h"
#include "store_samples.h"
#include "temp_directory.h"
#include "virtual_clock.h"

struct fixture {
    struct temp_directory directory;
    struct virtual_clock time;
    struct store_port port;
    struct arena *arena;
};

static void open_store(struct fixture *fixture)
{
    struct store_sqlite_options options = {.directory = fixture->directory.path,
                                           .clock = &fixture->time.clock,
                                           .random = random_system(),
                                           .vfs = FAULTY_VFS};
    assert_int_equal(store_sqlite_open(&options, &fixture->port, NULL), TKR_OK);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    faulty_vfs_register();
    temp_directory_make(&fixture->directory);
    virtual_clock_init(&fixture->time, SAMPLE_NOW);
    assert_int_equal(arena_new(1024 * 1024, &fixture->arena), TKR_OK);
    open_store(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    faulty_vfs_set(FAULT_NONE);
    store_sqlite_close(&fixture->port);
    arena_free(fixture->arena);
    temp_directory_remove(&fixture->directory);
    free(fixture);
    return 0;
}

static int64_t query(struct fixture *fixture, const char *sql)
{
    int64_t value = -1;
    assert_int_equal(connection_integer(&fixture->port.store->writer, sql, &value), TKR_OK);
    return value;
}

/* What commit says when the disk fails as `mode` in it. */
static tkr_error_t commit_with(struct fixture *fixture, enum faulty_vfs_mode mode, unsigned number)
{
    struct store_port *port = &fixture->port;
    struct token token = sample_token(number);
    uint64_t seq = 0;
    assert_int_equal(port->begin(port->store), TKR_OK);
    assert_int_equal(sample_insert(port, &token), TKR_OK);
    faulty_vfs_set(mode);
    tkr_error_t error = port->commit(port->store, &seq);
    faulty_vfs_set(FAULT_NONE);
    return error;
}

/* --- the disk ------------------------------------------------------------------------------- */

static void test_a_full_disk_fails_the_commit_leaves_nothing_and_heals(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    struct store_identity before;
    struct store_identity after;
    assert_int_equal(fixture->port.identity(fixture->port.store, &before), TKR_OK);
    assert_int_equal(commit_with(fixture, FAULT_DISK_FULL, 1), TKR_NO_SPACE);
    assert_int_equal(fixture->port.get_token(fixture->port.store, token.id, fixture->arena, &token),
                     TKR_NOT_FOUND);
    assert_int_equal(fixture->port.identity(fixture->port.store, &after), TKR_OK);
    assert_memory_equal(&before, &after, sizeof(before));
    sample_store(&fixture->port, sample_token(1));
    assert_int_equal(query(fixture, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(query(fixture, "SELECT count(*) FROM events"), 1);
}

static void test_a_failed_fsync_is_told_as_an_io_error(void **state)
{
    assert_int_equal(commit_with(*state, FAULT_SYNC, 1), TKR_IO);
    assert_int_equal(commit_with(*state, FAULT_WRITE, 1), TKR_IO);
}

static void test_what_was_committed_survives_faults_and_reopening(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    assert_int_equal(commit_with(fixture, FAULT_DISK_FULL, 2), TKR_NO_SPACE);
    sample_store(&fixture->port, sample_token(3));
    store_sqlite_close(&fixture->port);
    open_store(fixture);
    assert_int_equal(query(fixture, "SELECT count(*) FROM tokens"), 2);
    assert_int_equal(query(fixture, "SELECT tokens FROM meta"), 2);
}

static void test_a_checkpoint_that_fails_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->port.store;
    sample_store(&fixture->port, sample_token(1));
    store->log_pages = STORE_WAL_PAGES;
    faulty_vfs_set(FAULT_SYNC);
    assert_int_equal(fixture->port.maintain(store), TKR_IO);
    faulty_vfs_set(FAULT_NONE);
    assert_int_equal(fixture->port.maintain(store), TKR_OK); /* not at once again */
    store_sqlite_close(&fixture->port);
    open_store(fixture);
    assert_int_equal(query(fixture, "SELECT count(*) FROM tokens"), 1);
}

static void test_the_log_is_copied_into_the_database_when_it_is_long(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->port.store;
    for (unsigned i = 1; store->log_pages < STORE_WAL_PAGES; i++) {
        assert_in_range(i, 1, 20000);
        sample_store(&fixture->port, sample_token(i));
        assert_int_equal(store->log_pages_checkpointed, 0);
    }
    int pages = store->log_pages;
    assert_int_equal(fixture->port.maintain(store), TKR_OK);
    assert_int_equal(store->log_pages_checkpointed, pages);
    sample_store(&fixture->port, sample_token(30000));
    assert_true(store->log_pages < 100); /* it started over */
    assert_int_equal(store->log_pages_checkpointed, 0);
}

static bool is_copied(struct store *store, int commit_pages, int log_pages)
{
    store->commit_pages = commit_pages;
    store->log_pages = log_pages;
    store->log_pages_checkpointed = 0;
    assert_int_equal(store_maintain(store), TKR_OK);
    return store->log_pages_checkpointed == log_pages;
}

static void test_after_large_commits_the_log_is_copied_less_often(void **state)
{
    struct store *store = ((struct fixture *)*state)->port.store;
    assert_false(is_copied(store, 100, STORE_WAL_PAGES - 1));
    assert_true(is_copied(store, 100, STORE_WAL_PAGES));
    assert_false(is_copied(store, STORE_WAL_PAGES, 4 * STORE_WAL_PAGES - 1));
    assert_true(is_copied(store, STORE_WAL_PAGES, 4 * STORE_WAL_PAGES));
    assert_false(is_copied(store, INT_MAX, STORE_WAL_PAGES_BULK - 1));
    assert_true(is_copied(store, INT_MAX, STORE_WAL_PAGES_BULK));
}

/* --- what the tables hold
 * -------------------------------------------------------------------------- */

static void test_a_change_and_its_event_come_and_go_together(void **state)
{
    struct fixture *fixture = *state;
    struct store_port *port = &fixture->port;
    struct token token = sample_store(port, sample_token(1));
    uint64_t seq = 0;
    token.revoked_at_ms = SAMPLE_NOW;
    struct store_event event = sample_event("token.revoke", &token);
    assert_int_equal(port->begin(port->store), TKR_OK);
    assert_int_equal(port->update_token(port->store, &token, &event), TKR_OK);
    token.version = 77;
    assert_int_equal(port->update_token(port->store, &token, &event), TKR_PRECONDITION);
    assert_int_equal(port->commit(port->store, &seq), TKR_OK);
    assert_int_equal(query(fixture, "SELECT count(*) FROM events"), 2);
    assert_int_equal(query(fixture, "SELECT count(*) FROM events WHERE type = 'token.revoke'"
                                    " AND at = 1767225600001 AND org_id = 'acme'"
                                    " AND actor_user = 'root' AND actor_token IS NULL"
                                    " AND user_id = 'alice' AND token_name = 'token'"
                                    " AND client = '192.0.2.1' AND user_agent IS NULL"
                                    " AND request_id = 'r-1' AND details = '{\"sample\":true}'"),
                     1);
}

static void test_somebody_with_a_shell_cannot_unrevoke_by_accident(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    token.revoked_at_ms = SAMPLE_NOW;
    sample_store(&fixture->port, token);
    assert_int_equal(
        connection_run(&fixture->port.store->writer, "UPDATE tokens SET revoked_at = NULL"),
        TKR_CONFLICT);
    assert_int_equal(query(fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"), 0);
}

static void test_the_view_for_people_computes_status_and_validity(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[] = {sample_token(1), sample_token(2), sample_token(3), sample_token(4)};
    const int64_t year_2100 = 4102444800000;
    tokens[0].expires_at_ms = year_2100;
    tokens[1].expires_at_ms = 1000;
    tokens[2].revoked_at_ms = 1000;
    tokens[3].not_before_ms = year_2100;
    for (size_t i = 0; i < 4; i++) {
        sample_store(&fixture->port, tokens[i]);
    }
    static const char *const statuses[] = {"active", "expired", "revoked", "not_yet_valid"};
    for (size_t i = 0; i < 4; i++) {
        char sql[2000];
        snprintf(sql, sizeof(sql),
                 "SELECT is_valid FROM v_user_api_keys WHERE id = '%.30s' AND status = '%s'"
                 " AND org_id = 'acme' AND user_id = 'alice' AND kind = 'user' AND tier = 'free'",
                 tokens[i].id, statuses[i]);
        assert_int_equal(query(fixture, sql), i == 0);
    }
}

static void flush(struct fixture *fixture, uint64_t total, int64_t minute_ms)
{
    struct store_port *port = &fixture->port;
    struct segment_usage line = {.line = 0, .total = total, .last_used_ms = minute_ms, .bytes = 64};
    struct store_usage usage = {&line, minute_ms};
    uint64_t seq = 0;
    assert_int_equal(port->begin(port->store), TKR_OK);
    assert_int_equal(port->flush_usage(port->store, &usage, 1, minute_ms), TKR_OK);
    assert_int_equal(port->commit(port->store, &seq), TKR_OK);
}

static void test_usage_is_booked_on_its_minute(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    flush(fixture, 5, 60000);
    flush(fixture, 7, 60000);
    flush(fixture, 7, 120000);
    flush(fixture, 10, 120000);
    assert_int_equal(query(fixture, "SELECT count FROM token_usage WHERE minute = 60000"), 7);
    assert_int_equal(query(fixture, "SELECT count FROM token_usage WHERE minute = 120000"), 3);
    assert_int_equal(query(fixture, "SELECT sum(count) FROM token_usage"), 10);
}

/* Any verifier may write totals, also one that is broken or hostile. */
static void
test_a_falsified_total_is_booked_up_to_a_maximum_and_leaves_a_row_that_grows(void **state)
{
    static const uint64_t falsified[] = {UINT64_MAX, (uint64_t)INT64_MAX + 1, INT64_MAX};
    const int64_t most = (int64_t)USAGE_FLUSH_COUNT_MAX;
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    flush(fixture, 5, 60000);
    for (int64_t i = 0; i < 3; i++) {
        flush(fixture, falsified[i], 60000);
        assert_int_equal(query(fixture, "SELECT total FROM usage_lines"), 5 + (i + 1) * most);
        flush(fixture, 7, 60000); /* behind: nothing is taken back */
    }
    flush(fixture, (uint64_t)(9 + 3 * most), 120000);
    assert_int_equal(query(fixture, "SELECT total FROM usage_lines"), 9 + 3 * most);
    assert_int_equal(query(fixture, "SELECT count FROM token_usage WHERE minute = 120000"), 4);
    assert_int_equal(query(fixture, "SELECT sum(count) FROM token_usage"), 9 + 3 * most);
}

/* A version that kept a total above the column's as a negative number. */
static void test_a_negative_total_counts_as_none(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    flush(fixture, 5, 60000);
    assert_int_equal(
        connection_run(&fixture->port.store->writer, "UPDATE usage_lines SET total = -1"), TKR_OK);
    flush(fixture, 7, 60000);
    assert_int_equal(query(fixture, "SELECT total FROM usage_lines"), 7);
}

static void test_a_full_minute_does_not_overflow(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    flush(fixture, 5, 60000);
    assert_int_equal(connection_run(&fixture->port.store->writer,
                                    "UPDATE token_usage SET count = 9223372036854775807"),
                     TKR_OK);
    flush(fixture, 6, 60000);
    assert_true(query(fixture, "SELECT count FROM token_usage") >= INT64_C(1) << 62);
}

static void test_expired_idempotency_keys_go_a_few_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct store_port *port = &fixture->port;
    struct token token = sample_token(1);
    uint8_t digest[TOKEN_DIGEST_BYTES] = {0};
    uint64_t seq = 0;
    assert_int_equal(port->begin(port->store), TKR_OK);
    for (int i = 0; i < 12; i++) {
        char key[16];
        snprintf(key, sizeof(key), "old-%d", i);
        assert_int_equal(
            port->put_idempotency(port->store, "acme", key, digest, token.id, SAMPLE_NOW), TKR_OK);
    }
    const int64_t later = SAMPLE_NOW + (int64_t)IDEMPOTENCY_TTL_S * 1000;
    assert_int_equal(port->put_idempotency(port->store, "acme", "new", digest, token.id, later),
                     TKR_OK);
    assert_int_equal(port->commit(port->store, &seq), TKR_OK);
    assert_int_equal(query(fixture, "SELECT count(*) FROM idempotency_keys"),
                     12 + 1 - IDEMPOTENCY_EXPIRE_MAX);
    assert_int_equal(query(fixture, "SELECT count(*) FROM idempotency_keys WHERE key = 'new'"), 1);
}

static void test_a_row_that_cannot_be_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    assert_int_equal(connection_run(&fixture->port.store->writer,
                                    "UPDATE tokens SET allowed_ips = '10.0.0.0/99'"),
                     TKR_OK);
    assert_int_equal(fixture->port.get_token(fixture->port.store, token.id, fixture->arena, &token),
                     TKR_CORRUPT);
}

static tkr_error_t accept_tier(void *context, const struct tier *tier, uint16_t *ret_number)
{
    *ret_number = 0;
    return TKR_OK;
}
static tkr_error_t accept_org(void *context, const char *id, size_t length, uint16_t *ret_number)
{
    *ret_number = 0;
    return TKR_OK;
}
static tkr_error_t accept_user(void *context, uint16_t org, const struct store_user *user,
                               uint32_t *ret_number)
{
    *ret_number = 0;
    return TKR_OK;
}
static tkr_error_t accept_token(void *context, unsigned worker,
                                const struct store_loaded_token *token)
{
    return TKR_OK;
}

static void test_loading_names_the_token_of_a_row_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    struct store_loader loader = {
        .tier = accept_tier, .org = accept_org, .user = accept_user, .token = accept_token};
    struct fault fault = {0};
    sample_store(&fixture->port, sample_token(1));
    struct token token = sample_store(&fixture->port, sample_token(2));
    assert_int_equal(connection_run(&fixture->port.store->writer,
                                    "UPDATE tokens SET allowed_ips = 'here' WHERE number = 2"),
                     TKR_OK);
    assert_int_equal(fixture->port.load(fixture->port.store, &loader, 2, false, &fault),
                     TKR_CORRUPT);
    assert_non_null(strstr(fault.detail, token.id));
}

/* --- which index serves
 * ------------------------------------------------------------------------------ */

/* The plan of a statement as one text. */
static void plan_of_sql(struct fixture *fixture, const char *sql, char plan[2048])
{
    sqlite3_stmt *statement = NULL;
    char explain[4400];
    snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(
        sqlite3_prepare_v2(fixture->port.store->writer.db, explain, -1, &statement, NULL),
        SQLITE_OK);
    plan[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t length = strlen(plan);
        snprintf(plan + length, 2048 - length, "%s; ",
                 (const char *)sqlite3_column_text(statement, 3));
    }
    sqlite3_finalize(statement);
}

/* That of a list. */
static void plan_of(struct fixture *fixture, const struct token_filter *filter, char plan[2048])
{
    CLEANUP(buffer_deinit) struct buffer sql;
    buffer_init(&sql, 4096);
    assert_int_equal(list_write_sql(&sql, filter, filter->cursor != NULL), TKR_OK);
    plan_of_sql(fixture, sql.data, plan);
}

static void test_kin_and_events_of_a_token_are_read_by_one_index_in_its_order(void **state)
{
    static const struct {
        enum statement statement;
        const char *search;
    } rows[] = {
        {STATEMENT_KIN_VERSIONS, "tokens_lineage (lineage_id=?)"},
        {STATEMENT_KIN_MADE, "tokens_made_by (created_by=? AND revoked_at=?)"},
        {STATEMENT_KIN_MADE_REVOKED, "tokens_made_by (created_by=? AND revoked_at>?)"},
        {STATEMENT_EVENTS_BY, "events_actor (actor_token=?)"},
        {STATEMENT_EVENTS_SEEN, "events_token (<expr>=? AND token_id=?)"},
        {STATEMENT_EVENTS_ABOUT, "events_about (token_id=?)"},
        {STATEMENT_EVENTS_FIRST, "events_about (token_id=?)"},
    };
    char plan[2048];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        plan_of_sql(*state, statement_sql[rows[i].statement], plan);
        assert_non_null(strstr(plan, rows[i].search));
        assert_null(strstr(plan, "TEMP B-TREE"));
        assert_null(strstr(plan, "SCAN t"));
        assert_null(strstr(plan, "SCAN events"));
    }
}

static void test_lists_read_one_index_in_its_order_without_sorting(void **state)
{
    static const struct {
        struct token_filter filter;
        const char *index;
    } rows[] = {
        {{.org_id = "o", .user_id = "u"}, "tokens_user"},
        {{.org_id = "o", .user_id = "u", .name = "n", .cursor = "n1"}, "tokens_user"},
        {{.org_id = "o", .name = "n"}, "tokens_name"},
        {{.org_id = "o", .name = "n", .cursor = "n1"}, "tokens_name"},
        {{.org_id = "o"}, "tokens_org"},
        {{.org_id = "o", .cursor = "n1"}, "tokens_org"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_REVOKED}, "tokens_revoked"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_DISABLED}, "tokens_disabled"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_QUARANTINED}, "tokens_quarantined"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_ACTIVE}, "tokens_org"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_EXPIRED}, "tokens_expires"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_EXPIRED, .cursor = "t1.1"},
         "tokens_expires"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_NOT_YET_VALID}, "tokens_not_before"},
        {{.org_id = "o", .has_status = true, .status = TOKEN_NOT_YET_VALID, .cursor = "t1.1"},
         "tokens_not_before"},
        {{.org_id = "o", .tier = "t"}, "tokens_tier"},
        {{.org_id = "o", .tier = "t", .cursor = "n1"}, "tokens_tier"},
        {{.org_id = "o", .has_kind = true}, "tokens_kind"},
        {{.org_id = "o", .has_kind = true, .include_inactive = true}, "tokens_kind"},
        {{.org_id = "o", .role = "r"}, "tokens_role"},
        {{.org_id = "o", .role = "r", .cursor = "n1"}, "tokens_role"},
    };
    char plan[2048];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        plan_of(*state, &rows[i].filter, plan);
        assert_non_null(strstr(plan, rows[i].index));
        assert_null(strstr(plan, "TEMP B-TREE"));
        assert_null(strstr(plan, "SCAN t "));
    }
    plan_of(*state, &(struct token_filter){0}, plan);
    assert_non_null(strstr(plan, "SCAN t"));
    assert_null(strstr(plan, "TEMP B-TREE"));
}

/* Each half is cut to a page before they are put in order. */
static void test_a_list_with_the_revoked_ones_merges_two_indexes(void **state)
{
    static const struct token_filter filters[] = {
        {.org_id = "o", .include_inactive = true},
        {.org_id = "o", .include_inactive = true, .cursor = "n1"},
    };
    char plan[2048];
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        plan_of(*state, &filters[i], plan);
        assert_non_null(strstr(plan, "INDEX tokens_org (org=?"));
        assert_non_null(strstr(plan, "INDEX tokens_revoked (org=?"));
        assert_null(strstr(plan, "SCAN t "));
        assert_null(strstr(plan, "SCAN tokens"));
    }
}

static void test_rare_states_are_found_by_their_index(void **state)
{
    char plan[2048];
    plan_of(*state,
            &(struct token_filter){.org_id = "o", .has_status = true, .status = TOKEN_EXPIRED},
            plan);
    assert_non_null(strstr(plan, "tokens_expires (expires_at<?)"));
    plan_of(
        *state,
        &(struct token_filter){.org_id = "o", .has_status = true, .status = TOKEN_NOT_YET_VALID},
        plan);
    assert_non_null(strstr(plan, "tokens_not_before (not_before>?)"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kin_and_events_of_a_token_are_read_by_one_index_in_its_order),
        TEST(test_a_full_disk_fails_the_commit_leaves_nothing_and_heals),
        TEST(test_a_failed_fsync_is_told_as_an_io_error),
        TEST(test_what_was_committed_survives_faults_and_reopening),
        TEST(test_a_checkpoint_that_fails_loses_nothing),
        TEST(test_the_log_is_copied_into_the_database_when_it_is_long),
        TEST(test_after_large_commits_the_log_is_copied_less_often),
        TEST(test_a_change_and_its_event_come_and_go_together),
        TEST(test_somebody_with_a_shell_cannot_unrevoke_by_accident),
        TEST(test_the_view_for_people_computes_status_and_validity),
        TEST(test_usage_is_booked_on_its_minute),
        TEST(test_a_falsified_total_is_booked_up_to_a_maximum_and_leaves_a_row_that_grows),
        TEST(test_a_negative_total_counts_as_none),
        TEST(test_a_full_minute_does_not_overflow),
        TEST(test_expired_idempotency_keys_go_a_few_at_a_time),
        TEST(test_a_row_that_cannot_be_is_corrupt),
        TEST(test_loading_names_the_token_of_a_row_that_cannot_be),
        TEST(test_lists_read_one_index_in_its_order_without_sorting),
        TEST(test_a_list_with_the_revoked_ones_merges_two_indexes),
        TEST(test_rare_states_are_found_by_their_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
