/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen to a token between its making and its end: rotation and back, being held,
 * revoking itself. Each is a POST on a path below the token, so that who may do it can be told
 * by the path alone; a body is optional where all has a default.
 */
#include <string.h>

#include "api/resource.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "api/tokens.h"

static const char missing[] = "no token has this ID";

/* The body, or an object without members when there is none. */
static tkr_error_t parse_body(struct resource_change *change, struct fault *fault)
{
    const struct api_call *call = change->call;
    if (call->body_length == 0) {
        change->root = json_object();
        return change->root != NULL ? TKR_OK : TKR_MEMORY;
    }
    return json_parse(call->body, call->body_length, &change->root, fault);
}

/* --- rotate, rollback ------------------------------------------------------------------------ */

static tkr_error_t rotate(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct token_rotate asked;
    TRY(parse_body(change, fault));
    TRY(token_rotate_read(change->root, authority_now_ms(authority), &asked, fault));
    TRY(resource_if_match(call, &asked.if_version, fault));
    TRY(token_request_key(call, &asked.idempotency_key, asked.request_digest));
    return authority_rotate_token(authority, &call->principal, call->parameter, &asked,
                                  token_created, change, fault);
}

void tokens_rotate(struct api_call *call)
{
    resource_change(call, rotate, missing);
}

static tkr_error_t rollback(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    int64_t grace_ms = 0;
    TRY(parse_body(change, fault));
    TRY(token_rollback_read(change->root, &grace_ms, fault));
    return authority_rollback_token(call->api->options.authority, &call->principal, call->parameter,
                                    grace_ms, token_changed, change, fault);
}

void tokens_rollback(struct api_call *call)
{
    resource_change(call, rollback, missing);
}

/* --- disable, quarantine, restore ------------------------------------------------------------ */

static tkr_error_t read_reason(struct resource_change *change, const char **ret_reason,
                               struct fault *fault)
{
    static const struct json_member members[] = {
        {"reason", JSON_IS_TEXT, .nullable = true, .most = REVOKE_REASON_BYTES_MAX}};
    struct json_given given[1];
    TRY(parse_body(change, fault));
    TRY(json_read(change->root, "", members, 1, given, fault));
    *ret_reason = given[0].text;
    return TKR_OK;
}

static tkr_error_t hold(struct resource_change *change, enum token_hold hold, struct fault *fault)
{
    struct api_call *call = change->call;
    const char *reason = NULL;
    uint64_t if_version = 0;
    TRY(read_reason(change, &reason, fault));
    TRY(resource_if_match(call, &if_version, fault));
    return authority_hold_token(call->api->options.authority, &call->principal, call->parameter,
                                hold, reason, if_version, token_changed, change, fault);
}

static tkr_error_t disable(struct resource_change *change, struct fault *fault)
{
    return hold(change, HOLD_DISABLE, fault);
}

static tkr_error_t quarantine(struct resource_change *change, struct fault *fault)
{
    return hold(change, HOLD_QUARANTINE, fault);
}

static tkr_error_t restore(struct resource_change *change, struct fault *fault)
{
    return hold(change, HOLD_RESTORE, fault);
}

void tokens_disable(struct api_call *call)
{
    resource_change(call, disable, missing);
}

void tokens_quarantine(struct api_call *call)
{
    resource_change(call, quarantine, missing);
}

void tokens_restore(struct api_call *call)
{
    resource_change(call, restore, missing);
}

/* --- a token that revokes itself -------------------------------------------------------------- */

/* Who holds a token may end it, whatever it may do otherwise: a finder of a leaked one, too. */
static tkr_error_t revoke_own(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    const char *reason = NULL;
    TRY(read_reason(change, &reason, fault));
    if (call->principal.via != VIA_TOKEN) {
        return fault_set(fault, TKR_INVALID, "",
                         "send the token that shall be revoked as the credential");
    }
    return authority_revoke_token(
        call->api->options.authority, &call->principal, call->principal.token_id,
        reason != NULL ? reason : "by who holds it", 0, token_changed, change, fault);
}

void revoke_own_post(struct api_call *call)
{
    resource_change(call, revoke_own, missing);
}
