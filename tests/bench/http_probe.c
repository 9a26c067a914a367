/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP layer alone, with the routes that a benchmark needs:
 *
 *     http_probe LISTEN [EVENT-THREADS [SOCKET]]
 *
 *   GET /auth      reads every header, answers 200 with eight: six as they are, and two
 *                  about a limit, one of which changes with each request
 *   GET /same      the same, nothing changes
 *   GET /others    the same, all eight change with each request
 *   GET /json      200 and a body of 120 bytes
 *   GET /worker    the same, by a worker
 *
 * Runs until SIGTERM or SIGINT.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/server.h"

#define POLICY "\"minute\";q=60;w=60, \"hour\";q=1000;w=3600, \"day\";q=10000;w=86400"

static void see(void *context, const char *name, size_t name_length, const char *value,
                size_t value_length)
{
    size_t *sum = context;
    *sum +=
        (size_t)name[0] * name_length + value_length + (value_length > 0 ? (size_t)value[0] : 0);
}

static void answer_headers(struct http_exchange *exchange, unsigned user, unsigned left)
{
    char text[160];
    size_t sum = 0;
    http_headers(exchange, see, &sum);
    snprintf(text, sizeof(text), "alice-%u", user);
    http_set_header(exchange, "X-Auth-User", text);
    snprintf(text, sizeof(text), "tok_01ARZ3NDEKTSV4RRFF%08X", user);
    http_set_header(exchange, "X-Auth-Token-Id", text);
    snprintf(text, sizeof(text), "laptop-%u", user);
    http_set_header(exchange, "X-Auth-Token-Name", text);
    http_set_header(exchange, "X-Auth-Tier", user % 2 == 0 ? "free" : "pro");
    snprintf(text, sizeof(text), "reports:read reports:write r%u:read", user);
    http_set_header(exchange, "X-Auth-Scopes", text);
    snprintf(text, sizeof(text), "org-%u", user);
    http_set_header(exchange, "X-Auth-Org", text);
    snprintf(text, sizeof(text),
             "\"minute\";r=%u;t=31, \"hour\";r=900;t=1800, \"day\";r=9000;t=40000", left);
    http_set_header(exchange, "RateLimit", text);
    http_set_header(exchange, "RateLimit-Policy", POLICY);
    http_answer(exchange, sum == 1 ? 500 : 200, NULL, NULL, 0, false);
}

static _Thread_local unsigned count;

static void auth(void *context, struct http_exchange *exchange)
{
    answer_headers(exchange, 7, ++count % 60);
}

static void same(void *context, struct http_exchange *exchange)
{
    answer_headers(exchange, 7, 12);
}

static void others(void *context, struct http_exchange *exchange)
{
    count++;
    answer_headers(exchange, count, count % 60);
}

static void json(void *context, struct http_exchange *exchange)
{
    static const char body[] =
        "{\"valid\":true,\"code\":\"valid\",\"user_id\":\"alice\",\"org_id\":"
        "\"default\",\"name\":\"laptop\",\"kind\":\"user\",\"tier\":\"free\"}";
    http_answer(exchange, 200, "application/json", body, sizeof(body) - 1, false);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/auth", auth, HTTP_INLINE, 0, 0},     {HTTP_GET, "/same", same, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/others", others, HTTP_INLINE, 0, 0}, {HTTP_GET, "/json", json, HTTP_INLINE, 0, 0},
    {HTTP_GET, "/worker", json, HTTP_WORKER, 0, 0},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: http_probe LISTEN [EVENT-THREADS [SOCKET]]\n", stderr);
        return 2;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct http_options options = {
        .listen = argv[1],
        .socket_path = argc > 3 ? argv[3] : "",
        .socket_mode = 0600,
        .tls_certificate = "",
        .tls_key = "",
        .event_threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1,
        .worker_threads = 2,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .clock = clock_system(),
        .server_name = "probe",
    };
    struct http_server *server;
    struct fault fault = {0};
    if (http_server_new(&options, &server, &fault) != TKR_OK) {
        fprintf(stderr, "http_probe: %s\n", fault.detail);
        return 1;
    }
    printf("port %u\n", http_server_port(server));
    fflush(stdout);
    int signal;
    sigwait(&signals, &signal);
    http_server_stop(server, 1000);
    http_server_free(server);
    return 0;
}
