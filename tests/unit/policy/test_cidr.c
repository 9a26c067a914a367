/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "policy/cidr.h"
#include "seeded_random.h"

static struct ip_address ip(const char *text)
{
    struct ip_address address;
    assert_int_equal(ip_parse(text, strlen(text), &address), TKR_OK);
    return address;
}

static struct cidr net(const char *text)
{
    struct cidr cidr;
    assert_int_equal(cidr_parse(text, strlen(text), &cidr), TKR_OK);
    return cidr;
}

static bool contains(const char *network, const char *address)
{
    struct cidr cidr = net(network);
    struct ip_address a = ip(address);
    return cidr_contains(&cidr, &a);
}

static void test_texts_that_are_no_address(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "10",
        "10.1",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.01",
        "10.0.0.1 ",
        " 10.0.0.1",
        "10.0.0.1.",
        "10..0.1",
        "0x0a.0.0.1",
        "10.0.0.1:80",
        "10.0.0.-1",
        "1.2.3.4.5",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "g::",
        "fe80::1%eth0",
        "fe80::1%1",
        "[::1]",
        "::1/128",
        "::1.2.3.256",
        "localhost",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ip_address address = {.family = 9};
        assert_int_equal(ip_parse(bad[i], strlen(bad[i]), &address), TKR_MALFORMED);
        assert_int_equal(address.family, 9);
    }
    struct ip_address address;
    assert_int_equal(ip_parse("10.0.0.1\0", 9, &address), TKR_MALFORMED);
    assert_int_equal(ip_parse(NULL, 0, &address), TKR_MALFORMED);
}

static void test_texts_that_are_no_network(void **state)
{
    static const char *const bad[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.0.0.0/ 8",
        "10.0.0.0/08",
        "10.0.0.0/8/8",
        "10.0.0.0/256",
        "10.0.0.0/4294967304",
        "::/129",
        "::/0128",
        "10.0.0.0/255.0.0.0",
        "10/8",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cidr cidr = {.prefix_bits = 77};
        assert_int_equal(cidr_parse(bad[i], strlen(bad[i]), &cidr), TKR_MALFORMED);
        assert_int_equal(cidr.prefix_bits, 77);
    }
}

static void test_host_bits_that_are_set_are_refused(void **state)
{
    static const char *const bad[] = {"10.0.0.1/8", "10.1.0.0/15",       "128.0.0.0/0",
                                      "0.0.0.1/31", "2001:db8::1/64",    "::1/127",
                                      "8000::/0",   "2001:db8:8000::/32"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cidr cidr;
        assert_int_equal(cidr_parse(bad[i], strlen(bad[i]), &cidr), TKR_MALFORMED);
    }
}

static void test_an_address_outside_is_not_contained(void **state)
{
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_false(contains("10.0.0.0/8", "9.255.255.255"));
    assert_false(contains("192.0.2.4/30", "192.0.2.8"));
    assert_false(contains("192.0.2.4/30", "192.0.2.3"));
    assert_false(contains("192.0.2.4", "192.0.2.5"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::"));
    assert_false(contains("::1", "::2"));
}

static void test_families_do_not_contain_each_other(void **state)
{
    assert_false(contains("::/0", "10.0.0.1"));
    assert_false(contains("0.0.0.0/0", "::1"));
    struct cidr all = net("0.0.0.0/0");
    struct ip_address none = {.family = 0};
    assert_false(cidr_contains(&all, &none));
    struct cidr nothing = {0};
    assert_false(cidr_contains(&nothing, &none));
}

static void test_the_edges_of_a_network_are_inside(void **state)
{
    assert_true(contains("10.0.0.0/8", "10.0.0.0"));
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_true(contains("192.0.2.4/30", "192.0.2.7"));
    assert_true(contains("192.0.2.4/31", "192.0.2.5"));
    assert_true(contains("192.0.2.4", "192.0.2.4"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
    assert_true(contains("::/0", "ffff::"));
}

static void test_a_mapped_address_is_the_ipv4_address(void **state)
{
    struct ip_address v4 = ip("192.0.2.1");
    struct ip_address dotted = ip("::ffff:192.0.2.1");
    struct ip_address hex = ip("::FFFF:c000:201");
    assert_true(ip_equal(&v4, &dotted) && ip_equal(&v4, &hex));
    assert_int_equal(dotted.family, 4);
    struct ip_address compatible = ip("::192.0.2.1"); /* deprecated, and not mapped */
    assert_int_equal(compatible.family, 6);
}

static void test_a_mapped_network_is_the_ipv4_network(void **state)
{
    char text[CIDR_TEXT_SIZE];
    struct cidr cidr = net("::ffff:10.0.0.0/104");
    assert_string_equal(cidr_format(&cidr, text), "10.0.0.0/8");
    cidr = net("::ffff:0:0/96");
    assert_string_equal(cidr_format(&cidr, text), "0.0.0.0/0");
    cidr = net("::ffff:10.0.0.1");
    assert_string_equal(cidr_format(&cidr, text), "10.0.0.1/32");
    for (int bits = 0; bits < 96; bits++) {
        struct cidr wide;
        int length = snprintf(text, sizeof(text), "::ffff:0:0/%d", bits);
        assert_int_equal(cidr_parse(text, (size_t)length, &wide), TKR_MALFORMED);
    }
}

static void test_addresses_are_written_canonically(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::", "::"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ip_address address = ip(cases[i].in);
        char text[IP_TEXT_SIZE];
        assert_string_equal(ip_format(&address, text), cases[i].out);
    }
    char text[IP_TEXT_SIZE];
    struct ip_address none = {0};
    assert_string_equal(ip_format(&none, text), "");
}

static void test_socket_addresses(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xC0000201)};
    struct ip_address expected = ip("192.0.2.1");
    struct ip_address got = ip_from_sockaddr((const struct sockaddr *)&v4);
    assert_true(ip_equal(&got, &expected));
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr), 1);
    got = ip_from_sockaddr((const struct sockaddr *)&v6);
    assert_true(ip_equal(&got, &expected));
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    got = ip_from_sockaddr((const struct sockaddr *)&local);
    assert_int_equal(got.family, 0);
}

static void test_a_network_contains_exactly_what_shares_its_bits(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 19);
    for (int round = 0; round < 4000; round++) {
        struct cidr cidr = {.network.family = round % 2 ? 4 : 6};
        unsigned bits = cidr.network.family == 4 ? 32 : 128;
        cidr.prefix_bits = (uint8_t)seeded_random_below(&random, bits + 1);
        struct ip_address address = {.family = cidr.network.family};
        assert_int_equal(random_fill(&random.source, address.bytes, bits / 8), TKR_OK);
        for (unsigned bit = 0; bit < cidr.prefix_bits; bit++) {
            cidr.network.bytes[bit / 8] |= address.bytes[bit / 8] & (0x80 >> bit % 8);
        }
        assert_true(cidr_contains(&cidr, &address));
        unsigned flipped = (unsigned)seeded_random_below(&random, bits);
        address.bytes[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
        assert_int_equal(cidr_contains(&cidr, &address), flipped >= cidr.prefix_bits);
        char text[CIDR_TEXT_SIZE];
        struct cidr again = net(cidr_format(&cidr, text));
        assert_true(ip_equal(&again.network, &cidr.network));
        assert_int_equal(again.prefix_bits, cidr.prefix_bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_no_address),
        cmocka_unit_test(test_texts_that_are_no_network),
        cmocka_unit_test(test_host_bits_that_are_set_are_refused),
        cmocka_unit_test(test_an_address_outside_is_not_contained),
        cmocka_unit_test(test_families_do_not_contain_each_other),
        cmocka_unit_test(test_the_edges_of_a_network_are_inside),
        cmocka_unit_test(test_a_mapped_address_is_the_ipv4_address),
        cmocka_unit_test(test_a_mapped_network_is_the_ipv4_network),
        cmocka_unit_test(test_addresses_are_written_canonically),
        cmocka_unit_test(test_socket_addresses),
        cmocka_unit_test(test_a_network_contains_exactly_what_shares_its_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
