/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: an event and messages in one transaction; and what becomes of messages. */
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
#include "engine/outbox.h"

static const uint8_t seed[SEAL_SEED_BYTES] = {7};
static const char *const token_types[] = {"token.*"};
static const char *const checkpoint_types[] = {"audit.checkpoint"};
/* `ops` gets what is high, `tokens` all about tokens, `vault` the checkpoints. */
static const struct alert_channel channels[] = {
    {"ops", ALERT_HIGH, NULL, 0},
    {"tokens", ALERT_LOW, token_types, 1},
    {"vault", ALERT_INFO, checkpoint_types, 1},
};

struct context {
    struct authority_fixture fixture;
    struct seal_key *key;
    struct arena *arena;
    unsigned grew;
};

static void grew(void *context)
{
    ((struct context *)context)->grew++;
}

static void start(struct context *context)
{
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    context->fixture.options.audit_key_is_new = false;
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    assert_int_equal(seal_key_new(seed, &context->key), TKR_OK);
    assert_int_equal(arena_new(4 << 20, &context->arena), TKR_OK);
    authority_fixture_init(&context->fixture);
    struct authority_options *options = &context->fixture.options;
    options->channels = channels;
    options->channel_count = sizeof(channels) / sizeof(channels[0]);
    options->outbox_grew = grew;
    options->outbox_context = context;
    options->audit_key = context->key;
    options->audit_key_is_new = true;
    start(context);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    authority_fixture_close(&context->fixture);
    seal_key_free(context->key);
    arena_free(context->arena);
    free(context);
    return 0;
}

/* --- steps -------------------------------------------------------------------------------- */

static struct alert expiring(const char *key)
{
    return (struct alert){
        .severity = ALERT_MEDIUM,
        .type = "token.expiring",
        .org_id = "acme",
        .user_id = "alice",
        .token_id = "tok_00000000000000000000000001",
        .token_name = "ci",
        .key = key,
        .summary = "token ci ends in 10 days",
        .details = "{\"days\":10}",
    };
}

static size_t raise(struct context *context, struct alert alert)
{
    size_t raised = 0;
    assert_int_equal(authority_alert(context->fixture.authority, &alert, 1, &raised), TKR_OK);
    return raised;
}

static size_t due(struct context *context, const char *channel, struct outbox_message **messages)
{
    size_t count = 0;
    int64_t next_ms = 0;
    assert_int_equal(authority_outbox_due(context->fixture.authority, channel,
                                          authority_now_ms(context->fixture.authority), 100,
                                          context->arena, messages, &count, &next_ms),
                     TKR_OK);
    return count;
}

static size_t waiting(struct context *context, const char *channel)
{
    struct outbox_message *messages;
    return due(context, channel, &messages);
}

static void kill_all(struct context *context, const char *channel)
{
    struct outbox_message *messages;
    size_t count = due(context, channel, &messages);
    for (size_t i = 0; i < count; i++) {
        const struct outbox_result result = {
            .id = messages[i].id,
            .channel = channel,
            .type = messages[i].type,
            .outcome = OUTBOX_DEAD,
            .at_ms = authority_now_ms(context->fixture.authority),
            .error = "it answered 410",
        };
        assert_int_equal(authority_outbox_settle(context->fixture.authority, &result, 1), TKR_OK);
    }
}

static int64_t events(struct context *context, const char *type)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s'", type);
    return fixture_query(&context->fixture, sql);
}

/* --- who wants what ----------------------------------------------------------------------- */

static void test_a_type_matches_itself_and_patterns_that_end_in_a_star(void **state)
{
    assert_true(alert_type_matches("*", "token.expiring"));
    assert_true(alert_type_matches("token.*", "token.expiring"));
    assert_true(alert_type_matches("token.expiring", "token.expiring"));
    assert_false(alert_type_matches("token.expiring", "token.expiring2"));
    assert_false(alert_type_matches("token.*", "tokens"));
    assert_false(alert_type_matches("", "token"));
    assert_false(alert_type_matches("job.*", "token.expiring"));
}

static void test_severities_have_their_names(void **state)
{
    enum alert_severity severity = ALERT_INFO;
    for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
        const char *name = alert_severity_name((enum alert_severity)i);
        assert_int_equal(alert_severity_parse(name, strlen(name), &severity), TKR_OK);
        assert_int_equal(severity, i);
    }
    assert_int_equal(alert_severity_parse("hig", 3, &severity), TKR_INVALID);
}

/* --- raising ------------------------------------------------------------------------------ */

static void test_an_alert_is_an_event_and_a_message_for_who_wants_it(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    assert_int_equal(raise(context, expiring(NULL)), 1);
    assert_int_equal(events(context, "alert.token.expiring"), 1);
    assert_int_equal(waiting(context, "ops"), 0); /* it is only medium */
    assert_int_equal(due(context, "tokens", &messages), 1);
    assert_memory_equal(messages[0].id, "msg_", 4);
    assert_string_equal(messages[0].type, "token.expiring");
    assert_string_equal(messages[0].details, "{\"days\":10}");
    assert_string_equal(messages[0].token_name, "ci");
    assert_int_equal(messages[0].severity, ALERT_MEDIUM);
    assert_int_equal(context->grew, 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT json_extract(details, '$.details.days') FROM events"
                                   " WHERE type = 'alert.token.expiring' AND token_name = 'ci'"
                                   " AND json_extract(details, '$.severity') = 'medium'"),
                     10);
}

static void test_a_key_raises_once_also_after_a_restart(void **state)
{
    struct context *context = *state;
    assert_int_equal(raise(context, expiring("expiring/14/a")), 1);
    assert_int_equal(raise(context, expiring("expiring/14/a")), 0);
    assert_int_equal(raise(context, expiring("expiring/14/b")), 1);
    authority_fixture_stop(&context->fixture);
    start(context);
    assert_int_equal(raise(context, expiring("expiring/14/a")), 0);
    assert_int_equal(events(context, "alert.token.expiring"), 2);
    assert_int_equal(waiting(context, "tokens"), 2);
}

static void test_details_that_are_too_long_are_left_out(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    char details[ALERT_DETAILS_BYTES_MAX + 10], summary[600];
    struct alert alert = expiring(NULL);
    snprintf(details, sizeof(details), "{\"x\":\"%0*d\"}", ALERT_DETAILS_BYTES_MAX - 8, 0);
    assert_int_equal(strlen(details), ALERT_DETAILS_BYTES_MAX);
    alert.details = details;
    memset(summary, '"', sizeof(summary) - 1);
    summary[sizeof(summary) - 1] = '\0';
    alert.summary = summary;
    raise(context, alert); /* the longest that there can be fits the event */
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT length(json_extract(details, '$.details.x')) FROM events"
                                   " WHERE type = 'alert.token.expiring'"),
                     ALERT_DETAILS_BYTES_MAX - 8);
    snprintf(details, sizeof(details), "{\"x\":\"%0*d\"}", ALERT_DETAILS_BYTES_MAX - 7, 0);
    raise(context, alert);
    assert_int_equal(due(context, "tokens", &messages), 2);
    assert_int_equal(strlen(messages[0].summary), ALERT_SUMMARY_BYTES_MAX);
    bool first = strcmp(messages[0].details, "{\"truncated\":true}") == 0;
    bool second = strcmp(messages[1].details, "{\"truncated\":true}") == 0;
    assert_true(first != second);
}

static void test_a_summary_is_not_cut_within_a_character(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    char summary[400] = "x";
    struct alert alert = expiring(NULL);
    for (int i = 0; i < 130; i++) {
        strcat(summary, "é");
    }
    alert.summary = summary;
    raise(context, alert);
    assert_int_equal(due(context, "tokens", &messages), 1);
    assert_int_equal(strlen(messages[0].summary), ALERT_SUMMARY_BYTES_MAX - 1);
}

/* --- the audit log ------------------------------------------------------------------------ */

static void test_a_checkpoint_is_a_message_and_no_event(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    raise(context, expiring(NULL));
    size_t before = waiting(context, "vault");
    int64_t before_events = fixture_query(&context->fixture, "SELECT count(*) FROM events");
    virtual_clock_advance(&context->fixture.time, AUDIT_CHECKPOINT_MS + 1);
    raise(context, expiring(NULL));
    assert_int_equal(waiting(context, "vault"), before + 1);
    /* However often time passes, nothing more comes of it. */
    for (int i = 0; i < 3; i++) {
        virtual_clock_advance(&context->fixture.time, AUDIT_CHECKPOINT_MS + 1);
        authority_flush(context->fixture.authority);
    }
    assert_int_equal(due(context, "vault", &messages), before + 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM events"),
                     before_events + 1);
    assert_non_null(strstr(messages[before].details, "\"checkpoint\":\"tokenry"));
}

static void test_a_broken_log_is_told_to_who_wants_critical_alerts(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    raise(context, expiring(NULL));
    authority_fixture_stop(&context->fixture);
    fixture_run(&context->fixture, "UPDATE meta SET audit_mac = zeroblob(32)");
    start(context);
    assert_int_equal(due(context, "ops", &messages), 1);
    assert_string_equal(messages[0].type, "audit.broken");
}

/* --- dead letters ------------------------------------------------------------------------- */

static void test_a_dead_letter_is_told_to_the_others_once_an_hour(void **state)
{
    struct context *context = *state;
    struct outbox_message *messages;
    raise(context, expiring(NULL));
    raise(context, expiring(NULL));
    kill_all(context, "tokens");
    assert_int_equal(events(context, "alert.notify.dead_letter"), 1);
    assert_int_equal(due(context, "ops", &messages), 1);
    assert_string_equal(messages[0].type, "notify.dead_letter");
    assert_non_null(strstr(messages[0].summary, "channel tokens"));
    virtual_clock_advance(&context->fixture.time, 3600 * 1000);
    raise(context, expiring(NULL));
    kill_all(context, "tokens");
    assert_int_equal(events(context, "alert.notify.dead_letter"), 2);
}

static void test_a_dead_alert_of_a_dead_letter_raises_none(void **state)
{
    struct context *context = *state;
    struct alert alert = expiring(NULL);
    alert.severity = ALERT_HIGH;
    raise(context, alert);
    kill_all(context, "ops"); /* not told to ops, and to nobody else who wants it */
    assert_int_equal(events(context, "alert.notify.dead_letter"), 1);
    assert_int_equal(waiting(context, "ops"), 0);
    kill_all(context, "tokens");
    assert_int_equal(waiting(context, "ops"), 1);
    kill_all(context, "ops");
    assert_int_equal(waiting(context, "ops"), 0);
    assert_int_equal(events(context, "alert.notify.dead_letter"), 2);
}

static void test_who_has_not_every_scope_sees_and_does_nothing(void **state)
{
    struct context *context = *state;
    struct authority *authority = context->fixture.authority;
    const struct outbox_page_of of = {.limit = 10};
    struct outbox_page page;
    struct fault fault = {0};
    uint64_t count = 0;
    raise(context, expiring(NULL));
    kill_all(context, "tokens");
    assert_int_equal(
        authority_outbox_dead(authority, &fixture_alice, &of, context->arena, &page, &fault),
        TKR_FORBIDDEN);
    assert_int_equal(authority_outbox_retry(authority, &fixture_alice, NULL, &count, &fault),
                     TKR_FORBIDDEN);
    assert_int_equal(authority_outbox_drop(authority, &fixture_alice, NULL, &count, &fault),
                     TKR_FORBIDDEN);
    assert_int_equal(
        authority_outbox_dead(authority, &fixture_admin, &of, context->arena, &page, &fault),
        TKR_OK);
    assert_int_equal(page.count, 1);
}

static void test_a_retried_letter_waits_again_and_that_is_in_the_log(void **state)
{
    struct context *context = *state;
    struct authority *authority = context->fixture.authority;
    const struct outbox_page_of of = {.limit = 10};
    struct outbox_page page;
    struct fault fault = {0};
    uint64_t count = 0;
    raise(context, expiring(NULL));
    kill_all(context, "tokens");
    assert_int_equal(
        authority_outbox_dead(authority, &fixture_admin, &of, context->arena, &page, &fault),
        TKR_OK);
    assert_int_equal(authority_outbox_retry(authority, &fixture_admin, "msg_x", &count, &fault),
                     TKR_NOT_FOUND);
    assert_int_equal(
        authority_outbox_retry(authority, &fixture_admin, page.messages[0].id, &count, &fault),
        TKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(waiting(context, "tokens"), 1);
    assert_int_equal(events(context, "notify.retry"), 1);
    kill_all(context, "tokens");
    assert_int_equal(authority_outbox_drop(authority, &fixture_admin, NULL, &count, &fault),
                     TKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(events(context, "notify.drop"), 1);
    assert_int_equal(authority_outbox_drop(authority, &fixture_admin, NULL, &count, &fault),
                     TKR_OK);
    assert_int_equal(count, 0); /* nothing to tell */
    assert_int_equal(events(context, "notify.drop"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_type_matches_itself_and_patterns_that_end_in_a_star),
        cmocka_unit_test(test_severities_have_their_names),
        TEST(test_an_alert_is_an_event_and_a_message_for_who_wants_it),
        TEST(test_a_key_raises_once_also_after_a_restart),
        TEST(test_details_that_are_too_long_are_left_out),
        TEST(test_a_summary_is_not_cut_within_a_character),
        TEST(test_a_checkpoint_is_a_message_and_no_event),
        TEST(test_a_broken_log_is_told_to_who_wants_critical_alerts),
        TEST(test_a_dead_letter_is_told_to_the_others_once_an_hour),
        TEST(test_a_dead_alert_of_a_dead_letter_raises_none),
        TEST(test_who_has_not_every_scope_sees_and_does_nothing),
        TEST(test_a_retried_letter_waits_again_and_that_is_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
