/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/cidr.h"
#include "policy/limits_order.h"

#define SET(a, b, c)                                                                               \
    {                                                                                              \
        .set = 7, .limit = {(a), (b), (c) }                                                        \
    }

static struct tier tier_of(enum limits_subject subject, struct limits limits)
{
    return (struct tier){.name = "t", .limits = limits, .subject = subject};
}

static bool within(const struct tier *asked, const struct tier *bound)
{
    enum window unused;
    return tier_within(asked, bound, &unused);
}

static void test_a_tier_that_allows_more_in_any_window_is_not_within(void **state)
{
    struct tier free = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(60, 1000, 10000));
    struct tier pro = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(60, 1001, 10000));
    enum window window = WINDOW_MINUTE;
    assert_false(tier_within(&pro, &free, &window));
    assert_int_equal(window, WINDOW_HOUR);
}

static void test_a_window_without_a_limit_is_not_within_one_with(void **state)
{
    struct tier bound = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(60, 1000, 10000));
    struct tier silent = tier_of(LIMITS_OF_TOKEN, (struct limits){.set = 3, .limit = {1, 1, 1}});
    struct tier unlimited = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(1, 1, LIMIT_NONE));
    assert_false(within(&silent, &bound));
    assert_false(within(&unlimited, &bound));
}

static void test_limits_of_each_token_are_not_within_limits_of_the_user(void **state)
{
    struct tier user = tier_of(LIMITS_OF_USER, (struct limits)SET(60, 1000, 10000));
    struct tier token = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(1, 1, 1));
    struct tier both = tier_of(LIMITS_OF_BOTH, (struct limits)SET(60, 1000, 10000));
    assert_false(within(&token, &user)); /* many tokens would pass more */
    assert_true(within(&both, &user));
    assert_true(within(&user, &both));
    assert_true(
        within(&user, &(struct tier){.limits = SET(60, 1000, 10000), .subject = LIMITS_OF_TOKEN}));
}

static void test_a_tier_is_within_itself_and_within_none(void **state)
{
    struct tier nothing = tier_of(LIMITS_OF_BOTH, (struct limits){0});
    for (size_t i = 0; i < TIERS_SHIPPED; i++) {
        assert_true(within(&tiers_shipped[i], &tiers_shipped[i]));
        assert_true(within(&tiers_shipped[i], &nothing));
        assert_int_equal(within(&tiers_shipped[i], &tiers_shipped[0]), i == 0);
    }
}

static void test_the_limit_of_a_token_is_the_narrowest_that_applies(void **state)
{
    struct limits more = {.set = 1, .limit = {100}}, less = {.set = 1, .limit = {7}};
    struct limits none = {0};
    struct tier token = tier_of(LIMITS_OF_TOKEN, (struct limits)SET(60, 1000, LIMIT_NONE));
    struct tier user = tier_of(LIMITS_OF_USER, (struct limits)SET(60, 1000, 10000));
    assert_int_equal(limit_of_token(&token, &none, WINDOW_MINUTE), 60);
    assert_int_equal(limit_of_token(&token, &more, WINDOW_MINUTE), 100);
    assert_int_equal(limit_of_token(&token, &less, WINDOW_MINUTE), 7);
    assert_true(limit_of_token(&token, &less, WINDOW_DAY) == LIMIT_NONE);
    assert_int_equal(limit_of_token(&user, &more, WINDOW_MINUTE), 60);
    assert_int_equal(limit_of_token(&user, &less, WINDOW_MINUTE), 7);
}

static struct cidr network(const char *text)
{
    struct cidr cidr;
    assert_int_equal(cidr_parse(text, __builtin_strlen(text), &cidr), TKR_OK);
    return cidr;
}

static void test_a_network_is_within_another_of_fewer_bits_that_holds_it(void **state)
{
    static const struct {
        const char *inner, *outer;
        bool within;
    } rows[] = {
        {"10.1.0.0/16", "10.0.0.0/8", true},   {"10.0.0.0/8", "10.0.0.0/8", true},
        {"10.0.0.0/8", "10.1.0.0/16", false},  {"11.0.0.0/16", "10.0.0.0/8", false},
        {"0.0.0.0/0", "10.0.0.0/8", false},    {"2001:db8::/48", "2001:db8::/32", true},
        {"2001:db8::/48", "0.0.0.0/0", false}, {"10.0.0.1", "10.0.0.0/31", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cidr inner = network(rows[i].inner), outer = network(rows[i].outer);
        assert_int_equal(cidr_within(&inner, &outer), rows[i].within);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tier_that_allows_more_in_any_window_is_not_within),
        cmocka_unit_test(test_a_window_without_a_limit_is_not_within_one_with),
        cmocka_unit_test(test_limits_of_each_token_are_not_within_limits_of_the_user),
        cmocka_unit_test(test_a_tier_is_within_itself_and_within_none),
        cmocka_unit_test(test_the_limit_of_a_token_is_the_narrowest_that_applies),
        cmocka_unit_test(test_a_network_is_within_another_of_fewer_bits_that_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
