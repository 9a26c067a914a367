/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: what waits, what is due, what is dead, and the keys of alerts. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

/* --- steps -------------------------------------------------------------------------------- */

static const char *id_of(unsigned number, char out[OUTBOX_ID_CHARS + 1])
{
    snprintf(out, OUTBOX_ID_CHARS + 1, "msg_%026u", number);
    return out;
}

static struct outbox_message message(unsigned number, const char *channel)
{
    struct outbox_message message = {
        .channel = channel,
        .at_ms = SAMPLE_NOW,
        .severity = ALERT_HIGH,
        .type = "token.expiring",
        .org_id = "acme",
        .user_id = "alice",
        .token_id = "tok_1",
        .token_name = "ci",
        .summary = "token ci ends in 6 days",
        .details = "{\"days\":6}",
        .since_ms = SAMPLE_NOW,
        .next_at_ms = SAMPLE_NOW,
    };
    id_of(number, message.id);
    return message;
}

static bool put(struct fixture *fixture, struct outbox_message message)
{
    bool stored = false;
    begin(fixture);
    assert_int_equal(fixture->port.outbox.put(fixture->store, &message, &stored), TKR_OK);
    commit(fixture);
    return stored;
}

static void settle(struct fixture *fixture, unsigned number, const char *channel,
                   enum outbox_outcome outcome, int64_t next_at_ms)
{
    char id[OUTBOX_ID_CHARS + 1];
    const struct outbox_result result = {.id = id_of(number, id),
                                         .channel = channel,
                                         .type = "token.expiring",
                                         .outcome = outcome,
                                         .at_ms = SAMPLE_NOW + 5,
                                         .next_at_ms = next_at_ms,
                                         .error = "it answered 500"};
    begin(fixture);
    assert_int_equal(fixture->port.outbox.settle(fixture->store, &result), TKR_OK);
    commit(fixture);
}

struct due {
    struct outbox_message *messages;
    size_t count;
    int64_t next_ms;
};

static struct due due(struct fixture *fixture, const char *channel, int64_t now_ms, uint32_t limit)
{
    struct due due;
    assert_int_equal(fixture->port.outbox.list_due(fixture->store, channel, now_ms, limit,
                                                   fixture->arena, &due.messages, &due.count,
                                                   &due.next_ms),
                     TKR_OK);
    return due;
}

static struct outbox_page dead(struct fixture *fixture, struct outbox_page_of of)
{
    struct outbox_page page;
    of.limit = of.limit == 0 ? 100 : of.limit;
    assert_int_equal(fixture->port.outbox.list_dead(fixture->store, &of, fixture->arena, &page),
                     TKR_OK);
    return page;
}

static struct outbox_channel channel(struct fixture *fixture, const char *name)
{
    struct outbox_channel *channels;
    size_t count = 0;
    assert_int_equal(
        fixture->port.outbox.list_channels(fixture->store, fixture->arena, &channels, &count),
        TKR_OK);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(channels[i].name, name) == 0) {
            return channels[i];
        }
    }
    fail_msg("there is no channel %s", name);
    return (struct outbox_channel){0};
}

/* --- waiting ------------------------------------------------------------------------------ */

static void test_a_rolled_back_batch_puts_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_message one = message(1, "ops");
    bool stored = false;
    begin(fixture);
    assert_int_equal(fixture->port.outbox.put(fixture->store, &one, &stored), TKR_OK);
    assert_true(stored);
    fixture->port.rollback(fixture->store);
    assert_int_equal(due(fixture, "ops", SAMPLE_NOW, 10).count, 0);
}

static void test_a_message_is_read_as_it_was_put_also_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_true(put(fixture, message(1, "ops")));
    reopen_store(fixture);
    struct due found = due(fixture, "ops", SAMPLE_NOW, 10);
    struct outbox_message wanted = message(1, "ops");
    assert_int_equal(found.count, 1);
    assert_string_equal(found.messages[0].id, wanted.id);
    assert_string_equal(found.messages[0].channel, "ops");
    assert_int_equal(found.messages[0].at_ms, wanted.at_ms);
    assert_int_equal(found.messages[0].severity, ALERT_HIGH);
    assert_string_equal(found.messages[0].type, wanted.type);
    assert_string_equal(found.messages[0].org_id, "acme");
    assert_string_equal(found.messages[0].user_id, "alice");
    assert_string_equal(found.messages[0].token_id, "tok_1");
    assert_string_equal(found.messages[0].token_name, "ci");
    assert_string_equal(found.messages[0].summary, wanted.summary);
    assert_string_equal(found.messages[0].details, wanted.details);
    assert_int_equal(found.messages[0].since_ms, SAMPLE_NOW);
    assert_int_equal(found.messages[0].tries, 0);
    assert_int_equal(found.messages[0].dead_at_ms, 0);
    assert_string_equal(found.messages[0].error, "");
}

static void test_what_is_not_due_yet_says_when(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_message later = message(1, "ops");
    later.next_at_ms = SAMPLE_NOW + 100;
    put(fixture, later);
    put(fixture, message(2, "other"));
    struct due found = due(fixture, "ops", SAMPLE_NOW + 99, 10);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.next_ms, SAMPLE_NOW + 100);
    found = due(fixture, "ops", SAMPLE_NOW + 100, 10);
    assert_int_equal(found.count, 1);
    assert_true(found.next_ms == INT64_MAX);
}

static void test_the_longest_due_come_first_up_to_the_limit(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 1; i <= 3; i++) {
        struct outbox_message one = message(i, "ops");
        one.next_at_ms = SAMPLE_NOW - i;
        put(fixture, one);
    }
    struct due found = due(fixture, "ops", SAMPLE_NOW, 2);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.messages[0].next_at_ms, SAMPLE_NOW - 3);
    assert_int_equal(found.messages[1].next_at_ms, SAMPLE_NOW - 2);
    assert_int_equal(found.next_ms, SAMPLE_NOW - 1);
}

static void test_a_full_channel_takes_no_more_and_counts_them(void **state)
{
    struct fixture *fixture = *state;
    bool stored = true;
    begin(fixture);
    for (unsigned i = 1; i <= OUTBOX_WAITING_MAX; i++) {
        struct outbox_message one = message(i, "ops");
        one.severity = ALERT_CRITICAL;
        assert_int_equal(fixture->port.outbox.put(fixture->store, &one, &stored), TKR_OK);
        assert_true(stored);
    }
    commit(fixture);
    assert_false(put(fixture, message(OUTBOX_WAITING_MAX + 1, "ops")));
    assert_true(put(fixture, message(OUTBOX_WAITING_MAX + 2, "other"))); /* it has its own room */
    assert_int_equal(channel(fixture, "ops").left_out, 1);
    assert_int_equal(channel(fixture, "ops").waiting, OUTBOX_WAITING_MAX);
    settle(fixture, 1, "ops", OUTBOX_SENT, 0);
    struct outbox_message next = message(OUTBOX_WAITING_MAX + 3, "ops");
    next.severity = ALERT_CRITICAL;
    assert_true(put(fixture, next));
}

/* Whoever can cause many alerts that matter little does not keep out those that matter more. */
static void test_what_matters_less_leaves_room(void **state)
{
    static const struct {
        enum alert_severity severity;
        unsigned eighths;
    } rows[] = {
        {ALERT_INFO, 4}, {ALERT_LOW, 5}, {ALERT_MEDIUM, 6}, {ALERT_HIGH, 7}, {ALERT_CRITICAL, 8}};
    struct fixture *fixture = *state;
    unsigned count = 0;
    begin(fixture);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool stored = true;
        while (stored) {
            struct outbox_message one = message(count + 1, "ops");
            one.severity = rows[i].severity;
            assert_int_equal(fixture->port.outbox.put(fixture->store, &one, &stored), TKR_OK);
            count += stored;
        }
        assert_int_equal(count, OUTBOX_WAITING_MAX / 8 * rows[i].eighths);
    }
    commit(fixture);
    assert_int_equal(channel(fixture, "ops").left_out, 5);
}

/* --- tries -------------------------------------------------------------------------------- */

static void test_a_message_that_was_sent_is_gone(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, message(1, "ops"));
    settle(fixture, 1, "ops", OUTBOX_SENT, 0);
    assert_int_equal(due(fixture, "ops", SAMPLE_NOW + HOUR_MS, 10).count, 0);
    struct outbox_channel ops = channel(fixture, "ops");
    assert_int_equal(ops.waiting, 0);
    assert_int_equal(ops.sent, 1);
    assert_int_equal(ops.sent_at_ms, SAMPLE_NOW + 5);
    assert_int_equal(ops.failed_at_ms, 0);
    assert_string_equal(ops.error, "");
}

static void test_a_try_that_failed_waits_and_counts(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, message(1, "ops"));
    settle(fixture, 1, "ops", OUTBOX_LATER, SAMPLE_NOW + HOUR_MS);
    assert_int_equal(due(fixture, "ops", SAMPLE_NOW + HOUR_MS - 1, 10).count, 0);
    struct due found = due(fixture, "ops", SAMPLE_NOW + HOUR_MS, 10);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.messages[0].tries, 1);
    assert_string_equal(found.messages[0].error, "it answered 500");
    struct outbox_channel ops = channel(fixture, "ops");
    assert_int_equal(ops.waiting, 1);
    assert_int_equal(ops.failed, 1);
    assert_int_equal(ops.failed_at_ms, SAMPLE_NOW + 5);
    assert_string_equal(ops.error, "it answered 500");
}

static void test_a_dead_letter_is_not_due_but_listed(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, message(1, "ops"));
    settle(fixture, 1, "ops", OUTBOX_DEAD, 0);
    assert_int_equal(due(fixture, "ops", SAMPLE_NOW + HOUR_MS, 10).count, 0);
    struct outbox_page page = dead(fixture, (struct outbox_page_of){0});
    assert_int_equal(page.count, 1);
    assert_null(page.next_cursor);
    assert_int_equal(page.messages[0].dead_at_ms, SAMPLE_NOW + 5);
    assert_int_equal(channel(fixture, "ops").waiting, 0);
    assert_int_equal(channel(fixture, "ops").dead, 1);
}

static void test_what_was_dropped_meanwhile_is_only_counted(void **state)
{
    struct fixture *fixture = *state;
    settle(fixture, 7, "ops", OUTBOX_SENT, 0);
    settle(fixture, 7, "ops", OUTBOX_DEAD, 0);
    struct outbox_channel ops = channel(fixture, "ops");
    assert_int_equal(ops.sent, 1);
    assert_int_equal(ops.failed, 1);
    assert_int_equal(ops.waiting, 0);
    assert_int_equal(ops.dead, 0);
}

/* --- dead letters ------------------------------------------------------------------------- */

/* Five: 1 to 3 of ops, 4 and 5 of other. */
static void add_dead(struct fixture *fixture)
{
    for (unsigned i = 1; i <= 5; i++) {
        const char *name = i <= 3 ? "ops" : "other";
        put(fixture, message(i, name));
        settle(fixture, i, name, OUTBOX_DEAD, 0);
    }
}

static void test_a_cursor_of_somebody_else_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    const struct outbox_page_of of = {.limit = 1, .cursor = "x"};
    struct outbox_page page;
    assert_int_equal(fixture->port.outbox.list_dead(fixture->store, &of, fixture->arena, &page),
                     TKR_INVALID);
}

static void test_dead_letters_come_in_pages_newest_first_and_by_channel(void **state)
{
    struct fixture *fixture = *state;
    char id[OUTBOX_ID_CHARS + 1];
    add_dead(fixture);
    struct outbox_page page = dead(fixture, (struct outbox_page_of){.limit = 3});
    assert_int_equal(page.count, 3);
    assert_string_equal(page.messages[0].id, id_of(5, id));
    page = dead(fixture, (struct outbox_page_of){.limit = 3, .cursor = page.next_cursor});
    assert_int_equal(page.count, 2);
    assert_string_equal(page.messages[1].id, id_of(1, id));
    assert_null(page.next_cursor);
    page = dead(fixture, (struct outbox_page_of){.channel = "other"});
    assert_int_equal(page.count, 2);
}

static void test_a_dead_letter_that_is_revived_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    char id[OUTBOX_ID_CHARS + 1];
    uint64_t count = 0;
    add_dead(fixture);
    begin(fixture);
    assert_int_equal(
        fixture->port.outbox.revive(fixture->store, id_of(2, id), SAMPLE_NOW + HOUR_MS, &count),
        TKR_OK);
    commit(fixture);
    assert_int_equal(count, 1);
    struct due found = due(fixture, "ops", SAMPLE_NOW + HOUR_MS, 10);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.messages[0].id, id); /* the same for who had it already */
    assert_int_equal(found.messages[0].tries, 0);
    assert_int_equal(found.messages[0].since_ms, SAMPLE_NOW + HOUR_MS);
    assert_int_equal(channel(fixture, "ops").waiting, 1);
    assert_int_equal(channel(fixture, "ops").dead, 2);
}

static void test_all_are_revived_or_dropped_at_once(void **state)
{
    struct fixture *fixture = *state;
    uint64_t count = 0;
    add_dead(fixture);
    begin(fixture);
    assert_int_equal(fixture->port.outbox.revive(fixture->store, NULL, SAMPLE_NOW, &count), TKR_OK);
    assert_int_equal(count, 5);
    assert_int_equal(fixture->port.outbox.drop(fixture->store, NULL, &count), TKR_OK);
    assert_int_equal(count, 0); /* they wait, and are not dropped */
    commit(fixture);
    settle(fixture, 4, "other", OUTBOX_DEAD, 0);
    begin(fixture);
    assert_int_equal(fixture->port.outbox.drop(fixture->store, NULL, &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 1);
    assert_int_equal(dead(fixture, (struct outbox_page_of){0}).count, 0);
    assert_int_equal(channel(fixture, "other").waiting, 1);
    assert_int_equal(channel(fixture, "other").dead, 0);
}

static void test_no_id_of_a_waiting_message_is_found_among_the_dead(void **state)
{
    struct fixture *fixture = *state;
    char id[OUTBOX_ID_CHARS + 1];
    uint64_t count = 7;
    put(fixture, message(1, "ops"));
    begin(fixture);
    assert_int_equal(fixture->port.outbox.drop(fixture->store, id_of(1, id), &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 0);
    assert_int_equal(due(fixture, "ops", SAMPLE_NOW, 10).count, 1);
}

static void test_the_oldest_dead_letters_go_beyond_the_maximum(void **state)
{
    struct fixture *fixture = *state;
    char id[OUTBOX_ID_CHARS + 1];
    bool stored = false;
    put(fixture, message(9999, "other"));
    settle(fixture, 9999, "other", OUTBOX_DEAD, 0);
    begin(fixture);
    for (unsigned i = 1; i <= OUTBOX_DEAD_MAX + 2; i++) {
        struct outbox_message one = message(i, "ops");
        const struct outbox_result result = {.id = one.id,
                                             .channel = "ops",
                                             .type = "t",
                                             .outcome = OUTBOX_DEAD,
                                             .at_ms = SAMPLE_NOW,
                                             .error = "gone"};
        assert_int_equal(fixture->port.outbox.put(fixture->store, &one, &stored), TKR_OK);
        assert_int_equal(fixture->port.outbox.settle(fixture->store, &result), TKR_OK);
    }
    commit(fixture);
    assert_int_equal(channel(fixture, "ops").dead, OUTBOX_DEAD_MAX);
    assert_int_equal(channel(fixture, "other").dead, 1);
    struct outbox_page page =
        dead(fixture, (struct outbox_page_of){.channel = "ops", .limit = LIST_PAGE_MAX});
    assert_int_equal(page.count, OUTBOX_DEAD_MAX);
    assert_string_equal(page.messages[page.count - 1].id, id_of(3, id));
}

/* --- keys --------------------------------------------------------------------------------- */

static bool key(struct fixture *fixture, const char *key, int64_t now_ms)
{
    bool is_new = false;
    begin(fixture);
    assert_int_equal(fixture->port.outbox.put_key(fixture->store, key, now_ms, &is_new), TKR_OK);
    commit(fixture);
    return is_new;
}

static void test_a_key_is_new_once_also_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_true(key(fixture, "expiring/7/tok_1", SAMPLE_NOW));
    assert_false(key(fixture, "expiring/7/tok_1", SAMPLE_NOW + 1));
    assert_true(key(fixture, "expiring/7/tok_2", SAMPLE_NOW + 1));
    reopen_store(fixture);
    assert_false(key(fixture, "expiring/7/tok_1", SAMPLE_NOW + 2));
}

static void test_a_key_is_forgotten_after_its_time(void **state)
{
    struct fixture *fixture = *state;
    const int64_t ttl_ms = ALERT_KEY_TTL_S * INT64_C(1000);
    assert_true(key(fixture, "k", SAMPLE_NOW));
    assert_false(key(fixture, "k", SAMPLE_NOW + ttl_ms));
    assert_true(key(fixture, "k", SAMPLE_NOW + ttl_ms + 1));
}

int suite_outbox(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_a_rolled_back_batch_puts_nothing),
        SUITE_TEST(test_a_message_is_read_as_it_was_put_also_after_a_restart),
        SUITE_TEST(test_what_is_not_due_yet_says_when),
        SUITE_TEST(test_the_longest_due_come_first_up_to_the_limit),
        SUITE_TEST(test_a_full_channel_takes_no_more_and_counts_them),
        SUITE_TEST(test_what_matters_less_leaves_room),
        SUITE_TEST(test_a_message_that_was_sent_is_gone),
        SUITE_TEST(test_a_try_that_failed_waits_and_counts),
        SUITE_TEST(test_a_dead_letter_is_not_due_but_listed),
        SUITE_TEST(test_what_was_dropped_meanwhile_is_only_counted),
        SUITE_TEST(test_a_cursor_of_somebody_else_is_invalid),
        SUITE_TEST(test_dead_letters_come_in_pages_newest_first_and_by_channel),
        SUITE_TEST(test_a_dead_letter_that_is_revived_begins_anew),
        SUITE_TEST(test_all_are_revived_or_dropped_at_once),
        SUITE_TEST(test_no_id_of_a_waiting_message_is_found_among_the_dead),
        SUITE_TEST(test_the_oldest_dead_letters_go_beyond_the_maximum),
        SUITE_TEST(test_a_key_is_new_once_also_after_a_restart),
        SUITE_TEST(test_a_key_is_forgotten_after_its_time),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
