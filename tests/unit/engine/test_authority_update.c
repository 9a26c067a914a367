/* SPDX-License-Identifier: Apache-2.0 */
/* Changing and revoking tokens, and tiers. */
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

static const struct principal stranger = {
    .org_id = "beta",
    .user_id = "eve",
    .token_id = "",
    .scopes = "tokens:write",
    .client = "",
    .request_id = "",
    .user_agent = "",
};

struct context {
    struct authority_fixture fixture;
    struct answer token; /* a token of alice's, to be changed */
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    struct token_create create = fixture_token("laptop");
    authority_fixture_open(&context->fixture);
    context->token = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(context->token.error, TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

static struct answer update(struct context *context, const struct token_update *update)
{
    return fixture_update(&context->fixture, &fixture_admin, context->token.id, update);
}

static struct answer revoke(struct context *context)
{
    return fixture_revoke(&context->fixture, &fixture_admin, context->token.id, "lost");
}

static struct token stored(struct context *context, struct arena *arena)
{
    struct token token;
    assert_int_equal(authority_get_token(context->fixture.authority, &fixture_admin,
                                         context->token.id, arena, &token),
                     TKR_OK);
    return token;
}

static int64_t events(struct context *context, const char *type)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s'", type);
    return fixture_query(&context->fixture, sql);
}

/* Nothing of it is stored, and no event says so. */
static void assert_refused(struct context *context, const struct token_update *asked,
                           tkr_error_t error, const char *field)
{
    struct answer answer = update(context, asked);
    assert_int_equal(answer.error, error);
    assert_string_equal(answer.fault.field, field);
    assert_int_equal(fixture_query(&context->fixture, "SELECT max(version) FROM tokens"), 1);
    assert_int_equal(events(context, "token.update"), 0);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_token_that_is_not_there_cannot_be_changed(void **state)
{
    struct context *context = *state;
    static const char *const ids[] = {"", "tok_", "tok_00000000000000000000000000",
                                      "tok_0000000000000000000000000!", "'; DROP TABLE tokens"};
    struct token_update asked = {.has_disabled = true, .disabled = true};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(fixture_update(&context->fixture, &fixture_admin, ids[i], &asked).error,
                         TKR_NOT_FOUND);
        assert_int_equal(fixture_revoke(&context->fixture, &fixture_admin, ids[i], NULL).error,
                         TKR_NOT_FOUND);
    }
}

static void test_a_token_of_another_org_does_not_exist(void **state)
{
    struct context *context = *state;
    struct token_update asked = {.has_disabled = true, .disabled = true};
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    assert_int_equal(fixture_update(&context->fixture, &stranger, context->token.id, &asked).error,
                     TKR_NOT_FOUND);
    assert_int_equal(fixture_revoke(&context->fixture, &stranger, context->token.id, NULL).error,
                     TKR_NOT_FOUND);
    assert_int_equal(authority_get_token(context->fixture.authority, &stranger, context->token.id,
                                         arena, &token),
                     TKR_NOT_FOUND);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_ACTIVE);
    assert_int_equal(events(context, "token.revoke"), 0);
}

static void test_an_update_of_another_version_is_refused(void **state)
{
    struct context *context = *state;
    struct token_update asked = {.has_name = true, .name = "new", .if_version = 7};
    assert_refused(context, &asked, TKR_PRECONDITION, "If-Match");
}

static void test_an_update_cannot_give_more_scope_than_its_author_has(void **state)
{
    struct context *context = *state;
    static const char *const scopes[] = {"api:read", "admin:all"};
    struct token_update asked = {.has_scopes = true, .scopes = scopes, .scope_count = 2};
    struct answer answer =
        fixture_update(&context->fixture, &fixture_alice, context->token.id, &asked);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_int_equal(events(context, "token.update"), 0);
}

static void test_a_token_with_more_scope_than_its_author_has_cannot_be_changed(void **state)
{
    struct context *context = *state;
    static const char *const scopes[] = {"*"};
    struct token_create create = fixture_token("root");
    struct token_update asked = {.has_allowed_ips = true};
    create.scopes = scopes;
    struct answer powerful = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(powerful.error, TKR_OK);
    assert_int_equal(fixture_update(&context->fixture, &fixture_alice, powerful.id, &asked).error,
                     TKR_FORBIDDEN);
    create = fixture_token("admin kind");
    create.kind = TOKEN_KIND_ADMIN;
    powerful = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(powerful.error, TKR_OK);
    assert_int_equal(fixture_update(&context->fixture, &fixture_alice, powerful.id, &asked).error,
                     TKR_FORBIDDEN);
    assert_int_equal(events(context, "token.update"), 0);
    assert_int_equal(
        fixture_update(&context->fixture, &fixture_alice, context->token.id, &asked).error, TKR_OK);
    assert_int_equal(fixture_revoke(&context->fixture, &fixture_alice, powerful.id, "leaked").error,
                     TKR_OK);
}

static void test_a_token_cannot_lift_its_own_bounds(void **state)
{
    struct context *context = *state;
    struct principal self = fixture_alice;
    const struct {
        struct token_update asked;
        const char *member;
    } rows[] = {
        {{.has_tier = true, .tier = "free"}, "tier"},
        {{.has_overrides = true}, "limits"},
        {{.has_allowed_ips = true}, "allowed_ips"},
        {{.has_not_before = true}, "not_before"},
        {{.has_expires = true, .lifetime = {.never = true}}, "expires_at"},
    };
    self.token_id = context->token.id;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer answer =
            fixture_update(&context->fixture, &self, context->token.id, &rows[i].asked);
        assert_int_equal(answer.error, TKR_FORBIDDEN);
        assert_string_equal(answer.fault.field, rows[i].member);
    }
    assert_int_equal(events(context, "token.update"), 0);
    struct token_update named = {
        .has_name = true, .name = "mine", .has_metadata = true, .metadata = "{\"a\":1}"};
    assert_int_equal(fixture_update(&context->fixture, &self, context->token.id, &named).error,
                     TKR_OK);
    self.scopes = "*";
    assert_int_equal(
        fixture_update(&context->fixture, &self, context->token.id, &rows[1].asked).error, TKR_OK);
}

static void test_a_principal_of_an_org_called_star_lists_only_that(void **state)
{
    struct context *context = *state;
    struct principal star = fixture_alice;
    struct token_filter filter = {.limit = 10};
    struct token_page page;
    struct fault fault = {0};
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    star.org_id = "*";
    assert_int_equal(arena_new(1024 * 1024, &arena), TKR_OK);
    assert_int_equal(
        authority_list_tokens(context->fixture.authority, &star, &filter, arena, &page, &fault),
        TKR_OK);
    assert_int_equal(page.count, 0);
    filter.org_id = "*";
    assert_int_equal(
        authority_list_tokens(context->fixture.authority, &star, &filter, arena, &page, &fault),
        TKR_OK);
    assert_int_equal(page.count, 0);
}

static void test_values_that_a_new_token_could_not_have_are_refused(void **state)
{
    struct context *context = *state;
    int64_t now_ms = authority_now_ms(context->fixture.authority);
    struct token_update asked = {.has_name = true, .name = ""};
    assert_refused(context, &asked, TKR_OUT_OF_RANGE, "name");
    asked = (struct token_update){.has_tier = true, .tier = "platinum"};
    assert_refused(context, &asked, TKR_NOT_FOUND, "tier");
    asked = (struct token_update){.has_expires = true,
                                  .lifetime = {.has_expires_at = true, .expires_at_ms = now_ms}};
    assert_refused(context, &asked, TKR_OUT_OF_RANGE, "expires_at");
    asked = (struct token_update){.has_not_before = true, .not_before_ms = now_ms + 91 * DAY_MS};
    assert_refused(context, &asked, TKR_OUT_OF_RANGE, "not_before");
    asked =
        (struct token_update){.has_allowed_ips = true, .allowed_ip_count = CIDRS_PER_TOKEN_MAX + 1};
    assert_refused(context, &asked, TKR_OUT_OF_RANGE, "allowed_ips");
}

static void test_a_revoked_token_cannot_be_changed(void **state)
{
    struct context *context = *state;
    struct token_update asked = {.has_disabled = true, .disabled = false};
    assert_int_equal(revoke(context).error, TKR_OK);
    assert_int_equal(update(context, &asked).error, TKR_CONFLICT);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_REVOKED);
}

static void test_a_reason_is_text(void **state)
{
    struct context *context = *state;
    struct answer answer =
        fixture_revoke(&context->fixture, &fixture_admin, context->token.id, "a\tb");
    assert_int_equal(answer.error, TKR_INVALID);
    assert_string_equal(answer.fault.field, "reason");
}

/* --- updates ---------------------------------------------------------------------------------- */

static void test_an_update_changes_what_it_names_and_nothing_else(void **state)
{
    struct context *context = *state;
    static const char *const scopes[] = {"b:write", "a:read", "b:write"};
    static const struct cidr networks[] = {{{4, {10}}, 8}};
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    struct token before = stored(context, arena);
    struct token_update asked = {.has_name = true,
                                 .has_tier = true,
                                 .has_scopes = true,
                                 .has_overrides = true,
                                 .has_allowed_ips = true,
                                 .has_metadata = true,
                                 .name = "desktop",
                                 .tier = "pro",
                                 .scopes = scopes,
                                 .scope_count = 3,
                                 .overrides = {1, {5}},
                                 .allowed_ips = networks,
                                 .allowed_ip_count = 1,
                                 .metadata = "{\"a\":1}",
                                 .if_version = 1};
    struct answer answer = update(context, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_int_equal(answer.version, 2);
    struct token after = stored(context, arena);
    assert_string_equal(after.name, "desktop");
    assert_string_equal(after.tier, "pro");
    assert_string_equal(after.scopes, "a:read b:write");
    assert_int_equal(after.overrides.limit[WINDOW_MINUTE], 5);
    assert_int_equal(after.allowed_ip_count, 1);
    assert_string_equal(after.metadata, "{\"a\":1}");
    assert_int_equal(after.expires_at_ms, before.expires_at_ms);
    assert_int_equal(after.created_at_ms, before.created_at_ms);
    assert_int_equal(after.line, before.line);
    assert_string_equal(after.user_id, before.user_id);
}

static void test_an_update_has_one_event_that_says_what_was_and_is(void **state)
{
    struct context *context = *state;
    struct token_update asked = {.has_name = true, .name = "desk\\top"};
    assert_int_equal(update(context, &asked).error, TKR_OK);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'token.update'"
                                   " AND json_extract(details, '$.name_was') = 'laptop'"
                                   " AND json_extract(details, '$.name') = 'desk\\top'"
                                   " AND json_extract(details, '$.tier') IS NULL"),
                     1);
    assert_int_equal(events(context, "token.update"), 1);
}

static void test_a_disabled_token_is_seen_as_such_and_can_be_enabled(void **state)
{
    struct context *context = *state;
    struct token_update asked = {.has_disabled = true, .disabled = true};
    struct answer answer = update(context, &asked);
    assert_int_equal(answer.status, TOKEN_DISABLED);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_DISABLED);
    asked.disabled = false;
    answer = update(context, &asked);
    assert_int_equal(answer.status, TOKEN_ACTIVE);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_ACTIVE);
}

/* The maximum counts from now, so a token can be prolonged, by the maximum at most. */
static void test_a_new_expiry_obeys_the_lifetime_policy_from_now(void **state)
{
    struct context *context = *state;
    virtual_clock_advance(&context->fixture.time, 30 * DAY_MS);
    int64_t now_ms = authority_now_ms(context->fixture.authority);
    struct token_update asked = {.has_expires = true, .lifetime = {.never = true}};
    struct answer answer = update(context, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_true(answer.clamped);
    assert_int_equal(answer.expires_at_ms, now_ms + 365 * DAY_MS);
    asked.lifetime =
        (struct lifetime_asked){.has_expires_at = true, .expires_at_ms = now_ms + 5 * DAY_MS};
    answer = update(context, &asked);
    assert_false(answer.clamped);
    assert_int_equal(answer.expires_at_ms, now_ms + 5 * DAY_MS);
}

/* --- revocation ---------------------------------------------------------------------------------
 */

static void test_a_revocation_is_seen_when_it_is_answered(void **state)
{
    struct context *context = *state;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    struct answer answer = revoke(context);
    assert_int_equal(answer.error, TKR_OK);
    assert_int_equal(answer.status, TOKEN_REVOKED);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_REVOKED);
    struct token token = stored(context, arena);
    assert_string_equal(token.revoke_reason, "lost");
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'token.revoke'"
                                   " AND json_extract(details, '$.reason') = 'lost'"),
                     1);
}

static void test_revoking_again_succeeds_and_changes_nothing(void **state)
{
    struct context *context = *state;
    struct answer first = revoke(context);
    struct answer again =
        fixture_revoke(&context->fixture, &fixture_admin, context->token.id, "other");
    assert_int_equal(again.error, TKR_OK);
    assert_int_equal(again.version, first.version);
    assert_int_equal(again.status, TOKEN_REVOKED);
    assert_int_equal(events(context, "token.revoke"), 1);
}

static void test_a_token_can_be_revoked_by_an_id_in_lower_case(void **state)
{
    struct context *context = *state;
    char lower[TOKEN_ID_CHARS + 1];
    for (size_t i = 0; i <= TOKEN_ID_CHARS; i++) {
        char c = context->token.id[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    assert_int_equal(fixture_revoke(&context->fixture, &fixture_admin, lower, NULL).error, TKR_OK);
    assert_int_equal(fixture_see(&context->fixture, context->token.digest), SEEN_REVOKED);
}

/* --- tiers
 * -------------------------------------------------------------------------------------------- */

static void test_a_tier_needs_its_scope_a_name_and_limits_in_range(void **state)
{
    struct context *context = *state;
    struct tier tier = {.name = "gold", .limits = {1, {5}}, .subject = LIMITS_OF_TOKEN};
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_alice, &tier).error,
                     TKR_FORBIDDEN);
    snprintf(tier.name, sizeof(tier.name), "Gold!");
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error, TKR_INVALID);
    snprintf(tier.name, sizeof(tier.name), "gold");
    tier.limits.limit[WINDOW_MINUTE] = LIMIT_SLIDING_MINUTE_MAX + 1;
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error,
                     TKR_OUT_OF_RANGE);
    assert_int_equal(events(context, "tier.put"), 0);
}

static void test_a_new_tier_can_be_used_at_once(void **state)
{
    struct context *context = *state;
    struct tier tier = {.name = "gold", .limits = {1, {5}}, .subject = LIMITS_OF_TOKEN};
    struct token_update asked = {.has_tier = true, .tier = "gold"};
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error, TKR_OK);
    assert_int_equal(update(context, &asked).error, TKR_OK);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'tier.put'"
                                   " AND json_extract(details, '$.limits') = 'minute=5'"),
                     1);
}

static void test_users_of_a_tier_of_users_have_lines_of_their_own(void **state)
{
    struct context *context = *state;
    struct tier tier = {.name = "free", .limits = {1, {5}}, .subject = LIMITS_OF_BOTH};
    struct token_create create = fixture_token("other");
    create.user_id = "bob";
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(line) FROM users"), 0);
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error, TKR_OK);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(line) FROM users"), 1);
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &create).error, TKR_OK);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(line) FROM users"), 2);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM (SELECT line FROM users UNION"
                                   " SELECT line FROM tokens)"),
                     4);
}

/* --- reading
 * ---------------------------------------------------------------------------------------------- */

static void test_a_name_that_several_have_is_a_conflict(void **state)
{
    struct context *context = *state;
    struct token_create create = fixture_token("laptop");
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    assert_int_equal(arena_new(65536, &arena), TKR_OK);
    struct authority *authority = context->fixture.authority;
    assert_int_equal(authority_find_token(authority, &fixture_admin, "none", arena, &token),
                     TKR_NOT_FOUND);
    assert_int_equal(authority_find_token(authority, &stranger, "laptop", arena, &token),
                     TKR_NOT_FOUND);
    struct answer second = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(authority_find_token(authority, &fixture_admin, "laptop", arena, &token),
                     TKR_CONFLICT);
    assert_int_equal(revoke(context).error, TKR_OK);
    assert_int_equal(authority_find_token(authority, &fixture_admin, "laptop", arena, &token),
                     TKR_OK);
    assert_string_equal(token.id, second.id);
    assert_int_equal(fixture_revoke(&context->fixture, &fixture_admin, second.id, NULL).error,
                     TKR_OK);
    assert_int_equal(authority_find_token(authority, &fixture_admin, "laptop", arena, &token),
                     TKR_OK);
    assert_string_equal(token.id, second.id); /* the newest of those that were */
}

static void test_lists_show_ones_own_org_unless_a_star_asks(void **state)
{
    struct context *context = *state;
    struct authority *authority = context->fixture.authority;
    struct token_create create = fixture_token("other");
    struct token_filter filter = {.limit = 10};
    struct token_page page;
    struct fault fault = {0};
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    assert_int_equal(arena_new(1024 * 1024, &arena), TKR_OK);
    create.org_id = "beta";
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &create).error, TKR_OK);
    assert_int_equal(
        authority_list_tokens(authority, &fixture_alice, &filter, arena, &page, &fault), TKR_OK);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.tokens[0].org_id, "acme");
    assert_int_equal(
        authority_list_tokens(authority, &fixture_admin, &filter, arena, &page, &fault), TKR_OK);
    assert_int_equal(page.count, 1);
    filter.org_id = "*";
    assert_int_equal(
        authority_list_tokens(authority, &fixture_admin, &filter, arena, &page, &fault), TKR_OK);
    assert_int_equal(page.count, 2);
    assert_int_equal(
        authority_list_tokens(authority, &fixture_alice, &filter, arena, &page, &fault),
        TKR_FORBIDDEN);
    filter.org_id = "beta";
    assert_int_equal(
        authority_list_tokens(authority, &fixture_admin, &filter, arena, &page, &fault), TKR_OK);
    assert_int_equal(page.count, 1);
    filter.cursor = "mine";
    assert_int_equal(
        authority_list_tokens(authority, &fixture_admin, &filter, arena, &page, &fault),
        TKR_INVALID);
    assert_string_equal(fault.field, "cursor");
}

static void test_status_counts_tokens_and_is_at_most_ten_seconds_old(void **state)
{
    struct context *context = *state;
    struct authority_status status;
    authority_status(context->fixture.authority, &status);
    assert_int_equal(status.tokens_by_status[TOKEN_ACTIVE], 1);
    assert_int_equal(status.segment.tokens, 1);
    assert_true(status.changes_accepted);
    assert_int_equal(revoke(context).error, TKR_OK);
    authority_status(context->fixture.authority, &status);
    assert_int_equal(status.tokens_by_status[TOKEN_ACTIVE], 1);
    virtual_clock_advance(&context->fixture.time, STATUS_COUNTS_MS);
    authority_status(context->fixture.authority, &status);
    assert_int_equal(status.tokens_by_status[TOKEN_ACTIVE], 0);
    assert_int_equal(status.tokens_by_status[TOKEN_REVOKED], 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_that_is_not_there_cannot_be_changed),
        TEST(test_a_token_of_another_org_does_not_exist),
        TEST(test_an_update_of_another_version_is_refused),
        TEST(test_an_update_cannot_give_more_scope_than_its_author_has),
        TEST(test_a_token_with_more_scope_than_its_author_has_cannot_be_changed),
        TEST(test_a_token_cannot_lift_its_own_bounds),
        TEST(test_a_principal_of_an_org_called_star_lists_only_that),
        TEST(test_values_that_a_new_token_could_not_have_are_refused),
        TEST(test_a_revoked_token_cannot_be_changed),
        TEST(test_a_reason_is_text),
        TEST(test_an_update_changes_what_it_names_and_nothing_else),
        TEST(test_an_update_has_one_event_that_says_what_was_and_is),
        TEST(test_a_disabled_token_is_seen_as_such_and_can_be_enabled),
        TEST(test_a_new_expiry_obeys_the_lifetime_policy_from_now),
        TEST(test_a_revocation_is_seen_when_it_is_answered),
        TEST(test_revoking_again_succeeds_and_changes_nothing),
        TEST(test_a_token_can_be_revoked_by_an_id_in_lower_case),
        TEST(test_a_tier_needs_its_scope_a_name_and_limits_in_range),
        TEST(test_a_new_tier_can_be_used_at_once),
        TEST(test_users_of_a_tier_of_users_have_lines_of_their_own),
        TEST(test_a_name_that_several_have_is_a_conflict),
        TEST(test_lists_show_ones_own_org_unless_a_star_asks),
        TEST(test_status_counts_tokens_and_is_at_most_ten_seconds_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
