/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

/* --- tokens, users, tiers ---------------------------------------------------------------- */

static void test_an_inserted_token_reads_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct token full = sample_store(&fixture->port, full_token());
    struct token plain = sample_store(&fixture->port, sample_token(1));
    struct token read = get(fixture, full.id);
    assert_int_equal(full.version, 1);
    assert_same(&full, &read);
    read = get(fixture, plain.id);
    assert_same(&plain, &read);
    assert_int_equal(read.request_count, 0);
    assert_int_equal(read.last_used_at_ms, 0);
}

static void test_an_updated_token_reads_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(9));
    struct token wanted = full_token();
    wanted.kind = token.kind; /* what an update does not change */
    wanted.env = token.env;
    wanted.line = token.line;
    wanted.version = token.version;
    memcpy(wanted.lineage_id, token.lineage_id, sizeof(token.lineage_id));
    memcpy(wanted.rotated_from, token.rotated_from, sizeof(token.rotated_from));
    wanted.updated_at_ms = SAMPLE_NOW + 99;
    assert_int_equal(update_alone(fixture, &wanted), TKR_OK);
    assert_int_equal(wanted.version, 2);
    struct token read = get(fixture, token.id);
    assert_same(&wanted, &read);
}

static void test_a_line_is_given_out_once(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_store(&fixture->port, sample_token(1));
    reopen_store(fixture);
    struct token second = sample_store(&fixture->port, sample_token(2));
    assert_int_not_equal(first.line, SEGMENT_NO_LINE);
    assert_int_equal(second.line, first.line + 1);
    assert_int_equal(identity(fixture).lines, second.line + 1);
}

static void test_a_token_that_brings_its_line_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_store(&fixture->port, sample_token(1));
    struct token rotated = sample_token(2);
    rotated.line = first.line;
    rotated = sample_store(&fixture->port, rotated);
    assert_int_equal(rotated.line, first.line);
    assert_int_equal(identity(fixture).lines, first.line + 1);
}

static void test_a_user_is_made_once_for_each_org(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    ensure_user(fixture, "acme", "alice", false, true);
    ensure_user(fixture, "acme", "alice", false, false);
    ensure_user(fixture, "beta", "alice", false, true);
    commit(fixture);
    reopen_store(fixture);
    begin(fixture);
    ensure_user(fixture, "beta", "alice", false, false);
    commit(fixture);
}

static void test_a_user_gets_one_line_when_it_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(ensure_user(fixture, "acme", "alice", false, true).line, SEGMENT_NO_LINE);
    uint32_t line = ensure_user(fixture, "acme", "alice", true, false).line;
    assert_int_not_equal(line, SEGMENT_NO_LINE);
    assert_int_equal(ensure_user(fixture, "acme", "alice", true, false).line, line);
    assert_int_equal(ensure_user(fixture, "acme", "alice", false, false).line, line);
    assert_int_equal(ensure_user(fixture, "acme", "bob", true, true).line, line + 1);
    commit(fixture);
    assert_int_equal(identity(fixture).lines, line + 2);
}

static struct tier *tiers(struct fixture *fixture, size_t expected)
{
    struct tier *tiers = NULL;
    size_t count = 0;
    assert_int_equal(fixture->port.list_tiers(fixture->store, fixture->arena, &tiers, &count),
                     TKR_OK);
    assert_int_equal(count, expected);
    return tiers;
}

static void test_a_new_store_has_the_shipped_tiers(void **state)
{
    struct fixture *fixture = *state;
    struct tier *found = tiers(fixture, TIERS_SHIPPED);
    for (size_t i = 0; i < TIERS_SHIPPED; i++) {
        assert_string_equal(found[i].name, tiers_shipped[i].name);
        assert_memory_equal(&found[i].limits, &tiers_shipped[i].limits, sizeof(struct limits));
        assert_int_equal(found[i].subject, tiers_shipped[i].subject);
    }
}

static void put_tier(struct fixture *fixture, const char *name, enum limits_subject subject,
                     uint32_t minute)
{
    struct tier tier = {.limits = {1, {minute}}, .subject = subject};
    struct store_event event = {.at_ms = SAMPLE_NOW, .type = "tier.put"};
    snprintf(tier.name, sizeof(tier.name), "%s", name);
    assert_int_equal(fixture->port.put_tier(fixture->store, &tier, &event), TKR_OK);
}

static void test_a_tier_is_made_or_replaced(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put_tier(fixture, "free", LIMITS_OF_BOTH, 5);
    put_tier(fixture, "gold", LIMITS_OF_USER, 6);
    commit(fixture);
    struct tier *found = tiers(fixture, TIERS_SHIPPED + 1);
    assert_string_equal(found[0].name, "free");
    assert_int_equal(found[0].limits.set, 1);
    assert_int_equal(found[0].limits.limit[WINDOW_MINUTE], 5);
    assert_int_equal(found[0].subject, LIMITS_OF_BOTH);
    assert_string_equal(found[TIERS_SHIPPED].name, "gold");
}

struct given {
    size_t count;
    uint32_t line[8];
    char id[8][32];
};

static tkr_error_t note_given(void *context, const struct store_user *user)
{
    struct given *given = context;
    assert_in_range(given->count, 0, 7);
    assert_string_equal(user->org_id, "acme");
    given->line[given->count] = user->line;
    snprintf(given->id[given->count++], sizeof(given->id[0]), "%s", user->id);
    return TKR_OK;
}

static void test_users_get_lines_when_their_tier_comes_to_be_of_users(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[] = {sample_token(1), sample_token(2), sample_token(3)};
    struct given given = {0};
    tokens[1].user_id = "bob";
    tokens[2].user_id = "carol";
    tokens[2].tier = "pro";
    for (size_t i = 0; i < 3; i++) {
        sample_store(&fixture->port, tokens[i]);
    }
    begin(fixture);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    assert_int_equal(given.count, 0);
    put_tier(fixture, "free", LIMITS_OF_USER, 5);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    assert_int_equal(given.count, 2);
    assert_string_equal(given.id[0], "alice");
    assert_string_equal(given.id[1], "bob");
    assert_int_equal(given.line[1], given.line[0] + 1);
    assert_int_equal(ensure_user(fixture, "acme", "bob", false, false).line, given.line[1]);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    assert_int_equal(given.count, 2);
    commit(fixture);
}

/* A tier that was of tokens for a while has users without a line again. */
static void test_users_who_came_while_a_tier_was_of_tokens_get_lines_too(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_token(1);
    struct given given = {0};
    begin(fixture);
    put_tier(fixture, "free", LIMITS_OF_USER, 5);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    put_tier(fixture, "free", LIMITS_OF_TOKEN, 5);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    assert_int_equal(given.count, 0);
    put_tier(fixture, "free", LIMITS_OF_USER, 5);
    assert_int_equal(fixture->port.give_user_lines(fixture->store, note_given, &given), TKR_OK);
    assert_int_equal(given.count, 1);
    commit(fixture);
}

/* --- what tokens made -------------------------------------------------------------------- */

static struct token store_made(struct fixture *fixture, unsigned number, const char *maker,
                               int64_t expires_at_ms)
{
    struct token token = sample_token(number);
    snprintf(token.created_by, sizeof(token.created_by), "%s", maker);
    token.expires_at_ms = expires_at_ms;
    return sample_store(&fixture->port, token);
}

static uint32_t count_made(struct fixture *fixture, const char *user, uint32_t most)
{
    uint32_t count = 77;
    assert_int_equal(
        fixture->port.count_made(fixture->store, "acme", user, SAMPLE_NOW, most, &count), TKR_OK);
    return count;
}

static void test_live_tokens_that_tokens_made_are_counted_by_user(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1)); /* made by none */
    assert_int_equal(count_made(fixture, "alice", 10), 0);
    (void)store_made(fixture, 2, maker.id, 0);
    (void)store_made(fixture, 3, maker.id, SAMPLE_NOW); /* expired */
    struct token revoked = store_made(fixture, 4, maker.id, SAMPLE_NOW + 1);
    assert_int_equal(count_made(fixture, "alice", 10), 2);
    assert_int_equal(count_made(fixture, "alice", 1), 1);
    assert_int_equal(count_made(fixture, "nobody", 10), 0);
    revoked.revoked_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, &revoked), TKR_OK);
    assert_int_equal(count_made(fixture, "alice", 10), 1);
}

static void test_what_a_token_made_is_listed_unless_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1));
    struct token first = store_made(fixture, 2, maker.id, 0);
    struct token second = store_made(fixture, 3, maker.id, 0);
    (void)store_made(fixture, 4, first.id, 0);
    char ids[3][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    assert_int_equal(fixture->port.list_made(fixture->store, maker.id, 3, ids, &count), TKR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(fixture->port.list_made(fixture->store, maker.id, 1, ids, &count), TKR_OK);
    assert_int_equal(count, 1);
    second.revoked_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, &second), TKR_OK);
    assert_int_equal(fixture->port.list_made(fixture->store, maker.id, 3, ids, &count), TKR_OK);
    assert_int_equal(count, 1);
    assert_string_equal(ids[0], first.id);
}

static tkr_error_t no_event(void *context, const struct store_cleaned *cleaned,
                            struct store_event *ret_event)
{
    *ret_event = (struct store_event){.at_ms = SAMPLE_NOW, .type = "token.cleanup"};
    return TKR_OK;
}

static struct token store_version(struct fixture *fixture, uint64_t number,
                                  const struct token *first)
{
    struct token version = sample_token(number);
    memcpy(version.lineage_id, first->id, sizeof(version.lineage_id));
    memcpy(version.rotated_from, first->id, sizeof(version.rotated_from));
    return sample_store(&fixture->port, version);
}

static void test_the_versions_of_a_lineage_are_listed(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_store(&fixture->port, sample_token(1));
    struct token second = store_version(fixture, 2, &first);
    struct token third = store_version(fixture, 3, &first);
    (void)sample_store(&fixture->port, sample_token(4));
    char ids[4][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    const struct store_port *port = &fixture->port;
    assert_int_equal(port->list_versions(fixture->store, first.id, 4, ids, &count), TKR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(port->list_overlapping(fixture->store, first.id, SAMPLE_NOW, 4, ids, &count),
                     TKR_OK);
    assert_int_equal(count, 0); /* nobody replaced one */
    memcpy(first.replaced_by, second.id, sizeof(first.replaced_by));
    first.expires_at_ms = SAMPLE_NOW + 1;
    assert_int_equal(update_alone(fixture, &first), TKR_OK);
    memcpy(second.replaced_by, third.id, sizeof(second.replaced_by));
    second.expires_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, &second), TKR_OK);
    assert_int_equal(port->list_overlapping(fixture->store, first.id, SAMPLE_NOW, 4, ids, &count),
                     TKR_OK);
    assert_int_equal(count, 1); /* the second one has ended */
    assert_string_equal(ids[0], first.id);
    first.revoked_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, &first), TKR_OK);
    assert_int_equal(port->list_overlapping(fixture->store, first.id, SAMPLE_NOW, 4, ids, &count),
                     TKR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(port->list_versions(fixture->store, first.id, 4, ids, &count), TKR_OK);
    assert_int_equal(count, 2);
}

static void clean(struct fixture *fixture, struct token *token)
{
    uint32_t count = 0;
    uint64_t seq = 0;
    token->revoked_at_ms = SAMPLE_NOW;
    assert_int_equal(update_alone(fixture, token), TKR_OK);
    assert_int_equal(fixture->port.begin(fixture->store), TKR_OK);
    assert_int_equal(fixture->port.cleanup(fixture->store, SAMPLE_NOW, false, 1, SAMPLE_NOW,
                                           no_event, NULL, &count),
                     TKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fixture->port.commit(fixture->store, &seq), TKR_OK);
}

static void assert_made_by(struct fixture *fixture, const char *maker_id, const char *made_id)
{
    char ids[2][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    assert_int_equal(fixture->port.list_made(fixture->store, maker_id, 2, ids, &count), TKR_OK);
    assert_int_equal(count, 1);
    assert_string_equal(ids[0], made_id);
}

static void test_a_link_that_is_cleaned_away_leaves_the_family_whole(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1));
    struct token link = store_made(fixture, 2, maker.id, 0);
    struct token made = store_made(fixture, 3, link.id, 0);
    clean(fixture, &link);
    assert_made_by(fixture, maker.id, made.id);
    struct token version = store_version(fixture, 4, &maker);
    clean(fixture, &maker); /* another version of it is there */
    assert_made_by(fixture, version.id, made.id);
    clean(fixture, &version); /* nobody is */
    assert_made_by(fixture, version.id, made.id);
}

int suite_tokens(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_an_inserted_token_reads_back_whole),
        SUITE_TEST(test_an_updated_token_reads_back_whole),
        SUITE_TEST(test_a_line_is_given_out_once),
        SUITE_TEST(test_a_token_that_brings_its_line_keeps_it),
        SUITE_TEST(test_a_user_is_made_once_for_each_org),
        SUITE_TEST(test_a_user_gets_one_line_when_it_is_wanted),
        SUITE_TEST(test_a_new_store_has_the_shipped_tiers),
        SUITE_TEST(test_a_tier_is_made_or_replaced),
        SUITE_TEST(test_users_get_lines_when_their_tier_comes_to_be_of_users),
        SUITE_TEST(test_users_who_came_while_a_tier_was_of_tokens_get_lines_too),
        SUITE_TEST(test_live_tokens_that_tokens_made_are_counted_by_user),
        SUITE_TEST(test_what_a_token_made_is_listed_unless_revoked),
        SUITE_TEST(test_the_versions_of_a_lineage_are_listed),
        SUITE_TEST(test_a_link_that_is_cleaned_away_leaves_the_family_whole),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
