/* SPDX-License-Identifier: Apache-2.0 */
/* Cleaning away what ended long ago. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"

#define DAY_MS INT64_C(86400000)
static const char chosen[] = "6fa12bc09d4e58f37a1166d0b2c9e4857f30ad21";

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
    struct answer expired, revoked, current;
};

static struct answer create(struct context *context, int64_t lifetime_ms, const char *text)
{
    struct token_create asked = fixture_token("n");
    asked.lifetime.has_expires_at = true;
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + lifetime_ms;
    asked.chosen = text;
    asked.chosen_length = text != NULL ? strlen(text) : 0;
    return fixture_create(&context->fixture, &fixture_admin, &asked);
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
    assert_int_equal(arena_new(1 << 20, &context->arena), TKR_OK);
    context->expired = create(context, DAY_MS, NULL);
    context->revoked = create(context, 300 * DAY_MS, chosen);
    context->current = create(context, 300 * DAY_MS, NULL);
    assert_int_equal(
        fixture_revoke(&context->fixture, &fixture_admin, context->revoked.id, NULL).error, TKR_OK);
    virtual_clock_advance(&context->fixture.time, 100 * DAY_MS);
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

static int64_t before(struct context *context, int days)
{
    return authority_now_ms(context->fixture.authority) - days * DAY_MS;
}

static struct answer clean(struct context *context, int days, bool deactivate_only)
{
    struct cleanup asked = {.before_ms = before(context, days), .deactivate_only = deactivate_only};
    return fixture_cleanup(&context->fixture, &fixture_admin, &asked);
}

static void test_it_is_for_who_may_do_everything_and_about_the_past(void **state)
{
    struct context *context = *state;
    struct cleanup asked = {.before_ms = before(context, 1)};
    assert_int_equal(fixture_cleanup(&context->fixture, &fixture_alice, &asked).error,
                     TKR_FORBIDDEN);
    asked.before_ms = before(context, -1);
    assert_int_equal(fixture_cleanup(&context->fixture, &fixture_admin, &asked).error,
                     TKR_OUT_OF_RANGE);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens"), 3);
}

static void test_a_count_says_what_it_would_find_and_changes_nothing(void **state)
{
    struct context *context = *state;
    uint64_t expired = 0, revoked = 0;
    assert_int_equal(authority_count_cleanup(context->fixture.authority, &fixture_admin,
                                             before(context, 90), &expired, &revoked, NULL),
                     TKR_OK);
    assert_int_equal(expired, 1);
    assert_int_equal(revoked, 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens"), 3);
}

static void test_what_ended_before_the_time_goes_and_nothing_else(void **state)
{
    struct context *context = *state;
    assert_int_equal(clean(context, 100, false).cleanup.count, 1); /* the revoked one */
    assert_int_equal(clean(context, 90, false).cleanup.count, 1);
    struct answer answer = clean(context, 1, false);
    assert_int_equal(answer.cleanup.count, 0);
    assert_false(answer.cleanup.more);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT tokens FROM meta"), 1);
    assert_int_equal(fixture_verify(&context->fixture, context->expired.plaintext),
                     TKR_VERDICT_NOT_FOUND);
    assert_int_equal(fixture_verify(&context->fixture, chosen), TKR_VERDICT_NOT_FOUND);
    assert_int_equal(fixture_verify(&context->fixture, context->current.plaintext),
                     TKR_VERDICT_VALID);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'token.cleanup'"),
                     2);
}

static void test_a_revoked_token_that_was_cleaned_away_never_comes_back(void **state)
{
    struct context *context = *state;
    assert_int_equal(clean(context, 1, false).cleanup.count, 2);
    assert_int_equal(create(context, DAY_MS, chosen).error, TKR_CONFLICT);
    assert_int_equal(fixture_verify(&context->fixture, chosen), TKR_VERDICT_NOT_FOUND);
}

/* Its old endpoint may say yes to it for ever. */
static void test_an_adopted_token_that_ended_is_not_adopted_again(void **state)
{
    struct context *context = *state;
    static const char old[] = "Rk4vPz9wQ2mXt7LcYb1sNh6u";
    struct token_create asked = fixture_token("old");
    asked.chosen = old;
    asked.chosen_length = strlen(old);
    asked.adopted = asked.force = true;
    asked.lifetime.has_expires_at = true;
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + DAY_MS;
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &asked).error, TKR_OK);
    virtual_clock_advance(&context->fixture.time, 10 * DAY_MS);
    assert_int_equal(clean(context, 1, false).cleanup.count, 3);
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + DAY_MS;
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &asked).error, TKR_CONFLICT);
    assert_int_equal(fixture_verify(&context->fixture, old), TKR_VERDICT_NOT_FOUND);
}

static void test_deactivating_revokes_and_deletes_nothing(void **state)
{
    struct context *context = *state;
    assert_int_equal(clean(context, 90, true).cleanup.count, 1);
    assert_int_equal(clean(context, 90, true).cleanup.count, 0);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens"), 3);
    assert_int_equal(fixture_verify(&context->fixture, context->expired.plaintext),
                     TKR_VERDICT_REVOKED);
    assert_string_equal(
        fixture_stored(&context->fixture, context->expired.id, context->arena).revoke_reason,
        "expired");
}

static void test_held_ones_go_as_well_and_their_events_say_what_they_were(void **state)
{
    struct context *context = *state;
    struct answer disabled = create(context, 20 * DAY_MS, NULL);
    struct answer leaked = create(context, 10 * DAY_MS, NULL);
    assert_int_equal(
        fixture_hold(&context->fixture, &fixture_admin, disabled.id, HOLD_DISABLE, NULL).error,
        TKR_OK);
    virtual_clock_advance(&context->fixture.time, 20 * DAY_MS);
    assert_int_equal(
        fixture_hold(&context->fixture, &fixture_admin, leaked.id, HOLD_QUARANTINE, NULL).error,
        TKR_OK);
    virtual_clock_advance(&context->fixture.time, 20 * DAY_MS);
    assert_int_equal(clean(context, 21, false).cleanup.count, 2); /* those of every test */
    assert_int_equal(clean(context, 20, false).cleanup.count, 2);
    assert_int_equal(fixture_verify(&context->fixture, disabled.plaintext), TKR_VERDICT_NOT_FOUND);
    assert_int_equal(fixture_verify(&context->fixture, leaked.plaintext), TKR_VERDICT_NOT_FOUND);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'token.cleanup'"
                                   " AND details = '{\"was\":\"quarantined\"}'"),
                     1);
}

static void test_many_go_in_batches(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < CLEANUP_BATCH_MAX + 10; i++) {
        assert_int_equal(create(context, 1000, NULL).error, TKR_OK);
    }
    virtual_clock_advance(&context->fixture.time, 10 * DAY_MS);
    struct answer first = clean(context, 5, false);
    assert_int_equal(first.cleanup.count, CLEANUP_BATCH_MAX);
    assert_true(first.cleanup.more);
    struct answer second = clean(context, 5, false);
    assert_int_equal(second.cleanup.count, 12);
    assert_false(second.cleanup.more);
}

static void test_a_restart_after_it_finds_the_segment_as_it_is(void **state)
{
    struct context *context = *state;
    assert_int_equal(clean(context, 1, false).cleanup.count, 2);
    authority_fixture_stop(&context->fixture);
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    assert_int_equal(fixture_reports(&context->fixture, "segment_built"), 1); /* the first one */
    assert_int_equal(fixture_verify(&context->fixture, context->current.plaintext),
                     TKR_VERDICT_VALID);
    assert_int_equal(fixture_verify(&context->fixture, chosen), TKR_VERDICT_NOT_FOUND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_for_who_may_do_everything_and_about_the_past),
        TEST(test_a_count_says_what_it_would_find_and_changes_nothing),
        TEST(test_what_ended_before_the_time_goes_and_nothing_else),
        TEST(test_a_revoked_token_that_was_cleaned_away_never_comes_back),
        TEST(test_an_adopted_token_that_ended_is_not_adopted_again),
        TEST(test_deactivating_revokes_and_deletes_nothing),
        TEST(test_held_ones_go_as_well_and_their_events_say_what_they_were),
        TEST(test_many_go_in_batches),
        TEST(test_a_restart_after_it_finds_the_segment_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
