/* SPDX-License-Identifier: Apache-2.0 */
/* What ended long ago: which of them a cleanup finds, and what it leaves behind. */
#include "store_suite.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define MANY 20

/* What a cleanup was shown. */
struct seen {
    struct store_cleaned tokens[MANY];
    size_t count;
};

static tkr_error_t see(void *context, const struct store_cleaned *cleaned,
                       struct store_event *ret_event)
{
    struct seen *seen = context;
    struct token token = sample_token(1);
    assert_true(seen->count < MANY);
    memcpy(token.id, cleaned->id, sizeof(token.id));
    seen->tokens[seen->count++] = *cleaned;
    *ret_event = sample_event("token.cleanup", &token);
    return TKR_OK;
}

static struct seen clean(struct fixture *fixture, int64_t before_ms, bool deactivate)
{
    struct seen seen = {0};
    uint32_t count = 0;
    begin(fixture);
    assert_int_equal(fixture->port.cleanup(fixture->store, before_ms, deactivate, MANY,
                                           SAMPLE_NOW + 1000 * DAY_MS, see, &seen, &count),
                     TKR_OK);
    commit(fixture);
    assert_int_equal(count, seen.count);
    return seen;
}

static uint64_t counted(struct fixture *fixture, int64_t before_ms)
{
    uint64_t expired = 0, revoked = 0;
    assert_int_equal(fixture->port.count_ended(fixture->store, before_ms, &expired, &revoked),
                     TKR_OK);
    return expired + revoked;
}

/* Days after SAMPLE_NOW; 0: it did not. */
static struct token ended(struct fixture *fixture, unsigned number, int expired, int disabled,
                          int quarantined, int revoked)
{
    struct token token = sample_token(number);
    token.expires_at_ms = expired != 0 ? SAMPLE_NOW + expired * DAY_MS : 0;
    token.disabled_at_ms = disabled != 0 ? SAMPLE_NOW + disabled * DAY_MS : 0;
    token.quarantined_at_ms = quarantined != 0 ? SAMPLE_NOW + quarantined * DAY_MS : 0;
    token.revoked_at_ms = revoked != 0 ? SAMPLE_NOW + revoked * DAY_MS : 0;
    return sample_store(&fixture->port, token);
}

static void test_what_did_not_end_before_the_time_stays(void **state)
{
    struct fixture *fixture = *state;
    static const int rows[][4] = {
        {0, 0, 0, 0},   {21, 0, 0, 0},  {0, 10, 0, 0},   {21, 10, 0, 0}, {0, 0, 10, 0},
        {21, 0, 10, 0}, {10, 0, 21, 0}, {10, 10, 21, 0}, {10, 0, 0, 21},
    };
    const size_t count = sizeof(rows) / sizeof(rows[0]);
    for (size_t i = 0; i < count; i++) {
        (void)ended(fixture, (unsigned)i + 1, rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
    }
    assert_int_equal(counted(fixture, SAMPLE_NOW + 20 * DAY_MS), 0);
    assert_int_equal(clean(fixture, SAMPLE_NOW + 20 * DAY_MS, false).count, 0);
    assert_int_equal(identity(fixture).tokens, count);
}

static void test_what_expired_goes_whether_it_was_disabled_or_not(void **state)
{
    struct fixture *fixture = *state;
    struct token plain = ended(fixture, 1, 20, 0, 0, 0);
    struct token disabled = ended(fixture, 2, 20, 10, 0, 0);
    struct token disabled_after = ended(fixture, 3, 20, 30, 0, 0);
    assert_int_equal(counted(fixture, SAMPLE_NOW + 20 * DAY_MS), 3);
    struct seen seen = clean(fixture, SAMPLE_NOW + 20 * DAY_MS, false);
    assert_int_equal(seen.count, 3);
    assert_false(seen.tokens[0].revoked || seen.tokens[0].quarantined);
    assert_no_token(fixture, plain.id);
    assert_no_token(fixture, disabled.id);
    assert_no_token(fixture, disabled_after.id);
    assert_int_equal(identity(fixture).tokens, 0);
}

static void test_evidence_stays_until_the_later_of_expiry_and_quarantine(void **state)
{
    struct fixture *fixture = *state;
    struct token before = ended(fixture, 1, 20, 0, 10, 0);
    struct token after = ended(fixture, 2, 10, 5, 20, 0);
    assert_int_equal(clean(fixture, SAMPLE_NOW + 20 * DAY_MS - 1, false).count, 0);
    assert_int_equal(counted(fixture, SAMPLE_NOW + 20 * DAY_MS), 2);
    struct seen seen = clean(fixture, SAMPLE_NOW + 20 * DAY_MS, false);
    assert_int_equal(seen.count, 2);
    assert_true(seen.tokens[0].quarantined && seen.tokens[1].quarantined);
    assert_no_token(fixture, before.id);
    assert_no_token(fixture, after.id);
}

static void test_what_somebody_had_refused_never_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[] = {ended(fixture, 1, 20, 0, 0, 0), ended(fixture, 2, 20, 10, 0, 0),
                             ended(fixture, 3, 20, 0, 10, 0), ended(fixture, 4, 0, 0, 0, 10)};
    assert_int_equal(clean(fixture, SAMPLE_NOW + 20 * DAY_MS, false).count, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct token again = sample_token(10 + i);
        memcpy(again.digest, tokens[i].digest, sizeof(again.digest));
        begin(fixture);
        assert_int_equal(sample_insert(&fixture->port, &again), i < 1 ? TKR_OK : TKR_CONFLICT);
        commit(fixture);
    }
}

static void test_deactivating_revokes_them_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[] = {ended(fixture, 1, 20, 0, 0, 0), ended(fixture, 2, 20, 10, 0, 0),
                             ended(fixture, 3, 20, 0, 10, 0)};
    assert_int_equal(clean(fixture, SAMPLE_NOW + 20 * DAY_MS, true).count, 3);
    assert_int_equal(clean(fixture, SAMPLE_NOW + 20 * DAY_MS, true).count, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(get(fixture, tokens[i].id).revoke_reason, "expired");
    }
}

int suite_cleanup(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_what_did_not_end_before_the_time_stays),
        SUITE_TEST(test_what_expired_goes_whether_it_was_disabled_or_not),
        SUITE_TEST(test_evidence_stays_until_the_later_of_expiry_and_quarantine),
        SUITE_TEST(test_what_somebody_had_refused_never_comes_back),
        SUITE_TEST(test_deactivating_revokes_them_all_the_same),
    };
    return cmocka_run_group_tests_name("cleanup", tests, NULL, NULL);
}
