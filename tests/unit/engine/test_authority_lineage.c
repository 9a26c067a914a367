/* SPDX-License-Identifier: Apache-2.0 */
/* What is changed of the current version holds for those that live on beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "engine/leaks.h"

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
    struct answer first, second; /* versions of one lineage, the second one is current */
};

static struct answer rotate(struct context *context, const char *token_id, int64_t grace_ms)
{
    struct token_rotate asked = {.has_grace = true, .grace_ms = grace_ms};
    return fixture_rotate(&context->fixture, &fixture_admin, token_id, &asked);
}

static int set_up(void **state)
{
    static const char *const scopes[] = {"api:read", "api:write"};
    struct context *context = calloc(1, sizeof(*context));
    struct token_create create = fixture_token("ci");
    create.scopes = scopes;
    create.scope_count = 2;
    authority_fixture_open(&context->fixture);
    context->first = fixture_create(&context->fixture, &fixture_admin, &create);
    context->second = rotate(context, context->first.id, DAY_MS);
    assert_int_equal(context->second.error, TKR_OK);
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

static struct token stored(struct context *context, const struct answer *token)
{
    return fixture_stored(&context->fixture, token->id, context->arena);
}

static tkr_verdict_t verify(struct context *context, const struct answer *token)
{
    return fixture_verify(&context->fixture, token->plaintext);
}

static void assert_verdicts(struct context *context, tkr_verdict_t first, tkr_verdict_t second)
{
    assert_int_equal(verify(context, &context->first), first);
    assert_int_equal(verify(context, &context->second), second);
}

static tkr_error_t hold(struct context *context, const struct answer *token, enum token_hold hold)
{
    return fixture_hold(&context->fixture, &fixture_admin, token->id, hold, NULL).error;
}

static struct answer update(struct context *context, const struct answer *token,
                            const struct token_update *update)
{
    return fixture_update(&context->fixture, &fixture_admin, token->id, update);
}

static tkr_error_t revoke(struct context *context, const struct answer *token)
{
    return fixture_revoke(&context->fixture, &fixture_admin, token->id, "leaked").error;
}

/* Nothing is left of what verifiers saw. */
static void restart(struct context *context)
{
    struct authority_fixture *fixture = &context->fixture;
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->runtime);
    temp_directory_make(&fixture->runtime);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
}

static int64_t events(struct context *context, const char *type, const struct answer *token)
{
    char sql[160];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s' AND token_id = '%s'",
             type, token->id);
    return fixture_query(&context->fixture, sql);
}

/* --- what a version may not be changed by itself ---------------------------------------------- */

static void test_a_version_that_is_not_current_is_configured_by_its_successor(void **state)
{
    struct context *context = *state;
    static const struct cidr network = {.network = {.family = 4, .bytes = {192, 0, 2, 0}},
                                        .prefix_bits = 24};
    const struct token_update updates[] = {
        {.has_name = true, .name = "other"},
        {.has_tier = true, .tier = "free"},
        {.has_scopes = true},
        {.has_role = true, .role = NULL},
        {.has_overrides = true},
        {.has_allowed_ips = true, .allowed_ips = &network, .allowed_ip_count = 1},
        {.has_metadata = true, .metadata = "{\"a\":1}"},
        {.has_not_before = true, .not_before_ms = 1},
        {.has_expires = true, .lifetime = {.never = true}},
    };
    struct token before = stored(context, &context->first);
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
        struct answer answer = update(context, &context->first, &updates[i]);
        assert_int_equal(answer.error, TKR_CONFLICT);
        assert_non_null(strstr(answer.fault.detail, context->second.id));
    }
    assert_int_equal(stored(context, &context->first).version, before.version);
}

static void test_more_versions_than_may_live_at_a_time_are_refused(void **state)
{
    struct context *context = *state;
    struct answer current = context->second;
    for (int i = 1; i < VERSIONS_LIVE_MAX; i++) {
        current = rotate(context, current.id, HOUR_MS);
        assert_int_equal(current.error, TKR_OK);
    }
    assert_int_equal(rotate(context, current.id, HOUR_MS).error, TKR_CAPACITY);
    assert_string_equal(stored(context, &current).replaced_by, "");
    virtual_clock_advance(&context->fixture.time, HOUR_MS);
    assert_int_equal(rotate(context, current.id, HOUR_MS).error, TKR_OK);
}

/* --- revoking -----------------------------------------------------------------------------------
 */

static void test_revoking_the_current_version_ends_the_one_before_it(void **state)
{
    struct context *context = *state;
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
    assert_int_equal(revoke(context, &context->second), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_REVOKED);
    assert_string_equal(stored(context, &context->first).revoke_reason, "leaked");
    assert_int_equal(events(context, "token.revoke", &context->first), 1);
    assert_int_equal(events(context, "token.revoke", &context->second), 1);
    assert_int_equal(
        fixture_rollback(&context->fixture, &fixture_admin, context->second.id, 0).error,
        TKR_CONFLICT);
    restart(context);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_REVOKED);
}

static void test_revoking_an_older_version_leaves_the_current_one(void **state)
{
    struct context *context = *state;
    assert_int_equal(revoke(context, &context->first), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_VALID);
}

static void test_every_version_in_its_overlap_ends_with_the_current_one(void **state)
{
    struct context *context = *state;
    struct answer third = rotate(context, context->second.id, HOUR_MS);
    struct answer fourth = rotate(context, third.id, DAY_MS);
    virtual_clock_advance(&context->fixture.time, HOUR_MS); /* the second one has ended */
    assert_int_equal(revoke(context, &fourth), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_EXPIRED);
    assert_int_equal(verify(context, &third), TKR_VERDICT_REVOKED);
    assert_int_equal(events(context, "token.revoke", &context->second), 0);
}

static void test_a_successor_that_was_rolled_back_ends_with_the_current_one(void **state)
{
    struct context *context = *state;
    assert_int_equal(
        fixture_rollback(&context->fixture, &fixture_admin, context->second.id, DAY_MS).error,
        TKR_OK);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
    assert_int_equal(revoke(context, &context->first), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_REVOKED);
}

/* --- holding ------------------------------------------------------------------------------------
 */

static void test_what_is_held_with_the_current_version_is_restored_with_it(void **state)
{
    struct context *context = *state;
    assert_int_equal(hold(context, &context->second, HOLD_DISABLE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_DISABLED, TKR_VERDICT_DISABLED);
    assert_int_equal(hold(context, &context->second, HOLD_RESTORE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
    assert_int_equal(hold(context, &context->second, HOLD_QUARANTINE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_QUARANTINED, TKR_VERDICT_QUARANTINED);
    struct token_update free_it = {.has_quarantined = true};
    assert_int_equal(update(context, &context->second, &free_it).error, TKR_OK);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
}

static void test_what_was_held_by_itself_stays_held(void **state)
{
    struct context *context = *state;
    assert_int_equal(hold(context, &context->first, HOLD_QUARANTINE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_QUARANTINED, TKR_VERDICT_VALID);
    virtual_clock_advance(&context->fixture.time, 1);
    assert_int_equal(hold(context, &context->second, HOLD_QUARANTINE), TKR_OK);
    assert_int_equal(hold(context, &context->second, HOLD_RESTORE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_QUARANTINED, TKR_VERDICT_VALID);
    assert_int_equal(hold(context, &context->first, HOLD_RESTORE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
}

/* --- the configuration ---------------------------------------------------------------------------
 */

static void test_the_configuration_is_that_of_the_lineage(void **state)
{
    struct context *context = *state;
    static const char *const less[] = {"api:read"};
    struct token_update change = {
        .has_scopes = true,
        .scopes = less,
        .scope_count = 1,
        .has_name = true,
        .name = "ci-2",
        .has_metadata = true,
        .metadata = "{\"team\":\"b\"}",
        .has_overrides = true,
        .overrides = {.set = 1 << WINDOW_HOUR, .limit = {0, 2, 0}},
    };
    assert_int_equal(update(context, &context->second, &change).error, TKR_OK);
    struct token first = stored(context, &context->first);
    assert_string_equal(first.scopes, "api:read");
    assert_string_equal(first.name, "ci-2");
    assert_string_equal(first.metadata, "{\"team\":\"b\"}");
    assert_int_equal(events(context, "token.update", &context->first), 1);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
    assert_verdicts(context, TKR_VERDICT_RATE_LIMITED, TKR_VERDICT_RATE_LIMITED);
    restart(context);
    assert_verdicts(context, TKR_VERDICT_RATE_LIMITED, TKR_VERDICT_RATE_LIMITED);
}

static void test_a_network_that_is_taken_away_is_taken_from_each(void **state)
{
    struct context *context = *state;
    static const struct cidr network = {.network = {.family = 4, .bytes = {192, 0, 2, 0}},
                                        .prefix_bits = 24};
    struct token_update change = {
        .has_allowed_ips = true, .allowed_ips = &network, .allowed_ip_count = 1};
    assert_int_equal(update(context, &context->second, &change).error, TKR_OK);
    assert_verdicts(context, TKR_VERDICT_IP_NOT_ALLOWED, TKR_VERDICT_IP_NOT_ALLOWED);
}

static void test_a_rollback_brings_nothing_back_that_was_taken_away(void **state)
{
    struct context *context = *state;
    static const char *const less[] = {"api:read"};
    struct token_update change = {.has_scopes = true, .scopes = less, .scope_count = 1};
    assert_int_equal(update(context, &context->second, &change).error, TKR_OK);
    assert_int_equal(
        fixture_rollback(&context->fixture, &fixture_admin, context->second.id, 0).error, TKR_OK);
    assert_string_equal(stored(context, &context->first).scopes, "api:read");
}

static void test_an_end_is_only_brought_forward(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    int64_t now_ms = authority_now_ms(fixture->authority);
    struct token_update change = {
        .has_expires = true,
        .lifetime = {.has_expires_at = true, .expires_at_ms = now_ms + 200 * DAY_MS}};
    assert_int_equal(update(context, &context->second, &change).error, TKR_OK);
    struct token first = stored(context, &context->first);
    assert_int_equal(first.expires_at_ms, first.grace_until_ms);
    assert_int_equal(first.expires_ungraced_ms, context->first.expires_at_ms);
    change.lifetime.expires_at_ms = now_ms + HOUR_MS;
    assert_int_equal(update(context, &context->second, &change).error, TKR_OK);
    assert_int_equal(stored(context, &context->first).expires_at_ms, now_ms + HOUR_MS);
    assert_int_equal(fixture_rollback(fixture, &fixture_admin, context->second.id, 0).error,
                     TKR_OK);
    assert_int_equal(stored(context, &context->first).expires_at_ms, now_ms + HOUR_MS);
}

/* --- whose bounds they are ------------------------------------------------------------------- */

/* Whoever has the token may change others, and gives credits. */
static struct principal holder(const struct answer *token)
{
    struct principal by = fixture_alice;
    by.token_id = token->id;
    by.scopes = "api:* credits:write tokens:write";
    return by;
}

static const struct cidr here = {.network = {.family = 4, .bytes = {192, 0, 2, 0}},
                                 .prefix_bits = 24};

static void test_a_version_does_not_free_itself_by_way_of_its_successor(void **state)
{
    struct context *context = *state;
    struct principal by = holder(&context->first);
    struct credits_asked credits = {.operation = CREDITS_SET, .amount = 1000000};
    const struct token_update bounds[] = {
        {.has_tier = true, .tier = "free"},
        {.has_overrides = true},
        {.has_allowed_ips = true},
        {.has_not_before = true},
        {.has_expires = true, .lifetime = {.never = true}},
        {.has_credits = true, .credits = &credits},
    };
    struct token_update bind = {.has_allowed_ips = true,
                                .allowed_ips = &here,
                                .allowed_ip_count = 1,
                                .has_overrides = true,
                                .overrides = {.set = 1 << WINDOW_HOUR, .limit = {0, 2, 0}}};
    assert_int_equal(update(context, &context->second, &bind).error, TKR_OK);
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        assert_int_equal(
            fixture_update(&context->fixture, &by, context->second.id, &bounds[i]).error,
            TKR_FORBIDDEN);
    }
    assert_int_equal(stored(context, &context->first).allowed_ip_count, 1);
    assert_verdicts(context, TKR_VERDICT_IP_NOT_ALLOWED, TKR_VERDICT_IP_NOT_ALLOWED);
    struct token_update call_it = {.has_name = true, .name = "mine"};
    assert_int_equal(fixture_update(&context->fixture, &by, context->second.id, &call_it).error,
                     TKR_OK);
    struct token_rotate rotation = {.has_lifetime = true, .lifetime = {.never = true}};
    assert_int_equal(fixture_rotate(&context->fixture, &by, context->second.id, &rotation).error,
                     TKR_FORBIDDEN);
}

static void test_another_token_of_the_same_scope_changes_the_bounds(void **state)
{
    struct context *context = *state;
    struct token_create create = fixture_token("other");
    struct answer other = fixture_create(&context->fixture, &fixture_admin, &create);
    struct principal by = holder(&other);
    struct token_update bind = {
        .has_allowed_ips = true, .allowed_ips = &here, .allowed_ip_count = 1};
    assert_int_equal(fixture_update(&context->fixture, &by, context->second.id, &bind).error,
                     TKR_OK);
}

/* --- what one of them alone went through ------------------------------------------------------ */

static void leak(struct context *context, const struct answer *token, bool revoke_it);

static void test_revoking_a_current_version_that_a_leak_ended_ends_the_others(void **state)
{
    struct context *context = *state;
    leak(context, &context->second, true);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_REVOKED);
    assert_int_equal(revoke(context, &context->second), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_REVOKED);
    assert_int_equal(events(context, "token.revoke", &context->first), 1);
    assert_int_equal(revoke(context, &context->second), TKR_OK); /* and once more does nothing */
    assert_int_equal(events(context, "token.revoke", &context->first), 1);
    restart(context);
    assert_verdicts(context, TKR_VERDICT_REVOKED, TKR_VERDICT_REVOKED);
}

static void test_what_leaked_while_it_was_held_with_the_current_version_stays_held(void **state)
{
    struct context *context = *state;
    assert_int_equal(hold(context, &context->second, HOLD_QUARANTINE), TKR_OK);
    leak(context, &context->first, false);
    assert_int_equal(hold(context, &context->second, HOLD_RESTORE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_QUARANTINED, TKR_VERDICT_VALID);
    assert_int_equal(hold(context, &context->first, HOLD_RESTORE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
}

static void test_what_is_held_once_more_by_itself_stays_held(void **state)
{
    struct context *context = *state;
    static const enum token_hold holds[] = {HOLD_DISABLE, HOLD_QUARANTINE};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(hold(context, &context->second, holds[i]), TKR_OK);
        assert_int_equal(hold(context, &context->first, holds[i]), TKR_OK);
        assert_int_equal(hold(context, &context->second, HOLD_RESTORE), TKR_OK);
        assert_int_equal(verify(context, &context->second), TKR_VERDICT_VALID);
        assert_int_not_equal(verify(context, &context->first), TKR_VERDICT_VALID);
        assert_int_equal(hold(context, &context->first, HOLD_RESTORE), TKR_OK);
        assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_VALID);
    }
}

static void test_holding_a_held_current_version_holds_the_others(void **state)
{
    struct context *context = *state;
    leak(context, &context->second, false);
    assert_verdicts(context, TKR_VERDICT_VALID, TKR_VERDICT_QUARANTINED);
    assert_int_equal(hold(context, &context->second, HOLD_QUARANTINE), TKR_OK);
    assert_verdicts(context, TKR_VERDICT_QUARANTINED, TKR_VERDICT_QUARANTINED);
}

static void leaks_taken(void *context, const struct change_result *result)
{
    atomic_store((_Atomic int *)context, result->error == TKR_OK ? 1 : 2);
}

static void leak(struct context *context, const struct answer *token, bool revoke_it)
{
    static uint8_t number;
    struct leaked leaked = {0};
    struct leak_notice notice = {
        .scanner = "github", .revoke = revoke_it, .leaks = &leaked, .count = 1};
    _Atomic int taken = 0;
    memcpy(leaked.digest, token->digest, sizeof(leaked.digest));
    notice.digest[0] = ++number;
    assert_int_equal(authority_take_leaks(context->fixture.authority, &fixture_admin, &notice,
                                          leaks_taken, &taken, NULL),
                     TKR_OK);
    while (atomic_load(&taken) == 0) {
        sched_yield();
    }
    assert_int_equal(atomic_load(&taken), 1);
    assert_true(leaked.ours);
}

/* --- the family of many versions ---------------------------------------------------------------
 */

static tkr_error_t (*list_versions)(struct store *store, const char *lineage_id, uint32_t most,
                                    char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
static _Atomic int lists;

static tkr_error_t count_lists(struct store *store, const char *lineage_id, uint32_t most,
                               char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count)
{
    atomic_fetch_add(&lists, 1);
    return list_versions(store, lineage_id, most, ret_ids, ret_count);
}

static void family_revoked(void *context, const struct change_result *result)
{
    atomic_store((_Atomic int *)context, result->error == TKR_OK ? 1 : 2);
}

/* And not once more for each of them: a thousand that list a thousand take seconds, in which
 * nothing else is changed. */
static void test_the_versions_of_a_family_are_listed_once(void **state)
{
    enum { VERSIONS = 20 };
    struct context *context = *state;
    struct answer current = context->second;
    _Atomic int revoked = 0;
    for (int i = 0; i < VERSIONS; i++) {
        current = rotate(context, current.id, 0);
        assert_int_equal(current.error, TKR_OK);
    }
    list_versions = context->fixture.port.list_versions;
    context->fixture.port.list_versions = count_lists;
    assert_int_equal(authority_revoke_family(context->fixture.authority, &fixture_admin, current.id,
                                             "leaked", 0, false, family_revoked, &revoked, NULL),
                     TKR_OK);
    while (atomic_load(&revoked) == 0) {
        sched_yield();
    }
    assert_int_equal(atomic_load(&revoked), 1);
    assert_int_equal(atomic_load(&lists), 1);
    assert_int_equal(
        fixture_query(&context->fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"),
        0);
}

static void test_no_version_outlives_its_successor(void **state)
{
    struct context *context = *state;
    struct token_rotate asked = {
        .has_grace = true,
        .grace_ms = DAY_MS,
        .has_lifetime = true,
        .lifetime = {.has_expires_at = true,
                     .expires_at_ms = authority_now_ms(context->fixture.authority) + HOUR_MS}};
    struct answer third =
        fixture_rotate(&context->fixture, &fixture_admin, context->second.id, &asked);
    assert_int_equal(third.error, TKR_OK);
    virtual_clock_advance(&context->fixture.time, 2 * HOUR_MS);
    assert_int_equal(verify(context, &third), TKR_VERDICT_EXPIRED);
    assert_verdicts(context, TKR_VERDICT_EXPIRED, TKR_VERDICT_EXPIRED);
}

#define WITH_CONTEXT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(test_a_version_that_is_not_current_is_configured_by_its_successor),
        WITH_CONTEXT(test_more_versions_than_may_live_at_a_time_are_refused),
        WITH_CONTEXT(test_revoking_the_current_version_ends_the_one_before_it),
        WITH_CONTEXT(test_revoking_an_older_version_leaves_the_current_one),
        WITH_CONTEXT(test_every_version_in_its_overlap_ends_with_the_current_one),
        WITH_CONTEXT(test_a_successor_that_was_rolled_back_ends_with_the_current_one),
        WITH_CONTEXT(test_what_is_held_with_the_current_version_is_restored_with_it),
        WITH_CONTEXT(test_what_was_held_by_itself_stays_held),
        WITH_CONTEXT(test_the_configuration_is_that_of_the_lineage),
        WITH_CONTEXT(test_a_network_that_is_taken_away_is_taken_from_each),
        WITH_CONTEXT(test_a_rollback_brings_nothing_back_that_was_taken_away),
        WITH_CONTEXT(test_an_end_is_only_brought_forward),
        WITH_CONTEXT(test_no_version_outlives_its_successor),
        WITH_CONTEXT(test_a_version_does_not_free_itself_by_way_of_its_successor),
        WITH_CONTEXT(test_another_token_of_the_same_scope_changes_the_bounds),
        WITH_CONTEXT(test_revoking_a_current_version_that_a_leak_ended_ends_the_others),
        WITH_CONTEXT(test_what_leaked_while_it_was_held_with_the_current_version_stays_held),
        WITH_CONTEXT(test_what_is_held_once_more_by_itself_stays_held),
        WITH_CONTEXT(test_holding_a_held_current_version_holds_the_others),
        WITH_CONTEXT(test_the_versions_of_a_family_are_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
