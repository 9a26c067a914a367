/* SPDX-License-Identifier: Apache-2.0 */
/* Verifications as events: the policy, what is bounded and counted, and a disk that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/auth_internal.h"
#include "faulty_vfs.h"

#define FLOOD 10000
#define PER_SECOND 100
#define THREADS 4

struct context {
    struct authority_fixture fixture;
    uint8_t bait[TOKEN_ID_BYTES], token[TOKEN_ID_BYTES];
    char bait_text[TOKEN_ID_CHARS + 1];
};

static void make(struct context *context, const char *name, bool honeytoken,
                 uint8_t ret_id[TOKEN_ID_BYTES])
{
    struct token_create asked = fixture_token(name);
    asked.honeytoken = honeytoken;
    struct answer made = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(made.error, TKR_OK);
    assert_int_equal(token_id_parse(made.id, TOKEN_ID_CHARS, ret_id), TKR_OK);
}

static struct context *start(enum audit_successes successes)
{
    struct context *context = calloc(1, sizeof(*context));
    struct fault fault = {0};
    faulty_vfs_register();
    authority_fixture_init(&context->fixture);
    context->fixture.vfs = FAULTY_VFS;
    context->fixture.options.audit_successes = successes;
    context->fixture.options.audit_refusals_per_second = PER_SECOND;
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    make(context, "bait", true, context->bait);
    make(context, "laptop", false, context->token);
    token_id_format(context->bait, context->bait_text);
    return context;
}

static int set_up(void **state)
{
    *state = start(AUDIT_SUCCESSES_FIRST_PER_MINUTE);
    return 0;
}

static int set_up_all(void **state)
{
    *state = start(AUDIT_SUCCESSES_ALL);
    return 0;
}

static int set_up_none(void **state)
{
    *state = start(AUDIT_SUCCESSES_NONE);
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_NONE);
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

/* --- what verifying threads do -----------------------------------------------------------------
 */

static struct verify_text text(const char *chars)
{
    return (struct verify_text){chars, strlen(chars)};
}

static struct ip_address address(uint32_t number)
{
    struct ip_address made = {.family = 4, .bytes = {10}};
    memcpy(made.bytes + 1, &number, 3);
    return made;
}

/* From the address of this number. */
static struct auth_event event_of(const struct context *context, unsigned outcome, uint32_t from)
{
    return (struct auth_event){
        .outcome = outcome,
        .client = address(from),
        .token_id = outcome == TKR_VERDICT_NOT_FOUND ? NULL : context->token,
        .texts = {[AUTH_ORG] = text("acme"),
                  [AUTH_USER] = text("alice"),
                  [AUTH_NAME] = text("laptop"),
                  [AUTH_METHOD] = text("GET"),
                  [AUTH_ENDPOINT] = text("/reports"),
                  [AUTH_USER_AGENT] = text("curl/8"),
                  [AUTH_REQUEST] = text("r-1"),
                  [AUTH_RAY] = text("7d9e5e2b2d0a1c3f-AMS")},
    };
}

static void note(struct context *context, unsigned outcome, uint32_t from)
{
    struct auth_event event = event_of(context, outcome, from);
    authority_auth_note(context->fixture.authority, &event);
}

static void try_bait(struct context *context, uint32_t from)
{
    struct auth_event event = event_of(context, TKR_VERDICT_NOT_FOUND, from);
    event.honeytoken = true;
    event.token_id = context->bait;
    memset(event.texts, 0, AUTH_METHOD * sizeof(event.texts[0])); /* outwardly it is unknown */
    authority_auth_note(context->fixture.authority, &event);
}

/* As a verifying thread does; whether it was noted. */
static bool succeed(struct context *context)
{
    struct authority *authority = context->fixture.authority;
    struct verify_result result = {.verdict = TKR_VERDICT_VALID,
                                   .known = true,
                                   .token_id = context->token,
                                   .now_ms = authority_now_ms(authority)};
    bool wanted = authority_auth_wanted(authority, &result);
    if (wanted) {
        note(context, TKR_VERDICT_VALID, 1);
    }
    return wanted;
}

static void flush(struct context *context)
{
    authority_flush(context->fixture.authority);
}

static int64_t events(struct context *context, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s'", type);
    return fixture_query(&context->fixture, sql);
}

/* The sum over the events of a type that have the verdict among their details, or as their own. */
static int64_t told(struct context *context, const char *type, const char *member)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT coalesce(sum(json_extract(details, '$.%s')), 0) FROM events WHERE type = '%s'",
             member, type);
    return fixture_query(&context->fixture, sql);
}

static struct auth_stats stats(struct context *context)
{
    struct auth_stats stats;
    authority_auth_stats(context->fixture.authority, &stats);
    return stats;
}

/* --- one event ------------------------------------------------------------------------------- */

static void test_an_event_has_all_that_was_told(void **state)
{
    struct context *context = *state;
    note(context, TKR_VERDICT_EXPIRED, 7);
    assert_int_equal(events(context, "auth.refused"), 0);
    flush(context);
    assert_int_equal(
        fixture_query(&context->fixture,
                      "SELECT count(*) FROM events WHERE type = 'auth.refused'"
                      " AND verdict = 'expired' AND org_id = 'acme' AND user_id = 'alice'"
                      " AND token_name = 'laptop' AND token_id IS NOT NULL AND actor_user IS NULL"
                      " AND method = 'GET' AND endpoint = '/reports' AND user_agent = 'curl/8'"
                      " AND request_id = 'r-1' AND ray_id = '7d9e5e2b2d0a1c3f-AMS'"
                      " AND client = '10.7.0.0' AND digest IS NOT NULL AND details IS NULL"),
        1);
    flush(context);
    assert_int_equal(events(context, "auth.refused"), 1);
}

static void test_who_asked_about_a_token_is_told(void **state)
{
    struct context *context = *state;
    struct auth_event event = event_of(context, TKR_VERDICT_NOT_FOUND, 1);
    event.texts[AUTH_ASKED_BY] = text(context->bait_text);
    authority_auth_note(context->fixture.authority, &event);
    flush(context);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE verdict = 'not_found'"
                                   " AND length(json_extract(details, '$.asked_by')) = 30"
                                   " AND token_id IS NULL"),
                     1);
}

static void test_long_texts_are_cut(void **state)
{
    struct context *context = *state;
    char agent[1000];
    memset(agent, 'x', sizeof(agent));
    struct auth_event event = event_of(context, TKR_VERDICT_EXPIRED, 1);
    event.texts[AUTH_USER_AGENT] = (struct verify_text){agent, sizeof(agent)};
    authority_auth_note(context->fixture.authority, &event);
    flush(context);
    assert_int_equal(fixture_query(&context->fixture, "SELECT length(user_agent) FROM events"
                                                      " WHERE type = 'auth.refused'"),
                     AUTH_TEXT_BYTES_MAX);
}

/* No new sequence number, or each would make the next start build the segment anew. */
static void test_an_event_is_no_change(void **state)
{
    struct context *context = *state;
    int64_t before = fixture_query(&context->fixture, "SELECT seq FROM meta");
    note(context, TKR_VERDICT_EXPIRED, 1);
    flush(context);
    assert_int_equal(events(context, "auth.refused"), 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT seq FROM meta"), before);
}

static void test_a_clean_stop_stores_what_waits_and_what_was_repeated(void **state)
{
    struct context *context = *state;
    struct fault fault = {0};
    note(context, TKR_VERDICT_EXPIRED, 1);
    note(context, TKR_VERDICT_EXPIRED, 1);
    authority_fixture_stop(&context->fixture);
    assert_int_equal(events(context, "auth.refused"), 1);
    assert_int_equal(told(context, "auth.repeated", "count"), 1);
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
}

/* --- successes ------------------------------------------------------------------------------- */

static void test_the_first_success_of_a_minute_is_an_event(void **state)
{
    struct context *context = *state;
    assert_true(succeed(context));
    assert_false(succeed(context));
    virtual_clock_advance(&context->fixture.time, 60000);
    assert_true(succeed(context));
    assert_false(succeed(context));
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), 2);
    assert_int_equal(stats(context).allowed, 2);
}

static void test_all_successes_are_events(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < 5000; i++) {
        assert_true(succeed(context));
    }
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), 5000);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'auth.allowed'"
                                   " AND verdict = 'valid'"),
                     5000);
}

static void test_no_success_is_an_event(void **state)
{
    struct context *context = *state;
    assert_false(succeed(context));
    note(context, TKR_VERDICT_EXPIRED, 1);
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), 0);
    assert_int_equal(events(context, "auth.refused"), 1);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void test_a_repeated_refusal_is_one_event_and_a_number(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < 11; i++) {
        note(context, TKR_VERDICT_EXPIRED, 1);
    }
    note(context, TKR_VERDICT_EXPIRED, 2);
    note(context, TKR_VERDICT_RATE_LIMITED, 1);
    flush(context);
    assert_int_equal(events(context, "auth.refused"), 3);
    assert_int_equal(events(context, "auth.repeated"), 0);
    virtual_clock_advance(&context->fixture.time, 60000);
    flush(context);
    assert_int_equal(events(context, "auth.repeated"), 1);
    assert_int_equal(told(context, "auth.repeated", "count"), 10);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'auth.repeated'"
                                   " AND verdict = 'expired' AND client = '10.1.0.0'"
                                   " AND org_id = 'acme' AND token_name = 'laptop'"
                                   " AND json_extract(details, '$.of') = 'auth.refused'"),
                     1);
    note(context, TKR_VERDICT_EXPIRED, 1);
    flush(context);
    assert_int_equal(events(context, "auth.refused"), 4);
    assert_int_equal(stats(context).repeated, 10);
}

static void test_a_flood_is_bounded_and_all_of_it_counted(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < FLOOD; i++) {
        note(context, TKR_VERDICT_NOT_FOUND, i);
    }
    flush(context);
    assert_int_equal(events(context, "auth.refused"), PER_SECOND / 2);
    assert_int_equal(events(context, "auth.left_out"), 1);
    assert_int_equal(told(context, "auth.left_out", "count"), FLOOD - PER_SECOND / 2);
    assert_int_equal(told(context, "auth.left_out", "not_found"), FLOOD - PER_SECOND / 2);
    assert_int_equal(stats(context).over_maximum, FLOOD - PER_SECOND / 2);
    assert_int_equal(fixture_reports(&context->fixture, "auth_events_left_out"), 1);
    flush(context);
    assert_int_equal(events(context, "auth.left_out"), 1);
}

static void test_garbage_leaves_places_for_tokens_that_are_known(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < FLOOD; i++) {
        note(context, TKR_VERDICT_NOT_FOUND, i);
    }
    note(context, TKR_VERDICT_EXPIRED, 1);
    note(context, TKR_VERDICT_REVOKED, 1);
    try_bait(context, 1);
    flush(context);
    assert_int_equal(
        fixture_query(&context->fixture, "SELECT count(*) FROM events WHERE verdict = 'expired'"),
        1);
    assert_int_equal(events(context, "token.tried"), 1);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
}

/* The rest of a refusal that found no place must not pass for repeats of an event. */
static void test_what_found_no_place_is_not_known(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < PER_SECOND; i++) {
        note(context, TKR_VERDICT_EXPIRED, i);
    }
    note(context, TKR_VERDICT_EXPIRED, PER_SECOND);
    virtual_clock_advance(&context->fixture.time, 1000);
    note(context, TKR_VERDICT_EXPIRED, PER_SECOND);
    flush(context);
    assert_int_equal(events(context, "auth.refused"), PER_SECOND + 1);
    assert_int_equal(stats(context).over_maximum, 1);
    assert_int_equal(stats(context).repeated, 0);
}

/* --- tries -------------------------------------------------------------------------------------
 */

static void test_a_try_of_a_honeytoken_warns_and_is_an_event(void **state)
{
    struct context *context = *state;
    try_bait(context, 7);
    flush(context);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'honeytoken.tried'"
                                   " AND org_id = 'acme' AND user_id = 'alice'"
                                   " AND token_name = 'bait' AND client = '10.7.0.0'"
                                   " AND user_agent = 'curl/8' AND request_id = 'r-1'"
                                   " AND endpoint = '/reports' AND verdict = 'not_found'"),
                     1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
    assert_true(fixture_report_says(&context->fixture, "honeytoken_tried", context->bait_text));
    flush(context);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
}

static void test_a_try_of_an_ended_token_warns_nobody_and_is_kept(void **state)
{
    struct context *context = *state;
    note(context, TKR_VERDICT_REVOKED, 1);
    note(context, TKR_VERDICT_QUARANTINED, 1);
    flush(context);
    assert_int_equal(events(context, "token.tried"), 2);
    assert_int_equal(events(context, "auth.refused"), 0);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 0);
    assert_int_equal(stats(context).ended, 2);
}

static void test_the_same_try_from_the_same_address_is_one_event_a_minute(void **state)
{
    struct context *context = *state;
    try_bait(context, 1);
    try_bait(context, 1);
    try_bait(context, 2);
    virtual_clock_advance(&context->fixture.time, 60000);
    flush(context);
    try_bait(context, 1);
    flush(context);
    assert_int_equal(events(context, "honeytoken.tried"), 3);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 3);
    assert_int_equal(stats(context).honeytokens, 4);
    assert_int_equal(stats(context).tries_left_out, 1);
}

static void test_a_flood_of_ended_tokens_does_not_cover_a_honeytoken(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < FLOOD; i++) {
        note(context, TKR_VERDICT_REVOKED, i);
    }
    try_bait(context, 1);
    flush(context);
    assert_int_equal(events(context, "token.tried"), AUTH_TRIES_PER_SECOND / 2);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(stats(context).tries_left_out, FLOOD - AUTH_TRIES_PER_SECOND / 2);
}

/* --- when the store cannot write ---------------------------------------------------------------
 */

/* So many that the ring has no room for another. */
static uint64_t fill_with(struct context *context, unsigned outcome)
{
    uint64_t before = stats(context).no_room, count = 0;
    while (stats(context).no_room == before) {
        note(context, outcome, (uint32_t)count);
        count++;
    }
    return count - 1;
}

static void test_a_full_ring_keeps_the_oldest_and_counts_the_rest(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_DISK_FULL);
    flush(context);
    uint64_t kept = fill_with(context, TKR_VERDICT_VALID);
    for (int i = 0; i < 99; i++) {
        note(context, TKR_VERDICT_VALID, 1);
    }
    flush(context);
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), 0);
    assert_int_equal(fixture_reports(&context->fixture, "auth_events_wait"), 1);
    faulty_vfs_set(FAULT_NONE);
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), kept);
    assert_int_equal(told(context, "auth.left_out", "valid"), 100);
    assert_int_equal(stats(context).no_room, 100);
    assert_int_equal(fixture_reports(&context->fixture, "auth_events_recovered"), 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'auth.allowed'"
                                   " AND client = '10.0.0.0'"),
                     1);
}

static void test_successes_leave_room_for_refusals_and_both_for_tries(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_DISK_FULL);
    fill_with(context, TKR_VERDICT_VALID);
    assert_true(fill_with(context, TKR_VERDICT_NOT_FOUND) > FLOOD / 10);
    assert_true(fill_with(context, TKR_VERDICT_EXPIRED) > FLOOD / 10);
    assert_true(fill_with(context, TKR_VERDICT_REVOKED) > FLOOD / 10);
    try_bait(context, 1);
    faulty_vfs_set(FAULT_NONE);
    flush(context);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(events(context, "token.tried"), AUTH_TRIES_PER_SECOND / 2);
    assert_int_equal(stats(context).no_room, 4);
}

static void test_a_full_disk_does_not_silence_the_alert(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_DISK_FULL);
    note(context, TKR_VERDICT_EXPIRED, 1);
    flush(context);
    try_bait(context, 1);
    flush(context);
    flush(context);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
    assert_int_equal(events(context, "honeytoken.tried"), 0);
    faulty_vfs_set(FAULT_NONE);
    flush(context);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
}

static void test_repeats_and_counts_wait_for_the_disk(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_DISK_FULL);
    note(context, TKR_VERDICT_EXPIRED, 1);
    note(context, TKR_VERDICT_EXPIRED, 1);
    for (uint32_t i = 0; i < FLOOD; i++) {
        note(context, TKR_VERDICT_NOT_FOUND, i);
    }
    flush(context);
    virtual_clock_advance(&context->fixture.time, 60000);
    flush(context);
    assert_int_equal(fixture_reports(&context->fixture, "auth_events_left_out"), 0);
    faulty_vfs_set(FAULT_NONE);
    flush(context);
    int64_t stored = events(context, "auth.refused");
    assert_int_equal(stored + told(context, "auth.repeated", "count") +
                         told(context, "auth.left_out", "count"),
                     FLOOD + 2);
    flush(context);
    assert_int_equal(told(context, "auth.repeated", "count"), 1);
}

/* Nothing is written any more, and nobody waits for it. */
static void test_after_a_commit_of_unknown_outcome_notes_are_counted(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_SYNC);
    note(context, TKR_VERDICT_EXPIRED, 1);
    flush(context);
    faulty_vfs_set(FAULT_NONE);
    fill_with(context, TKR_VERDICT_VALID);
    flush(context);
    assert_int_equal(events(context, "auth.allowed"), 0);
    assert_int_equal(stats(context).no_room, 1);
}

/* --- many threads ------------------------------------------------------------------------------
 */

struct worker {
    pthread_t thread;
    struct context *context;
    uint32_t number;
};

static void *work(void *of)
{
    struct worker *worker = of;
    for (uint32_t i = 0; i < FLOOD; i++) {
        note(worker->context, i % 4 == 0 ? TKR_VERDICT_NOT_FOUND : TKR_VERDICT_VALID,
             worker->number << 16 | i % 5000);
    }
    return NULL;
}

static void test_nothing_of_many_threads_is_lost(void **state)
{
    struct context *context = *state;
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.context = context, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        flush(context);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    virtual_clock_advance(&context->fixture.time, 60000);
    flush(context);
    int64_t stored = events(context, "auth.allowed") + events(context, "auth.refused");
    assert_int_equal(stored + told(context, "auth.repeated", "count") +
                         told(context, "auth.left_out", "count"),
                     THREADS * FLOOD);
}

/* The writer is told before anything is lost, without a flush. */
static void test_an_eighth_of_the_ring_wakes_the_writer(void **state)
{
    struct context *context = *state;
    uint64_t noted = 0;
    while (stats(context).allowed == 0) { /* the writer is another thread */
        note(context, TKR_VERDICT_VALID, 1);
        noted++;
        assert_true(noted < 100 * UINT64_C(1000000));
    }
    assert_int_equal(events(context, "auth.allowed") > 0, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_ALL(name) cmocka_unit_test_setup_teardown(name, set_up_all, tear_down)
#define TEST_NONE(name) cmocka_unit_test_setup_teardown(name, set_up_none, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_has_all_that_was_told),
        TEST(test_who_asked_about_a_token_is_told),
        TEST(test_long_texts_are_cut),
        TEST(test_an_event_is_no_change),
        TEST(test_a_clean_stop_stores_what_waits_and_what_was_repeated),
        TEST(test_the_first_success_of_a_minute_is_an_event),
        TEST_ALL(test_all_successes_are_events),
        TEST_NONE(test_no_success_is_an_event),
        TEST(test_a_repeated_refusal_is_one_event_and_a_number),
        TEST(test_a_flood_is_bounded_and_all_of_it_counted),
        TEST(test_garbage_leaves_places_for_tokens_that_are_known),
        TEST(test_what_found_no_place_is_not_known),
        TEST(test_a_try_of_a_honeytoken_warns_and_is_an_event),
        TEST(test_a_try_of_an_ended_token_warns_nobody_and_is_kept),
        TEST(test_the_same_try_from_the_same_address_is_one_event_a_minute),
        TEST(test_a_flood_of_ended_tokens_does_not_cover_a_honeytoken),
        TEST_ALL(test_a_full_ring_keeps_the_oldest_and_counts_the_rest),
        TEST_ALL(test_successes_leave_room_for_refusals_and_both_for_tries),
        TEST(test_a_full_disk_does_not_silence_the_alert),
        TEST(test_repeats_and_counts_wait_for_the_disk),
        TEST(test_after_a_commit_of_unknown_outcome_notes_are_counted),
        TEST_ALL(test_nothing_of_many_threads_is_lost),
        TEST_ALL(test_an_eighth_of_the_ring_wakes_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
