/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "audit/verify.h"

#define EVENTS 20
#define FINDINGS 32

static const uint8_t store_id[AUDIT_STORE_ID_BYTES] = {7};

struct row {
    struct audit_event event;
    uint8_t digest[AUDIT_DIGEST_BYTES];
    bool has_digest;
};

/* A log of 20 events in memory, its keys, and what a look at it told. */
struct log {
    struct row rows[EVENTS + 1];
    size_t count;
    uint8_t base[AUDIT_DIGEST_BYTES];
    struct seal_key *key, *stranger;
    struct audit_checkpoint checkpoints[8];
    size_t checkpoint_count;
    struct audit_finding findings[FINDINGS];
    size_t finding_count, held;
};

static void chain_from(struct log *log, size_t index)
{
    for (size_t i = index; i < log->count; i++) {
        const uint8_t *before = i == 0 ? log->base : log->rows[i - 1].digest;
        assert_int_equal(audit_chain_next(before, &log->rows[i].event, log->rows[i].digest),
                         TKR_OK);
    }
}

static int set_up(void **state)
{
    static struct log log;
    static const uint8_t seeds[2][SEAL_SEED_BYTES] = {{1}, {2}};
    memset(&log, 0, sizeof(log));
    assert_int_equal(audit_chain_begin(store_id, sizeof(store_id), log.base), TKR_OK);
    for (uint64_t seq = 1; seq <= EVENTS; seq++) {
        struct row *row = &log.rows[log.count++];
        row->event = (struct audit_event){.seq = seq, .at_ms = (int64_t)(1000 * seq)};
        row->event.fields[AUDIT_FIELD_TYPE] = "token.create";
        row->event.fields[AUDIT_FIELD_USER] = "alice";
        row->has_digest = true;
    }
    chain_from(&log, 0);
    assert_int_equal(seal_key_new(seeds[0], &log.key), TKR_OK);
    assert_int_equal(seal_key_new(seeds[1], &log.stranger), TKR_OK);
    *state = &log;
    return 0;
}

static int tear_down(void **state)
{
    struct log *log = *state;
    seal_key_free(log->key);
    seal_key_free(log->stranger);
    return 0;
}

static void add_checkpoint(struct log *log, const struct seal_key *key, uint64_t seq)
{
    struct audit_checkpoint *checkpoint = &log->checkpoints[log->checkpoint_count++];
    checkpoint->seq = seq;
    checkpoint->at_ms = 5000;
    memcpy(checkpoint->store_id, store_id, sizeof(store_id));
    memcpy(checkpoint->digest, log->rows[seq - 1].digest, sizeof(checkpoint->digest));
    assert_int_equal(audit_checkpoint_sign(key, checkpoint), TKR_OK);
}

static void found(void *context, const struct audit_finding *finding)
{
    struct log *log = context;
    assert_true(log->finding_count < FINDINGS);
    log->findings[log->finding_count++] = *finding;
}

struct head {
    uint64_t seq;
    uint8_t digest[AUDIT_DIGEST_BYTES];
};

static struct head head_of(const struct log *log)
{
    struct head head = {.seq = log->rows[log->count - 1].event.seq};
    memcpy(head.digest, log->rows[log->count - 1].digest, sizeof(head.digest));
    return head;
}

static void look_from(struct log *log, uint64_t first_seq, const struct head *head)
{
    struct audit_verifier verifier;
    audit_verifier_init(&verifier, store_id, first_seq, log->base, found, log);
    assert_int_equal(audit_verifier_trust(&verifier, seal_key_public(log->key)), TKR_OK);
    for (size_t i = 0; i < log->checkpoint_count; i++) {
        assert_int_equal(audit_verifier_expect(&verifier, &log->checkpoints[i]), TKR_OK);
    }
    for (size_t i = 0; i < log->count; i++) {
        const struct row *row = &log->rows[i];
        audit_verifier_event(&verifier, &row->event, row->has_digest ? row->digest : NULL);
    }
    audit_verifier_end(&verifier, head->seq, head->seq != 0 ? head->digest : NULL);
    assert_int_equal(verifier.findings, log->finding_count);
    log->held = verifier.checkpoints;
    audit_verifier_deinit(&verifier);
}

static void look(struct log *log, const struct head *head)
{
    look_from(log, 1, head);
}

static void assert_only(const struct log *log, enum audit_finding_kind kind, uint64_t seq,
                        uint64_t until)
{
    assert_int_equal(log->finding_count, 1);
    assert_string_equal(audit_finding_name(log->findings[0].kind), audit_finding_name(kind));
    assert_int_equal(log->findings[0].seq, seq);
    assert_int_equal(log->findings[0].until, until);
}

static void take_out(struct log *log, size_t index, size_t count)
{
    memmove(&log->rows[index], &log->rows[index + count],
            (log->count - index - count) * sizeof(log->rows[0]));
    log->count -= count;
}

/* --- changes ---------------------------------------------------------------------------------- */

static void test_a_change_is_told_once_and_where_it_is(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    for (size_t i = 0; i < log->count; i++) {
        log->rows[i].event.fields[AUDIT_FIELD_USER] = "mallory";
        log->finding_count = 0;
        look(log, &head);
        assert_only(log, AUDIT_CHANGED, i + 1, i + 1);
        log->rows[i].event.fields[AUDIT_FIELD_USER] = "alice";
    }
}

static void test_a_changed_digest_is_told_where_it_is(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    log->rows[9].digest[0] ^= 1;
    look(log, &head);
    assert_int_equal(log->finding_count, 2); /* the next one does not follow from it */
    assert_int_equal(log->findings[0].seq, 10);
    assert_int_equal(log->findings[1].seq, 11);
}

static void test_a_digest_that_was_taken_away_is_a_change(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    log->rows[9].has_digest = false;
    look(log, &head);
    assert_only(log, AUDIT_CHANGED, 10, 10);
}

static void test_a_changed_event_with_its_own_new_digest_breaks_the_next(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    log->rows[9].event.fields[AUDIT_FIELD_USER] = "mallory";
    assert_int_equal(
        audit_chain_next(log->rows[8].digest, &log->rows[9].event, log->rows[9].digest), TKR_OK);
    look(log, &head);
    assert_only(log, AUDIT_CHANGED, 11, 11);
}

/* --- what is missing, moved, added ------------------------------------------------------------ */

static void test_missing_events_are_told_as_a_range(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    take_out(log, 4, 3);
    look(log, &head);
    assert_only(log, AUDIT_MISSING, 5, 7);
}

static void test_a_missing_beginning_is_found(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    take_out(log, 0, 2);
    look(log, &head);
    assert_only(log, AUDIT_MISSING, 1, 2);
}

static void test_an_event_that_comes_again_is_out_of_order(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    log->rows[log->count] = log->rows[3];
    log->count++;
    look(log, &head);
    assert_only(log, AUDIT_OUT_OF_ORDER, 4, 4);
}

static void test_a_cut_tail_is_found_by_the_head(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    log->count = 15;
    look(log, &head);
    assert_only(log, AUDIT_CUT_OFF, 16, 20);
}

static void test_a_cut_tail_is_found_by_a_checkpoint_without_a_head(void **state)
{
    struct log *log = *state;
    struct head none = {0};
    add_checkpoint(log, log->key, 18);
    log->count = 15;
    look(log, &none);
    assert_only(log, AUDIT_CUT_OFF, 16, 18);
}

static void test_a_log_and_a_head_that_were_set_back_are_found_by_a_checkpoint(void **state)
{
    struct log *log = *state;
    add_checkpoint(log, log->key, 18);
    log->count = 15;
    struct head head = head_of(log);
    look(log, &head);
    assert_only(log, AUDIT_CUT_OFF, 16, 18);
}

static void test_an_event_behind_the_head_was_added(void **state)
{
    struct log *log = *state;
    struct head head = {.seq = 19};
    memcpy(head.digest, log->rows[18].digest, sizeof(head.digest));
    look(log, &head);
    assert_only(log, AUDIT_ADDED, 20, 20);
}

static void test_a_beginning_that_was_moved_up_is_found_by_a_checkpoint(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    add_checkpoint(log, log->key, 3);
    add_checkpoint(log, log->key, 4);
    memcpy(log->base, log->rows[9].digest, sizeof(log->base));
    take_out(log, 0, 10);
    look_from(log, 11, &head);
    assert_only(log, AUDIT_MISSING, 3, 10);
}

/* --- a chain that was written anew ------------------------------------------------------------ */

static void rewrite_from(struct log *log, size_t index)
{
    log->rows[index].event.fields[AUDIT_FIELD_USER] = "mallory";
    chain_from(log, index);
}

static void test_a_rewritten_tail_is_found_by_the_head(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    rewrite_from(log, 12);
    look(log, &head);
    assert_only(log, AUDIT_NOT_AS_SEALED, 20, 20);
}

static void test_a_rewritten_tail_is_found_by_a_checkpoint(void **state)
{
    struct log *log = *state;
    add_checkpoint(log, log->key, 10);
    add_checkpoint(log, log->key, 16);
    rewrite_from(log, 12);
    struct head head = head_of(log);
    look(log, &head);
    assert_only(log, AUDIT_NOT_AS_SIGNED, 16, 16);
    assert_int_equal(log->held, 1);
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static void test_a_checkpoint_of_a_stranger_or_of_another_store_holds_nothing(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    add_checkpoint(log, log->stranger, 10);
    look(log, &head);
    assert_only(log, AUDIT_BAD_SIGNATURE, 10, 10);
    assert_int_equal(log->held, 0);
    log->finding_count = 0;
    struct audit_checkpoint *other = &log->checkpoints[0];
    other->store_id[0] ^= 1;
    assert_int_equal(audit_checkpoint_sign(log->key, other), TKR_OK); /* ours, of that store */
    look(log, &head);
    assert_only(log, AUDIT_BAD_SIGNATURE, 10, 10);
}

static void test_checkpoints_hold_in_any_order_and_twice(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log);
    add_checkpoint(log, log->key, 20);
    add_checkpoint(log, log->key, 1);
    add_checkpoint(log, log->key, 10);
    add_checkpoint(log, log->key, 10);
    look(log, &head);
    assert_int_equal(log->finding_count, 0);
    assert_int_equal(log->held, 4);
}

static void test_more_keys_than_the_limit_are_refused(void **state)
{
    struct audit_verifier verifier;
    uint8_t key[SEAL_PUBLIC_BYTES] = {9};
    audit_verifier_init(&verifier, store_id, 1, key, found, NULL);
    for (int i = 0; i < AUDIT_KEYS_MAX; i++) {
        assert_int_equal(audit_verifier_trust(&verifier, key), TKR_OK);
    }
    assert_int_equal(audit_verifier_trust(&verifier, key), TKR_CAPACITY);
    audit_verifier_deinit(&verifier);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void test_an_event_that_says_it_was_broken_is_a_finding(void **state)
{
    struct log *log = *state;
    log->rows[9].event.fields[AUDIT_FIELD_TYPE] = AUDIT_TYPE_BROKEN;
    chain_from(log, 9);
    struct head head = head_of(log);
    look(log, &head);
    assert_only(log, AUDIT_BROKEN, 10, 10);
}

static void test_an_intact_log_has_no_finding(void **state)
{
    struct log *log = *state;
    struct head head = head_of(log), none = {0};
    look(log, &head);
    look(log, &none);
    assert_int_equal(log->finding_count, 0);
    log->count = 0;
    head = (struct head){0};
    look(log, &head);
    assert_int_equal(log->finding_count, 0);
}

#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_change_is_told_once_and_where_it_is),
        LOG_TEST(test_a_changed_digest_is_told_where_it_is),
        LOG_TEST(test_a_digest_that_was_taken_away_is_a_change),
        LOG_TEST(test_a_changed_event_with_its_own_new_digest_breaks_the_next),
        LOG_TEST(test_missing_events_are_told_as_a_range),
        LOG_TEST(test_a_missing_beginning_is_found),
        LOG_TEST(test_an_event_that_comes_again_is_out_of_order),
        LOG_TEST(test_a_cut_tail_is_found_by_the_head),
        LOG_TEST(test_a_cut_tail_is_found_by_a_checkpoint_without_a_head),
        LOG_TEST(test_a_log_and_a_head_that_were_set_back_are_found_by_a_checkpoint),
        LOG_TEST(test_an_event_behind_the_head_was_added),
        LOG_TEST(test_a_beginning_that_was_moved_up_is_found_by_a_checkpoint),
        LOG_TEST(test_a_rewritten_tail_is_found_by_the_head),
        LOG_TEST(test_a_rewritten_tail_is_found_by_a_checkpoint),
        LOG_TEST(test_a_checkpoint_of_a_stranger_or_of_another_store_holds_nothing),
        LOG_TEST(test_checkpoints_hold_in_any_order_and_twice),
        LOG_TEST(test_more_keys_than_the_limit_are_refused),
        LOG_TEST(test_an_event_that_says_it_was_broken_is_a_finding),
        LOG_TEST(test_an_intact_log_has_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
