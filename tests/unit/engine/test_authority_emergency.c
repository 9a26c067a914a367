/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency revocation: by epoch, settled later, never undone. */
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

#define TOKENS 5

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
    struct answer tokens[TOKENS]; /* alice's, bob's, a service's, beta's, root's */
    struct principal root;        /* as the last one of them */
};
enum { ALICE, BOB, SERVICE, BETA, ROOT };

static struct answer create(struct context *context, const char *org, const char *user,
                            enum token_kind kind, const char *scope)
{
    const char *const scopes[] = {scope};
    struct token_create asked = {.user_id = user,
                                 .org_id = org,
                                 .name = "n",
                                 .kind = kind,
                                 .scopes = scopes,
                                 .scope_count = 1};
    struct answer answer = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    return answer;
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
    context->tokens[ALICE] = create(context, NULL, "alice", TOKEN_KIND_USER, "api:read");
    context->tokens[BOB] = create(context, NULL, "bob", TOKEN_KIND_USER, "api:read");
    context->tokens[SERVICE] = create(context, NULL, "ci", TOKEN_KIND_SERVICE, "api:read");
    context->tokens[BETA] = create(context, "beta", "alice", TOKEN_KIND_USER, "api:read");
    context->tokens[ROOT] = create(context, NULL, "root", TOKEN_KIND_ADMIN, "*");
    context->root = fixture_admin;
    context->root.via = VIA_TOKEN;
    context->root.token_id = context->tokens[ROOT].id;
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

static struct answer revoke(struct context *context, const struct emergency *emergency)
{
    return fixture_emergency(&context->fixture, &context->root, emergency);
}

/* A letter a token: r for revoked, v for valid. */
static void assert_verdicts(struct context *context, const char *expected)
{
    for (size_t i = 0; i < TOKENS; i++) {
        tkr_verdict_t verdict = fixture_verify(&context->fixture, context->tokens[i].plaintext);
        assert_int_equal(verdict, expected[i] == 'r' ? TKR_VERDICT_REVOKED : TKR_VERDICT_VALID);
    }
}

/* Waits until nothing is pending; each flush settles a slice at least. */
static void settle(struct context *context)
{
    for (int i = 0; i < 100 && epochs_pending(context->fixture.authority); i++) {
        authority_flush(context->fixture.authority);
    }
    assert_false(epochs_pending(context->fixture.authority));
}

static void test_everything_means_all_orgs_only_for_who_may(void **state)
{
    struct context *context = *state;
    struct emergency all = {.reason = "leak", .org_id = "*"};
    struct answer answer = fixture_emergency(&context->fixture, &fixture_alice, &all);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_verdicts(context, "vvvvv");
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    assert_verdicts(context, "rrrrr");
}

static void test_it_needs_a_reason_and_a_subject_that_is_there(void **state)
{
    struct context *context = *state;
    struct emergency nobody = {.reason = "leak", .user_id = "nobody"};
    struct emergency nowhere = {.reason = "leak", .org_id = "nowhere"};
    struct emergency silent = {.reason = ""};
    struct emergency both = {.reason = "leak", .org_id = "*", .user_id = "alice"};
    assert_int_equal(revoke(context, &nobody).error, TKR_NOT_FOUND);
    assert_int_equal(revoke(context, &nowhere).error, TKR_NOT_FOUND);
    assert_int_equal(revoke(context, &silent).error, TKR_OUT_OF_RANGE);
    assert_int_equal(revoke(context, &both).error, TKR_INVALID);
    assert_verdicts(context, "vvvvv");
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM epochs"), 0);
}

static void test_it_covers_an_org_a_user_or_a_kind(void **state)
{
    struct context *context = *state;
    struct emergency user = {.reason = "leak", .user_id = "alice"};
    struct emergency kind = {.reason = "leak", .has_kind = true, .kind = TOKEN_KIND_SERVICE};
    struct emergency org = {.reason = "leak", .org_id = "beta"};
    assert_int_equal(revoke(context, &user).error, TKR_OK);
    assert_verdicts(context, "rvvvv");
    assert_int_equal(revoke(context, &kind).error, TKR_OK);
    assert_verdicts(context, "rvrvv");
    assert_int_equal(revoke(context, &org).error, TKR_OK);
    assert_verdicts(context, "rvrrv");
    settle(context);
    assert_verdicts(context, "rvrrv");
}

static void test_the_callers_own_token_can_be_spared_once(void **state)
{
    struct context *context = *state;
    struct emergency all = {.reason = "leak", .org_id = "*", .spare_caller = true};
    struct answer answer = revoke(context, &all);
    assert_true(answer.emergency.spared);
    assert_verdicts(context, "rrrrv");
    settle(context);
    assert_verdicts(context, "rrrrv");
    all.spare_caller = false;
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    assert_verdicts(context, "rrrrr");
    settle(context);
    assert_verdicts(context, "rrrrr");
}

static void test_a_token_made_after_it_in_the_same_millisecond_works(void **state)
{
    struct context *context = *state;
    struct emergency all = {.reason = "leak", .org_id = "*"};
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    struct answer made = create(context, NULL, "alice", TOKEN_KIND_USER, "api:read");
    assert_int_equal(fixture_verify(&context->fixture, made.plaintext), TKR_VERDICT_VALID);
    settle(context);
    assert_int_equal(fixture_verify(&context->fixture, made.plaintext), TKR_VERDICT_VALID);
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    assert_int_equal(fixture_verify(&context->fixture, made.plaintext), TKR_VERDICT_REVOKED);
}

static void test_settled_rows_and_records_say_it_themselves(void **state)
{
    struct context *context = *state;
    struct emergency all = {.reason = "the laptop of root", .org_id = "*"};
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    settle(context);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM tokens WHERE revoked_at"
                                                      " IS NOT NULL AND revoke_reason ="
                                                      " 'the laptop of root'"),
                     TOKENS);
    assert_int_equal(fixture_query(&context->fixture, "SELECT tokens FROM epochs"), TOKENS);
    assert_int_equal(fixture_see(&context->fixture, context->tokens[ALICE].digest), SEEN_REVOKED);
}

static void test_before_it_is_settled_reads_and_changes_know_it(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct emergency user = {.reason = "leak", .user_id = "alice"};
    /* No slice gets through: the row of the epoch is held as settled by nobody. */
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    const char *id = context->tokens[ALICE].id;
    struct token_update once = {.has_metadata = true, .metadata = "{}", .idempotency_key = "k"};
    assert_int_equal(fixture_update(fixture, &fixture_admin, id, &once).status, TOKEN_ACTIVE);
    assert_int_equal(revoke(context, &user).error, TKR_OK);
    struct answer replayed = fixture_update(fixture, &fixture_admin, id, &once);
    assert_true(replayed.replayed);
    assert_int_equal(replayed.status, TOKEN_REVOKED);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NOT"
                                            " NULL"),
                     0);
    assert_int_equal(fixture_stored(fixture, id, context->arena).status, TOKEN_REVOKED);
    struct token_update asked = {.has_disabled = true};
    assert_int_equal(fixture_update(fixture, &fixture_admin, id, &asked).error, TKR_CONFLICT);
    struct token_rotate rotate = {0};
    assert_int_equal(fixture_rotate(fixture, &fixture_admin, id, &rotate).error, TKR_CONFLICT);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM v_user_api_keys WHERE status ="
                                            " 'revoked' AND is_valid = 0"),
                     1);
    struct token_page page;
    struct token_filter filter = {.limit = 10, .has_status = true, .status = TOKEN_REVOKED};
    assert_int_equal(authority_list_tokens(fixture->authority, &fixture_admin, &filter,
                                           context->arena, &page, NULL),
                     TKR_OK);
    assert_int_equal(page.count, 1);
    filter.status = TOKEN_ACTIVE;
    assert_int_equal(authority_list_tokens(fixture->authority, &fixture_admin, &filter,
                                           context->arena, &page, NULL),
                     TKR_OK);
    assert_int_equal(page.count, 3);
    assert_verdicts(context, "rvvvv");
}

static void test_a_restart_goes_on_settling_and_refuses_meanwhile(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct emergency all = {.reason = "leak", .org_id = "*"};
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->runtime); /* the segment is built anew from the rows */
    temp_directory_make(&fixture->runtime);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    assert_verdicts(context, "rrrrr");
    struct answer made = create(context, NULL, "alice", TOKEN_KIND_USER, "api:read");
    assert_int_equal(fixture_verify(fixture, made.plaintext), TKR_VERDICT_VALID);
    authority_fixture_stop(fixture);
    fixture_run(fixture, "DROP TRIGGER hold");
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    settle(context);
    assert_verdicts(context, "rrrrr");
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"),
                     1);
}

/* What a verifier sees when the segment was just built and the start is not done. */
static struct context *built;
static tkr_verdict_t when_built;

static void look(void *context, enum log_level level, const char *event, const char *detail)
{
    if (strcmp(event, "segment_built") == 0) {
        when_built = fixture_verify(&built->fixture, built->tokens[0].plaintext);
    }
}

static void test_no_verifier_sees_a_segment_that_lacks_what_is_pending(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct emergency all = {.reason = "leak", .org_id = "*"};
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->runtime);
    temp_directory_make(&fixture->runtime);
    built = context;
    when_built = TKR_VERDICT_NOT_FOUND;
    fixture->options.report = look;
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    assert_int_equal(when_built, TKR_VERDICT_REVOKED);
}

static void test_many_at_once_are_refused_with_busy_and_settled(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct emergency user = {.reason = "leak", .user_id = "alice"};
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    for (int i = 0; i < SEGMENT_EPOCHS_MAX; i++) {
        assert_int_equal(revoke(context, &user).error, TKR_OK);
    }
    assert_int_equal(revoke(context, &user).error, TKR_BUSY);
    authority_fixture_stop(fixture);
    fixture_run(fixture, "DROP TRIGGER hold");
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    settle(context);
    assert_int_equal(revoke(context, &user).error, TKR_OK);
}

static void test_more_tokens_than_a_slice_takes_are_settled(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    authority_fixture_stop(fixture);
    fixture_run(fixture,
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                " INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name, scopes,"
                " display_prefix, version, created_at, updated_at)"
                " SELECT randomblob(32), printf('tok_%026d', i), user, org, tier,"
                " line, kind, env, name, scopes, display_prefix, 1, created_at, updated_at"
                " FROM n, (SELECT * FROM tokens LIMIT 1)");
    fixture_run(fixture, "UPDATE meta SET tokens = tokens + 5000, seq = seq + 1");
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    struct emergency all = {.reason = "leak", .org_id = "*"};
    assert_int_equal(revoke(context, &all).error, TKR_OK);
    settle(context);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"),
                     0);
    assert_int_equal(fixture_query(fixture, "SELECT tokens FROM epochs"), 5000 + TOKENS);
}

static struct context *reading;
static tkr_error_t (*read_row)(struct store *store, const char *token_id, struct arena *arena,
                               struct token *ret_token);

static tkr_error_t read_row_then_settle(struct store *store, const char *token_id,
                                        struct arena *arena, struct token *ret_token)
{
    tkr_error_t error = read_row(store, token_id, arena, ret_token);
    fixture_run(&reading->fixture, "DROP TRIGGER hold");
    settle(reading);
    return error;
}

/* The row is read as it was before, and then nothing is pending any more. */
static void test_a_reader_knows_it_while_it_is_being_settled(void **state)
{
    struct context *context = *state;
    struct authority_fixture *fixture = &context->fixture;
    struct emergency user = {.reason = "leak", .user_id = "alice"};
    fixture_run(fixture, "CREATE TRIGGER hold BEFORE UPDATE OF settled ON epochs BEGIN SELECT"
                         " RAISE(ABORT, 'held'); END");
    assert_int_equal(revoke(context, &user).error, TKR_OK);
    reading = context;
    read_row = fixture->port.get_token;
    fixture->port.get_token = read_row_then_settle;
    assert_int_equal(fixture_stored(fixture, context->tokens[ALICE].id, context->arena).status,
                     TOKEN_REVOKED);
    fixture->port.get_token = read_row;
}

static void test_it_is_one_event_with_its_reason(void **state)
{
    struct context *context = *state;
    struct emergency user = {.reason = "laptop lost", .user_id = "alice"};
    assert_int_equal(revoke(context, &user).error, TKR_OK);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type ="
                                   " 'emergency.revoke' AND user_id = 'alice' AND details"
                                   " LIKE '%laptop lost%'"),
                     1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_means_all_orgs_only_for_who_may),
        TEST(test_it_needs_a_reason_and_a_subject_that_is_there),
        TEST(test_it_covers_an_org_a_user_or_a_kind),
        TEST(test_the_callers_own_token_can_be_spared_once),
        TEST(test_a_token_made_after_it_in_the_same_millisecond_works),
        TEST(test_settled_rows_and_records_say_it_themselves),
        TEST(test_before_it_is_settled_reads_and_changes_know_it),
        TEST(test_a_restart_goes_on_settling_and_refuses_meanwhile),
        TEST(test_no_verifier_sees_a_segment_that_lacks_what_is_pending),
        TEST(test_many_at_once_are_refused_with_busy_and_settled),
        TEST(test_more_tokens_than_a_slice_takes_are_settled),
        TEST(test_a_reader_knows_it_while_it_is_being_settled),
        TEST(test_it_is_one_event_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
