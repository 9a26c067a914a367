/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the API, wherever it comes from. Over HTTP it wraps an exchange; from the
 * command line that holds the data directory itself it has none, and the answer is handed to
 * the waiting caller. Resources see only this, so both run the same code.
 *
 *     http_exchange ──▶ call_from_http ──▶ access ──▶ query ──▶ resource ──▶ call_answer…
 *     api_call_local ─────────────────────────────▶ query ──▶ resource ──▶ call_answer…
 *
 * A resource answers exactly once, now or later from another thread. After that the call and
 * everything in its arena is gone.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "adopt/adopter.h"
#include "api/attempts.h"
#include "api/client.h"
#include "api/credentials.h"
#include "api/threads.h"
#include "base/log_budget.h"

struct api {
    struct api_options options;
    struct log_budget denied; /* lines about refused callers */
    struct credential_sources sources;
    struct client_trust trust;
    struct log_budget leak_reports; /* that are looked at */
    struct leak_keys *leak_keys;    /* NULL: nobody reports */
    struct api_threads *threads;
    struct adoption *adoption; /* NULL: no old endpoint is asked */
    struct meter *meter;       /* NULL: none */
    struct attempts *attempts; /* NULL: retries are not told */
    size_t attempt_header_length;
    _Atomic(struct http_server *) server; /* NULL: not yet, or a local api */
    /* WWW-Authenticate, ready: without `error` (no token), of a conflict, and by verdict. */
    char *challenge_bare, *challenge_conflict, *challenges[TKR_VERDICT_COUNT];
};

enum api_access {
    ACCESS_PUBLIC,
    ACCESS_TOKEN,      /* any valid token */
    ACCESS_POSSESSION, /* any token that is known, also one that is refused otherwise */
    ACCESS_SCOPE,      /* one that grants the route's scope */
};

struct api_call;
typedef void (*api_resource)(struct api_call *call);

/* What our layer knows of a route beyond struct http_route; rows of routes.c. */
struct api_route {
    enum api_access access;
    const char *scope;     /* ACCESS_SCOPE: what the caller needs */
    bool local_peers;      /* any process at the Unix socket may, not only the administrator's */
    const char *arguments; /* query names that are known here, between spaces: " limit cursor " */
    const char *parameter; /* name of {…} in the path; NULL: none */
    api_resource resource;
};

struct local_answer;

/* Of which token of a call an old endpoint was asked, when the call runs again after that. */
enum call_asked { CALL_ASKED_NOTHING, CALL_ASKED_CALLER, CALL_ASKED_TOKEN };

struct api_call {
    struct api *api;
    const struct api_route *route;
    struct arena *arena;
    struct http_exchange *exchange; /* NULL: a local call */
    struct local_answer *local;     /* NULL: an HTTP call */
    enum call_asked asked;
    enum adopt_outcome outcome; /* of that */
    struct api_thread *thread;  /* what to verify with, while the resource runs; may be NULL */
    struct principal principal;
    struct credential credential; /* the caller's; state CREDENTIAL_NONE when there is none */
    struct ip_address client;
    const char *parameter; /* value of {…} */
    const struct http_argument *arguments;
    size_t argument_count;
    const char *body;
    size_t body_length;
    const char *if_match, *idempotency_key; /* NULL: no such header */
};

/* The value of a query argument, NULL when it is not there. (Twice is refused before.) */
const char *call_argument(const struct api_call *call, const char *name);

/* An argument that is `true` or `false`, false when it is not there. INVALID, naming it. */
MUST_USE tkr_error_t call_flag(const struct api_call *call, const char *name, bool *ret_value,
                               struct fault *fault);

/* A header of the answer; before the answer. Local calls have none. `name` is a literal. */
void call_header(struct api_call *call, const char *name, const char *value);
/* Answers with JSON. `body` may be NULL (no body); the caller releases it. A body whose buffer
 * is secret is wiped after sending. An overflowed buffer is answered as an internal error. */
void call_answer(struct api_call *call, unsigned status, const struct buffer *body);
void call_answer_text(struct api_call *call, unsigned status, const char *content_type,
                      const struct buffer *body);
/* Answers with problem+json; the status comes from the error. `fault` may be NULL or of another
 * error. Internal errors are logged, and their detail stays here. */
void call_fail(struct api_call *call, tkr_error_t error, const struct fault *fault);
/* The same with everything chosen. */
void call_problem(struct api_call *call, unsigned status, const char *code, const char *title,
                  const struct fault *fault);

/* The handlers of http_route: one for all resources that run on worker threads, one for all
 * that are answered inline. `context` is the api. */
void call_on_worker(void *context, struct http_exchange *exchange);
void call_inline(void *context, struct http_exchange *exchange);
void call_keyed(void *context, struct http_exchange *exchange); /* HTTP_KEYED: either of them */

/*
 * What a verdict of not_found comes to, `which` is the token that it is about. True: an old
 * endpoint is being asked, the call is given away and will run again; return at once. False:
 * *verdict is what to answer.
 */
bool call_ask_old(struct api_call *call, enum call_asked which, const char *token, size_t length,
                  tkr_verdict_t *verdict);

/* For audit events, "" when there is none. One that holds the token or any of ours (somebody's
 * mistake) is left out: an event is no place for a token. Looked at before it is cut, since most
 * of a token is as good as a token. Lives as the exchange's arena. */
const char *call_user_agent(struct http_exchange *exchange, const struct token_prefixes *prefixes,
                            const char *token, size_t token_length);

/* Checks the query against the route and runs the resource; what both ways share. */
void call_run(struct api_call *call);

#endif
