/* SPDX-License-Identifier: Apache-2.0 */
/* The registries of special-purpose addresses (RFC 6890 and its updates) as two tables. Of IPv6
 * only 2000::/3 is given out at all, so that is what may be public, and the rest is not. */
#include "notify/address.h"

#include <stddef.h>
#include <string.h>

#include "policy/cidr.h"

static const char *const special_v4[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "168.63.129.16", /* in no registry: the host of each virtual machine of Azure */
};
static const char *const special_v6[] = {
    "2001::/23",     /* protocol assignments: Teredo, ORCHID, benchmarks */
    "2001:db8::/32", /* documentation */
    "2002::/16",     /* 6to4 */
    "3fff::/20",     /* documentation */
};
static const char nat64[] = "64:ff9b::/96", unicast[] = "2000::/3";
#define NAT64_PREFIX_BYTES 12

static bool is_in(const char *network, const struct ip_address *address)
{
    struct cidr cidr;
    tkr_error_t error = cidr_parse(network, strlen(network), &cidr);
    ASSERT(error == TKR_OK);
    return cidr_contains(&cidr, address);
}

static bool is_in_any(const char *const *networks, size_t count, const struct ip_address *address)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = is_in(networks[i], address);
    }
    return found;
}

bool address_is_public(const struct sockaddr *address)
{
    struct ip_address ip = ip_from_sockaddr(address); /* a mapped one is IPv4 from here on */
    if (ip.family == 6 && is_in(nat64, &ip)) {
        struct ip_address within = {.family = 4};
        memcpy(within.bytes, ip.bytes + NAT64_PREFIX_BYTES, 4);
        ip = within;
    }
    if (ip.family == 4) {
        return !is_in_any(special_v4, sizeof(special_v4) / sizeof(special_v4[0]), &ip);
    }
    return ip.family == 6 && is_in(unicast, &ip) &&
           !is_in_any(special_v6, sizeof(special_v6) / sizeof(special_v6[0]), &ip);
}
