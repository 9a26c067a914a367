/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, step by step. libmicrohttpd calls
 *
 *   exchange_on_target     with the request line, before it looks at the headers
 *   exchange_on_call       with the head: checks, finds the route. It must return MHD_YES
 *                          without an answer: one that is queued now closes the connection
 *                          (35 us instead of 8 for the next request), which is what a
 *                          request whose framing cannot be trusted deserves
 *   exchange_on_call       with each piece of the body
 *   exchange_on_call       at the end of the request: runs the handler
 *   exchange_on_call       once more when a worker has answered
 *   exchange_on_completed  when the answer is sent or the connection is gone
 *
 * A refused body is read to its end up to HTTP_DISCARD_BYTES_MAX, so that the client is
 * there to read why: closing with unread bytes makes the kernel send a reset, and the reset
 * may overtake the answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

/* --- the request line ------------------------------------------------------------------------ */

void *exchange_on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_thread *thread = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *connection = info != NULL ? info->socket_context : NULL;
    if (connection == NULL) {
        return NULL; /* no memory for it when it was opened */
    }
    struct http_exchange *exchange = &connection->exchange;
    if (thread->server->options.access_log) {
        exchange->now.started_ns = clock_monotonic_ns(thread->server->options.clock);
    }
    thread->request_count++;
    connection_stage(connection, STAGE_READING);
    request_target(exchange, target);
    return exchange;
}

/* --- the head -------------------------------------------------------------------------------- */

static bool waits_for_continue(const struct http_exchange *exchange)
{
    return request_field(exchange, "Expect") != NULL;
}

static enum MHD_Result refuse(struct http_exchange *exchange, const struct refusal *refusal)
{
    answer_refusal(exchange, refusal);
    return answer_send(exchange);
}

/* What is known about the body before it comes. */
static enum MHD_Result expect_body(struct http_exchange *exchange)
{
    bool endless = false;
    if (!body_expect(exchange, &endless)) {
        return MHD_YES;
    }
    if (exchange->now.refusal != NULL && (endless || waits_for_continue(exchange))) {
        return refuse(exchange, exchange->now.refusal);
    }
    return MHD_YES;
}

static enum MHD_Result on_head(struct http_exchange *exchange, const char *path, const char *method,
                               const char *version)
{
    struct exchange_state *now = &exchange->now;
    now->head_seen = true;
    const struct refusal *refusal = request_head(exchange, path, method, version);
    if (refusal != NULL) {
        return refuse(exchange, refusal);
    }
    router_find(exchange);
    if (now->route == NULL) {
        now->refusal = now->allowed != 0 ? &refusal_method : &refusal_not_found;
    }
    return expect_body(exchange);
}

/* --- the end of the request ------------------------------------------------------------------ */

void exchange_run(struct http_exchange *exchange)
{
    const struct http_route *route = exchange->now.route;
    const struct refusal *refusal = request_arguments(exchange);
    if (refusal != NULL) {
        answer_refusal(exchange, refusal);
        return;
    }
    route->handler(exchange->connection->thread->server->options.context, exchange);
}

/* Suspends the connection; from then on whoever answers may resume it, from any thread. */
static void give_away(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    connection_stage(connection, STAGE_WORKING);
    atomic_fetch_add(&connection->references, 1);
    MHD_suspend_connection(connection->mhd); /* before anybody could resume it */
    atomic_store(&exchange->hand_over, HAND_WORKER);
}

/* Out of the thread's arena and libmicrohttpd's memory into an arena of its own. */
static bool move_out(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    struct arena *borrowed = now->arena;
    const struct http_argument *arguments = now->arguments;
    size_t argument_count = now->argument_count;
    if (arena_new(HTTP_ARENA_BYTES_MAX, &now->arena) != TKR_OK) {
        now->arena = borrowed;
        return false;
    }
    now->arguments = NULL;
    now->argument_count = 0;
    if (request_arguments(exchange) != NULL || request_snapshot(exchange) != TKR_OK) {
        arena_free(now->arena);
        now->arena = borrowed;
        now->arguments = arguments;
        now->argument_count = argument_count;
        return false;
    }
    now->own_arena = true;
    now->id_asked = true; /* an answer from another thread always carries it */
    return true;
}

bool http_defer(struct http_exchange *exchange)
{
    ASSERT(!exchange->now.answered);
    int held = atomic_load(&exchange->hand_over);
    if (held == HAND_WORKER || held == HAND_ABANDONED) {
        return true; /* it is a worker's already */
    }
    if (!move_out(exchange)) {
        return false;
    }
    exchange->now.header_count = 0;
    exchange->now.header_bytes = 0;
    http_request_id(exchange);
    give_away(exchange);
    return true;
}

static enum MHD_Result run_here(struct http_exchange *exchange)
{
    struct http_thread *thread = exchange->connection->thread;
    exchange->now.arena = thread->arena;
    exchange_run(exchange);
    if (atomic_load(&exchange->hand_over) != HAND_NONE) { /* deferred: another thread's by now */
        arena_reset(thread->arena);
        return MHD_YES;
    }
    ASSERT(exchange->now.answered);
    enum MHD_Result result = answer_send(exchange);
    arena_reset(thread->arena);
    exchange->now.arena = NULL;
    return result;
}

static enum MHD_Result hand_to_worker(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    if (arena_new(HTTP_ARENA_BYTES_MAX, &now->arena) != TKR_OK) {
        return refuse(exchange, &refusal_memory);
    }
    now->own_arena = true;
    now->id_asked = true; /* a worker's answer always carries it */
    if (request_snapshot(exchange) != TKR_OK) {
        return refuse(exchange, &refusal_memory);
    }
    http_request_id(exchange);
    give_away(exchange);
    if (!worker_push(exchange->connection->thread->server->workers, exchange)) {
        answer_refusal(exchange, &refusal_busy); /* resumes */
    }
    return MHD_YES;
}

static bool stays_here(const struct http_exchange *exchange)
{
    enum http_place place = exchange->now.route->place;
    return place == HTTP_INLINE ||
           (place == HTTP_KEYED && request_field(exchange, "Idempotency-Key") == NULL);
}

static enum MHD_Result on_end(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    switch ((enum hand_over)atomic_load(&exchange->hand_over)) {
    case HAND_ANSWERED:
        return answer_send(exchange);
    case HAND_ABANDONED:
        return answer_abandoned(exchange);
    case HAND_WORKER:
    case HAND_NONE:
        break;
    }
    if (exchange->connection->thread->fields_of != exchange) {
        /* Others have used the scratch while the body came. */
        (void)request_fields(exchange, NULL, NULL, false);
    }
    if (now->refusal != NULL) {
        return refuse(exchange, now->refusal);
    }
    return stays_here(exchange) ? run_here(exchange) : hand_to_worker(exchange);
}

enum MHD_Result exchange_on_call(void *context, struct MHD_Connection *mhd, const char *path,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_bytes, void **state)
{
    struct http_exchange *exchange = *state;
    (void)context;
    (void)mhd;
    if (exchange == NULL) {
        return MHD_NO;
    }
    if (!exchange->now.head_seen) {
        return on_head(exchange, path, method, version);
    }
    if (*upload_bytes > 0) {
        return body_add(exchange, upload, upload_bytes);
    }
    return on_end(exchange);
}

/* --- afterwards ------------------------------------------------------------------------------ */

static void count(struct http_thread *thread, struct MHD_Connection *mhd)
{
    /* libmicrohttpd's own answers are not counted where ours are. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    if (info != NULL && info->http_status / 100 < 6) {
        atomic_fetch_add_explicit(&thread->requests[info->http_status / 100], 1,
                                  memory_order_relaxed);
    }
}

static void log_access(const struct http_exchange *exchange)
{
    const struct exchange_state *now = &exchange->now;
    const struct http_options *options = &exchange->connection->thread->server->options;
    int64_t us = (clock_monotonic_ns(options->clock) - now->started_ns) / 1000;
    /* The route's pattern and not the path: a path may hold what should not be logged. */
    log_event(
        options->log, LOG_DEBUG, "http_request", LOG_TEXT("method", http_method_name(now->method)),
        LOG_TEXT("route", now->route != NULL ? now->route->path : "-"),
        LOG_INT("status", now->status), LOG_INT("us", us), LOG_TEXT("request_id", exchange->id));
}

static void exchange_end(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    if (now->own_arena) {
        arena_free(now->arena);
    }
    kept_release(&exchange->query, now->query_length);
    kept_release(&exchange->body, now->body_length);
    kept_release(&exchange->head, now->head_copied);
    kept_release(&exchange->answer, now->wipe_answer ? now->answer_length : 0);
    exchange->now = (struct exchange_state){0};
    exchange->id[0] = '\0';
}

void exchange_on_completed(void *context, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode why)
{
    struct http_thread *thread = context;
    struct http_exchange *exchange = *state;
    (void)why;
    if (exchange == NULL) {
        return;
    }
    if (!exchange->now.responded) {
        count(thread, mhd);
    }
    thread->fields_of = NULL;
    body_unbook(exchange); /* here: a late worker's exchange may outlive the server */
    if (atomic_load(&exchange->hand_over) != HAND_ABANDONED) {
        if (thread->server->options.access_log) {
            log_access(exchange);
        }
        atomic_store_explicit(&exchange->hand_over, HAND_NONE, memory_order_relaxed);
        exchange_end(exchange);
    }
    connection_stage(exchange->connection, STAGE_IDLE);
}

void exchange_deinit(struct http_exchange *exchange)
{
    exchange_end(exchange);
    kept_free(&exchange->query);
    kept_free(&exchange->body);
    kept_free(&exchange->head);
    kept_free(&exchange->answer);
}

/* --- what a handler asks --------------------------------------------------------------------- */

enum http_method http_method(const struct http_exchange *exchange)
{
    return exchange->now.method;
}

const char *http_path(const struct http_exchange *exchange)
{
    return exchange->now.path;
}

int http_route_id(const struct http_exchange *exchange)
{
    return exchange->now.route->id;
}

unsigned http_thread(const struct http_exchange *exchange)
{
    return exchange->connection->thread->index;
}

bool http_is_inline(const struct http_exchange *exchange)
{
    return !exchange->now.own_arena;
}

struct arena *http_arena(struct http_exchange *exchange)
{
    return exchange->now.arena;
}

const struct sockaddr *http_peer(const struct http_exchange *exchange)
{
    return exchange->connection->local ? NULL : &exchange->connection->peer.any;
}

bool http_peer_credentials(const struct http_exchange *exchange, uid_t *ret_uid, gid_t *ret_gid,
                           pid_t *ret_pid)
{
    const struct http_connection *connection = exchange->connection;
    if (!connection->has_credentials) {
        return false;
    }
    *ret_uid = connection->uid;
    *ret_gid = connection->gid;
    *ret_pid = connection->pid;
    return true;
}

static bool id_valid(const struct http_field *field)
{
    if (field->value_length == 0 || field->value_length > HTTP_REQUEST_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < field->value_length; i++) {
        char c = field->value[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

const char *http_sent_request_id(struct http_exchange *exchange)
{
    const struct http_field *field = request_field(exchange, "X-Request-Id");
    if (exchange->id[0] == '\0' && field != NULL && id_valid(field)) {
        memcpy(exchange->id, field->value, field->value_length);
        exchange->id[field->value_length] = '\0';
    }
    return exchange->id;
}

const char *http_request_id(struct http_exchange *exchange)
{
    struct http_thread *thread = exchange->connection->thread;
    exchange->now.id_asked = true;
    if (http_sent_request_id(exchange)[0] == '\0') {
        snprintf(exchange->id, sizeof(exchange->id), "%s-%x-%llx", thread->server->id_prefix,
                 thread->index, (unsigned long long)++thread->id_count);
    }
    return exchange->id;
}
