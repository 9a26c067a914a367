/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers. The usual one has no body and the same handful of headers as the answer before it
 * on that connection, often with the same values: a proxy asks again for the same caller, and
 * only what is left of a limit has changed. So a connection keeps its libmicrohttpd response
 * and each header's text; http_set_header compares first, and only a changed header is taken
 * out and put in again. libmicrohttpd has let go of the response by then: it drops its
 * reference before it reads the next request of the connection.
 *
 * A value of the same length as before, and what is left of a limit mostly is, is written over
 * the old one in the response itself. libmicrohttpd hands out its copy as `const char *`, but
 * the copy is plain memory that it reads once, when the answer is queued; taking the header
 * out and putting it in costs 1,300 instructions, one request in eight of ours.
 *
 * Measured with ten headers, CPU a request in this layer and libmicrohttpd's part of
 * building: 0.9 us anew (three allocations a header), 0.2 us altered in one header, 0.1 us
 * unchanged. The `Date` line is made once a second a thread; libmicrohttpd would make one an
 * answer (0.1 us).
 *
 * An answer with a body gets a response of its own. Its bytes stay in the exchange until it
 * is completed; they are wiped then if they are a secret.
 *
 * A header that cannot be added (no memory) closes the connection: an answer that lacks a
 * header may let a client's own through in a proxy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "http/internal.h"

#define HEADER_RECORD_BYTES 64 /* what libmicrohttpd takes from the pool for a parsed line */
#define FIXED_BYTES 512        /* status line, Date, Server, lengths, request id */

/* --- setting headers ------------------------------------------------------------------------- */

/* A value that can stand in a line of its own; an empty one libmicrohttpd would refuse. */
static bool value_fits(const char *value, size_t length)
{
    return length > 0 && length <= HTTP_ANSWER_HEADER_BYTES_MAX && strpbrk(value, "\r\n") == NULL;
}

void http_set_header(struct http_exchange *exchange, const char *name, const char *value)
{
    struct http_connection *connection = exchange->connection;
    ASSERT(exchange->now.header_count < HTTP_ANSWER_HEADERS_MAX && !exchange->now.answered);
    struct answer_header *header = &connection->headers[exchange->now.header_count++];
    size_t length = strlen(value);
    exchange->now.header_bytes += length + HEADER_RECORD_BYTES;
    if (header->name == name && header->length == length &&
        memcmp(header->value, value, length) == 0) {
        return;
    }
    if (!value_fits(value, length)) {
        value = "-";
        length = 1;
    }
    if (header->in_response && header->stored != NULL && header->name == name &&
        header->length == length) {
        memcpy(header->stored, value, length);
        memcpy(header->value, value, length);
        return;
    }
    if (header->in_response) {
        MHD_del_response_header(connection->response, header->name, header->value);
        header->in_response = false;
    }
    if (length + 1 > header->capacity) {
        size_t capacity = (length + 64) & ~(size_t)63;
        char *larger = malloc(capacity);
        header->name = NULL; /* without memory: answer_send finds it and closes */
        if (larger == NULL) {
            return;
        }
        free(header->value);
        header->value = larger;
        header->capacity = capacity;
    }
    memcpy(header->value, value, length + 1);
    header->name = name;
    header->length = length;
}

/* --- the answer itself ----------------------------------------------------------------------- */

/* Gives a worker's exchange back to its event thread. */
static void hand_back(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    pthread_mutex_lock(&connection->handing);
    if (atomic_load(&exchange->hand_over) == HAND_WORKER) {
        atomic_store(&exchange->hand_over, HAND_ANSWERED);
        /* Under the mutex, so that a server that stops knows that this is over. */
        event_loop_resume(connection);
    }
    pthread_mutex_unlock(&connection->handing);
    connection_unref(connection);
}

void http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
                 const void *body, size_t body_length, bool wipe_body)
{
    struct exchange_state *now = &exchange->now;
    ASSERT(!now->answered && status >= 200 && status < 600);
    now->answered = true;
    now->status = status;
    now->content_type = content_type;
    now->wipe_answer = wipe_body;
    if (body_length > 0) {
        if (kept_reserve(&exchange->answer, body_length, 0) == TKR_OK) {
            memcpy(exchange->answer.bytes, body, body_length);
            now->answer_length = body_length;
        } else {
            now->status = 503; /* what was done is done; a success without its body is none */
            now->content_type = NULL;
        }
    }
    int held = atomic_load(&exchange->hand_over);
    if (held == HAND_WORKER || held == HAND_ABANDONED) {
        hand_back(exchange);
    }
}

/* --- sending it, on the event thread --------------------------------------------------------- */

/* `Date` as of the last look at the clock, at most a quarter of a second ago. */
static const char *date_of(struct http_thread *thread)
{
    int64_t s = atomic_load_explicit(&thread->server->date_s, memory_order_relaxed);
    if (s != thread->date_s) {
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct tm tm;
        time_t time = (time_t)s;
        gmtime_r(&time, &tm);
        snprintf(thread->date, sizeof(thread->date), "%s, %02u %s %04u %02u:%02u:%02u GMT",
                 days[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
                 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
        thread->date_s = s;
    }
    return thread->date;
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static struct MHD_Response *new_response(struct http_connection *connection, const void *body,
                                         size_t length)
{
    /* PERSISTENT: the bytes are the exchange's, which outlives the sending. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        length, length > 0 ? (void *)(uintptr_t)body : (void *)(uintptr_t) "",
        MHD_RESPMEM_PERSISTENT);
    const char *server = connection->thread->server->options.server_name;
    if (response != NULL && server != NULL && server[0] != '\0' &&
        !add(response, "Server", server)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

static bool update_date(struct http_connection *connection)
{
    struct http_thread *thread = connection->thread;
    const char *date = date_of(thread);
    if (connection->response_date_s == thread->date_s) {
        return true;
    }
    if (connection->response_date[0] != '\0') {
        MHD_del_response_header(connection->response, "Date", connection->response_date);
    }
    memcpy(connection->response_date, date, sizeof(connection->response_date));
    connection->response_date_s = thread->date_s;
    return add(connection->response, "Date", date);
}

/* Where the response keeps the value that was just added; NULL when it may be another's. */
static char *stored_value(const struct http_connection *connection,
                          const struct answer_header *header)
{
    for (size_t i = 0; i < HTTP_ANSWER_HEADERS_MAX; i++) {
        const struct answer_header *other = &connection->headers[i];
        if (other != header && other->in_response && strcasecmp(other->name, header->name) == 0) {
            return NULL;
        }
    }
    const char *stored = MHD_get_response_header(connection->response, header->name);
    bool ours = stored != NULL && strcmp(stored, header->value) == 0;
    return ours ? (char *)(uintptr_t)stored : NULL;
}

/* The remembered response, altered to what this exchange says; NULL without memory. */
static struct MHD_Response *altered(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    if (connection->response == NULL) {
        connection->response = new_response(connection, NULL, 0);
        connection->response_date[0] = '\0';
        connection->response_date_s = -1;
    }
    if (connection->response == NULL || !update_date(connection)) {
        return NULL;
    }
    for (size_t i = 0; i < HTTP_ANSWER_HEADERS_MAX; i++) {
        struct answer_header *header = &connection->headers[i];
        bool wanted = i < exchange->now.header_count;
        if (wanted && header->name == NULL) {
            return NULL;
        }
        if (wanted && !header->in_response) {
            if (!add(connection->response, header->name, header->value)) {
                return NULL;
            }
            header->stored = stored_value(connection, header);
        } else if (!wanted && header->in_response) {
            MHD_del_response_header(connection->response, header->name, header->value);
        }
        header->in_response = wanted;
    }
    return connection->response;
}

static struct MHD_Response *made_anew(struct http_exchange *exchange, bool closes)
{
    struct http_connection *connection = exchange->connection;
    const struct exchange_state *now = &exchange->now;
    struct MHD_Response *response =
        new_response(connection, exchange->answer.bytes, now->answer_length);
    if (response == NULL) {
        return NULL;
    }
    bool complete = add(response, "Date", date_of(connection->thread));
    if (complete && now->content_type != NULL) {
        complete = add(response, "Content-Type", now->content_type);
    }
    for (size_t i = 0; complete && i < now->header_count; i++) {
        const struct answer_header *header = &connection->headers[i];
        complete = header->name != NULL && add(response, header->name, header->value);
    }
    if (complete && now->id_asked) {
        complete = add(response, "X-Request-Id", exchange->id);
    }
    if (complete && closes) {
        complete = add(response, "Connection", "close");
    }
    if (!complete) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* Whether the headers of the answer have room in what the request has left of the pool;
 * libmicrohttpd would close the connection without a word. */
static bool has_room(const struct http_exchange *exchange)
{
    const struct exchange_state *now = &exchange->now;
    size_t bytes = FIXED_BYTES + now->head_bytes + now->header_bytes +
                   (now->field_count + now->argument_count) * HEADER_RECORD_BYTES;
    const struct http_field *cookie = request_field(exchange, "Cookie");
    if (cookie != NULL) { /* it is copied and split */
        int count =
            MHD_get_connection_values(exchange->connection->mhd, MHD_COOKIE_KIND, NULL, NULL);
        bytes += cookie->value_length + (size_t)(count > 0 ? count : 0) * HEADER_RECORD_BYTES;
    }
    return bytes <= HTTP_CONNECTION_MEMORY_BYTES;
}

static enum MHD_Result queue(struct http_exchange *exchange, struct MHD_Response *response)
{
    struct http_connection *connection = exchange->connection;
    struct http_thread *thread = connection->thread;
    exchange->now.responded = true;
    atomic_fetch_add_explicit(&thread->requests[exchange->now.status / 100], 1,
                              memory_order_relaxed);
    connection_stage(connection, STAGE_SENDING);
    return MHD_queue_response(connection->mhd, exchange->now.status, response);
}

enum MHD_Result answer_send(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    struct http_server *server = exchange->connection->thread->server;
    bool closes = atomic_load_explicit(&server->draining, memory_order_relaxed);
    if (now->head_bytes + now->header_bytes > HTTP_CONNECTION_MEMORY_BYTES / 4 &&
        !has_room(exchange)) {
        now->header_count = 0;
        now->header_bytes = 0;
        now->answered = false;
        answer_refusal(exchange, &refusal_large_head);
    }
    if (server->options.access_log) {
        http_request_id(exchange);
    }
    if (now->answer_length == 0 && now->content_type == NULL && !now->id_asked && !closes) {
        struct MHD_Response *response = altered(exchange);
        return response != NULL ? queue(exchange, response) : MHD_NO;
    }
    struct MHD_Response *response = made_anew(exchange, closes);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = queue(exchange, response);
    MHD_destroy_response(response);
    return result;
}

/* The worker may still write into the exchange, so nothing of it is used. */
enum MHD_Result answer_abandoned(struct http_exchange *exchange)
{
    static const char body[] = "{\"type\":\"about:blank\",\"title\":\"The server stops\","
                               "\"status\":503,\"code\":\"unavailable\"}";
    struct http_connection *connection = exchange->connection;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    bool complete = add(response, "Content-Type", "application/problem+json") &&
                    add(response, "Retry-After", "1") && add(response, "Connection", "close");
    enum MHD_Result result = MHD_NO;
    if (complete) {
        connection_stage(connection, STAGE_SENDING);
        result = MHD_queue_response(connection->mhd, 503, response);
    }
    MHD_destroy_response(response);
    return result;
}

void answer_deinit(struct http_connection *connection)
{
    if (connection->response != NULL) {
        MHD_destroy_response(connection->response);
    }
    for (size_t i = 0; i < HTTP_ANSWER_HEADERS_MAX; i++) {
        free(connection->headers[i].value);
    }
}
