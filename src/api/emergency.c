/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emergency revocation, and the cleanup of what ended long ago: what is done to many tokens at
 * once.
 *
 * What is to be revoked has to be said: an org, a user, a kind, or `"all": true`. A body that
 * says none of them, by a mistyped variable perhaps, is refused.
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "policy/scopes.h"

static const char missing[] = "there is none of this name";

#define EPOCHS_LISTED 100

/* --- emergency ------------------------------------------------------------------------------- */

enum { REASON, ALL, ORG, USER, KIND, SPARE, EMERGENCY_COUNT };
static const struct json_member emergency_members[EMERGENCY_COUNT] = {
    [REASON] = {"reason", JSON_IS_TEXT, .required = true, .least = 1,
                .most = REVOKE_REASON_BYTES_MAX},
    [ALL] = {"all", JSON_IS_BOOL},
    [ORG] = {"org_id", JSON_IS_TEXT, .least = 1, .most = ORG_ID_BYTES_MAX},
    [USER] = {"user_id", JSON_IS_TEXT, .least = 1, .most = USER_ID_BYTES_MAX},
    [KIND] = {"kind", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [SPARE] = {"spare_caller", JSON_IS_BOOL},
};

static tkr_error_t read_emergency(const json_t *root, struct emergency *ret_emergency,
                                  struct fault *fault)
{
    struct json_given given[EMERGENCY_COUNT];
    TRY(json_read(root, "", emergency_members, EMERGENCY_COUNT, given, fault));
    struct emergency emergency = {
        .reason = given[REASON].text,
        .org_id = given[ORG].text,
        .user_id = given[USER].text,
        .has_kind = given[KIND].present,
        .spare_caller = !given[SPARE].present || given[SPARE].boolean,
    };
    bool all = given[ALL].present && given[ALL].boolean;
    bool some = emergency.org_id != NULL || emergency.user_id != NULL || emergency.has_kind;
    if (all == some) {
        return fault_set(fault, TKR_INVALID, "all",
                         "say what: org_id, user_id, kind, or `all` alone for everything");
    }
    if (emergency.has_kind &&
        token_kind_parse(given[KIND].text, given[KIND].length, &emergency.kind) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "kind", "must be `user`, `service` or `admin`");
    }
    *ret_emergency = emergency;
    return TKR_OK;
}

static void emergency_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
        return;
    }
    const struct emergency *emergency = result->emergency;
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_count(&emitter, "number", emergency->number);
    emit_text(&emitter, "object", "emergency_revocation");
    emit_time(&emitter, "revoked_until", emergency->at_ms);
    emit_text(&emitter, "org_id", emergency->org_id);
    emit_text(&emitter, "user_id", emergency->user_id);
    emit_text(&emitter, "kind", emergency->has_kind ? token_kind_name(emergency->kind) : NULL);
    emit_text(&emitter, "reason", emergency->reason);
    emit_text(&emitter, "spared_token_id", emergency->spared ? result->token.id : NULL);
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

static tkr_error_t revoke(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct emergency emergency = {0};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(read_emergency(change->root, &emergency, fault));
    /* All of them, for who may; else all of one's own org. */
    bool everything = emergency.org_id == NULL && emergency.user_id == NULL && !emergency.has_kind;
    if (everything &&
        scopes_grant(call->principal.scopes, strlen(call->principal.scopes), "*", 1)) {
        emergency.org_id = "*";
    }
    return authority_emergency_revoke(call->api->options.authority, &call->principal, &emergency,
                                      emergency_done, change, fault);
}

void emergency_post(struct api_call *call)
{
    resource_change(call, revoke, missing);
}

static void emit_epoch(struct emitter *emitter, const struct store_epoch *epoch)
{
    emit_open(emitter, NULL, '{');
    emit_count(emitter, "number", epoch->number);
    emit_text(emitter, "object", "emergency_revocation");
    emit_time(emitter, "revoked_until", epoch->at_ms);
    emit_text(emitter, "org_id", epoch->org_id);
    emit_text(emitter, "user_id", epoch->user_id);
    emit_text(emitter, "kind", epoch->has_kind ? token_kind_name(epoch->kind) : NULL);
    emit_text(emitter, "reason", epoch->reason);
    emit_bool(emitter, "settled", epoch->settled);
    emit_count(emitter, "tokens", epoch->tokens);
    emit_close(emitter, '}');
}

static tkr_error_t list_epochs(struct api_call *call, struct arena *arena, struct emitter *emitter,
                               const char **ret_next_cursor, struct fault *fault)
{
    struct store_epoch *epochs = NULL;
    size_t count = 0;
    TRY(authority_list_epochs(call->api->options.authority, &call->principal, EPOCHS_LISTED, arena,
                              &epochs, &count));
    for (size_t i = 0; i < count; i++) {
        emit_epoch(emitter, &epochs[i]);
    }
    return TKR_OK; /* the newest; there are few */
}

void emergency_list(struct api_call *call)
{
    resource_list(call, list_epochs);
}

/* --- cleanup --------------------------------------------------------------------------------- */

enum { OLDER_THAN, DEACTIVATE, DRY_RUN, CLEANUP_COUNT };
static const struct json_member cleanup_members[CLEANUP_COUNT] = {
    [OLDER_THAN] = {"older_than", JSON_IS_DURATION, .required = true},
    [DEACTIVATE] = {"deactivate_only", JSON_IS_BOOL},
    [DRY_RUN] = {"dry_run", JSON_IS_BOOL},
};

static tkr_error_t read_cleanup(const json_t *root, int64_t now_ms, struct cleanup *ret_cleanup,
                                bool *ret_dry_run, struct fault *fault)
{
    struct json_given given[CLEANUP_COUNT];
    int64_t seconds = 0;
    TRY(json_read(root, "", cleanup_members, CLEANUP_COUNT, given, fault));
    TRY(json_seconds(&given[OLDER_THAN], "older_than", 0, LIFETIME_S_MAX, &seconds, fault));
    *ret_cleanup = (struct cleanup){
        .before_ms = now_ms - seconds * 1000,
        .deactivate_only = given[DEACTIVATE].present && given[DEACTIVATE].boolean,
    };
    *ret_dry_run = given[DRY_RUN].present && given[DRY_RUN].boolean;
    return TKR_OK;
}

static void cleanup_answer(struct api_call *call, uint64_t count, bool more, bool dry_run)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_count(&emitter, "count", count);
    emit_bool(&emitter, "more", more);
    emit_bool(&emitter, "dry_run", dry_run);
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

static void cleanup_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        cleanup_answer(call, result->cleanup->count, result->cleanup->more, false);
    }
}

/* Counts; nothing is queued, so it answers here. */
static tkr_error_t count(struct resource_change *change, const struct cleanup *cleanup,
                         struct fault *fault)
{
    struct api_call *call = change->call;
    uint64_t expired = 0, revoked = 0;
    TRY(authority_count_cleanup(call->api->options.authority, &call->principal, cleanup->before_ms,
                                &expired, &revoked, fault));
    cleanup_answer(resource_change_end(change),
                   cleanup->deactivate_only ? expired : expired + revoked, false, true);
    return TKR_OK;
}

static tkr_error_t clean(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct authority *authority = call->api->options.authority;
    struct cleanup cleanup;
    bool dry_run = false;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(read_cleanup(change->root, authority_now_ms(authority), &cleanup, &dry_run, fault));
    if (dry_run) {
        return count(change, &cleanup, fault);
    }
    return authority_cleanup(authority, &call->principal, &cleanup, cleanup_done, change, fault);
}

void cleanup_post(struct api_call *call)
{
    resource_change(call, clean, missing);
}
