/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that accepts on both sockets, hands each connection to the event thread with the
 * fewest, and looks over all connections every TICK_MS: it publishes the time (for deadlines
 * and the `Date` line) and shuts down what is late. Without any connection it sleeps.
 *
 * The Unix socket has connections beyond the maximum: who fills that from the network must not
 * lock out the operator.
 *
 * Accepting costs one wake-up of an event thread more than accepting there. Proxies keep
 * their connections, so balance and exact limits are worth more.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/internal.h"

#define TICK_MS 200
#define PAUSE_TICKS 2      /* without descriptors or memory: accept nothing for so long */
#define COMPLAIN_MS 10000U /* one line of the log about refused connections in that time */

enum { POLL_TCP, POLL_UNIX, POLL_WAKE, POLL_COUNT };

struct listener {
    struct http_server *server;
    int tcp, unix_socket, wake;
    struct socket_node node;
    unsigned port;
    unsigned pause; /* ticks */
    uint64_t complained_ms;
    bool started;
    _Atomic uint64_t rounds; /* of its loop */
    uint64_t pulse;
    pthread_t thread;
    _Atomic bool closing, ending;
};

/* --- accepting ------------------------------------------------------------------------------- */

static struct http_thread *least_loaded(struct http_server *server, bool local)
{
    struct http_thread *best = NULL;
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct http_thread *thread = &server->threads[i];
        if (thread->local == local &&
            (best == NULL || atomic_load(&thread->open) < atomic_load(&best->open))) {
            best = thread;
        }
    }
    ASSERT(best != NULL);
    return best;
}

static void complain(struct listener *listener, const char *why)
{
    struct http_server *server = listener->server;
    uint64_t now = atomic_load(&server->now_ms);
    if (listener->complained_ms == 0 || now - listener->complained_ms >= COMPLAIN_MS) {
        listener->complained_ms = now;
        log_event(server->options.log, LOG_WARNING, "http_connection_refused",
                  LOG_TEXT("reason", why), LOG_INT("open", atomic_load(&server->open)));
    }
}

static void admit(struct listener *listener, int fd, const struct sockaddr *peer,
                  socklen_t peer_length, bool local)
{
    struct http_server *server = listener->server;
    const char *refused = NULL;
    unsigned max = server->options.connections_max + (local ? HTTP_CONNECTIONS_LOCAL : 0);
    if (atomic_load(&server->open) >= max) {
        refused = "connections_max";
    } else if (!address_table_enter(server->addresses, peer)) {
        refused = "connections_per_address_max";
    }
    if (refused != NULL) {
        atomic_fetch_add(&server->refused, 1);
        complain(listener, refused);
        close(fd);
        return;
    }
    struct http_thread *thread = least_loaded(server, local);
    atomic_fetch_add(&server->accepted, 1);
    atomic_fetch_add(&server->open, 1);
    atomic_fetch_add(&thread->open, 1);
    if (!event_loop_hand(thread, fd, peer, peer_length)) {
        close(fd);
        address_table_leave(server->addresses, peer);
        atomic_fetch_sub(&server->open, 1);
        atomic_fetch_sub(&thread->open, 1);
        atomic_fetch_add(&server->refused, 1);
        complain(listener, "out_of_memory");
    }
}

static void accept_some(struct listener *listener, int socket, bool local)
{
    for (unsigned i = 0; i < HTTP_ACCEPT_BATCH_MAX; i++) {
        union {
            struct sockaddr any;
            struct sockaddr_in6 v6;
            struct sockaddr_un local;
        } peer = {0};
        socklen_t length = sizeof(peer);
        int fd = accept4(socket, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(listener, fd, &peer.any, length, local);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The connection stays in the queue; do not spin on it. */
            listener->pause = PAUSE_TICKS;
            complain(listener, strerror(errno));
            return;
        } /* else: this one was gone before we came */
    }
}

/* --- the thread ------------------------------------------------------------------------------ */

static void look_at_clock(struct http_server *server)
{
    const struct clock *clock = server->options.clock;
    atomic_store(&server->now_ms, (uint64_t)clock_monotonic_coarse_ns(clock) / 1000000);
    atomic_store(&server->date_s, clock_wall_ms(clock) / 1000);
}

static void close_sockets(struct listener *listener)
{
    /* What has connected already was promised an answer. */
    bool serving = atomic_load(&listener->closing);
    if (listener->tcp >= 0) {
        if (serving) {
            accept_some(listener, listener->tcp, false);
        }
        close(listener->tcp);
        listener->tcp = -1;
    }
    if (listener->unix_socket >= 0) {
        if (serving) {
            accept_some(listener, listener->unix_socket, true);
        }
        if (listener->server->options.passed_local == 0) { /* else it is not ours to remove */
            socket_remove_unix(listener->server->options.socket_path, &listener->node);
        }
        close(listener->unix_socket);
        listener->unix_socket = -1;
    }
}

static void tick(struct listener *listener)
{
    listener->pause -= listener->pause > 0;
    struct http_server *server = listener->server;
    uint64_t before = atomic_load(&server->now_ms);
    look_at_clock(server);
    uint64_t now = atomic_load(&server->now_ms);
    if (now - before < TICK_MS / 2 && now >= before) {
        return; /* woken by a connection, not by the time */
    }
    for (unsigned i = 0; i < server->thread_count; i++) {
        connection_sweep(&server->threads[i], now);
    }
}

static void *listen_loop(void *context)
{
    struct listener *listener = context;
    struct http_server *server = listener->server;
    pthread_setname_np(pthread_self(), "http-accept");
    while (!atomic_load(&listener->ending)) {
        atomic_fetch_add_explicit(&listener->rounds, 1, memory_order_relaxed);
        if (atomic_load(&listener->closing)) {
            close_sockets(listener);
        }
        bool paused = listener->pause > 0;
        struct pollfd polled[POLL_COUNT] = {
            [POLL_TCP] = {paused ? -1 : listener->tcp, POLLIN, 0},
            [POLL_UNIX] = {paused ? -1 : listener->unix_socket, POLLIN, 0},
            [POLL_WAKE] = {listener->wake, POLLIN, 0},
        };
        bool nobody = atomic_load(&server->open) == 0 && !paused;
        poll(polled, POLL_COUNT, nobody ? -1 : TICK_MS);
        tick(listener);
        if (polled[POLL_WAKE].revents != 0) {
            eventfd_t ignored;
            (void)eventfd_read(listener->wake, &ignored);
        }
        if (polled[POLL_TCP].revents != 0) {
            accept_some(listener, listener->tcp, false);
        }
        if (polled[POLL_UNIX].revents != 0) {
            accept_some(listener, listener->unix_socket, true);
        }
    }
    return NULL;
}

/* --- its life -------------------------------------------------------------------------------- */

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t length = sizeof(address);
    if (fd < 0 || getsockname(fd, &address.any, &length) != 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

static tkr_error_t open_sockets(struct listener *listener, struct fault *fault)
{
    const struct http_options *options = &listener->server->options;
    listener->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (listener->wake < 0) {
        return fault_set(fault, TKR_IO, "", "eventfd: %s", strerror(errno));
    }
    if (options->passed_tcp > 0) {
        listener->tcp = options->passed_tcp;
    } else if (options->listen[0] != '\0') {
        TRY(socket_listen_tcp(options->listen, &listener->tcp, fault));
    }
    listener->port = port_of(listener->tcp);
    if (options->passed_local > 0) {
        listener->unix_socket = options->passed_local;
    } else if (options->socket_path[0] != '\0') {
        TRY(socket_listen_unix(options->socket_path, options->socket_mode, &listener->unix_socket,
                               &listener->node, fault));
    }
    return TKR_OK;
}

tkr_error_t listener_new(struct http_server *server, struct listener **ret_listener,
                         struct fault *fault)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return fault_set(fault, TKR_MEMORY, "", "no memory for the listener");
    }
    *listener = (struct listener){.server = server, .tcp = -1, .unix_socket = -1, .wake = -1};
    tkr_error_t error = open_sockets(listener, fault);
    if (error != TKR_OK) {
        listener_free(listener);
        return error;
    }
    look_at_clock(server);
    *ret_listener = listener;
    return TKR_OK;
}

tkr_error_t listener_start(struct listener *listener)
{
    ENSURE(pthread_create(&listener->thread, NULL, listen_loop, listener) == 0, TKR_MEMORY);
    listener->started = true;
    return TKR_OK;
}

unsigned listener_port(const struct listener *listener)
{
    return listener->port;
}

static void wake(struct listener *listener)
{
    if (listener->wake >= 0) {
        (void)eventfd_write(listener->wake, 1);
    }
}

bool listener_pulse(struct listener *listener)
{
    uint64_t rounds = atomic_load(&listener->rounds);
    bool moved = rounds != listener->pulse;
    listener->pulse = rounds;
    wake(listener);
    return moved;
}

void listener_close(struct listener *listener)
{
    atomic_store(&listener->closing, true);
    wake(listener);
}

void listener_end(struct listener *listener)
{
    if (listener->started) {
        atomic_store(&listener->ending, true);
        wake(listener);
        pthread_join(listener->thread, NULL);
        listener->started = false;
    }
    close_sockets(listener);
}

void listener_free(struct listener *listener)
{
    if (listener == NULL) {
        return;
    }
    listener_end(listener);
    if (listener->wake >= 0) {
        close(listener->wake);
    }
    free(listener);
}
