/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: those of the caller's organisation and those of all. `org_id` is for who reaches
 * others; `*` there means a role of all organisations. */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "policy/roles.h"

static const char missing[] = "there is no such role";

static void emit_role(struct emitter *emitter, const struct role *role)
{
    emit_text(emitter, "name", role->name);
    emit_text(emitter, "object", "role");
    emit_text(emitter, "org_id", role->org_id);
    emit_words(emitter, "scopes", role->scopes, strlen(role->scopes));
    emit_bool(emitter, "built_in", role->org_id == NULL && role_is_built_in(role->name));
    emit_time(emitter, "created_at", role->created_at_ms);
    emit_time(emitter, "updated_at", role->updated_at_ms);
    emit_count(emitter, "version", role->version);
}

void roles_get(struct api_call *call)
{
    struct role role;
    tkr_error_t error =
        authority_get_role(call->api->options.authority, &call->principal,
                           call_argument(call, "org_id"), call->parameter, call->arena, &role);
    if (error != TKR_OK) {
        resource_fail(call, error, NULL, missing);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_role(&emitter, &role);
    resource_answer(call, 200, role.version, &emitter);
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    struct role_filter filter = {.org_id = call_argument(call, "org_id")};
    struct role_page page;
    TRY(resource_page(call, &filter.page, fault));
    TRY(authority_list_roles(call->api->options.authority, &call->principal, &filter, arena, &page,
                             fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_open(emitter, NULL, '{');
        emit_role(emitter, &page.roles[i]);
        emit_close(emitter, '}');
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void roles_list(struct api_call *call)
{
    resource_list(call, list);
}

/* --- changes -------------------------------------------------------------------------------- */

static void put_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call == NULL) {
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    resource_begin(&emitter, &body);
    emit_role(&emitter, &result->role);
    emit_count(&emitter, "tokens", result->role_tokens); /* that have it, and have the new scopes */
    resource_answer(call, result->role.version == 1 ? 201 : 200, result->role.version, &emitter);
}

static tkr_error_t read_scopes(const json_t *root, struct arena *arena, struct role_write *write,
                               struct fault *fault)
{
    enum { SCOPES, COUNT };
    static const struct json_member members[COUNT] = {
        [SCOPES] = {"scopes", JSON_IS_TEXT_LIST, .required = true, .most = SCOPES_PER_TOKEN_MAX},
    };
    struct json_given given[COUNT];
    TRY(json_read(root, "", members, COUNT, given, fault));
    size_t count = json_array_size(given[SCOPES].value);
    const char **scopes = arena_alloc(arena, (count + 1) * sizeof *scopes);
    ENSURE(scopes != NULL, TKR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        scopes[i] = json_string_value(json_array_get(given[SCOPES].value, i));
    }
    write->scopes = scopes;
    write->scope_count = count;
    return TKR_OK;
}

static tkr_error_t put(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct role_write write = {.name = call->parameter, .org_id = call_argument(call, "org_id")};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(read_scopes(change->root, call->arena, &write, fault));
    TRY(resource_if_match(call, &write.if_version, fault));
    return authority_put_role(call->api->options.authority, &call->principal, &write, put_done,
                              change, fault);
}

void roles_put(struct api_call *call)
{
    resource_change(call, put, missing);
}

static void delete_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        call_answer(call, 204, NULL);
    }
}

static tkr_error_t delete (struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct role_write write = {.name = call->parameter, .org_id = call_argument(call, "org_id")};
    TRY(resource_if_match(call, &write.if_version, fault));
    return authority_delete_role(call->api->options.authority, &call->principal, &write,
                                 delete_done, change, fault);
}

void roles_delete(struct api_call *call)
{
    resource_change(call, delete, missing);
}
