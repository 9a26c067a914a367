/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-service: whoever has a token makes, lists and revokes keys of its own user.
 *
 * A key is a token, so its object is a token's, with the names that customers of such APIs know
 * beside ours: `key_id`, `key_prefix`, `is_active`; and `api_key`, the key itself, in the answer
 * that made it. What a caller may give is bounded by what its own token has, which the engine
 * decides within the transaction (engine/authority_own.c).
 */
#include "api/keys.h"

#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "crypto/digest.h"

#define PATH_KEYS "/api/keys/"

static const char missing[] = "no key of yours has this ID";

/* --- who may -------------------------------------------------------------------------------- */

static tkr_error_t check_open(const struct api_call *call, struct fault *fault)
{
    if (!call->api->options.self_service) {
        return fault_set(fault, TKR_FORBIDDEN, "", "self-service is turned off here");
    }
    if (call->principal.via != VIA_TOKEN) {
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "self-service is for who has a token; see /api/v1/auth/tokens");
    }
    return TKR_OK;
}

bool keys_find_own(struct api_call *call, struct token *ret_token)
{
    struct fault fault = {0};
    tkr_error_t error = check_open(call, &fault);
    if (error == TKR_OK) {
        error = authority_get_own_key(call->api->options.authority, &call->principal,
                                      call->parameter, call->arena, ret_token);
    }
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, missing);
    }
    return error == TKR_OK;
}

/* --- the object ----------------------------------------------------------------------------- */

static void emit_key_members(struct emitter *emitter, const struct token *token)
{
    emit_text(emitter, "key_id", token->id);
    emit_text(emitter, "key_prefix", token->display_prefix);
    emit_bool(emitter, "is_active", token->status == TOKEN_ACTIVE);
    emit_token_members(emitter, token);
}

static void emit_cut(struct emitter *emitter, const char *detail)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "code", "lifetime_clamped");
    emit_text(emitter, "member", "expires_at");
    emit_text(emitter, "detail", detail);
    emit_close(emitter, '}');
}

static void emit_warnings(struct emitter *emitter, const struct change_result *result)
{
    emit_open(emitter, "warnings", '[');
    if (result->clamped_to_maker) {
        emit_cut(emitter, "it ends with the key that made it");
    } else if (result->clamped) {
        emit_cut(emitter, "the policy's maximum lifetime made it shorter than asked");
    }
    emit_close(emitter, ']');
}

/* --- changes -------------------------------------------------------------------------------- */

static void create_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    char location[sizeof PATH_KEYS + TOKEN_ID_CHARS];
    buffer_init_secret(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "api_key", result->plaintext); /* null: replayed */
    emit_key_members(&emitter, &result->token);
    emit_bool(&emitter, "replayed", result->replayed);
    emit_warnings(&emitter, result);
    snprintf(location, sizeof location, PATH_KEYS "%s", result->token.id);
    call_header(call, "Location", location);
    resource_answer(call, result->replayed ? 200 : 201, result->token.version, &emitter);
}

/* The same bytes for the same user are the same request; and never one of /auth/tokens. */
static tkr_error_t request_digest(const struct api_call *call, uint8_t ret_digest[32])
{
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init_secret(&text, HTTP_BODY_BYTES_MAX + 2 * USER_ID_BYTES_MAX);
    buffer_add(&text, PATH_KEYS, sizeof PATH_KEYS);
    buffer_add(&text, call->principal.user_id, strlen(call->principal.user_id) + 1);
    buffer_add(&text, call->body, call->body_length);
    TRY(buffer_status(&text));
    return digest_sha256(text.data, text.length, ret_digest);
}

static tkr_error_t create(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_create asked;
    bool has_env = false;
    TRY(check_open(call, fault));
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(own_key_read(change->root, authority_now_ms(authority), call->arena, &asked, &has_env,
                     fault));
    if (call->idempotency_key != NULL) {
        asked.idempotency_key = call->idempotency_key;
        TRY(request_digest(call, asked.request_digest));
    }
    return authority_create_own_key(authority, &call->principal, &asked, has_env, create_done,
                                    change, fault);
}

void keys_post(struct api_call *call)
{
    resource_change(call, create, missing);
}

static void revoke_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_key_members(&emitter, &result->token);
    emit_count(&emitter, "versions_changed", result->versions);
    emit_count(&emitter, "children_revoked", result->family);
    resource_answer(call, 200, result->token.version, &emitter);
}

static tkr_error_t revoke(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    const char *reason = call_argument(call, "reason");
    struct token token;
    bool children = false;
    TRY(check_open(call, fault));
    TRY(call_flag(call, "children", &children, fault));
    TRY(authority_get_own_key(authority, &call->principal, call->parameter, call->arena, &token));
    if (children) {
        return authority_revoke_family(authority, &call->principal, token.id, reason, 0, true,
                                       revoke_done, change, fault);
    }
    return authority_revoke_token(authority, &call->principal, token.id, reason, 0, revoke_done,
                                  change, fault);
}

void keys_delete(struct api_call *call)
{
    resource_change(call, revoke, missing);
}

/* --- reads ---------------------------------------------------------------------------------- */

void keys_get(struct api_call *call)
{
    struct token token;
    if (!keys_find_own(call, &token)) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_key_members(&emitter, &token);
    resource_answer(call, 200, token.version, &emitter);
}

static tkr_error_t read_filter(const struct api_call *call, struct token_filter *ret_filter,
                               struct fault *fault)
{
    struct page_of page;
    bool inactive = false;
    TRY(call_flag(call, "include_inactive", &inactive, fault));
    TRY(resource_page(call, &page, fault));
    *ret_filter = (struct token_filter){
        .org_id = call->principal.org_id,
        .user_id = call->principal.user_id,
        .cursor = page.cursor,
        .has_status = !inactive, /* what works, and nothing else */
        .status = TOKEN_ACTIVE,
        .include_inactive = inactive,
        .limit = page.limit,
    };
    return TKR_OK;
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    struct token_filter filter;
    struct token_page page;
    TRY(check_open(call, fault));
    TRY(read_filter(call, &filter, fault));
    TRY(authority_list_tokens(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_open(emitter, NULL, '{');
        emit_key_members(emitter, &page.tokens[i]);
        emit_close(emitter, '}');
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void keys_list(struct api_call *call)
{
    resource_list(call, list);
}
