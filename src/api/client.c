/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client.h"

#include <stdlib.h>
#include <string.h>

/* The unspecified address `::` (RFC 4291 §2.5.2) is never the address of a peer, so as the
 * peer of the Unix socket it cannot be confused with one. */
static const struct ip_address socket_mark = {.family = 6};

tkr_error_t client_trust_init(struct client_trust *trust, const struct cidr *proxies, size_t count)
{
    struct cidr *hops = calloc(count + 1, sizeof *hops);
    ENSURE(hops != NULL, TKR_MEMORY);
    if (count > 0) {
        memcpy(hops, proxies, count * sizeof *hops);
    }
    hops[count] = (struct cidr){.network = socket_mark, .prefix_bits = 128};
    *trust = (struct client_trust){hops, count};
    return TKR_OK;
}

void client_trust_deinit(struct client_trust *trust)
{
    free(trust->hops);
    *trust = (struct client_trust){0};
}

tkr_error_t client_address(const struct client_trust *trust, const struct sockaddr *peer,
                           const char *forwarded_for, size_t length, struct ip_address *ret_client)
{
    if (peer == NULL) {
        if (forwarded_for == NULL) {
            *ret_client = (struct ip_address){0};
            return TKR_OK;
        }
        return forwarded_client(trust->hops, trust->hop_count + 1, &socket_mark, forwarded_for,
                                length, ret_client);
    }
    struct ip_address address = ip_from_sockaddr(peer);
    if (forwarded_for == NULL || trust->hop_count == 0) {
        *ret_client = address;
        return TKR_OK;
    }
    return forwarded_client(trust->hops, trust->hop_count, &address, forwarded_for, length,
                            ret_client);
}

bool client_peer_trusted(const struct client_trust *trust, const struct sockaddr *peer)
{
    if (peer == NULL) {
        return true;
    }
    struct ip_address address = ip_from_sockaddr(peer);
    for (size_t i = 0; i < trust->hop_count; i++) {
        if (cidr_contains(&trust->hops[i], &address)) {
            return true;
        }
    }
    return false;
}
