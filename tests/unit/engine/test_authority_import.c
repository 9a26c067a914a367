/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"

#define DAY_MS 86400000LL

static int set_up(void **state)
{
    struct authority_fixture *fixture = calloc(1, sizeof(*fixture));
    authority_fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    authority_fixture_close(*state);
    free(*state);
    return 0;
}

/* --- calls that wait ------------------------------------------------------------------------- */

struct imported {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
    tkr_error_t error;
    struct token_imported results[IMPORT_CHANGE_ROWS_MAX];
    struct fault faults[8]; /* of the first ones */
    size_t count;
};

static void note(void *context, const struct change_result *result)
{
    struct imported *imported = context;
    pthread_mutex_lock(&imported->mutex);
    imported->error = result->error;
    imported->count = result->imported_count;
    for (size_t i = 0; i < result->imported_count; i++) {
        imported->results[i] = result->imported[i];
        if (result->imported[i].fault != NULL && i < 8) {
            imported->faults[i] = *result->imported[i].fault;
        }
    }
    imported->done = true;
    pthread_cond_signal(&imported->changed);
    pthread_mutex_unlock(&imported->mutex);
}

/* The writer may not have left the mutex of the call before. */
static void reset(struct imported *imported)
{
    pthread_mutex_lock(&imported->mutex);
    imported->done = false;
    imported->count = 0;
    memset(imported->results, 0, sizeof(imported->results));
    memset(imported->faults, 0, sizeof(imported->faults));
    pthread_mutex_unlock(&imported->mutex);
}

static struct imported *import_as(void **state, const struct principal *by,
                                  const struct token_import *rows, size_t count, bool dry_run)
{
    static struct imported imported = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                       .changed = PTHREAD_COND_INITIALIZER};
    struct authority_fixture *fixture = *state;
    reset(&imported);
    tkr_error_t error = authority_import_tokens(fixture->authority, by, rows, count, dry_run, note,
                                                &imported, &imported.faults[0]);
    if (error != TKR_OK) { /* else it is the writer's to say */
        imported.error = error;
        return &imported;
    }
    pthread_mutex_lock(&imported.mutex);
    while (!imported.done) {
        pthread_cond_wait(&imported.changed, &imported.mutex);
    }
    pthread_mutex_unlock(&imported.mutex);
    return &imported;
}

static struct imported *import(void **state, const struct token_import *rows, size_t count)
{
    return import_as(state, &fixture_admin, rows, count, false);
}

static enum token_import_result import_one(void **state, const struct token_import *row)
{
    struct imported *imported = import(state, row, 1);
    assert_int_equal(imported->error, TKR_OK);
    return imported->results[0].result;
}

/* A token whose digest is 32 times this byte. */
static struct token_import row_of(uint8_t byte)
{
    static const char *const scopes[] = {"api:read"};
    struct token_import row = {
        .user_id = "alice", .name = "old", .scopes = scopes, .scope_count = 1};
    memset(row.digest, byte, sizeof(row.digest));
    return row;
}

static enum seen see(void **state, uint8_t byte)
{
    struct token_import row = row_of(byte);
    return fixture_see(*state, row.digest);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void test_a_bad_row_is_refused_alone(void **state)
{
    static const char *const too_much[] = {"*"};
    struct token_import rows[] = {row_of(1), row_of(2), row_of(3), row_of(4), row_of(5)};
    rows[0].user_id = "nimda\xE2\x80\xAE";
    rows[1].tier = "platinum";
    rows[2].scopes = too_much;
    rows[3].kind = TOKEN_KIND_ADMIN;
    struct imported *imported = import_as(state, &fixture_alice, rows, 5, false);
    assert_int_equal(imported->error, TKR_OK);
    static const struct {
        tkr_error_t error;
        const char *field;
    } faults[] = {{TKR_INVALID, "user_id"},
                  {TKR_NOT_FOUND, "tier"},
                  {TKR_FORBIDDEN, "scopes"},
                  {TKR_FORBIDDEN, "kind"}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(imported->results[i].result, TOKEN_IMPORT_REFUSED);
        assert_int_equal(imported->faults[i].error, faults[i].error);
        assert_string_equal(imported->faults[i].field, faults[i].field);
        assert_int_equal(see(state, (uint8_t)(i + 1)), SEEN_NOTHING);
    }
    assert_int_equal(imported->results[4].result, TOKEN_IMPORT_CREATED);
    assert_int_equal(see(state, 5), SEEN_ACTIVE);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 1);
}

static void test_another_org_is_for_scope_star_only(void **state)
{
    struct token_import row = row_of(1);
    row.org_id = "elsewhere";
    struct imported *imported = import_as(state, &fixture_alice, &row, 1, false);
    assert_int_equal(imported->results[0].result, TOKEN_IMPORT_REFUSED);
    assert_string_equal(imported->faults[0].field, "org_id");
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_CREATED);
}

static void test_more_than_fit_one_transaction_are_refused(void **state)
{
    static struct token_import rows[IMPORT_CHANGE_ROWS_MAX + 1];
    assert_int_equal(import(state, rows, IMPORT_CHANGE_ROWS_MAX + 1)->error, TKR_TOO_LARGE);
    assert_int_equal(import(state, rows, 0)->error, TKR_TOO_LARGE);
}

static void test_a_lifetime_beyond_the_maximum_is_cut(void **state)
{
    struct authority_fixture *fixture = *state;
    authority_fixture_stop(fixture);
    fixture->options.lifetimes[TOKEN_KIND_USER].max_s = 30 * 86400;
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    int64_t now_ms = authority_now_ms(fixture->authority);
    struct token_import rows[] = {row_of(1), row_of(2), row_of(3)};
    rows[0].expires_at_ms = now_ms + 60 * DAY_MS;
    rows[1].expires_at_ms = now_ms + 10 * DAY_MS; /* the third never */
    struct imported *imported = import(state, rows, 3);
    assert_true(imported->results[0].clamped);
    assert_false(imported->results[1].clamped);
    assert_true(imported->results[2].clamped);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens WHERE expires_at IS NULL"
                                            " OR expires_at > created_at + 30 * 86400000"),
                     0);
}

static void test_a_row_that_ended_long_ago_is_kept_as_it_is(void **state)
{
    struct token_import row = row_of(1);
    row.created_at_ms = 1000 * DAY_MS;
    row.expires_at_ms = 2000 * DAY_MS;
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_CREATED);
    assert_int_equal(fixture_query(*state, "SELECT expires_at / 86400000 FROM tokens"), 2000);
    assert_int_equal(fixture_query(*state, "SELECT created_at / 86400000 FROM tokens"), 1000);
}

/* --- doing it again -------------------------------------------------------------------------- */

static void test_a_second_run_changes_nothing(void **state)
{
    struct token_import rows[] = {row_of(1), row_of(2)};
    struct imported *imported = import(state, rows, 2);
    char first[TOKEN_ID_CHARS + 1];
    memcpy(first, imported->results[0].id, sizeof(first));
    int64_t seq = fixture_query(*state, "SELECT seq FROM meta");
    rows[0].name = "renamed";
    imported = import(state, rows, 2);
    assert_int_equal(imported->results[0].result, TOKEN_IMPORT_EXISTS);
    assert_string_equal(imported->results[0].id, first);
    assert_int_equal(fixture_query(*state, "SELECT seq FROM meta"), seq);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens WHERE name = 'old'"), 2);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 1);
}

static void test_a_digest_that_comes_twice_is_made_once(void **state)
{
    struct token_import rows[] = {row_of(1), row_of(1)};
    struct imported *imported = import(state, rows, 2);
    assert_int_equal(imported->results[0].result, TOKEN_IMPORT_CREATED);
    assert_int_equal(imported->results[1].result, TOKEN_IMPORT_EXISTS);
}

static void test_what_was_revoked_here_stays_revoked(void **state)
{
    struct token_import row = row_of(1);
    struct imported *imported = import(state, &row, 1);
    fixture_revoke(*state, &fixture_admin, imported->results[0].id, "lost");
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_REVOKED);
    assert_int_equal(see(state, 1), SEEN_REVOKED);
}

static void test_what_was_cleaned_away_never_comes_back(void **state)
{
    struct authority_fixture *fixture = *state;
    authority_fixture_stop(fixture);
    fixture_run(fixture, "INSERT INTO tombstones VALUES (x'010101010101010101010101010101010101010"
                         "1010101010101010101010101', 1)");
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    struct token_import row = row_of(1);
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_REVOKED);
    assert_int_equal(see(state, 1), SEEN_NOTHING);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM users"), 0);
}

static void test_another_orgs_token_exists_without_its_id(void **state)
{
    struct token_import row = row_of(1);
    row.org_id = "elsewhere";
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_CREATED);
    row.org_id = NULL;
    struct imported *imported = import_as(state, &fixture_alice, &row, 1, false);
    assert_int_equal(imported->results[0].result, TOKEN_IMPORT_EXISTS);
    assert_string_equal(imported->results[0].id, "");
}

static void test_trying_changes_nothing(void **state)
{
    struct token_import row = row_of(1);
    struct imported *imported = import_as(state, &fixture_admin, &row, 1, true);
    assert_int_equal(imported->results[0].result, TOKEN_IMPORT_CREATED);
    assert_string_equal(imported->results[0].id, "");
    assert_int_equal(see(state, 1), SEEN_NOTHING);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM users"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 0);
}

/* --- what is made ---------------------------------------------------------------------------- */

static void test_a_token_works_with_its_old_digest(void **state)
{
    struct token_import row = row_of(1);
    assert_int_equal(import_one(state, &row), TOKEN_IMPORT_CREATED);
    assert_int_equal(see(state, 1), SEEN_ACTIVE);
    assert_int_equal(fixture_query(*state, "SELECT source FROM tokens"), TOKEN_SOURCE_IMPORTED);
}

static void test_what_did_not_work_there_does_not_work_here(void **state)
{
    struct token_import rows[] = {row_of(1), row_of(2)};
    rows[0].revoked = true;
    rows[0].revoke_reason = "left";
    rows[1].disabled = true;
    import(state, rows, 2);
    assert_int_equal(see(state, 1), SEEN_REVOKED);
    assert_int_equal(see(state, 2), SEEN_DISABLED);
    assert_int_equal(
        fixture_query(*state, "SELECT count(*) FROM tokens WHERE revoke_reason = 'left'"), 1);
}

static void test_one_event_tells_of_all(void **state)
{
    struct token_import rows[] = {row_of(1), row_of(2), row_of(2), row_of(3)};
    rows[3].tier = "platinum";
    import(state, rows, 4);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 1);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events WHERE type = 'token.import'"
                                           " AND json_extract(details, '$.created') = 2"
                                           " AND json_extract(details, '$.exist') = 1"
                                           " AND json_extract(details, '$.refused') = 1"),
                     1);
}

static void test_counts_go_on_from_where_they_were(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_import row = row_of(1);
    row.request_count = 1000;
    row.last_used_at_ms = authority_now_ms(fixture->authority) - DAY_MS;
    struct imported *imported = import(state, &row, 1);
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct token token;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    assert_int_equal(authority_get_token(fixture->authority, &fixture_admin,
                                         imported->results[0].id, arena, &token),
                     TKR_OK);
    assert_int_equal(token.request_count, 1000);
    assert_int_equal(token.last_used_at_ms, row.last_used_at_ms);
    fixture_count(fixture, token.line, 3, authority_now_ms(fixture->authority));
    authority_fixture_stop(fixture);
    assert_int_equal(fixture_query(fixture, "SELECT total FROM usage_lines"), 1003);
    assert_int_equal(fixture_query(fixture, "SELECT sum(count) FROM token_usage"), 3);
}

static void test_all_of_it_survives_a_restart(void **state)
{
    struct authority_fixture *fixture = *state;
    static struct token_import rows[IMPORT_CHANGE_ROWS_MAX];
    for (size_t i = 0; i < IMPORT_CHANGE_ROWS_MAX; i++) {
        rows[i] = row_of(1);
        rows[i].digest[0] = (uint8_t)i;
        rows[i].digest[1] = (uint8_t)(i >> 8);
        rows[i].request_count = i;
    }
    assert_int_equal(import(state, rows, IMPORT_CHANGE_ROWS_MAX)->error, TKR_OK);
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->runtime);
    temp_directory_make(&fixture->runtime);
    fixture->options.runtime_directory = fixture->runtime.path;
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    for (size_t i = 0; i < IMPORT_CHANGE_ROWS_MAX; i++) {
        assert_int_equal(fixture_see(fixture, rows[i].digest), SEEN_ACTIVE);
    }
    assert_int_equal(fixture_query(fixture, "SELECT sum(total) FROM usage_lines"),
                     (IMPORT_CHANGE_ROWS_MAX - 1) * IMPORT_CHANGE_ROWS_MAX / 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_bad_row_is_refused_alone),
        TEST(test_another_org_is_for_scope_star_only),
        TEST(test_more_than_fit_one_transaction_are_refused),
        TEST(test_a_lifetime_beyond_the_maximum_is_cut),
        TEST(test_a_row_that_ended_long_ago_is_kept_as_it_is),
        TEST(test_a_second_run_changes_nothing),
        TEST(test_a_digest_that_comes_twice_is_made_once),
        TEST(test_what_was_revoked_here_stays_revoked),
        TEST(test_what_was_cleaned_away_never_comes_back),
        TEST(test_another_orgs_token_exists_without_its_id),
        TEST(test_trying_changes_nothing),
        TEST(test_a_token_works_with_its_old_digest),
        TEST(test_what_did_not_work_there_does_not_work_here),
        TEST(test_one_event_tells_of_all),
        TEST(test_counts_go_on_from_where_they_were),
        TEST(test_all_of_it_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
