/* SPDX-License-Identifier: Apache-2.0 */
#include "api/verify_json.h"

#include "api/auth_headers.h"
#include "api/json_input.h"
#include "api/token_json.h"
#include "meter/meter.h"
#include "policy/scopes.h"

enum {
    MEMBER_TOKEN,
    MEMBER_USER_ID,
    MEMBER_SCOPES,
    MEMBER_PERMISSIONS,
    MEMBER_IP,
    MEMBER_COST,
    MEMBER_DRY_RUN,
    MEMBER_EXPLAIN,
    MEMBER_ENDPOINT,
    MEMBER_COUNT
};

/* The token may be any text: what is none gets the verdict `malformed`. */
static const struct json_member members[MEMBER_COUNT] = {
    [MEMBER_TOKEN] = {"token", JSON_IS_TEXT, .required = true, .raw = true,
                      .most = HTTP_BODY_BYTES_MAX},
    [MEMBER_USER_ID] = {"user_id", JSON_IS_TEXT, .nullable = true, .least = 1,
                        .most = USER_ID_BYTES_MAX},
    [MEMBER_SCOPES] = {"scopes", JSON_IS_TEXT_LIST, .most = SCOPES_PER_TOKEN_MAX},
    [MEMBER_PERMISSIONS] = {"permissions", JSON_IS_TEXT_LIST, .most = SCOPES_PER_TOKEN_MAX},
    [MEMBER_IP] = {"ip", JSON_IS_TEXT, .nullable = true, .most = IP_TEXT_SIZE},
    [MEMBER_COST] = {"cost", JSON_IS_INTEGER, .most = VERIFY_COST_MAX},
    [MEMBER_DRY_RUN] = {"dry_run", JSON_IS_BOOL},
    [MEMBER_EXPLAIN] = {"explain", JSON_IS_BOOL},
    [MEMBER_ENDPOINT] = {"endpoint", JSON_IS_TEXT, .nullable = true, .least = 1,
                         .most = METER_LABEL_BYTES_MAX},
};

static tkr_error_t read_scopes(const struct json_given *given, const char *path,
                               struct arena *arena, struct verify_request *request,
                               struct fault *fault)
{
    const struct json_given *list = &given[MEMBER_SCOPES];
    char field[FAULT_FIELD_BYTES];
    if (given[MEMBER_PERMISSIONS].present) {
        if (list->present) {
            json_field(field, path, "permissions");
            return fault_set(fault, TKR_INVALID, field, "is another name for `scopes`: use one");
        }
        list = &given[MEMBER_PERMISSIONS];
    }
    size_t count = list->present ? json_array_size(list->value) : 0;
    struct verify_text *scopes = arena_alloc(arena, (count + 1) * sizeof *scopes);
    ENSURE(scopes != NULL, TKR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const json_t *scope = json_array_get(list->value, i);
        scopes[i] = (struct verify_text){json_string_value(scope), json_string_length(scope)};
        if (!scope_valid(scopes[i].text, scopes[i].length)) {
            json_field(field, path, list == &given[MEMBER_SCOPES] ? "scopes" : "permissions");
            return fault_set(fault, TKR_INVALID, field, "element %zu is not a scope", i);
        }
    }
    request->scopes = scopes;
    request->scope_count = count;
    return TKR_OK;
}

static tkr_error_t read_endpoint(const struct json_given *given, const char *path,
                                 struct verify_request *request, struct fault *fault)
{
    if (given->text != NULL && !meter_label_valid(given->text, given->length)) {
        char field[FAULT_FIELD_BYTES];
        json_field(field, path, "endpoint");
        return fault_set(fault, TKR_INVALID, field, "must be of a-z, 0-9, `.`, `_`, `/` and `-`");
    }
    request->endpoint = given->text;
    request->endpoint_length = given->length;
    return TKR_OK;
}

tkr_error_t verify_request_read(const json_t *object, const char *path, struct arena *arena,
                                struct verify_request *ret_request, struct fault *fault)
{
    struct json_given given[MEMBER_COUNT];
    TRY(json_read(object, path, members, MEMBER_COUNT, given, fault));
    struct verify_request request = {
        .token = given[MEMBER_TOKEN].text,
        .token_length = given[MEMBER_TOKEN].length,
        .user = given[MEMBER_USER_ID].text,
        .user_length = given[MEMBER_USER_ID].length,
        .cost = given[MEMBER_COST].present ? (uint32_t)given[MEMBER_COST].integer : 1,
        .dry_run = given[MEMBER_DRY_RUN].boolean,
    };
    TRY(read_scopes(given, path, arena, &request, fault));
    const struct json_given *ip = &given[MEMBER_IP];
    if (ip->text != NULL && ip_parse(ip->text, ip->length, &request.client) != TKR_OK) {
        char field[FAULT_FIELD_BYTES];
        json_field(field, path, "ip");
        return fault_set(fault, TKR_INVALID, field, "is not an IPv4 or IPv6 address");
    }
    TRY(read_endpoint(&given[MEMBER_ENDPOINT], path, &request, fault));
    if (given[MEMBER_EXPLAIN].boolean) {
        request.explain = arena_alloc(arena, sizeof *request.explain);
        ENSURE(request.explain != NULL, TKR_MEMORY);
    }
    *ret_request = request;
    return TKR_OK;
}

/* --- the result --------------------------------------------------------------------------- */

static void emit_windows(struct emitter *emitter, const struct verify_result *result)
{
    emit_open(emitter, "limits", '[');
    for (uint32_t i = 0; result->known && i < result->window_count; i++) {
        const struct verify_window *window = &result->windows[i];
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "window", window_name(window->window));
        emit_text(emitter, "subject", limits_subject_name(window->subject));
        emit_count(emitter, "limit", window->limit);
        emit_count(emitter, "remaining", window->remaining);
        emit_time(emitter, "reset_at", window->reset_at_ms);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

static void emit_unknown(struct emitter *emitter)
{
    static const char *const nulls[] = {"token_id", "user_id", "org_id", "name",
                                        "kind",     "env",     "tier"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        emit_null(emitter, nulls[i]);
    }
    emit_words(emitter, "scopes", NULL, 0);
    emit_json(emitter, "metadata", NULL, 0);
    emit_null(emitter, "expires_at");
}

static void emit_known(struct emitter *emitter, const struct verify_result *result)
{
    char id[TOKEN_ID_CHARS + 1];
    token_id_format(result->token_id, id);
    emit_text(emitter, "token_id", id);
    emit_text_or_null(emitter, "user_id", result->user.text, result->user.length);
    emit_text_or_null(emitter, "org_id", result->org.text, result->org.length);
    emit_text_or_null(emitter, "name", result->name.text, result->name.length);
    emit_text(emitter, "kind", token_kind_name(result->kind));
    emit_text(emitter, "env", token_env_name(result->env));
    emit_text_or_null(emitter, "tier", result->tier.text, result->tier.length);
    emit_words(emitter, "scopes", result->scopes.text, result->scopes.length);
    emit_json(emitter, "metadata", result->metadata.text, result->metadata.length);
    emit_time(emitter, "expires_at", result->expires_at_ms);
}

static void emit_verify_credits(struct emitter *emitter, const struct verify_credits *credits)
{
    emit_credits(emitter, &(struct token_credits){
                              .remaining = credits->remaining,
                              .refill = credits->refill,
                              .interval = credits->interval,
                              .refill_at_ms = credits->refill_at_ms,
                          });
}

void emit_verify_members(struct emitter *emitter, const struct verify_result *result)
{
    if (result->known) {
        emit_known(emitter, result);
    } else {
        emit_unknown(emitter);
    }
    emit_windows(emitter, result);
    if (result->known && result->has_credits) {
        emit_verify_credits(emitter, &result->credits);
    } else {
        emit_null(emitter, "credits"); /* null: unlimited */
    }
}

static void emit_warnings(struct emitter *emitter, const struct verify_result *result)
{
    emit_open(emitter, "warnings", '[');
    if (result->warned && result->verdict == TKR_VERDICT_VALID) {
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "code", WARNING_SHARED_TOKEN);
        emit_null(emitter, "member");
        emit_text(emitter, "detail", "a token that all share ends soon: use one of your own");
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

void emit_explanation(struct emitter *emitter, const struct verify_explanation *explanation)
{
    emit_open(emitter, "explain", '[');
    for (int i = 0; i < CHECK_COUNT; i++) {
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "check", verify_check_name((enum verify_check)i));
        emit_text(emitter, "outcome", verify_outcome_name(explanation->outcome[i]));
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

/* 0 milliseconds would be read as "at once": null says that there is no such moment. */
static void emit_retry(struct emitter *emitter, int64_t retry_after_ms)
{
    if (retry_after_ms > 0) {
        emit_number(emitter, "retry_after_ms", retry_after_ms);
    } else {
        emit_null(emitter, "retry_after_ms");
    }
}

void emit_verify_result(struct emitter *emitter, const char *name,
                        const struct verify_request *request, const struct verify_result *result)
{
    emit_open(emitter, name, '{');
    emit_bool(emitter, "valid", result->verdict == TKR_VERDICT_VALID);
    emit_text(emitter, "code", tkr_verdict_name(result->verdict));
    emit_verify_members(emitter, result);
    emit_warnings(emitter, result);
    if (result->verdict == TKR_VERDICT_INSUFFICIENT_SCOPE) {
        emit_text_or_null(emitter, "missing_scope", result->missing_scope,
                          result->missing_scope_length);
    }
    if (result->verdict == TKR_VERDICT_RATE_LIMITED ||
        result->verdict == TKR_VERDICT_QUOTA_EXCEEDED) {
        emit_retry(emitter, result->retry_after_ms);
    }
    if (request->explain != NULL) {
        emit_explanation(emitter, request->explain);
    }
    emit_close(emitter, '}');
}
