/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users: make, list, show, change. There is no deleting: suspend (see engine/authority_user.c).
 * A name is that of a user of the caller's organisation; `org_id` is for who reaches others.
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "api/token_json.h"

static const char missing[] = "no user has this ID";

static const char *status_name(const struct user *user)
{
    return user->suspended_at_ms != 0 ? "suspended" : "active";
}

static void emit_user(struct emitter *emitter, const struct user *user)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "id", user->id);
    emit_text(emitter, "object", "user");
    emit_text(emitter, "org_id", user->org_id);
    emit_text(emitter, "status", status_name(user));
    emit_text(emitter, "tier", user->tier);
    emit_text(emitter, "email", user->email);
    emit_limits(emitter, &user->overrides);
    emit_json(emitter, "metadata", user->metadata, strlen(user->metadata));
    emit_time(emitter, "suspended_at", user->suspended_at_ms);
    emit_time(emitter, "created_at", user->created_at_ms);
    emit_time(emitter, "updated_at", user->updated_at_ms);
    emit_count(emitter, "version", user->version);
    emit_close(emitter, '}');
}

static void answer(struct api_call *call, unsigned status, const struct user *user)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_user(&emitter, user);
    resource_etag(call, user->version);
    call_answer(call, status, &body);
}

/* --- bodies --------------------------------------------------------------------------------- */

enum {
    MEMBER_TIER,
    MEMBER_EMAIL,
    MEMBER_LIMITS,
    MEMBER_METADATA,
    MEMBER_STATUS,
    MEMBER_UPDATE_COUNT,
    MEMBER_ID = MEMBER_UPDATE_COUNT,
    MEMBER_ORG_ID,
    MEMBER_CREATE_COUNT
};

/* The first MEMBER_UPDATE_COUNT of them are those of PATCH. */
static const struct json_member members[MEMBER_CREATE_COUNT] = {
    [MEMBER_TIER] = {"tier", JSON_IS_TEXT, .nullable = true, .least = 1,
                     .most = TIER_NAME_BYTES_MAX},
    [MEMBER_EMAIL] = {"email", JSON_IS_TEXT, .nullable = true, .least = 1, .most = EMAIL_BYTES_MAX},
    [MEMBER_LIMITS] = {"limits", JSON_IS_OBJECT, .nullable = true},
    [MEMBER_METADATA] = {"metadata", JSON_IS_OBJECT, .nullable = true},
    [MEMBER_STATUS] = {"status", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [MEMBER_ID] = {"id", JSON_IS_TEXT, .required = true, .least = 1, .most = USER_ID_BYTES_MAX},
    [MEMBER_ORG_ID] = {"org_id", JSON_IS_TEXT, .least = 1, .most = ORG_ID_BYTES_MAX},
};

static tkr_error_t read_status(const char *text, bool *ret_suspended, struct fault *fault)
{
    bool suspended = strcmp(text, "suspended") == 0;
    if (!suspended && strcmp(text, "active") != 0) {
        return fault_set(fault, TKR_INVALID, "status", "must be `active` or `suspended`");
    }
    *ret_suspended = suspended;
    return TKR_OK;
}

static tkr_error_t read_values(const struct json_given *given, struct arena *arena,
                               struct user_write *write, struct fault *fault)
{
    write->has_tier = given[MEMBER_TIER].present;
    write->tier = given[MEMBER_TIER].text;
    write->has_email = given[MEMBER_EMAIL].present;
    write->email = given[MEMBER_EMAIL].text;
    write->has_overrides = given[MEMBER_LIMITS].present;
    write->has_metadata = given[MEMBER_METADATA].present;
    write->has_suspended = given[MEMBER_STATUS].present;
    if (write->has_overrides && !given[MEMBER_LIMITS].null) {
        TRY(limits_read(&given[MEMBER_LIMITS], &write->overrides, fault));
    }
    if (write->has_metadata) {
        TRY(metadata_read(&given[MEMBER_METADATA], arena, &write->metadata, fault));
    }
    return write->has_suspended ? read_status(given[MEMBER_STATUS].text, &write->suspended, fault)
                                : TKR_OK;
}

/* --- changes -------------------------------------------------------------------------------- */

static void create_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        answer(call, 201, &result->user);
    }
}

static tkr_error_t create(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct json_given given[MEMBER_CREATE_COUNT];
    struct user_write write = {0};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(json_read(change->root, "", members, MEMBER_CREATE_COUNT, given, fault));
    write.id = given[MEMBER_ID].text;
    write.org_id = given[MEMBER_ORG_ID].text;
    TRY(read_values(given, call->arena, &write, fault));
    return authority_create_user(call->api->options.authority, &call->principal, &write,
                                 create_done, change, fault);
}

void users_post(struct api_call *call)
{
    resource_change(call, create, missing);
}

static void update_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        answer(call, 200, &result->user);
    }
}

static tkr_error_t update(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct json_given given[MEMBER_UPDATE_COUNT];
    struct user_write write = {.id = call->parameter, .org_id = call_argument(call, "org_id")};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(json_read(change->root, "", members, MEMBER_UPDATE_COUNT, given, fault));
    if (json_object_size(change->root) == 0) {
        return fault_set(fault, TKR_INVALID, "", "at least one member is needed");
    }
    TRY(read_values(given, call->arena, &write, fault));
    TRY(resource_if_match(call, &write.if_version, fault));
    return authority_update_user(call->api->options.authority, &call->principal, &write,
                                 update_done, change, fault);
}

void users_patch(struct api_call *call)
{
    resource_change(call, update, missing);
}

/* --- reads ---------------------------------------------------------------------------------- */

void users_get(struct api_call *call)
{
    struct user user;
    tkr_error_t error =
        authority_get_user(call->api->options.authority, &call->principal,
                           call_argument(call, "org_id"), call->parameter, call->arena, &user);
    if (error != TKR_OK) {
        resource_fail(call, error, NULL, missing);
        return;
    }
    answer(call, 200, &user);
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    const char *status = call_argument(call, "status");
    struct user_filter filter = {
        .org_id = call_argument(call, "org_id"),
        .tier = call_argument(call, "tier"),
        .has_suspended = status != NULL,
    };
    struct user_page page;
    TRY(resource_page(call, &filter.page, fault));
    if (status != NULL) {
        TRY(read_status(status, &filter.suspended, fault));
    }
    TRY(authority_list_users(call->api->options.authority, &call->principal, &filter, arena, &page,
                             fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_user(emitter, &page.users[i]);
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void users_list(struct api_call *call)
{
    resource_list(call, list);
}
