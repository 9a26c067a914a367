/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth_note.h"

#include <string.h>

#include "api/routes.h"

/* The token of a request, which no text may hold; length 0: none. */
struct presented {
    const struct token_prefixes *prefixes;
    const char *token;
    size_t length;
};

#define PIECE_BYTES (TOKEN_TEXT_BYTES_MIN + 1)

/* Most of a token is as good as a token: what ends one of ours can be worked out. As much as a
 * display prefix has is shown everywhere. Only what an event keeps of the text is looked at. */
static bool holds_piece(const struct presented *presented, const char *text, size_t length)
{
    size_t kept = length < AUTH_TEXT_BYTES_MAX ? length : AUTH_TEXT_BYTES_MAX;
    bool found = false;
    for (size_t i = 0; !found && kept >= PIECE_BYTES && i + PIECE_BYTES <= presented->length; i++) {
        found = memmem(text, kept, presented->token + i, PIECE_BYTES) != NULL;
    }
    return found;
}

static bool holds_token(const struct presented *presented, const char *text, size_t length)
{
    return (presented->length > 0 &&
            memmem(text, length, presented->token, presented->length) != NULL) ||
           holds_piece(presented, text, length) ||
           token_text_within(presented->prefixes, text, length);
}

/* A text that others chose, or nothing. */
static struct verify_text clean(const struct presented *presented, const char *text, size_t length)
{
    const struct verify_text whole = {text, length}, nothing = {0};
    /* What is absent is NULL, which memmem does not take. */
    return length == 0 || holds_token(presented, text, length) ? nothing : whole;
}

/* One of ours; NULL: none. */
static struct verify_text ours(const char *text)
{
    return text != NULL ? (struct verify_text){text, strlen(text)} : (struct verify_text){0};
}

/* --- what a proxy tells -------------------------------------------------------------------- */

static bool all_of(const char *text, size_t length, bool (*is_one)(unsigned char))
{
    for (size_t i = 0; i < length; i++) {
        if (!is_one((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_of_ray(unsigned char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_visible(unsigned char c)
{
    return c > 0x20 && c < 0x7f;
}

static struct verify_text header(struct http_exchange *exchange, const char *const *names,
                                 size_t count)
{
    struct verify_text value = {0};
    for (size_t i = 0; i < count && value.length == 0; i++) {
        if (http_header(exchange, names[i], &value.text, &value.length) > 1) {
            value.length = 0; /* they could contradict each other */
        }
    }
    return value;
}

static struct verify_text method_of(struct http_exchange *exchange)
{
    static const char *const names[] = {"X-Original-Method", "X-Forwarded-Method"};
    struct verify_text method = header(exchange, names, 2);
    bool good =
        method.length <= AUTH_METHOD_BYTES_MAX && all_of(method.text, method.length, is_upper);
    return good ? method : (struct verify_text){0};
}

static struct verify_text ray_of(struct http_exchange *exchange, const struct presented *presented)
{
    static const char *const names[] = {"CF-Ray"};
    struct verify_text ray = header(exchange, names, 1);
    bool good = ray.length <= AUTH_RAY_BYTES_MAX && all_of(ray.text, ray.length, is_of_ray);
    return good ? clean(presented, ray.text, ray.length) : (struct verify_text){0};
}

static unsigned hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 16;
}

/* As the API behind the proxy reads it. */
static size_t decode(const char *path, size_t length, char *out)
{
    size_t decoded = 0;
    for (size_t i = 0; i < length; i++) {
        bool coded = path[i] == '%' && i + 2 < length && hex_digit(path[i + 1]) < 16 &&
                     hex_digit(path[i + 2]) < 16;
        out[decoded++] =
            coded ? (char)(hex_digit(path[i + 1]) << 4 | hex_digit(path[i + 2])) : path[i];
        i += coded ? 2 : 0;
    }
    return decoded;
}

static bool hides_token(struct http_exchange *exchange, const struct presented *presented,
                        const char *path, size_t length)
{
    if (memchr(path, '%', length) == NULL) {
        return false;
    }
    char *decoded = arena_alloc(http_arena(exchange), length);
    return decoded == NULL || holds_token(presented, decoded, decode(path, length, decoded));
}

/* Looked at before it is cut, since most of a token is as good as a token. */
static struct verify_text path_of(struct http_exchange *exchange, const struct presented *presented)
{
    static const char *const names[] = {"X-Original-URI", "X-Forwarded-Uri"};
    struct verify_text uri = header(exchange, names, 2);
    size_t length = 0;
    while (length < uri.length && uri.text[length] != '?' && uri.text[length] != '#') {
        length++;
    }
    bool good = length > 0 && uri.text[0] == '/' && all_of(uri.text, length, is_visible) &&
                !hides_token(exchange, presented, uri.text, length);
    return good ? clean(presented, uri.text, length) : (struct verify_text){0};
}

/* --- the event ------------------------------------------------------------------------------- */

/* What is the same for all of them. `exchange` NULL: a local call. */
static void begin(struct auth_event *event, struct api *api, struct http_exchange *exchange,
                  const struct presented *presented)
{
    memset(event, 0, sizeof *event);
    if (exchange == NULL) {
        event->texts[AUTH_ENDPOINT] = ours("local");
        return;
    }
    const char *agent =
        call_user_agent(exchange, presented->prefixes, presented->token, presented->length);
    event->texts[AUTH_USER_AGENT] = clean(presented, agent, strlen(agent));
    if (client_peer_trusted(&api->trust, http_peer(exchange))) {
        event->texts[AUTH_RAY] = ray_of(exchange, presented);
    }
}

/* A refusal is answered with it, whoever made it. */
static void add_request_id(struct auth_event *event, struct http_exchange *exchange,
                           const struct presented *presented, bool answered_with_it)
{
    const char *id = answered_with_it ? http_request_id(exchange) : http_sent_request_id(exchange);
    event->texts[AUTH_REQUEST] = clean(presented, id, strlen(id));
}

static void add_result(struct auth_event *event, const struct verify_result *result)
{
    event->outcome = result->verdict;
    event->honeytoken = result->honeytoken;
    event->at_ms = result->now_ms;
    if (result->honeytoken || result->known) {
        event->token_id = result->token_id;
        event->line = result->line;
    }
    if (result->known) {
        event->texts[AUTH_ORG] = result->org;
        event->texts[AUTH_USER] = result->user;
        event->texts[AUTH_NAME] = result->name;
    }
}

/* Of the request that a proxy asks about. */
static void add_question(struct auth_event *event, struct api *api, struct http_exchange *exchange,
                         const struct presented *presented, const char *label, size_t label_length)
{
    struct verify_text *method = &event->texts[AUTH_METHOD];
    struct verify_text *endpoint = &event->texts[AUTH_ENDPOINT];
    if (client_peer_trusted(&api->trust, http_peer(exchange))) {
        *method = method_of(exchange);
        *endpoint = path_of(exchange, presented);
    }
    if (endpoint->length == 0 && label_length > 0) {
        *endpoint = clean(presented, label, label_length);
    }
    if (endpoint->length == 0) {
        *endpoint = ours(api_route_path(http_route_id(exchange)));
    }
    if (method->length == 0) {
        *method = ours(http_method_name(http_method(exchange)));
    }
}

void auth_note_exchange(struct api *api, struct http_exchange *exchange,
                        const struct verify_request *request, const struct verify_result *result)
{
    const struct presented presented = {&api->options.prefixes, request->token,
                                        request->token_length};
    struct auth_event event;
    begin(&event, api, exchange, &presented);
    add_result(&event, result);
    add_request_id(&event, exchange, &presented, result->verdict != TKR_VERDICT_VALID);
    add_question(&event, api, exchange, &presented, request->endpoint, request->endpoint_length);
    event.client = request->client;
    authority_auth_note(api->options.authority, &event);
}

void auth_note_absent(struct api *api, struct http_exchange *exchange,
                      const struct ip_address *client, unsigned outcome)
{
    const struct presented none = {.prefixes = &api->options.prefixes};
    struct auth_event event;
    begin(&event, api, exchange, &none);
    add_request_id(&event, exchange, &none, true);
    add_question(&event, api, exchange, &none, NULL, 0);
    event.outcome = outcome;
    event.client = *client;
    authority_auth_note(api->options.authority, &event);
}

/* A call is a request of its own: nobody asks about another one. */
static void add_call(struct auth_event *event, const struct api_call *call,
                     const struct presented *presented)
{
    if (call->exchange != NULL) {
        const char *id = call->principal.request_id;
        event->texts[AUTH_REQUEST] = clean(presented, id, strlen(id));
        event->texts[AUTH_METHOD] = ours(http_method_name(http_method(call->exchange)));
        event->texts[AUTH_ENDPOINT] = ours(api_route_path(http_route_id(call->exchange)));
    }
}

void auth_note_caller(struct api_call *call, unsigned outcome, const struct verify_result *result)
{
    struct api *api = call->api;
    const struct presented presented = {&api->options.prefixes, call->credential.text,
                                        call->credential.length};
    struct auth_event event;
    begin(&event, api, call->exchange, &presented);
    if (result != NULL) {
        add_result(&event, result);
    }
    add_call(&event, call, &presented);
    event.outcome = outcome;
    event.client = call->client;
    authority_auth_note(api->options.authority, &event);
}

void auth_note_asked(struct api_call *call, const struct verify_request *request,
                     const struct verify_result *result)
{
    struct api *api = call->api;
    const struct principal *by = &call->principal;
    const struct presented presented = {&api->options.prefixes, request->token,
                                        request->token_length};
    struct auth_event event;
    begin(&event, api, call->exchange, &presented);
    add_result(&event, result);
    add_call(&event, call, &presented);
    if (request->endpoint_length > 0) {
        event.texts[AUTH_ENDPOINT] = clean(&presented, request->endpoint, request->endpoint_length);
    }
    if (!result->known) { /* then it is told to whom it was refused */
        event.texts[AUTH_ORG] = ours(by->org_id);
    }
    event.texts[AUTH_ASKED_BY] = ours(by->token_id);
    event.client = request->client;
    authority_auth_note(api->options.authority, &event);
}
