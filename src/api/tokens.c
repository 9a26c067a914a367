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
#include "api/resource.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "api/tokens.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "policy/scopes.h"

static const char missing[] = "no token has this ID";

static void emit_warning(struct emitter *emitter, const char *code, const char *member,
                         const char *detail)
{
    emit_text(emitter, "code", code);
    emit_text(emitter, "member", member);
    emit_text(emitter, "detail", detail);
}

static void emit_clamped(struct emitter *emitter, const struct change_result *result)
{
    char sentence[LIFETIME_SENTENCE_SIZE], text[LIFETIME_TEXT_SIZE];
    emit_open(emitter, NULL, '{');
    emit_warning(emitter, "lifetime_clamped", "expires_at",
                 lifetime_clamp_sentence(result->clamp_max_s, result->clamp_asked_s, sentence));
    emit_text(emitter, "maximum", lifetime_format(result->clamp_max_s, text));
    emit_text(emitter, "asked", lifetime_format(result->clamp_asked_s, text));
    emit_close(emitter, '}');
}

static void emit_replaced(struct emitter *emitter, const struct change_result *result)
{
    char sentence[128];
    snprintf(sentence, sizeof sentence,
             "%llu other token%s of this user %s revoked: one is allowed.",
             (unsigned long long)result->revoked_count, result->revoked_count == 1 ? "" : "s",
             result->revoked_count == 1 ? "was" : "were");
    emit_open(emitter, NULL, '{');
    emit_warning(emitter, "older_revoked", "user_id", sentence);
    emit_close(emitter, '}');
}

/* Words of other systems for what is asked for here with a scope of ours: a token that has them
 * would be refused, and nobody would know why before it is. */
static const struct {
    const char *word, *scope;
} foreign_scopes[] = {
    {"system_status", "system:read"},
    {"audit_log", "audit:write"},
};

static bool has_scope(const char *set, const char *scope)
{
    size_t position = 0, length, wanted = strlen(scope);
    const char *next;
    while ((next = scopes_next(set, strlen(set), &position, &length)) != NULL) {
        if (length == wanted && memcmp(next, scope, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static void emit_foreign_scopes(struct emitter *emitter, const struct token *token)
{
    size_t length = strlen(token->scopes);
    for (size_t i = 0; i < sizeof foreign_scopes / sizeof foreign_scopes[0]; i++) {
        const char *word = foreign_scopes[i].word, *scope = foreign_scopes[i].scope;
        if (!has_scope(token->scopes, word) ||
            scopes_grant(token->scopes, length, scope, strlen(scope))) {
            continue;
        }
        char sentence[128];
        snprintf(sentence, sizeof sentence, "`%s` opens nothing of Tokenry; its scope is `%s`.",
                 word, scope);
        emit_open(emitter, NULL, '{');
        emit_warning(emitter, "foreign_scope", "scopes", sentence);
        emit_close(emitter, '}');
    }
}

static void emit_warnings(struct emitter *emitter, const struct change_result *result)
{
    emit_open(emitter, "warnings", '[');
    if (result->clamped) {
        emit_clamped(emitter, result);
    }
    if (result->weak) {
        emit_open(emitter, NULL, '{');
        emit_warning(emitter, "weak_token", "token",
                     "the token is weak and was taken by force: replace it soon");
        emit_close(emitter, '}');
    }
    if (result->revoked_count > 0) {
        emit_replaced(emitter, result);
    }
    emit_foreign_scopes(emitter, &result->token);
    emit_close(emitter, ']');
}

/* --- POST ------------------------------------------------------------------------------------ */

void token_created(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
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
    emit_count(&emitter, "revoked_count", result->revoked_count);
    if (result->predecessor != NULL) {
        emit_open(&emitter, "predecessor", '{');
        emit_token_members(&emitter, result->predecessor);
        emit_close(&emitter, '}');
    }
    emit_warnings(&emitter, result);
    snprintf(location, sizeof location, "/api/v1/auth/tokens/%s", result->token.id);
    call_header(call, "Location", location);
    resource_answer(call, result->replayed ? 200 : 201, result->token.version, &emitter);
}

tkr_error_t token_request_digest(const struct api_call *call, uint8_t ret_digest[32])
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init_secret(&text, HTTP_BODY_BYTES_MAX + 4 * USER_ID_BYTES_MAX);
    buffer_add(&text, call->principal.user_id, strlen(call->principal.user_id) + 1);
    buffer_add(&text, api_path_of(call->route), strlen(api_path_of(call->route)) + 1);
    if (call->parameter != NULL) {
        buffer_add(&text, call->parameter, strlen(call->parameter) + 1);
    }
    buffer_add(&text, call->body, call->body_length);
    TRY(buffer_status(&text));
    return digest_sha256(text.data, text.length, ret_digest);
}

tkr_error_t token_request_key(const struct api_call *call, const char **ret_key,
                              uint8_t ret_digest[32])
{
    *ret_key = call->idempotency_key;
    return *ret_key != NULL ? token_request_digest(call, ret_digest) : TKR_OK;
}

static tkr_error_t create(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_create asked;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(token_create_read(change->root, authority_now_ms(authority), call->arena, &asked, fault));
    TRY(token_request_key(call, &asked.idempotency_key, asked.request_digest));
    return authority_create_token(authority, &call->principal, &asked, token_created, change,
                                  fault);
}

void tokens_post(struct api_call *call)
{
    resource_change(call, create, missing);
}

/* --- PATCH, DELETE ---------------------------------------------------------------------------- */

void token_changed(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_token_members(&emitter, &result->token);
    emit_warnings(&emitter, result);
    emit_count(&emitter, "versions_changed", result->versions);
    emit_count(&emitter, "children_revoked", result->family);
    emit_bool(&emitter, "replayed", result->replayed);
    resource_answer(call, 200, result->token.version, &emitter);
}

/* Who may change a token need not be who gives credits: here it takes both, or PUT …/credits would
 * ask for its scope in vain. */
static tkr_error_t check_credits_scope(const struct api_call *call,
                                       const struct token_update *asked, struct fault *fault)
{
    static const char scope[] = "credits:write";
    const char *granted = call->principal.scopes;
    if (asked->has_credits && !scopes_grant(granted, strlen(granted), scope, strlen(scope))) {
        return fault_set(fault, TKR_FORBIDDEN, "credits", "scope `%s` is needed, too", scope);
    }
    return TKR_OK;
}

static tkr_error_t update(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_update asked;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(token_update_read(change->root, authority_now_ms(authority), call->arena, &asked, fault));
    TRY(resource_if_match(call, &asked.if_version, fault));
    TRY(check_credits_scope(call, &asked, fault));
    TRY(token_request_key(call, &asked.idempotency_key, asked.request_digest));
    return authority_update_token(authority, &call->principal, call->parameter, &asked,
                                  token_changed, change, fault);
}

void tokens_patch(struct api_call *call)
{
    resource_change(call, update, missing);
}

static tkr_error_t revoke(struct resource_change *change, struct fault *fault)
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
    bool children = false;
    TRY(call_flag(call, "children", &children, fault));
    TRY(resource_if_match(call, &if_version, fault));
    if (children) {
        return authority_revoke_family(call->api->options.authority, &call->principal,
                                       call->parameter, reason, if_version, false, token_changed,
                                       change, fault);
    }
    return authority_revoke_token(call->api->options.authority, &call->principal, call->parameter,
                                  reason != NULL && *reason != '\0' ? reason : NULL, if_version,
                                  token_changed, change, fault);
}

void tokens_delete(struct api_call *call)
{
    resource_change(call, revoke, missing);
}

/* --- GET ------------------------------------------------------------------------------------- */

void tokens_get(struct api_call *call)
{
    struct token token;
    tkr_error_t error = authority_get_token(call->api->options.authority, &call->principal,
                                            call->parameter, call->arena, &token);
    if (error != TKR_OK) {
        resource_fail(call, error, NULL, missing);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_token_members(&emitter, &token);
    resource_answer(call, 200, token.version, &emitter);
}

static tkr_error_t read_filter(const struct api_call *call, struct token_filter *ret_filter,
                               struct fault *fault)
{
    const char *status = call_argument(call, "status");
    const char *kind = call_argument(call, "kind");
    struct page_of page;
    struct token_filter filter = {
        .org_id = call_argument(call, "org_id"),
        .user_id = call_argument(call, "user_id"),
        .name = call_argument(call, "name"),
        .tier = call_argument(call, "tier"),
        .role = call_argument(call, "role"),
        .has_kind = kind != NULL,
        .has_status = status != NULL,
        .now_ms = authority_now_ms(call->api->options.authority),
    };
    TRY(resource_page(call, &page, fault));
    filter.limit = page.limit;
    filter.cursor = page.cursor;
    if (status != NULL && token_status_parse(status, strlen(status), &filter.status) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "status",
                         "must be `active`, `disabled`, `quarantined`, `not_yet_valid`, `expired` "
                         "or `revoked`");
    }
    if (kind != NULL && token_kind_parse(kind, strlen(kind), &filter.kind) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "kind", "must be `user`, `service` or `admin`");
    }
    TRY(call_flag(call, "include_inactive", &filter.include_inactive, fault));
    *ret_filter = filter;
    return TKR_OK;
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    struct token_filter filter;
    struct token_page page;
    TRY(read_filter(call, &filter, fault));
    TRY(authority_list_tokens(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_open(emitter, NULL, '{');
        emit_token_members(emitter, &page.tokens[i]);
        emit_close(emitter, '}');
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void tokens_list(struct api_call *call)
{
    resource_list(call, list);
}
