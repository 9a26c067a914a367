/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the environment: rows that say at each start what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/environment.h"

static struct authority_fixture fixture;

static int set_up(void **state)
{
    authority_fixture_open(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    authority_fixture_close(&fixture);
    return 0;
}

static struct environment_token entry(uint8_t number, const char *user)
{
    struct environment_token token = {.labelled = true, .display_prefix = "abcd"};
    snprintf(token.origin, sizeof(token.origin), "API_TOKENS, entry %u (%s)", number, user);
    snprintf(token.user_id, sizeof(token.user_id), "%s", user);
    memset(token.digest, number, sizeof(token.digest));
    return token;
}

static tkr_error_t sync_with(const struct environment_token *tokens, size_t count,
                             struct fault *fault)
{
    struct environment_sync sync = {.tokens = tokens, .count = count, .org_id = "acme"};
    return authority_sync_environment(fixture.authority, &sync, fault);
}

static void sync_ok(const struct environment_token *tokens, size_t count)
{
    struct fault fault = {0};
    if (sync_with(tokens, count, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
}

static enum seen see(uint8_t number)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];
    memset(digest, number, sizeof(digest));
    return fixture_see(&fixture, digest);
}

static void find(const char *user, struct arena *arena, struct token *ret_token)
{
    struct token_filter filter = {.user_id = user, .include_inactive = true, .limit = 1};
    struct token_page page;
    assert_int_equal(
        authority_list_tokens(fixture.authority, &fixture_admin, &filter, arena, &page, NULL),
        TKR_OK);
    assert_int_equal(page.count, 1);
    *ret_token = page.tokens[0];
}

static void test_a_label_that_names_another_user_than_the_row_changes_nothing(void **state)
{
    struct environment_token before = entry(1, "admin");
    struct environment_token after[] = {entry(2, "new"), entry(1, "viewer")};
    struct fault fault = {0};
    sync_ok(&before, 1);
    assert_int_equal(sync_with(after, 2, &fault), TKR_CONFLICT);
    assert_non_null(strstr(fault.detail, "API_TOKENS, entry 1 (viewer)"));
    assert_int_equal(see(1), SEEN_ACTIVE);
    assert_int_equal(see(2), SEEN_NOTHING);
}

static void test_a_label_that_is_no_user_or_a_tier_that_is_none_is_refused(void **state)
{
    struct environment_token token = entry(1, "a\nb");
    struct fault fault = {0};
    assert_int_equal(sync_with(&token, 1, &fault), TKR_INVALID);
    token = entry(1, "a");
    struct environment_sync sync = {
        .tokens = &token, .count = 1, .org_id = "acme", .tier = "no-such-tier"};
    assert_int_equal(authority_sync_environment(fixture.authority, &sync, &fault), TKR_NOT_FOUND);
    assert_int_equal(see(1), SEEN_NOTHING);
}

static void test_new_ones_are_rows_that_never_expire_and_have_no_limits(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token tokens[] = {entry(1, "admin"), entry(2, "viewer")};
    struct token token;
    sync_ok(tokens, 2);
    assert_int_equal(see(1), SEEN_ACTIVE);
    assert_int_equal(see(2), SEEN_ACTIVE);
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    find("viewer", arena, &token);
    assert_string_equal(token.name, "viewer");
    assert_string_equal(token.org_id, "acme");
    assert_int_equal(token.source, TOKEN_SOURCE_ENVIRONMENT);
    assert_int_equal(token.expires_at_ms, 0);
    assert_int_equal(token.overrides.set, 7);
    assert_true(token.overrides.limit[WINDOW_MINUTE] == LIMIT_NONE);
    assert_int_equal(fixture_query(&fixture, "SELECT count(*) FROM events WHERE type ="
                                             " 'token.create' AND actor_user = 'environment'"),
                     2);
}

static void test_the_same_environment_again_changes_nothing(void **state)
{
    struct environment_token token = entry(1, "admin");
    sync_ok(&token, 1);
    int64_t events = fixture_query(&fixture, "SELECT count(*) FROM events");
    sync_ok(&token, 1);
    assert_int_equal(fixture_query(&fixture, "SELECT count(*) FROM events"), events);
}

static void test_absent_ones_are_disabled_and_returned_ones_enabled(void **state)
{
    struct environment_token tokens[] = {entry(1, "admin"), entry(2, "viewer")};
    sync_ok(tokens, 2);
    sync_ok(tokens, 1);
    assert_int_equal(see(1), SEEN_ACTIVE);
    assert_int_equal(see(2), SEEN_DISABLED);
    sync_ok(NULL, 0);
    assert_int_equal(see(1), SEEN_DISABLED);
    sync_ok(tokens, 2);
    assert_int_equal(see(1), SEEN_ACTIVE);
    assert_int_equal(see(2), SEEN_ACTIVE);
}

static void test_revoked_ones_stay_revoked_and_it_is_told(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "admin");
    struct token row;
    sync_ok(&token, 1);
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    find("admin", arena, &row);
    assert_int_equal(fixture_revoke(&fixture, &fixture_admin, row.id, "left").error, TKR_OK);
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_REVOKED);
    assert_true(fixture_report_says(&fixture, "environment_token", "entry 1 (admin)"));
    sync_ok(NULL, 0);
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_REVOKED);
}

static void test_what_somebody_disabled_stays_disabled_over_a_start(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "admin");
    struct token row;
    sync_ok(&token, 1);
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    find("admin", arena, &row);
    assert_int_equal(fixture_hold(&fixture, &fixture_admin, row.id, HOLD_DISABLE, "suspect").error,
                     TKR_OK);
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_DISABLED);
    assert_true(fixture_report_says(&fixture, "environment_token", "restore it"));
    assert_int_equal(fixture_hold(&fixture, &fixture_admin, row.id, HOLD_RESTORE, NULL).error,
                     TKR_OK);
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_ACTIVE);
}

static void test_what_somebody_disabled_while_it_was_absent_stays_disabled(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "admin");
    struct token row;
    sync_ok(&token, 1);
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    find("admin", arena, &row);
    sync_ok(NULL, 0);
    assert_int_equal(fixture_hold(&fixture, &fixture_admin, row.id, HOLD_DISABLE, "suspect").error,
                     TKR_OK);
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_DISABLED);
}

static void test_nobody_else_edits_or_rotates_them(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "admin");
    struct token_update update = {.has_name = true, .name = "x"};
    struct token row;
    sync_ok(&token, 1);
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    find("admin", arena, &row);
    struct answer answer = fixture_update(&fixture, &fixture_admin, row.id, &update);
    assert_int_equal(answer.error, TKR_CONFLICT);
    assert_non_null(strstr(answer.fault.detail, "API_TOKENS"));
    struct token_rotate rotate = {.grace_ms = 0};
    assert_int_equal(fixture_rotate(&fixture, &fixture_admin, row.id, &rotate).error, TKR_CONFLICT);
}

static void test_what_was_cleaned_away_stays_away(void **state)
{
    struct environment_token token = entry(7, "admin");
    authority_fixture_stop(&fixture);
    fixture_run(&fixture, "INSERT INTO tombstones VALUES (X'07070707070707070707070707070707"
                          "07070707070707070707070707070707', 1)");
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    sync_ok(&token, 1);
    assert_int_equal(see(7), SEEN_NOTHING);
    assert_true(fixture_report_says(&fixture, "environment_token", "it was revoked"));
}

static void test_a_token_from_elsewhere_is_left_as_it_is(void **state)
{
    static const char text[] = "a-token-that-somebody-chose";
    struct token_create create = fixture_token("laptop");
    create.chosen = text;
    create.chosen_length = strlen(text);
    create.force = true;
    struct answer made = fixture_create(&fixture, &fixture_admin, &create);
    assert_int_equal(made.error, TKR_OK);
    struct environment_token token = entry(1, "admin");
    memcpy(token.digest, made.digest, sizeof(token.digest));
    sync_ok(&token, 1);
    assert_true(fixture_report_says(&fixture, "environment_token", made.id));
    sync_ok(NULL, 0);
    assert_int_equal(fixture_see(&fixture, made.digest), SEEN_ACTIVE);
}

static void test_a_phase_changes_the_row(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "shared");
    struct token row;
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    sync_ok(&token, 1);
    token.warned = true;
    sync_ok(&token, 1);
    find("shared", arena, &row);
    assert_true(row.warned);
    assert_int_equal(see(1), SEEN_ACTIVE);
    token.warned = false;
    token.refused = true;
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_DISABLED);
    token.refused = false;
    sync_ok(&token, 1);
    find("shared", arena, &row);
    assert_false(row.warned);
    assert_int_equal(see(1), SEEN_ACTIVE);
}

static void test_an_entry_without_a_label_keeps_its_row_when_it_moves(void **state)
{
    struct environment_token token = entry(1, "env-1");
    token.labelled = false;
    sync_ok(&token, 1);
    snprintf(token.user_id, sizeof(token.user_id), "env-2");
    sync_ok(&token, 1);
    assert_int_equal(see(1), SEEN_ACTIVE);
    assert_int_equal(fixture_query(&fixture, "SELECT count(*) FROM tokens"), 1);
}

static void test_rows_survive_a_restart_and_their_counts_too(void **state)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct environment_token token = entry(1, "admin");
    struct token row;
    assert_int_equal(arena_new(100000, &arena), TKR_OK);
    sync_ok(&token, 1);
    find("admin", arena, &row);
    fixture_count(&fixture, row.line, 5, 1);
    authority_fixture_stop(&fixture);
    assert_int_equal(authority_fixture_start(&fixture, NULL), TKR_OK);
    sync_ok(&token, 1);
    find("admin", arena, &row);
    assert_int_equal(row.request_count, 5);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_label_that_names_another_user_than_the_row_changes_nothing),
        WITH_FIXTURE(test_a_label_that_is_no_user_or_a_tier_that_is_none_is_refused),
        WITH_FIXTURE(test_new_ones_are_rows_that_never_expire_and_have_no_limits),
        WITH_FIXTURE(test_the_same_environment_again_changes_nothing),
        WITH_FIXTURE(test_absent_ones_are_disabled_and_returned_ones_enabled),
        WITH_FIXTURE(test_revoked_ones_stay_revoked_and_it_is_told),
        WITH_FIXTURE(test_what_somebody_disabled_stays_disabled_over_a_start),
        WITH_FIXTURE(test_what_somebody_disabled_while_it_was_absent_stays_disabled),
        WITH_FIXTURE(test_nobody_else_edits_or_rotates_them),
        WITH_FIXTURE(test_what_was_cleaned_away_stays_away),
        WITH_FIXTURE(test_a_token_from_elsewhere_is_left_as_it_is),
        WITH_FIXTURE(test_a_phase_changes_the_row),
        WITH_FIXTURE(test_an_entry_without_a_label_keeps_its_row_when_it_moves),
        WITH_FIXTURE(test_rows_survive_a_restart_and_their_counts_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
