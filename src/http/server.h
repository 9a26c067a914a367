/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 over libmicrohttpd: connections, routing, bodies, problem+json. Knows nothing of
 * tokens. TCP, TLS and a Unix socket; a pool of event threads (epoll), and worker threads
 * for what may wait.
 *
 * A route is a row: method, path, handler, where it runs and how large its body may be.
 *
 *   HTTP_INLINE   the handler runs on the event thread and must answer before it returns;
 *                 it may not wait for anything. `thread` tells which event thread, so that
 *                 a handler may keep one verifier for each. One request in many that has to
 *                 wait after all leaves the event thread by http_defer.
 *   HTTP_WORKER   the connection is suspended, the handler runs on a worker thread and may
 *                 answer later from any thread, by http_answer, exactly once. When the
 *                 queue is full (WORK_QUEUE_MAX) the answer is 503 with Retry-After.
 *
 *   HTTP_KEYED    inline, unless the request has an Idempotency-Key: that is kept somewhere, so
 *                 it goes to a worker
 *
 * What the layer does by itself:
 *
 *   404  unknown path           405  known path, another method; with `Allow`
 *   413  body over the maximum  431  head over HTTP_HEADER_BYTES_MAX or too many lines
 *   400  malformed or too many query arguments (request.c lists what else); control bytes in
 *        a header, so that no handler sees one. Bytes above 0x7F in a value come through
 *   501  a transfer coding that is not `chunked`
 *   503  queue of the workers full, or no memory; with `Retry-After: 1`
 *
 * HEAD for GET routes; deadlines and maxima of connections; `Date` and `Server`; a request id
 * (X-Request-Id is taken when it is 1 to HTTP_REQUEST_ID_BYTES_MAX of [A-Za-z0-9._-], else
 * ours), echoed on problems, on workers' answers and where a handler asked for it.
 *
 * The strings of the options must outlive the server; `problem_type` every exchange, too.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

enum http_method {
    HTTP_GET = 1 << 0,
    HTTP_HEAD = 1 << 1,
    HTTP_POST = 1 << 2,
    HTTP_PATCH = 1 << 3,
    HTTP_DELETE = 1 << 4,
    HTTP_PUT = 1 << 5,
};
const char *http_method_name(enum http_method method);

struct http_exchange; /* one request and its answer */

typedef void (*http_handler)(void *context, struct http_exchange *exchange);
enum http_place { HTTP_INLINE, HTTP_WORKER, HTTP_KEYED };

struct http_route {
    unsigned methods; /* bits of enum http_method; GET implies HEAD */
    const char *path; /* `/api/v1/auth/tokens/{id}`: {name} matches one segment, not empty */
    http_handler handler;
    enum http_place place;
    size_t body_bytes_max; /* 0: a body is read and refused with 413 when it is not empty
                              (empty bodies are fine) */
    int id;                /* the caller's own mark, see http_route_id */
};

struct http_options {
    const char *listen;      /* `127.0.0.1:8080`, `[::1]:8080`, `:8080`; "" for none */
    const char *socket_path; /* Unix socket; "" for none; mode `socket_mode` */
    unsigned socket_mode;
    /* Sockets that listen already, non-blocking, instead of these two; 0: none. They are the
     * server's from http_server_new on, when that succeeds, and a Unix socket's node stays. */
    int passed_tcp, passed_local;
    const char *tls_certificate, *tls_key; /* PEM files, both or neither ("") */
    unsigned event_threads;                /* TCP; the Unix socket has as many of its own */
    unsigned worker_threads;
    unsigned connections_max;             /* HTTP_CONNECTIONS_LOCAL more over the Unix socket */
    unsigned connections_per_address_max; /* 0: no maximum */
    unsigned idle_s;         /* until a request line is whole; 0: HTTP_IDLE_S_DEFAULT */
    unsigned request_s;      /* until a request is, and until its answer is taken, however the bytes
                                trickle; 0: HTTP_REQUEST_S_DEFAULT */
    size_t work_queue_max;   /* 0: WORK_QUEUE_MAX, which is also the most */
    size_t bodies_bytes_max; /* 0: HTTP_BODIES_BYTES_MAX */
    bool access_log;         /* a line a request at LOG_DEBUG; false: nothing is even gathered */
    const char *problem_type; /* prefix of a problem's `type`, its code follows; NULL:
                                 "about:blank". A literal */
    const struct http_route *routes;
    size_t route_count;
    void *context; /* for the handlers */
    const struct clock *clock;
    struct log *log;         /* access lines at LOG_DEBUG, refused connections at LOG_WARNING */
    const char *server_name; /* the `Server` header; "" for none */
};

struct http_server;
/* Binds and starts. Errors: TKR_INVALID (address), TKR_LOCKED (address in use), TKR_IO,
 * each with a detail that names the address or file. A stale Unix socket is replaced, a
 * live one is TKR_LOCKED. */
MUST_USE tkr_error_t http_server_new(const struct http_options *options,
                                     struct http_server **ret_server, struct fault *fault);
/* Where it listens in truth, e.g. after `:0`. */
unsigned http_server_port(const struct http_server *server);
unsigned http_server_threads(const struct http_server *server); /* ids are 0..threads-1 */
/*
 * Stops accepting, answers what is in flight or comes on open connections, each with
 * `Connection: close`, for up to `grace_ms` or until it is quiet; tells those who still wait
 * for a worker 503, waits for the handlers that run, and closes. Again: nothing.
 */
void http_server_stop(struct http_server *server, int64_t grace_ms);
void http_server_free(struct http_server *server); /* NULL is allowed */
/* Whether each thread that accepts or serves has gone round since the last call, and asks all of
 * them to go round once. The first call says true. One thread at a time. */
bool http_server_pulse(struct http_server *server);

struct http_stats {
    uint64_t connections_open, connections_total, connections_refused;
    uint64_t requests[6]; /* by status class: [2] is 2xx; [0] and [1] are unused */
    uint64_t work_queue_length;
    uint64_t bodies_bytes; /* memory of large bodies on their way */
};
void http_server_stats(struct http_server *server, struct http_stats *ret_stats);

/* --- the request ----------------------------------------------------------------------------- */

enum http_method http_method(const struct http_exchange *exchange);
const char *http_path(const struct http_exchange *exchange);
int http_route_id(const struct http_exchange *exchange);
/* Percent-decoded value of {name}; NULL when it is malformed, no UTF-8, or has control bytes. */
const char *http_path_argument(struct http_exchange *exchange, const char *name);
unsigned http_thread(const struct http_exchange *exchange); /* inline: the event thread */
bool http_is_inline(const struct http_exchange *exchange);  /* else it is on a worker */
struct arena *http_arena(struct http_exchange *exchange);   /* until it is answered */

/* A header by name (any case). Returns how many lines have it; *ret_value is the first, not
 * NUL-terminated, without white space around it, and written only when there is one. */
unsigned http_header(struct http_exchange *exchange, const char *name, const char **ret_value,
                     size_t *ret_length);
/* Every line: calls `visit` in order. Cheaper than many http_header calls. */
void http_headers(struct http_exchange *exchange,
                  void (*visit)(void *context, const char *name, size_t name_length,
                                const char *value, size_t value_length),
                  void *context);
/* Query arguments, percent-decoded, in order; a name without `=` has an empty value. */
struct http_argument {
    const char *name, *value;
    size_t value_length;
};
/* `+` is a space. Always TKR_OK: what is malformed or too much was answered with 400 before. */
MUST_USE tkr_error_t http_arguments(struct http_exchange *exchange,
                                    const struct http_argument **ret_arguments, size_t *ret_count);
/* NUL-terminated, "" without one; wiped when the exchange ends. */
const char *http_body(struct http_exchange *exchange, size_t *ret_length);

/*
 * For an inline handler that finds it would have to wait: the connection is suspended, as for a
 * worker, and the handler returns without an answer; from then on the exchange is whoever's it was
 * given to, who answers later, from any thread, exactly once. What was taken from http_arena and
 * headers that were set are gone; everything that can be asked of the request stays (ask again:
 * it has moved). False without memory: then answer at once. Of a worker's exchange: true, and
 * nothing changes.
 */
bool http_defer(struct http_exchange *exchange);

/* The peer: NULL for a Unix socket. */
const struct sockaddr *http_peer(const struct http_exchange *exchange);
/* Credentials of a Unix socket's peer; false for TCP. */
bool http_peer_credentials(const struct http_exchange *exchange, uid_t *ret_uid, gid_t *ret_gid,
                           pid_t *ret_pid);
const char *http_request_id(struct http_exchange *exchange);
/* The one that came with the request, "" for none. The answer does not echo it for that: an answer
 * that is the same as the connection's one before costs next to nothing, and one with an id is not.
 */
const char *http_sent_request_id(struct http_exchange *exchange);

/* --- the answer ------------------------------------------------------------------------------ */

/* `name` is a literal in its final spelling; `value` is copied. An empty value, one with a CR or
 * LF (no header splitting), or one over HTTP_ANSWER_HEADER_BYTES_MAX is replaced by `-`. At most
 * HTTP_ANSWER_HEADERS_MAX; more: assertion. Cheap when the connection's answer before had the
 * same headers in the same order: a value that has not changed is only compared. */
void http_set_header(struct http_exchange *exchange, const char *name, const char *value);
/* Answers, exactly once; after that a worker's exchange is the layer's again and must not be
 * touched. `status` is 200 to 599. `body` is copied; NULL for none. `wipe_body`: the copy is a
 * secret. May come after http_server_free: it is thrown away then. */
void http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
                 const void *body, size_t body_length, bool wipe_body);
/* problem+json (RFC 9457) with `type`, `title`, `status`, `detail`, `code`, `request_id`,
 * and `member` when the fault names a field. */
void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *code,
                         const char *title, const struct fault *fault /* may be NULL */);
/* The same with members of one's own behind them: `"name":value`, JSON already. NULL: none. */
void http_answer_problem_with(struct http_exchange *exchange, unsigned status, const char *code,
                              const char *title, const struct fault *fault, const char *members);

#endif
