/* SPDX-License-Identifier: Apache-2.0 */
/* Which tokens had a success in a minute, and which refusals are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/auth_repeats.h"
#include "engine/auth_seen.h"

#define NOW 1767225600000LL /* the start of a minute */
#define MINUTE 60000

static void make_id(uint64_t number, uint8_t ret_id[TOKEN_ID_BYTES])
{
    memset(ret_id, 0, TOKEN_ID_BYTES);
    memcpy(ret_id + 6, &number, sizeof(number));
}

/* --- successes ------------------------------------------------------------------------------- */

static int new_seen(void **state)
{
    struct auth_seen *seen;
    assert_int_equal(auth_seen_new(&seen), TKR_OK);
    *state = seen;
    return 0;
}

static int free_state(void **state)
{
    free(*state);
    return 0;
}

static bool take(void **state, uint64_t number, int64_t now_ms)
{
    uint8_t id[TOKEN_ID_BYTES];
    make_id(number, id);
    return auth_seen_take(*state, id, now_ms);
}

static void test_the_first_of_a_token_in_a_minute_is_new(void **state)
{
    assert_false(take(state, 1, NOW));
    assert_true(take(state, 1, NOW + 1));
    assert_true(take(state, 1, NOW + MINUTE - 1));
    assert_false(take(state, 1, NOW + MINUTE));
    assert_true(take(state, 1, NOW + MINUTE));
    assert_false(take(state, 2, NOW + MINUTE));
}

static void test_many_tokens_are_told_apart(void **state)
{
    size_t again = 0;
    for (uint64_t i = 1; i <= AUTH_SEEN_TOKENS / 4; i++) {
        assert_false(take(state, i, NOW)); /* a false "seen" would be an event less */
    }
    for (uint64_t i = 1; i <= AUTH_SEEN_TOKENS / 4; i++) {
        again += take(state, i, NOW + 1);
    }
    assert_true(again > AUTH_SEEN_TOKENS / 4 * 99 / 100);
}

static void test_more_tokens_than_there_is_room_for_are_events_more(void **state)
{
    for (uint64_t i = 1; i <= 4 * AUTH_SEEN_TOKENS; i++) {
        assert_false(take(state, i, NOW));
    }
    assert_true(take(state, 4 * AUTH_SEEN_TOKENS, NOW));
}

static void test_tokens_of_an_old_minute_give_way_first(void **state)
{
    for (uint64_t i = 1; i <= AUTH_SEEN_TOKENS; i++) {
        take(state, i, NOW);
    }
    size_t again = 0;
    for (uint64_t i = 1; i <= AUTH_SEEN_TOKENS / 4; i++) {
        take(state, 2 * AUTH_SEEN_TOKENS + i, NOW + MINUTE);
    }
    for (uint64_t i = 1; i <= AUTH_SEEN_TOKENS / 4; i++) {
        again += take(state, 2 * AUTH_SEEN_TOKENS + i, NOW + MINUTE);
    }
    assert_true(again > AUTH_SEEN_TOKENS / 4 * 99 / 100);
}

/* --- refusals -------------------------------------------------------------------------------- */

static int new_repeats(void **state)
{
    *state = calloc(1, sizeof(struct auth_repeats));
    return *state != NULL ? 0 : -1;
}

static struct auth_refusal refusal(uint64_t token, uint8_t address, uint8_t outcome)
{
    struct auth_refusal made = {.client = {.family = 4, .bytes = {192, 0, 2, address}},
                                .outcome = outcome};
    make_id(token, made.token_id);
    return made;
}

/* Whether it was known; else it becomes so. */
static bool refuse(void **state, const struct auth_refusal *what, int64_t at_ms)
{
    bool known = auth_repeats_take(*state, what, at_ms);
    if (!known) {
        auth_repeats_add(*state, what, at_ms);
    }
    return known;
}

static struct auth_repeat *due(void **state, int64_t now_ms, bool all)
{
    size_t cursor = 0;
    return auth_repeats_due(*state, now_ms, all, &cursor);
}

static void test_token_address_and_outcome_tell_refusals_apart(void **state)
{
    struct auth_refusal one = refusal(1, 1, 1), token = refusal(2, 1, 1),
                        address = refusal(1, 2, 1), outcome = refusal(1, 1, 2);
    assert_false(refuse(state, &one, NOW));
    assert_false(refuse(state, &token, NOW));
    assert_false(refuse(state, &address, NOW));
    assert_false(refuse(state, &outcome, NOW));
    assert_true(refuse(state, &one, NOW));
}

static void test_addresses_of_one_ipv6_network_are_one_client(void **state)
{
    struct auth_refusal one = refusal(1, 1, 1);
    one.client = (struct ip_address){.family = 6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}};
    struct auth_refusal neighbour = one, other = one;
    neighbour.client.bytes[8] = 7;
    other.client.bytes[7] = 7;
    assert_false(refuse(state, &one, NOW));
    assert_true(refuse(state, &neighbour, NOW));
    assert_false(refuse(state, &other, NOW));
    assert_memory_equal(&due(state, NOW + MINUTE, false)->refusal, &one, sizeof(one));
}

static void test_repeats_are_due_when_the_minute_is_over(void **state)
{
    struct auth_refusal one = refusal(1, 1, 1);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(refuse(state, &one, NOW + i), i > 0);
    }
    assert_null(due(state, NOW + MINUTE - 1, false));
    struct auth_repeat *repeat = due(state, NOW + MINUTE, false);
    assert_non_null(repeat);
    assert_int_equal(repeat->count, 10);
    assert_int_equal(repeat->first_ms, NOW + 1);
    assert_int_equal(repeat->last_ms, NOW + 10);
    repeat->count = 0;
    assert_null(due(state, NOW + MINUTE, false));
    assert_false(refuse(state, &one, NOW + MINUTE));
}

static void test_at_the_end_all_repeats_are_due(void **state)
{
    struct auth_refusal one = refusal(1, 1, 1);
    refuse(state, &one, NOW);
    assert_null(due(state, NOW, true));
    refuse(state, &one, NOW);
    assert_non_null(due(state, NOW, true));
}

static void test_repeats_that_cannot_be_told_go_on_being_counted(void **state)
{
    struct auth_refusal one = refusal(1, 1, 1);
    refuse(state, &one, NOW);
    refuse(state, &one, NOW);
    assert_true(refuse(state, &one, NOW + 5 * MINUTE));
    assert_int_equal(due(state, NOW + 5 * MINUTE, false)->count, 2);
}

static void test_what_finds_no_place_is_new_each_time_and_takes_nobodys(void **state)
{
    size_t known = 0, kept = 0;
    for (uint64_t i = 1; i <= 4 * AUTH_REPEATS_MAX; i++) {
        struct auth_refusal one = refusal(i, 1, 1);
        known += refuse(state, &one, NOW);
    }
    assert_int_equal(known, 0);
    for (uint64_t i = 1; i <= 4 * AUTH_REPEATS_MAX; i++) {
        struct auth_refusal one = refusal(i, 1, 1);
        kept += refuse(state, &one, NOW);
    }
    assert_true(kept > AUTH_REPEATS_MAX * 9 / 10 && kept <= AUTH_REPEATS_MAX);
}

#define SEEN(name) cmocka_unit_test_setup_teardown(name, new_seen, free_state)
#define REPEATS(name) cmocka_unit_test_setup_teardown(name, new_repeats, free_state)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEEN(test_the_first_of_a_token_in_a_minute_is_new),
        SEEN(test_many_tokens_are_told_apart),
        SEEN(test_more_tokens_than_there_is_room_for_are_events_more),
        SEEN(test_tokens_of_an_old_minute_give_way_first),
        REPEATS(test_token_address_and_outcome_tell_refusals_apart),
        REPEATS(test_addresses_of_one_ipv6_network_are_one_client),
        REPEATS(test_repeats_are_due_when_the_minute_is_over),
        REPEATS(test_at_the_end_all_repeats_are_due),
        REPEATS(test_repeats_that_cannot_be_told_go_on_being_counted),
        REPEATS(test_what_finds_no_place_is_new_each_time_and_takes_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
