/* SPDX-License-Identifier: Apache-2.0 */
/* Revoked by birth, honeytokens, warned tokens, lines of a version, adjusted records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"
#define BORN_MS INT64_C(1700000000000)
#define EVERY_KIND 7

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

static struct segment_token token_born(struct scene *scene, int64_t born_ms)
{
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    for (int i = 0; i < 6; i++) {
        token.id[i] = (uint8_t)(born_ms >> 8 * (5 - i));
    }
    return token;
}

static tkr_verdict_t verify(struct scene *scene)
{
    return segment_fixture_verify(scene->verifier, TOKEN, &scene->result);
}

static void set_epoch(struct scene *scene, struct segment_epoch epoch)
{
    segment_writer_set_epochs(scene->fixture.writer, &epoch, 1);
}

static void test_an_epoch_refuses_what_was_born_up_to_its_time(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    segment_fixture_put(&scene->fixture, &token);
    set_epoch(scene, (struct segment_epoch){BORN_MS - 1, SEGMENT_ANY, SEGMENT_ANY, EVERY_KIND});
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    set_epoch(scene, (struct segment_epoch){BORN_MS, SEGMENT_ANY, SEGMENT_ANY, EVERY_KIND});
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
    segment_writer_set_epochs(scene->fixture.writer, NULL, 0);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
}

static void test_an_epoch_covers_its_org_user_and_kind_only(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    struct segment_token token = token_born(scene, BORN_MS);
    segment_fixture_put(fixture, &token);
    const struct {
        struct segment_epoch epoch;
        tkr_verdict_t verdict;
    } rows[] = {
        {{BORN_MS, fixture->org + 1U, SEGMENT_ANY, EVERY_KIND}, TKR_VERDICT_VALID},
        {{BORN_MS, fixture->org, fixture->user + 1, EVERY_KIND}, TKR_VERDICT_VALID},
        {{BORN_MS, SEGMENT_ANY, SEGMENT_ANY, 1 << TOKEN_KIND_SERVICE}, TKR_VERDICT_VALID},
        {{BORN_MS, fixture->org, SEGMENT_ANY, EVERY_KIND}, TKR_VERDICT_REVOKED},
        {{BORN_MS, fixture->org, fixture->user, EVERY_KIND}, TKR_VERDICT_REVOKED},
        {{BORN_MS, SEGMENT_ANY, SEGMENT_ANY, 1 << TOKEN_KIND_USER}, TKR_VERDICT_REVOKED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_epoch(scene, rows[i].epoch);
        assert_int_equal(verify(scene), rows[i].verdict);
    }
}

static void test_any_of_the_most_epochs_refuses(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    segment_fixture_put(&scene->fixture, &token);
    struct segment_epoch epochs[SEGMENT_EPOCHS_MAX];
    for (size_t i = 0; i < SEGMENT_EPOCHS_MAX; i++) {
        epochs[i] = (struct segment_epoch){BORN_MS, 1000, (uint32_t)i, EVERY_KIND};
    }
    segment_writer_set_epochs(scene->fixture.writer, epochs, SEGMENT_EPOCHS_MAX);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    epochs[SEGMENT_EPOCHS_MAX - 1] =
        (struct segment_epoch){BORN_MS, SEGMENT_ANY, scene->fixture.user, EVERY_KIND};
    segment_writer_set_epochs(scene->fixture.writer, epochs, SEGMENT_EPOCHS_MAX);
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
}

static void test_a_spared_token_counts_as_born_when_it_was_spared(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    token.spared_ms = BORN_MS + 1000;
    token.metadata = "{\"a\":1}"; /* what lies behind in the text is found, too */
    token.metadata_length = strlen(token.metadata);
    segment_fixture_put(&scene->fixture, &token);
    set_epoch(scene, (struct segment_epoch){BORN_MS + 999, SEGMENT_ANY, SEGMENT_ANY, EVERY_KIND});
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_memory_equal(scene->result.metadata.text, "{\"a\":1}", 7);
    set_epoch(scene, (struct segment_epoch){BORN_MS + 1000, SEGMENT_ANY, SEGMENT_ANY, EVERY_KIND});
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
}

static void test_epochs_survive_growth(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    segment_fixture_put(&scene->fixture, &token);
    set_epoch(scene, (struct segment_epoch){BORN_MS, SEGMENT_ANY, SEGMENT_ANY, EVERY_KIND});
    struct segment_stats before, after;
    segment_writer_stats(scene->fixture.writer, &before);
    for (int i = 0; i < 14000; i++) {
        struct segment_token other = token_born(scene, BORN_MS + 1);
        other.digest[0] = (uint8_t)i;
        other.digest[1] = (uint8_t)(i >> 8);
        other.digest[16]++;
        assert_int_equal(segment_writer_put_token(scene->fixture.writer, &other), TKR_OK);
    }
    segment_writer_stats(scene->fixture.writer, &after);
    assert_true(after.generation > before.generation);
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
}

static void test_a_honeytoken_is_outwardly_unknown_and_tells(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    token.flags = SEGMENT_TOKEN_HONEYTOKEN;
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(verify(scene), TKR_VERDICT_NOT_FOUND);
    assert_false(scene->result.known);
    assert_true(scene->result.honeytoken);
    assert_memory_equal(scene->result.token_id, token.id, TOKEN_ID_BYTES);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, token.line, &total, &last_used_ms);
    assert_int_equal(total, 0);
}

static void test_a_warned_token_works_and_says_so(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    token.flags = SEGMENT_TOKEN_WARNED;
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_true(scene->result.warned);
}

static void test_a_version_counts_on_its_own_line_and_on_its_lineages(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    struct segment_token token = token_born(scene, BORN_MS);
    token.has_version_line = true;
    token.version_line = fixture->next_line++;
    assert_int_equal(segment_writer_reserve_lines(fixture->writer, fixture->next_line), TKR_OK);
    assert_int_equal(segment_writer_seed_line(fixture->writer, token.version_line, 5, BORN_MS),
                     TKR_OK);
    segment_fixture_put(fixture, &token);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(fixture->writer, token.version_line, &total, &last_used_ms);
    assert_int_equal(total, 6);
    assert_int_equal(last_used_ms, scene->result.now_ms);
    segment_writer_read_line(fixture->writer, token.line, &total, &last_used_ms);
    assert_int_equal(total, 1);
}

static void test_a_line_that_is_not_there_is_refused(void **state)
{
    struct scene *scene = *state;
    struct segment_token token = token_born(scene, BORN_MS);
    token.has_version_line = true;
    token.version_line = 1000000;
    assert_int_equal(segment_writer_put_token(scene->fixture.writer, &token), TKR_INVALID);
    token.has_version_line = false;
    token.has_credit_line = true;
    token.credit_line = 1000000;
    assert_int_equal(segment_writer_put_token(scene->fixture.writer, &token), TKR_INVALID);
}

static void test_adjusting_changes_flags_tier_and_scopes_alone(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    struct segment_token token = token_born(scene, BORN_MS);
    struct tier other = {.name = "other", .subject = LIMITS_OF_TOKEN};
    struct segment_adjustment adjustment = {
        .has_tier = true, .scopes = "a:b c:d", .scopes_length = 7};
    segment_fixture_put(fixture, &token);
    assert_int_equal(segment_writer_put_tier(fixture->writer, &other, &adjustment.tier), TKR_OK);
    assert_int_equal(segment_writer_adjust_token(fixture->writer, token.digest, &adjustment),
                     TKR_OK);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_memory_equal(scene->result.tier.text, "other", 5);
    assert_int_equal(scene->result.scopes.length, 7);
    assert_memory_equal(scene->result.name.text, token.name, token.name_length);
    adjustment = (struct segment_adjustment){.set_flags = SEGMENT_TOKEN_REVOKED};
    assert_int_equal(segment_writer_adjust_token(fixture->writer, token.digest, &adjustment),
                     TKR_OK);
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
    token.digest[0] ^= 1;
    assert_int_equal(segment_writer_adjust_token(fixture->writer, token.digest, &adjustment),
                     TKR_NOT_FOUND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_epoch_refuses_what_was_born_up_to_its_time),
        TEST(test_an_epoch_covers_its_org_user_and_kind_only),
        TEST(test_any_of_the_most_epochs_refuses),
        TEST(test_a_spared_token_counts_as_born_when_it_was_spared),
        TEST(test_epochs_survive_growth),
        TEST(test_a_honeytoken_is_outwardly_unknown_and_tells),
        TEST(test_a_warned_token_works_and_says_so),
        TEST(test_a_version_counts_on_its_own_line_and_on_its_lineages),
        TEST(test_a_line_that_is_not_there_is_refused),
        TEST(test_adjusting_changes_flags_tier_and_scopes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
