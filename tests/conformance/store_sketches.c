/* SPDX-License-Identifier: Apache-2.0 */
/* Images of sketches, whose line it is, tokens that end soon and tokens that nobody uses. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define SEEN_MAX 8

/* --- images ----------------------------------------------------------------------------------- */

struct seen {
    struct {
        uint32_t line;
        char image[16];
    } images[SEEN_MAX];
    size_t count;
};

static tkr_error_t see(void *context, uint32_t line, const void *image, size_t bytes)
{
    struct seen *seen = context;
    assert_true(seen->count < SEEN_MAX && bytes < sizeof(seen->images[0].image));
    seen->images[seen->count].line = line;
    memcpy(seen->images[seen->count++].image, image, bytes);
    return TKR_OK;
}

static struct seen each(struct fixture *fixture, uint32_t most)
{
    struct seen seen = {0};
    assert_int_equal(fixture->port.sketches.each(fixture->store, most, see, &seen), TKR_OK);
    return seen;
}

static void put(struct fixture *fixture, uint32_t line, uint32_t hour, const char *image)
{
    begin(fixture);
    assert_int_equal(
        fixture->port.sketches.put(fixture->store, line, hour, image, strlen(image) + 1), TKR_OK);
    commit(fixture);
}

static tkr_error_t refuse(void *context, uint32_t line, const void *image, size_t bytes)
{
    return TKR_CORRUPT;
}

static void test_an_error_of_the_visitor_ends_the_visit(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 1, 1, "a");
    assert_int_equal(fixture->port.sketches.each(fixture->store, 9, refuse, NULL), TKR_CORRUPT);
}

static void test_a_rolled_back_sketch_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(fixture->port.sketches.put(fixture->store, 1, 1, "a", 2), TKR_OK);
    fixture->port.rollback(fixture->store);
    assert_int_equal(each(fixture, SEEN_MAX).count, 0);
}

static void test_sketches_come_back_the_newest_first(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 1, 10, "old");
    put(fixture, 2, 30, "new");
    put(fixture, 3, 20, "middle");
    put(fixture, 1, 40, "newer");
    reopen_store(fixture);
    struct seen seen = each(fixture, SEEN_MAX);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.images[0].line, 1);
    assert_string_equal(seen.images[0].image, "newer");
    assert_int_equal(seen.images[1].line, 2);
    assert_int_equal(seen.images[2].line, 3);
    assert_int_equal(each(fixture, 2).count, 2);
}

static void test_old_sketches_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 1, 10, "a");
    put(fixture, 2, 11, "b");
    begin(fixture);
    assert_int_equal(fixture->port.sketches.forget(fixture->store, 11), TKR_OK);
    commit(fixture);
    struct seen seen = each(fixture, SEEN_MAX);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.images[0].line, 2);
}

/* --- lines -------------------------------------------------------------------------------------
 */

static tkr_error_t find(struct fixture *fixture, uint32_t line, char ret_id[TOKEN_ID_CHARS + 1])
{
    begin(fixture);
    tkr_error_t error = fixture->port.sketches.find_token(fixture->store, line, ret_id);
    commit(fixture);
    return error;
}

static void test_a_line_of_no_token_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    char id[TOKEN_ID_CHARS + 1];
    (void)sample_store(&fixture->port, sample_token(1));
    assert_int_equal(find(fixture, 4711, id), TKR_NOT_FOUND);
}

/* The second takes the place of the first. */
static struct token rotate(struct fixture *fixture, struct token *first)
{
    struct token second = sample_token(2);
    second.line = first->line;
    second.version_line = 900;
    second.has_version_line = true;
    memcpy(second.lineage_id, first->id, sizeof(second.lineage_id));
    memcpy(second.rotated_from, first->id, sizeof(second.rotated_from));
    second.expires_at_ms = 0;
    second = sample_store(&fixture->port, second);
    memcpy(first->replaced_by, second.id, sizeof(first->replaced_by));
    assert_int_equal(update_alone(fixture, first), TKR_OK);
    return second;
}

static void test_a_line_is_of_the_current_version(void **state)
{
    struct fixture *fixture = *state;
    char id[TOKEN_ID_CHARS + 1];
    struct token first = sample_store(&fixture->port, sample_token(1));
    assert_int_equal(find(fixture, first.line, id), TKR_OK);
    assert_string_equal(id, first.id);
    struct token second = rotate(fixture, &first);
    assert_int_equal(find(fixture, first.line, id), TKR_OK);
    assert_string_equal(id, second.id);
}

/* --- tokens that end soon ----------------------------------------------------------------------
 */

static struct token ending(struct fixture *fixture, unsigned number, int64_t days)
{
    struct token token = sample_token(number);
    token.created_at_ms = SAMPLE_NOW - 100 * DAY_MS;
    token.expires_at_ms = SAMPLE_NOW + days * DAY_MS;
    return sample_store(&fixture->port, token);
}

struct answer {
    struct watched_token *tokens;
    size_t count;
};

static struct answer expiring(struct fixture *fixture, struct expiring_question question)
{
    struct answer answer;
    question.from_ms = question.from_ms != 0 ? question.from_ms : SAMPLE_NOW;
    question.until_ms = question.until_ms != 0 ? question.until_ms : SAMPLE_NOW + 7 * DAY_MS;
    question.limit = question.limit != 0 ? question.limit : 10;
    assert_int_equal(fixture->port.sketches.list_expiring(fixture->store, &question, fixture->arena,
                                                          &answer.tokens, &answer.count),
                     TKR_OK);
    return answer;
}

static void test_only_tokens_that_end_within_are_listed(void **state)
{
    struct fixture *fixture = *state;
    uint64_t count = 0;
    (void)ending(fixture, 1, 0);
    struct token inside = ending(fixture, 2, 7);
    (void)ending(fixture, 3, 8);
    struct answer answer = expiring(fixture, (struct expiring_question){0});
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.tokens[0].token.id, inside.id);
    assert_int_equal(fixture->port.sketches.count_expiring(fixture->store, SAMPLE_NOW,
                                                           SAMPLE_NOW + 7 * DAY_MS, &count),
                     TKR_OK);
    assert_int_equal(count, 1);
}

static void test_tokens_that_are_refused_anyway_are_not_listed(void **state)
{
    struct fixture *fixture = *state;
    struct token revoked = ending(fixture, 1, 3), disabled = ending(fixture, 2, 3);
    struct token held = ending(fixture, 3, 3), bait = sample_token(4);
    revoked.revoked_at_ms = disabled.disabled_at_ms = held.quarantined_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, &revoked), TKR_OK);
    assert_int_equal(update_alone(fixture, &disabled), TKR_OK);
    assert_int_equal(update_alone(fixture, &held), TKR_OK);
    bait.expires_at_ms = SAMPLE_NOW + DAY_MS;
    bait.honeytoken = true;
    (void)sample_store(&fixture->port, bait);
    assert_int_equal(expiring(fixture, (struct expiring_question){0}).count, 0);
}

static void test_tokens_that_were_given_little_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    token.created_at_ms = SAMPLE_NOW;
    token.expires_at_ms = SAMPLE_NOW + DAY_MS;
    (void)sample_store(&fixture->port, token);
    assert_int_equal(expiring(fixture, (struct expiring_question){.lifetime_ms = DAY_MS}).count, 0);
    assert_int_equal(expiring(fixture, (struct expiring_question){.lifetime_ms = DAY_MS - 1}).count,
                     1);
}

static void test_another_orgs_tokens_are_not_listed(void **state)
{
    struct fixture *fixture = *state;
    (void)ending(fixture, 1, 3);
    assert_int_equal(expiring(fixture, (struct expiring_question){.org_id = "globex"}).count, 0);
    assert_int_equal(expiring(fixture, (struct expiring_question){.org_id = "acme"}).count, 1);
}

static void test_used_tokens_come_first(void **state)
{
    struct fixture *fixture = *state;
    struct token idle = ending(fixture, 1, 1), used = ending(fixture, 2, 5);
    flush(fixture, used.line, 3, SAMPLE_NOW - DAY_MS);
    flush(fixture, idle.line, 3, SAMPLE_NOW - 40 * DAY_MS);
    struct answer answer =
        expiring(fixture, (struct expiring_question){.used_since_ms = SAMPLE_NOW - 30 * DAY_MS});
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.tokens[0].token.id, used.id);
    assert_int_equal(answer.tokens[0].used_ms, SAMPLE_NOW - DAY_MS);
    assert_string_equal(answer.tokens[1].token.id, idle.id);
    const struct expiring_question question = {.from_ms = SAMPLE_NOW,
                                               .until_ms = SAMPLE_NOW + 7 * DAY_MS,
                                               .used_since_ms = SAMPLE_NOW - 30 * DAY_MS};
    uint64_t count = 0, used_count = 0;
    assert_int_equal(
        fixture->port.sketches.tally_expiring(fixture->store, &question, &count, &used_count),
        TKR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(used_count, 1);
}

static void test_what_was_told_is_not_listed_again(void **state)
{
    struct fixture *fixture = *state;
    struct token token = ending(fixture, 1, 3);
    char key[ALERT_KEY_BYTES_MAX];
    bool is_new = false;
    snprintf(key, sizeof(key), "expiring/7/%s/%lld", token.id, (long long)token.expires_at_ms);
    begin(fixture);
    assert_int_equal(fixture->port.outbox.put_key(fixture->store, key, SAMPLE_NOW, &is_new),
                     TKR_OK);
    commit(fixture);
    assert_int_equal(expiring(fixture, (struct expiring_question){.key = "expiring/7/"}).count, 0);
    assert_int_equal(expiring(fixture, (struct expiring_question){.key = "expiring/1/"}).count, 1);
    assert_int_equal(expiring(fixture, (struct expiring_question){0}).count, 1);
}

static void test_a_version_whose_successor_is_used_is_not_listed(void **state)
{
    struct fixture *fixture = *state;
    uint64_t count = 0;
    struct token first = ending(fixture, 1, 3);
    struct token second = rotate(fixture, &first);
    assert_int_equal(expiring(fixture, (struct expiring_question){0}).count, 1);
    flush(fixture, second.version_line, 1, SAMPLE_NOW);
    assert_int_equal(expiring(fixture, (struct expiring_question){0}).count, 0);
    assert_int_equal(fixture->port.sketches.count_expiring(fixture->store, SAMPLE_NOW,
                                                           SAMPLE_NOW + 7 * DAY_MS, &count),
                     TKR_OK);
    assert_int_equal(count, 0);
}

/* --- tokens that nobody uses -------------------------------------------------------------------
 */

static struct answer unused(struct fixture *fixture, int64_t before_ms, uint32_t rows)
{
    const struct unused_question question = {SAMPLE_NOW, before_ms, rows};
    struct answer answer = {arena_alloc(fixture->arena, SEEN_MAX * sizeof(*answer.tokens)), 0};
    int64_t next = 0;
    do {
        struct watched_token *tokens;
        size_t count = 0;
        assert_int_equal(fixture->port.sketches.list_unused(fixture->store, &question, &next,
                                                            fixture->arena, &tokens, &count),
                         TKR_OK);
        assert_true(answer.count + count <= SEEN_MAX);
        memcpy(answer.tokens + answer.count, tokens, count * sizeof(*tokens));
        answer.count += count;
    } while (next != 0);
    return answer;
}

static void test_without_tokens_none_is_unused(void **state)
{
    assert_int_equal(unused(*state, SAMPLE_NOW, 100).count, 0);
}

static void test_tokens_that_were_used_or_are_young_are_not_unused(void **state)
{
    struct fixture *fixture = *state;
    struct token used = ending(fixture, 1, 100), idle = ending(fixture, 2, 100);
    struct token never = ending(fixture, 3, 100), ended = ending(fixture, 4, -1);
    struct token young = sample_token(5);
    young.created_at_ms = SAMPLE_NOW - DAY_MS;
    (void)sample_store(&fixture->port, young);
    flush(fixture, used.line, 1, SAMPLE_NOW - DAY_MS);
    flush(fixture, idle.line, 1, SAMPLE_NOW - 91 * DAY_MS);
    for (uint32_t rows = 1; rows < 8; rows += 2) {
        struct answer answer = unused(fixture, SAMPLE_NOW - 90 * DAY_MS, rows);
        assert_int_equal(answer.count, 2);
        assert_string_equal(answer.tokens[0].token.id, idle.id);
        assert_int_equal(answer.tokens[0].used_ms, SAMPLE_NOW - 91 * DAY_MS);
        assert_string_equal(answer.tokens[1].token.id, never.id);
        assert_int_equal(answer.tokens[1].used_ms, 0);
        assert_false(answer.tokens[1].told);
    }
    (void)ended;
}

static void test_it_is_known_whether_an_unused_token_was_told(void **state)
{
    struct fixture *fixture = *state;
    struct token token = ending(fixture, 1, 100);
    char key[ALERT_KEY_BYTES_MAX];
    bool is_new = false;
    snprintf(key, sizeof(key), "unused/%s/0", token.id);
    begin(fixture);
    assert_int_equal(fixture->port.outbox.put_key(fixture->store, key, SAMPLE_NOW, &is_new),
                     TKR_OK);
    commit(fixture);
    assert_true(unused(fixture, SAMPLE_NOW, 10).tokens[0].told);
    flush(fixture, token.line, 1, SAMPLE_NOW - DAY_MS);
    assert_false(unused(fixture, SAMPLE_NOW, 10).tokens[0].told);
}

int suite_sketches(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_an_error_of_the_visitor_ends_the_visit),
        SUITE_TEST(test_a_rolled_back_sketch_is_not_there),
        SUITE_TEST(test_sketches_come_back_the_newest_first),
        SUITE_TEST(test_old_sketches_are_forgotten),
        SUITE_TEST(test_a_line_of_no_token_is_not_found),
        SUITE_TEST(test_a_line_is_of_the_current_version),
        SUITE_TEST(test_only_tokens_that_end_within_are_listed),
        SUITE_TEST(test_tokens_that_are_refused_anyway_are_not_listed),
        SUITE_TEST(test_tokens_that_were_given_little_are_left_out),
        SUITE_TEST(test_another_orgs_tokens_are_not_listed),
        SUITE_TEST(test_used_tokens_come_first),
        SUITE_TEST(test_what_was_told_is_not_listed_again),
        SUITE_TEST(test_a_version_whose_successor_is_used_is_not_listed),
        SUITE_TEST(test_without_tokens_none_is_unused),
        SUITE_TEST(test_tokens_that_were_used_or_are_young_are_not_unused),
        SUITE_TEST(test_it_is_known_whether_an_unused_token_was_told),
    };
    return cmocka_run_group_tests_name("sketches", tests, NULL, NULL);
}
