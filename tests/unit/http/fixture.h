/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server with toy routes inside the test, and clients that send raw bytes.
 *
 *     struct fixture fixture;
 *     fixture_start(&fixture, NULL);
 *     int fd = fixture_connect(&fixture);
 *     send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
 *     struct answer answer;
 *     read_answer(fd, &answer);
 *     assert_int_equal(answer.status, 200);
 *
 * Routes: GET /hello (text), GET|POST /echo (the body, up to 1,000 bytes), POST /worker/echo
 * (the same by a worker), POST [/worker]/upload (the same up to 65,000), POST
 * /worker/upload/later (the test answers), GET /worker/gate (answers when the test opens the gate),
 * GET /block (the same, holding the event thread), GET /worker/later (the test answers), GET|DELETE
 * /items/{id}, PATCH /items/special, GET /headers (lines and first value of X-Test), GET /query,
 * GET /inject, GET /peer, GET /thread, GET /id, GET /count (headers that change), GET /twice, GET
 * /refuse, GET /secret, GET /large (a body that no socket buffer holds).
 */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "http/server.h"
#include "virtual_clock.h"

#define ECHO_BYTES_MAX 1000
#define UPLOAD_BYTES_MAX 65000
#define LARGE_BYTES (16 * 1024 * 1024)
#define WAIT_MS 10000 /* for what must happen; reached only by a failing test */

struct fixture {
    struct http_server *server;
    struct virtual_clock time;
    char directory[64], socket_path[96];
    struct log *log; /* a test's own */
    /* The gate of /worker/gate and the parked exchange of /worker/later. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    unsigned at_gate;
    struct http_exchange *parked;
};

/* `adjust` may change the options; NULL: a TCP port of its own, one event thread, one worker. */
void fixture_start(struct fixture *fixture,
                   void (*adjust)(struct fixture *fixture, struct http_options *options));
/* As fixture_start, but returns the error. */
tkr_error_t fixture_try(struct fixture *fixture,
                        void (*adjust)(struct fixture *fixture, struct http_options *options),
                        struct fault *fault);
void fixture_stop(struct fixture *fixture);
int fixture_connect(struct fixture *fixture);      /* over TCP */
int fixture_connect_unix(struct fixture *fixture); /* over the Unix socket */
int connect_port(unsigned port);                   /* -1: refused */
/* Moves the clock on until the other side closes, and says whether it did: a connection may
 * be taken in, and its time begin, after this is called. */
bool closes_in_time(struct fixture *fixture, int fd, int64_t step_ms);
void gate_open(struct fixture *fixture);
void gate_wait(struct fixture *fixture, unsigned count); /* until so many stand there */
struct http_exchange *parked_wait(struct fixture *fixture);

struct answer {
    int status; /* 0: the connection ended without one */
    char head[16384];
    char body[65536];
    size_t body_length;
};
void send_bytes(int fd, const void *bytes, size_t length);
void send_text(int fd, const char *text);
/* Sends what it can; false when the other side is gone. */
bool try_send(int fd, const void *bytes, size_t length);
/* One answer with its body; fails the test when nothing comes within WAIT_MS. */
void read_answer(int fd, struct answer *answer);
void read_answer_to_head(int fd, struct answer *answer); /* to a HEAD request */
/* The value of a header, or NULL; the text is valid until the next call. */
const char *answer_header(const struct answer *answer, const char *name);
unsigned answer_header_count(const struct answer *answer, const char *name);
/* Whether the other side closes (or resets) within WAIT_MS without sending more. */
bool is_closed(int fd);
/* One request on a connection of its own. */
void ask(struct fixture *fixture, const char *request, struct answer *answer);

/* Polls until `condition(context)`; fails the test after WAIT_MS. */
void eventually(bool (*condition)(void *context), void *context);

#endif
