/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request. It is read before anybody knows who sends it, so what it costs is
 * bounded twice: by the route, and by what all connections together may hold
 * (HTTP_BODIES_BYTES_MAX). Without the second, 4,096 connections times 1 MiB would be 4 GiB
 * for whoever can connect.
 *
 * The buffer grows with the bytes that come, twice as long each time, and not with the length
 * that is announced: else a line of text would hold a megabyte of the budget. A buffer is booked
 * with its capacity before it grows, and the booking ends with the exchange, or at once when the
 * body is refused. Small bodies, and so the usual verification, are not booked: floods of large
 * ones do not keep them out.
 */
#include <string.h>

#include "base/text.h"
#include "http/internal.h"

/* With the NUL behind them. */
#define UNBOOKED_BYTES (HTTP_BODY_UNBOOKED_BYTES_MAX + 1)

/* The length of the body that is announced; UINT64_MAX for a chunked one. */
static uint64_t announced(const struct http_exchange *exchange)
{
    const struct http_field *field = request_field(exchange, "Content-Length");
    uint64_t length = 0;
    if (field == NULL) {
        return request_field(exchange, "Transfer-Encoding") != NULL ? UINT64_MAX : 0;
    }
    if (text_parse_u64(field->value, field->value_length, &length) != TKR_OK) {
        return UINT64_MAX; /* libmicrohttpd has refused it already */
    }
    return length;
}

static bool book(struct http_exchange *exchange, size_t capacity)
{
    struct http_server *server = exchange->connection->thread->server;
    if (capacity <= UNBOOKED_BYTES) {
        return true;
    }
    size_t more = capacity - exchange->now.body_booked;
    size_t before = atomic_fetch_add_explicit(&server->bodies_bytes, more, memory_order_relaxed);
    if (before + more > server->options.bodies_bytes_max) {
        atomic_fetch_sub_explicit(&server->bodies_bytes, more, memory_order_relaxed);
        return false;
    }
    exchange->now.body_booked = capacity;
    return true;
}

void body_unbook(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    if (now->body_booked > 0) {
        atomic_fetch_sub_explicit(&exchange->connection->thread->server->bodies_bytes,
                                  now->body_booked, memory_order_relaxed);
        now->body_booked = 0;
    }
}

/* The rest of it is read and thrown away. */
static void refuse_body(struct http_exchange *exchange, const struct refusal *refusal)
{
    exchange->now.refusal = refusal;
    kept_release(&exchange->body, exchange->now.body_length);
    exchange->now.body_length = 0;
    body_unbook(exchange);
}

bool body_expect(struct http_exchange *exchange, bool *ret_endless)
{
    struct exchange_state *now = &exchange->now;
    uint64_t length = announced(exchange);
    if (length == 0) {
        return false;
    }
    *ret_endless = length != UINT64_MAX && length > HTTP_DISCARD_BYTES_MAX;
    if (now->refusal != NULL || length == UINT64_MAX) {
        return true;
    }
    if (length > now->route->body_bytes_max) {
        now->refusal = &refusal_large_body;
    } else if (length < UNBOOKED_BYTES &&
               kept_reserve(&exchange->body, (size_t)length + 1, 0) != TKR_OK) {
        now->refusal = &refusal_memory;
    }
    return true;
}

static size_t grown(const struct http_exchange *exchange, size_t needed)
{
    size_t most = exchange->now.route->body_bytes_max + 1;
    size_t capacity = exchange->body.capacity * 2;
    if (needed <= UNBOOKED_BYTES && most > UNBOOKED_BYTES) {
        most = UNBOOKED_BYTES;
    }
    capacity = capacity < most ? capacity : most;
    return needed > capacity ? needed : capacity;
}

static const struct refusal *make_room(struct http_exchange *exchange, size_t count)
{
    struct exchange_state *now = &exchange->now;
    if (count > now->route->body_bytes_max - now->body_length) {
        return &refusal_large_body;
    }
    size_t needed = now->body_length + count + 1;
    if (needed <= exchange->body.capacity) {
        return NULL;
    }
    size_t capacity = grown(exchange, needed);
    if (!book(exchange, capacity)) {
        return &refusal_bodies;
    }
    return kept_reserve(&exchange->body, capacity, now->body_length) == TKR_OK ? NULL
                                                                               : &refusal_memory;
}

enum MHD_Result body_add(struct http_exchange *exchange, const char *bytes, size_t *length)
{
    struct exchange_state *now = &exchange->now;
    size_t count = *length;
    *length = 0;
    if (now->refusal == NULL) {
        const struct refusal *refusal = make_room(exchange, count);
        if (refusal != NULL) {
            refuse_body(exchange, refusal);
        }
    }
    if (now->refusal != NULL) {
        now->discarded += count;
        return now->discarded <= HTTP_DISCARD_BYTES_MAX ? MHD_YES : MHD_NO;
    }
    memcpy(exchange->body.bytes + now->body_length, bytes, count);
    now->body_length += count;
    return MHD_YES;
}

const char *http_body(struct http_exchange *exchange, size_t *ret_length)
{
    size_t length = exchange->now.body_length;
    *ret_length = length;
    if (length == 0) {
        return "";
    }
    exchange->body.bytes[length] = '\0';
    return exchange->body.bytes;
}
