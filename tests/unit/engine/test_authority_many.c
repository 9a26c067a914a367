/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a role or a user that are changes of all its tokens, more of them than are held in
 * memory at a time; and what becomes of them when something goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/verify.h"
#include "limiter/local/limiter_local.h"

#define TOKENS (2 * STORE_SCAN_TOKENS + 10)

struct context {
    struct authority_fixture fixture;
    struct answer tokens[TOKENS];
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
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

static struct answer put_role(struct context *context, const struct principal *by,
                              const char *scope)
{
    const char *scopes[] = {scope};
    struct role_write write = {.name = "crew", .scopes = scopes, .scope_count = 1};
    return fixture_put_role(&context->fixture, by, &write);
}

static void make_tokens(struct context *context, const char *role)
{
    for (size_t i = 0; i < TOKENS; i++) {
        struct token_create asked = fixture_token("n");
        asked.role = role;
        context->tokens[i] = fixture_create(&context->fixture, &fixture_admin, &asked);
        assert_int_equal(context->tokens[i].error, TKR_OK);
    }
}

/* How many tokens a verifier lets through with this scope, and that all have this tier. */
static size_t count_valid(struct context *context, const char *scope, const char *tier)
{
    struct verifier_options options = {.directory = context->fixture.runtime.path,
                                       .clock = &context->fixture.time.clock,
                                       .stale_s = 3600,
                                       .limiter = &limiter_local};
    struct verifier *verifier = NULL;
    struct verify_text needed = {scope, strlen(scope)};
    size_t valid = 0;
    assert_int_equal(verifier_new(&options, &verifier, NULL), TKR_OK);
    for (size_t i = 0; i < TOKENS; i++) {
        const char *text = context->tokens[i].plaintext;
        struct verify_request request = {.token = text,
                                         .token_length = strlen(text),
                                         .scopes = &needed,
                                         .scope_count = 1,
                                         .dry_run = true};
        struct verify_result result;
        valid += verify_token(verifier, &request, &result) == TKR_VERDICT_VALID;
        assert_true(result.known);
        assert_int_equal(result.tier.length, strlen(tier));
        assert_memory_equal(result.tier.text, tier, strlen(tier));
    }
    verifier_free(verifier);
    return valid;
}

static void test_a_role_changes_all_its_tokens_before_it_is_answered(void **state)
{
    struct context *context = *state;
    assert_int_equal(put_role(context, &fixture_admin, "a:one").error, TKR_OK);
    make_tokens(context, "crew");
    assert_int_equal(count_valid(context, "a:one", "free"), TOKENS);
    struct answer answer = put_role(context, &fixture_admin, "a:two");
    assert_int_equal(answer.error, TKR_OK);
    assert_int_equal(answer.role_tokens, TOKENS);
    assert_int_equal(count_valid(context, "a:one", "free"), 0);
    assert_int_equal(count_valid(context, "a:two", "free"), TOKENS);
    assert_int_equal(count_valid(context, "api:read", "free"), TOKENS);
    authority_fixture_stop(&context->fixture);
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    assert_int_equal(count_valid(context, "a:two", "free"), TOKENS);
}

static void test_a_tier_changes_all_tokens_that_inherit_it(void **state)
{
    struct context *context = *state;
    struct user_write write = {.id = "alice", .has_tier = true, .tier = "pro"};
    make_tokens(context, NULL);
    assert_int_equal(fixture_update_user(&context->fixture, &fixture_admin, &write).error, TKR_OK);
    assert_int_equal(count_valid(context, "api:read", "pro"), TOKENS);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens t JOIN tiers r"
                                                      " ON r.number = t.tier"
                                                      " WHERE r.name = 'pro'"),
                     TOKENS);
}

/* The last one of them has more scope than the principal: all stay as they were. */
static void test_a_change_that_is_refused_at_the_last_token_changes_none(void **state)
{
    struct context *context = *state;
    struct principal by = fixture_alice;
    static const char *const all[] = {"*"};
    by.scopes = "a:* api:read roles:write";
    assert_int_equal(put_role(context, &fixture_admin, "a:one").error, TKR_OK);
    make_tokens(context, "crew");
    struct token_create asked = fixture_token("boss");
    asked.role = "crew";
    asked.scopes = all;
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &asked).error, TKR_OK);
    assert_int_equal(put_role(context, &by, "a:two").error, TKR_FORBIDDEN);
    assert_int_equal(count_valid(context, "a:one", "free"), TOKENS);
    assert_int_equal(fixture_query(&context->fixture, "SELECT max(version) FROM tokens"), 1);
    assert_int_equal(
        fixture_query(&context->fixture, "SELECT count(*) FROM events WHERE type = 'role.put'"), 1);
}

/* A built-in role whose scopes another version of the program had. */
static void test_a_built_in_role_is_as_this_version_has_it(void **state)
{
    struct context *context = *state;
    make_tokens(context, "auditor");
    assert_int_equal(count_valid(context, "audit:read", "free"), TOKENS);
    authority_fixture_stop(&context->fixture);
    fixture_run(&context->fixture, "UPDATE roles SET scopes = 'old:read' WHERE name = 'auditor';"
                                   "UPDATE tokens SET scopes = 'api:read old:read'");
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    assert_int_equal(count_valid(context, "audit:read", "free"), TOKENS);
    assert_int_equal(count_valid(context, "old:read", "free"), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_role_changes_all_its_tokens_before_it_is_answered),
        TEST(test_a_tier_changes_all_tokens_that_inherit_it),
        TEST(test_a_change_that_is_refused_at_the_last_token_changes_none),
        TEST(test_a_built_in_role_is_as_this_version_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
