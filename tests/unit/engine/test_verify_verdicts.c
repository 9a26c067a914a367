/* SPDX-License-Identifier: Apache-2.0 */
/* Each verdict, their order, and what a result says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"

struct scene {
    struct segment_fixture fixture;
    struct verifier *verifier;
    struct segment_token token;
    struct verify_result result;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init(&scene->fixture, NULL);
    scene->verifier = segment_fixture_verifier(&scene->fixture);
    scene->token = segment_fixture_token(&scene->fixture, TOKEN);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    verifier_free(scene->verifier);
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static tkr_verdict_t verify(struct scene *scene)
{
    return segment_fixture_verify(scene->verifier, TOKEN, &scene->result);
}

static tkr_verdict_t put_and_verify(struct scene *scene)
{
    segment_fixture_put(&scene->fixture, &scene->token);
    return verify(scene);
}

static void put_user(struct scene *scene, uint32_t flags, const struct limits *overrides)
{
    struct segment_fixture *fixture = &scene->fixture;
    assert_int_equal(segment_writer_put_user(fixture->writer, fixture->org, "alice", 5, flags,
                                             fixture->user_line, overrides, &fixture->user),
                     TKR_OK);
}

/* --- refusals ----------------------------------------------------------------------------- */

static void test_a_text_that_cannot_be_a_token_is_malformed(void **state)
{
    struct scene *scene = *state;
    static const char *const texts[] = {
        "",
        "short",
        "nineteen_characters",
        "twenty_characters_ \x7f",
        "a space is not visible ascii at all",
        "an_eight_bit_character_here:\xc3\xa9",
        "a_tab_in_the_middle\tof_the_text",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(segment_fixture_verify(scene->verifier, texts[i], &scene->result),
                         TKR_VERDICT_MALFORMED);
        assert_false(scene->result.known);
    }
}

static void test_each_bad_byte_at_each_place_is_malformed(void **state)
{
    struct scene *scene = *state;
    char text[41];
    for (int bad = 0; bad < 256; bad++) {
        for (size_t at = 0; at < sizeof text - 1; at++) {
            memset(text, 'a', sizeof text - 1);
            text[at] = (char)bad;
            struct verify_request request = {.token = text, .token_length = 40, .cost = 1};
            bool visible = bad > 0x20 && bad < 0x7f;
            assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                             visible ? TKR_VERDICT_NOT_FOUND : TKR_VERDICT_MALFORMED);
        }
    }
}

static void test_a_text_of_513_characters_is_malformed_and_of_512_is_not(void **state)
{
    struct scene *scene = *state;
    char text[514] = {0};
    memset(text, 'a', 513);
    assert_int_equal(segment_fixture_verify(scene->verifier, text, &scene->result),
                     TKR_VERDICT_MALFORMED);
    text[512] = 0;
    assert_int_equal(segment_fixture_verify(scene->verifier, text, &scene->result),
                     TKR_VERDICT_NOT_FOUND);
}

static void test_a_token_that_nobody_made_is_not_found(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(verify(scene), TKR_VERDICT_NOT_FOUND);
    assert_false(scene->result.known);
    assert_int_equal(scene->result.user.length, 0);
}

static void test_a_revoked_token_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    scene->token.flags = SEGMENT_TOKEN_REVOKED;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_REVOKED);
    assert_true(scene->result.known);
    assert_memory_equal(scene->result.user.text, "alice", 5);
}

static void test_a_revoked_token_cannot_be_put_back(void **state)
{
    struct scene *scene = *state;
    scene->token.flags = SEGMENT_TOKEN_REVOKED;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_REVOKED);
    scene->token.flags = 0;
    assert_int_equal(segment_writer_put_token(scene->fixture.writer, &scene->token), TKR_CONFLICT);
    assert_int_equal(verify(scene), TKR_VERDICT_REVOKED);
}

static void test_a_disabled_token_is_refused_until_it_is_enabled(void **state)
{
    struct scene *scene = *state;
    scene->token.flags = SEGMENT_TOKEN_DISABLED;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_DISABLED);
    scene->token.flags = 0;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
}

static void test_a_quarantined_token_is_refused(void **state)
{
    struct scene *scene = *state;
    scene->token.flags = SEGMENT_TOKEN_QUARANTINED;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_QUARANTINED);
}

static void test_a_token_is_refused_before_its_time(void **state)
{
    struct scene *scene = *state;
    scene->token.not_before_ms = FIXTURE_WALL_MS + 1000;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_NOT_YET_VALID);
    segment_fixture_advance(&scene->fixture, 999);
    assert_int_equal(verify(scene), TKR_VERDICT_NOT_YET_VALID);
    segment_fixture_advance(&scene->fixture, 1);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.not_before_ms, FIXTURE_WALL_MS + 1000);
}

static void test_a_token_is_refused_from_the_moment_it_expires(void **state)
{
    struct scene *scene = *state;
    scene->token.expires_at_ms = FIXTURE_WALL_MS + 1000;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    segment_fixture_advance(&scene->fixture, 999);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    segment_fixture_advance(&scene->fixture, 1);
    assert_int_equal(verify(scene), TKR_VERDICT_EXPIRED);
}

static void test_an_expired_token_stays_expired_when_the_clock_is_set_back(void **state)
{
    struct scene *scene = *state;
    scene->token.expires_at_ms = FIXTURE_WALL_MS + 1000;
    segment_fixture_put(&scene->fixture, &scene->token);
    segment_fixture_advance(&scene->fixture, 1000);
    assert_int_equal(verify(scene), TKR_VERDICT_EXPIRED);
    virtual_clock_set_wall(&scene->fixture.time, FIXTURE_WALL_MS - 3600000);
    (void)segment_writer_beat(scene->fixture.writer, NULL);
    assert_int_equal(verify(scene), TKR_VERDICT_EXPIRED);
}

static void test_a_token_of_a_suspended_user_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    put_user(scene, SEGMENT_USER_SUSPENDED, NULL);
    assert_int_equal(verify(scene), TKR_VERDICT_USER_SUSPENDED);
    put_user(scene, 0, NULL);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
}

static void test_a_token_is_refused_for_another_user_than_its_own(void **state)
{
    struct scene *scene = *state;
    segment_fixture_put(&scene->fixture, &scene->token);
    static const struct {
        const char *user;
        tkr_verdict_t verdict;
    } rows[] = {{"bob", TKR_VERDICT_USER_MISMATCH},   {"", TKR_VERDICT_USER_MISMATCH},
                {"alic", TKR_VERDICT_USER_MISMATCH},  {"alice2", TKR_VERDICT_USER_MISMATCH},
                {"ALICE", TKR_VERDICT_USER_MISMATCH}, {"alice", TKR_VERDICT_VALID}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct verify_request request = {.token = TOKEN,
                                         .token_length = strlen(TOKEN),
                                         .user = rows[i].user,
                                         .user_length = strlen(rows[i].user),
                                         .cost = 1};
        assert_int_equal(verify_token(scene->verifier, &request, &scene->result), rows[i].verdict);
    }
}

static tkr_verdict_t verify_from(struct scene *scene, const char *address)
{
    struct verify_request request = {.token = TOKEN, .token_length = strlen(TOKEN), .cost = 1};
    if (address != NULL) {
        assert_int_equal(ip_parse(address, strlen(address), &request.client), TKR_OK);
    }
    return verify_token(scene->verifier, &request, &scene->result);
}

static void test_a_token_with_networks_is_refused_from_elsewhere(void **state)
{
    struct scene *scene = *state;
    struct cidr networks[2];
    assert_int_equal(cidr_parse("10.1.0.0/16", 11, &networks[0]), TKR_OK);
    assert_int_equal(cidr_parse("2001:db8::/32", 13, &networks[1]), TKR_OK);
    scene->token.cidrs = networks;
    scene->token.cidr_count = 2;
    scene->token.metadata = "{\"a\":1}";
    scene->token.metadata_length = 7;
    segment_fixture_put(&scene->fixture, &scene->token);
    assert_int_equal(verify_from(scene, NULL), TKR_VERDICT_IP_NOT_ALLOWED);
    assert_int_equal(verify_from(scene, "10.2.0.1"), TKR_VERDICT_IP_NOT_ALLOWED);
    assert_int_equal(verify_from(scene, "2001:db9::1"), TKR_VERDICT_IP_NOT_ALLOWED);
    assert_int_equal(verify_from(scene, "10.1.255.1"), TKR_VERDICT_VALID);
    assert_int_equal(verify_from(scene, "2001:db8:ffff::1"), TKR_VERDICT_VALID);
}

static void test_a_missing_scope_is_named(void **state)
{
    struct scene *scene = *state;
    scene->token.scopes = "logs:read orders:*";
    scene->token.scopes_length = strlen(scene->token.scopes);
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_text scopes[] = {{"orders:write", 12}, {"logs:write", 10}};
    struct verify_request request = {.token = TOKEN,
                                     .token_length = strlen(TOKEN),
                                     .scopes = scopes,
                                     .scope_count = 2,
                                     .cost = 1};
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                     TKR_VERDICT_INSUFFICIENT_SCOPE);
    assert_ptr_equal(scene->result.missing_scope, scopes[1].text);
    assert_int_equal(scene->result.missing_scope_length, 10);
    request.scope_count = 1;
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result), TKR_VERDICT_VALID);
    assert_null(scene->result.missing_scope);
}

static void test_the_first_failing_check_is_the_one_reported(void **state)
{
    struct scene *scene = *state;
    struct cidr network;
    assert_int_equal(cidr_parse("10.0.0.0/8", 10, &network), TKR_OK);
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 0, 0, 0);
    struct verify_text scope = {"a:b", 3};
    struct verify_request request = {.token = TOKEN,
                                     .token_length = strlen(TOKEN),
                                     .user = "bob",
                                     .user_length = 3,
                                     .scopes = &scope,
                                     .scope_count = 1,
                                     .cost = 1};
    scene->token.cidrs = &network;
    scene->token.cidr_count = 1;
    scene->token.expires_at_ms = FIXTURE_WALL_MS - 1;
    scene->token.not_before_ms = FIXTURE_WALL_MS + 1;
    scene->token.flags = SEGMENT_TOKEN_DISABLED | SEGMENT_TOKEN_QUARANTINED;
    put_user(scene, SEGMENT_USER_SUSPENDED, NULL);
    /* Everything is wrong; what is mended, one after the other, is no longer reported. */
    static const tkr_verdict_t order[] = {
        TKR_VERDICT_DISABLED,       TKR_VERDICT_QUARANTINED,        TKR_VERDICT_NOT_YET_VALID,
        TKR_VERDICT_EXPIRED,        TKR_VERDICT_USER_SUSPENDED,     TKR_VERDICT_USER_MISMATCH,
        TKR_VERDICT_IP_NOT_ALLOWED, TKR_VERDICT_INSUFFICIENT_SCOPE, TKR_VERDICT_RATE_LIMITED,
        TKR_VERDICT_VALID,
    };
    for (size_t step = 0; step < sizeof order / sizeof order[0]; step++) {
        segment_fixture_put(&scene->fixture, &scene->token);
        assert_int_equal(verify_token(scene->verifier, &request, &scene->result), order[step]);
        scene->token.flags = step == 0 ? SEGMENT_TOKEN_QUARANTINED : 0;
        scene->token.not_before_ms = step < 2 ? scene->token.not_before_ms : 0;
        scene->token.expires_at_ms = step < 3 ? scene->token.expires_at_ms : 0;
        put_user(scene, step < 4 ? SEGMENT_USER_SUSPENDED : 0, NULL);
        request.user = step < 5 ? "bob" : "alice";
        request.user_length = strlen(request.user);
        scene->token.cidr_count = step < 6;
        scene->token.scopes = "a:b";
        scene->token.scopes_length = step < 7 ? 0 : 3;
        if (step == 8) {
            segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 5, 5, 5);
        }
    }
}

/* --- limits ------------------------------------------------------------------------------- */

static void test_one_request_more_than_the_limit_is_refused(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 3, 1000, LIMIT_NONE);
    segment_fixture_put(&scene->fixture, &scene->token);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(verify(scene), TKR_VERDICT_VALID);
        assert_int_equal(scene->result.window_count, 2);
        assert_int_equal(scene->result.windows[0].remaining, 2 - i);
        assert_int_equal(scene->result.windows[1].remaining, 999 - i);
    }
    assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(scene->result.windows[0].window, WINDOW_MINUTE);
    assert_int_equal(scene->result.windows[0].remaining, 0);
    assert_int_equal(scene->result.windows[1].remaining, 997);
    assert_true(scene->result.retry_after_ms > 0 && scene->result.retry_after_ms <= 63200);
    segment_fixture_advance(&scene->fixture, scene->result.retry_after_ms - 1);
    assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
    segment_fixture_advance(&scene->fixture, 1);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
}

static void test_a_request_refused_by_one_window_consumes_nothing_of_the_others(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_BOTH, 100, 100, 2);
    segment_fixture_put(&scene->fixture, &scene->token);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
    }
    assert_int_equal(scene->result.window_count, 6);
    for (int i = 0; i < 6; i++) {
        bool day = scene->result.windows[i].window == WINDOW_DAY;
        assert_int_equal(scene->result.windows[i].remaining, day ? 0 : 98);
    }
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
    assert_int_equal(total, 2);
}

static void test_the_limit_of_a_user_is_shared_by_its_tokens(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_USER, 3, LIMIT_NONE, LIMIT_NONE);
    struct segment_token other = segment_fixture_token(&scene->fixture, TOKEN "other");
    segment_fixture_put(&scene->fixture, &other);
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.windows[0].subject, LIMITS_OF_USER);
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "other", &scene->result),
                     TKR_VERDICT_VALID);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(verify(scene), TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(segment_fixture_verify(scene->verifier, TOKEN "other", &scene->result),
                     TKR_VERDICT_RATE_LIMITED);
}

static void test_a_user_that_must_be_limited_and_has_no_line_is_unavailable(void **state)
{
    struct scene *scene = *state;
    struct segment_fixture *fixture = &scene->fixture;
    segment_fixture_limit(fixture, LIMITS_OF_USER, 3, LIMIT_NONE, LIMIT_NONE);
    assert_int_equal(segment_writer_put_user(fixture->writer, fixture->org, "bob", 3, 0,
                                             SEGMENT_NO_LINE, NULL, &scene->token.user),
                     TKR_OK);
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_UNAVAILABLE);
}

static void test_overrides_beat_the_tier_for_their_own_subject(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_BOTH, 10, 20, LIMIT_NONE);
    scene->token.overrides = (struct limits){.set = 1 << WINDOW_MINUTE, .limit = {50}};
    struct limits user = {.set = 1 << WINDOW_DAY, .limit = {0, 0, 70}};
    put_user(scene, 0, &user);
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.window_count, 5);
    static const uint32_t limits[5] = {50, 20, 10, 20, 70};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(scene->result.windows[i].limit, limits[i]);
    }
}

static void test_an_override_may_lift_a_limit(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 0, LIMIT_NONE, LIMIT_NONE);
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_RATE_LIMITED);
    scene->token.overrides = (struct limits){.set = 1 << WINDOW_MINUTE, .limit = {LIMIT_NONE}};
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.window_count, 0);
}

static void test_a_dry_run_decides_and_consumes_nothing(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 2, 2, 2);
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_request request = {
        .token = TOKEN, .token_length = strlen(TOKEN), .cost = 2, .dry_run = true};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                         TKR_VERDICT_VALID);
        assert_int_equal(scene->result.windows[0].remaining, 2);
    }
    request.cost = 3;
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                     TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(scene->result.retry_after_ms, 0);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
    assert_int_equal(total, 0);
    assert_int_equal(last_used_ms, 0);
}

static void test_a_cost_of_nothing_needs_room_and_takes_none(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 2, LIMIT_NONE, LIMIT_NONE);
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_request request = {.token = TOKEN, .token_length = strlen(TOKEN), .cost = 0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                         TKR_VERDICT_VALID);
        assert_int_equal(scene->result.windows[0].remaining, 2);
    }
    request.cost = 2;
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result), TKR_VERDICT_VALID);
    request.cost = 0;
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                     TKR_VERDICT_RATE_LIMITED);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
    assert_int_equal(total, 6);
}

static void test_a_management_call_touches_no_window(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 0, 0, 0);
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_request request = {
        .token = TOKEN, .token_length = strlen(TOKEN), .cost = 1, .no_limits = true};
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.window_count, 0);
}

/* --- explain -------------------------------------------------------------------------------- */

static void test_an_explanation_goes_on_after_the_first_failure(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 1, LIMIT_NONE, LIMIT_NONE);
    scene->token.expires_at_ms = 1;
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_text scope = {"a:b", 3};
    struct verify_explanation explanation;
    struct verify_request request = {.token = TOKEN,
                                     .token_length = strlen(TOKEN),
                                     .scopes = &scope,
                                     .scope_count = 1,
                                     .cost = 1,
                                     .explain = &explanation};
    for (int i = 0; i < 3; i++) { /* refused, so the one request that is allowed stays there */
        assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                         TKR_VERDICT_EXPIRED);
        static const enum verify_outcome wanted[CHECK_COUNT] = {
            [CHECK_SHAPE] = OUTCOME_PASSED,       [CHECK_KNOWN] = OUTCOME_PASSED,
            [CHECK_REVOKED] = OUTCOME_PASSED,     [CHECK_DISABLED] = OUTCOME_PASSED,
            [CHECK_NOT_BEFORE] = OUTCOME_PASSED,  [CHECK_EXPIRY] = OUTCOME_FAILED,
            [CHECK_USER_ACTIVE] = OUTCOME_PASSED, [CHECK_USER_BINDING] = OUTCOME_NOT_ASKED,
            [CHECK_NETWORK] = OUTCOME_NOT_ASKED,  [CHECK_SCOPES] = OUTCOME_FAILED,
            [CHECK_LIMITS] = OUTCOME_PASSED,      [CHECK_CREDITS] = OUTCOME_NOT_ASKED,
        };
        for (int check = 0; check < CHECK_COUNT; check++) {
            assert_int_equal(explanation.outcome[check], wanted[check]);
        }
    }
}

static void test_an_explained_valid_token_counts_like_any_other(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 1, LIMIT_NONE, LIMIT_NONE);
    segment_fixture_put(&scene->fixture, &scene->token);
    struct verify_explanation explanation;
    struct verify_request request = {
        .token = TOKEN, .token_length = strlen(TOKEN), .cost = 1, .explain = &explanation};
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result), TKR_VERDICT_VALID);
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                     TKR_VERDICT_RATE_LIMITED);
    assert_int_equal(explanation.outcome[CHECK_LIMITS], OUTCOME_FAILED);
}

static void test_an_unknown_token_is_explained_up_to_there(void **state)
{
    struct scene *scene = *state;
    struct verify_explanation explanation;
    struct verify_request request = {
        .token = TOKEN, .token_length = strlen(TOKEN), .cost = 1, .explain = &explanation};
    assert_int_equal(verify_token(scene->verifier, &request, &scene->result),
                     TKR_VERDICT_NOT_FOUND);
    assert_int_equal(explanation.outcome[CHECK_SHAPE], OUTCOME_PASSED);
    assert_int_equal(explanation.outcome[CHECK_KNOWN], OUTCOME_FAILED);
    assert_int_equal(explanation.outcome[CHECK_REVOKED], OUTCOME_NOT_REACHED);
}

/* --- results and health ------------------------------------------------------------------------
 */

static void test_a_result_says_everything_about_the_token(void **state)
{
    struct scene *scene = *state;
    scene->token.kind = TOKEN_KIND_SERVICE;
    scene->token.env = TOKEN_ENV_TEST;
    scene->token.name = "nightly build";
    scene->token.name_length = 13;
    scene->token.scopes = "a:b c:d";
    scene->token.scopes_length = 7;
    scene->token.metadata = "{\"team\":\"blue\"}";
    scene->token.metadata_length = 15;
    scene->token.not_before_ms = FIXTURE_WALL_MS;
    scene->token.expires_at_ms = FIXTURE_WALL_MS + 5000;
    scene->token.overrides = (struct limits){.set = 1, .limit = {9}};
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    const struct verify_result *result = &scene->result;
    assert_memory_equal(result->token_id, scene->token.id, TOKEN_ID_BYTES);
    assert_int_equal(result->kind, TOKEN_KIND_SERVICE);
    assert_int_equal(result->env, TOKEN_ENV_TEST);
    static const struct {
        size_t offset;
        const char *text;
    } rows[] = {{offsetof(struct verify_result, user), "alice"},
                {offsetof(struct verify_result, org), "acme"},
                {offsetof(struct verify_result, name), "nightly build"},
                {offsetof(struct verify_result, tier), "free"},
                {offsetof(struct verify_result, scopes), "a:b c:d"},
                {offsetof(struct verify_result, metadata), "{\"team\":\"blue\"}"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct verify_text text;
        memcpy(&text, (const char *)result + rows[i].offset, sizeof text);
        assert_int_equal(text.length, strlen(rows[i].text));
        assert_memory_equal(text.text, rows[i].text, text.length);
    }
    assert_int_equal(result->not_before_ms, FIXTURE_WALL_MS);
    assert_int_equal(result->expires_at_ms, FIXTURE_WALL_MS + 5000);
    assert_int_equal(result->now_ms, FIXTURE_WALL_MS);
}

static void test_a_long_user_id_is_told_whole(void **state)
{
    struct scene *scene = *state;
    char id[USER_ID_BYTES_MAX];
    memset(id, 'u', sizeof id);
    id[sizeof id - 1] = 'z';
    assert_int_equal(segment_writer_put_user(scene->fixture.writer, scene->fixture.org, id,
                                             sizeof id, 0, SEGMENT_NO_LINE, NULL,
                                             &scene->token.user),
                     TKR_OK);
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    assert_int_equal(scene->result.user.length, sizeof id);
    assert_memory_equal(scene->result.user.text, id, sizeof id);
}

static void test_a_silent_authority_makes_everything_unavailable(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(put_and_verify(scene), TKR_VERDICT_VALID);
    virtual_clock_advance(&scene->fixture.time, FIXTURE_STALE_S * 1000);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
    assert_true(verifier_healthy(scene->verifier));
    virtual_clock_advance(&scene->fixture.time, 1);
    assert_int_equal(verify(scene), TKR_VERDICT_UNAVAILABLE);
    assert_false(verifier_healthy(scene->verifier));
    struct verify_request request = {.token = TOKEN, .token_length = strlen(TOKEN), .cost = 1};
    verify_batch(scene->verifier, &request, 1, &scene->result);
    assert_int_equal(scene->result.verdict, TKR_VERDICT_UNAVAILABLE);
    segment_fixture_advance(&scene->fixture, 0);
    assert_int_equal(verify(scene), TKR_VERDICT_VALID);
}

static void test_a_batch_says_what_single_calls_say(void **state)
{
    struct scene *scene = *state;
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 20, LIMIT_NONE, LIMIT_NONE);
    segment_fixture_put(&scene->fixture, &scene->token);
    static struct verify_request requests[50];
    static struct verify_result results[50];
    for (int i = 0; i < 50; i++) {
        const char *text = i % 2 == 0 ? TOKEN : i % 3 == 0 ? "bad" : TOKEN "unknown";
        requests[i] =
            (struct verify_request){.token = text, .token_length = strlen(text), .cost = 1};
    }
    verify_batch(scene->verifier, requests, 50, results);
    for (int i = 0; i < 50; i++) {
        tkr_verdict_t wanted = i % 3 == 0 ? TKR_VERDICT_MALFORMED : TKR_VERDICT_NOT_FOUND;
        if (i % 2 == 0) { /* 25 of them, 20 have room */
            wanted = i / 2 < 20 ? TKR_VERDICT_VALID : TKR_VERDICT_RATE_LIMITED;
        }
        assert_int_equal(results[i].verdict, wanted);
    }
}

static void test_a_directory_without_a_segment_cannot_be_opened(void **state)
{
    struct scene *scene = *state;
    struct verifier_options options = {
        .directory = "/nonexistent/tokenry", .clock = &scene->fixture.time.clock, .stale_s = 5};
    struct verifier *verifier = NULL;
    struct fault fault = {0};
    assert_int_equal(verifier_new(&options, &verifier, &fault), TKR_NOT_FOUND);
    assert_null(verifier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_text_that_cannot_be_a_token_is_malformed),
        TEST(test_each_bad_byte_at_each_place_is_malformed),
        TEST(test_a_text_of_513_characters_is_malformed_and_of_512_is_not),
        TEST(test_a_token_that_nobody_made_is_not_found),
        TEST(test_a_revoked_token_is_refused),
        TEST(test_a_revoked_token_cannot_be_put_back),
        TEST(test_a_disabled_token_is_refused_until_it_is_enabled),
        TEST(test_a_quarantined_token_is_refused),
        TEST(test_a_token_is_refused_before_its_time),
        TEST(test_a_token_is_refused_from_the_moment_it_expires),
        TEST(test_an_expired_token_stays_expired_when_the_clock_is_set_back),
        TEST(test_a_token_of_a_suspended_user_is_refused),
        TEST(test_a_token_is_refused_for_another_user_than_its_own),
        TEST(test_a_token_with_networks_is_refused_from_elsewhere),
        TEST(test_a_missing_scope_is_named),
        TEST(test_the_first_failing_check_is_the_one_reported),
        TEST(test_one_request_more_than_the_limit_is_refused),
        TEST(test_a_request_refused_by_one_window_consumes_nothing_of_the_others),
        TEST(test_the_limit_of_a_user_is_shared_by_its_tokens),
        TEST(test_a_user_that_must_be_limited_and_has_no_line_is_unavailable),
        TEST(test_overrides_beat_the_tier_for_their_own_subject),
        TEST(test_an_override_may_lift_a_limit),
        TEST(test_a_dry_run_decides_and_consumes_nothing),
        TEST(test_a_cost_of_nothing_needs_room_and_takes_none),
        TEST(test_a_management_call_touches_no_window),
        TEST(test_an_explanation_goes_on_after_the_first_failure),
        TEST(test_an_explained_valid_token_counts_like_any_other),
        TEST(test_an_unknown_token_is_explained_up_to_there),
        TEST(test_a_result_says_everything_about_the_token),
        TEST(test_a_long_user_id_is_told_whole),
        TEST(test_a_silent_authority_makes_everything_unavailable),
        TEST(test_a_batch_says_what_single_calls_say),
        TEST(test_a_directory_without_a_segment_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
