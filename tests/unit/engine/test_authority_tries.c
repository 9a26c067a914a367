/* SPDX-License-Identifier: Apache-2.0 */
/* Tries of tokens that nobody should present: kept, bounded, counted. */
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

#define FLOOD 10000

struct context {
    struct authority_fixture fixture;
    struct answer made;
    uint8_t id[TOKEN_ID_BYTES];
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
    struct token_create asked = fixture_token("bait");
    asked.honeytoken = true;
    context->made = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(context->made.error, TKR_OK);
    assert_int_equal(token_id_parse(context->made.id, TOKEN_ID_CHARS, context->id), TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

/* From the address of this number; whether it got an event of its own. */
static bool try_from(struct context *context, bool honeytoken, uint32_t address)
{
    struct authority *authority = context->fixture.authority;
    struct token_try tried = {
        .token_id = context->id,
        .honeytoken = honeytoken,
        .verdict = honeytoken ? "not_found" : "revoked",
        .client = "192.0.2.7",
        .user_agent = "curl/8",
        .request_id = "r-1",
        .endpoint = "/auth",
        .asked_by = "",
    };
    if (!authority_try_begin(authority, context->id, honeytoken, &address, sizeof(address))) {
        return false;
    }
    authority_try_note(authority, &tried);
    return true;
}

static int64_t events(struct context *context, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s'", type);
    return fixture_query(&context->fixture, sql);
}

static struct tries_stats stats(struct context *context)
{
    struct tries_stats stats;
    authority_tries(context->fixture.authority, &stats);
    return stats;
}

static void test_a_try_is_an_event_with_the_next_flush(void **state)
{
    struct context *context = *state;
    assert_true(try_from(context, true, 1));
    assert_int_equal(events(context, "honeytoken.tried"), 0);
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'honeytoken.tried'"
                                   " AND org_id = 'acme' AND user_id = 'alice'"
                                   " AND token_name = 'bait' AND client = '192.0.2.7'"
                                   " AND user_agent = 'curl/8' AND request_id = 'r-1'"
                                   " AND endpoint = '/auth' AND verdict = 'not_found'"),
                     1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
    assert_true(fixture_report_says(&context->fixture, "honeytoken_tried", context->made.id));
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 1);
}

static void test_a_try_of_an_ended_token_warns_nobody_and_is_kept(void **state)
{
    struct context *context = *state;
    assert_true(try_from(context, false, 1));
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "token.tried"), 1);
    assert_int_equal(fixture_reports(&context->fixture, "honeytoken_tried"), 0);
    assert_int_equal(stats(context).ended, 1);
}

static void test_the_same_from_the_same_address_is_one_event_a_minute(void **state)
{
    struct context *context = *state;
    assert_true(try_from(context, true, 1));
    assert_false(try_from(context, true, 1));
    assert_true(try_from(context, true, 2));
    virtual_clock_advance(&context->fixture.time, 60000);
    assert_true(try_from(context, true, 1));
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), 3);
    assert_int_equal(stats(context).left_out, 1);
}

static void test_a_flood_is_bounded_and_all_of_it_counted(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < FLOOD; i++) {
        try_from(context, false, i);
    }
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "token.tried"), TRIES_PER_SECOND / 2);
    assert_int_equal(stats(context).ended, FLOOD);
    assert_int_equal(stats(context).left_out, FLOOD - TRIES_PER_SECOND / 2);
    assert_int_equal(events(context, "token.tries_left_out"), 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT json_extract(details, '$.count') FROM events"
                                   " WHERE type = 'token.tries_left_out'"),
                     FLOOD - TRIES_PER_SECOND / 2);
    assert_int_equal(fixture_reports(&context->fixture, "tries_left_out"), 1);
}

static void test_a_flood_of_ended_tokens_does_not_cover_a_honeytoken(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < FLOOD; i++) {
        try_from(context, false, i);
    }
    assert_true(try_from(context, true, FLOOD + 1));
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
}

static void test_a_full_queue_drops_and_counts(void **state)
{
    struct context *context = *state;
    for (uint32_t i = 0; i < TRIES_QUEUE_MAX + 10; i++) {
        assert_true(try_from(context, true, i)); /* one a second, and nobody flushes */
        virtual_clock_advance(&context->fixture.time, 1000);
    }
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), TRIES_QUEUE_MAX);
    assert_int_equal(stats(context).left_out, 10);
}

static void test_a_clean_stop_stores_what_is_queued(void **state)
{
    struct context *context = *state;
    assert_true(try_from(context, true, 1));
    authority_fixture_stop(&context->fixture);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
}

/* No new sequence number, or each try would make the next start build the segment anew. */
static void test_evidence_is_no_change(void **state)
{
    struct context *context = *state;
    int64_t before = fixture_query(&context->fixture, "SELECT seq FROM meta");
    assert_true(try_from(context, true, 1));
    authority_flush(context->fixture.authority);
    assert_int_equal(events(context, "honeytoken.tried"), 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT seq FROM meta"), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_try_is_an_event_with_the_next_flush),
        TEST(test_a_try_of_an_ended_token_warns_nobody_and_is_kept),
        TEST(test_the_same_from_the_same_address_is_one_event_a_minute),
        TEST(test_a_flood_is_bounded_and_all_of_it_counted),
        TEST(test_a_flood_of_ended_tokens_does_not_cover_a_honeytoken),
        TEST(test_a_full_queue_drops_and_counts),
        TEST(test_a_clean_stop_stores_what_is_queued),
        TEST(test_evidence_is_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
