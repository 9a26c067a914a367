/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth_trial.h"

#include <string.h>

#include "api/access.h"
#include "api/verify_json.h"

#define EXPLAIN_HEADER_BYTES_MAX 512 /* "user_binding=not_reached, " is the longest of 12 */

/* --- the question --------------------------------------------------------------------------- */

/* As everywhere in the API; `1` or nothing at all is not taken for either. */
tkr_error_t auth_trial_read(enum trial_flag *flag, const struct http_argument *argument,
                            struct fault *fault)
{
    bool yes = strcmp(argument->value, "true") == 0;
    if (*flag != TRIAL_ABSENT || (!yes && strcmp(argument->value, "false") != 0)) {
        return fault_set(fault, TKR_INVALID, argument->name, "must be `true` or `false`, once");
    }
    *flag = yes ? TRIAL_YES : TRIAL_NO;
    return TKR_OK;
}

static bool may_ask(const struct api *api, struct http_exchange *exchange)
{
    const struct sockaddr *peer = http_peer(exchange);
    if (api->options.trials && client_peer_trusted(&api->trust, peer)) {
        return true;
    }
    struct request_headers headers; /* more of them than `/auth` reads otherwise */
    request_headers_read(&headers, api, exchange);
    return peer == NULL && headers.as_peer && !headers.proxied;
}

tkr_error_t auth_trial_admit(const struct auth_trial *trial, const struct api *api,
                             struct http_exchange *exchange, struct verify_request *request,
                             struct fault *fault)
{
    if (!may_ask(api, exchange)) {
        return fault_set(fault, TKR_INVALID, trial->dry_run == TRIAL_YES ? "dry_run" : "explain",
                         "is for a peer of the Unix socket that speaks for itself; for a proxy "
                         "only where auth.trials is on");
    }
    if (trial->explain == TRIAL_YES) {
        request->explain = arena_alloc(http_arena(exchange), sizeof *request->explain);
        if (request->explain == NULL) {
            return fault_set(fault, TKR_MEMORY, "explain", "%s", tkr_error_text(TKR_MEMORY));
        }
        memset(request->explain, 0, sizeof *request->explain); /* OUTCOME_NOT_REACHED */
    }
    request->dry_run = trial->dry_run == TRIAL_YES;
    return TKR_OK;
}

/* --- the answer ----------------------------------------------------------------------------- */

/* A dictionary of tokens (RFC 8941 §3.2): shape=passed, known=passed, ... */
static void set_explanation(struct http_exchange *exchange,
                            const struct verify_explanation *explanation)
{
    struct buffer value CLEANUP(buffer_deinit);
    buffer_init(&value, EXPLAIN_HEADER_BYTES_MAX);
    for (int i = 0; i < CHECK_COUNT; i++) {
        buffer_print(&value, "%s%s=%s", i > 0 ? ", " : "", verify_check_name((enum verify_check)i),
                     verify_outcome_name(explanation->outcome[i]));
    }
    if (buffer_status(&value) == TKR_OK) {
        http_set_header(exchange, "X-Auth-Explain", value.data);
    }
}

static void set_headers(struct http_exchange *exchange, const struct verify_request *request)
{
    if (request->dry_run) {
        http_set_header(exchange, "X-Auth-Dry-Run", "true");
    }
    if (request->explain != NULL) {
        set_explanation(exchange, request->explain);
        http_set_header(exchange, "Cache-Control", "no-store");
    }
}

void auth_trial_answer_valid(struct http_exchange *exchange, const struct verify_request *request,
                             const struct verify_result *result)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    set_headers(exchange, request);
    if (request->explain == NULL) {
        http_answer(exchange, 200, NULL, NULL, 0, false);
        return;
    }
    emit_begin(&emitter, &body);
    emit_verify_result(&emitter, NULL, request, result);
    bool whole = buffer_status(&body) == TKR_OK;
    http_answer(exchange, 200, "application/json", whole ? body.data : NULL,
                whole ? body.length : 0, false);
}

void auth_trial_answer_problem(struct http_exchange *exchange, const struct verify_request *request,
                               unsigned status, const char *code, const char *title,
                               const struct fault *fault)
{
    struct buffer member CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&member, HTTP_PROBLEM_BYTES_MAX);
    set_headers(exchange, request);
    if (request->explain == NULL) {
        http_answer_problem(exchange, status, code, title, fault);
        return;
    }
    emit_begin(&emitter, &member);
    emit_explanation(&emitter, request->explain);
    bool whole = buffer_status(&member) == TKR_OK;
    http_answer_problem_with(exchange, status, code, title, fault, whole ? member.data : NULL);
}
