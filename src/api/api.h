/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources of the HTTP API. A management call is independent of the transport: the
 * HTTP server and the command line that holds a data directory itself run the same code.
 *
 *   http  ── route ──▶ api call (principal, method, path, query, JSON body)
 *   cli   ─────────▶          │
 *                             ▼
 *                      resource file ──▶ engine ──▶ answer (status, headers, JSON)
 *
 * `/auth` and `/api/v1/verify*` are answered inline on the event threads, each with a
 * verifier of its own; everything else runs on worker threads.
 */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/lifecycle.h"
#include "engine/verify.h"
#include "http/server.h"
#include "notify/sender.h"
#include "policy/cidr.h"

struct api;
struct scheduler;

/* The organisation of the peers of the Unix socket, and of a fresh installation. */
#define API_ORG_DEFAULT "default"

/* The option of the header `Connection` with which a peer of the Unix socket claims its rights;
 * without it a request there needs a token, as everywhere. See api/access.h. */
#define API_PEER_OPTION "Tokenry-Peer"

/* Where a credential may stand, in order of preference. */
struct api_credential_source {
    const char *header; /* e.g. "Authorization", "X-API-Key" */
    const char *scheme; /* e.g. "Bearer"; "" for the bare value */
};
#define API_CREDENTIAL_SOURCES_MAX 4

/* Asking an old endpoint about unknown tokens; see api/adoption.h. */
struct adopt_answer;
struct adopt_port {
    /* See old_endpoint_ask. */
    tkr_error_t (*ask)(void *context, const char *token, size_t length, int64_t timeout_ms,
                       bool (*cancelled)(void *of), void *of, struct adopt_answer *ret_answer,
                       struct fault *fault);
    void *context;
};
struct api_adoption {
    const struct adopt_port *port; /* NULL: nobody is asked */
    unsigned in_flight;
    int64_t timeout_ms, refused_ms;
    uint32_t per_second, refused_entries;
    const char *org_id, *tier;
    const char *user_id; /* of who the endpoint names nobody; "": then it cannot be decided */
    enum token_kind kind;
};

/* Reports of leaked tokens; see api/leaks.c. */
struct api_leaks {
    const char *github_keys; /* the document with the scanner's keys; NULL: nobody reports */
    size_t github_keys_length;
    bool revoke; /* what was found is revoked, else quarantined */
};

/* Notification channels, and testing one; see notify/sender.h. */
struct notify_channel;
struct api_notify {
    const struct notify_channel *const *channels;
    size_t channel_count;
    tkr_error_t (*test)(void *context, const char *channel, const char *by, sender_test_done done,
                        void *done_context);
    void *context;
};

struct api_options {
    struct authority *authority;
    const char *runtime_directory;
    const struct clock *clock;
    const struct limiter_port *limiter;
    int64_t stale_s;
    struct token_prefixes prefixes;
    struct api_credential_source sources[API_CREDENTIAL_SOURCES_MAX];
    size_t source_count;
    const struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
    struct api_adoption adoption;
    struct api_leaks leaks;
    bool self_service;           /* /api/keys is open to whoever has a token */
    const char *realm;           /* of WWW-Authenticate */
    const char *attempt_header;  /* see api/attempts.h; NULL or "": none */
    bool trials;                 /* proxies may ask /auth for one; see api/auth_trial.h */
    uid_t socket_admin_uid;      /* peers of the Unix socket with this uid (and root) are admin */
    struct scheduler *scheduler; /* NULL: no jobs */
    struct api_notify notify;    /* zeros: no channels */
    struct log *log;
    const char *version;
};

/* What the options point to must live as long as the api. Errors: TKR_INVALID and
 * TKR_OUT_OF_RANGE (realm, credential sources; named in `fault`), TKR_MEMORY. The segment need
 * not be there yet. */
MUST_USE tkr_error_t api_new(const struct api_options *options, struct api **ret_api,
                             struct fault *fault);
void api_free(struct api *api); /* NULL is allowed; after http_server_free */
/* Before http_server_stop: requests that wait for an old endpoint are answered, unavailable. */
void api_stop_waiting(struct api *api);

/* The route table to give to http_server_new, with `api` as its context. */
const struct http_route *api_routes(size_t *ret_count);
/* After http_server_new: the server whose statistics `/metrics` and the status show. */
void api_set_server(struct api *api, struct http_server *server);

/*
 * One management call without HTTP, for the command line in direct mode: waits for the
 * answer. The principal is the local operator with scope `*` in org `org_id`.
 * `query` is `a=b&c=d` or NULL; `body` is JSON text or NULL; `idempotency_key` NULL: none.
 * *ret_status is the HTTP status and `ret_body` the JSON (a secret buffer: it may hold a new
 * token).
 */
MUST_USE tkr_error_t api_call_local(struct api *api, const char *org_id, enum http_method method,
                                    const char *path, const char *query, const char *body,
                                    const char *idempotency_key, unsigned *ret_status,
                                    struct buffer *ret_body);

#endif
