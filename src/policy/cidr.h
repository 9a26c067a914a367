/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks, IPv4 and IPv6. An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2)
 * is the IPv4 address. Pure. */
#ifndef POLICY_CIDR_H
#define POLICY_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

struct ip_address {
    uint8_t family;    /* 0: none, 4 or 6 */
    uint8_t bytes[16]; /* IPv4 in the first 4, the rest zero */
};

struct cidr {
    struct ip_address network; /* host bits are zero */
    uint8_t prefix_bits;
};

#define IP_TEXT_SIZE 46
#define CIDR_TEXT_SIZE 50

/* No zone identifiers, no brackets, no ports, no leading zeros. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t ip_parse(const char *text, size_t length, struct ip_address *ret_address);
/* The canonical text (RFC 5952 for IPv6); "" for family 0. Returns `out`. */
const char *ip_format(const struct ip_address *address, char out[IP_TEXT_SIZE]);
struct sockaddr;
/* Family 0 for anything but AF_INET and AF_INET6. */
struct ip_address ip_from_sockaddr(const struct sockaddr *address);
bool ip_equal(const struct ip_address *a, const struct ip_address *b);

/* `10.0.0.0/8`, `2001:db8::/32`, or a bare address (/32, /128). Host bits that are set are
 * an error, so that a typo does not open a wider network. A network inside ::ffff:0:0/96 is the
 * IPv4 network. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t cidr_parse(const char *text, size_t length, struct cidr *ret_cidr);
/* Always with the number of bits. Returns `out`. */
const char *cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_SIZE]);
/* False across families: ::/0 contains no IPv4 address. */
bool cidr_contains(const struct cidr *cidr, const struct ip_address *address);
/* Whether every address of `inner` is in `outer`. */
bool cidr_within(const struct cidr *inner, const struct cidr *outer);

/*
 * The client's address behind proxies: walks X-Forwarded-For (all its header lines joined
 * by commas) from the right as long as the address at hand is one of `trusted`; the first
 * that is not is the client; when all are trusted it is the leftmost. Entries may be `ip`,
 * `ip:port`, `[ip6]`, `[ip6]:port`, with spaces around. When `peer` is not trusted, or the header
 * is blank, `peer` is the client. An entry on the way that cannot be parsed (an empty one too), or
 * more than HTTP_FORWARDED_HOPS_MAX entries: TKR_MALFORMED (the request is refused: guessing would
 * let a client choose its address). What stands left of the client is the client's own claim and is
 * not looked at.
 */
MUST_USE tkr_error_t forwarded_client(const struct cidr *trusted, size_t trusted_count,
                                      const struct ip_address *peer, const char *header,
                                      size_t header_length, struct ip_address *ret_client);

#endif
