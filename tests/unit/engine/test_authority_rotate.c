/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation, rollback, and the end of a predecessor that nobody uses. */
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

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
    struct answer token;
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    struct token_create create = fixture_token("ci");
    authority_fixture_open(&context->fixture);
    create.overrides = (struct limits){.set = 1 << WINDOW_HOUR, .limit = {0, 5, 0}};
    create.metadata = "{\"team\":\"a\"}";
    context->token = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(context->token.error, TKR_OK);
    assert_int_equal(arena_new(1 << 20, &context->arena), TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    authority_fixture_close(&context->fixture);
    arena_free(context->arena);
    free(context);
    return 0;
}

static struct answer rotate(struct context *context, const char *token_id, int64_t grace_ms)
{
    struct token_rotate asked = {.has_grace = true, .grace_ms = grace_ms};
    return fixture_rotate(&context->fixture, &fixture_admin, token_id, &asked);
}

static struct token stored(struct context *context, const char *token_id)
{
    return fixture_stored(&context->fixture, token_id, context->arena);
}

static tkr_verdict_t verify(struct context *context, const struct answer *token)
{
    return fixture_verify(&context->fixture, token->plaintext);
}

static void advance(struct context *context, int64_t ms)
{
    virtual_clock_advance(&context->fixture.time, ms);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_what_cannot_be_rotated_is_refused_and_stays(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    const char *id = context->token.id;
    assert_int_equal(rotate(context, "tok_nonsense", 0).error, TKR_NOT_FOUND);
    assert_int_equal(rotate(context, id, -1).error, TKR_OUT_OF_RANGE);
    assert_int_equal(rotate(context, id, 367 * DAY_MS).error, TKR_OUT_OF_RANGE);
    assert_int_equal(fixture_hold(fixture, &fixture_admin, id, HOLD_DISABLE, NULL).error, TKR_OK);
    assert_int_equal(rotate(context, id, 0).error, TKR_CONFLICT);
    assert_int_equal(fixture_hold(fixture, &fixture_admin, id, HOLD_RESTORE, NULL).error, TKR_OK);
    assert_int_equal(fixture_hold(fixture, &fixture_admin, id, HOLD_QUARANTINE, "odd").error,
                     TKR_OK);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUARANTINED);
    assert_int_equal(rotate(context, id, 0).error, TKR_CONFLICT);
    assert_int_equal(fixture_hold(fixture, &fixture_admin, id, HOLD_RESTORE, NULL).error, TKR_OK);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, id, NULL).error, TKR_OK);
    assert_int_equal(rotate(context, id, 0).error, TKR_CONFLICT);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"), 1);
}

static void test_nobody_rotates_a_token_with_more_scope_than_they_have(void **state)
{
    struct context *context = *state;
    static const char *const all[] = {"*"};
    struct token_create create = fixture_token("root");
    create.scopes = all;
    struct answer token = fixture_create(&context->fixture, &fixture_admin, &create);
    struct token_rotate asked = {.has_grace = true, .grace_ms = HOUR_MS};
    assert_int_equal(fixture_rotate(&context->fixture, &fixture_alice, token.id, &asked).error,
                     TKR_FORBIDDEN);
    assert_int_equal(
        fixture_rotate(&context->fixture, &fixture_alice, context->token.id, &asked).error, TKR_OK);
}

/* As little as an update lets it. */
static void test_a_token_does_not_lift_its_own_end(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct principal self = fixture_alice;
    struct token_rotate forever = {.has_lifetime = true, .lifetime = {.never = true}};
    struct token_rotate plain = {.has_grace = true, .grace_ms = HOUR_MS};
    self.token_id = context->token.id;
    struct answer answer = fixture_rotate(fixture, &self, context->token.id, &forever);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_string_equal(answer.fault.field, "expires_at");
    struct answer successor = fixture_rotate(fixture, &self, context->token.id, &plain);
    assert_int_equal(successor.error, TKR_OK);
    assert_int_equal(fixture_rollback(fixture, &self, context->token.id, 0).error, TKR_FORBIDDEN);
    assert_int_equal(fixture_rollback(fixture, &self, successor.id, 0).error, TKR_FORBIDDEN);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    self.token_id = successor.id;
    assert_int_equal(fixture_rollback(fixture, &self, successor.id, 0).error, TKR_OK);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
}

static void test_of_two_rotations_one_wins_and_the_other_is_told(void **state)
{
    struct context *context = *state;
    struct answer first = rotate(context, context->token.id, HOUR_MS);
    struct answer second = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(first.error, TKR_OK);
    assert_int_equal(second.error, TKR_CONFLICT);
    assert_non_null(strstr(second.fault.detail, first.id));
    assert_string_equal(second.plaintext, "");
}

/* --- rotation -------------------------------------------------------------------------------- */

static void test_a_successor_has_the_same_configuration(void **state)
{
    struct context *context = *state;
    advance(context, 10 * DAY_MS);
    struct answer answer = rotate(context, context->token.id, HOUR_MS);
    struct token before = stored(context, context->token.id);
    struct token after = stored(context, answer.id);
    assert_string_equal(after.name, before.name);
    assert_string_equal(after.user_id, "alice");
    assert_string_equal(after.scopes, before.scopes);
    assert_string_equal(after.tier, before.tier);
    assert_string_equal(after.metadata, "{\"team\":\"a\"}");
    assert_memory_equal(&after.overrides, &before.overrides, sizeof(after.overrides));
    assert_string_equal(after.lineage_id, before.lineage_id);
    assert_string_equal(after.rotated_from, before.id);
    assert_string_equal(before.replaced_by, after.id);
    assert_int_equal(after.line, before.line);
    /* As long as the predecessor was given, from now on. */
    assert_int_equal(after.expires_at_ms - after.created_at_ms, 90 * DAY_MS);
    assert_int_equal(before.grace_until_ms - after.created_at_ms, HOUR_MS);
}

static void test_both_work_until_the_overlap_ends(void **state)
{
    struct context *context = *state;
    struct answer answer = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
    advance(context, HOUR_MS - 1);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    advance(context, 1);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_EXPIRED);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
}

static void test_without_overlap_the_predecessor_ends_at_once(void **state)
{
    struct context *context = *state;
    struct answer answer = rotate(context, context->token.id, 0);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_EXPIRED);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
}

static void test_an_overlap_makes_no_token_live_longer(void **state)
{
    struct context *context = *state;
    advance(context, 90 * DAY_MS - HOUR_MS);
    (void)rotate(context, context->token.id, 2 * HOUR_MS);
    advance(context, HOUR_MS);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_EXPIRED);
}

static void test_limits_and_totals_are_the_lineages(void **state)
{
    struct context *context = *state;
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    struct answer answer = rotate(context, context->token.id, HOUR_MS / 2);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_RATE_LIMITED); /* 5 an hour */
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(stored(context, answer.id).request_count, 5);
    assert_int_equal(stored(context, context->token.id).request_count, 5);
}

static void test_the_last_use_is_told_by_version(void **state)
{
    struct context *context = *state;
    int64_t first_ms = authority_now_ms(context->fixture.authority);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    advance(context, 1000);
    struct answer answer = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(stored(context, answer.id).last_used_at_ms, 0);
    assert_int_equal(stored(context, context->token.id).last_used_at_ms, first_ms);
    advance(context, 1000);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
    assert_int_equal(stored(context, answer.id).last_used_at_ms, first_ms + 2000);
    assert_int_equal(stored(context, context->token.id).last_used_at_ms, first_ms);
    assert_int_equal(stored(context, context->token.id).version_count, 1);
    assert_int_equal(stored(context, answer.id).version_count, 1);
}

static void test_a_rotated_token_keeps_its_end(void **state)
{
    struct context *context = *state;
    (void)rotate(context, context->token.id, HOUR_MS);
    struct token_update longer = {
        .has_expires = true,
        .lifetime = {.has_expires_at = true,
                     .expires_at_ms = authority_now_ms(context->fixture.authority) + 9 * DAY_MS}};
    struct answer answer =
        fixture_update(&context->fixture, &fixture_admin, context->token.id, &longer);
    assert_int_equal(answer.error, TKR_CONFLICT);
    assert_string_equal(answer.fault.field, "expires_at");
}

static void test_a_lineage_goes_on_version_by_version(void **state)
{
    struct context *context = *state;
    struct answer second = rotate(context, context->token.id, HOUR_MS);
    struct answer third = rotate(context, second.id, HOUR_MS);
    assert_int_equal(third.error, TKR_OK);
    assert_string_equal(stored(context, third.id).lineage_id, context->token.id);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &second), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &third), TKR_VERDICT_VALID);
}

static void test_a_chosen_successor_is_kept_as_a_digest_and_exists_once(void **state)
{
    struct context *context = *state;
    static const char chosen[] = "6fa12bc09d4e58f37a1166d0b2c9e4857f30ad21";
    struct token_rotate asked = {.chosen = chosen, .chosen_length = strlen(chosen)};
    struct answer answer =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_string_equal(answer.plaintext, "");
    assert_int_equal(fixture_verify(&context->fixture, chosen), TKR_VERDICT_VALID);
    struct answer again = fixture_rotate(&context->fixture, &fixture_admin, answer.id, &asked);
    assert_int_equal(again.error, TKR_CONFLICT);
    assert_string_equal(again.fault.field, "token");
    assert_string_equal(stored(context, answer.id).replaced_by, ""); /* undone as a whole */
}

static void test_an_idempotency_key_rotates_once(void **state)
{
    struct context *context = *state;
    struct token_rotate asked = {.has_grace = true, .grace_ms = HOUR_MS, .idempotency_key = "k1"};
    struct answer first =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    struct answer again =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    assert_int_equal(again.error, TKR_OK);
    assert_true(again.replayed);
    assert_string_equal(again.id, first.id);
    assert_string_equal(again.plaintext, "");
}

static void test_each_rotation_has_its_events(void **state)
{
    struct context *context = *state;
    struct answer answer = rotate(context, context->token.id, HOUR_MS);
    char sql[400];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM events WHERE type = 'token.rotate' AND token_id = '%s'"
             " AND details LIKE '%%\"replaced_by\":\"%s\"%%'",
             context->token.id, answer.id);
    assert_int_equal(fixture_query(&context->fixture, sql), 1);
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM events WHERE type = 'token.create' AND token_id = '%s'",
             answer.id);
    assert_int_equal(fixture_query(&context->fixture, sql), 1);
}

static void test_a_reason_stays_in_the_event(void **state)
{
    struct context *context = *state;
    char sql[256], reason[REVOKE_REASON_BYTES_MAX + 2] = "";
    memset(reason, 'x', REVOKE_REASON_BYTES_MAX + 1);
    struct token_rotate asked = {.reason = reason};
    struct answer answer =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    assert_int_equal(answer.error, TKR_OUT_OF_RANGE);
    assert_string_equal(answer.fault.field, "reason");
    asked.reason = "quarterly";
    answer = fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    assert_int_equal(answer.error, TKR_OK);
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM events WHERE type = 'token.rotate' AND token_id = '%s'"
             " AND details LIKE '%%\"reason\":\"quarterly\"%%'",
             context->token.id);
    assert_int_equal(fixture_query(&context->fixture, sql), 1);
}

static void test_a_restart_keeps_both_versions_and_their_counts(void **state)
{
    struct context *context = *state;
    struct answer answer = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &answer), TKR_VERDICT_VALID);
    authority_fixture_stop(&context->fixture);
    temp_directory_remove(&context->fixture.runtime);
    temp_directory_make(&context->fixture.runtime);
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(stored(context, answer.id).version_count, 1);
    assert_int_equal(stored(context, answer.id).request_count, 3);
    advance(context, HOUR_MS);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_EXPIRED);
}

static void test_a_predecessor_that_is_not_used_any_more_keeps_its_last_use(void **state)
{
    struct context *context = *state;
    int64_t used_ms = authority_now_ms(context->fixture.authority);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    (void)rotate(context, context->token.id, HOUR_MS);
    authority_fixture_stop(&context->fixture);
    temp_directory_remove(&context->fixture.runtime);
    temp_directory_make(&context->fixture.runtime);
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    assert_int_equal(stored(context, context->token.id).last_used_at_ms, used_ms);
    assert_int_equal(stored(context, context->token.id).version_count, 1);
}

/* --- rollback --------------------------------------------------------------------------------- */

static void test_a_rollback_makes_the_predecessor_current_again(void **state)
{
    struct context *context = *state;
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    struct answer answer = fixture_rollback(&context->fixture, &fixture_admin, successor.id, 0);
    assert_int_equal(answer.error, TKR_OK);
    assert_string_equal(answer.id, context->token.id);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_REVOKED);
    struct token token = stored(context, context->token.id);
    assert_string_equal(token.replaced_by, "");
    assert_int_equal(token.grace_until_ms, 0);
    assert_int_equal(token.expires_at_ms, context->token.expires_at_ms);
    advance(context, 2 * HOUR_MS);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(rotate(context, context->token.id, 0).error, TKR_OK);
}

static void test_a_rollback_may_let_the_successor_live_on_for_a_while(void **state)
{
    struct context *context = *state;
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    struct answer answer =
        fixture_rollback(&context->fixture, &fixture_admin, context->token.id, HOUR_MS);
    assert_int_equal(answer.error, TKR_OK);
    assert_string_equal(answer.id, context->token.id);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    advance(context, HOUR_MS);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_EXPIRED);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
}

static void test_a_rollback_after_the_overlap_is_refused(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    assert_int_equal(fixture_rollback(fixture, &fixture_admin, context->token.id, 0).error,
                     TKR_CONFLICT);
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    advance(context, HOUR_MS);
    assert_int_equal(fixture_rollback(fixture, &fixture_admin, successor.id, 0).error,
                     TKR_CONFLICT);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
}

static void test_a_revoked_predecessor_does_not_come_back(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(fixture_revoke(fixture, &fixture_admin, context->token.id, "early").error,
                     TKR_OK);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_REVOKED);
    assert_int_equal(fixture_rollback(fixture, &fixture_admin, successor.id, 0).error,
                     TKR_CONFLICT);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_REVOKED);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
}

static void test_a_rollback_to_what_was_cleaned_away_is_a_conflict(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    advance(context, HOUR_MS);
    struct cleanup cleanup = {.before_ms = authority_now_ms(fixture->authority)};
    assert_int_equal(fixture_cleanup(fixture, &fixture_admin, &cleanup).cleanup.count, 1);
    struct answer answer = fixture_rollback(fixture, &fixture_admin, successor.id, 0);
    assert_int_equal(answer.error, TKR_CONFLICT);
    assert_non_null(strstr(answer.fault.detail, context->token.id));
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
}

static void test_the_counts_of_a_lineage_outlive_its_first_version(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    advance(context, 10 * DAY_MS);
    struct answer successor = rotate(context, context->token.id, HOUR_MS);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    assert_int_equal(
        fixture_rollback(fixture, &fixture_admin, context->token.id, 200 * DAY_MS).error, TKR_OK);
    advance(context, 80 * DAY_MS); /* the first version has ended, its successor not yet */
    authority_flush(fixture->authority);
    struct cleanup cleanup = {.before_ms = authority_now_ms(fixture->authority)};
    assert_int_equal(fixture_cleanup(fixture, &fixture_admin, &cleanup).cleanup.count, 1);
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->runtime);
    temp_directory_make(&fixture->runtime);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    assert_int_equal(stored(context, successor.id).request_count, 1);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
}

/* --- quiet -------------------------------------------------------------------------------------
 */

#define QUIET_MS 600000

static void start_with_quiet(struct context *context)
{
    authority_fixture_stop(&context->fixture);
    context->fixture.options.rotation_quiet_ms = QUIET_MS;
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
}

/* Twice: the first one asks for the end, which the second finds done. */
static void let_it_look(struct context *context)
{
    authority_flush(context->fixture.authority);
    authority_flush(context->fixture.authority);
}

static void test_a_predecessor_ends_when_it_was_quiet_beside_a_used_successor(void **state)
{
    struct context *context = *state;
    start_with_quiet(context);
    struct answer successor = rotate(context, context->token.id, DAY_MS);
    advance(context, 2 * QUIET_MS);
    let_it_look(context); /* the successor was not used yet */
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    let_it_look(context); /* from now on */
    advance(context, QUIET_MS - 1);
    let_it_look(context);
    assert_int_equal(stored(context, context->token.id).status, TOKEN_ACTIVE);
    advance(context, 1);
    let_it_look(context);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_EXPIRED);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM events WHERE type ="
                                                      " 'token.end_grace' AND actor_user ="
                                                      " 'tokenry'"),
                     1);
}

static void test_a_predecessor_that_is_used_goes_on(void **state)
{
    struct context *context = *state;
    start_with_quiet(context);
    struct answer successor = rotate(context, context->token.id, DAY_MS);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    let_it_look(context);
    advance(context, QUIET_MS - 1);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    advance(context, 1);
    let_it_look(context);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    assert_int_equal(fixture_rollback(&context->fixture, &fixture_admin, successor.id, 0).error,
                     TKR_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_cannot_be_rotated_is_refused_and_stays),
        TEST(test_nobody_rotates_a_token_with_more_scope_than_they_have),
        TEST(test_a_token_does_not_lift_its_own_end),
        TEST(test_of_two_rotations_one_wins_and_the_other_is_told),
        TEST(test_a_successor_has_the_same_configuration),
        TEST(test_both_work_until_the_overlap_ends),
        TEST(test_without_overlap_the_predecessor_ends_at_once),
        TEST(test_an_overlap_makes_no_token_live_longer),
        TEST(test_limits_and_totals_are_the_lineages),
        TEST(test_the_last_use_is_told_by_version),
        TEST(test_a_rotated_token_keeps_its_end),
        TEST(test_a_lineage_goes_on_version_by_version),
        TEST(test_a_chosen_successor_is_kept_as_a_digest_and_exists_once),
        TEST(test_an_idempotency_key_rotates_once),
        TEST(test_each_rotation_has_its_events),
        TEST(test_a_reason_stays_in_the_event),
        TEST(test_a_restart_keeps_both_versions_and_their_counts),
        TEST(test_a_predecessor_that_is_not_used_any_more_keeps_its_last_use),
        TEST(test_a_rollback_makes_the_predecessor_current_again),
        TEST(test_a_rollback_may_let_the_successor_live_on_for_a_while),
        TEST(test_a_rollback_after_the_overlap_is_refused),
        TEST(test_a_revoked_predecessor_does_not_come_back),
        TEST(test_a_rollback_to_what_was_cleaned_away_is_a_conflict),
        TEST(test_the_counts_of_a_lineage_outlive_its_first_version),
        TEST(test_a_predecessor_ends_when_it_was_quiet_beside_a_used_successor),
        TEST(test_a_predecessor_that_is_used_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
