/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification as a call: a token in the body, a verdict in the answer, always 200. Answered
 * on the event thread: everything it needs is in memory.
 *
 * The caller sees tokens of its own organisation only; another's is `not_found`, and must not
 * be counted either. The engine knows no caller, so a caller that is bound to one
 * organisation asks twice: first dry, to learn whose the token is, then in earnest with
 * those that are its own.
 *
 * A single unknown token may be asked of an old endpoint (api/adoption.h); those of a batch are
 * not.
 */
#include <stdio.h>
#include <string.h>

#include "api/auth_note.h"
#include "api/json_input.h"
#include "api/metering.h"
#include "api/routes.h"
#include "api/verify_json.h"
#include "policy/scopes.h"

bool verify_sees_all_orgs(const struct principal *principal)
{
    return principal->via != VIA_TOKEN ||
           scopes_grant(principal->scopes, strlen(principal->scopes), "*", 1);
}

static bool is_own(const struct principal *principal, const struct verify_result *result)
{
    size_t length = strlen(principal->org_id);
    return result->org.length == length && memcmp(result->org.text, principal->org_id, length) == 0;
}

static struct verify_request dry_copy(const struct verify_request *request)
{
    struct verify_request dry = *request;
    dry.dry_run = true;
    dry.no_limits = true;
    dry.explain = NULL;
    return dry;
}

static bool has_verifier(const struct api_call *call)
{
    return call->thread != NULL && call->thread->verifier != NULL;
}

static void observe(struct api_call *call, enum api_endpoint endpoint, int64_t start_ns)
{
    int64_t took_ns = clock_monotonic_ns(call->api->options.clock) - start_ns;
    histogram_observe(&call->thread->latency[endpoint], (uint64_t)(took_ns > 0 ? took_ns : 0));
}

/* False: an old endpoint is asked about the token, and the call will run again. */
static bool verify_one(struct api_call *call, const struct verify_request *request,
                       struct verify_result *ret_result)
{
    *ret_result = (struct verify_result){.verdict = TKR_VERDICT_UNAVAILABLE};
    if (!has_verifier(call)) {
        return true;
    }
    int64_t start_ns = clock_monotonic_ns(call->api->options.clock);
    bool hidden = false;
    if (!verify_sees_all_orgs(&call->principal)) {
        struct verify_request dry = dry_copy(request);
        verify_token(call->thread->verifier, &dry, ret_result);
        hidden = ret_result->known && !is_own(&call->principal, ret_result);
    }
    if (hidden) {
        verify_hide(request, ret_result);
    } else {
        verify_token(call->thread->verifier, request, ret_result);
        if (ret_result->verdict == TKR_VERDICT_NOT_FOUND && !ret_result->honeytoken &&
            call_ask_old(call, CALL_ASKED_TOKEN, request->token, request->token_length,
                         &ret_result->verdict)) {
            return false;
        }
    }
    metering_count(call->api, call->thread, request, ret_result);
    if (auth_note_wanted(call->api, request, ret_result)) {
        auth_note_asked(call, request, ret_result);
    }
    api_thread_count(call->thread, ENDPOINT_VERIFY, ret_result->verdict, 1);
    api_thread_count_warned(call->thread, ret_result);
    observe(call, ENDPOINT_VERIFY, start_ns);
    return true;
}

/* What is not has nothing to charge. */
static bool is_known(const struct api_call *call, const struct verify_request *request)
{
    struct verify_request dry = dry_copy(request);
    struct verify_result result = {.known = false};
    if (has_verifier(call)) {
        verify_token(call->thread->verifier, &dry, &result);
    }
    return result.known;
}

void verify_post(struct api_call *call)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct fault fault = {0};
    struct verify_request request;
    tkr_error_t error = json_parse(call->body, call->body_length, &root, &fault);
    if (error == TKR_OK) {
        error = verify_request_read(root, "", call->arena, &request, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    if (call->idempotency_key != NULL && !request.dry_run && is_known(call, &request)) {
        verify_keyed(call, root, &request); /* the request points into the root */
        root = NULL;
        return;
    }
    struct verify_result result;
    if (!verify_one(call, &request, &result)) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_verify_result(&emitter, NULL, &request, &result);
    call_answer(call, 200, &body);
}

/* --- batch ---------------------------------------------------------------------------------- */

struct batch {
    struct arena *arena; /* of this call; its own, because a batch may need megabytes */
    size_t count;
    struct verify_request *requests;
    struct verify_result *results;
};

static tkr_error_t batch_read(const json_t *root, struct batch *batch, struct fault *fault)
{
    static const struct json_member members[] = {
        {"requests", JSON_IS_ARRAY, .required = true, .least = 1, .most = INT64_MAX}};
    struct json_given given[1];
    TRY(json_read(root, "", members, 1, given, fault));
    batch->count = json_array_size(given[0].value);
    if (batch->count > VERIFY_BATCH_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "requests", "may have at most %d elements",
                         VERIFY_BATCH_MAX);
    }
    batch->requests = arena_alloc(batch->arena, batch->count * sizeof *batch->requests);
    batch->results = arena_alloc(batch->arena, batch->count * sizeof *batch->results);
    ENSURE(!arena_overflowed(batch->arena), TKR_MEMORY);
    for (size_t i = 0; i < batch->count; i++) {
        const json_t *object = json_array_get(given[0].value, i);
        char path[32];
        snprintf(path, sizeof path, "requests[%zu].", i);
        if (!json_is_object(object)) {
            path[strlen(path) - 1] = '\0';
            return fault_set(fault, TKR_INVALID, path, "must be an object");
        }
        TRY(verify_request_read(object, path, batch->arena, &batch->requests[i], fault));
    }
    return TKR_OK;
}

/* Verifies those of the caller's own organisation and hides the rest. */
static tkr_error_t batch_verify_own(struct api_call *call, struct batch *batch)
{
    struct verify_request *own = arena_alloc(batch->arena, batch->count * sizeof *own);
    struct verify_result *own_results =
        arena_alloc(batch->arena, batch->count * sizeof *own_results);
    size_t *places = arena_alloc(batch->arena, batch->count * sizeof *places);
    ENSURE(!arena_overflowed(batch->arena), TKR_MEMORY);
    for (size_t i = 0; i < batch->count; i++) {
        own[i] = dry_copy(&batch->requests[i]);
    }
    verify_batch(call->thread->verifier, own, batch->count, own_results);
    size_t own_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (own_results[i].known && !is_own(&call->principal, &own_results[i])) {
            verify_hide(&batch->requests[i], &batch->results[i]);
        } else {
            own[own_count] = batch->requests[i];
            places[own_count++] = i;
        }
    }
    verify_batch(call->thread->verifier, own, own_count, own_results);
    for (size_t i = 0; i < own_count; i++) {
        batch->results[places[i]] = own_results[i];
    }
    return TKR_OK;
}

static tkr_error_t batch_verify(struct api_call *call, struct batch *batch)
{
    if (!has_verifier(call)) {
        for (size_t i = 0; i < batch->count; i++) {
            batch->results[i] = (struct verify_result){.verdict = TKR_VERDICT_UNAVAILABLE};
        }
        return TKR_OK;
    }
    int64_t start_ns = clock_monotonic_ns(call->api->options.clock);
    if (verify_sees_all_orgs(&call->principal)) {
        verify_batch(call->thread->verifier, batch->requests, batch->count, batch->results);
    } else {
        TRY(batch_verify_own(call, batch));
    }
    observe(call, ENDPOINT_BATCH, start_ns);
    for (size_t i = 0; i < batch->count; i++) {
        metering_count(call->api, call->thread, &batch->requests[i], &batch->results[i]);
        if (auth_note_wanted(call->api, &batch->requests[i], &batch->results[i])) {
            auth_note_asked(call, &batch->requests[i], &batch->results[i]);
        }
        api_thread_count(call->thread, ENDPOINT_BATCH, batch->results[i].verdict, 1);
        api_thread_count_warned(call->thread, &batch->results[i]);
    }
    return TKR_OK;
}

static tkr_error_t batch_run(struct api_call *call, struct batch *batch, const json_t *root,
                             struct buffer *body, struct fault *fault)
{
    TRY(arena_new(API_PAGE_BYTES_MAX, &batch->arena));
    TRY(batch_read(root, batch, fault));
    TRY(batch_verify(call, batch));
    struct emitter emitter;
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "results", '[');
    for (size_t i = 0; i < batch->count; i++) {
        emit_verify_result(&emitter, NULL, &batch->requests[i], &batch->results[i]);
    }
    emit_close(&emitter, ']');
    emit_close(&emitter, '}');
    return TKR_OK;
}

/* Silently charged twice would be worse. */
static tkr_error_t check_no_key(const struct api_call *call, struct fault *fault)
{
    if (call->idempotency_key != NULL) {
        return fault_set(fault, TKR_INVALID, "Idempotency-Key",
                         "a batch cannot have one: verify these tokens one by one");
    }
    return TKR_OK;
}

void verify_batch_post(struct api_call *call)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    struct fault fault = {0};
    struct batch batch = {0};
    tkr_error_t error = check_no_key(call, &fault);
    if (error == TKR_OK) {
        error = json_parse(call->body, call->body_length, &root, &fault);
    }
    if (error == TKR_OK) {
        error = batch_run(call, &batch, root, &body, &fault);
    }
    if (error == TKR_OK) {
        call_answer(call, 200, &body);
    } else {
        call_fail(call, error, &fault);
    }
    arena_free(batch.arena);
}
