/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open connections and their deadlines.
 *
 * A connection is one word away from its deadline: the stage and since when, written by its
 * event thread at most three times a request, read by the sweep. Deadlines are absolute: a
 * request line must be whole `idle_s` after the last answer, a request `request_s` after its
 * line, an answer taken `request_s` after it was queued; bytes that trickle in between change
 * nothing. What is late is shut down, not closed: the event thread sees the end of the
 * stream and closes, so the descriptor is never anybody else's.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/internal.h"

#define POLL_BATCH 256 /* 1,000 idle connections: 0.1 ms a sweep */

/* --- opening and closing --------------------------------------------------------------------- */

static const struct sockaddr *address_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info->client_addr;
}

/* `::ffff:192.0.2.1` is an IPv4 client on a socket for both. */
static void unmap(struct http_connection *connection)
{
    struct sockaddr_in6 v6 = connection->peer.v6;
    if (v6.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        return;
    }
    memset(&connection->peer, 0, sizeof(connection->peer));
    connection->peer.v4.sin_family = AF_INET;
    connection->peer.v4.sin_port = v6.sin6_port;
    memcpy(&connection->peer.v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
}

static void read_peer(struct http_connection *connection)
{
    const struct sockaddr *address = address_of(connection->mhd);
    if (address->sa_family == AF_INET) {
        memcpy(&connection->peer, address, sizeof(struct sockaddr_in));
    } else if (address->sa_family == AF_INET6) {
        memcpy(&connection->peer, address, sizeof(struct sockaddr_in6));
        unmap(connection);
    }
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (connection->local &&
        getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
        connection->has_credentials = true;
        connection->uid = credentials.uid;
        connection->gid = credentials.gid;
        connection->pid = credentials.pid;
    }
}

static struct http_connection *connection_new(struct http_thread *thread,
                                              struct MHD_Connection *mhd)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return NULL; /* its first request is closed without an answer */
    }
    connection->thread = thread;
    connection->mhd = mhd;
    connection->local = thread->local;
    connection->problem_type = thread->server->options.problem_type;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    atomic_init(&connection->references, 1);
    pthread_mutex_init(&connection->handing, NULL);
    connection->exchange.connection = connection;
    read_peer(connection);
    connection_stage(connection, STAGE_IDLE);
    pthread_mutex_lock(&thread->lock);
    connection->next = thread->first;
    if (thread->first != NULL) {
        thread->first->previous = connection;
    }
    thread->first = connection;
    pthread_mutex_unlock(&thread->lock);
    return connection;
}

void connection_unref(struct http_connection *connection)
{
    if (atomic_fetch_sub(&connection->references, 1) > 1) {
        return;
    }
    exchange_deinit(&connection->exchange);
    answer_deinit(connection);
    pthread_mutex_destroy(&connection->handing);
    free(connection);
}

static void connection_closed(struct http_connection *connection)
{
    struct http_thread *thread = connection->thread;
    pthread_mutex_lock(&thread->lock);
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        thread->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    pthread_mutex_unlock(&thread->lock);
    connection_unref(connection);
}

void connection_on_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_thread *thread = context;
    thread->started = true;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = connection_new(thread, mhd);
        return;
    }
    address_table_leave(thread->server->addresses, address_of(mhd));
    atomic_fetch_sub(&thread->open, 1);
    atomic_fetch_sub(&thread->server->open, 1);
    if (*socket_context != NULL) {
        connection_closed(*socket_context);
        *socket_context = NULL;
    }
}

/* --- looking over all ------------------------------------------------------------------------ */

static bool late(const struct http_connection *connection, uint64_t now_ms)
{
    const struct http_options *options = &connection->thread->server->options;
    uint64_t waiting = atomic_load_explicit(&connection->waiting, memory_order_relaxed);
    uint64_t since = waiting >> 2;
    uint64_t max_ms = 0;
    switch ((enum connection_stage)(waiting & 3)) {
    case STAGE_IDLE:
        max_ms = (uint64_t)options->idle_s * 1000;
        break;
    case STAGE_READING:
    case STAGE_SENDING:
        max_ms = (uint64_t)options->request_s * 1000;
        break;
    case STAGE_WORKING:
        return false;
    }
    return now_ms > since && now_ms - since > max_ms;
}

/*
 * libmicrohttpd reads until a read comes short and then waits for the next edge. The end of
 * the stream that came together with the last bytes is no edge of its own, so a client that
 * sends its request and closes its side at once would be waited for until its deadline.
 */
static void shut_half_closed(const struct pollfd *polled, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (polled[i].revents & POLLRDHUP) {
            shutdown(polled[i].fd, SHUT_RDWR);
        }
    }
}

static bool may_be_half_closed(const struct http_connection *connection, uint64_t now_ms)
{
    uint64_t waiting = atomic_load_explicit(&connection->waiting, memory_order_relaxed);
    enum connection_stage stage = (enum connection_stage)(waiting & 3);
    return (stage == STAGE_IDLE || stage == STAGE_READING) &&
           now_ms >= (waiting >> 2) + HTTP_HALF_CLOSED_MS;
}

void connection_sweep(struct http_thread *thread, uint64_t now_ms)
{
    struct pollfd polled[POLL_BATCH];
    size_t count = 0;
    pthread_mutex_lock(&thread->lock);
    for (struct http_connection *c = thread->first; c != NULL; c = c->next) {
        if (late(c, now_ms)) {
            shutdown(c->fd, SHUT_RDWR);
        } else if (may_be_half_closed(c, now_ms)) {
            polled[count++] = (struct pollfd){c->fd, POLLRDHUP, 0};
        }
        if (count == POLL_BATCH || (c->next == NULL && count > 0)) {
            poll(polled, count, 0);
            shut_half_closed(polled, count);
            count = 0;
        }
    }
    pthread_mutex_unlock(&thread->lock);
}

unsigned connection_busy(struct http_thread *thread)
{
    unsigned busy = 0;
    pthread_mutex_lock(&thread->lock);
    for (struct http_connection *c = thread->first; c != NULL; c = c->next) {
        busy += (atomic_load_explicit(&c->waiting, memory_order_relaxed) & 3) != STAGE_IDLE;
    }
    pthread_mutex_unlock(&thread->lock);
    return busy;
}

void connection_abandon(struct http_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    for (struct http_connection *c = thread->first; c != NULL; c = c->next) {
        pthread_mutex_lock(&c->handing);
        if (atomic_load(&c->exchange.hand_over) == HAND_WORKER) {
            atomic_store(&c->exchange.hand_over, HAND_ABANDONED);
            event_loop_resume(c);
        }
        pthread_mutex_unlock(&c->handing);
    }
    pthread_mutex_unlock(&thread->lock);
}
