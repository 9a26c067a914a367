/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: issue, list, show, change, revoke.
 *
 * A change is handed to the authority and answered from its writer's thread, when it is
 * durable and visible. Until then the decoded body is kept (the change may point into it)
 * and released before the answer, because after the answer the call's memory is gone.
 *
 * The plaintext of a new token is in the answer of its creation and nowhere else: the buffer
 * is a secret one, and a replay by Idempotency-Key shows the token's object without it.
 */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "base/text.h"
#include "crypto/digest.h"

struct change {
    struct api_call *call;
    json_t *root; /* NULL: a change without a body */
};

static struct change *change_new(struct api_call *call)
{
    struct change *change = arena_alloc(call->arena, sizeof *change);
    if (change == NULL) {
        call_fail(call, TKR_MEMORY, NULL);
        return NULL;
    }
    change->call = call;
    return change;
}

/* The general words of an error say nothing here: what is not found is the token of the path.
 * When it is a tier, its fault says so. */
static void token_fail(struct api_call *call, tkr_error_t error, const struct fault *fault)
{
    struct fault missing = {0};
    bool told = fault != NULL && fault->error == error && fault->detail[0] != '\0' &&
                strcmp(fault->detail, tkr_error_text(error)) != 0;
    if (error == TKR_NOT_FOUND && !told) {
        fault_set(&missing, error, "", "no token has this ID");
        fault = &missing;
    }
    call_fail(call, error, fault);
}

/* A change that could not even be queued. */
static void change_refuse(struct change *change, tkr_error_t error, const struct fault *fault)
{
    struct api_call *call = change->call;
    json_decref(change->root);
    token_fail(call, error, fault);
}

/* Runs what queues the change; answers here when it could not be queued. */
static void change_start(struct api_call *call,
                         tkr_error_t (*queue)(struct change *change, struct fault *fault))
{
    struct fault fault = {0};
    struct change *change = change_new(call);
    if (change == NULL) {
        return;
    }
    tkr_error_t error = queue(change, &fault);
    if (error != TKR_OK) {
        change_refuse(change, error, &fault);
    }
}

static void set_etag(struct api_call *call, const struct token *token)
{
    char etag[32];
    snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)token->version);
    call_header(call, "ETag", etag);
}

/*
 * If-Match: `*` or one strong entity tag that we gave out. A weak one never matches (RFC 9110
 * §13.1.1), and neither does one that is not ours: both are a failed precondition.
 */
static tkr_error_t if_match_version(const struct api_call *call, uint64_t *ret_version,
                                    struct fault *fault)
{
    const char *text = call->if_match;
    *ret_version = 0;
    if (text == NULL || strcmp(text, "*") == 0) {
        return TKR_OK;
    }
    size_t length = strlen(text);
    uint64_t version = 0;
    if (length < 3 || text[0] != '"' || text[length - 1] != '"' ||
        text_parse_u64(text + 1, length - 2, &version) != TKR_OK || version == 0) {
        return fault_set(fault, TKR_PRECONDITION, "If-Match", "must be an ETag of this token");
    }
    *ret_version = version;
    return TKR_OK;
}

#define LIFETIME_TEXT_SIZE 48

/* As people say it, to the nearest day, hour or minute: `30 days`. */
static const char *lifetime_text(int64_t seconds, char out[LIFETIME_TEXT_SIZE])
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;
    while (i < 3 && seconds < 2 * units[i].seconds && seconds != units[i].seconds) {
        i++;
    }
    int64_t count = (seconds + units[i].seconds / 2) / units[i].seconds;
    snprintf(out, LIFETIME_TEXT_SIZE, "%lld %s%s", (long long)count, units[i].name,
             count == 1 ? "" : "s");
    return out;
}

static const char *clamped_text(const struct change_result *result, char *out, size_t size)
{
    char longest[LIFETIME_TEXT_SIZE], asked[LIFETIME_TEXT_SIZE] = "without end";
    if (!result->lifetime.never) {
        int64_t asked_ms = result->lifetime.expires_at_ms - result->token.updated_at_ms;
        lifetime_text(asked_ms / 1000, asked);
    }
    lifetime_text(result->lifetime_max_s, longest);
    snprintf(out, size, "the maximum lifetime is %s: it lives %s instead of %s", longest, longest,
             asked);
    return out;
}

static void emit_warning(struct emitter *emitter, const char *code, const char *member,
                         const char *detail)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "code", code);
    emit_text(emitter, "member", member);
    emit_text(emitter, "detail", detail);
    emit_close(emitter, '}');
}

static void emit_warnings(struct emitter *emitter, const struct change_result *result)
{
    char text[3 * LIFETIME_TEXT_SIZE + 64];
    emit_open(emitter, "warnings", '[');
    if (result->clamped) {
        emit_warning(emitter, "lifetime_clamped", "expires_at",
                     clamped_text(result, text, sizeof text));
    }
    if (result->weak) {
        emit_warning(emitter, "weak_token", "token",
                     "the token is weak and was taken by force: replace it soon");
    }
    emit_close(emitter, ']');
}

/* --- POST ------------------------------------------------------------------------------------ */

static void create_done(void *context, const struct change_result *result)
{
    struct change *change = context;
    struct api_call *call = change->call;
    json_decref(change->root);
    if (result->error != TKR_OK) {
        token_fail(call, result->error, &result->fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    char location[sizeof "/api/v1/auth/tokens/" + TOKEN_ID_CHARS];
    buffer_init_secret(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_token_members(&emitter, &result->token);
    emit_text(&emitter, "token", result->plaintext); /* null: chosen by the caller, or replayed */
    emit_bool(&emitter, "replayed", result->replayed);
    emit_warnings(&emitter, result);
    emit_close(&emitter, '}');
    snprintf(location, sizeof location, "/api/v1/auth/tokens/%s", result->token.id);
    call_header(call, "Location", location);
    set_etag(call, &result->token);
    call_answer(call, result->replayed ? 200 : 201, &body);
}

/* What makes two requests with one Idempotency-Key the same: who asks, and the bytes of the
 * body (a relative `expires_in` is the same request a second later). */
static tkr_error_t request_digest(const struct api_call *call, uint8_t ret_digest[32])
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init_secret(&text, HTTP_BODY_BYTES_MAX + 2 * USER_ID_BYTES_MAX);
    buffer_add(&text, call->principal.user_id, strlen(call->principal.user_id) + 1);
    buffer_add(&text, call->body, call->body_length);
    TRY(buffer_status(&text));
    return digest_sha256(text.data, text.length, ret_digest);
}

static tkr_error_t create(struct change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_create asked;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(token_create_read(change->root, authority_now_ms(authority), call->arena, &asked, fault));
    if (call->idempotency_key != NULL) {
        asked.idempotency_key = call->idempotency_key;
        TRY(request_digest(call, asked.request_digest));
    }
    return authority_create_token(authority, &call->principal, &asked, create_done, change, fault);
}

void tokens_post(struct api_call *call)
{
    change_start(call, create);
}

/* --- PATCH, DELETE ---------------------------------------------------------------------------- */

static void change_answer(void *context, const struct change_result *result)
{
    struct change *change = context;
    struct api_call *call = change->call;
    json_decref(change->root);
    if (result->error != TKR_OK) {
        token_fail(call, result->error, &result->fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_token_members(&emitter, &result->token);
    emit_warnings(&emitter, result);
    emit_close(&emitter, '}');
    set_etag(call, &result->token);
    call_answer(call, 200, &body);
}

static tkr_error_t update(struct change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_update asked;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(token_update_read(change->root, authority_now_ms(authority), call->arena, &asked, fault));
    TRY(if_match_version(call, &asked.if_version, fault));
    return authority_update_token(authority, &call->principal, call->parameter, &asked,
                                  change_answer, change, fault);
}

void tokens_patch(struct api_call *call)
{
    change_start(call, update);
}

static tkr_error_t revoke(struct change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    const char *reason = call_argument(call, "reason");
    uint64_t if_version;
    if (reason != NULL && (strlen(reason) > REVOKE_REASON_BYTES_MAX ||
                           !text_is_printable_utf8(reason, strlen(reason)))) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "reason",
                         "must be at most %d bytes without control or invisible characters",
                         REVOKE_REASON_BYTES_MAX);
    }
    TRY(if_match_version(call, &if_version, fault));
    return authority_revoke_token(call->api->options.authority, &call->principal, call->parameter,
                                  reason != NULL && *reason != '\0' ? reason : NULL, if_version,
                                  change_answer, change, fault);
}

void tokens_delete(struct api_call *call)
{
    change_start(call, revoke);
}

/* --- GET ----------------------------------------------------------------------------------------
 */

void tokens_get(struct api_call *call)
{
    struct token token;
    tkr_error_t error = authority_get_token(call->api->options.authority, &call->principal,
                                            call->parameter, call->arena, &token);
    if (error != TKR_OK) {
        token_fail(call, error, NULL);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_token_members(&emitter, &token);
    emit_close(&emitter, '}');
    set_etag(call, &token);
    call_answer(call, 200, &body);
}

static tkr_error_t read_filter(const struct api_call *call, struct token_filter *ret_filter,
                               struct fault *fault)
{
    const char *limit = call_argument(call, "limit");
    const char *status = call_argument(call, "status");
    const char *inactive = call_argument(call, "include_inactive");
    uint64_t page = LIST_PAGE_DEFAULT;
    struct token_filter filter = {
        .org_id = call_argument(call, "org_id"),
        .user_id = call_argument(call, "user_id"),
        .name = call_argument(call, "name"),
        .cursor = call_argument(call, "cursor"),
        .has_status = status != NULL,
        .now_ms = authority_now_ms(call->api->options.authority),
    };
    if (limit != NULL && (text_parse_u64(limit, strlen(limit), &page) != TKR_OK || page < 1 ||
                          page > LIST_PAGE_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "limit", "must be 1 to %d", LIST_PAGE_MAX);
    }
    filter.limit = (uint32_t)page;
    if (status != NULL && token_status_parse(status, strlen(status), &filter.status) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "status",
                         "must be `active`, `disabled`, `quarantined`, `not_yet_valid`, `expired` "
                         "or `revoked`");
    }
    if (inactive != NULL && strcmp(inactive, "true") != 0 && strcmp(inactive, "false") != 0) {
        return fault_set(fault, TKR_INVALID, "include_inactive", "must be `true` or `false`");
    }
    filter.include_inactive = inactive != NULL && strcmp(inactive, "true") == 0;
    *ret_filter = filter;
    return TKR_OK;
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct buffer *body,
                        struct fault *fault)
{
    struct token_filter filter;
    struct token_page page;
    TRY(read_filter(call, &filter, fault));
    TRY(authority_list_tokens(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    struct emitter emitter;
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "data", '[');
    for (size_t i = 0; i < page.count; i++) {
        emit_open(&emitter, NULL, '{');
        emit_token_members(&emitter, &page.tokens[i]);
        emit_close(&emitter, '}');
    }
    emit_close(&emitter, ']');
    emit_text(&emitter, "next_cursor", page.next_cursor);
    emit_close(&emitter, '}');
    return TKR_OK;
}

void tokens_list(struct api_call *call)
{
    struct fault fault = {0};
    struct arena *arena CLEANUP(arena_free_p) = NULL; /* a page may need more than a call has */
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = arena_new(API_PAGE_BYTES_MAX, &arena);
    if (error == TKR_OK) {
        error = list(call, arena, &body, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}
