/* SPDX-License-Identifier: Apache-2.0 */
/* Credits over a whole authority: lineages, restarts, a disk that is full at the wrong moment. */
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
#include "faulty_vfs.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
    struct answer token;
};

static void start(struct context *context)
{
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
}

/* A token with 10 credits and 6 a day. */
static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    struct token_create create = fixture_token("ci");
    struct credits_asked credits = {.operation = CREDITS_SET,
                                    .amount = 10,
                                    .has_refill = true,
                                    .interval = CREDITS_DAILY,
                                    .refill = 6};
    faulty_vfs_register();
    authority_fixture_init(&context->fixture);
    context->fixture.vfs = FAULTY_VFS;
    start(context);
    create.credits = &credits;
    context->token = fixture_create(&context->fixture, &fixture_admin, &create);
    assert_int_equal(context->token.error, TKR_OK);
    assert_int_equal(arena_new(1 << 20, &context->arena), TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    faulty_vfs_set(FAULT_NONE);
    authority_fixture_close(&context->fixture);
    arena_free(context->arena);
    free(context);
    return 0;
}

/* --- calls that wait --------------------------------------------------------------------- */

struct outcome {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
    tkr_error_t error;
    bool replayed;
    struct reservation reservation;
    struct token_credits credits, of_token;
    char id[TOKEN_ID_CHARS + 1]; /* of the token */
};

static void take(void *context, const struct change_result *result)
{
    struct outcome *outcome = context;
    pthread_mutex_lock(&outcome->mutex);
    outcome->error = result->error;
    outcome->replayed = result->replayed;
    outcome->reservation = result->reservation;
    outcome->credits = result->credits;
    outcome->of_token = result->token.credits;
    memcpy(outcome->id, result->token.id, sizeof(outcome->id));
    outcome->done = true;
    pthread_cond_signal(&outcome->answered);
    pthread_mutex_unlock(&outcome->mutex);
}

static void outcome_init(struct outcome *outcome)
{
    memset(outcome, 0, sizeof(*outcome));
    pthread_mutex_init(&outcome->mutex, NULL);
    pthread_cond_init(&outcome->answered, NULL);
}

static struct outcome wait_for(struct outcome *outcome, tkr_error_t called)
{
    assert_int_equal(called, TKR_OK);
    pthread_mutex_lock(&outcome->mutex);
    while (!outcome->done) {
        pthread_cond_wait(&outcome->answered, &outcome->mutex);
    }
    pthread_mutex_unlock(&outcome->mutex);
    return *outcome;
}

static struct outcome set_once(struct context *context, const char *id, struct credits_asked asked,
                               const char *key)
{
    struct outcome outcome;
    struct credits_change change = {.token_id = id, .asked = asked, .idempotency_key = key};
    outcome_init(&outcome);
    return wait_for(&outcome, authority_set_credits(context->fixture.authority, &fixture_admin,
                                                    &change, take, &outcome, NULL));
}

static struct outcome set(struct context *context, const char *id, struct credits_asked asked)
{
    return set_once(context, id, asked, NULL);
}

static struct outcome reserve(struct context *context, uint64_t amount)
{
    struct outcome outcome;
    struct reserve_asked asked = {.token_id = context->token.id, .amount = amount, .ttl_s = 3600};
    outcome_init(&outcome);
    return wait_for(&outcome, authority_reserve(context->fixture.authority, &fixture_admin, &asked,
                                                take, &outcome, NULL));
}

static struct outcome settle(struct context *context, const char *id, uint64_t amount)
{
    struct outcome outcome;
    outcome_init(&outcome);
    return wait_for(&outcome, authority_settle(context->fixture.authority, &fixture_admin, id,
                                               amount, take, &outcome, NULL));
}

static int64_t remaining(struct context *context, const char *id)
{
    struct token token;
    assert_int_equal(
        authority_get_token(context->fixture.authority, &fixture_admin, id, context->arena, &token),
        TKR_OK);
    return token.credits.unlimited ? -1 : (int64_t)token.credits.remaining;
}

static tkr_verdict_t verify(struct context *context, const struct answer *token)
{
    return fixture_verify(&context->fixture, token->plaintext);
}

static void use(struct context *context, int times)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(verify(context, &context->token), TKR_VERDICT_VALID);
    }
}

/* --- lineages ---------------------------------------------------------------------------- */

static void test_a_rotation_neither_resets_nor_doubles_credits(void **state)
{
    struct context *context = *state;
    struct token_rotate asked = {.has_grace = true, .grace_ms = HOUR_MS};
    use(context, 4);
    struct answer successor =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    assert_int_equal(successor.error, TKR_OK);
    assert_int_equal(remaining(context, successor.id), 6);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    use(context, 5);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
}

static void test_versions_get_and_lose_credits_together(void **state)
{
    struct context *context = *state;
    struct token_rotate asked = {.has_grace = true, .grace_ms = HOUR_MS};
    struct answer successor =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &asked);
    struct credits_asked unlimited = {.unlimited = true};
    struct credits_asked two = {.operation = CREDITS_SET, .amount = 2};
    assert_int_equal(set(context, context->token.id, unlimited).error, TKR_OK);
    assert_int_equal(remaining(context, successor.id), -1);
    use(context, 20);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    assert_int_equal(set(context, successor.id, two).of_token.remaining, 2);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_VALID);
    use(context, 1);
    assert_int_equal(verify(context, &successor), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM credits"), 1);
}

/* --- restarts ---------------------------------------------------------------------------- */

static void test_a_restart_finds_what_was_left(void **state)
{
    struct context *context = *state;
    use(context, 3);
    struct outcome reserved = reserve(context, 4);
    assert_int_equal(reserved.credits.remaining, 3);
    for (int round = 0; round < 2; round++) { /* taken over, and built anew from the database */
        authority_fixture_stop(&context->fixture);
        if (round == 1) {
            temp_directory_remove(&context->fixture.runtime);
            temp_directory_make(&context->fixture.runtime);
        }
        start(context);
        assert_int_equal(remaining(context, context->token.id), 3);
    }
    assert_int_equal(settle(context, reserved.reservation.id, 1).error, TKR_OK);
    assert_int_equal(remaining(context, context->token.id), 6);
    use(context, 6);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
}

static void test_what_somebody_wrote_into_the_usage_file_is_put_right_at_start(void **state)
{
    struct context *context = *state;
    struct token token = fixture_stored(&context->fixture, context->token.id, context->arena);
    struct segment_credits much = {{credits_period(CREDITS_DAILY, 0), 1000}, 1000};
    struct segment_credits found;
    struct credits_amount used;
    struct segment_writer *segment = context->fixture.authority->segment;
    assert_int_equal(segment_writer_put_credits(segment, token.credit_line, &much), TKR_OK);
    authority_fixture_stop(&context->fixture);
    start(context);
    segment = context->fixture.authority->segment;
    assert_int_equal(segment_writer_read_credits(segment, token.credit_line, &found, &used),
                     TKR_OK);
    assert_int_equal(found.allowance.amount, 10);
    assert_int_equal(found.refill, 6);
    assert_int_equal(remaining(context, context->token.id), 10);
}

static void test_a_refill_that_came_while_nothing_ran_is_there(void **state)
{
    struct context *context = *state;
    use(context, 10);
    authority_fixture_stop(&context->fixture);
    virtual_clock_advance(&context->fixture.time, DAY_MS);
    start(context);
    assert_int_equal(remaining(context, context->token.id), 6);
}

/* --- a disk that is full ------------------------------------------------------------------- */

static void test_what_could_not_be_stored_was_not_taken(void **state)
{
    struct context *context = *state;
    use(context, 1);
    struct outcome open = reserve(context, 2);
    struct credits_asked more = {.operation = CREDITS_ADD, .amount = 50};
    faulty_vfs_set(FAULT_DISK_FULL);
    assert_int_equal(reserve(context, 5).error, TKR_NO_SPACE);
    assert_int_equal(remaining(context, context->token.id), 7);
    assert_int_equal(settle(context, open.reservation.id, 4).error, TKR_NO_SPACE);
    assert_int_equal(settle(context, open.reservation.id, 1).error, TKR_NO_SPACE);
    assert_int_equal(set(context, context->token.id, more).error, TKR_NO_SPACE);
    assert_int_equal(remaining(context, context->token.id), 7);
    faulty_vfs_set(FAULT_NONE);
    assert_int_equal(settle(context, open.reservation.id, 4).error, TKR_OK);
    assert_int_equal(remaining(context, context->token.id), 5);
    use(context, 5);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
}

static void test_an_update_that_could_not_be_stored_changed_neither_name_nor_credits(void **state)
{
    struct context *context = *state;
    const struct credits_asked fifty = {.operation = CREDITS_SET, .amount = 50};
    struct token_update given = {
        .has_name = true, .name = "renamed", .has_credits = true, .credits = &fifty};
    struct token_update taken = {.has_name = true, .name = "renamed", .has_credits = true};
    const struct token_update *const updates[] = {&given, &taken};
    use(context, 1);
    for (size_t i = 0; i < 2; i++) {
        faulty_vfs_set(FAULT_DISK_FULL);
        assert_int_equal(
            fixture_update(&context->fixture, &fixture_admin, context->token.id, updates[i]).error,
            TKR_NO_SPACE);
        faulty_vfs_set(FAULT_NONE);
        assert_int_equal(remaining(context, context->token.id), 9);
        struct token token = fixture_stored(&context->fixture, context->token.id, context->arena);
        assert_string_equal(token.name, "ci");
        assert_true(token.has_credit_line);
    }
    assert_int_equal(
        fixture_update(&context->fixture, &fixture_admin, context->token.id, &given).error, TKR_OK);
    assert_int_equal(remaining(context, context->token.id), 50);
    use(context, 50);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
    assert_int_equal(
        fixture_update(&context->fixture, &fixture_admin, context->token.id, &taken).error, TKR_OK);
    use(context, 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM credits"), 0);
}

static tkr_error_t too_many(struct store *store, const char *lineage_id, uint32_t credit_line,
                            struct arena *arena, char (**ret_ids)[TOKEN_ID_CHARS + 1],
                            size_t *ret_count)
{
    return TKR_CAPACITY;
}

/* The token is written by then, and its row with it. */
static void test_what_fails_alone_at_the_credits_undoes_the_update(void **state)
{
    struct context *context = *state;
    struct store_port *store = &context->fixture.port;
    struct token_update taken = {.has_name = true, .name = "renamed", .has_credits = true};
    store->list_lineage = too_many;
    assert_int_equal(
        fixture_update(&context->fixture, &fixture_admin, context->token.id, &taken).error,
        TKR_CAPACITY);
    struct token token = fixture_stored(&context->fixture, context->token.id, context->arena);
    assert_string_equal(token.name, "ci");
    assert_true(token.has_credit_line);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM credits"), 1);
    use(context, 10);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
}

/* --- once for a key ------------------------------------------------------------------------ */

static void test_a_key_whose_change_could_not_be_stored_is_free(void **state)
{
    struct context *context = *state;
    const struct credits_asked more = {.operation = CREDITS_ADD, .amount = 50};
    faulty_vfs_set(FAULT_DISK_FULL);
    assert_int_equal(set_once(context, context->token.id, more, "k").error, TKR_NO_SPACE);
    faulty_vfs_set(FAULT_NONE);
    struct outcome outcome = set_once(context, context->token.id, more, "k");
    assert_int_equal(outcome.error, TKR_OK);
    assert_false(outcome.replayed);
    assert_int_equal(outcome.of_token.remaining, 60);
}

static void test_a_key_is_known_after_a_restart(void **state)
{
    struct context *context = *state;
    const struct credits_asked more = {.operation = CREDITS_ADD, .amount = 50};
    assert_false(set_once(context, context->token.id, more, "k").replayed);
    authority_fixture_stop(&context->fixture);
    start(context);
    struct outcome outcome = set_once(context, context->token.id, more, "k");
    assert_int_equal(outcome.error, TKR_OK);
    assert_true(outcome.replayed);
    assert_int_equal(outcome.of_token.remaining, 60);
}

/* Both are asked before either is stored. */
static void test_two_of_one_batch_with_the_same_key_are_one(void **state)
{
    enum { TIMES = 20 };
    struct context *context = *state;
    struct outcome outcomes[TIMES];
    struct credits_change change = {.token_id = context->token.id,
                                    .asked = {.operation = CREDITS_ADD, .amount = 5},
                                    .idempotency_key = "k"};
    for (int i = 0; i < TIMES; i++) {
        outcome_init(&outcomes[i]);
        assert_int_equal(authority_set_credits(context->fixture.authority, &fixture_admin, &change,
                                               take, &outcomes[i], NULL),
                         TKR_OK);
    }
    int done = 0;
    for (int i = 0; i < TIMES; i++) { /* all, before anything fails: they are on the stack */
        (void)wait_for(&outcomes[i], TKR_OK);
    }
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(outcomes[i].error, TKR_OK);
        assert_int_equal(outcomes[i].of_token.remaining, 15);
        done += !outcomes[i].replayed;
    }
    assert_int_equal(done, 1);
    assert_int_equal(remaining(context, context->token.id), 15);
}

/* --- whose account it is ------------------------------------------------------------------ */

static tkr_error_t set_by(struct context *context, const char *by_id, const char *id,
                          struct credits_asked asked)
{
    struct outcome outcome;
    struct credits_change change = {.token_id = id, .asked = asked};
    struct principal by = fixture_alice;
    by.token_id = by_id;
    by.scopes = "api:read credits:write tokens:write";
    outcome_init(&outcome);
    return wait_for(&outcome, authority_set_credits(context->fixture.authority, &by, &change, take,
                                                    &outcome, NULL))
        .error;
}

static void make_own_key(struct context *context, const char *metadata,
                         char ret_id[TOKEN_ID_CHARS + 1])
{
    struct outcome outcome;
    struct token_create create = fixture_token("key");
    create.metadata = metadata;
    struct principal by = fixture_alice;
    by.token_id = context->token.id;
    outcome_init(&outcome);
    struct outcome made =
        wait_for(&outcome, authority_create_own_key(context->fixture.authority, &by, &create, false,
                                                    take, &outcome, NULL));
    assert_int_equal(made.error, TKR_OK);
    memcpy(ret_id, made.id, sizeof(made.id));
}

static void test_nobody_gives_themselves_credits_by_way_of_another_version(void **state)
{
    struct context *context = *state;
    struct token_rotate rotation = {.has_grace = true, .grace_ms = HOUR_MS};
    struct credits_asked add = {.operation = CREDITS_ADD, .amount = 1000};
    struct credits_asked unlimited = {.unlimited = true};
    struct answer successor =
        fixture_rotate(&context->fixture, &fixture_admin, context->token.id, &rotation);
    assert_int_equal(set_by(context, context->token.id, successor.id, add), TKR_FORBIDDEN);
    assert_int_equal(set_by(context, context->token.id, successor.id, unlimited), TKR_FORBIDDEN);
    assert_int_equal(set_by(context, successor.id, context->token.id, add), TKR_FORBIDDEN);
    assert_int_equal(remaining(context, successor.id), 10);
}

static void test_nobody_gives_themselves_credits_by_way_of_a_key_of_their_own(void **state)
{
    struct context *context = *state;
    struct token_create other = fixture_token("other");
    struct credits_asked add = {.operation = CREDITS_ADD, .amount = 1000};
    char key[TOKEN_ID_CHARS + 1];
    make_own_key(context, NULL, key);
    struct answer somebody = fixture_create(&context->fixture, &fixture_admin, &other);
    assert_int_equal(set_by(context, context->token.id, key, add), TKR_FORBIDDEN);
    assert_int_equal(set_by(context, key, context->token.id, add), TKR_FORBIDDEN);
    assert_int_equal(remaining(context, key), 10);
    assert_int_equal(set_by(context, somebody.id, key, add), TKR_OK);
    assert_int_equal(remaining(context, context->token.id), 1010);
}

/* They may be far more than the memory of a change has room for. */
static void test_many_large_keys_get_and_lose_credits_together(void **state)
{
    enum { KEYS = 19 };
    struct context *context = *state;
    char keys[KEYS][TOKEN_ID_CHARS + 1];
    char metadata[4000];
    snprintf(metadata, sizeof(metadata), "{\"a\":\"%*s\"}", (int)sizeof(metadata) - 9, "b");
    for (int i = 0; i < KEYS; i++) {
        make_own_key(context, metadata, keys[i]);
    }
    struct credits_asked unlimited = {.unlimited = true};
    assert_int_equal(set(context, context->token.id, unlimited).error, TKR_OK);
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(remaining(context, keys[i]), -1);
    }
}

/* --- many at once -------------------------------------------------------------------------- */

#define ASKED 40

/* More than one batch can hold is asked at once: what was reserved and what is left are ten. */
static void test_reservations_of_one_batch_share_what_there_is(void **state)
{
    struct context *context = *state;
    struct outcome outcomes[ASKED];
    struct reserve_asked asked = {.token_id = context->token.id, .amount = 3, .ttl_s = 3600};
    for (int i = 0; i < ASKED; i++) {
        outcome_init(&outcomes[i]);
        assert_int_equal(authority_reserve(context->fixture.authority, &fixture_admin, &asked, take,
                                           &outcomes[i], NULL),
                         TKR_OK);
    }
    int reserved = 0;
    for (int i = 0; i < ASKED; i++) {
        tkr_error_t error = wait_for(&outcomes[i], TKR_OK).error;
        assert_true(error == TKR_OK || error == TKR_QUOTA);
        reserved += error == TKR_OK;
    }
    assert_int_equal(reserved, 3);
    assert_int_equal(remaining(context, context->token.id), 1);
    use(context, 1);
    assert_int_equal(verify(context, &context->token), TKR_VERDICT_QUOTA_EXCEEDED);
}

static void test_a_cleanup_takes_the_credits_along(void **state)
{
    struct context *context = *state;
    assert_int_equal(
        fixture_revoke(&context->fixture, &fixture_admin, context->token.id, NULL).error, TKR_OK);
    virtual_clock_advance(&context->fixture.time, HOUR_MS);
    segment_writer_beat(context->fixture.authority->segment, NULL);
    struct cleanup cleanup = {.before_ms =
                                  segment_writer_now_ms(context->fixture.authority->segment) - 1};
    assert_int_equal(fixture_cleanup(&context->fixture, &fixture_admin, &cleanup).cleanup.count, 1);
    assert_int_equal(fixture_query(&context->fixture, "SELECT count(*) FROM credits"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_gives_themselves_credits_by_way_of_another_version),
        TEST(test_nobody_gives_themselves_credits_by_way_of_a_key_of_their_own),
        TEST(test_many_large_keys_get_and_lose_credits_together),
        TEST(test_a_rotation_neither_resets_nor_doubles_credits),
        TEST(test_versions_get_and_lose_credits_together),
        TEST(test_a_restart_finds_what_was_left),
        TEST(test_what_somebody_wrote_into_the_usage_file_is_put_right_at_start),
        TEST(test_a_refill_that_came_while_nothing_ran_is_there),
        TEST(test_what_could_not_be_stored_was_not_taken),
        TEST(test_an_update_that_could_not_be_stored_changed_neither_name_nor_credits),
        TEST(test_what_fails_alone_at_the_credits_undoes_the_update),
        TEST(test_a_key_whose_change_could_not_be_stored_is_free),
        TEST(test_a_key_is_known_after_a_restart),
        TEST(test_two_of_one_batch_with_the_same_key_are_one),
        TEST(test_reservations_of_one_batch_share_what_there_is),
        TEST(test_a_cleanup_takes_the_credits_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
