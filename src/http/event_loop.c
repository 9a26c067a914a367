/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event thread: libmicrohttpd's epoll set, driven from outside.
 *
 * Not its internal thread, because of how 0.9.75 collects events: while a wait returns 128 of
 * them, its maximum, it waits again, and with the same timeout. When exactly 128 connections
 * become ready at once and no other event comes, that thread sleeps with 128 requests in its
 * hands: 128 clients that wait for their answer, which is what `wrk -c128` is, stand still for
 * ever. Here it is always called with timeout 0, and poll(2) does the sleeping. That is one
 * system call a round more, which a thread with work saves again: after a round of several
 * requests it does not sleep but looks at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/internal.h"

#define BUSY_REQUESTS 2 /* in a round: more are likely to wait already */

struct handed {
    struct handed *next;
    int fd;
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in6 v6;
    } peer;
};

/* --- from the listener ----------------------------------------------------------------------- */

static void forget(struct http_thread *thread, const struct handed *handed)
{
    address_table_leave(thread->server->addresses, &handed->peer.any);
    atomic_fetch_sub(&thread->open, 1);
    atomic_fetch_sub(&thread->server->open, 1);
}

bool event_loop_hand(struct http_thread *thread, int fd, const struct sockaddr *peer,
                     socklen_t length)
{
    struct handed *handed = calloc(1, sizeof(*handed));
    if (handed == NULL) {
        return false;
    }
    handed->fd = fd;
    handed->length = length < sizeof(handed->peer) ? length : sizeof(handed->peer);
    memcpy(&handed->peer, peer, handed->length);
    pthread_mutex_lock(&thread->lock);
    *thread->handed_end = handed;
    thread->handed_end = &handed->next;
    pthread_mutex_unlock(&thread->lock);
    atomic_store(&thread->called, true);
    (void)eventfd_write(thread->wake, 1);
    return true;
}

static struct handed *take_handed(struct http_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    struct handed *first = thread->handed;
    thread->handed = NULL;
    thread->handed_end = &thread->handed;
    pthread_mutex_unlock(&thread->lock);
    return first;
}

static void add_handed(struct http_thread *thread)
{
    struct handed *next;
    for (struct handed *handed = take_handed(thread); handed != NULL; handed = next) {
        next = handed->next;
        thread->started = false;
        if (MHD_add_connection(thread->daemon, handed->fd, &handed->peer.any, handed->length) !=
                MHD_YES &&
            !thread->started) {
            /* No memory. The descriptor is closed, and connection_on_notify not called. */
            forget(thread, handed);
            atomic_fetch_add(&thread->server->refused, 1);
        }
        free(handed);
    }
}

void event_loop_resume(struct http_connection *connection)
{
    /* libmicrohttpd's own signal does not do: it looks for connections to resume before it
     * takes the signal out, so one that comes in between is forgotten until the next event. */
    MHD_resume_connection(connection->mhd);
    (void)eventfd_write(connection->thread->wake, 1);
}

/* --- the thread ------------------------------------------------------------------------------ */

static void sleep_until_called(struct http_thread *thread, int epoll)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    if (MHD_get_timeout(thread->daemon, &timeout_ms) == MHD_YES) {
        return; /* it has something to do: there are no other timeouts */
    }
    struct pollfd polled[] = {{epoll, POLLIN, 0}, {thread->wake, POLLIN, 0}};
    if (poll(polled, 2, -1) > 0 && polled[1].revents != 0) {
        eventfd_t ignored;
        (void)eventfd_read(thread->wake, &ignored);
    }
}

static void *event_loop(void *context)
{
    struct http_thread *thread = context;
    pthread_setname_np(pthread_self(), "http");
    int epoll = MHD_get_daemon_info(thread->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    while (!atomic_load_explicit(&thread->ending, memory_order_relaxed)) {
        if (atomic_exchange_explicit(&thread->called, false, memory_order_acquire)) {
            add_handed(thread);
        }
        atomic_fetch_add_explicit(&thread->rounds, 1, memory_order_relaxed);
        uint64_t before = thread->request_count;
        MHD_run(thread->daemon);
        if (thread->request_count - before < BUSY_REQUESTS) {
            sleep_until_called(thread, epoll);
        }
    }
    MHD_stop_daemon(thread->daemon);
    thread->daemon = NULL;
    return NULL;
}

tkr_error_t event_loop_start(struct http_thread *thread)
{
    ENSURE(pthread_create(&thread->thread, NULL, event_loop, thread) == 0, TKR_MEMORY);
    thread->running = true;
    return TKR_OK;
}

void event_loop_end(struct http_thread *thread)
{
    if (thread->running) {
        atomic_store(&thread->ending, true);
        (void)eventfd_write(thread->wake, 1);
        pthread_join(thread->thread, NULL);
        thread->running = false;
    } else if (thread->daemon != NULL) {
        MHD_stop_daemon(thread->daemon);
        thread->daemon = NULL;
    }
    struct handed *next;
    for (struct handed *handed = take_handed(thread); handed != NULL; handed = next) {
        next = handed->next;
        close(handed->fd);
        forget(thread, handed);
        free(handed);
    }
}
