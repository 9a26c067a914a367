/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor from the authority's side: what is watched, told and done, and what a restart keeps.
 */
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
#include "engine/monitor.h"
#include "engine/monitor_feed.h"
#include "engine/task.h"
#include "faulty_vfs.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define HOME (4ULL << 48 | 0xc00002)
#define AWAY (4ULL << 48 | 0xcb0071)
#define LEARNING_DAYS 16

struct scene {
    struct authority_fixture fixture;
    struct meter_seat *seat;
    struct answer token;
    struct arena *arena;
    int64_t now_ms; /* of the requests */
};

static void start(struct scene *scene)
{
    assert_int_equal(authority_fixture_start(&scene->fixture, NULL), TKR_OK);
    assert_int_equal(meter_seat_take(authority_meter(scene->fixture.authority), &scene->seat),
                     TKR_OK);
}

static void restart(struct scene *scene)
{
    authority_fixture_stop(&scene->fixture);
    start(scene);
}

static struct answer create(struct scene *scene, const char *name, enum token_kind kind)
{
    struct token_create asked = fixture_token(name);
    asked.kind = kind;
    struct answer token = fixture_create(&scene->fixture, &fixture_admin, &asked);
    assert_int_equal(token.error, TKR_OK);
    return token;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    faulty_vfs_register();
    authority_fixture_init(&scene->fixture);
    scene->fixture.vfs = FAULTY_VFS;
    scene->fixture.options.monitor.tokens_max = 1000;
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        scene->fixture.options.monitor.actions[kind] = MONITOR_ALERT;
    }
    start(scene);
    scene->token = create(scene, "ci", TOKEN_KIND_SERVICE);
    scene->now_ms = authority_now_ms(scene->fixture.authority) / DAY_MS * DAY_MS + DAY_MS;
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

/* As api/ does for requests of a token. */
static void request(struct scene *scene, uint32_t line, tkr_verdict_t verdict, uint64_t network,
                    uint32_t count)
{
    const struct meter_event event = {
        .line = line,
        .org = 0,
        .label = METER_LABEL_NONE,
        .verdict = (uint8_t)verdict,
        .network = network,
        .now_ms = scene->now_ms,
    };
    meter_count(scene->seat, &event, count);
}

static void use(struct scene *scene, uint64_t network, uint32_t count)
{
    request(scene, scene->token.line, TKR_VERDICT_VALID, network, count);
}

/* Twice: alarms come with the first flush, what is done about them is told with the second. */
static void flush(struct scene *scene)
{
    authority_flush(scene->fixture.authority);
    authority_flush(scene->fixture.authority);
    authority_flush(scene->fixture.authority);
}

/* 100 requests at 10 o'clock each day. */
static void learn(struct scene *scene)
{
    scene->now_ms += 10 * HOUR_MS;
    for (int day = 0; day < LEARNING_DAYS; day++, scene->now_ms += DAY_MS) {
        use(scene, HOME, 100);
        flush(scene);
    }
}

static int64_t events(struct scene *scene, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type LIKE '%s'", type);
    return fixture_query(&scene->fixture, sql);
}

/* The figure of the newest alert's details; -1: it has none. */
static int64_t figure(struct scene *scene, const char *name)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT coalesce(json_extract(details, '$.details.%s'), -1) FROM events"
             " WHERE type LIKE 'alert.%%' ORDER BY number DESC LIMIT 1",
             name);
    return fixture_query(&scene->fixture, sql);
}

static bool newest_alert_says(struct scene *scene, const char *words)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT instr(details, '%s') > 0 FROM events WHERE type LIKE 'alert.%%'"
             " ORDER BY number DESC LIMIT 1",
             words);
    return fixture_query(&scene->fixture, sql) == 1;
}

static enum token_status status_of(struct scene *scene, const char *token_id)
{
    struct token token = fixture_stored(&scene->fixture, token_id, scene->arena);
    return token_status_at(&token, authority_now_ms(scene->fixture.authority));
}

static struct authority_monitor_stats stats(struct scene *scene)
{
    struct authority_monitor_stats stats;
    authority_monitor_stats(scene->fixture.authority, &stats);
    return stats;
}

/* --- what is watched ---------------------------------------------------------------------------
 */

static void test_without_a_rule_nothing_is_told(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.actions[MONITOR_NETWORK] = MONITOR_IGNORE;
    restart(scene);
    learn(scene);
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
    assert_int_equal(stats(scene).alarms[MONITOR_NETWORK], 1);
}

static void test_switched_off_nothing_is_watched(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.tokens_max = 0;
    restart(scene);
    learn(scene);
    use(scene, AWAY, 100000);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
    assert_false(stats(scene).on);
    assert_int_equal(fixture_query(&scene->fixture, "SELECT count(*) FROM sketches"), 0);
}

/* Without the secret nobody raises an alarm about a token, and what has ended is told elsewhere. */
static void test_requests_that_prove_nothing_are_not_watched(void **state)
{
    struct scene *scene = *state;
    static const tkr_verdict_t verdicts[] = {
        TKR_VERDICT_UNAVAILABLE, TKR_VERDICT_MALFORMED,     TKR_VERDICT_NOT_FOUND,
        TKR_VERDICT_REVOKED,     TKR_VERDICT_DISABLED,      TKR_VERDICT_QUARANTINED,
        TKR_VERDICT_EXPIRED,     TKR_VERDICT_NOT_YET_VALID, TKR_VERDICT_USER_SUSPENDED,
    };
    learn(scene);
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        request(scene, scene->token.line, verdicts[i], AWAY, 10000);
        request(scene, METER_NO_LINE, verdicts[i], AWAY, 10000);
    }
    request(scene, METER_NO_LINE, TKR_VERDICT_INSUFFICIENT_SCOPE, AWAY, 10000);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
    assert_int_equal(stats(scene).sketches, 1);
}

static void test_a_network_that_is_not_told_is_none(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, METER_NETWORK_OTHER, 1);
    use(scene, METER_NETWORK_NONE, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
}

/* --- what is told ------------------------------------------------------------------------------
 */

static void test_a_new_network_is_told_once(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 1);
    assert_int_equal(events(scene, "alert.token.anomaly.network"), 1);
    assert_true(newest_alert_says(scene, "token ci is used from 203.0.113.0/24"));
    use(scene, AWAY, 1);
    scene->now_ms += DAY_MS;
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 1);
}

static void test_a_rise_is_told_with_its_figures(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, HOME, 1000);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.rise"), 1);
    assert_int_equal(figure(scene, "requests"), 1000);
    assert_in_range(figure(scene, "usual_requests"), 80, 120);
}

static void test_refusals_are_told_with_their_share(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, HOME, 50);
    flush(scene);
    request(scene, scene->token.line, TKR_VERDICT_INSUFFICIENT_SCOPE, HOME, 50);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.refusals"), 1);
    assert_true(newest_alert_says(scene, "50 of 100 requests"));
}

static void test_an_unusual_hour_is_told(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    scene->now_ms += 17 * HOUR_MS;
    use(scene, HOME, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.hour"), 1);
    assert_true(newest_alert_says(scene, "between 03:00 and 04:00 UTC"));
}

static tkr_error_t feed_agents(const struct store_port *store, void *context)
{
    struct scene *scene = context;
    struct authority *authority = scene->fixture.authority;
    monitor_feed_agent(authority, scene->token.line, TKR_VERDICT_VALID, scene->now_ms,
                       "deploy/1.2");
    monitor_feed_agent(authority, scene->token.line, TKR_VERDICT_VALID, scene->now_ms,
                       "deploy/1.3");
    monitor_feed_agent(authority, scene->token.line, TKR_VERDICT_VALID, scene->now_ms, "");
    monitor_feed_agent(authority, scene->token.line, TKR_VERDICT_REVOKED, scene->now_ms, "curl/8");
    return TKR_OK;
}

static tkr_error_t feed_curl(const struct store_port *store, void *context)
{
    struct scene *scene = context;
    monitor_feed_agent(scene->fixture.authority, scene->token.line, TKR_VERDICT_VALID,
                       scene->now_ms, "curl/8.5.0");
    return TKR_OK;
}

static void test_a_new_program_is_told_with_its_name(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(authority_run(scene->fixture.authority, feed_agents, scene), TKR_OK);
    scene->now_ms += 40 * DAY_MS; /* the surprise of the first one is forgotten */
    learn(scene);
    assert_int_equal(authority_run(scene->fixture.authority, feed_agents, scene), TKR_OK);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
    assert_int_equal(authority_run(scene->fixture.authority, feed_curl, scene), TKR_OK);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.user_agent"), 1);
    assert_true(newest_alert_says(scene, "curl/8.5.0"));
}

static void test_more_alarms_than_an_hour_has_are_one_alert(void **state)
{
    struct scene *scene = *state;
    enum { TOKENS = 300 };
    struct answer tokens[TOKENS];
    char name[16];
    for (int i = 0; i < TOKENS; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        tokens[i] = create(scene, name, TOKEN_KIND_SERVICE);
    }
    scene->now_ms += 10 * HOUR_MS;
    for (int day = 0; day < LEARNING_DAYS + 1; day++, scene->now_ms += DAY_MS) {
        for (int i = 0; i < TOKENS; i++) {
            request(scene, tokens[i].line, TKR_VERDICT_VALID, day < LEARNING_DAYS ? HOME : AWAY, 9);
            if (i % 60 == 59) {
                flush(scene);
            }
        }
    }
    int64_t told = events(scene, "alert.token.anomaly.network");
    assert_int_equal(told, MONITOR_ALERTS_PER_HOUR);
    assert_int_equal(events(scene, "alert.token.anomaly.many"), 0);
    virtual_clock_advance(&scene->fixture.time, HOUR_MS);
    while (events(scene, "alert.token.anomaly.many") == 0) { /* until the beat has seen the time */
        flush(scene);
    }
    assert_int_equal(figure(scene, "network"), TOKENS - told);
    assert_int_equal(stats(scene).left_out, TOKENS - told);
}

/* --- what is done ------------------------------------------------------------------------------
 */

static void test_a_rule_holds_a_token(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.actions[MONITOR_NETWORK] = MONITOR_QUARANTINE;
    restart(scene);
    learn(scene);
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(status_of(scene, scene->token.id), TOKEN_QUARANTINED);
    assert_int_equal(events(scene, "token.quarantine"), 1);
    assert_int_equal(events(scene, "alert.token.anomaly.network"), 1);
    assert_true(newest_alert_says(scene, "it is in quarantine now"));
    assert_int_equal(stats(scene).quarantined, 1);
}

static void test_a_throttle_keeps_what_is_usual_and_says_what_was_before(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.actions[MONITOR_RISE] = MONITOR_THROTTLE;
    restart(scene);
    struct token_update update = {.has_overrides = true,
                                  .overrides = {.set = 1U << WINDOW_MINUTE, .limit = {500}}};
    assert_int_equal(
        fixture_update(&scene->fixture, &fixture_admin, scene->token.id, &update).error, TKR_OK);
    learn(scene);
    use(scene, HOME, 1000);
    flush(scene);
    struct token token = fixture_stored(&scene->fixture, scene->token.id, scene->arena);
    assert_int_equal(token.overrides.set, 1U << WINDOW_MINUTE | 1U << WINDOW_HOUR);
    assert_int_equal(token.overrides.limit[WINDOW_MINUTE], 500);
    assert_in_range(token.overrides.limit[WINDOW_HOUR], 80, 120);
    assert_int_equal(figure(scene, "hour_limit"), token.overrides.limit[WINDOW_HOUR]);
    assert_true(newest_alert_says(scene, "\"limits_before\":\"minute=500\""));
    assert_int_equal(stats(scene).throttled, 1);
}

static void test_a_throttle_never_gives_more_than_there_was(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.actions[MONITOR_RISE] = MONITOR_THROTTLE;
    restart(scene);
    struct token_update update = {.has_overrides = true,
                                  .overrides = {.set = 1U << WINDOW_HOUR, .limit = {0, 30, 0}}};
    assert_int_equal(
        fixture_update(&scene->fixture, &fixture_admin, scene->token.id, &update).error, TKR_OK);
    learn(scene);
    use(scene, HOME, 1000);
    flush(scene);
    struct token token = fixture_stored(&scene->fixture, scene->token.id, scene->arena);
    assert_int_equal(token.overrides.limit[WINDOW_HOUR], 30);
    assert_true(newest_alert_says(scene, "its limit is as strict already"));
}

static void test_an_administrators_token_is_only_told_of(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.monitor.actions[MONITOR_NETWORK] = MONITOR_QUARANTINE;
    restart(scene);
    scene->token = create(scene, "root", TOKEN_KIND_ADMIN);
    learn(scene);
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(status_of(scene, scene->token.id), TOKEN_ACTIVE);
    assert_true(newest_alert_says(scene, "it is an administrator"));
}

static void test_few_tokens_are_acted_on_in_an_hour(void **state)
{
    struct scene *scene = *state;
    enum { TOKENS = MONITOR_ACTIONS_PER_HOUR + 5 };
    struct answer tokens[TOKENS];
    scene->fixture.options.monitor.actions[MONITOR_NETWORK] = MONITOR_QUARANTINE;
    restart(scene);
    for (int i = 0; i < TOKENS; i++) {
        tokens[i] = create(scene, "many", TOKEN_KIND_SERVICE);
    }
    scene->now_ms += 10 * HOUR_MS;
    for (int day = 0; day < LEARNING_DAYS + 1; day++, scene->now_ms += DAY_MS) {
        for (int i = 0; i < TOKENS; i++) {
            request(scene, tokens[i].line, TKR_VERDICT_VALID, day < LEARNING_DAYS ? HOME : AWAY, 9);
        }
        flush(scene);
    }
    assert_int_equal(events(scene, "token.quarantine"), MONITOR_ACTIONS_PER_HOUR);
    assert_int_equal(events(scene, "alert.token.anomaly.network"), TOKENS);
}

/* --- what is kept ------------------------------------------------------------------------------
 */

static void test_a_restart_forgets_nothing_and_alarms_nothing(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    restart(scene);
    use(scene, HOME, 100);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
    use(scene, AWAY, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.network"), 1);
}

static void test_what_was_told_is_not_told_again_after_a_restart(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, HOME, 1000);
    flush(scene);
    restart(scene);
    use(scene, HOME, 1000);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.rise"), 1);
}

static void test_sketches_are_kept_in_time_and_not_at_each_flush(void **state)
{
    struct scene *scene = *state;
    use(scene, HOME, 1);
    flush(scene);
    assert_int_equal(fixture_query(&scene->fixture, "SELECT count(*) FROM sketches"), 0);
    virtual_clock_advance(&scene->fixture.time, MONITOR_SAVE_MS + 1);
    flush(scene);
    assert_int_equal(fixture_query(&scene->fixture, "SELECT count(*) FROM sketches"), 1);
}

static void test_a_damaged_sketch_is_learned_anew(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    authority_fixture_stop(&scene->fixture);
    fixture_run(&scene->fixture, "UPDATE sketches SET image = x'00'");
    start(scene);
    assert_int_equal(fixture_reports(&scene->fixture, "sketches_begun_anew"), 1);
    use(scene, AWAY, 10000);
    flush(scene);
    assert_int_equal(events(scene, "alert.%"), 0);
}

static void test_an_alarm_waits_for_the_disk(void **state)
{
    struct scene *scene = *state;
    learn(scene);
    use(scene, AWAY, 1);
    authority_flush(scene->fixture.authority); /* booked; the alarm waits for the next one */
    faulty_vfs_set(FAULT_DISK_FULL);
    flush(scene);
    faulty_vfs_set(FAULT_NONE);
    assert_in_range(events(scene, "alert.%"), 0, 1);
    flush(scene);
    assert_int_equal(events(scene, "alert.token.anomaly.network"), 1);
}

/* --- tokens that nobody should have ---------------------------------------------------------- */

static tkr_error_t try_both(const struct store_port *store, void *context)
{
    struct scene *scene = context;
    struct store_event tried = {
        .at_ms = scene->now_ms,
        .type = EVENT_HONEYTOKEN_TRIED,
        .org_id = "acme",
        .token_id = scene->token.id,
        .token_name = "bait",
        .client = "203.0.113.7",
    };
    TRY(monitor_alert_tried(scene->fixture.authority, &tried));
    TRY(monitor_alert_tried(scene->fixture.authority, &tried));
    tried.type = EVENT_TRIED;
    tried.token_id = "tok_00000000000000000000000000";
    return monitor_alert_tried(scene->fixture.authority, &tried);
}

static void test_a_honeytoken_and_a_revoked_token_are_told_once_a_day(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(authority_run(scene->fixture.authority, try_both, scene), TKR_OK);
    assert_int_equal(events(scene, "alert.token.honeytoken"), 1);
    assert_int_equal(events(scene, "alert.token.revoked_in_use"), 1);
    assert_true(newest_alert_says(scene, "203.0.113.7"));
    scene->now_ms += DAY_MS;
    assert_int_equal(authority_run(scene->fixture.authority, try_both, scene), TKR_OK);
    assert_int_equal(events(scene, "alert.token.honeytoken"), 2);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_without_a_rule_nothing_is_told),
        SCENE_TEST(test_switched_off_nothing_is_watched),
        SCENE_TEST(test_requests_that_prove_nothing_are_not_watched),
        SCENE_TEST(test_a_network_that_is_not_told_is_none),
        SCENE_TEST(test_a_new_network_is_told_once),
        SCENE_TEST(test_a_rise_is_told_with_its_figures),
        SCENE_TEST(test_refusals_are_told_with_their_share),
        SCENE_TEST(test_an_unusual_hour_is_told),
        SCENE_TEST(test_a_new_program_is_told_with_its_name),
        SCENE_TEST(test_more_alarms_than_an_hour_has_are_one_alert),
        SCENE_TEST(test_a_rule_holds_a_token),
        SCENE_TEST(test_a_throttle_keeps_what_is_usual_and_says_what_was_before),
        SCENE_TEST(test_a_throttle_never_gives_more_than_there_was),
        SCENE_TEST(test_an_administrators_token_is_only_told_of),
        SCENE_TEST(test_few_tokens_are_acted_on_in_an_hour),
        SCENE_TEST(test_a_restart_forgets_nothing_and_alarms_nothing),
        SCENE_TEST(test_what_was_told_is_not_told_again_after_a_restart),
        SCENE_TEST(test_sketches_are_kept_in_time_and_not_at_each_flush),
        SCENE_TEST(test_a_damaged_sketch_is_learned_anew),
        SCENE_TEST(test_an_alarm_waits_for_the_disk),
        SCENE_TEST(test_a_honeytoken_and_a_revoked_token_are_told_once_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
