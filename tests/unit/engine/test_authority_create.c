/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "crypto/digest.h"

#define DAY_MS 86400000LL

static int set_up(void **state)
{
    struct authority_fixture *fixture = calloc(1, sizeof(*fixture));
    authority_fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    authority_fixture_close(*state);
    free(*state);
    return 0;
}

static struct answer create(void **state, const struct token_create *create)
{
    return fixture_create(*state, &fixture_admin, create);
}

/* Refused, naming the member, and nothing is stored. */
static void assert_refused(void **state, const struct token_create *asked, tkr_error_t error,
                           const char *field)
{
    struct answer answer = create(state, asked);
    assert_int_equal(answer.error, error);
    assert_string_equal(answer.fault.field, field);
    assert_true(strlen(answer.fault.detail) > 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM users"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 0);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void test_names_that_are_empty_too_long_or_unprintable_are_refused(void **state)
{
    char long_name[TOKEN_NAME_BYTES_MAX + 2];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    struct token_create asked = fixture_token("");
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "name");
    asked = fixture_token(long_name);
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "name");
    asked = fixture_token("a\nb");
    assert_refused(state, &asked, TKR_INVALID, "name");
    asked = fixture_token("a\xff");
    assert_refused(state, &asked, TKR_INVALID, "name");
    asked = fixture_token("nimda\xE2\x80\xAE"); /* shown from right to left */
    assert_refused(state, &asked, TKR_INVALID, "name");
    asked = fixture_token("n");
    asked.user_id = NULL;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "user_id");
    asked.user_id = long_name + 1;
    asked.org_id = long_name; /* an org is shorter than a name may be */
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "org_id");
}

static void test_scopes_that_are_none_or_too_many_are_refused(void **state)
{
    static const char *const bad[] = {"api:read", "not a scope"};
    static const char *many[SCOPES_PER_TOKEN_MAX + 1];
    struct token_create asked = fixture_token("n");
    asked.scopes = bad;
    asked.scope_count = 2;
    assert_refused(state, &asked, TKR_INVALID, "scopes");
    for (size_t i = 0; i <= SCOPES_PER_TOKEN_MAX; i++) {
        many[i] = "api:read";
    }
    asked.scopes = many;
    asked.scope_count = SCOPES_PER_TOKEN_MAX + 1;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "scopes");
}

static void test_values_out_of_their_range_are_refused(void **state)
{
    static char metadata[METADATA_BYTES_MAX + 2];
    static struct cidr networks[CIDRS_PER_TOKEN_MAX + 1];
    memset(metadata, ' ', sizeof(metadata) - 1);
    struct token_create asked = fixture_token("n");
    asked.metadata = metadata;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "metadata");
    asked = fixture_token("n");
    asked.allowed_ips = networks;
    asked.allowed_ip_count = CIDRS_PER_TOKEN_MAX + 1;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "allowed_ips");
    asked = fixture_token("n");
    asked.overrides = (struct limits){1, {LIMIT_SLIDING_MINUTE_MAX + 1}};
    struct answer answer = create(state, &asked);
    assert_int_equal(answer.error, TKR_OUT_OF_RANGE);
    asked = fixture_token("n");
    asked.tier = "platinum";
    assert_refused(state, &asked, TKR_NOT_FOUND, "tier");
    asked = fixture_token("n");
    asked.idempotency_key = "";
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "Idempotency-Key");
}

#define TOKEN_TEXT "sk_live_Qm3xYc7Rk9TzLw2Vb5Nd8Hf4Gj6Ks1Pa0Xe3Ui7Oy2Z30ESbK"

/* A token of ours, pasted into a place that is stored or shown. */
static void test_a_text_that_contains_a_token_is_refused_by_its_name_only(void **state)
{
    static const char pasted[] = "see " TOKEN_TEXT " there";
    static const char *const scopes[] = {"api:read", TOKEN_TEXT};
    struct token_create asked = fixture_token(pasted);
    assert_refused(state, &asked, TKR_INVALID, "name");
    asked = fixture_token("n");
    asked.user_id = pasted;
    assert_refused(state, &asked, TKR_INVALID, "user_id");
    asked = fixture_token("n");
    asked.metadata = "{\"key\":\"" TOKEN_TEXT "\"}";
    assert_refused(state, &asked, TKR_INVALID, "metadata");
    asked = fixture_token("n");
    asked.idempotency_key = pasted;
    assert_refused(state, &asked, TKR_INVALID, "Idempotency-Key");
    asked = fixture_token("n");
    asked.scopes = scopes;
    asked.scope_count = 2;
    struct answer answer = create(state, &asked);
    assert_int_equal(answer.error, TKR_INVALID);
    assert_string_equal(answer.fault.field, "scopes");
    assert_string_equal(answer.fault.detail, "contains a token");
}

static void test_a_token_that_ends_before_it_begins_is_refused(void **state)
{
    struct authority_fixture *fixture = *state;
    int64_t now_ms = authority_now_ms(fixture->authority);
    struct token_create asked = fixture_token("n");
    asked.not_before_ms = now_ms + 2000;
    asked.lifetime =
        (struct lifetime_asked){.has_expires_at = true, .expires_at_ms = now_ms + 2000};
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "not_before");
    asked.not_before_ms = -1;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "not_before");
}

static void test_nobody_gives_more_scope_than_they_have(void **state)
{
    static const char *const more[] = {"api:read", "api:write"};
    struct token_create asked = fixture_token("n");
    asked.scopes = more;
    asked.scope_count = 2;
    struct answer answer = fixture_create(*state, &fixture_alice, &asked);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_string_equal(answer.fault.field, "scopes");
    asked.scope_count = 1;
    assert_int_equal(fixture_create(*state, &fixture_alice, &asked).error, TKR_OK);
}

static void test_only_a_star_reaches_another_org(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.org_id = "beta";
    struct answer answer = fixture_create(*state, &fixture_alice, &asked);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_string_equal(answer.fault.field, "org_id");
    assert_int_equal(create(state, &asked).error, TKR_OK);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM orgs WHERE id = 'beta'"), 1);
}

static void test_only_a_star_makes_an_admin_token(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.kind = TOKEN_KIND_ADMIN;
    struct answer answer = fixture_create(*state, &fixture_alice, &asked);
    assert_int_equal(answer.error, TKR_FORBIDDEN);
    assert_string_equal(answer.fault.field, "kind");
    assert_int_equal(create(state, &asked).error, TKR_OK);
}

/* In lists it means all of them: who belonged to such an org would see every other one. */
static void test_an_org_cannot_be_called_star(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.org_id = "*";
    assert_refused(state, &asked, TKR_INVALID, "org_id");
}

static void test_a_chosen_token_must_be_one(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.chosen = "too short";
    asked.chosen_length = strlen(asked.chosen);
    assert_refused(state, &asked, TKR_INVALID, "token");
    asked.chosen = "twenty characters and a space";
    asked.chosen_length = strlen(asked.chosen);
    assert_refused(state, &asked, TKR_INVALID, "token");
}

static void test_a_chosen_token_that_exists_is_a_conflict_and_leaves_no_user(void **state)
{
    struct token_create asked = fixture_token("n");
    asked.chosen = "Kq7-vT2mZx9_Rb4LnW8cJd3F";
    asked.chosen_length = strlen(asked.chosen);
    assert_int_equal(create(state, &asked).error, TKR_OK);
    asked.user_id = "bob";
    struct answer answer = create(state, &asked);
    assert_int_equal(answer.error, TKR_CONFLICT);
    assert_string_equal(answer.fault.field, "token");
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM users WHERE id = 'bob'"), 0);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 1);
}

static void test_beyond_the_maximum_lifetime_a_rejecting_policy_refuses(void **state)
{
    struct authority_fixture *fixture = *state;
    authority_fixture_stop(fixture);
    fixture->options.lifetimes[TOKEN_KIND_USER].on_exceed = ON_EXCEED_REJECT;
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
    struct token_create asked = fixture_token("n");
    asked.lifetime.never = true;
    assert_refused(state, &asked, TKR_OUT_OF_RANGE, "expires_at");
}

/* --- what is created
 * ------------------------------------------------------------------------------ */

static void test_a_created_token_is_visible_when_it_is_answered(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_create asked = fixture_token("laptop");
    struct answer answer = create(state, &asked);
    uint8_t digest[TOKEN_DIGEST_BYTES];
    assert_int_equal(answer.error, TKR_OK);
    assert_int_equal(
        token_shape(&token_prefixes_default, answer.plaintext, strlen(answer.plaintext)),
        TOKEN_SHAPE_OURS);
    assert_int_equal(digest_sha256(answer.plaintext, strlen(answer.plaintext), digest), TKR_OK);
    assert_memory_equal(digest, answer.digest, sizeof(digest));
    assert_int_equal(fixture_see(fixture, digest), SEEN_ACTIVE);
    assert_int_equal(answer.version, 1);
    assert_int_equal(answer.status, TOKEN_ACTIVE);
    assert_int_equal(answer.expires_at_ms, authority_now_ms(fixture->authority) + 90 * DAY_MS);
}

static void test_a_test_token_has_the_test_prefix(void **state)
{
    struct token_create asked = fixture_token("laptop");
    asked.env = TOKEN_ENV_TEST;
    struct answer answer = create(state, &asked);
    assert_int_equal(
        strncmp(answer.plaintext, token_prefixes_default.test, strlen(token_prefixes_default.test)),
        0);
}

static void test_a_chosen_token_is_visible_and_not_told_again(void **state)
{
    struct token_create asked = fixture_token("n");
    uint8_t digest[TOKEN_DIGEST_BYTES];
    asked.chosen = "Kq7-vT2mZx9_Rb4LnW8cJd3F";
    asked.chosen_length = strlen(asked.chosen);
    struct answer answer = create(state, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_string_equal(answer.plaintext, "");
    assert_int_equal(digest_sha256(asked.chosen, asked.chosen_length, digest), TKR_OK);
    assert_int_equal(fixture_see(*state, digest), SEEN_ACTIVE);
}

static void test_a_lifetime_beyond_the_maximum_is_clamped_and_says_so(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_create asked = fixture_token("n");
    asked.lifetime.never = true;
    struct answer answer = create(state, &asked);
    assert_int_equal(answer.error, TKR_OK);
    assert_true(answer.clamped);
    assert_int_equal(answer.expires_at_ms, authority_now_ms(fixture->authority) + 365 * DAY_MS);
}

static void test_a_creation_has_one_event_in_its_transaction(void **state)
{
    struct token_create asked = fixture_token("say \"hi\"");
    struct answer answer = create(state, &asked);
    char sql[400];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM events WHERE type = 'token.create' AND token_id = '%s'"
             " AND actor_user = 'root' AND org_id = 'acme' AND user_id = 'alice'"
             " AND client = '192.0.2.1' AND request_id = 'r-1' AND json_valid(details)"
             " AND json_extract(details, '$.scopes') = 'api:read'"
             " AND token_name = 'say \"hi\"'",
             answer.id);
    assert_int_equal(fixture_query(*state, sql), 1);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 1);
}

/* Invariant: a plaintext token exists in the answer that created it and nowhere else. */
static void test_the_plaintext_is_in_no_file(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_create asked = fixture_token("n");
    struct answer answer = create(state, &asked);
    authority_fixture_stop(fixture);
    char command[2048];
    /* grep answers 1 when it found nothing, 0 when it found, 2 when it could not look. */
    snprintf(command, sizeof(command), "grep -rqaF -- '%s' '%s' '%s'", answer.plaintext + 12,
             fixture->data.path, fixture->runtime.path);
    int status = system(command); /* NOLINT(cert-env33-c): the arguments are the test's own */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(authority_fixture_start(fixture, NULL), TKR_OK);
}

/* --- idempotency
 * ------------------------------------------------------------------------------------- */

static struct token_create keyed(const char *key, uint8_t digest)
{
    struct token_create asked = fixture_token("n");
    asked.idempotency_key = key;
    memset(asked.request_digest, digest, sizeof(asked.request_digest));
    return asked;
}

static void test_a_key_with_another_request_is_refused(void **state)
{
    struct token_create first = keyed("k", 1);
    struct token_create second = keyed("k", 2);
    assert_int_equal(create(state, &first).error, TKR_OK);
    struct answer answer = create(state, &second);
    assert_int_equal(answer.error, TKR_IDEMPOTENCY);
    assert_string_equal(answer.fault.field, "Idempotency-Key");
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 1);
}

static void test_the_same_request_again_answers_the_same_token_without_plaintext(void **state)
{
    struct token_create asked = keyed("k", 1);
    struct answer first = create(state, &asked);
    struct answer again = create(state, &asked);
    assert_false(first.replayed);
    assert_int_equal(again.error, TKR_OK);
    assert_true(again.replayed);
    assert_string_equal(again.id, first.id);
    assert_string_equal(again.plaintext, "");
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM events"), 1);
}

static void test_a_key_belongs_to_the_user_who_sent_it(void **state)
{
    struct token_create asked = keyed("k", 1);
    struct answer first = create(state, &asked);
    struct answer other = fixture_create(*state, &fixture_alice, &asked);
    assert_int_equal(other.error, TKR_OK);
    assert_false(other.replayed);
    assert_string_not_equal(other.id, first.id);
}

static void test_a_key_is_forgotten_after_a_day(void **state)
{
    struct authority_fixture *fixture = *state;
    struct token_create asked = keyed("k", 1);
    struct answer first = create(state, &asked);
    virtual_clock_advance(&fixture->time, (int64_t)IDEMPOTENCY_TTL_S * 1000);
    struct answer later = create(state, &asked);
    assert_int_equal(later.error, TKR_OK);
    assert_false(later.replayed);
    assert_string_not_equal(later.id, first.id);
    assert_int_equal(fixture_query(*state, "SELECT count(*) FROM idempotency_keys"), 1);
}

/* --- many at once
 * ---------------------------------------------------------------------------------------- */

#define CREATORS 32
#define CREATES_EACH 20

struct creator {
    struct authority_fixture *fixture;
    unsigned number, failures;
};

static void *create_some(void *context)
{
    struct creator *creator = context;
    for (unsigned i = 0; i < CREATES_EACH; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u-%u", creator->number, i);
        struct token_create asked = fixture_token(name);
        struct answer answer = fixture_create(creator->fixture, &fixture_admin, &asked);
        creator->failures += answer.error != TKR_OK || answer.plaintext[0] == '\0';
    }
    return NULL;
}

static void test_changes_that_come_together_share_a_commit(void **state)
{
    struct authority_fixture *fixture = *state;
    struct creator creators[CREATORS];
    pthread_t threads[CREATORS];
    struct authority_status status;
    for (unsigned i = 0; i < CREATORS; i++) {
        creators[i] = (struct creator){fixture, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, create_some, &creators[i]), 0);
    }
    for (unsigned i = 0; i < CREATORS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(creators[i].failures, 0);
    }
    authority_status(fixture->authority, &status);
    assert_int_equal(status.changes, CREATORS * CREATES_EACH);
    assert_true(status.commits < status.changes / 2);
    assert_int_equal(status.commit_failures, 0);
    assert_int_equal(fixture_query(fixture, "SELECT count(*) FROM tokens"),
                     CREATORS * CREATES_EACH);
    assert_int_equal(fixture_query(fixture, "SELECT count(DISTINCT line) FROM tokens"),
                     CREATORS * CREATES_EACH);
    assert_int_equal(fixture_query(fixture, "SELECT count(DISTINCT token_id) FROM events"),
                     CREATORS * CREATES_EACH);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_that_are_empty_too_long_or_unprintable_are_refused),
        TEST(test_scopes_that_are_none_or_too_many_are_refused),
        TEST(test_values_out_of_their_range_are_refused),
        TEST(test_a_text_that_contains_a_token_is_refused_by_its_name_only),
        TEST(test_a_token_that_ends_before_it_begins_is_refused),
        TEST(test_nobody_gives_more_scope_than_they_have),
        TEST(test_only_a_star_reaches_another_org),
        TEST(test_only_a_star_makes_an_admin_token),
        TEST(test_an_org_cannot_be_called_star),
        TEST(test_a_chosen_token_must_be_one),
        TEST(test_a_chosen_token_that_exists_is_a_conflict_and_leaves_no_user),
        TEST(test_beyond_the_maximum_lifetime_a_rejecting_policy_refuses),
        TEST(test_a_created_token_is_visible_when_it_is_answered),
        TEST(test_a_test_token_has_the_test_prefix),
        TEST(test_a_chosen_token_is_visible_and_not_told_again),
        TEST(test_a_lifetime_beyond_the_maximum_is_clamped_and_says_so),
        TEST(test_a_creation_has_one_event_in_its_transaction),
        TEST(test_the_plaintext_is_in_no_file),
        TEST(test_a_key_with_another_request_is_refused),
        TEST(test_the_same_request_again_answers_the_same_token_without_plaintext),
        TEST(test_a_key_belongs_to_the_user_who_sent_it),
        TEST(test_a_key_is_forgotten_after_a_day),
        TEST(test_changes_that_come_together_share_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
