/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <string.h>

/* --- what is refused --------------------------------------------------------------------- */

static void test_an_unknown_token_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct token sample = sample_token(1);
    struct token token;
    assert_no_token(fixture, sample.id);
    begin(fixture);
    assert_int_equal(fixture->port.read_token(fixture->store, sample.id, fixture->arena, &token),
                     TKR_NOT_FOUND);
    assert_int_equal(update(fixture, &sample), TKR_NOT_FOUND);
    fixture->port.rollback(fixture->store);
}

static void test_a_token_of_an_unknown_tier_is_not_found_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    token.tier = "platinum";
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &token), TKR_NOT_FOUND);
    commit(fixture);
    assert_no_token(fixture, token.id);
    assert_int_equal(identity(fixture).tokens, 0);
    assert_int_equal(identity(fixture).lines, 0);
}

static void test_a_digest_that_exists_is_a_conflict_and_the_batch_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_token(1);
    struct token second = sample_token(2);
    struct token third = sample_token(3);
    memcpy(second.digest, first.digest, sizeof(second.digest));
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &first), TKR_OK);
    assert_int_equal(sample_insert(&fixture->port, &second), TKR_CONFLICT);
    assert_int_equal(sample_insert(&fixture->port, &third), TKR_OK);
    commit(fixture);
    assert_string_equal(get(fixture, first.id).id, first.id);
    assert_no_token(fixture, second.id);
    assert_string_equal(get(fixture, third.id).id, third.id);
    assert_int_equal(third.line, first.line + 1); /* the failed one took no line */
    assert_int_equal(identity(fixture).tokens, 2);
}

static void test_an_id_that_exists_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_store(&fixture->port, sample_token(1));
    struct token second = sample_token(2);
    memcpy(second.id, first.id, sizeof(second.id));
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &second), TKR_CONFLICT);
    commit(fixture);
    assert_memory_equal(get(fixture, first.id).digest, first.digest, TOKEN_DIGEST_BYTES);
}

static tkr_error_t bury(void *context, const struct store_cleaned *cleaned,
                        struct store_event *ret_event)
{
    const struct token *token = context;
    *ret_event = sample_event("token.cleanup", token);
    return TKR_OK;
}

static void test_what_was_revoked_and_cleaned_away_cannot_be_inserted(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    struct token again = sample_token(2);
    uint32_t count = 0;
    token.revoked_at_ms = SAMPLE_NOW;
    token = sample_store(&fixture->port, token);
    begin(fixture);
    assert_int_equal(fixture->port.cleanup(fixture->store, SAMPLE_NOW + 1, false, 10,
                                           SAMPLE_NOW + 1, bury, &token, &count),
                     TKR_OK);
    assert_int_equal(count, 1);
    commit(fixture);
    memcpy(again.digest, token.digest, sizeof(again.digest));
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &again), TKR_CONFLICT);
    commit(fixture);
    assert_no_token(fixture, again.id);
}

static void test_an_update_of_an_old_version_is_refused_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct token old = token;
    token.name = "new";
    assert_int_equal(update_alone(fixture, &token), TKR_OK);
    old.name = "older";
    assert_int_equal(update_alone(fixture, &old), TKR_PRECONDITION);
    assert_string_equal(get(fixture, token.id).name, "new");
}

static void test_a_revoked_token_cannot_be_unrevoked(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    token.revoked_at_ms = SAMPLE_NOW + 5;
    assert_int_equal(update_alone(fixture, &token), TKR_OK);
    token.revoked_at_ms = 0;
    assert_int_equal(update_alone(fixture, &token), TKR_CONFLICT);
    assert_int_equal(get(fixture, token.id).revoked_at_ms, SAMPLE_NOW + 5);
}

static void test_a_foreign_cursor_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cursors[] = {
        "",
        "n",
        "x1",
        "n-1",
        "n1 OR 1",
        "n99999999999999999999",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"};
    struct token_page page = {.count = 77};
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        struct token_filter filter = {.limit = 10, .cursor = cursors[i]};
        assert_int_equal(fixture->port.list_tokens(fixture->store, &filter, fixture->arena, &page),
                         TKR_INVALID);
    }
    assert_int_equal(page.count, 77);
}

static void test_a_page_of_none_or_too_many_is_out_of_range(void **state)
{
    struct fixture *fixture = *state;
    struct token_page page;
    struct token_filter none = {.limit = 0};
    struct token_filter many = {.limit = LIST_PAGE_MAX + 1};
    assert_int_equal(fixture->port.list_tokens(fixture->store, &none, fixture->arena, &page),
                     TKR_OUT_OF_RANGE);
    assert_int_equal(fixture->port.list_tokens(fixture->store, &many, fixture->arena, &page),
                     TKR_OUT_OF_RANGE);
}

static void test_a_tier_without_a_proper_name_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct tier tier = {.name = "Not A Name", .subject = LIMITS_OF_TOKEN};
    struct token token = sample_token(1);
    struct store_event event = sample_event("tier.put", &token);
    begin(fixture);
    assert_int_equal(fixture->port.put_tier(fixture->store, &tier, &event), TKR_INVALID);
    fixture->port.rollback(fixture->store);
}

/* --- batches ----------------------------------------------------------------------------- */

static tkr_error_t insert_without_user(struct fixture *fixture, unsigned number)
{
    struct token token = sample_token(number);
    return fixture->port.insert_token(fixture->store, &token, NULL);
}

static void test_a_user_of_a_rolled_back_batch_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    ensure_user(fixture, "acme", "alice", false, true);
    fixture->port.rollback(fixture->store);
    begin(fixture);
    assert_int_equal(insert_without_user(fixture, 1), TKR_NOT_FOUND);
    fixture->port.rollback(fixture->store);
}

static void test_a_user_that_was_undone_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    ensure_user(fixture, "acme", "alice", false, true);
    assert_int_equal(fixture->port.release(fixture->store, true), TKR_OK);
    assert_int_equal(insert_without_user(fixture, 1), TKR_NOT_FOUND);
    ensure_user(fixture, "acme", "alice", false, true);
    assert_int_equal(insert_without_user(fixture, 2), TKR_OK);
    commit(fixture);
}

static void test_a_line_that_was_given_out_is_told_in_the_same_batch(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct store_user first = ensure_user(fixture, "acme", "alice", false, true);
    assert_int_equal(first.line, SEGMENT_NO_LINE);
    struct store_user second = ensure_user(fixture, "acme", "alice", true, false);
    assert_int_not_equal(second.line, SEGMENT_NO_LINE);
    assert_int_equal(ensure_user(fixture, "acme", "alice", true, false).line, second.line);
    assert_int_equal(ensure_user(fixture, "beta", "alice", false, true).line, SEGMENT_NO_LINE);
    commit(fixture);
}

static void test_a_rolled_back_batch_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct store_identity before = identity(fixture);
    struct token token = sample_token(1);
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    fixture->port.rollback(fixture->store);
    assert_no_token(fixture, token.id);
    struct store_identity after = identity(fixture);
    assert_memory_equal(&before, &after, sizeof(before));
    begin(fixture);
    ensure_user(fixture, "acme", "alice", false, true);
    fixture->port.rollback(fixture->store);
}

static void test_a_commit_counts_the_sequence_up_by_one(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = identity(fixture).seq;
    struct token first = sample_token(1);
    struct token second = sample_token(2);
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &first), TKR_OK);
    assert_int_equal(sample_insert(&fixture->port, &second), TKR_OK);
    assert_int_equal(commit(fixture), before + 1);
    assert_int_equal(identity(fixture).seq, before + 1);
}

static void test_a_batch_without_a_change_keeps_the_sequence(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = identity(fixture).seq;
    begin(fixture);
    assert_int_equal(commit(fixture), before);
    begin(fixture);
    assert_int_equal(fixture->port.flush_usage(fixture->store, NULL, 0, SAMPLE_NOW), TKR_OK);
    assert_int_equal(commit(fixture), before);
}

static void test_what_is_undone_to_a_mark_takes_nothing_else_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_token(1);
    struct token second = sample_token(2);
    struct token third = sample_token(3);
    second.user_id = "bob";
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &first), TKR_OK);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    assert_int_equal(sample_insert(&fixture->port, &second), TKR_OK);
    assert_int_equal(fixture->port.release(fixture->store, true), TKR_OK);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    assert_int_equal(sample_insert(&fixture->port, &third), TKR_OK);
    assert_int_equal(fixture->port.release(fixture->store, false), TKR_OK);
    ensure_user(fixture, "acme", "bob", false, true);
    commit(fixture);
    assert_no_token(fixture, second.id);
    assert_int_equal(get(fixture, third.id).line, first.line + 1);
    assert_int_equal(identity(fixture).tokens, 2);
}

static void test_readers_see_the_last_commit_and_not_the_open_batch(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    struct token seen;
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    assert_no_token(fixture, token.id);
    assert_int_equal(fixture->port.read_token(fixture->store, token.id, fixture->arena, &seen),
                     TKR_OK); /* the writer sees its own */
    commit(fixture);
    assert_string_equal(get(fixture, token.id).id, token.id);
}

static void test_an_identity_outlives_the_process(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t zeros[SEGMENT_STORE_ID_BYTES];
    sample_store(&fixture->port, sample_token(1));
    sample_store(&fixture->port, sample_token(2));
    struct store_identity before = identity(fixture);
    reopen_store(fixture);
    struct store_identity after = identity(fixture);
    assert_memory_equal(before.store_id, after.store_id, SEGMENT_STORE_ID_BYTES);
    assert_memory_not_equal(after.store_id, zeros, SEGMENT_STORE_ID_BYTES);
    assert_int_equal(after.seq, before.seq);
    assert_int_equal(after.tokens, 2);
    assert_int_equal(after.lines, before.lines);
    assert_true(after.users >= 1);
}

int suite_batches(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_an_unknown_token_is_not_found),
        SUITE_TEST(test_a_token_of_an_unknown_tier_is_not_found_and_leaves_nothing),
        SUITE_TEST(test_a_digest_that_exists_is_a_conflict_and_the_batch_goes_on),
        SUITE_TEST(test_an_id_that_exists_is_a_conflict),
        SUITE_TEST(test_what_was_revoked_and_cleaned_away_cannot_be_inserted),
        SUITE_TEST(test_an_update_of_an_old_version_is_refused_and_changes_nothing),
        SUITE_TEST(test_a_revoked_token_cannot_be_unrevoked),
        SUITE_TEST(test_a_foreign_cursor_is_refused),
        SUITE_TEST(test_a_page_of_none_or_too_many_is_out_of_range),
        SUITE_TEST(test_a_tier_without_a_proper_name_is_refused),
        SUITE_TEST(test_a_user_of_a_rolled_back_batch_is_not_there),
        SUITE_TEST(test_a_user_that_was_undone_is_not_there),
        SUITE_TEST(test_a_line_that_was_given_out_is_told_in_the_same_batch),
        SUITE_TEST(test_a_rolled_back_batch_leaves_nothing),
        SUITE_TEST(test_a_commit_counts_the_sequence_up_by_one),
        SUITE_TEST(test_a_batch_without_a_change_keeps_the_sequence),
        SUITE_TEST(test_what_is_undone_to_a_mark_takes_nothing_else_with_it),
        SUITE_TEST(test_readers_see_the_last_commit_and_not_the_open_batch),
        SUITE_TEST(test_an_identity_outlives_the_process),
    };
    return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
