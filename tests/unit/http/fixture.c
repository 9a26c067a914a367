/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define START_MS 1767225600000 /* 2026-01-01T00:00:00Z */

/* --- routes ---------------------------------------------------------------------------------- */

static void answer_text(struct http_exchange *exchange, unsigned status, const char *text)
{
    http_answer(exchange, status, "text/plain", text, strlen(text), false);
}

static void hello(void *context, struct http_exchange *exchange)
{
    answer_text(exchange, 200, "hello");
}

static void echo(void *context, struct http_exchange *exchange)
{
    size_t length;
    const char *body = http_body(exchange, &length);
    http_set_header(exchange, "X-Method", http_method_name(http_method(exchange)));
    http_answer(exchange, 200, "text/plain", body, length, true);
}

static void gate(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    pthread_mutex_lock(&fixture->lock);
    fixture->at_gate++;
    pthread_cond_broadcast(&fixture->changed);
    while (!fixture->gate_open) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    fixture->at_gate--;
    pthread_mutex_unlock(&fixture->lock);
    answer_text(exchange, 200, http_path(exchange));
}

static void later(void *context, struct http_exchange *exchange)
{
    struct fixture *fixture = context;
    pthread_mutex_lock(&fixture->lock);
    fixture->parked = exchange;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

/* A header that is set and an arena that is used before do not reach the answer. */
static void defer(void *context, struct http_exchange *exchange)
{
    http_set_header(exchange, "X-Before", "yes");
    ASSERT(arena_alloc(http_arena(exchange), 100) != NULL);
    ASSERT(http_defer(exchange));
    later(context, exchange);
}

static void item(void *context, struct http_exchange *exchange)
{
    const char *id = http_path_argument(exchange, "id");
    char text[256];
    snprintf(text, sizeof(text), "%d:%s", http_route_id(exchange), id != NULL ? id : "(null)");
    answer_text(exchange, 200, text);
}

static void headers(void *context, struct http_exchange *exchange)
{
    const char *value = "";
    size_t length = 0;
    char text[256];
    unsigned count = http_header(exchange, "x-test", &value, &length);
    snprintf(text, sizeof(text), "%u [%.*s]", count, (int)length, value);
    answer_text(exchange, 200, text);
}

static void query(void *context, struct http_exchange *exchange)
{
    const struct http_argument *arguments;
    size_t count;
    char text[4096] = "";
    ASSERT(http_arguments(exchange, &arguments, &count) == TKR_OK);
    for (size_t i = 0; i < count; i++) {
        char *end = text + strlen(text);
        snprintf(end, sizeof(text) - (size_t)(end - text), "%s=%.*s;", arguments[i].name,
                 (int)arguments[i].value_length, arguments[i].value);
    }
    answer_text(exchange, 200, text);
}

static void inject(void *context, struct http_exchange *exchange)
{
    http_set_header(exchange, "X-Split", "a\r\nSet-Cookie: b");
    http_set_header(exchange, "X-Line", "a\nb");
    http_set_header(exchange, "X-Empty", "");
    http_set_header(exchange, "X-Good", "fine");
    http_answer(exchange, 200, NULL, NULL, 0, false);
}

static void peer(void *context, struct http_exchange *exchange)
{
    char text[128] = "none", address[INET6_ADDRSTRLEN];
    uid_t uid;
    gid_t gid;
    pid_t pid;
    const struct sockaddr *socket = http_peer(exchange);
    if (http_peer_credentials(exchange, &uid, &gid, &pid)) {
        snprintf(text, sizeof(text), "%u %u %d %s", uid, gid, (int)pid,
                 socket == NULL ? "local" : "?");
    } else if (socket != NULL && socket->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, socket, sizeof(v4));
        snprintf(text, sizeof(text), "%s",
                 inet_ntop(AF_INET, &v4.sin_addr, address, sizeof(address)));
    }
    answer_text(exchange, 200, text);
}

static void thread(void *context, struct http_exchange *exchange)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", http_thread(exchange));
    answer_text(exchange, 200, text);
}

static void id(void *context, struct http_exchange *exchange)
{
    answer_text(exchange, 200, http_request_id(exchange));
}

/* ?n= headers; one in two changes with each request, to longer and shorter values. */
static void count(void *context, struct http_exchange *exchange)
{
    static const char *const names[] = {"X-0", "X-1", "X-2", "X-3", "X-4", "X-5"};
    static _Thread_local unsigned serial;
    const struct http_argument *arguments;
    size_t argument_count;
    char text[64];
    ASSERT(http_arguments(exchange, &arguments, &argument_count) == TKR_OK);
    unsigned n = argument_count > 0 ? (unsigned)atoi(arguments[0].value) : 6;
    serial++;
    for (unsigned i = 0; i < n && i < 6; i++) {
        snprintf(text, sizeof(text), "%u-%.*s", i % 2 == 0 ? i : serial, (int)(serial * 7 % 40),
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        http_set_header(exchange, names[i], i % 2 == 0 ? "same" : text);
    }
    http_set_header(exchange, "X-Serial", (snprintf(text, sizeof(text), "%u", serial), text));
    http_answer(exchange, 200, NULL, NULL, 0, false);
}

/* Two headers of one name: values of the query's arguments. */
static void twice(void *context, struct http_exchange *exchange)
{
    const struct http_argument *arguments;
    size_t argument_count;
    ASSERT(http_arguments(exchange, &arguments, &argument_count) == TKR_OK && argument_count == 2);
    http_set_header(exchange, "X-Twice", arguments[0].value);
    http_set_header(exchange, "x-twice", arguments[1].value);
    http_answer(exchange, 200, NULL, NULL, 0, false);
}

static void refuse(void *context, struct http_exchange *exchange)
{
    struct fault fault = {0};
    (void)fault_set(&fault, TKR_INVALID, "na\"me", "not \\ \x01 \xff good");
    http_set_header(exchange, "X-Reason", "because");
    http_answer_problem(exchange, 422, "bad_name", "Bad \"name\"", &fault);
}

static void secret(void *context, struct http_exchange *exchange)
{
    http_answer(exchange, 201, "text/plain", "sk_live_secret", 14, true);
}

static void large(void *context, struct http_exchange *exchange)
{
    char *body = malloc(LARGE_BYTES);
    ASSERT(body != NULL);
    memset(body, 'x', LARGE_BYTES);
    http_answer(exchange, 200, "text/plain", body, LARGE_BYTES, false);
    free(body);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hello", hello, HTTP_INLINE, 0, 0},
    {HTTP_GET | HTTP_POST, "/echo", echo, HTTP_INLINE, ECHO_BYTES_MAX, 0},
    {HTTP_POST, "/worker/echo", echo, HTTP_WORKER, ECHO_BYTES_MAX, 0},
    {HTTP_GET, "/worker/gate", gate, HTTP_WORKER, 0, 0},
    {HTTP_GET, "/block", gate, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/worker/later", later, HTTP_WORKER, 0, 0},
    {HTTP_POST, "/defer/{id}", defer, HTTP_INLINE, ECHO_BYTES_MAX, 0},
    {HTTP_POST, "/worker/defer", defer, HTTP_WORKER, ECHO_BYTES_MAX, 0},
    {HTTP_POST, "/upload", echo, HTTP_INLINE, UPLOAD_BYTES_MAX, 0},
    {HTTP_POST, "/worker/upload", echo, HTTP_WORKER, UPLOAD_BYTES_MAX, 0},
    {HTTP_POST, "/worker/upload/later", later, HTTP_WORKER, UPLOAD_BYTES_MAX, 0},
    {HTTP_PATCH, "/items/special", item, HTTP_INLINE, 0, 1},
    {HTTP_GET, "/items/{id}", item, HTTP_INLINE, 0, 2},
    {HTTP_DELETE, "/items/{id}", item, HTTP_WORKER, 0, 3},
    {HTTP_POST, "/items/{id}/copy", item, HTTP_INLINE, 0, 4},
    {HTTP_GET, "/headers", headers, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/worker/headers", headers, HTTP_WORKER, 0, 0},
    {HTTP_GET, "/query", query, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/worker/query", query, HTTP_WORKER, 0, 0},
    {HTTP_GET, "/inject", inject, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/peer", peer, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/thread", thread, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/id", id, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/count", count, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/twice", twice, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/refuse", refuse, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/secret", secret, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/large", large, HTTP_INLINE, 0, 0},
};

/* --- the server ------------------------------------------------------------------------------ */

tkr_error_t fixture_try(struct fixture *fixture,
                        void (*adjust)(struct fixture *fixture, struct http_options *options),
                        struct fault *fault)
{
    memset(fixture, 0, sizeof(*fixture));
    virtual_clock_init(&fixture->time, START_MS);
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    strcpy(fixture->directory, "/tmp/http-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->socket_path, sizeof(fixture->socket_path), "%s/s.sock", fixture->directory);
    struct http_options options = {
        .listen = "127.0.0.1:0",
        .socket_path = "",
        .socket_mode = 0600,
        .tls_certificate = "",
        .tls_key = "",
        .event_threads = 1,
        .worker_threads = 1,
        .connections_max = 64,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .context = fixture,
        .clock = &fixture->time.clock,
        .server_name = "toy",
    };
    if (adjust != NULL) {
        adjust(fixture, &options);
    }
    return http_server_new(&options, &fixture->server, fault);
}

void fixture_start(struct fixture *fixture,
                   void (*adjust)(struct fixture *fixture, struct http_options *options))
{
    struct fault fault = {0};
    if (fixture_try(fixture, adjust, &fault) != TKR_OK) {
        fail_msg("the server does not start: %s", fault.detail);
    }
}

void fixture_stop(struct fixture *fixture)
{
    gate_open(fixture);
    http_server_free(fixture->server);
    fixture->server = NULL;
    unlink(fixture->socket_path);
    assert_int_equal(rmdir(fixture->directory), 0);
    pthread_mutex_destroy(&fixture->lock);
    pthread_cond_destroy(&fixture->changed);
}

void gate_open(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->gate_open = true;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void wait_for_change(struct fixture *fixture)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_MS / 1000;
    assert_int_equal(pthread_cond_timedwait(&fixture->changed, &fixture->lock, &end), 0);
}

void gate_wait(struct fixture *fixture, unsigned count_wanted)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->at_gate < count_wanted) {
        wait_for_change(fixture);
    }
    pthread_mutex_unlock(&fixture->lock);
}

struct http_exchange *parked_wait(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->parked == NULL) {
        wait_for_change(fixture);
    }
    struct http_exchange *exchange = fixture->parked;
    fixture->parked = NULL;
    pthread_mutex_unlock(&fixture->lock);
    return exchange;
}

/* --- clients --------------------------------------------------------------------------------- */

int connect_port(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int fixture_connect(struct fixture *fixture)
{
    int fd = connect_port(http_server_port(fixture->server));
    assert_true(fd >= 0);
    return fd;
}

int fixture_connect_unix(struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, fixture->socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

bool try_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

void send_bytes(int fd, const void *bytes, size_t length)
{
    assert_true(try_send(fd, bytes, length));
}

void send_text(int fd, const char *text)
{
    send_bytes(fd, text, strlen(text));
}

/* Up to `size` bytes; 0 at the end or a reset; fails the test when nothing comes. */
static size_t receive(int fd, char *bytes, size_t size)
{
    struct pollfd polled = {fd, POLLIN, 0};
    if (poll(&polled, 1, WAIT_MS) != 1) {
        fail_msg("no answer within %d ms", WAIT_MS);
    }
    ssize_t got = recv(fd, bytes, size, 0);
    return got > 0 ? (size_t)got : 0;
}

static void read_head(int fd, struct answer *answer)
{
    size_t length = 0;
    memset(answer, 0, sizeof(*answer));
    /* A byte at a time: what follows may be the next answer. */
    while (strstr(answer->head, "\r\n\r\n") == NULL) {
        assert_true(length < sizeof(answer->head) - 1);
        if (receive(fd, answer->head + length, 1) == 0) {
            assert_int_equal(length, 0); /* never half a head */
            return;
        }
        length++;
    }
    assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d ", &answer->status), 1);
}

void read_answer_to_head(int fd, struct answer *answer)
{
    read_head(fd, answer);
}

void read_answer(int fd, struct answer *answer)
{
    read_head(fd, answer);
    if (answer->status == 0 || answer->status == 100) {
        return;
    }
    const char *length = answer_header(answer, "Content-Length");
    assert_non_null(length);
    size_t announced = strtoul(length, NULL, 10);
    assert_true(announced < sizeof(answer->body));
    while (answer->body_length < announced) {
        size_t got =
            receive(fd, answer->body + answer->body_length, announced - answer->body_length);
        assert_true(got > 0);
        answer->body_length += got;
    }
}

static const char *find_header(const struct answer *answer, const char *name, unsigned *ret_count)
{
    static _Thread_local char value[8192];
    const char *found = NULL;
    *ret_count = 0;
    for (const char *line = strstr(answer->head, "\r\n"); line != NULL && line[2] != '\r';
         line = strstr(line + 2, "\r\n")) {
        size_t length = strlen(name);
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *start = line + 2 + length + 2;
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r"), start);
            found = value;
            ++*ret_count;
        }
    }
    return found;
}

const char *answer_header(const struct answer *answer, const char *name)
{
    unsigned ignored;
    return find_header(answer, name, &ignored);
}

unsigned answer_header_count(const struct answer *answer, const char *name)
{
    unsigned found;
    (void)find_header(answer, name, &found);
    return found;
}

bool is_closed(int fd)
{
    char byte;
    return receive(fd, &byte, 1) == 0;
}

bool closes_in_time(struct fixture *fixture, int fd, int64_t step_ms)
{
    struct pollfd polled = {fd, POLLIN, 0};
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        virtual_clock_advance(&fixture->time, step_ms);
        if (poll(&polled, 1, 10) == 1) {
            return is_closed(fd);
        }
    }
    return false;
}

void ask(struct fixture *fixture, const char *request, struct answer *answer)
{
    int fd = fixture_connect(fixture);
    send_text(fd, request);
    read_answer(fd, answer);
    close(fd);
}

void eventually(bool (*condition)(void *context), void *context)
{
    for (int waited = 0; !condition(context); waited += 2) {
        assert_true(waited < WAIT_MS);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}
