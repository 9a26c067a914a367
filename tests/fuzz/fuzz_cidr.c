/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is an address or a network. What must hold: reading what was written gives the same
 * again; a network contains its first address and none that differs in a bit of its prefix; no
 * IPv4-mapped address survives as IPv6.
 */
#include "fuzz.h"

#include <string.h>

#include "policy/cidr.h"

static void check_address(const struct ip_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    ASSERT(address->family == 4 || address->family == 6);
    ASSERT(address->family == 4 || memcmp(address->bytes, mapped, sizeof(mapped)) != 0);
    char text[IP_TEXT_SIZE];
    ip_format(address, text);
    struct ip_address again;
    ASSERT(ip_parse(text, strlen(text), &again) == TKR_OK);
    ASSERT(ip_equal(address, &again));
}

static void check_members(const struct cidr *cidr)
{
    struct ip_address address = cidr->network;
    ASSERT(cidr_contains(cidr, &address));
    unsigned bits = address.family == 4 ? 32 : 128;
    ASSERT(cidr->prefix_bits <= bits);
    for (unsigned bit = 0; bit < bits; bit++) {
        address.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        ASSERT(cidr_contains(cidr, &address) == (bit >= cidr->prefix_bits));
        address.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
    address.family = address.family == 4 ? 6 : 4;
    ASSERT(!cidr_contains(cidr, &address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ip_address address;
    bool is_address = ip_parse(text, size, &address) == TKR_OK;
    if (is_address) {
        check_address(&address);
    }
    struct cidr cidr;
    if (cidr_parse(text, size, &cidr) != TKR_OK) {
        ASSERT(!is_address); /* a bare address is a network of one */
        return 0;
    }
    ASSERT(!is_address || ip_equal(&address, &cidr.network));
    check_address(&cidr.network);
    check_members(&cidr);
    char formatted[CIDR_TEXT_SIZE];
    cidr_format(&cidr, formatted);
    struct cidr again;
    ASSERT(cidr_parse(formatted, strlen(formatted), &again) == TKR_OK);
    ASSERT(ip_equal(&again.network, &cidr.network) && again.prefix_bits == cidr.prefix_bits);
    return 0;
}
