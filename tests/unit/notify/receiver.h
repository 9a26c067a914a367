/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver on the loopback that does what it is told: one thread, one connection after the other.
 *
 *     struct receiver receiver;
 *     receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
 *     ... send to receiver.port ...
 *     receiver_stop(&receiver);
 *     ... receiver.request is the last one, receiver.connections how many there were ...
 */
#ifndef UNIT_NOTIFY_RECEIVER_H
#define UNIT_NOTIFY_RECEIVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct receiver {
    uint16_t port;
    _Atomic(const char *) answer; /* NULL: none ever, the connection stays open */
    bool endless;                 /* the answer, and then bytes for ever */
    const char *again;            /* what it sends without end; NULL: something */
    _Atomic unsigned connections;
    char request[65536]; /* of the newest whole one */
    int listener, stop[2];
    pthread_t thread;
};
void receiver_start(struct receiver *receiver, const char *answer);
/* Ends the thread and all connections. */
void receiver_stop(struct receiver *receiver);

#endif
