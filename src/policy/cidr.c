/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

#define MAPPED_BITS 96 /* ::ffff:0:0/96 */

static size_t address_bytes(const struct ip_address *address)
{
    return address->family == 4 ? 4 : 16;
}

static struct ip_address from_v4(const void *bytes)
{
    struct ip_address address = {.family = 4};
    memcpy(address.bytes, bytes, 4);
    return address;
}

/* RFC 4291 §2.5.5.2: a mapped address is the IPv4 address that it carries. Were it not folded,
 * a dual-stack socket would let a client step around every IPv4 network of an allow-list. */
static struct ip_address from_v6(const uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        return from_v4(bytes + sizeof(mapped));
    }
    struct ip_address address = {.family = 6};
    memcpy(address.bytes, bytes, 16);
    return address;
}

tkr_error_t ip_parse(const char *text, size_t length, struct ip_address *ret_address)
{
    char copy[IP_TEXT_SIZE];
    ENSURE(length > 0 && length < sizeof(copy), TKR_MALFORMED);
    ENSURE(memchr(text, '\0', length) == NULL, TKR_MALFORMED);
    memcpy(copy, text, length);
    copy[length] = '\0';
    uint8_t bytes[16];
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        *ret_address = from_v4(bytes);
        return TKR_OK;
    }
    ENSURE(inet_pton(AF_INET6, copy, bytes) == 1, TKR_MALFORMED);
    *ret_address = from_v6(bytes);
    return TKR_OK;
}

const char *ip_format(const struct ip_address *address, char out[IP_TEXT_SIZE])
{
    out[0] = '\0';
    if (address->family != 0) {
        int family = address->family == 4 ? AF_INET : AF_INET6;
        const char *formatted = inet_ntop(family, address->bytes, out, IP_TEXT_SIZE);
        ASSERT(formatted != NULL);
    }
    return out;
}

struct ip_address ip_from_sockaddr(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return from_v4(&v4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return from_v6(v6.sin6_addr.s6_addr);
    }
    return (struct ip_address){.family = 0};
}

bool ip_equal(const struct ip_address *a, const struct ip_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_bytes(a)) == 0;
}

/* Whether the first `bits` bits are equal. */
static bool equal_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xFF00 >> bits % 8);
    return mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0;
}

static bool host_bits_are_zero(const struct ip_address *address, unsigned bits)
{
    unsigned whole = bits / 8;
    size_t bytes = address_bytes(address);
    if (whole < bytes && (address->bytes[whole] & (0xFF >> bits % 8)) != 0) {
        return false;
    }
    for (size_t i = whole + 1; i < bytes; i++) {
        if (address->bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static tkr_error_t parse_bits(const char *text, size_t length, uint64_t *ret_bits)
{
    bool leading_zero = length > 1 && text[0] == '0';
    ENSURE(!leading_zero && length <= 3, TKR_MALFORMED);
    return text_parse_u64(text, length, ret_bits);
}

tkr_error_t cidr_parse(const char *text, size_t length, struct cidr *ret_cidr)
{
    const char *slash = length > 0 ? memchr(text, '/', length) : NULL;
    size_t address_length = slash != NULL ? (size_t)(slash - text) : length;
    struct ip_address address;
    TRY(ip_parse(text, address_length, &address));
    uint64_t bits_max = 8 * address_bytes(&address);
    uint64_t bits = bits_max;
    if (slash != NULL) {
        TRY(parse_bits(slash + 1, length - address_length - 1, &bits));
        bool mapped = address.family == 4 && memchr(text, ':', address_length) != NULL;
        if (mapped) {
            /* fewer bits would leave the ones of ::ffff: as host bits */
            ENSURE(bits >= MAPPED_BITS, TKR_MALFORMED);
            bits -= MAPPED_BITS;
        }
        ENSURE(bits <= bits_max, TKR_MALFORMED);
    }
    ENSURE(host_bits_are_zero(&address, (unsigned)bits), TKR_MALFORMED);
    *ret_cidr = (struct cidr){address, (uint8_t)bits};
    return TKR_OK;
}

const char *cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_SIZE])
{
    char address[IP_TEXT_SIZE];
    ip_format(&cidr->network, address);
    snprintf(out, CIDR_TEXT_SIZE, "%s/%u", address, (unsigned)cidr->prefix_bits);
    return out;
}

bool cidr_contains(const struct cidr *cidr, const struct ip_address *address)
{
    return address->family != 0 && cidr->network.family == address->family &&
           equal_bits(cidr->network.bytes, address->bytes, cidr->prefix_bits);
}

bool cidr_within(const struct cidr *inner, const struct cidr *outer)
{
    return inner->prefix_bits >= outer->prefix_bits && cidr_contains(outer, &inner->network);
}
