/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <string.h>

#define DAY_MS ((int64_t)IDEMPOTENCY_TTL_S * 1000)

/* --- credits ----------------------------------------------------------------------------- */

static struct store_credits some_credits(uint32_t line)
{
    return (struct store_credits){.line = line, .allowance = {20454, 100 + line}, .refill = 50};
}

static void put(struct fixture *fixture, struct store_credits credits)
{
    begin(fixture);
    assert_int_equal(fixture->port.put_credits(fixture->store, &credits, NULL), TKR_OK);
    commit(fixture);
}

static tkr_error_t count_visits(void *context, const struct store_credits *credits)
{
    uint64_t *sum = context;
    *sum += credits->allowance.amount;
    return TKR_OK;
}

static void test_credits_are_read_as_they_were_written(void **state)
{
    struct fixture *fixture = *state;
    struct store_credits found, largest = {7, {(1 << 20) - 1, CREDITS_ALLOWANCE_MAX}, CREDITS_MAX};
    assert_int_equal(fixture->port.find_credits(fixture->store, 7, &found), TKR_NOT_FOUND);
    put(fixture, some_credits(7));
    put(fixture, largest); /* replaces */
    put(fixture, some_credits(9));
    reopen_store(fixture);
    assert_int_equal(fixture->port.find_credits(fixture->store, 7, &found), TKR_OK);
    assert_int_equal(found.allowance.period, largest.allowance.period);
    assert_int_equal(found.allowance.amount, largest.allowance.amount);
    assert_int_equal(found.refill, largest.refill);
    uint64_t sum = 0;
    assert_int_equal(fixture->port.load_credits(fixture->store, count_visits, &sum), TKR_OK);
    assert_int_equal(sum, CREDITS_ALLOWANCE_MAX + 109);
    begin(fixture);
    assert_int_equal(fixture->port.drop_credits(fixture->store, 7), TKR_OK);
    commit(fixture);
    assert_int_equal(fixture->port.find_credits(fixture->store, 7, &found), TKR_NOT_FOUND);
}

static void test_a_change_of_credits_counts_as_a_change(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = identity(fixture).seq;
    put(fixture, some_credits(1));
    assert_int_equal(identity(fixture).seq, before + 1);
}

static void test_credits_are_shared_by_a_lineage_and_by_who_has_its_line(void **state)
{
    struct fixture *fixture = *state;
    char(*ids)[TOKEN_ID_CHARS + 1] = NULL;
    size_t count = 0;
    struct token first = sample_token(1), second = sample_token(2), third = sample_token(3);
    struct token stranger = sample_token(4), sharing = sample_token(5);
    memcpy(second.lineage_id, first.id, sizeof(first.id));
    memcpy(third.lineage_id, first.id, sizeof(first.id));
    third.revoked_at_ms = SAMPLE_NOW;
    first = sample_store(&fixture->port, first);
    second = sample_store(&fixture->port, second);
    third = sample_store(&fixture->port, third);
    stranger = sample_store(&fixture->port, stranger);
    sharing.has_credit_line = true;
    sharing.credit_line = 7;
    sharing = sample_store(&fixture->port, sharing);
    begin(fixture);
    assert_int_equal(fixture->port.list_lineage(fixture->store, first.id, SEGMENT_NO_LINE,
                                                fixture->arena, &ids, &count),
                     TKR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(ids[0], first.id);
    assert_string_equal(ids[1], second.id);
    assert_int_equal(
        fixture->port.list_lineage(fixture->store, first.id, 7, fixture->arena, &ids, &count),
        TKR_OK);
    assert_int_equal(count, 3);
    assert_string_equal(ids[2], sharing.id);
    commit(fixture);
}

/* --- charges ----------------------------------------------------------------------------- */

static struct store_charge some_charge(const char *key, enum charge_state state)
{
    struct store_charge charge = {
        .org_id = "acme",
        .key = key,
        .line = 3,
        .amount = {20454, 12},
        .state = state,
        .answer = state == CHARGE_OPEN ? NULL : "{\"code\":\"valid\"}",
        .created_at_ms = SAMPLE_NOW,
        .expires_at_ms = state == CHARGE_OPEN ? SAMPLE_NOW + 1000 : 0,
    };
    memcpy(charge.token_id, sample_token(1).id, sizeof(charge.token_id));
    memset(charge.request_digest, 9, sizeof(charge.request_digest));
    if (state == CHARGE_OPEN) {
        memcpy(charge.id, "rsv_00000000000000000000000000", sizeof(charge.id));
    }
    return charge;
}

static void put_charge(struct fixture *fixture, const struct store_charge *charge)
{
    struct token token = sample_token(1);
    struct store_event event = sample_event("credits.charge", &token);
    begin(fixture);
    assert_int_equal(fixture->port.put_charge(fixture->store, charge, &event), TKR_OK);
    commit(fixture);
}

static void test_a_charge_is_found_by_its_key_for_a_day(void **state)
{
    struct fixture *fixture = *state;
    struct store_charge charge = some_charge("acme\nalice\nk", CHARGE_SETTLED), found;
    put_charge(fixture, &charge);
    reopen_store(fixture);
    assert_int_equal(fixture->port.find_charge_by_key(fixture->store, charge.key,
                                                      SAMPLE_NOW + DAY_MS - 1, fixture->arena,
                                                      &found),
                     TKR_OK);
    assert_string_equal(found.answer, charge.answer);
    assert_string_equal(found.token_id, charge.token_id);
    assert_memory_equal(found.request_digest, charge.request_digest, TOKEN_DIGEST_BYTES);
    assert_int_equal(found.amount.amount, 12);
    assert_int_equal(found.line, 3);
    assert_string_equal(found.id, "");
    assert_int_equal(fixture->port.find_charge_by_key(fixture->store, charge.key,
                                                      SAMPLE_NOW + DAY_MS, fixture->arena, &found),
                     TKR_NOT_FOUND);
    charge.created_at_ms += DAY_MS; /* the key may be used again */
    put_charge(fixture, &charge);
}

static void test_a_reservation_ends_once(void **state)
{
    struct fixture *fixture = *state;
    struct store_charge charge = some_charge(NULL, CHARGE_OPEN), found;
    struct token token = sample_token(1);
    struct store_event event = sample_event("credits.settle", &token);
    charge.line = SEGMENT_NO_LINE;
    put_charge(fixture, &charge);
    assert_int_equal(fixture->port.find_charge(fixture->store, charge.id, fixture->arena, &found),
                     TKR_OK);
    assert_int_equal(found.state, CHARGE_OPEN);
    assert_int_equal(found.line, SEGMENT_NO_LINE);
    assert_int_equal(found.expires_at_ms, SAMPLE_NOW + 1000);
    charge.state = CHARGE_SETTLED;
    charge.amount.amount = 5;
    begin(fixture);
    assert_int_equal(fixture->port.finish_charge(fixture->store, &charge, SAMPLE_NOW, &event),
                     TKR_OK);
    assert_int_equal(fixture->port.finish_charge(fixture->store, &charge, SAMPLE_NOW, &event),
                     TKR_CONFLICT);
    commit(fixture);
    assert_int_equal(fixture->port.find_charge(fixture->store, charge.id, fixture->arena, &found),
                     TKR_OK);
    assert_int_equal(found.state, CHARGE_SETTLED);
    assert_int_equal(found.amount.amount, 5);
}

static void test_only_an_open_reservation_expires(void **state)
{
    struct fixture *fixture = *state;
    struct store_charge charge = some_charge("k", CHARGE_OPEN), found;
    put_charge(fixture, &charge);
    struct store_charge done = some_charge("other", CHARGE_SETTLED);
    put_charge(fixture, &done);
    assert_int_equal(
        fixture->port.find_expired_charge(fixture->store, SAMPLE_NOW + 999, fixture->arena, &found),
        TKR_NOT_FOUND);
    assert_int_equal(fixture->port.find_expired_charge(fixture->store, SAMPLE_NOW + 1000,
                                                       fixture->arena, &found),
                     TKR_OK);
    assert_string_equal(found.id, charge.id);
    /* Its key is known as long as it is open. */
    assert_int_equal(fixture->port.find_charge_by_key(fixture->store, "k", SAMPLE_NOW + 2 * DAY_MS,
                                                      fixture->arena, &found),
                     TKR_OK);
}

int suite_credits(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_credits_are_read_as_they_were_written),
        SUITE_TEST(test_a_change_of_credits_counts_as_a_change),
        SUITE_TEST(test_credits_are_shared_by_a_lineage_and_by_who_has_its_line),
        SUITE_TEST(test_a_charge_is_found_by_its_key_for_a_day),
        SUITE_TEST(test_a_reservation_ends_once),
        SUITE_TEST(test_only_an_open_reservation_expires),
    };
    return cmocka_run_group_tests_name("credits", tests, NULL, NULL);
}
