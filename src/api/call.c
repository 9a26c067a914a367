/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include <string.h>

#include "api/access.h"
#include "api/adoption.h"
#include "api/json_emit.h"
#include "api/json_input.h"
#include "api/local.h"
#include "api/routes.h"
#include "api/status.h"

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"

const char *call_argument(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->argument_count; i++) {
        if (strcmp(call->arguments[i].name, name) == 0) {
            return call->arguments[i].value;
        }
    }
    return NULL;
}

tkr_error_t call_flag(const struct api_call *call, const char *name, bool *ret_value,
                      struct fault *fault)
{
    const char *text = call_argument(call, name);
    bool value = text != NULL && strcmp(text, "true") == 0;
    if (text != NULL && !value && strcmp(text, "false") != 0) {
        return fault_set(fault, TKR_INVALID, name, "must be `true` or `false`");
    }
    *ret_value = value;
    return TKR_OK;
}

/* --- answers ------------------------------------------------------------------------------ */

void call_header(struct api_call *call, const char *name, const char *value)
{
    if (call->exchange != NULL) {
        http_set_header(call->exchange, name, value);
    }
}

void call_answer_text(struct api_call *call, unsigned status, const char *content_type,
                      const struct buffer *body)
{
    if (body != NULL && buffer_status(body) != TKR_OK) {
        struct fault fault = {0};
        call_fail(call, fault_set(&fault, TKR_INTERNAL, "", "the answer is too large"), &fault);
        return;
    }
    if (call->exchange == NULL) {
        local_answer_set(call->local, status, body);
        return;
    }
    /* What is answered here is of this moment and of this caller. */
    http_set_header(call->exchange, "Cache-Control", "no-store");
    http_answer(call->exchange, status, content_type, body != NULL ? body->data : NULL,
                body != NULL ? body->length : 0, body != NULL && body->secret);
}

void call_answer(struct api_call *call, unsigned status, const struct buffer *body)
{
    call_answer_text(call, status, JSON_TYPE, body);
}

static void local_problem(struct api_call *call, unsigned status, const char *code,
                          const char *title, const struct fault *fault)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "type", "about:blank");
    emit_text(&emitter, "title", title);
    emit_count(&emitter, "status", status);
    if (fault != NULL && fault->detail[0] != '\0') {
        emit_text(&emitter, "detail", fault->detail);
    }
    emit_text(&emitter, "code", code);
    if (fault != NULL && fault->field[0] != '\0') {
        emit_text(&emitter, "member", fault->field);
    }
    emit_close(&emitter, '}');
    local_answer_set(call->local, status, &body);
}

void call_problem(struct api_call *call, unsigned status, const char *code, const char *title,
                  const struct fault *fault)
{
    if (call->exchange == NULL) {
        local_problem(call, status, code, title, fault);
        return;
    }
    if (status_retryable(status)) {
        http_set_header(call->exchange, "Retry-After", "1");
    }
    http_set_header(call->exchange, "Cache-Control", "no-store");
    http_answer_problem(call->exchange, status, code, title, fault);
}

void call_fail(struct api_call *call, tkr_error_t error, const struct fault *fault)
{
    ASSERT(error != TKR_OK);
    if (fault != NULL && fault->error != error) {
        fault = NULL;
    }
    if (tkr_error_category(error) == TKR_CATEGORY_INTERNAL) {
        log_event(call->api->options.log, LOG_ERROR, "api_failed",
                  LOG_TEXT("code", tkr_error_name(error)),
                  LOG_TEXT("detail", fault != NULL ? fault->detail : ""),
                  LOG_TEXT("request_id", call->principal.request_id));
        fault = NULL;
    }
    call_problem(call, status_of_error(error), tkr_error_name(error), tkr_error_text(error), fault);
}

/* --- the query ------------------------------------------------------------------------------ */

static bool is_known_argument(const struct api_route *route, const char *name)
{
    size_t length = strlen(name);
    const char *word = route->arguments != NULL ? route->arguments : "";
    while (*word != '\0') {
        size_t word_length = strcspn(word, " ");
        if (word_length == length && length > 0 && memcmp(word, name, length) == 0) {
            return true;
        }
        word += word_length;
        word += strspn(word, " ");
    }
    return false;
}

static tkr_error_t check_query(const struct api_call *call, struct fault *fault)
{
    for (size_t i = 0; i < call->argument_count; i++) {
        const struct http_argument *argument = &call->arguments[i];
        char shown[JSON_NAME_SHOWN_SIZE];
        if (!is_known_argument(call->route, argument->name)) {
            return fault_set(fault, TKR_UNKNOWN_MEMBER, json_name_shown(argument->name, shown),
                             "there is no such query argument here");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(call->arguments[j].name, argument->name) == 0) {
                return fault_set(fault, TKR_INVALID, argument->name, "may stand only once");
            }
        }
    }
    return TKR_OK;
}

void call_run(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = check_query(call, &fault);
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call->route->resource(call);
}

/* --- from HTTP ------------------------------------------------------------------------------ */

/* NULL when there is none. More than one line is refused: they could contradict each other. */
static tkr_error_t single_header(struct http_exchange *exchange, const char *name, size_t bytes_max,
                                 const char **ret_value, struct fault *fault)
{
    const char *value = NULL;
    size_t length = 0;
    unsigned lines = http_header(exchange, name, &value, &length);
    if (lines == 0) {
        return TKR_OK;
    }
    if (lines > 1 || length == 0 || length > bytes_max) {
        return fault_set(fault, TKR_INVALID, name, "must be one line of 1 to %zu bytes", bytes_max);
    }
    for (size_t i = 0; i < length; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e) {
            return fault_set(fault, TKR_INVALID, name, "must be printable ASCII");
        }
    }
    char *copy = arena_copy(http_arena(exchange), value, length);
    ENSURE(copy != NULL, TKR_MEMORY);
    *ret_value = copy;
    return TKR_OK;
}

const char *call_user_agent(struct http_exchange *exchange, const struct token_prefixes *prefixes,
                            const char *token, size_t token_length)
{
    const char *value = NULL;
    size_t length = 0;
    if (http_header(exchange, "User-Agent", &value, &length) == 0 ||
        (token_length > 0 && memmem(value, length, token, token_length) != NULL) ||
        token_text_within(prefixes, value, length)) {
        return "";
    }
    length = length < USER_AGENT_BYTES_MAX ? length : USER_AGENT_BYTES_MAX;
    char *copy = arena_copy(http_arena(exchange), value, length);
    if (copy == NULL) {
        return "";
    }
    for (size_t i = 0; i < length; i++) {
        if (copy[i] < 0x20 || copy[i] > 0x7e) {
            copy[i] = '?'; /* it ends in audit events, which are text */
        }
    }
    return copy;
}

static const char *client_text(struct arena *arena, const struct ip_address *client)
{
    char text[IP_TEXT_SIZE];
    if (client->family == 0) {
        return "";
    }
    const char *formatted = ip_format(client, text);
    const char *copy = arena_copy(arena, formatted, strlen(formatted));
    return copy != NULL ? copy : "";
}

static tkr_error_t fill(struct api_call *call, const struct request_headers *headers,
                        struct fault *fault)
{
    struct http_exchange *exchange = call->exchange;
    ENSURE(!headers->overflowed, TKR_MEMORY);
    if (client_address(&call->api->trust, http_peer(exchange), headers->forwarded_for,
                       headers->forwarded_for_length, &call->client) != TKR_OK) {
        return fault_set(fault, TKR_MALFORMED, "X-Forwarded-For", "it is not a list of addresses");
    }
    call->principal.client = client_text(call->arena, &call->client);
    call->principal.user_agent = call_user_agent(exchange, &call->api->options.prefixes,
                                                 call->credential.text, call->credential.length);
    TRY(single_header(exchange, "If-Match", IDEMPOTENCY_KEY_BYTES_MAX, &call->if_match, fault));
    TRY(single_header(exchange, "Idempotency-Key", IDEMPOTENCY_KEY_BYTES_MAX,
                      &call->idempotency_key, fault));
    tkr_error_t error = http_arguments(exchange, &call->arguments, &call->argument_count);
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "the query string cannot be read");
    }
    if (call->route->parameter != NULL) {
        call->parameter = http_path_argument(exchange, call->route->parameter);
        ENSURE(call->parameter != NULL, TKR_NOT_FOUND);
    }
    call->body = http_body(exchange, &call->body_length);
    return TKR_OK;
}

static void run_from_http(struct api *api, struct http_exchange *exchange,
                          struct api_thread *thread, enum call_asked asked,
                          enum adopt_outcome outcome)
{
    struct api_call *call = arena_alloc(http_arena(exchange), sizeof *call);
    if (call == NULL) {
        http_answer_problem(exchange, status_of_error(TKR_MEMORY), tkr_error_name(TKR_MEMORY),
                            tkr_error_text(TKR_MEMORY), NULL);
        return;
    }
    *call = (struct api_call){
        .api = api,
        .route = api_route_by_id(http_route_id(exchange)),
        .arena = http_arena(exchange),
        .exchange = exchange,
        .asked = asked,
        .outcome = outcome,
        .thread = thread,
        .principal = {.org_id = "",
                      .user_id = "",
                      .token_id = "",
                      .scopes = "",
                      .client = "",
                      .user_agent = "",
                      .request_id = http_request_id(exchange)},
    };
    struct request_headers headers;
    struct fault fault = {0};
    request_headers_read(&headers, api, exchange);
    call->credential = headers.credential;
    tkr_error_t error = fill(call, &headers, &fault);
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    if (access_admit(call, &headers)) {
        call_run(call);
    }
}

void call_inline(void *context, struct http_exchange *exchange)
{
    struct api *api = context;
    run_from_http(api, exchange, api_thread_of_event(api->threads, http_thread(exchange)),
                  CALL_ASKED_NOTHING, ADOPT_UNDECIDED);
}

void call_keyed(void *context, struct http_exchange *exchange)
{
    if (http_is_inline(exchange)) {
        call_inline(context, exchange);
    } else {
        call_on_worker(context, exchange);
    }
}

void call_on_worker(void *context, struct http_exchange *exchange)
{
    struct api *api = context;
    struct api_thread *thread = api_thread_borrow(api->threads);
    run_from_http(api, exchange, thread, CALL_ASKED_NOTHING, ADOPT_UNDECIDED);
    api_thread_return(api->threads, thread);
}

/* --- again, after an old endpoint was asked -------------------------------------------------- */

static void run_again(struct api *api, struct http_exchange *exchange, enum call_asked asked,
                      enum adopt_outcome outcome)
{
    struct api_thread *thread = api_thread_borrow(api->threads);
    run_from_http(api, exchange, thread, asked, outcome);
    api_thread_return(api->threads, thread);
}

static void again_for_caller(void *context, void *request, enum adopt_outcome outcome)
{
    run_again(context, request, CALL_ASKED_CALLER, outcome);
}

static void again_for_token(void *context, void *request, enum adopt_outcome outcome)
{
    run_again(context, request, CALL_ASKED_TOKEN, outcome);
}

/* The caller's token comes first, so that each is asked about once at the most. */
bool call_ask_old(struct api_call *call, enum call_asked which, const char *token, size_t length,
                  tkr_verdict_t *verdict)
{
    if (call->api->adoption == NULL || call->exchange == NULL) {
        return false;
    }
    if (call->asked == which && call->outcome == ADOPT_UNDECIDED) {
        *verdict = TKR_VERDICT_UNAVAILABLE;
    }
    if (call->asked >= which) {
        return false;
    }
    return adoption_take(call->api->adoption, call->exchange, token, length,
                         which == CALL_ASKED_CALLER ? again_for_caller : again_for_token, verdict);
}
