/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share. Nothing outside src/http includes it.
 *
 *   listener ── accept, limits, deadlines ──▶ event threads: one libmicrohttpd daemon each
 *                                                 │  connection.c  open, close, deadlines
 *                                                 │  exchange.c    one request, step by step
 *                                                 │  body.c        its body, within a budget
 *                                                 │  request.c     strict reading of its head
 *                                                 │  router.c      which row
 *                                                 ▼
 *                              HTTP_INLINE: here      HTTP_WORKER: worker.c, suspended
 *                                                 │
 *                                                 ▼  answer.c, problem.c
 *
 * Why one daemon a thread, driven by a loop of ours, and not libmicrohttpd's thread pool: a
 * pool shares the listening socket, so that whoever wakes first takes every waiting connection
 * (a proxy that keeps 8 connections open may load one core only), it splits the connection
 * limit, it does not tell a handler on which thread it runs, and it can stand still with 128
 * requests in its hands (event_loop.c). Here the listener hands each connection to the thread
 * that has the fewest, and the daemon's closure is the thread.
 *
 * Why libmicrohttpd's own timeout is off: it measures inactivity, so a client that sends a
 * byte every half minute holds its connection for ever, and it costs a clock read and a
 * mutex a read and a write. The listener's sweep closes what is late instead.
 *
 * A connection holds one exchange at a time (HTTP/1.1 answers in order), so the exchange
 * and its buffers live in the connection and are used again: the usual request allocates
 * nothing here.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "http/server.h"

/* --- small things ---------------------------------------------------------------------------- */

/* Memory that one request after the other uses; beyond HTTP_KEPT_BYTES_MAX it is freed. */
struct kept {
    char *bytes;
    size_t capacity;
};
MUST_USE tkr_error_t kept_reserve(struct kept *kept, size_t bytes, size_t used);
void kept_release(struct kept *kept, size_t wipe_bytes);
void kept_free(struct kept *kept);

struct http_field {
    const char *name, *value;
    size_t name_length, value_length;
};

/* An answer of the layer's own. A fatal one is given before the body is read and closes. */
struct refusal {
    unsigned status;
    bool fatal;
    const char *code, *title, *detail;
};
extern const struct refusal refusal_malformed_target, refusal_malformed_fields, refusal_no_host,
    refusal_framing, refusal_transfer_coding, refusal_many_fields, refusal_large_head,
    refusal_not_found, refusal_method, refusal_large_body, refusal_arguments_malformed,
    refusal_arguments_many, refusal_busy, refusal_bodies, refusal_memory;

/* --- the exchange ---------------------------------------------------------------------------- */

/* Who may touch a worker's exchange; changed under the connection's `handing` mutex. */
enum hand_over {
    HAND_NONE,      /* the event thread's */
    HAND_WORKER,    /* given to a worker, not answered */
    HAND_ANSWERED,  /* back at the event thread */
    HAND_ABANDONED, /* the server stops: the answer will be thrown away */
};

struct path_span {
    const char *text;
    size_t length;
};

/* What is made new for each request. */
struct exchange_state {
    const char *path;
    size_t path_length, target_length, query_length, head_bytes;
    size_t head_copied; /* bytes of `head`, for a worker: a credential may be among them */
    unsigned method;    /* 0: one that no route can have */
    bool head_seen, query_present, own_arena, answered, responded, wipe_answer, id_asked;
    const struct http_route *route;
    unsigned allowed; /* methods of this path, for 405 */
    const struct refusal *refusal;
    struct path_span spans[HTTP_PATH_ARGUMENTS_MAX];
    const struct http_field *fields;
    size_t field_count;
    struct arena *arena;
    const struct http_argument *arguments;
    size_t argument_count;
    size_t body_length, body_booked, discarded;
    size_t header_count, header_bytes;
    unsigned status;
    const char *content_type;
    size_t answer_length;
    int64_t started_ns; /* only with access lines */
};

struct http_exchange {
    struct http_connection *connection;
    struct exchange_state now;
    struct kept query, body, answer, head;
    _Atomic int hand_over; /* enum hand_over */
    char id[HTTP_REQUEST_ID_BYTES_MAX + 1];
};

struct handed;

/* --- the connection -------------------------------------------------------------------------- */

/* What a connection waits for, and so which deadline it has. */
enum connection_stage {
    STAGE_IDLE,    /* for a request line: idle_s */
    STAGE_READING, /* for the rest of the request: request_s */
    STAGE_WORKING, /* for a worker: none, it is ours */
    STAGE_SENDING, /* for the client to take the answer: request_s */
};

/* A header of the answer, remembered from one answer to the next: see answer.c. */
struct answer_header {
    const char *name;
    char *value;
    size_t length, capacity;
    bool in_response; /* `response` has exactly this pair */
    char *stored;     /* its copy of the value; NULL: not known */
};

struct http_connection {
    struct http_thread *thread;
    struct http_connection *previous, *next; /* of the thread's list, under its lock */
    struct MHD_Connection *mhd;
    int fd;
    _Atomic int references;   /* the event thread's and, while it works, the worker's */
    _Atomic uint64_t waiting; /* milliseconds of the server's clock << 2 | stage */
    const char *problem_type; /* the server may be gone when a late answer needs it */
    bool local;               /* a Unix socket's */
    bool has_credentials;
    uid_t uid;
    gid_t gid;
    pid_t pid;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    pthread_mutex_t handing;
    struct MHD_Response *response; /* the last answer without a body, to be altered */
    int64_t response_date_s;
    char response_date[32];
    struct answer_header headers[HTTP_ANSWER_HEADERS_MAX];
    struct http_exchange exchange;
};

struct http_thread {
    struct http_server *server;
    unsigned index;
    bool local;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool running;
    int wake;            /* eventfd */
    _Atomic bool called; /* `handed` is not empty */
    _Atomic bool ending;
    _Atomic uint64_t rounds; /* of its loop */
    uint64_t pulse;          /* how many there were at the last http_server_pulse */
    pthread_mutex_t lock;    /* the list of connections, and what the listener handed over */
    struct http_connection *first;
    struct handed *handed, **handed_end;
    _Atomic unsigned open; /* accepted and not closed */
    _Atomic uint64_t requests[6];
    /* Only the thread itself touches the rest. */
    struct arena *arena;
    uint64_t request_count, id_count;
    bool started; /* connection_on_notify was called since this was set to false */
    int64_t date_s;
    char date[32];
    const struct http_exchange *fields_of; /* whose fields `fields` holds */
    struct http_field fields[HTTP_HEADER_LINES_MAX];
};

/* --- the server ------------------------------------------------------------------------------ */

struct address_table;
struct worker_pool;
struct listener;

struct http_server {
    struct http_options options; /* with defaults filled in */
    struct http_thread *threads;
    unsigned thread_count;
    struct listener *listener;
    struct worker_pool *workers;
    struct address_table *addresses; /* NULL: no maximum an address */
    char id_prefix[17];
    _Atomic uint64_t now_ms; /* monotonic, as of the listener's last look */
    _Atomic int64_t date_s;  /* Unix time, likewise */
    _Atomic bool draining;   /* every answer closes its connection */
    _Atomic bool stopped;
    _Atomic unsigned open;
    _Atomic uint64_t accepted, refused;
    _Atomic size_t bodies_bytes; /* booked for bodies on their way, see body.c */
    bool starting;               /* libmicrohttpd's messages are kept */
    char start_message[256];
};

/* exchange.c: the callbacks of libmicrohttpd; their closure is the thread. */
void *exchange_on_target(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_call(void *context, struct MHD_Connection *mhd, const char *path,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_bytes, void **state);
void exchange_on_completed(void *context, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode why);
/* Runs the route's handler; on a worker thread too. */
void exchange_run(struct http_exchange *exchange);
void exchange_deinit(struct http_exchange *exchange);

/* body.c */
/* Whether a body is announced. Sets the exchange's refusal when it cannot be taken; *ret_endless:
 * it is too long to be read to its end. */
bool body_expect(struct http_exchange *exchange, bool *ret_endless);
/* A piece of it, as libmicrohttpd gives it. */
enum MHD_Result body_add(struct http_exchange *exchange, const char *bytes, size_t *length);
/* Gives its part of the budget back; on the event thread. */
void body_unbook(struct http_exchange *exchange);

/* request.c */
/* Checks the start of the target and copies the query. */
void request_target(struct http_exchange *exchange, const char *target);
/* Everything of the head; what is wrong with it, or NULL. */
const struct refusal *request_head(struct http_exchange *exchange, const char *path,
                                   const char *method, const char *version);
/* Collects the fields into the thread's scratch. With `check`: returns what is wrong. */
const struct refusal *request_fields(struct http_exchange *exchange, const char *method,
                                     const char *version, bool check);
/* Copies what a handler may ask for: while it waits for a worker, the connection may go. */
MUST_USE tkr_error_t request_snapshot(struct http_exchange *exchange);
const struct http_field *request_field(const struct http_exchange *exchange, const char *name);

/* arguments.c: those of the query, into the arena */
const struct refusal *request_arguments(struct http_exchange *exchange);

/* router.c */
void router_check(const struct http_route *routes, size_t count);
void router_find(struct http_exchange *exchange);
unsigned router_method(const char *name);
/* `GET, HEAD, POST`; `text` has room for all. */
#define ROUTER_ALLOW_BYTES 64
void router_allow(unsigned allowed, char text[ROUTER_ALLOW_BYTES]);

/* answer.c, on the event thread */
enum MHD_Result answer_send(struct http_exchange *exchange);
enum MHD_Result answer_abandoned(struct http_exchange *exchange);
void answer_refusal(struct http_exchange *exchange, const struct refusal *refusal);
void answer_deinit(struct http_connection *connection);

/* connection.c */
void connection_on_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);
void connection_unref(struct http_connection *connection);
static inline void connection_stage(struct http_connection *connection, enum connection_stage stage)
{
    uint64_t now = atomic_load_explicit(&connection->thread->server->now_ms, memory_order_relaxed);
    atomic_store_explicit(&connection->waiting, now << 2 | stage, memory_order_relaxed);
}
/* Shuts down what is late. */
void connection_sweep(struct http_thread *thread, uint64_t now_ms);
/* How many are not idle. */
unsigned connection_busy(struct http_thread *thread);
/* Takes the exchange of every waiting worker away; see http_server_stop. */
void connection_abandon(struct http_thread *thread);

/* address_table.c: open connections by address (IPv6: by /64). Thread-safe. */
MUST_USE tkr_error_t address_table_new(unsigned per_address_max, unsigned connections_max,
                                       struct address_table **ret_table);
void address_table_free(struct address_table *table);
/* false: this address has its maximum. NULL tables and other families are always true. */
bool address_table_enter(struct address_table *table, const struct sockaddr *address);
void address_table_leave(struct address_table *table, const struct sockaddr *address);

/* socket.c */
MUST_USE tkr_error_t socket_listen_tcp(const char *listen, int *ret_fd, struct fault *fault);
struct socket_node { /* which file a Unix socket is */
    dev_t device;
    ino_t inode;
};
MUST_USE tkr_error_t socket_listen_unix(const char *path, unsigned mode, int *ret_fd,
                                        struct socket_node *ret_node, struct fault *fault);
/* Removes the path if it still is this file. */
void socket_remove_unix(const char *path, const struct socket_node *node);

/* event_loop.c */
/* Takes `fd` over and hands it to the thread; false without memory. */
bool event_loop_hand(struct http_thread *thread, int fd, const struct sockaddr *peer,
                     socklen_t length);
/* MHD_resume_connection that is not lost. */
void event_loop_resume(struct http_connection *connection);
MUST_USE tkr_error_t event_loop_start(struct http_thread *thread);
void event_loop_end(struct http_thread *thread); /* closes its connections; fine twice */

/* listener.c */
MUST_USE tkr_error_t listener_new(struct http_server *server, struct listener **ret_listener,
                                  struct fault *fault);
MUST_USE tkr_error_t listener_start(struct listener *listener);
unsigned listener_port(const struct listener *listener);
bool listener_pulse(struct listener *listener); /* see http_server_pulse */
void listener_close(struct listener *listener); /* accepts what waits, then no more */
void listener_end(struct listener *listener);   /* its thread too */
void listener_free(struct listener *listener);

/* worker.c */
MUST_USE tkr_error_t worker_pool_new(unsigned threads, size_t queue_max,
                                     struct worker_pool **ret_pool);
/* false: full or closed. */
bool worker_push(struct worker_pool *pool, struct http_exchange *exchange);
size_t worker_length(struct worker_pool *pool);
void worker_close(struct worker_pool *pool); /* takes nothing more */
void worker_end(struct worker_pool *pool);   /* does what waits, joins the threads */
void worker_pool_free(struct worker_pool *pool);

#endif
