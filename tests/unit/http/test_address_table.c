/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "http/internal.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union address v4(uint32_t host)
{
    union address address = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)}};
    return address;
}

static union address v6(const char *text)
{
    union address address = {.v6 = {.sin6_family = AF_INET6}};
    assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
    return address;
}

static bool enter(struct address_table *table, union address address)
{
    return address_table_enter(table, &address.any);
}

static void leave(struct address_table *table, union address address)
{
    address_table_leave(table, &address.any);
}

static struct address_table *new_table(unsigned per_address, unsigned connections)
{
    struct address_table *table;
    assert_int_equal(address_table_new(per_address, connections, &table), TKR_OK);
    return table;
}

static void test_an_address_has_its_maximum_and_others_theirs(void **state)
{
    struct address_table *table = new_table(2, 8);
    assert_true(enter(table, v4(1)));
    assert_true(enter(table, v4(1)));
    assert_false(enter(table, v4(1)));
    assert_true(enter(table, v4(2)));
    leave(table, v4(1));
    assert_true(enter(table, v4(1)));
    assert_false(enter(table, v4(1)));
    address_table_free(table);
}

static void test_addresses_of_one_64_are_one_customer(void **state)
{
    struct address_table *table = new_table(1, 8);
    assert_true(enter(table, v6("2001:db8:1:2::1")));
    assert_false(enter(table, v6("2001:db8:1:2:ffff::9")));
    assert_true(enter(table, v6("2001:db8:1:3::1")));
    assert_true(enter(table, v6("::1")));
    assert_false(enter(table, v6("::2")));
    address_table_free(table);
}

static void test_a_mapped_address_is_its_ipv4_address(void **state)
{
    struct address_table *table = new_table(1, 8);
    assert_true(enter(table, v6("::ffff:192.0.2.1")));
    assert_false(enter(table, v4(0xC0000201)));
    address_table_free(table);
}

static void test_no_table_and_other_families_have_no_maximum(void **state)
{
    struct address_table *table = new_table(1, 8);
    union address local = {.any = {.sa_family = AF_UNIX}};
    for (int i = 0; i < 5; i++) {
        assert_true(enter(NULL, v4(1)));
        assert_true(enter(table, local));
    }
    leave(NULL, v4(1));
    leave(table, local);
    address_table_free(table);
    address_table_free(NULL);
}

/* Against plain counts: runs form, holes are filled, nothing is lost. */
static void test_it_agrees_with_plain_counts(void **state)
{
    enum { ADDRESSES = 40, OPEN_MAX_HERE = 60 };
    struct address_table *table = new_table(3, OPEN_MAX_HERE);
    unsigned counts[ADDRESSES] = {0}, open = 0;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        unsigned a = (unsigned)rand() % ADDRESSES;
        if (rand() % 2 == 0 && open < OPEN_MAX_HERE) {
            bool entered = enter(table, v4(a));
            assert_int_equal(entered, counts[a] < 3);
            counts[a] += entered;
            open += entered;
        } else if (counts[a] > 0) {
            leave(table, v4(a));
            counts[a]--;
            open--;
        }
    }
    address_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_has_its_maximum_and_others_theirs),
        cmocka_unit_test(test_addresses_of_one_64_are_one_customer),
        cmocka_unit_test(test_a_mapped_address_is_its_ipv4_address),
        cmocka_unit_test(test_no_table_and_other_families_have_no_maximum),
        cmocka_unit_test(test_it_agrees_with_plain_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
