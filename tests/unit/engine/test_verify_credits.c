/* SPDX-License-Identifier: Apache-2.0 */
/* Credits in a verification: the verdict, what a result says, the explanation, and the mark that
 * a flush looks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"
#define DAY_MS 86400000LL

struct scene {
    struct segment_fixture fixture;
    struct verifier *verifier;
    struct segment_token token;
    struct verify_result result;
};

/* A token with 5 credits, and 8 each day from tomorrow on. */
static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct segment_fixture *fixture = &scene->fixture;
    segment_fixture_init(fixture, NULL);
    scene->verifier = segment_fixture_verifier(fixture);
    scene->token = segment_fixture_token(fixture, TOKEN);
    scene->token.has_credit_line = true;
    scene->token.credit_line = fixture->next_line++;
    assert_int_equal(segment_writer_reserve_lines(fixture->writer, fixture->next_line), TKR_OK);
    struct segment_credits credits = {
        .allowance = {credits_period(CREDITS_DAILY, FIXTURE_WALL_MS), 5}, .refill = 8};
    assert_int_equal(
        segment_writer_put_credits(fixture->writer, scene->token.credit_line, &credits), TKR_OK);
    segment_fixture_put(fixture, &scene->token);
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

static struct verify_request costing(uint32_t cost)
{
    return (struct verify_request){.token = TOKEN, .token_length = strlen(TOKEN), .cost = cost};
}

static tkr_verdict_t verify(struct scene *scene, struct verify_request request)
{
    return verify_token(scene->verifier, &request, &scene->result);
}

static void test_a_token_without_credits_left_has_exceeded_its_quota(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene, costing(3)), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.credits.remaining, 2);
    assert_int_equal(verify(scene, costing(3)), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(scene->result.retry_after_ms, DAY_MS);
    assert_int_equal(scene->result.credits.remaining, 2);
    assert_int_equal(verify(scene, costing(2)), TKR_VERDICT_VALID);
    assert_int_equal(verify(scene, costing(1)), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(verify(scene, costing(0)), TKR_VERDICT_VALID);
}

static void test_a_refusal_by_credits_takes_no_window(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 100, 100, 100);
    assert_int_equal(verify(scene, costing(6)), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(scene->result.window_count, 3);
    assert_int_equal(scene->result.windows[0].remaining, 100);
    assert_int_equal(verify(scene, costing(5)), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.windows[0].remaining, 95);
}

static void test_the_rate_is_told_before_the_quota(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 0, 100, 100);
    struct verify_explanation explanation;
    struct verify_request request = costing(6);
    request.explain = &explanation;
    assert_int_equal(verify(scene, request), TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(explanation.outcome[CHECK_LIMITS], OUTCOME_FAILED);
    assert_int_equal(explanation.outcome[CHECK_CREDITS], OUTCOME_FAILED);
}

static void test_an_explanation_tells_credits_from_limits(void **state)
{
    struct scene *scene = *state;
    struct verify_explanation explanation;
    struct verify_request request = costing(6);
    request.explain = &explanation;
    assert_int_equal(verify(scene, request), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(explanation.outcome[CHECK_LIMITS], OUTCOME_PASSED);
    assert_int_equal(explanation.outcome[CHECK_CREDITS], OUTCOME_FAILED);
    request.cost = 5;
    assert_int_equal(verify(scene, request), TKR_VERDICT_VALID);
    assert_int_equal(explanation.outcome[CHECK_CREDITS], OUTCOME_PASSED);
    request.no_credits = true;
    assert_int_equal(verify(scene, request), TKR_VERDICT_VALID);
    assert_int_equal(explanation.outcome[CHECK_CREDITS], OUTCOME_NOT_ASKED);
    assert_int_equal(scene->result.credit_line, scene->token.credit_line);
    assert_false(scene->result.has_credits);
}

static void test_a_token_of_unlimited_credits_has_none(void **state)
{
    struct scene *scene = *state;
    struct segment_token other = segment_fixture_token(&scene->fixture, TOKEN "2");
    segment_fixture_put(&scene->fixture, &other);
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "2", &scene->result),
                     TKR_VERDICT_VALID);
    assert_false(scene->result.has_credits);
    assert_int_equal(scene->result.credit_line, SEGMENT_NO_LINE);
}

static void test_versions_of_a_lineage_use_the_same_credits(void **state)
{
    struct scene *scene = *state;
    struct segment_token other = segment_fixture_token(&scene->fixture, TOKEN "2");
    other.has_credit_line = true;
    other.credit_line = scene->token.credit_line;
    segment_fixture_put(&scene->fixture, &other);
    for (int i = 0; i < 5; i++) {
        const char *text = i % 2 == 0 ? TOKEN : TOKEN "2";
        assert_int_equal(segment_fixture_verify(scene->verifier, text, &scene->result),
                         TKR_VERDICT_VALID);
    }
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "2", &scene->result),
                     TKR_VERDICT_QUOTA_EXCEEDED);
}

static void test_a_credit_line_that_is_not_there_cannot_be_decided(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 10, 10, 10);
    uint32_t beyond = 1U << 30;
    struct segment_credits credits = {.allowance = {0, 1}};
    struct credits_amount used;
    assert_int_equal(segment_writer_put_credits(scene->fixture.writer, beyond, &credits),
                     TKR_OUT_OF_RANGE);
    assert_int_equal(segment_writer_read_credits(scene->fixture.writer, beyond, &credits, &used),
                     TKR_OUT_OF_RANGE);
    assert_int_equal(
        segment_writer_read_credits(scene->fixture.writer, scene->token.line, &credits, &used),
        TKR_NOT_FOUND);
}

struct seen {
    uint32_t lines[8];
    uint64_t totals[8];
    size_t count;
};

static tkr_error_t see(void *context, const struct segment_usage *usage)
{
    struct seen *seen = context;
    seen->lines[seen->count] = usage->line;
    seen->totals[seen->count++] = usage->total;
    return TKR_OK;
}

static void test_a_flush_sees_the_credits_that_were_used(void **state)
{
    struct scene *scene = *state;
    struct seen seen = {0};
    assert_int_equal(verify(scene, costing(4)), TKR_VERDICT_VALID);
    assert_int_equal(segment_writer_scan_usage(scene->fixture.writer, see, &seen), TKR_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.lines[1], scene->token.credit_line);
    assert_int_equal(seen.totals[1], 4);
    seen.count = 0;
    assert_int_equal(verify(scene, costing(4)), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(segment_writer_scan_usage(scene->fixture.writer, see, &seen), TKR_OK);
    assert_int_equal(seen.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_without_credits_left_has_exceeded_its_quota),
        TEST(test_a_refusal_by_credits_takes_no_window),
        TEST(test_the_rate_is_told_before_the_quota),
        TEST(test_an_explanation_tells_credits_from_limits),
        TEST(test_a_token_of_unlimited_credits_has_none),
        TEST(test_versions_of_a_lineage_use_the_same_credits),
        TEST(test_a_credit_line_that_is_not_there_cannot_be_decided),
        TEST(test_a_flush_sees_the_credits_that_were_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
