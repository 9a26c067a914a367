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
#include "api/routes.h"
#include "api/token_json.h"
#include "base/text.h"
#include "crypto/digest.h"

#define PATH_KEYS "/api/keys/"

struct key_change {
    struct api_call *call;
    json_t *root; /* NULL: a change without a body */
};

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

/* What is not found is the key of the path, unless the fault says otherwise. */
static void key_fail(struct api_call *call, tkr_error_t error, const struct fault *fault)
{
    struct fault missing = {0};
    bool told = fault != NULL && fault->error == error && fault->detail[0] != '\0' &&
                strcmp(fault->detail, tkr_error_text(error)) != 0;
    if (error == TKR_NOT_FOUND && !told) {
        fault_set(&missing, error, "", "no key of yours has this ID");
        fault = &missing;
    }
    call_fail(call, error, fault);
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
        key_fail(call, error, &fault);
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

static void set_etag(struct api_call *call, const struct token *token)
{
    char etag[32];
    snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)token->version);
    call_header(call, "ETag", etag);
}

/* --- changes -------------------------------------------------------------------------------- */

static void change_start(struct api_call *call,
                         tkr_error_t (*queue)(struct key_change *change, struct fault *fault))
{
    struct fault fault = {0};
    struct key_change *change = arena_alloc(call->arena, sizeof *change);
    if (change == NULL) {
        call_fail(call, TKR_MEMORY, NULL);
        return;
    }
    change->call = call;
    tkr_error_t error = check_open(call, &fault);
    if (error == TKR_OK) {
        error = queue(change, &fault);
    }
    if (error != TKR_OK) {
        json_decref(change->root);
        key_fail(call, error, &fault);
    }
}

static void create_done(void *context, const struct change_result *result)
{
    struct key_change *change = context;
    struct api_call *call = change->call;
    json_decref(change->root);
    if (result->error != TKR_OK) {
        key_fail(call, result->error, &result->fault);
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
    emit_close(&emitter, '}');
    snprintf(location, sizeof location, PATH_KEYS "%s", result->token.id);
    call_header(call, "Location", location);
    set_etag(call, &result->token);
    call_answer(call, result->replayed ? 200 : 201, &body);
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

static tkr_error_t create(struct key_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_create asked;
    bool has_env = false;
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
    change_start(call, create);
}

static void revoke_done(void *context, const struct change_result *result)
{
    struct key_change *change = context;
    struct api_call *call = change->call;
    if (result->error != TKR_OK) {
        key_fail(call, result->error, &result->fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_key_members(&emitter, &result->token);
    emit_count(&emitter, "versions_changed", result->versions);
    emit_count(&emitter, "children_revoked", result->family);
    emit_close(&emitter, '}');
    set_etag(call, &result->token);
    call_answer(call, 200, &body);
}

static tkr_error_t revoke(struct key_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    const char *reason = call_argument(call, "reason");
    struct token token;
    bool children = false;
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
    change_start(call, revoke);
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
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_key_members(&emitter, &token);
    emit_close(&emitter, '}');
    set_etag(call, &token);
    call_answer(call, 200, &body);
}

static tkr_error_t read_filter(const struct api_call *call, struct token_filter *ret_filter,
                               struct fault *fault)
{
    const char *limit = call_argument(call, "limit");
    uint64_t page = LIST_PAGE_DEFAULT;
    bool inactive = false;
    TRY(call_flag(call, "include_inactive", &inactive, fault));
    if (limit != NULL && (text_parse_u64(limit, strlen(limit), &page) != TKR_OK || page < 1 ||
                          page > LIST_PAGE_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "limit", "must be 1 to %d", LIST_PAGE_MAX);
    }
    *ret_filter = (struct token_filter){
        .org_id = call->principal.org_id,
        .user_id = call->principal.user_id,
        .cursor = call_argument(call, "cursor"),
        .has_status = !inactive, /* what works, and nothing else */
        .status = TOKEN_ACTIVE,
        .include_inactive = inactive,
        .limit = (uint32_t)page,
    };
    return TKR_OK;
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct buffer *body,
                        struct fault *fault)
{
    struct token_filter filter;
    struct token_page page;
    TRY(check_open(call, fault));
    TRY(read_filter(call, &filter, fault));
    TRY(authority_list_tokens(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    struct emitter emitter;
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "data", '[');
    for (size_t i = 0; i < page.count; i++) {
        emit_open(&emitter, NULL, '{');
        emit_key_members(&emitter, &page.tokens[i]);
        emit_close(&emitter, '}');
    }
    emit_close(&emitter, ']');
    emit_text(&emitter, "next_cursor", page.next_cursor);
    emit_close(&emitter, '}');
    return TKR_OK;
}

void keys_list(struct api_call *call)
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
