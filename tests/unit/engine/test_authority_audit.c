/* SPDX-License-Identifier: Apache-2.0 */
/* The seal on the audit log: with each commit, checkpoints in time, and a look at each start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_look.h"
#include "authority_fixture.h"
#include "engine/authority_internal.h"

static const uint8_t seed[SEAL_SEED_BYTES] = {1, 2, 3}, other_seed[SEAL_SEED_BYTES] = {4};

struct context {
    struct authority_fixture fixture;
    struct seal_key *key, *other_key;
    struct audit_look look;
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    struct fault fault = {0};
    assert_int_equal(seal_key_new(seed, &context->key), TKR_OK);
    assert_int_equal(seal_key_new(other_seed, &context->other_key), TKR_OK);
    authority_fixture_init(&context->fixture);
    context->fixture.options.audit_key = context->key;
    context->fixture.options.audit_key_is_new = true;
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    context->fixture.options.audit_key_is_new = false;
    context->look = (struct audit_look){.data = context->fixture.data.path, .seed = seed};
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    authority_fixture_close(&context->fixture);
    seal_key_free(context->key);
    seal_key_free(context->other_key);
    free(context);
    return 0;
}

/* --- steps ------------------------------------------------------------------------------------ */

static struct answer create(struct context *context)
{
    struct token_create asked = fixture_token("token");
    struct answer answer = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    return answer;
}

static void start(struct context *context)
{
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
}

static void restart(struct context *context)
{
    authority_fixture_stop(&context->fixture);
    start(context);
}

/* What somebody with a shell does while nothing runs. */
static void edit(struct context *context, const char *sql)
{
    authority_fixture_stop(&context->fixture);
    fixture_run(&context->fixture, sql);
    start(context);
}

static struct audit_look *look(struct context *context)
{
    audit_look(&context->look);
    assert_int_equal(context->look.error, TKR_OK);
    return &context->look;
}

static void assert_intact(struct context *context)
{
    look(context);
    if (context->look.result.findings > 0) {
        fail_msg("%s at %llu", audit_finding_name(context->look.findings[0].kind),
                 (unsigned long long)context->look.findings[0].seq);
    }
    assert_true(context->look.result.sealed);
    assert_int_equal(fixture_reports(&context->fixture, "audit_broken"), 0);
}

static int64_t query(struct context *context, const char *sql)
{
    return fixture_query(&context->fixture, sql);
}

static int64_t broken(struct context *context)
{
    return query(context, "SELECT count(*) FROM events WHERE type = 'audit.broken'");
}

static int64_t head(struct context *context)
{
    return query(context, "SELECT audit_seq FROM meta");
}

static int64_t checkpoints(struct context *context)
{
    return query(context, "SELECT count(*) FROM checkpoints");
}

/* Told, an event, to be seen for ever; and the authority does its work. */
static void assert_broken(struct context *context)
{
    struct token_create asked = fixture_token("after");
    assert_int_equal(fixture_reports(&context->fixture, "audit_broken"), 1);
    assert_int_equal(broken(context), 1);
    struct answer made = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(made.error, TKR_OK);
    assert_int_equal(fixture_verify(&context->fixture, made.plaintext), TKR_VERDICT_VALID);
    for (int i = 0; i < 2; i++) {
        look(context);
        assert_true(context->look.result.findings > 0);
        assert_true(audit_look_has(
            &context->look, AUDIT_BROKEN,
            (uint64_t)query(context, "SELECT number FROM events WHERE type = 'audit.broken'")));
        restart(context);
        create(context);
    }
    assert_int_equal(broken(context), 1); /* and was not told again */
}

/* --- a start finds ---------------------------------------------------------------------------- */

static void test_a_cut_tail_is_told_and_the_gap_stays(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    uint64_t newest = (uint64_t)head(context);
    edit(context, "DELETE FROM events WHERE number >= (SELECT audit_seq FROM meta)");
    assert_broken(context);
    assert_true(audit_look_has(look(context), AUDIT_MISSING, newest));
}

static void test_a_cut_tail_with_a_head_to_fit_is_told(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    edit(context, "DELETE FROM events WHERE number >= (SELECT audit_seq FROM meta);"
                  "DELETE FROM checkpoints WHERE seq > (SELECT max(number) FROM events);"
                  "UPDATE meta SET audit_seq = (SELECT max(number) FROM events), audit_digest ="
                  " (SELECT digest FROM events ORDER BY number DESC LIMIT 1)");
    assert_broken(context);
}

static void test_an_edited_head_is_told(void **state)
{
    static const char *const edits[] = {
        "UPDATE meta SET audit_seq = audit_seq - 1",
        "UPDATE meta SET audit_seq = audit_seq + 1",
        "UPDATE meta SET audit_seq = 9223372036854775807",
        "UPDATE meta SET audit_seq = -5",
        "UPDATE meta SET audit_first = audit_first + 1",
        "UPDATE meta SET audit_first = NULL",
        "UPDATE meta SET audit_base = zeroblob(32)",
        "UPDATE meta SET audit_digest = zeroblob(32)",
        "UPDATE meta SET audit_digest = NULL",
        "UPDATE meta SET audit_mac = zeroblob(32)",
        "UPDATE meta SET audit_mac = NULL",
        "UPDATE meta SET audit_mac = NULL, audit_first = NULL",
        "DELETE FROM checkpoints",
    };
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct context *context;
        void *fresh = NULL;
        set_up(&fresh);
        context = fresh;
        create(context);
        create(context);
        edit(context, edits[i]);
        if (broken(context) != 1) {
            fail_msg("not told: %s", edits[i]);
        }
        assert_broken(context);
        tear_down(&fresh);
    }
    assert_non_null(*state);
}

static void test_an_exchanged_key_is_told(void **state)
{
    struct context *context = *state;
    create(context);
    authority_fixture_stop(&context->fixture);
    context->fixture.options.audit_key = context->other_key;
    start(context);
    context->look.seed = other_seed;
    assert_broken(context);
}

/* The key was deleted with the log's seal still there: the new one has not sealed it. */
static void test_a_new_key_over_a_sealed_log_is_told(void **state)
{
    struct context *context = *state;
    create(context);
    authority_fixture_stop(&context->fixture);
    context->fixture.options.audit_key = context->other_key;
    context->fixture.options.audit_key_is_new = true;
    start(context);
    context->fixture.options.audit_key_is_new = false;
    context->look.seed = other_seed;
    assert_broken(context);
}

static const char forge[] = "INSERT INTO events (number, at, type, digest)"
                            " SELECT audit_seq + %d, 5, 'forged', zeroblob(32) FROM meta";

static void test_rows_behind_the_head_are_told_and_stepped_over(void **state)
{
    struct context *context = *state;
    char sql[256];
    create(context);
    snprintf(sql, sizeof(sql), forge, 1);
    edit(context, sql);
    uint64_t forged = (uint64_t)query(context, "SELECT number FROM events WHERE type = 'forged'");
    assert_broken(context);
    assert_true(audit_look_has(look(context), AUDIT_CHANGED, forged));
}

/* What the migration of an older database leaves: events, and no chain. */
static void test_events_of_before_the_chain_stand_before_it(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    int64_t before = head(context);
    authority_fixture_stop(&context->fixture);
    fixture_run(&context->fixture, "DELETE FROM checkpoints; UPDATE events SET digest = NULL;"
                                   "UPDATE meta SET audit_first = NULL, audit_base = NULL,"
                                   " audit_seq = NULL, audit_digest = NULL, audit_mac = NULL");
    context->fixture.options.audit_key_is_new = true;
    start(context);
    context->fixture.options.audit_key_is_new = false;
    assert_intact(context);
    create(context);
    restart(context);
    assert_intact(context);
    assert_int_equal(context->look.result.first_seq, before + 1);
    assert_int_equal(context->look.result.events, head(context) - before);
}

/* --- while it runs ---------------------------------------------------------------------------- */

static void test_a_row_in_the_way_stops_no_change_and_is_found(void **state)
{
    struct context *context = *state;
    char sql[256];
    create(context);
    snprintf(sql, sizeof(sql), forge, 1);
    fixture_run(&context->fixture, sql);
    create(context);
    look(context);
    assert_true(context->look.result.findings > 0);
    assert_int_equal(query(context, "SELECT count(*) FROM events WHERE type = 'forged'"), 1);
}

static void test_a_row_at_the_end_of_all_numbers_stops_no_change(void **state)
{
    struct context *context = *state;
    create(context);
    fixture_run(&context->fixture, "INSERT INTO events (number, at, type, digest)"
                                   " VALUES (9223372036854775807, 5, 'forged', zeroblob(32))");
    create(context);
    restart(context);
    create(context);
    assert_int_equal(broken(context), 1);
    assert_true(audit_look_has(look(context), AUDIT_ADDED, INT64_MAX));
}

static void test_a_change_whose_event_cannot_be_written_does_not_happen(void **state)
{
    struct context *context = *state;
    struct token_create asked = fixture_token("token");
    int64_t tokens = query(context, "SELECT count(*) FROM tokens");
    authority_fixture_stop(&context->fixture);
    fixture_run(&context->fixture, "CREATE TRIGGER no_events BEFORE INSERT ON events BEGIN"
                                   " SELECT RAISE(ABORT, 'no'); END");
    start(context);
    struct answer answer = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_not_equal(answer.error, TKR_OK);
    assert_int_equal(tkr_error_category(answer.error), TKR_CATEGORY_RETRYABLE);
    assert_int_equal(query(context, "SELECT count(*) FROM tokens"), tokens);
    fixture_run(&context->fixture, "DROP TRIGGER no_events");
    create(context);
    assert_intact(context);
}

static void test_a_forged_checkpoint_stops_no_checkpoint_and_is_not_told(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    fixture_run(&context->fixture,
                "INSERT INTO checkpoints (seq, at, digest, public_key, signature)"
                " VALUES (1000000, 9e15, zeroblob(32), zeroblob(32), zeroblob(64))");
    size_t told = fixture_reports(&context->fixture, "audit_checkpoint");
    virtual_clock_advance(&context->fixture.time, AUDIT_CHECKPOINT_MS);
    authority_flush(context->fixture.authority);
    assert_int_equal(fixture_reports(&context->fixture, "audit_checkpoint"), told + 1);
    assert_false(fixture_report_says(&context->fixture, "audit_checkpoint", " 1000000 "));
    assert_true(audit_look_has(look(context), AUDIT_BAD_SIGNATURE, 1000000));
}

/* --- the seal --------------------------------------------------------------------------------- */

static void test_the_head_has_its_mac_after_each_commit(void **state)
{
    struct context *context = *state;
    assert_intact(context); /* also of a log that has just begun */
    for (int i = 0; i < 3; i++) {
        create(context);
        assert_intact(context);
    }
    restart(context);
    assert_intact(context);
}

static void test_a_checkpoint_comes_after_so_many_events(void **state)
{
    struct context *context = *state;
    create(context); /* the first event of all has one */
    int64_t before = checkpoints(context), first = head(context);
    while (head(context) < first + AUDIT_CHECKPOINT_EVENTS - 1) {
        create(context);
    }
    assert_int_equal(checkpoints(context), before);
    create(context);
    assert_int_equal(checkpoints(context), before + 1);
    assert_intact(context);
}

static void test_a_checkpoint_comes_after_a_minute_although_nothing_else_does(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    int64_t before = checkpoints(context);
    virtual_clock_advance(&context->fixture.time, AUDIT_CHECKPOINT_MS - 1);
    authority_flush(context->fixture.authority);
    assert_int_equal(checkpoints(context), before);
    virtual_clock_advance(&context->fixture.time, 1);
    authority_flush(context->fixture.authority);
    assert_int_equal(checkpoints(context), before + 1);
    virtual_clock_advance(&context->fixture.time, AUDIT_CHECKPOINT_MS);
    authority_flush(context->fixture.authority);
    assert_int_equal(checkpoints(context), before + 1); /* nothing new */
    assert_true(fixture_report_says(&context->fixture, "audit_checkpoint", "tokenry-checkpoint-1"));
    assert_intact(context);
}

static void test_a_clean_stop_leaves_no_event_without_a_checkpoint(void **state)
{
    struct context *context = *state;
    create(context);
    create(context);
    authority_fixture_stop(&context->fixture);
    assert_int_equal(query(context, "SELECT max(seq) FROM checkpoints"), head(context));
    start(context);
    assert_intact(context);
}

#define AUDIT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(test_a_cut_tail_is_told_and_the_gap_stays),
        AUDIT_TEST(test_a_cut_tail_with_a_head_to_fit_is_told),
        AUDIT_TEST(test_an_edited_head_is_told),
        AUDIT_TEST(test_an_exchanged_key_is_told),
        AUDIT_TEST(test_a_new_key_over_a_sealed_log_is_told),
        AUDIT_TEST(test_rows_behind_the_head_are_told_and_stepped_over),
        AUDIT_TEST(test_events_of_before_the_chain_stand_before_it),
        AUDIT_TEST(test_a_row_in_the_way_stops_no_change_and_is_found),
        AUDIT_TEST(test_a_row_at_the_end_of_all_numbers_stops_no_change),
        AUDIT_TEST(test_a_change_whose_event_cannot_be_written_does_not_happen),
        AUDIT_TEST(test_a_forged_checkpoint_stops_no_checkpoint_and_is_not_told),
        AUDIT_TEST(test_the_head_has_its_mac_after_each_commit),
        AUDIT_TEST(test_a_checkpoint_comes_after_so_many_events),
        AUDIT_TEST(test_a_checkpoint_comes_after_a_minute_although_nothing_else_does),
        AUDIT_TEST(test_a_clean_stop_leaves_no_event_without_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
