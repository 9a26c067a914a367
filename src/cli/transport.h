/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways behind cli/client.h: HTTP by libcurl, and the API in this process. */
#ifndef CLI_TRANSPORT_H
#define CLI_TRANSPORT_H

#include "base/buffer.h"
#include "cli/client.h"

/* One request with text bodies. */
struct transport_call {
    enum http_method method;
    const char *path, *query, *body, *idempotency_key; /* NULL: none, but for `path` */
    unsigned answer_s;                                 /* wait for it; 0: CLI_ANSWER_S */
};

struct transport {
    /* `ret_body` is initialised, secret and empty. Errors leave a sentence in `fault`. */
    tkr_error_t (*call)(void *context, const struct transport_call *call, unsigned *ret_status,
                        struct buffer *ret_body, struct fault *fault);
    void (*close)(void *context);
    void *context;
    bool alone; /* it holds what another one would need, and takes calls of several threads */
};

/*
 * HTTP. `url` is the base, e.g. `https://tokens.example` (or any host name with
 * `socket_path`); `token` NULL: none. Errors: TKR_INVALID (the URL), TKR_FORBIDDEN (the
 * token would go over the network in clear), TKR_MEMORY.
 */
MUST_USE tkr_error_t transport_http(const char *url, const char *socket_path, const char *token,
                                    bool insecure, struct transport *ret_transport,
                                    struct fault *fault);
/* The API over the data directory. Errors: those of wire_open. */
MUST_USE tkr_error_t transport_direct(const struct cli *cli, bool create,
                                      struct transport *ret_transport, struct fault *fault);

/* Whether `url` may carry a token: https, or a loopback host. TKR_INVALID: no http(s) URL, or
 * one with a user or password. */
MUST_USE tkr_error_t transport_url_private(const char *url, bool *ret_private, struct fault *fault);

#endif
