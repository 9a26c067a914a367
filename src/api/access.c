/* SPDX-License-Identifier: Apache-2.0 */
#include "api/access.h"

#include <string.h>
#include <strings.h>

#include "api/auth_note.h"
#include "api/status.h"
#include "policy/scopes.h"

#define FORWARDED_FOR "X-Forwarded-For"
#define LITERAL_LENGTH(text) (sizeof(text) - 1)

/* Several lines are one list (RFC 9110 §5.3). */
static void join_forwarded(struct request_headers *headers, const char *value, size_t length)
{
    if (headers->forwarded_for == NULL) {
        headers->forwarded_for = value;
        headers->forwarded_for_length = length;
        return;
    }
    size_t former = headers->forwarded_for_length;
    char *joined = arena_alloc(headers->arena, former + 1 + length + 1);
    if (joined == NULL) {
        headers->overflowed = true;
        return;
    }
    memcpy(joined, headers->forwarded_for, former);
    joined[former] = ',';
    memcpy(joined + former + 1, value, length);
    headers->forwarded_for = joined;
    headers->forwarded_for_length = former + 1 + length;
}

static void visit_auth(void *context, const char *name, size_t name_length, const char *value,
                       size_t value_length)
{
    struct request_headers *headers = context;
    credential_offer(&headers->api->sources, &headers->credential, name, name_length, value,
                     value_length);
    if (name_length == LITERAL_LENGTH(FORWARDED_FOR) &&
        strncasecmp(name, FORWARDED_FOR, name_length) == 0) {
        join_forwarded(headers, value, value_length);
    }
    if (UNLIKELY(name_length == headers->api->attempt_header_length) &&
        strncasecmp(name, headers->api->options.attempt_header, name_length) == 0) {
        headers->attempt = value;
        headers->attempt_length = value_length;
    }
}

static bool is_named(const char *name, size_t length, const char *literal)
{
    return length == strlen(literal) && strncasecmp(name, literal, length) == 0;
}

/* Whether a list of options (RFC 9110 §5.6.1) has the one with which a peer claims its rights. */
static bool has_peer_option(const char *value, size_t length)
{
    const char *end = value + length;
    while (value < end) {
        const char *comma = memchr(value, ',', (size_t)(end - value));
        const char *stop = comma != NULL ? comma : end;
        while (value < stop && (*value == ' ' || *value == '\t')) {
            value++;
        }
        size_t option = (size_t)(stop - value);
        while (option > 0 && (value[option - 1] == ' ' || value[option - 1] == '\t')) {
            option--;
        }
        if (is_named(value, option, API_PEER_OPTION)) {
            return true;
        }
        value = comma != NULL ? comma + 1 : end;
    }
    return false;
}

static void visit_all(void *context, const char *name, size_t name_length, const char *value,
                      size_t value_length)
{
    static const char prefix[] = "X-Forwarded-";
    struct request_headers *headers = context;
    visit_auth(context, name, name_length, value, value_length);
    if ((name_length >= LITERAL_LENGTH(prefix) &&
         strncasecmp(name, prefix, LITERAL_LENGTH(prefix)) == 0) ||
        is_named(name, name_length, "Forwarded") || is_named(name, name_length, "Via") ||
        is_named(name, name_length, "X-Real-IP")) {
        headers->proxied = true;
    }
    if (is_named(name, name_length, "Connection") && has_peer_option(value, value_length)) {
        headers->as_peer = true;
    }
}

void request_headers_read(struct request_headers *headers, const struct api *api,
                          struct http_exchange *exchange)
{
    *headers = (struct request_headers){.api = api, .arena = http_arena(exchange)};
    http_headers(exchange, visit_all, headers);
}

void request_headers_read_auth(struct request_headers *headers, const struct api *api,
                               struct http_exchange *exchange)
{
    *headers = (struct request_headers){.api = api, .arena = http_arena(exchange)};
    http_headers(exchange, visit_auth, headers);
}

/* --- refusals --------------------------------------------------------------------------- */

static void refuse(struct api_call *call, unsigned status, const char *code, const char *title,
                   const char *challenge, const struct fault *fault)
{
    if (challenge != NULL) {
        call_header(call, "WWW-Authenticate", challenge);
    }
    call_problem(call, status, code, title, fault);
}

static void refuse_without_token(struct api_call *call, const struct credential *credential)
{
    struct fault fault;
    auth_note_caller(call, AUTH_NO_TOKEN, NULL);
    refuse(call, 401, tkr_error_name(TKR_UNAUTHENTICATED), tkr_error_text(TKR_UNAUTHENTICATED),
           call->api->challenge_bare, credential_absence(&call->api->sources, credential, &fault));
}

static void log_left_out(const struct api *api, uint64_t count)
{
    if (count > 0) {
        log_event(api->options.log, LOG_INFO, "api_denied_left_out", LOG_INT("count", count));
    }
}

void access_log_rest(struct api *api)
{
    log_left_out(api, log_budget_rest(&api->denied));
}

/* Anybody can be refused, as often as they like. */
static void log_denied(const struct api_call *call, tkr_verdict_t verdict)
{
    struct api *api = call->api;
    uint64_t left_out = 0;
    if (!log_budget_take(&api->denied, clock_monotonic_ns(api->options.clock), &left_out)) {
        return;
    }
    log_left_out(api, left_out);
    log_event(api->options.log, LOG_INFO, "api_denied", LOG_TEXT("code", tkr_verdict_name(verdict)),
              LOG_TEXT("token_id", call->principal.token_id),
              LOG_TEXT("request_id", call->principal.request_id),
              LOG_TEXT("client", call->principal.client));
}

static void refuse_scope(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error =
        fault_set(&fault, TKR_FORBIDDEN, "", "scope `%s` is needed", call->route->scope);
    char *challenge = arena_print(call->arena,
                                  "Bearer realm=\"%s\", error=\"insufficient_scope\", "
                                  "scope=\"%s\"",
                                  call->api->options.realm, call->route->scope);
    log_denied(call, TKR_VERDICT_INSUFFICIENT_SCOPE);
    refuse(call, status_of_error(error), tkr_verdict_name(TKR_VERDICT_INSUFFICIENT_SCOPE),
           tkr_error_text(error), challenge, &fault);
}

static void refuse_verdict(struct api_call *call, tkr_verdict_t verdict)
{
    log_denied(call, verdict);
    refuse(call, status_of_verdict(verdict).status, tkr_verdict_name(verdict),
           tkr_verdict_text(verdict), call->api->challenges[verdict], NULL);
}

/* --- principals --------------------------------------------------------------------------- */

static const char *copied(struct arena *arena, struct verify_text text)
{
    const char *copy = arena_copy(arena, text.length > 0 ? text.text : "", text.length);
    return copy != NULL ? copy : "";
}

static bool grants(const struct api_call *call, const char *scopes, size_t length)
{
    return call->route->access != ACCESS_SCOPE ||
           scopes_grant(scopes, length, call->route->scope, strlen(call->route->scope));
}

/* A good token that may not do this is refused for that. */
static void note_caller(struct api_call *call, const struct verify_result *result)
{
    bool valid = result->verdict == TKR_VERDICT_VALID;
    if (valid && !grants(call, result->scopes.text, result->scopes.length)) {
        auth_note_caller(call, TKR_VERDICT_INSUFFICIENT_SCOPE, result);
    } else if (authority_auth_wanted(call->api->options.authority, result)) {
        auth_note_caller(call, result->verdict, result);
    }
}

/* The result points into the segment, so its texts are copied before the next verification. */
static bool principal_from_token(struct api_call *call)
{
    struct verify_result result = {.verdict = TKR_VERDICT_UNAVAILABLE};
    struct verify_request request = {
        .token = call->credential.text,
        .token_length = call->credential.length,
        .client = call->client,
        .no_limits = true,
    };
    if (call->thread != NULL && call->thread->verifier != NULL) {
        verify_token(call->thread->verifier, &request, &result);
    }
    if (result.verdict == TKR_VERDICT_NOT_FOUND && !result.honeytoken &&
        call_ask_old(call, CALL_ASKED_CALLER, request.token, request.token_length,
                     &result.verdict)) {
        return false; /* it runs again later */
    }
    note_caller(call, &result);
    bool possessed = call->route->access == ACCESS_POSSESSION && result.known &&
                     result.verdict != TKR_VERDICT_UNAVAILABLE;
    if (result.verdict != TKR_VERDICT_VALID && !possessed) {
        refuse_verdict(call, result.verdict);
        return false;
    }
    char *id = arena_alloc(call->arena, TOKEN_ID_CHARS + 1);
    if (id != NULL) {
        token_id_format(result.token_id, id);
    }
    call->principal.via = VIA_TOKEN;
    call->principal.token_id = id;
    call->principal.org_id = copied(call->arena, result.org);
    call->principal.user_id = copied(call->arena, result.user);
    call->principal.scopes = copied(call->arena, result.scopes);
    if (arena_overflowed(call->arena)) {
        call_fail(call, TKR_MEMORY, NULL);
        return false;
    }
    return true;
}

/* False: this peer has no rights of its own, a token is needed. */
static bool principal_from_peer(struct api_call *call, const struct request_headers *headers)
{
    uid_t uid;
    gid_t gid;
    pid_t pid;
    if (!headers->as_peer || headers->proxied ||
        !http_peer_credentials(call->exchange, &uid, &gid, &pid)) {
        return false;
    }
    bool administrator = uid == 0 || uid == call->api->options.socket_admin_uid;
    if (!administrator && !call->route->local_peers) {
        return false;
    }
    const char *user = arena_print(call->arena, "uid:%u", (unsigned)uid);
    call->principal.via = VIA_SOCKET;
    call->principal.token_id = "";
    call->principal.org_id = API_ORG_DEFAULT;
    call->principal.user_id = user != NULL ? user : "uid";
    call->principal.scopes = administrator ? "*" : "";
    return true;
}

static bool demand_is_met(const struct api_call *call)
{
    return (call->principal.via == VIA_SOCKET && call->route->local_peers) ||
           grants(call, call->principal.scopes, strlen(call->principal.scopes));
}

bool access_admit(struct api_call *call, const struct request_headers *headers)
{
    if (call->route->access == ACCESS_PUBLIC) {
        return true;
    }
    if (headers->credential.state == CREDENTIAL_CONFLICT) {
        struct fault fault = {0};
        tkr_error_t error =
            fault_set(&fault, TKR_INVALID, "", "the request carries two different tokens");
        auth_note_caller(call, AUTH_CONFLICT, NULL);
        refuse(call, status_of_error(error), tkr_error_name(error), tkr_error_text(error),
               call->api->challenge_conflict, &fault);
        return false;
    }
    if (headers->credential.state == CREDENTIAL_NONE) {
        if (!principal_from_peer(call, headers)) {
            refuse_without_token(call, &headers->credential);
            return false;
        }
    } else if (!principal_from_token(call)) {
        return false;
    }
    if (!demand_is_met(call)) {
        refuse_scope(call);
        return false;
    }
    return true;
}
