/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notify/address.h"

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return address_is_public((const struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_is_public((const struct sockaddr *)&v6);
}

static void test_what_is_not_of_the_public_internet(void **state)
{
    static const char *const addresses[] = {
        /* this host, private, shared, link-local with the metadata of clouds, loopback */
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.0.0.170",
        /* documentation, benchmarks, multicast, reserved, broadcast */
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "168.63.129.16", /* the host of a virtual machine of Azure */
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fc00::1",
        "fdff::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        /* IPv4 in IPv6: mapped, compatible, NAT64, local NAT64, 6to4, Teredo */
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2001:0:1::1",
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        if (is_public(addresses[i])) {
            fail_msg("%s passes for public", addresses[i]);
        }
    }
}

static void test_what_is_public(void **state)
{
    static const char *const addresses[] = {
        "1.1.1.1",         "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.0.0.1",        "128.0.0.1",       "169.253.0.1",
        "172.15.255.255",  "172.32.0.0",       "192.167.0.1",     "192.169.0.1",
        "198.17.255.255",  "198.20.0.0",       "223.255.255.255", "8.8.8.8",
        "2606:4700::1111", "2a00:1450::1",     "2001:4860::8888", "2001:200::1",
        "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        if (!is_public(addresses[i])) {
            fail_msg("%s does not pass for public", addresses[i]);
        }
    }
}

static void test_another_family_is_not_public(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    assert_false(address_is_public((const struct sockaddr *)&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_of_the_public_internet),
        cmocka_unit_test(test_what_is_public),
        cmocka_unit_test(test_another_family_is_not_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
