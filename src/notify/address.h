/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an address is one of the public internet. Pure. */
#ifndef NOTIFY_ADDRESS_H
#define NOTIFY_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

/*
 * False for everything that is not globally reachable unicast: this host, private and shared
 * networks (RFC 1918, RFC 6598), link-local (where clouds keep their credentials), unique local,
 * multicast, documentation, benchmarks, reserved; also when such an IPv4 address is wrapped in an
 * IPv6 one (mapped; NAT64, RFC 6052), and for the retired ways to wrap one (6to4, Teredo,
 * compatible), wherever they may lead. What is neither IPv4 nor IPv6 is not public.
 */
bool address_is_public(const struct sockaddr *address);

#endif
