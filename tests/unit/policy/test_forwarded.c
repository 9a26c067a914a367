/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "policy/cidr.h"

/* Our proxies are 10.0.0.0/8 and 2001:db8::/32. */
static tkr_error_t client_of(const char *peer, const char *header, char out[IP_TEXT_SIZE])
{
    static const char *const networks[] = {"10.0.0.0/8", "2001:db8::/32"};
    struct cidr trusted[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cidr_parse(networks[i], strlen(networks[i]), &trusted[i]), TKR_OK);
    }
    struct ip_address from;
    assert_int_equal(ip_parse(peer, strlen(peer), &from), TKR_OK);
    struct ip_address client = {0};
    size_t length = header != NULL ? strlen(header) : 0;
    tkr_error_t error = forwarded_client(trusted, 2, &from, header, length, &client);
    ip_format(&client, out);
    return error;
}

static void assert_client(const char *peer, const char *header, const char *expected)
{
    char client[IP_TEXT_SIZE];
    assert_int_equal(client_of(peer, header, client), TKR_OK);
    assert_string_equal(client, expected);
}

static void test_a_peer_that_is_not_ours_cannot_name_another(void **state)
{
    assert_client("192.0.2.9", "198.51.100.7", "192.0.2.9");
    assert_client("192.0.2.9", "10.0.0.1", "192.0.2.9");
    assert_client("192.0.2.9", "rubbish, , [", "192.0.2.9");
    assert_client("2001:db9::1", "198.51.100.7", "2001:db9::1");
}

static void test_an_entry_on_the_way_that_cannot_be_parsed_refuses_the_request(void **state)
{
    static const char *const bad[] = {
        "unknown",
        "192.0.2.1, unknown",
        "_hidden",
        "192.0.2.1,",
        ",",
        "192.0.2.1,,10.0.0.2",
        "192.0.2.1, ",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:99999999",
        "192.0.2.1:-1",
        "192.0.2.1:80:80",
        "[192.0.2.1]",
        "[2001:db9::1",
        "2001:db9::1]",
        "[2001:db9::1]443",
        "[2001:db9::1]:",
        "[2001:db9::1]:x",
        "[]",
        "[",
        "[2001:db9::1]:65536",
        "[2001:db9::1%1]",
        "192.0.2.1 10.0.0.1",
        "\"192.0.2.1\"",
        "for=192.0.2.1",
        "192.0.2.1;",
        "192.0.2.01",
        "\n192.0.2.1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char client[IP_TEXT_SIZE];
        assert_int_equal(client_of("10.0.0.1", bad[i], client), TKR_MALFORMED);
        assert_string_equal(client, "");
    }
}

static void test_more_entries_than_the_maximum_refuse_the_request(void **state)
{
    char header[4096] = "192.0.2.1";
    for (int i = 1; i < HTTP_FORWARDED_HOPS_MAX; i++) {
        strcat(header, ", 10.0.0.2");
    }
    assert_client("10.0.0.1", header, "192.0.2.1");
    strcat(header, ", 10.0.0.2");
    char client[IP_TEXT_SIZE];
    assert_int_equal(client_of("10.0.0.1", header, client), TKR_MALFORMED);
}

static void test_what_a_client_claims_is_not_believed(void **state)
{
    assert_client("10.0.0.1", "10.0.0.9, 198.51.100.7", "198.51.100.7");
    assert_client("10.0.0.1", "10.0.0.9, 198.51.100.7, 10.0.0.2", "198.51.100.7");
    assert_client("10.0.0.1", "127.0.0.1,,rubbish, 198.51.100.7", "198.51.100.7");
}

static void test_without_entries_the_peer_is_the_client(void **state)
{
    assert_client("10.0.0.1", NULL, "10.0.0.1");
    assert_client("10.0.0.1", "", "10.0.0.1");
    assert_client("10.0.0.1", " \t ", "10.0.0.1");
}

static void test_the_first_address_from_the_right_that_is_not_ours(void **state)
{
    assert_client("10.0.0.1", "192.0.2.1", "192.0.2.1");
    assert_client("10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1");
    assert_client("2001:db8::1", "192.0.2.1, 10.0.0.2,2001:db8::5", "192.0.2.1");
}

static void test_when_all_are_ours_the_leftmost_is_the_client(void **state)
{
    assert_client("10.0.0.1", "10.0.0.4, 10.0.0.3", "10.0.0.4");
    assert_client("10.0.0.1", "10.0.0.4", "10.0.0.4");
}

static void test_each_way_to_write_an_entry(void **state)
{
    assert_client("10.0.0.1", "192.0.2.1:4711", "192.0.2.1");
    assert_client("10.0.0.1", "192.0.2.1:0", "192.0.2.1");
    assert_client("10.0.0.1", "2001:db9::1", "2001:db9::1");
    assert_client("10.0.0.1", "[2001:db9::1]", "2001:db9::1");
    assert_client("10.0.0.1", "[2001:db9::1]:443", "2001:db9::1");
    assert_client("10.0.0.1", "\t192.0.2.1 \t,\t10.0.0.3 ", "192.0.2.1");
    assert_client("10.0.0.1", "::ffff:192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1");
    assert_client("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1");
}

static void test_without_trusted_networks_the_header_says_nothing(void **state)
{
    struct ip_address peer;
    assert_int_equal(ip_parse("10.0.0.1", 8, &peer), TKR_OK);
    struct ip_address client;
    assert_int_equal(forwarded_client(NULL, 0, &peer, "192.0.2.1", 9, &client), TKR_OK);
    assert_true(ip_equal(&client, &peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_peer_that_is_not_ours_cannot_name_another),
        cmocka_unit_test(test_an_entry_on_the_way_that_cannot_be_parsed_refuses_the_request),
        cmocka_unit_test(test_more_entries_than_the_maximum_refuse_the_request),
        cmocka_unit_test(test_what_a_client_claims_is_not_believed),
        cmocka_unit_test(test_without_entries_the_peer_is_the_client),
        cmocka_unit_test(test_the_first_address_from_the_right_that_is_not_ours),
        cmocka_unit_test(test_when_all_are_ours_the_leftmost_is_the_client),
        cmocka_unit_test(test_each_way_to_write_an_entry),
        cmocka_unit_test(test_without_trusted_networks_the_header_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
