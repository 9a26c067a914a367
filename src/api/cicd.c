/* SPDX-License-Identifier: Apache-2.0 */
/* What a CI/CD system did, for the audit log; see engine/cicd.h. */
#include "engine/cicd.h"

#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "api/tokens.h"

static const char missing[] = "there is no such thing to record an event of";

enum { EVENT = CICD_FIELDS, STATUS, METADATA, MEMBERS };

/* The fields, as the engine's table has them, and what every event has. */
static void list_members(struct json_member ret_members[MEMBERS])
{
    for (size_t i = 0; i < CICD_FIELDS; i++) {
        ret_members[i] =
            (struct json_member){cicd_fields[i].name, JSON_IS_TEXT, .nullable = true, .least = 1,
                                 .most = (int64_t)cicd_fields[i].bytes_max};
    }
    ret_members[EVENT] = (struct json_member){"event", JSON_IS_TEXT, .required = true, .least = 1,
                                              .most = CICD_EVENT_BYTES_MAX};
    ret_members[STATUS] = (struct json_member){"status", JSON_IS_TEXT, .required = true, .least = 1,
                                               .most = CICD_EVENT_BYTES_MAX};
    ret_members[METADATA] = (struct json_member){"metadata", JSON_IS_OBJECT, .nullable = true};
}

static tkr_error_t read_metadata(const struct json_given *given, struct arena *arena,
                                 const char **ret_metadata, struct fault *fault)
{
    struct buffer text CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&text, CICD_METADATA_BYTES_MAX);
    emit_begin(&emitter, &text);
    emit_value(&emitter, NULL, given->value);
    if (buffer_status(&text) != TKR_OK) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "metadata", "has at most %d bytes as JSON",
                         CICD_METADATA_BYTES_MAX);
    }
    *ret_metadata = arena_copy(arena, text.data, text.length);
    return *ret_metadata != NULL ? TKR_OK : TKR_MEMORY;
}

static tkr_error_t read_event(const json_t *root, struct arena *arena, struct cicd_event *ret_event,
                              struct fault *fault)
{
    struct json_member members[MEMBERS];
    struct json_given given[MEMBERS];
    list_members(members);
    TRY(json_read(root, "", members, MEMBERS, given, fault));
    struct cicd_event event = {.event = given[EVENT].text, .status = given[STATUS].text};
    for (size_t i = 0; i < CICD_FIELDS; i++) {
        event.fields[i] = given[i].null ? NULL : given[i].text;
    }
    if (given[METADATA].present && !given[METADATA].null) {
        TRY(read_metadata(&given[METADATA], arena, &event.metadata, fault));
    }
    *ret_event = event;
    return TKR_OK;
}

static void recorded(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    if (call == NULL) {
        return;
    }
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "object", "cicd_event");
    emit_count(&emitter, "seq", result->noted.seq);
    emit_time(&emitter, "at", result->noted.at_ms);
    emit_bool(&emitter, "replayed", result->replayed);
    emit_close(&emitter, '}');
    call_answer(call, result->replayed ? 200 : 201, &body);
}

static tkr_error_t record(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct cicd_event event;
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(read_event(change->root, call->arena, &event, fault));
    TRY(token_request_key(call, &event.idempotency_key, event.request_digest));
    return authority_record_cicd(call->api->options.authority, &call->principal, &event, recorded,
                                 change, fault);
}

void cicd_event_post(struct api_call *call)
{
    resource_change(call, record, missing);
}
