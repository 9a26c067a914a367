/* SPDX-License-Identifier: Apache-2.0 */
/* Credits: show and give them, and reservations for work whose cost is known afterwards. */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "api/tokens.h"
#include "api/verify_json.h"
#include "base/text.h"

static const char no_token[] = "no token has this ID";
static const char no_reservation[] = "no reservation has this ID";

/* --- a token's credits ----------------------------------------------------------------------- */

/* `replayed` NULL: nothing was asked to be done. */
static void answer_credits(struct api_call *call, const struct token *token, const bool *replayed)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "object", "credits");
    emit_text(&emitter, "token_id", token->id);
    emit_text(&emitter, "lineage_id", token->lineage_id);
    emit_bool(&emitter, "unlimited", token->credits.unlimited);
    if (token->credits.unlimited) {
        emit_null(&emitter, "used");
    } else {
        emit_count(&emitter, "used", token->credits.used);
    }
    emit_credits(&emitter, &token->credits);
    if (replayed != NULL) {
        emit_bool(&emitter, "replayed", *replayed);
    }
    emit_close(&emitter, '}');
    resource_etag(call, token->version);
    call_answer(call, 200, &body);
}

void credits_get(struct api_call *call)
{
    struct token token;
    tkr_error_t error = authority_get_token(call->api->options.authority, &call->principal,
                                            call->parameter, call->arena, &token);
    if (error == TKR_OK) {
        answer_credits(call, &token, NULL);
    } else {
        resource_fail(call, error, NULL, no_token);
    }
}

static void put_done(void *context, const struct change_result *result)
{
    struct api_call *call = context;
    if (result->error == TKR_OK) {
        answer_credits(call, &result->token, &result->replayed);
    } else {
        resource_fail(call, result->error, &result->fault, no_token);
    }
}

static tkr_error_t put(struct api_call *call, struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct credits_change asked = {.token_id = call->parameter};
    TRY(json_parse(call->body, call->body_length, &root, fault));
    TRY(credits_read(root, "", false, &asked.asked, fault));
    TRY(resource_if_match(call, &asked.if_version, fault));
    TRY(token_request_key(call, &asked.idempotency_key, asked.request_digest));
    return authority_set_credits(call->api->options.authority, &call->principal, &asked, put_done,
                                 call, fault);
}

void credits_put(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = put(call, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, no_token);
    }
}

/* --- reservations ----------------------------------------------------------------------------- */

static void answer_reservation(struct api_call *call, unsigned status,
                               const struct change_result *result)
{
    const struct reservation *reservation = &result->reservation;
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "object", "reservation");
    emit_text(&emitter, "id", reservation->id);
    emit_text(&emitter, "token_id", reservation->token_id);
    emit_count(&emitter, "amount", reservation->amount);
    emit_text(&emitter, "state", charge_state_name(reservation->state));
    emit_time(&emitter, "expires_at", reservation->expires_at_ms);
    emit_credits(&emitter, &result->credits);
    emit_bool(&emitter, "replayed", result->replayed);
    emit_close(&emitter, '}');
    call_answer(call, status, &body);
}

static void fail(struct api_call *call, const struct change_result *result, const char *missing)
{
    char wait[24];
    if (result->error == TKR_QUOTA && result->retry_after_ms > 0) {
        snprintf(wait, sizeof wait, "%lld", (long long)(result->retry_after_ms + 999) / 1000);
        call_header(call, "Retry-After", wait);
    }
    resource_fail(call, result->error, &result->fault, missing);
}

static void reserve_done(void *context, const struct change_result *result)
{
    struct api_call *call = context;
    if (result->error == TKR_OK) {
        answer_reservation(call, result->replayed ? 200 : 201, result);
    } else {
        fail(call, result, no_token);
    }
}

static void finish_done(void *context, const struct change_result *result)
{
    struct api_call *call = context;
    if (result->error == TKR_OK) {
        answer_reservation(call, 200, result);
    } else {
        fail(call, result, no_reservation);
    }
}

/* Whose token it is; nothing is counted. */
static tkr_error_t find_token(struct api_call *call, const struct json_given *token,
                              const char **ret_id, struct fault *fault)
{
    struct verify_request request = {
        .token = token->text, .token_length = token->length, .no_limits = true};
    struct verify_result result;
    ENSURE(call->thread != NULL && call->thread->verifier != NULL, TKR_UNAVAILABLE);
    request.client = call->client;
    verify_token(call->thread->verifier, &request, &result);
    ENSURE(result.verdict != TKR_VERDICT_UNAVAILABLE, TKR_UNAVAILABLE);
    size_t length = strlen(call->principal.org_id);
    bool own = result.known && (verify_sees_all_orgs(&call->principal) ||
                                (result.org.length == length &&
                                 memcmp(result.org.text, call->principal.org_id, length) == 0));
    if (!own) {
        return fault_set(fault, TKR_NOT_FOUND, "token", "there is no such token");
    }
    char *id = arena_alloc(call->arena, TOKEN_ID_CHARS + 1);
    ENSURE(id != NULL, TKR_MEMORY);
    token_id_format(result.token_id, id);
    *ret_id = id;
    return TKR_OK;
}

static tkr_error_t read_ttl(const struct json_given *given, int64_t *ret_s, struct fault *fault)
{
    int64_t seconds = CREDITS_RESERVATION_S_DEFAULT;
    if (given->present && json_is_integer(given->value)) {
        seconds = json_integer_value(given->value);
    } else if (given->present &&
               text_parse_duration_s(json_string_value(given->value),
                                     json_string_length(given->value), &seconds) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "ttl", "must be a duration as `90s`, `15m` or `24h`");
    }
    *ret_s = seconds;
    return TKR_OK;
}

static tkr_error_t reserve(struct api_call *call, struct fault *fault)
{
    enum { TOKEN, TOKEN_ID, AMOUNT, TTL, COUNT };
    static const struct json_member members[COUNT] = {
        [TOKEN] = {"token", JSON_IS_TEXT, .raw = true, .most = HTTP_BODY_BYTES_MAX},
        [TOKEN_ID] = {"token_id", JSON_IS_TEXT, .least = 1, .most = TOKEN_ID_CHARS},
        [AMOUNT] = {"amount", JSON_IS_INTEGER, .required = true, .least = 1,
                    .most = (int64_t)CREDITS_MAX},
        [TTL] = {"ttl", JSON_IS_DURATION},
    };
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct json_given given[COUNT];
    TRY(json_parse(call->body, call->body_length, &root, fault));
    TRY(json_read(root, "", members, COUNT, given, fault));
    if (given[TOKEN].present == given[TOKEN_ID].present) {
        return fault_set(fault, TKR_INVALID, "token_id", "either `token` or `token_id`");
    }
    struct reserve_asked asked = {
        .token_id = given[TOKEN_ID].text,
        .amount = (uint64_t)given[AMOUNT].integer,
        .key = call->idempotency_key,
    };
    if (given[TOKEN].present) {
        TRY(find_token(call, &given[TOKEN], &asked.token_id, fault));
    }
    TRY(read_ttl(&given[TTL], &asked.ttl_s, fault));
    TRY(token_request_digest(call, asked.request_digest));
    return authority_reserve(call->api->options.authority, &call->principal, &asked, reserve_done,
                             call, fault);
}

void reservations_post(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = reserve(call, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, no_token);
    }
}

static tkr_error_t settle(struct api_call *call, struct fault *fault)
{
    static const struct json_member members[] = {
        {"amount", JSON_IS_INTEGER, .required = true, .most = (int64_t)CREDITS_MAX}};
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct json_given given[1];
    TRY(json_parse(call->body, call->body_length, &root, fault));
    TRY(json_read(root, "", members, 1, given, fault));
    return authority_settle(call->api->options.authority, &call->principal, call->parameter,
                            (uint64_t)given[0].integer, finish_done, call, fault);
}

void reservations_settle(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = settle(call, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, no_reservation);
    }
}

void reservations_refund(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = resource_no_body(call, &fault);
    if (error == TKR_OK) {
        error = authority_refund(call->api->options.authority, &call->principal, call->parameter,
                                 finish_done, call, &fault);
    }
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, no_reservation);
    }
}
