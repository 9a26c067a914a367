/* SPDX-License-Identifier: Apache-2.0 */
/* Usage by dimension, sweeps over old counts, and what is asked of both. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)
#define MIDNIGHT (SAMPLE_NOW - SAMPLE_NOW % DAY_MS)

static const struct usage_retention retention = {2 * DAY_MS, 90 * DAY_MS, 400 * DAY_MS};

static struct usage_metered metered_of(uint32_t line, const char *verdict, uint64_t count)
{
    return (struct usage_metered){
        .line = line,
        .org = line == SEGMENT_NO_LINE ? NULL : "acme",
        .labels = {[USAGE_VERDICT] = verdict, [USAGE_NETWORK] = "192.0.2.0/24"},
        .hour_ms = MIDNIGHT,
        .count = count,
    };
}

static void book(struct fixture *fixture, uint64_t number, const struct usage_metered *metered,
                 size_t count)
{
    begin(fixture);
    assert_int_equal(fixture->port.book_metered(fixture->store, 77, number, metered, count),
                     TKR_OK);
    commit(fixture);
}

static uint64_t number_of(struct fixture *fixture, uint64_t meter)
{
    uint64_t number = 99;
    assert_int_equal(fixture->port.metered_number(fixture->store, meter, &number), TKR_OK);
    return number;
}

static struct usage_answer ask(struct fixture *fixture, struct usage_question question)
{
    struct usage_answer answer;
    question.from_ms = question.from_ms != 0 ? question.from_ms : MIDNIGHT - 29 * DAY_MS;
    question.until_ms = MIDNIGHT + DAY_MS;
    question.step_ms = question.step_ms != 0 ? question.step_ms : DAY_MS;
    assert_int_equal(fixture->port.read_usage(fixture->store, &question, fixture->arena, &answer),
                     TKR_OK);
    return answer;
}

static uint64_t share(const struct usage_answer *answer, enum usage_dimension dimension,
                      const char *label)
{
    for (size_t i = 0; i < answer->share_counts[dimension]; i++) {
        if (strcmp(answer->shares[dimension][i].label, label) == 0) {
            return answer->shares[dimension][i].count;
        }
    }
    return 0;
}

static void test_the_number_of_a_drain_is_known_by_its_meter(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(number_of(fixture, 77), 0);
    book(fixture, 5, NULL, 0);
    assert_int_equal(number_of(fixture, 77), 5);
    assert_int_equal(number_of(fixture, 78), 0);
    reopen_store(fixture);
    assert_int_equal(number_of(fixture, 77), 5);
}

static void test_a_drain_that_is_rolled_back_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct usage_metered metered = metered_of(token.line, "valid", 3);
    begin(fixture);
    assert_int_equal(fixture->port.book_metered(fixture->store, 77, 1, &metered, 1), TKR_OK);
    fixture->port.rollback(fixture->store);
    assert_int_equal(number_of(fixture, 77), 0);
    struct usage_answer answer = ask(fixture, (struct usage_question){.line = token.line});
    assert_int_equal(answer.share_counts[USAGE_VERDICT], 0);
}

static void test_a_drain_shows_by_token_user_and_org(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct usage_metered metered[] = {
        metered_of(token.line, "valid", 3),
        metered_of(token.line, "valid", 4),
        metered_of(token.line, "expired", 5),
        metered_of(SEGMENT_NO_LINE, "not_found", 6),
    };
    metered[1].labels[USAGE_NETWORK] = "198.51.100.0/24";
    metered[1].labels[USAGE_ENDPOINT] = "orders";
    book(fixture, 1, metered, 4);
    book(fixture, 2, metered, 1);
    const struct usage_question questions[] = {
        {.of = USAGE_OF_TOKEN, .line = token.line},
        {.of = USAGE_OF_USER, .org_id = token.org_id, .user_id = token.user_id},
        {.of = USAGE_OF_ORG, .org_id = token.org_id},
    };
    for (size_t i = 0; i < 3; i++) {
        struct usage_answer answer = ask(fixture, questions[i]);
        assert_int_equal(share(&answer, USAGE_VERDICT, "valid"), 10);
        assert_int_equal(share(&answer, USAGE_VERDICT, "expired"), 5);
        assert_int_equal(answer.share_counts[USAGE_VERDICT], 2);
        assert_int_equal(share(&answer, USAGE_ENDPOINT, "orders"), 4);
        assert_int_equal(answer.share_counts[USAGE_ENDPOINT], 1);
        assert_int_equal(share(&answer, USAGE_NETWORK, "192.0.2.0/24"), 11);
        assert_string_equal(answer.shares[USAGE_VERDICT][0].label, "valid"); /* largest first */
    }
    struct usage_answer org = ask(fixture, questions[2]);
    assert_int_equal(org.point_count, 1);
    assert_int_equal(org.points[0].count, 10);
}

static void test_an_org_or_user_that_is_not_there_has_no_usage(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct usage_answer answer;
    const struct usage_question questions[] = {
        {.of = USAGE_OF_USER, .org_id = "nowhere", .user_id = token.user_id},
        {.of = USAGE_OF_USER, .org_id = token.org_id, .user_id = "nobody"},
        {.of = USAGE_OF_ORG, .org_id = "nowhere"},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            fixture->port.read_usage(fixture->store, &questions[i], fixture->arena, &answer),
            TKR_NOT_FOUND);
    }
}

static void test_more_networks_than_an_hour_may_have_are_other(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    char networks[USAGE_NETWORKS_MAX + 36][32];
    for (int i = 0; i < USAGE_NETWORKS_MAX + 36; i++) {
        struct usage_metered metered = metered_of(token.line, "valid", 1);
        snprintf(networks[i], sizeof(networks[i]), "10.0.%d.0/24", i);
        metered.labels[USAGE_NETWORK] = networks[i];
        book(fixture, (uint64_t)i + 1, &metered, 1);
    }
    struct usage_answer answer = ask(fixture, (struct usage_question){.line = token.line});
    assert_int_equal(share(&answer, USAGE_NETWORK, "other"), 36);
    assert_int_equal(answer.share_counts[USAGE_NETWORK], USAGE_NETWORKS_MAX + 1);
    assert_int_equal(share(&answer, USAGE_VERDICT, "valid"), USAGE_NETWORKS_MAX + 36);
}

/* --- points ------------------------------------------------------------------------------------
 */

static void test_points_are_by_the_step_that_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    flush(fixture, token.line, 5, MIDNIGHT + MINUTE_MS);
    flush(fixture, token.line, 7, MIDNIGHT + 3 * MINUTE_MS);
    flush(fixture, token.line, 10, MIDNIGHT + 2 * HOUR_MS);
    struct usage_question question = {.line = token.line, .step_ms = MINUTE_MS};
    struct usage_answer answer = ask(fixture, question);
    assert_int_equal(answer.point_count, 3);
    assert_int_equal(answer.points[1].at_ms, MIDNIGHT + 3 * MINUTE_MS);
    assert_int_equal(answer.points[1].count, 2);
    question.step_ms = HOUR_MS;
    answer = ask(fixture, question);
    assert_int_equal(answer.point_count, 2);
    assert_int_equal(answer.points[0].count, 7);
    question.step_ms = DAY_MS;
    answer = ask(fixture, question);
    assert_int_equal(answer.point_count, 1);
    assert_int_equal(answer.points[0].at_ms, MIDNIGHT);
    assert_int_equal(answer.points[0].count, 10);
    question.from_ms = MIDNIGHT + HOUR_MS;
    assert_int_equal(ask(fixture, question).points[0].count, 3);
}

static void test_versions_of_a_lineage_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_token(1), second = sample_token(2);
    first.has_version_line = second.has_version_line = true;
    first.version_line = second.version_line = SEGMENT_NO_LINE;
    strcpy(first.replaced_by, second.id);
    first = sample_store(&fixture->port, first);
    strcpy(second.lineage_id, first.id);
    second.line = first.line;
    second = sample_store(&fixture->port, second);
    flush(fixture, first.line, 5, MIDNIGHT);
    flush(fixture, first.version_line, 2, MIDNIGHT);
    flush(fixture, second.version_line, 3, MIDNIGHT + 5);
    struct usage_version *versions;
    size_t count;
    assert_int_equal(fixture->port.read_versions(fixture->store, first.id, MIDNIGHT,
                                                 MIDNIGHT + DAY_MS, fixture->arena, &versions,
                                                 &count),
                     TKR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(versions[0].token_id, second.id);
    assert_true(versions[0].current && !versions[1].current);
    assert_int_equal(versions[0].count, 3);
    assert_int_equal(versions[0].last_used_at_ms, MIDNIGHT + 5);
    assert_int_equal(versions[1].count, 2);
}

/* --- sweeps ------------------------------------------------------------------------------------
 */

/* -> the slices that it took. */
static int sweep(struct fixture *fixture, struct usage_sweep *sweep_state, int64_t now_ms)
{
    tkr_error_t error = TKR_OK;
    int slices = 0;
    sweep_state->now_ms = now_ms;
    while (error == TKR_OK) {
        begin(fixture);
        error = fixture->port.sweep_usage(fixture->store, &retention, sweep_state);
        commit(fixture);
        assert_true(++slices < 10000);
    }
    assert_int_equal(error, TKR_NOT_FOUND);
    return slices;
}

/* The counts that the token has had since `from_ms`, by minutes, as far as they are known. */
static struct usage_answer minutes(struct fixture *fixture, uint32_t line, int64_t from_ms)
{
    return ask(fixture,
               (struct usage_question){.line = line, .from_ms = from_ms, .step_ms = MINUTE_MS});
}

static void test_old_minutes_become_hours_and_then_days_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct usage_sweep state_of_sweep = {0};
    struct token token = sample_store(&fixture->port, sample_token(1));
    const int64_t from = MIDNIGHT;
    flush(fixture, token.line, 5, from + MINUTE_MS);
    flush(fixture, token.line, 7, from + 3 * MINUTE_MS);
    flush(fixture, token.line, 10, from + 2 * HOUR_MS);
    sweep(fixture, &state_of_sweep, from + 2 * DAY_MS);
    assert_int_equal(minutes(fixture, token.line, from).point_count, 3);
    sweep(fixture, &state_of_sweep, from + 2 * DAY_MS + HOUR_MS);
    struct usage_answer answer = minutes(fixture, token.line, from);
    assert_int_equal(answer.point_count, 2);
    assert_int_equal(answer.points[0].at_ms, from);
    assert_int_equal(answer.points[0].count, 7);
    sweep(fixture, &state_of_sweep, from + 91 * DAY_MS);
    answer = minutes(fixture, token.line, from);
    assert_int_equal(answer.point_count, 1);
    assert_int_equal(answer.points[0].count, 10);
    sweep(fixture, &state_of_sweep, from + 400 * DAY_MS);
    assert_int_equal(minutes(fixture, token.line, from).point_count, 1);
    sweep(fixture, &state_of_sweep, from + 401 * DAY_MS);
    assert_int_equal(minutes(fixture, token.line, from).point_count, 0);
}

/* As after an upgrade of a database that was never swept: small steps, everything kept. */
static void test_months_of_minutes_are_caught_up_with(void **state)
{
    struct fixture *fixture = *state;
    struct usage_sweep state_of_sweep = {0};
    struct token token = sample_store(&fixture->port, sample_token(1));
    uint64_t total = 0;
    const int64_t from = MIDNIGHT - 28 * DAY_MS;
    begin(fixture);
    for (int i = 0; i < 28 * 24; i++) {
        total += 3;
        struct segment_usage usage = {
            .line = token.line, .total = total, .last_used_ms = from + i * HOUR_MS, .bytes = 8};
        struct store_usage row = {&usage, usage.last_used_ms};
        assert_int_equal(fixture->port.flush_usage(fixture->store, &row, 1, SAMPLE_NOW), TKR_OK);
    }
    commit(fixture);
    sweep(fixture, &state_of_sweep, MIDNIGHT + 80 * DAY_MS);
    struct usage_answer answer = ask(fixture, (struct usage_question){.line = token.line});
    assert_int_equal(answer.point_count, 28);
    for (size_t i = 0; i < 28; i++) {
        assert_int_equal(answer.points[i].count, 72);
    }
    sweep(fixture, &state_of_sweep, MIDNIGHT + 120 * DAY_MS);
    answer = ask(fixture, (struct usage_question){.line = token.line, .step_ms = MINUTE_MS});
    assert_int_equal(answer.point_count, 28);
}

static void test_old_hours_of_a_dimension_become_days_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct usage_sweep state_of_sweep = {0};
    struct token token = sample_store(&fixture->port, sample_token(1));
    for (int hour = 0; hour < 30; hour++) {
        struct usage_metered metered = metered_of(token.line, "valid", 1);
        metered.hour_ms += hour * HOUR_MS;
        book(fixture, (uint64_t)hour + 1, &metered, 1);
    }
    struct usage_question question = {.of = USAGE_OF_ORG, .org_id = "acme", .step_ms = HOUR_MS};
    assert_int_equal(ask(fixture, question).point_count, 24);
    sweep(fixture, &state_of_sweep, MIDNIGHT + 3 * DAY_MS);
    struct usage_answer answer = ask(fixture, question);
    assert_int_equal(answer.point_count, 1);
    assert_int_equal(answer.points[0].count, 24);
    assert_int_equal(share(&answer, USAGE_NETWORK, "192.0.2.0/24"), 24);
    sweep(fixture, &state_of_sweep, MIDNIGHT + 5 * DAY_MS); /* again, and the rest of them */
    assert_int_equal(ask(fixture, question).points[0].count, 24);
    sweep(fixture, &state_of_sweep, MIDNIGHT + 402 * DAY_MS);
    assert_int_equal(ask(fixture, question).point_count, 0);
}

static void test_many_lines_are_swept_in_slices(void **state)
{
    struct fixture *fixture = *state;
    struct usage_sweep state_of_sweep = {0};
    for (uint32_t line = 0; line < 3 * USAGE_SWEEP_LINES; line++) {
        flush(fixture, line, 5, MIDNIGHT);
    }
    assert_in_range(sweep(fixture, &state_of_sweep, MIDNIGHT + 3 * DAY_MS), 3, 20);
    for (uint32_t line = 0; line < 3 * USAGE_SWEEP_LINES; line++) {
        struct usage_answer answer = ask(fixture, (struct usage_question){.line = line});
        assert_int_equal(answer.points[0].count, 5);
    }
}

int suite_metered(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_the_number_of_a_drain_is_known_by_its_meter),
        SUITE_TEST(test_a_drain_that_is_rolled_back_leaves_nothing),
        SUITE_TEST(test_a_drain_shows_by_token_user_and_org),
        SUITE_TEST(test_an_org_or_user_that_is_not_there_has_no_usage),
        SUITE_TEST(test_more_networks_than_an_hour_may_have_are_other),
        SUITE_TEST(test_points_are_by_the_step_that_is_asked_for),
        SUITE_TEST(test_versions_of_a_lineage_are_told_apart),
        SUITE_TEST(test_old_minutes_become_hours_and_then_days_and_go),
        SUITE_TEST(test_months_of_minutes_are_caught_up_with),
        SUITE_TEST(test_old_hours_of_a_dimension_become_days_and_go),
        SUITE_TEST(test_many_lines_are_swept_in_slices),
    };
    return cmocka_run_group_tests_name("metered", tests, NULL, NULL);
}
