/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: numbers, the chain, the seal, and pages. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

#include "audit/verify.h"

/* --- steps ------------------------------------------------------------------------------------ */

static tkr_error_t note(struct fixture *fixture, struct store_event event)
{
    if (event.at_ms == 0) {
        event.at_ms = SAMPLE_NOW;
    }
    if (event.type == NULL) {
        event.type = "test";
    }
    return fixture->port.note_event(fixture->store, &event);
}

/* In a batch of its own. */
static void add(struct fixture *fixture, struct store_event event)
{
    begin(fixture);
    assert_int_equal(note(fixture, event), TKR_OK);
    commit(fixture);
}

static struct store_log read_log(struct fixture *fixture)
{
    struct store_log log;
    assert_int_equal(fixture->port.audit.read_log(fixture->store, &log), TKR_OK);
    return log;
}

static tkr_error_t verify_event(void *context, const struct store_log_event *event)
{
    audit_verifier_event(context, &event->event, event->has_digest ? event->digest : NULL);
    return TKR_OK;
}

static void fail_finding(void *context, const struct audit_finding *finding)
{
    fail_msg("%s at %llu", audit_finding_name(finding->kind), (unsigned long long)finding->seq);
}

/* The chain from its beginning to the head; returns the number of events. */
static uint64_t assert_intact(struct fixture *fixture)
{
    struct store_log log = read_log(fixture);
    struct audit_verifier verifier;
    audit_verifier_init(&verifier, log.store_id, log.head.first_seq, log.head.base, fail_finding,
                        NULL);
    assert_int_equal(fixture->port.audit.each_event(fixture->store, log.head.first_seq, INT64_MAX,
                                                    verify_event, &verifier),
                     TKR_OK);
    audit_verifier_end(&verifier, log.head.seq, log.head.digest);
    return verifier.events;
}

struct sealing {
    struct store_head head; /* that was to be sealed last */
    unsigned calls;
    tkr_error_t error;
    bool checkpoint;
};

static tkr_error_t seal(void *context, const struct store_head *head, struct store_seal *ret_seal)
{
    struct sealing *sealing = context;
    sealing->calls++;
    sealing->head = *head;
    if (sealing->error != TKR_OK) {
        return sealing->error;
    }
    memset(ret_seal, 0, sizeof(*ret_seal));
    memset(ret_seal->mac, (int)head->seq, sizeof(ret_seal->mac));
    if (sealing->checkpoint) {
        ret_seal->has_checkpoint = true;
        ret_seal->checkpoint.seq = head->seq;
        ret_seal->checkpoint.at_ms = SAMPLE_NOW;
        memcpy(ret_seal->checkpoint.digest, head->digest, sizeof(head->digest));
        memset(ret_seal->checkpoint.signature, 0x51, sizeof(ret_seal->checkpoint.signature));
    }
    return TKR_OK;
}

static void set_sealer(struct fixture *fixture, struct sealing *sealing)
{
    const struct store_sealer sealer = {seal, sealing};
    fixture->port.audit.set_sealer(fixture->store, &sealer);
}

/* --- numbers and the chain -------------------------------------------------------------------- */

static void test_a_new_store_has_an_empty_chain(void **state)
{
    struct fixture *fixture = *state;
    struct store_log log = read_log(fixture);
    assert_int_equal(log.head.first_seq, 1);
    assert_int_equal(log.head.seq, 0);
    assert_memory_equal(log.head.base, log.head.digest, AUDIT_DIGEST_BYTES);
    assert_false(log.has_mac);
    assert_int_equal(assert_intact(fixture), 0);
}

static void test_events_get_consecutive_numbers_and_a_chain(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++) {
        begin(fixture);
        assert_int_equal(note(fixture, (struct store_event){.user_id = "alice"}), TKR_OK);
        assert_int_equal(note(fixture, (struct store_event){.details = "{}"}), TKR_OK);
        commit(fixture);
    }
    assert_int_equal(read_log(fixture).head.seq, 10);
    assert_int_equal(fixture->port.audit.newest_seq(fixture->store), 10);
    assert_int_equal(assert_intact(fixture), 10);
    reopen_store(fixture);
    add(fixture, (struct store_event){.ray_id = "ray"});
    assert_int_equal(assert_intact(fixture), 11);
}

static void test_what_is_undone_leaves_no_gap(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(note(fixture, (struct store_event){.type = "first"}), TKR_OK);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    assert_int_equal(note(fixture, (struct store_event){.type = "undone"}), TKR_OK);
    assert_int_equal(fixture->port.release(fixture->store, true), TKR_OK);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    assert_int_equal(note(fixture, (struct store_event){.type = "kept"}), TKR_OK);
    assert_int_equal(fixture->port.release(fixture->store, false), TKR_OK);
    commit(fixture);
    assert_int_equal(read_log(fixture).head.seq, 2);
    assert_int_equal(assert_intact(fixture), 2);
}

static tkr_error_t keep_details(void *context, const struct store_log_event *event)
{
    snprintf(context, 16, "%s", event->event.fields[AUDIT_FIELD_DETAILS]);
    return TKR_OK;
}

/* A copy of the log tells them by the same two characters. */
static void test_an_empty_object_is_no_details(void **state)
{
    struct fixture *fixture = *state;
    char details[16] = "?";
    add(fixture, (struct store_event){.details = "{}"});
    assert_int_equal(fixture->port.audit.each_event(fixture->store, 1, 1, keep_details, details),
                     TKR_OK);
    assert_string_equal(details, "");
    assert_int_equal(assert_intact(fixture), 1);
}

static void test_a_rolled_back_batch_leaves_no_gap(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, (struct store_event){0});
    begin(fixture);
    assert_int_equal(note(fixture, (struct store_event){0}), TKR_OK);
    fixture->port.rollback(fixture->store);
    add(fixture, (struct store_event){0});
    assert_int_equal(read_log(fixture).head.seq, 2);
    assert_int_equal(assert_intact(fixture), 2);
}

static void test_each_replaced_token_has_its_event_in_the_chain(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[3];
    for (unsigned i = 0; i < 3; i++) {
        tokens[i] = sample_store(&fixture->port, sample_token(i + 1));
    }
    const struct token_replacement replacement = {.org_id = tokens[0].org_id,
                                                  .user_id = tokens[0].user_id,
                                                  .kind = tokens[0].kind,
                                                  .env = tokens[0].env,
                                                  .kept_lineage_id = tokens[2].lineage_id,
                                                  .reason = "replaced",
                                                  .at_ms = SAMPLE_NOW + 5};
    struct store_event event = sample_event("token.replaced", &tokens[0]);
    uint64_t before = read_log(fixture).head.seq, count = 0;
    begin(fixture);
    assert_int_equal(
        fixture->port.tenancy.replace_tokens(fixture->store, &replacement, &event, &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 2);
    assert_int_equal(read_log(fixture).head.seq, before + 2);
    assert_int_equal(assert_intact(fixture), before + 2);
}

static void test_an_event_that_is_too_large_stores_nothing(void **state)
{
    struct fixture *fixture = *state;
    static char details[AUDIT_EVENT_BYTES_MAX + 1];
    memset(details, ' ', sizeof(details) - 1);
    begin(fixture);
    /* Not an answer to whoever asks: nothing of the batch may be stored without its event. */
    assert_int_equal(note(fixture, (struct store_event){.details = details}), TKR_UNAVAILABLE);
    fixture->port.rollback(fixture->store);
    assert_int_equal(read_log(fixture).head.seq, 0);
}

/* --- the seal --------------------------------------------------------------------------------- */

static void test_the_head_is_sealed_within_each_commit_that_has_events(void **state)
{
    struct fixture *fixture = *state;
    struct sealing sealing = {0};
    set_sealer(fixture, &sealing);
    add(fixture, (struct store_event){0});
    struct store_log log = read_log(fixture);
    assert_int_equal(sealing.calls, 1);
    assert_int_equal(sealing.head.seq, 1);
    assert_memory_equal(sealing.head.digest, log.head.digest, AUDIT_DIGEST_BYTES);
    assert_true(log.has_mac);
    assert_int_equal(log.mac[0], 1);
    begin(fixture);
    commit(fixture);
    assert_int_equal(sealing.calls, 1); /* nothing was said */
    begin(fixture);
    fixture->port.audit.seal_now(fixture->store);
    commit(fixture);
    assert_int_equal(sealing.calls, 2);
}

static void test_an_error_of_the_sealer_fails_the_commit(void **state)
{
    struct fixture *fixture = *state;
    struct sealing sealing = {.error = TKR_INTERNAL};
    struct token token = sample_token(1);
    uint64_t seq = 0;
    set_sealer(fixture, &sealing);
    begin(fixture);
    assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    assert_int_equal(fixture->port.commit(fixture->store, &seq), TKR_UNAVAILABLE);
    assert_no_token(fixture, token.id);
    assert_int_equal(read_log(fixture).head.seq, 0);
    sealing.error = TKR_OK;
    add(fixture, (struct store_event){0});
    assert_int_equal(assert_intact(fixture), 1);
}

static tkr_error_t count_checkpoint(void *context, const struct audit_checkpoint *checkpoint)
{
    unsigned *count = context;
    assert_int_equal(checkpoint->signature[63], 0x51);
    ++*count;
    return TKR_OK;
}

static void test_checkpoints_are_stored_with_the_commit(void **state)
{
    struct fixture *fixture = *state;
    struct sealing sealing = {.checkpoint = true};
    unsigned count = 0;
    set_sealer(fixture, &sealing);
    add(fixture, (struct store_event){0});
    add(fixture, (struct store_event){0});
    struct store_log log = read_log(fixture);
    assert_int_equal(log.head.checkpoint_seq, 2);
    assert_int_equal(log.head.checkpoint_at_ms, SAMPLE_NOW);
    assert_int_equal(
        fixture->port.audit.each_checkpoint(fixture->store, 0, count_checkpoint, &count), TKR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(
        fixture->port.audit.each_checkpoint(fixture->store, 2, count_checkpoint, &count), TKR_OK);
    assert_int_equal(count, 3);
}

/* --- pages ------------------------------------------------------------------------------------ */

static struct event_page pages(struct fixture *fixture, struct event_filter filter)
{
    struct event_page page;
    filter.limit = filter.limit == 0 ? 100 : filter.limit;
    assert_int_equal(
        fixture->port.audit.list_events(fixture->store, &filter, fixture->arena, &page), TKR_OK);
    return page;
}

static void assert_seqs(struct event_page page, size_t count, const uint64_t *seqs)
{
    assert_int_equal(page.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(page.events[i].event.seq, seqs[i]);
    }
}
#define ASSERT_SEQS(page, ...)                                                                     \
    assert_seqs(page, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                        \
                (const uint64_t[]){__VA_ARGS__})

/* Six events: of alice and bob, of two organisations and of none, a second apart. */
static void add_six(struct fixture *fixture)
{
    static const struct store_event events[] = {
        {.type = "token.create", .org_id = "acme", .user_id = "alice", .token_id = "t1"},
        {.type = "token.create", .org_id = "acme", .user_id = "bob", .token_id = "t2"},
        {.type = "token.tried", .org_id = "acme", .token_id = "t1", .verdict = "revoked"},
        {.type = "tier.put", .actor_token = "t9", .client = "192.0.2.7"},
        {.type = "token.create", .org_id = "umbrella", .user_id = "alice", .token_id = "t3"},
        {.type = "tokens", .org_id = "umbrella", .actor_token = "t9"},
    };
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct store_event event = events[i];
        event.at_ms = SAMPLE_NOW + (int64_t)(1000 * i);
        add(fixture, event);
    }
}

static void test_a_cursor_of_somebody_else_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct event_page page;
    struct event_filter filter = {.limit = 10, .cursor = "x1"};
    assert_int_equal(
        fixture->port.audit.list_events(fixture->store, &filter, fixture->arena, &page),
        TKR_INVALID);
}

static void test_each_filter_takes_its_events(void **state)
{
    struct fixture *fixture = *state;
    add_six(fixture);
    ASSERT_SEQS(pages(fixture, (struct event_filter){0}), 6, 5, 4, 3, 2, 1);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.org_id = "acme"}), 3, 2, 1);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.user_id = "alice"}), 5, 1);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.token_id = "t1"}), 3, 1);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.actor_token = "t9"}), 6, 4);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.verdict = "revoked"}), 3);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.client = "192.0.2.7"}), 4);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.type = "token.create"}), 5, 2, 1);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.type = "token.*"}), 5, 3, 2, 1);
    ASSERT_SEQS(pages(fixture,
                      (struct event_filter){.type = "token.*", .org_id = "acme", .user_id = "bob"}),
                2);
    ASSERT_SEQS(pages(fixture, (struct event_filter){.from_ms = SAMPLE_NOW + 1000,
                                                     .until_ms = SAMPLE_NOW + 3000}),
                3, 2);
    assert_int_equal(
        pages(fixture, (struct event_filter){.org_id = "acme", .token_id = "t3"}).count, 0);
}

static void test_pages_go_on_behind_their_cursor(void **state)
{
    struct fixture *fixture = *state;
    add_six(fixture);
    struct event_page page = pages(fixture, (struct event_filter){.limit = 4});
    ASSERT_SEQS(page, 6, 5, 4, 3);
    add(fixture, (struct store_event){0}); /* shifts nothing */
    page = pages(fixture, (struct event_filter){.limit = 4, .cursor = page.next_cursor});
    ASSERT_SEQS(page, 2, 1);
    assert_null(page.next_cursor);
}

static void test_who_follows_the_log_gets_each_event_once(void **state)
{
    struct fixture *fixture = *state;
    struct event_filter filter = {.oldest_first = true, .limit = 4};
    struct event_page page = pages(fixture, filter);
    assert_int_equal(page.count, 0);
    filter.cursor = page.next_cursor;
    assert_non_null(filter.cursor);
    add_six(fixture);
    page = pages(fixture, filter);
    ASSERT_SEQS(page, 1, 2, 3, 4);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    ASSERT_SEQS(page, 5, 6);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    assert_int_equal(page.count, 0);
    assert_string_equal(page.next_cursor, filter.cursor); /* nothing new */
    add(fixture, (struct store_event){0});
    ASSERT_SEQS(pages(fixture, filter), 7);
}

static void test_a_page_ends_when_it_has_looked_at_enough(void **state)
{
    struct fixture *fixture = *state;
    struct event_filter filter = {.user_id = "alice", .scan_max = 2};
    add_six(fixture);
    struct event_page page = pages(fixture, filter);
    ASSERT_SEQS(page, 5);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    assert_int_equal(page.count, 0); /* and yet not the end */
    filter.cursor = page.next_cursor;
    assert_non_null(filter.cursor);
    ASSERT_SEQS(pages(fixture, filter), 1);
}

/* Or a copy of one day would ask for the rest of the log, an event a page. */
static void test_behind_the_asked_time_the_cursor_stands_still(void **state)
{
    struct fixture *fixture = *state;
    const int64_t day_ms = 86400000;
    struct event_filter filter = {.oldest_first = true, .until_ms = SAMPLE_NOW + 60000};
    add_six(fixture);
    for (int i = 0; i < 3; i++) {
        add(fixture, (struct store_event){.at_ms = SAMPLE_NOW + day_ms});
    }
    struct event_page page = pages(fixture, filter);
    assert_int_equal(page.count, 6);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    assert_int_equal(page.count, 0);
    assert_string_equal(page.next_cursor, filter.cursor);
}

/* A clock that was set back: an event a little older than the one before is in its time. */
static void test_an_event_out_of_its_time_is_still_found(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, (struct store_event){.at_ms = SAMPLE_NOW});
    add(fixture, (struct store_event){.at_ms = SAMPLE_NOW - 60000});
    add(fixture, (struct store_event){.at_ms = SAMPLE_NOW + 1});
    ASSERT_SEQS(pages(fixture, (struct event_filter){.from_ms = SAMPLE_NOW}), 3, 1);
}

#define MANY 20000

/* So many that the store cannot find those of one token or org in one place. */
static void add_many(struct fixture *fixture)
{
    uint64_t seq = 0;
    const struct store_port *port = &fixture->port;
    assert_int_equal(port->begin(port->store), TKR_OK);
    for (int i = 1; i <= MANY; i++) {
        bool rare = i == 1 || i == 8191 || i == 8192 || i == 8193 || i == MANY - 1;
        struct store_event event = {.type = "auth.allowed",
                                    .at_ms = SAMPLE_NOW + i,
                                    .token_id = rare ? "rare" : "usual",
                                    .org_id = rare ? "umbrella" : "acme"};
        assert_int_equal(port->note_event(port->store, &event), TKR_OK);
    }
    assert_int_equal(port->commit(port->store, &seq), TKR_OK);
}

static void test_events_of_a_token_and_an_org_are_found_in_a_long_log(void **state)
{
    struct fixture *fixture = *state;
    add_many(fixture);
    struct event_filter filters[] = {{.token_id = "rare"}, {.org_id = "umbrella"}};
    for (size_t i = 0; i < 2; i++) {
        ASSERT_SEQS(pages(fixture, filters[i]), MANY - 1, 8193, 8192, 8191, 1);
        filters[i].limit = 2;
        struct event_page page = pages(fixture, filters[i]);
        ASSERT_SEQS(page, MANY - 1, 8193);
        filters[i].cursor = page.next_cursor;
        page = pages(fixture, filters[i]);
        ASSERT_SEQS(page, 8192, 8191);
        filters[i].cursor = page.next_cursor;
        ASSERT_SEQS(pages(fixture, filters[i]), 1);
        filters[i] = (struct event_filter){.token_id = filters[i].token_id,
                                           .org_id = filters[i].org_id,
                                           .from_ms = SAMPLE_NOW + 8192,
                                           .until_ms = SAMPLE_NOW + 8194};
        ASSERT_SEQS(pages(fixture, filters[i]), 8193, 8192);
    }
    assert_int_equal(pages(fixture, (struct event_filter){.token_id = "none"}).count, 0);
    assert_null(pages(fixture, (struct event_filter){.token_id = "none"}).next_cursor);
}

static void test_who_follows_a_token_in_a_long_log_gets_each_event_once(void **state)
{
    struct fixture *fixture = *state;
    struct event_filter filter = {.oldest_first = true, .token_id = "rare", .limit = 4};
    add_many(fixture);
    struct event_page page = pages(fixture, filter);
    ASSERT_SEQS(page, 1, 8191, 8192, 8193);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    ASSERT_SEQS(page, MANY - 1);
    filter.cursor = page.next_cursor;
    page = pages(fixture, filter);
    assert_int_equal(page.count, 0);
    assert_string_equal(page.next_cursor, filter.cursor); /* nothing new */
    add(fixture, (struct store_event){.token_id = "rare"});
    ASSERT_SEQS(pages(fixture, filter), MANY + 1);
}

/* --- letting go of the oldest ------------------------------------------------------------------
 */

static tkr_error_t drop(struct fixture *fixture, uint64_t until, uint32_t most, uint64_t *ret_first)
{
    begin(fixture);
    tkr_error_t error = fixture->port.audit.drop_events(fixture->store, until, most, ret_first);
    if (error == TKR_OK) {
        commit(fixture);
    } else {
        fixture->port.rollback(fixture->store);
    }
    return error;
}

static void test_a_chain_without_its_oldest_events_is_intact(void **state)
{
    struct fixture *fixture = *state;
    struct sealing sealing = {.checkpoint = true};
    uint64_t first = 0;
    unsigned count = 0;
    set_sealer(fixture, &sealing);
    for (int i = 0; i < 10; i++) {
        add(fixture, (struct store_event){.user_id = "alice"});
    }
    assert_int_equal(drop(fixture, 7, 4, &first), TKR_OK);
    assert_int_equal(first, 5);
    assert_int_equal(sealing.head.first_seq, 5); /* and it is sealed so */
    assert_int_equal(assert_intact(fixture), 6);
    assert_int_equal(drop(fixture, 7, 4, &first), TKR_OK);
    assert_int_equal(first, 8);
    reopen_store(fixture);
    assert_int_equal(assert_intact(fixture), 3);
    assert_int_equal(read_log(fixture).oldest, 8);
    add(fixture, (struct store_event){0});
    assert_int_equal(assert_intact(fixture), 4);
    fixture->port.audit.each_checkpoint(fixture->store, 0, count_checkpoint, &count);
    assert_int_equal(count, 3);
}

static void test_all_events_can_be_let_go(void **state)
{
    struct fixture *fixture = *state;
    uint64_t first = 0;
    add(fixture, (struct store_event){0});
    add(fixture, (struct store_event){0});
    assert_int_equal(drop(fixture, 2, 100, &first), TKR_OK);
    assert_int_equal(read_log(fixture).head.first_seq, 3);
    assert_int_equal(assert_intact(fixture), 0);
    add(fixture, (struct store_event){0});
    assert_int_equal(read_log(fixture).head.seq, 3);
    assert_int_equal(assert_intact(fixture), 1);
}

static void test_nothing_goes_without_a_digest_to_begin_behind(void **state)
{
    struct fixture *fixture = *state;
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        add(fixture, (struct store_event){0});
    }
    assert_int_equal(drop(fixture, 5, 100, &first), TKR_OUT_OF_RANGE);
    assert_int_equal(drop(fixture, 2, 100, &first), TKR_OK);
    assert_int_equal(drop(fixture, 2, 100, &first), TKR_OUT_OF_RANGE);
    assert_int_equal(read_log(fixture).head.first_seq, 3);
}

static void test_what_is_rolled_back_is_still_there(void **state)
{
    struct fixture *fixture = *state;
    uint64_t first = 0;
    add(fixture, (struct store_event){0});
    add(fixture, (struct store_event){0});
    begin(fixture);
    assert_int_equal(fixture->port.mark(fixture->store), TKR_OK);
    assert_int_equal(fixture->port.audit.drop_events(fixture->store, 1, 1, &first), TKR_OK);
    assert_int_equal(fixture->port.release(fixture->store, true), TKR_OK);
    commit(fixture);
    assert_int_equal(assert_intact(fixture), 2);
}

int suite_audit(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_a_new_store_has_an_empty_chain),
        SUITE_TEST(test_events_get_consecutive_numbers_and_a_chain),
        SUITE_TEST(test_what_is_undone_leaves_no_gap),
        SUITE_TEST(test_an_empty_object_is_no_details),
        SUITE_TEST(test_a_rolled_back_batch_leaves_no_gap),
        SUITE_TEST(test_each_replaced_token_has_its_event_in_the_chain),
        SUITE_TEST(test_an_event_that_is_too_large_stores_nothing),
        SUITE_TEST(test_the_head_is_sealed_within_each_commit_that_has_events),
        SUITE_TEST(test_an_error_of_the_sealer_fails_the_commit),
        SUITE_TEST(test_checkpoints_are_stored_with_the_commit),
        SUITE_TEST(test_a_cursor_of_somebody_else_is_invalid),
        SUITE_TEST(test_each_filter_takes_its_events),
        SUITE_TEST(test_pages_go_on_behind_their_cursor),
        SUITE_TEST(test_who_follows_the_log_gets_each_event_once),
        SUITE_TEST(test_a_page_ends_when_it_has_looked_at_enough),
        SUITE_TEST(test_behind_the_asked_time_the_cursor_stands_still),
        SUITE_TEST(test_an_event_out_of_its_time_is_still_found),
        SUITE_TEST(test_events_of_a_token_and_an_org_are_found_in_a_long_log),
        SUITE_TEST(test_who_follows_a_token_in_a_long_log_gets_each_event_once),
        SUITE_TEST(test_a_chain_without_its_oldest_events_is_intact),
        SUITE_TEST(test_all_events_can_be_let_go),
        SUITE_TEST(test_nothing_goes_without_a_digest_to_begin_behind),
        SUITE_TEST(test_what_is_rolled_back_is_still_there),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
