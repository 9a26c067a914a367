/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose address counts. Over TCP it is the peer's, unless the peer is one of the configured
 * proxies: then X-Forwarded-For is read from the right, hop by hop, as far as the hops are
 * trusted. Over the Unix socket there is no peer address, and who can connect is a local
 * process that the file's mode let in: it is a trusted hop, so X-Forwarded-For counts when
 * it is there; without it the client is unknown, and a token that is bound to networks is
 * refused.
 */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/cidr.h"

struct sockaddr;

struct client_trust {
    struct cidr *hops; /* the configured proxies, and at the end the mark of the socket */
    size_t hop_count;  /* without the mark */
};

/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t client_trust_init(struct client_trust *trust, const struct cidr *proxies,
                                       size_t count);
void client_trust_deinit(struct client_trust *trust);

/* Whether the peer is a proxy that is believed; `peer` NULL, the Unix socket, is. */
bool client_peer_trusted(const struct client_trust *trust, const struct sockaddr *peer);
/*
 * `peer` NULL means the Unix socket. `forwarded_for` NULL: no such header. Errors:
 * TKR_MALFORMED (see forwarded_client).
 */
MUST_USE tkr_error_t client_address(const struct client_trust *trust, const struct sockaddr *peer,
                                    const char *forwarded_for, size_t length,
                                    struct ip_address *ret_client);

#endif
