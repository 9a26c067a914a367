/* SPDX-License-Identifier: Apache-2.0 */
/* The meter from the authority's side: each count reaches the store once, whatever fails. */
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
#include "faulty_vfs.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

struct scene {
    struct authority_fixture fixture;
    struct meter_seat *seat;
    struct answer token;
    struct arena *arena;
};

static void take_seat(struct scene *scene)
{
    assert_int_equal(meter_seat_take(authority_meter(scene->fixture.authority), &scene->seat),
                     TKR_OK);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    faulty_vfs_register();
    authority_fixture_init(&scene->fixture);
    scene->fixture.vfs = FAULTY_VFS;
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    take_seat(scene);
    struct token_create asked = fixture_token("laptop");
    scene->token = fixture_create(&scene->fixture, &fixture_admin, &asked);
    assert_int_equal(scene->token.error, TKR_OK);
    assert_int_equal(arena_new(1 << 20, &scene->arena), TKR_OK);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    faulty_vfs_set(FAULT_NONE);
    arena_free(scene->arena);
    authority_fixture_close(&scene->fixture);
    free(scene);
    return 0;
}

/* As api/ does for a request of the token. The org has number 0: it is the first. */
static void answer(struct scene *scene, tkr_verdict_t verdict, const char *endpoint)
{
    struct meter *meter = authority_meter(scene->fixture.authority);
    struct meter_event event = {
        .line = scene->token.line,
        .org = 0,
        .label = meter_label_intern(meter, endpoint, strlen(endpoint)),
        .verdict = (uint8_t)verdict,
        .network = 4ULL << 48 | 0xc00002,
        .now_ms = authority_now_ms(scene->fixture.authority),
    };
    meter_count(scene->seat, &event, 1);
    if (verdict == TKR_VERDICT_VALID) {
        fixture_count(&scene->fixture, scene->token.line, 1, event.now_ms);
    }
}

static struct usage_report usage_of_token(struct scene *scene, int64_t step_ms)
{
    struct usage_report report;
    const struct usage_request request = {.days = 30, .step_ms = step_ms};
    assert_int_equal(authority_token_usage(scene->fixture.authority, &fixture_admin,
                                           scene->token.id, &request, scene->arena, &report, NULL),
                     TKR_OK);
    return report;
}

static uint64_t share(const struct usage_report *report, enum usage_dimension dimension,
                      const char *label)
{
    for (size_t i = 0; i < report->answer.share_counts[dimension]; i++) {
        if (strcmp(report->answer.shares[dimension][i].label, label) == 0) {
            return report->answer.shares[dimension][i].count;
        }
    }
    return 0;
}

static void assert_booked_once(struct scene *scene, uint64_t count)
{
    struct usage_report report = usage_of_token(scene, DAY_MS);
    assert_int_equal(share(&report, USAGE_VERDICT, "valid"), count);
    assert_int_equal(share(&report, USAGE_ENDPOINT, "orders"), count);
    assert_int_equal(report.requests, count);
}

static void test_what_was_answered_shows_by_verdict_endpoint_and_network(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    answer(scene, TKR_VERDICT_VALID, "orders");
    answer(scene, TKR_VERDICT_RATE_LIMITED, "users");
    authority_flush(scene->fixture.authority);
    struct usage_report report = usage_of_token(scene, DAY_MS);
    assert_int_equal(report.requests, 2);
    assert_int_equal(report.refused, 1);
    assert_int_equal(report.answer.point_count, 1);
    assert_int_equal(share(&report, USAGE_VERDICT, "rate_limited"), 1);
    assert_int_equal(share(&report, USAGE_ENDPOINT, "orders"), 2);
    assert_int_equal(share(&report, USAGE_ENDPOINT, "users"), 1);
    assert_int_equal(share(&report, USAGE_NETWORK, "192.0.2.0/24"), 3);
    assert_int_equal(report.version_count, 1);
}

static void test_an_org_and_a_user_have_the_usage_of_their_tokens(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_flush(scene->fixture.authority);
    struct usage_report report;
    const struct usage_request request = {.days = 1, .step_ms = DAY_MS};
    struct authority *authority = scene->fixture.authority;
    assert_int_equal(
        authority_org_usage(authority, &fixture_admin, NULL, &request, scene->arena, &report, NULL),
        TKR_OK);
    assert_int_equal(report.requests, 1);
    assert_int_equal(authority_user_usage(authority, &fixture_admin, NULL, "alice", &request,
                                          scene->arena, &report, NULL),
                     TKR_OK);
    assert_int_equal(report.requests, 1);
    assert_int_equal(authority_user_usage(authority, &fixture_admin, NULL, "nobody", &request,
                                          scene->arena, &report, NULL),
                     TKR_NOT_FOUND);
}

static void test_another_orgs_usage_is_not_found(void **state)
{
    struct scene *scene = *state;
    struct usage_report report;
    struct principal stranger = fixture_alice;
    const struct usage_request request = {.days = 1, .step_ms = DAY_MS};
    struct authority *authority = scene->fixture.authority;
    stranger.org_id = "beta";
    assert_int_equal(authority_token_usage(authority, &stranger, scene->token.id, &request,
                                           scene->arena, &report, NULL),
                     TKR_NOT_FOUND);
    assert_int_equal(
        authority_org_usage(authority, &stranger, "acme", &request, scene->arena, &report, NULL),
        TKR_NOT_FOUND);
    assert_int_equal(authority_user_usage(authority, &stranger, "acme", "alice", &request,
                                          scene->arena, &report, NULL),
                     TKR_NOT_FOUND);
}

static void test_what_cannot_be_asked_is_refused_by_name(void **state)
{
    static const struct {
        struct usage_request request;
        const char *field;
    } rows[] = {
        {{0, DAY_MS}, "days"},
        {{USAGE_DAYS_MAX + 1, DAY_MS}, "days"},
        {{30, 60000}, "step"},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        struct usage_report report;
        assert_int_equal(authority_token_usage(scene->fixture.authority, &fixture_admin,
                                               scene->token.id, &rows[i].request, scene->arena,
                                               &report, &fault),
                         TKR_OUT_OF_RANGE);
        assert_string_equal(fault.field, rows[i].field);
    }
}

static void test_a_clean_stop_books_everything(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_fixture_stop(&scene->fixture);
    assert_int_equal(fixture_query(&scene->fixture, "SELECT sum(count) FROM usage_by"
                                                    " WHERE dimension = 0 AND line >= 0"),
                     1);
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    assert_booked_once(scene, 1);
}

static void test_while_the_disk_is_full_counts_wait(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    faulty_vfs_set(FAULT_DISK_FULL);
    authority_flush(scene->fixture.authority);
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_flush(scene->fixture.authority);
    faulty_vfs_set(FAULT_NONE);
    assert_booked_once(scene, 0);
    authority_flush(scene->fixture.authority); /* the totals that were scanned before */
    authority_flush(scene->fixture.authority);
    assert_booked_once(scene, 2);
    assert_int_equal(fixture_reports(&scene->fixture, "usage_flush_failed"), 1);
}

/* What of a commit is on the disk when fsync fails is for the next start to find out. */
static void test_after_a_commit_of_unknown_outcome_nothing_counts_twice(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    faulty_vfs_set(FAULT_SYNC);
    authority_flush(scene->fixture.authority);
    faulty_vfs_set(FAULT_NONE);
    authority_flush(scene->fixture.authority);
    authority_fixture_stop(&scene->fixture);
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    take_seat(scene);
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_flush(scene->fixture.authority);
    assert_booked_once(scene, 2);
}

static void test_old_counts_become_coarser_by_themselves(void **state)
{
    struct scene *scene = *state;
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_flush(scene->fixture.authority);
    virtual_clock_advance(&scene->fixture.time, 4 * DAY_MS);
    segment_writer_beat(scene->fixture.authority->segment, NULL);
    for (int i = 0; i < 1000; i++) { /* a sweep goes on behind the flush that began it */
        authority_flush(scene->fixture.authority);
        if (fixture_query(&scene->fixture, "SELECT count(*) FROM token_usage") == 0) {
            break;
        }
    }
    assert_int_equal(fixture_query(&scene->fixture, "SELECT count(*) FROM usage_hours"), 1);
    assert_booked_once(scene, 1);
}

static void test_without_metering_there_is_no_meter(void **state)
{
    struct scene *scene = *state;
    authority_fixture_stop(&scene->fixture);
    scene->fixture.options.metering = false;
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    assert_null(authority_meter(scene->fixture.authority));
    authority_flush(scene->fixture.authority);
}

static void test_a_damaged_meter_is_begun_anew_and_told(void **state)
{
    struct scene *scene = *state;
    char path[300];
    authority_fixture_stop(&scene->fixture);
    snprintf(path, sizeof(path), "%s/meter", scene->fixture.runtime.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    assert_int_equal(fixture_reports(&scene->fixture, "meter_begun_anew"), 1);
    take_seat(scene);
    answer(scene, TKR_VERDICT_VALID, "orders");
    authority_flush(scene->fixture.authority);
    assert_booked_once(scene, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_answered_shows_by_verdict_endpoint_and_network),
        TEST(test_an_org_and_a_user_have_the_usage_of_their_tokens),
        TEST(test_another_orgs_usage_is_not_found),
        TEST(test_what_cannot_be_asked_is_refused_by_name),
        TEST(test_a_clean_stop_books_everything),
        TEST(test_while_the_disk_is_full_counts_wait),
        TEST(test_after_a_commit_of_unknown_outcome_nothing_counts_twice),
        TEST(test_old_counts_become_coarser_by_themselves),
        TEST(test_without_metering_there_is_no_meter),
        TEST(test_a_damaged_meter_is_begun_anew_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
