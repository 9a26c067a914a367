/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls. A credential is verified like any other token, without touching its limits; its
 * user, organisation and scopes are the principal. A request without a credential that came
 * over the Unix socket is its peer's: root and the configured uid are the administrator, any
 * other local process may only verify (see api_route.local_peers).
 *
 * A proxy in front of the socket must not lend its identity to its clients, and many leave no
 * trace (nginx adds no header unless told to). So a peer has rights only when it says that it
 * speaks for itself: with the option `Tokenry-Peer` in the header `Connection`, which is about
 * one connection and which every proxy consumes (RFC 9110 §7.6.1). A request that carries
 * it and any trace of a proxy nevertheless (X-Forwarded-*, Forwarded, Via, X-Real-IP) has no
 * peer's rights either.
 */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/call.h"

/* What one pass over the header lines finds. */
struct request_headers {
    const struct api *api;
    struct arena *arena;
    struct credential credential;
    const char *forwarded_for; /* all its lines, joined by commas; NULL: none */
    size_t forwarded_for_length;
    bool overflowed;     /* no memory to join them */
    const char *attempt; /* the id of auth.attempt_header, whoever sent it; NULL: none */
    size_t attempt_length;
    bool proxied; /* traces of a proxy; set by request_headers_read only */
    bool as_peer; /* says that it speaks for itself; likewise */
};
void request_headers_read(struct request_headers *headers, const struct api *api,
                          struct http_exchange *exchange);
/* For `/auth`: the credential, X-Forwarded-For and the id of an attempt only. */
void request_headers_read_auth(struct request_headers *headers, const struct api *api,
                               struct http_exchange *exchange);

/* Finds the principal and checks the route's demand. False when the caller was refused: then
 * the call is answered. */
bool access_admit(struct api_call *call, const struct request_headers *headers);

/* Logs how many refusals were left out of the log and not told yet. */
void access_log_rest(struct api *api);

#endif
