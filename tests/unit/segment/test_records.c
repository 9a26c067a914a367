/* SPDX-License-Identifier: Apache-2.0 */
/* Putting, replacing, finding and removing, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"
#define MANY 12000

struct scene {
    struct segment_fixture fixture;
    struct verifier *verifier;
    struct verify_result result;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init(&scene->fixture, NULL);
    scene->verifier = segment_fixture_verifier(&scene->fixture);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    verifier_free(scene->verifier);
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static const char *text_of(int number)
{
    static char text[64];
    snprintf(text, sizeof text, "sk_live_token_of_the_table_%08d", number);
    return text;
}

static tkr_verdict_t verify(struct scene *scene, const char *text)
{
    return segment_fixture_verify(scene->verifier, text, &scene->result);
}

static void test_what_is_out_of_range_is_refused_and_changes_nothing(void **state)
{
    struct scene *scene = *state;
    struct segment_token good = segment_fixture_token(&scene->fixture, TOKEN);
    struct segment_token rows[7];
    for (int i = 0; i < 7; i++) {
        rows[i] = good;
    }
    rows[0].name_length = TOKEN_NAME_BYTES_MAX + 1;
    rows[1].scopes_length = SCOPES_TEXT_BYTES_MAX + 1;
    rows[2].metadata_length = METADATA_BYTES_MAX + 1;
    rows[3].cidr_count = CIDRS_PER_TOKEN_MAX + 1;
    rows[4].user = 99;
    rows[5].tier = 7;
    rows[6].line = SEGMENT_NO_LINE;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(segment_writer_put_token(scene->fixture.writer, &rows[i]), TKR_INVALID);
    }
    good.expires_at_ms = -1;
    assert_int_equal(segment_writer_put_token(scene->fixture.writer, &good), TKR_INVALID);
    assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_NOT_FOUND);
    uint32_t user;
    uint16_t org;
    struct segment_writer *writer = scene->fixture.writer;
    assert_int_equal(segment_writer_put_user(writer, 9, "x", 1, 0, SEGMENT_NO_LINE, NULL, &user),
                     TKR_INVALID);
    assert_int_equal(segment_writer_put_user(writer, 0, "", 0, 0, SEGMENT_NO_LINE, NULL, &user),
                     TKR_INVALID);
    assert_int_equal(segment_writer_put_user(writer, 0, "x", 1, 0, 1 << 30, NULL, &user),
                     TKR_INVALID);
    assert_int_equal(segment_writer_put_org(writer, "", 0, &org), TKR_INVALID);
}

static void test_what_was_never_put_is_not_found(void **state)
{
    struct scene *scene = *state;
    struct segment_writer *writer = scene->fixture.writer;
    uint8_t digest[TOKEN_DIGEST_BYTES] = {1};
    uint16_t small;
    uint32_t user;
    assert_int_equal(segment_writer_remove_token(writer, digest), TKR_NOT_FOUND);
    assert_false(segment_writer_has_token(writer, digest));
    assert_int_equal(segment_writer_find_tier(writer, "pro", 3, &small), TKR_NOT_FOUND);
    assert_int_equal(segment_writer_find_org(writer, "other", 5, &small), TKR_NOT_FOUND);
    assert_int_equal(segment_writer_find_user(writer, 0, "bob", 3, &user), TKR_NOT_FOUND);
    assert_int_equal(segment_writer_find_user(writer, 1, "alice", 5, &user), TKR_NOT_FOUND);
}

static void test_a_removed_token_is_not_found_and_its_place_is_used_again(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    for (int i = 0; i < 5; i++) {
        segment_fixture_put(&scene->fixture, &token);
        assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_VALID);
        assert_int_equal(segment_writer_remove_token(scene->fixture.writer, token.digest), TKR_OK);
        assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_NOT_FOUND);
        assert_int_equal(segment_writer_remove_token(scene->fixture.writer, token.digest),
                         TKR_NOT_FOUND);
    }
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_int_equal(stats.tokens, 0);
    assert_int_equal(stats.generation, 1);
}

static void test_a_put_replaces_what_has_the_same_digest(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    segment_fixture_put(&scene->fixture, &token);
    token.name = "renamed";
    token.name_length = 7;
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.name.length, 7);
    assert_memory_equal(scene->result.name.text, "renamed", 7);
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_int_equal(stats.tokens, 1);
    assert_true(stats.text_bytes_waste > 0);
}

static void test_the_same_names_keep_their_numbers(void **state)
{
    struct scene *scene = *state;
    struct segment_writer *writer = scene->fixture.writer;
    uint16_t org, tier;
    uint32_t user, found;
    assert_int_equal(segment_writer_put_org(writer, "acme", 4, &org), TKR_OK);
    assert_int_equal(org, scene->fixture.org);
    assert_int_equal(segment_writer_put_org(writer, "other", 5, &org), TKR_OK);
    assert_int_not_equal(org, scene->fixture.org);
    assert_int_equal(
        segment_writer_put_user(writer, org, "alice", 5, 0, SEGMENT_NO_LINE, NULL, &user), TKR_OK);
    assert_int_not_equal(user, scene->fixture.user);
    assert_int_equal(segment_writer_find_user(writer, org, "alice", 5, &found), TKR_OK);
    assert_int_equal(found, user);
    assert_int_equal(segment_writer_find_tier(writer, "free", 4, &tier), TKR_OK);
    assert_int_equal(tier, scene->fixture.tier);
}

static void test_more_tiers_than_there_is_room_for_are_refused(void **state)
{
    struct scene *scene = *state;
    struct tier tier = {.subject = LIMITS_OF_TOKEN};
    uint16_t number;
    for (int i = 1; i < SEGMENT_TIERS_MAX; i++) {
        snprintf(tier.name, sizeof tier.name, "tier-%d", i);
        assert_int_equal(segment_writer_put_tier(scene->fixture.writer, &tier, &number), TKR_OK);
        assert_int_equal(number, i);
    }
    snprintf(tier.name, sizeof tier.name, "one-more");
    assert_int_equal(segment_writer_put_tier(scene->fixture.writer, &tier, &number), TKR_CAPACITY);
}

static void test_many_tokens_users_and_scopes_are_all_found_again(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    char user[40], scopes[40];
    for (int i = 0; i < MANY; i++) {
        struct segment_token token = segment_fixture_token(fixture, text_of(i));
        int length =
            snprintf(user, sizeof user, i % 2 == 0 ? "u%d" : "a-user-with-a-long-id-%d", i / 3);
        assert_int_equal(segment_writer_put_user(fixture->writer, fixture->org, user,
                                                 (size_t)length, 0, SEGMENT_NO_LINE, NULL,
                                                 &token.user),
                         TKR_OK);
        token.scopes_length = (size_t)snprintf(scopes, sizeof scopes, "r%d:read", i % 700);
        token.scopes = scopes;
        segment_fixture_put(fixture, &token);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(verify(scene, text_of(i)), TKR_VERDICT_VALID);
        int length =
            snprintf(user, sizeof user, i % 2 == 0 ? "u%d" : "a-user-with-a-long-id-%d", i / 3);
        assert_int_equal(scene->result.user.length, length);
        assert_memory_equal(scene->result.user.text, user, (size_t)length);
        length = snprintf(scopes, sizeof scopes, "r%d:read", i % 700);
        assert_int_equal(scene->result.scopes.length, length);
        assert_memory_equal(scene->result.scopes.text, scopes, (size_t)length);
    }
    assert_int_equal(verify(scene, text_of(MANY)), TKR_VERDICT_NOT_FOUND);
}

static void test_the_table_grows_and_keeps_everything(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    struct segment_stats before, after;
    for (int i = 0; i < 4 * MANY; i++) {
        struct segment_token token = segment_fixture_token(fixture, text_of(i));
        segment_fixture_put(fixture, &token);
        if (i % 3 == 0) {
            assert_int_equal(segment_writer_remove_token(fixture->writer, token.digest), TKR_OK);
        }
    }
    segment_writer_stats(fixture->writer, &after);
    assert_true(after.generation > 1);
    assert_int_equal(after.tokens, 4 * MANY - (4 * MANY + 2) / 3);
    for (int i = 0; i < 4 * MANY; i++) {
        assert_int_equal(verify(scene, text_of(i)),
                         i % 3 == 0 ? TKR_VERDICT_NOT_FOUND : TKR_VERDICT_VALID);
    }
    /* Only changes, no new tokens: what they leave behind goes, the table stays as it is. */
    before = after;
    char metadata[METADATA_BYTES_MAX];
    memset(metadata, 'm', sizeof metadata);
    struct segment_token token = segment_fixture_token(fixture, text_of(1));
    token.metadata = metadata;
    token.metadata_length = sizeof metadata;
    for (int i = 0; i < 12000; i++) {
        segment_fixture_put(fixture, &token);
    }
    segment_writer_stats(fixture->writer, &after);
    assert_true(after.generation > before.generation);
    assert_int_equal(after.tokens, before.tokens);
    assert_true(after.text_bytes_used < 16 << 20);
    assert_int_equal(verify(scene, text_of(1)), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.metadata.length, sizeof metadata);
}

static void test_users_grow_and_keep_their_numbers(void **state)
{
    struct scene *scene = *state;
    struct segment_writer *writer = scene->fixture.writer;
    char id[32];
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t number;
        int length = snprintf(id, sizeof id, "user-number-%u", i * 37);
        assert_int_equal(segment_writer_put_user(writer, 0, id, (size_t)length, i % 2,
                                                 SEGMENT_NO_LINE, NULL, &number),
                         TKR_OK);
        assert_int_equal(number, i + 1);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t number;
        int length = snprintf(id, sizeof id, "user-number-%u", i * 37);
        assert_int_equal(segment_writer_find_user(writer, 0, id, (size_t)length, &number), TKR_OK);
        assert_int_equal(number, i + 1);
    }
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    token.user = 20000; /* an odd one, suspended */
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_USER_SUSPENDED);
    token.user = 19999;
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(verify(scene, TOKEN), TKR_VERDICT_VALID);
}

static void test_an_empty_segment_takes_less_than_four_mebibytes(void **state)
{
    struct scene *scene = *state;
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_true(stats.keys_bytes + stats.usage_bytes < 4 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_out_of_range_is_refused_and_changes_nothing),
        TEST(test_what_was_never_put_is_not_found),
        TEST(test_a_removed_token_is_not_found_and_its_place_is_used_again),
        TEST(test_a_put_replaces_what_has_the_same_digest),
        TEST(test_the_same_names_keep_their_numbers),
        TEST(test_more_tiers_than_there_is_room_for_are_refused),
        TEST(test_many_tokens_users_and_scopes_are_all_found_again),
        TEST(test_the_table_grows_and_keeps_everything),
        TEST(test_users_grow_and_keep_their_numbers),
        TEST(test_an_empty_segment_takes_less_than_four_mebibytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
