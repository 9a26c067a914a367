/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a log of twenty events, whole, in parts, and altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audit/copy.h"

#define EVENTS 20
#define LINES_MAX 64
#define FINDINGS 32

static const uint8_t store_id[AUDIT_STORE_ID_BYTES] = {7};

struct log {
    uint8_t digests[EVENTS + 1][AUDIT_DIGEST_BYTES]; /* [0]: the base */
    struct seal_key *key, *stranger;
    char *lines[LINES_MAX];
    size_t count;
    struct audit_copy copy;
    struct audit_finding findings[FINDINGS];
    size_t finding_count;
};

static struct audit_event event_of(uint64_t seq)
{
    struct audit_event event = {.seq = seq, .at_ms = (int64_t)(1000 * seq)};
    event.fields[AUDIT_FIELD_TYPE] = "token.create";
    event.fields[AUDIT_FIELD_USER] = "alice";
    event.fields[AUDIT_FIELD_DETAILS] = "{\"a\":1}";
    return event;
}

static int set_up(void **state)
{
    static struct log log;
    static const uint8_t seeds[2][SEAL_SEED_BYTES] = {{1}, {2}};
    memset(&log, 0, sizeof(log));
    assert_int_equal(audit_chain_begin(store_id, sizeof(store_id), log.digests[0]), TKR_OK);
    for (uint64_t seq = 1; seq <= EVENTS; seq++) {
        struct audit_event event = event_of(seq);
        assert_int_equal(audit_chain_next(log.digests[seq - 1], &event, log.digests[seq]), TKR_OK);
    }
    assert_int_equal(seal_key_new(seeds[0], &log.key), TKR_OK);
    assert_int_equal(seal_key_new(seeds[1], &log.stranger), TKR_OK);
    *state = &log;
    return 0;
}

static int tear_down(void **state)
{
    struct log *log = *state;
    for (size_t i = 0; i < log->count; i++) {
        free(log->lines[i]);
    }
    seal_key_free(log->key);
    seal_key_free(log->stranger);
    audit_copy_deinit(&log->copy);
    return 0;
}

/* --- lines --------------------------------------------------------------------------------------
 */

static void add_line(struct log *log, struct buffer *out)
{
    assert_true(log->count < LINES_MAX);
    log->lines[log->count++] = out->data; /* the log's */
}

static void add_begin_of(struct log *log, const uint8_t *id, uint64_t first)
{
    struct audit_begin begin = {.first_seq = first};
    struct buffer out;
    memcpy(begin.store_id, id, sizeof(begin.store_id));
    memcpy(begin.base, log->digests[first - 1], sizeof(begin.base));
    buffer_init(&out, AUDIT_LINE_BYTES_MAX);
    audit_line_put_begin(&out, &begin);
    add_line(log, &out);
}

static void add_begin(struct log *log, uint64_t first)
{
    add_begin_of(log, store_id, first);
}

static void add_events(struct log *log, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        struct audit_event event = event_of(seq);
        struct buffer out;
        buffer_init(&out, AUDIT_LINE_BYTES_MAX);
        audit_line_put_event(&out, &event, log->digests[seq], true);
        add_line(log, &out);
    }
}

static void add_checkpoint_of(struct log *log, const struct seal_key *key, uint64_t seq)
{
    struct audit_checkpoint checkpoint = {.seq = seq, .at_ms = 5000};
    struct buffer out;
    memcpy(checkpoint.store_id, store_id, sizeof(store_id));
    memcpy(checkpoint.digest, log->digests[seq], sizeof(checkpoint.digest));
    assert_int_equal(audit_checkpoint_sign(key, &checkpoint), TKR_OK);
    buffer_init(&out, AUDIT_LINE_BYTES_MAX);
    audit_line_put_checkpoint(&out, &checkpoint);
    add_line(log, &out);
}

static void add_checkpoint(struct log *log, uint64_t seq)
{
    add_checkpoint_of(log, log->key, seq);
}

static void remove_line(struct log *log, size_t index)
{
    free(log->lines[index]);
    log->count--;
    memmove(&log->lines[index], &log->lines[index + 1],
            (log->count - index) * sizeof(log->lines[0]));
}

static void found(void *context, const struct audit_finding *finding)
{
    struct log *log = context;
    assert_true(log->finding_count < FINDINGS);
    log->findings[log->finding_count++] = *finding;
}

static void look(struct log *log)
{
    audit_copy_deinit(&log->copy);
    audit_copy_init(&log->copy, found, log);
    log->finding_count = 0;
    assert_int_equal(audit_copy_trust(&log->copy, seal_key_public(log->key)), TKR_OK);
    for (size_t i = 0; i < log->count; i++) {
        assert_int_equal(audit_copy_line(&log->copy, log->lines[i], strlen(log->lines[i])), TKR_OK);
    }
    audit_copy_end(&log->copy);
}

static void assert_found(const struct log *log, enum audit_finding_kind kind, uint64_t seq,
                         uint64_t until)
{
    for (size_t i = 0; i < log->finding_count; i++) {
        if (log->findings[i].kind == kind && log->findings[i].seq == seq &&
            log->findings[i].until == until) {
            return;
        }
    }
    fail_msg("no %s at %llu; %zu findings, the first %s at %llu", audit_finding_name(kind),
             (unsigned long long)seq, log->finding_count,
             log->finding_count > 0 ? audit_finding_name(log->findings[0].kind) : "-",
             log->finding_count > 0 ? (unsigned long long)log->findings[0].seq : 0);
}

/* Three parts of a log, as archives of it are. */
static void add_three_parts(struct log *log)
{
    static const uint64_t parts[3][2] = {{1, 7}, {8, 15}, {16, 20}};
    for (size_t i = 0; i < 3; i++) {
        add_begin(log, parts[i][0]);
        add_events(log, parts[i][0], parts[i][1]);
        add_checkpoint(log, parts[i][1]);
    }
}

/* --- whole --------------------------------------------------------------------------------------
 */

static void test_parts_in_order_are_one_copy(void **state)
{
    struct log *log = *state;
    add_three_parts(log);
    log->copy.watched_seq = 0;
    look(log);
    assert_int_equal(log->finding_count, 0);
    assert_int_equal(log->copy.verifier.events, EVENTS);
    assert_int_equal(log->copy.verifier.checkpoints, 3);
    assert_int_equal(log->copy.signed_seq, EVENTS);
}

static void test_a_copy_may_begin_later_and_end_behind_its_checkpoint(void **state)
{
    struct log *log = *state;
    add_begin(log, 5);
    add_events(log, 5, 12);
    add_checkpoint(log, 12);
    add_events(log, 13, 14);
    look(log);
    assert_int_equal(log->finding_count, 0);
    assert_int_equal(log->copy.signed_seq, 12);
    assert_int_equal(log->copy.verifier.next_seq, 15);
}

/* --- altered ------------------------------------------------------------------------------------
 */

static void test_without_a_beginning_nothing_can_be_said(void **state)
{
    struct log *log = *state;
    add_events(log, 1, 1);
    audit_copy_init(&log->copy, found, log);
    assert_int_equal(audit_copy_line(&log->copy, log->lines[0], strlen(log->lines[0])),
                     TKR_NOT_FOUND);
    assert_int_equal(audit_copy_line(&log->copy, "", 0), TKR_NOT_FOUND);
}

static void test_a_part_that_is_missing_is_told(void **state)
{
    struct log *log = *state;
    add_begin(log, 1);
    add_events(log, 1, 7);
    add_checkpoint(log, 7);
    add_begin(log, 16);
    add_events(log, 16, 20);
    look(log);
    assert_found(log, AUDIT_MISSING, 8, 15);
    assert_int_equal(log->finding_count, 1);
}

static void test_parts_that_changed_places_are_told(void **state)
{
    struct log *log = *state;
    add_begin(log, 8);
    add_events(log, 8, 15);
    add_begin(log, 1);
    add_events(log, 1, 7);
    look(log);
    assert_found(log, AUDIT_OUT_OF_ORDER, 1, 1);
}

static void test_a_part_of_another_log_is_told(void **state)
{
    struct log *log = *state;
    static const uint8_t other[AUDIT_STORE_ID_BYTES] = {8};
    add_begin(log, 1);
    add_events(log, 1, 7);
    add_begin_of(log, other, 8);
    add_events(log, 8, 9);
    look(log);
    assert_found(log, AUDIT_FOREIGN, 8, 8);
}

static void test_the_end_that_was_cut_off_is_told_by_the_checkpoint(void **state)
{
    struct log *log = *state;
    add_begin(log, 1);
    add_events(log, 1, 7);
    add_checkpoint(log, 9);
    look(log);
    assert_found(log, AUDIT_MISSING, 8, 9);
}

static void test_every_line_that_is_taken_out_is_told(void **state)
{
    struct log *log = *state;
    for (size_t i = 1; i < EVENTS + 6; i++) {
        add_three_parts(log);
        bool begins = log->lines[i][2] == 'o' && strstr(log->lines[i], "audit_log") != NULL;
        bool checkpoint = strstr(log->lines[i], "audit_checkpoint") != NULL;
        remove_line(log, i);
        look(log);
        /* What says only what its neighbours say may go; checkpoints are the caller's to count. */
        assert_true(begins || checkpoint ? log->finding_count == 0 : log->finding_count > 0);
        assert_true(!checkpoint || log->copy.verifier.checkpoints == 2);
        while (log->count > 0) {
            remove_line(log, 0);
        }
    }
}

static void test_every_line_that_is_altered_is_told_once(void **state)
{
    struct log *log = *state;
    for (size_t i = 1; i < EVENTS + 6; i++) {
        add_three_parts(log);
        log->lines[i][strlen(log->lines[i]) - 2] ^= 1; /* the quotation mark */
        look(log);
        assert_true(log->finding_count >= 1);
        while (log->count > 0) {
            remove_line(log, 0);
        }
    }
}

/* Whoever writes all later digests anew has not the key. */
static void test_what_was_chained_anew_is_not_as_signed(void **state)
{
    struct log *log = *state;
    add_begin(log, 1);
    add_events(log, 1, 4);
    uint8_t forged[AUDIT_DIGEST_BYTES];
    memcpy(forged, log->digests[4], sizeof(forged));
    for (uint64_t seq = 5; seq <= 7; seq++) {
        struct audit_event event = event_of(seq);
        struct buffer out;
        event.fields[AUDIT_FIELD_USER] = "mallory";
        assert_int_equal(audit_chain_next(forged, &event, forged), TKR_OK);
        buffer_init(&out, AUDIT_LINE_BYTES_MAX);
        audit_line_put_event(&out, &event, forged, true);
        add_line(log, &out);
    }
    add_checkpoint(log, 7);
    look(log);
    assert_found(log, AUDIT_NOT_AS_SIGNED, 7, 7);
    assert_int_equal(log->finding_count, 1);
}

static void test_a_checkpoint_of_a_stranger_holds_nothing(void **state)
{
    struct log *log = *state;
    add_begin(log, 1);
    add_events(log, 1, 7);
    add_checkpoint_of(log, log->stranger, 7);
    look(log);
    assert_found(log, AUDIT_BAD_SIGNATURE, 7, 7);
    assert_int_equal(log->copy.signed_seq, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_parts_in_order_are_one_copy),
        TEST(test_a_copy_may_begin_later_and_end_behind_its_checkpoint),
        TEST(test_without_a_beginning_nothing_can_be_said),
        TEST(test_a_part_that_is_missing_is_told),
        TEST(test_parts_that_changed_places_are_told),
        TEST(test_a_part_of_another_log_is_told),
        TEST(test_the_end_that_was_cut_off_is_told_by_the_checkpoint),
        TEST(test_every_line_that_is_taken_out_is_told),
        TEST(test_every_line_that_is_altered_is_told_once),
        TEST(test_what_was_chained_anew_is_not_as_signed),
        TEST(test_a_checkpoint_of_a_stranger_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
