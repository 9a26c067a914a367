/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: events, the newest first, or with `order=oldest` as they were committed, which is
 * how a collector follows it: the last `next_cursor` is where it goes on. An event has its digest,
 * so that a copy can be verified by itself (audit/chain.h).
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "base/text.h"

#include <jansson.h>

/* As the JSON that it is; what somebody put there by hand instead may not become a part of the
 * answer. */
static void emit_details(struct emitter *emitter, const char *text)
{
    json_t *object = text[0] != '\0' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (text[0] == '\0' || json_is_object(object)) {
        emit_json(emitter, audit_field_names[AUDIT_FIELD_DETAILS], text, strlen(text));
    } else {
        emit_text(emitter, audit_field_names[AUDIT_FIELD_DETAILS], text);
    }
    json_decref(object);
}

static void emit_event(struct emitter *emitter, const struct store_log_event *logged)
{
    const struct audit_event *event = &logged->event;
    char digest[2 * AUDIT_DIGEST_BYTES + 1];
    text_hex(logged->digest, sizeof logged->digest, digest);
    emit_open(emitter, NULL, '{');
    emit_count(emitter, "seq", event->seq);
    emit_text(emitter, "object", "event");
    emit_time(emitter, "at", event->at_ms);
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        const char *text = event->fields[i];
        if (i != AUDIT_FIELD_DETAILS) {
            emit_text_or_null(emitter, audit_field_names[i], text, strlen(text));
        } else {
            emit_details(emitter, text);
        }
    }
    emit_text(emitter, "digest", logged->has_digest ? digest : NULL);
    emit_close(emitter, '}');
}

static tkr_error_t read_time(const struct api_call *call, const char *name, int64_t *ret_ms,
                             struct fault *fault)
{
    const char *text = call_argument(call, name);
    *ret_ms = 0;
    if (text != NULL && text_parse_time(text, strlen(text), ret_ms) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, name, "must be a time like 2026-01-02T03:04:05Z");
    }
    return TKR_OK;
}

static tkr_error_t read_filter(const struct api_call *call, struct event_filter *ret_filter,
                               struct fault *fault)
{
    const char *order = call_argument(call, "order");
    struct page_of page;
    struct event_filter filter = {
        .org_id = call_argument(call, "org_id"),
        .type = call_argument(call, "type"),
        .actor_token = call_argument(call, "actor_token"),
        .token_id = call_argument(call, "token_id"),
        .user_id = call_argument(call, "user_id"),
        .verdict = call_argument(call, "verdict"),
        .client = call_argument(call, "client"),
    };
    TRY(resource_page(call, &page, fault));
    filter.limit = page.limit;
    filter.cursor = page.cursor;
    TRY(read_time(call, "from", &filter.from_ms, fault));
    TRY(read_time(call, "until", &filter.until_ms, fault));
    if (order != NULL && strcmp(order, "newest") != 0 && strcmp(order, "oldest") != 0) {
        return fault_set(fault, TKR_INVALID, "order", "must be `newest` or `oldest`");
    }
    filter.oldest_first = order != NULL && strcmp(order, "oldest") == 0;
    *ret_filter = filter;
    return TKR_OK;
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    struct event_filter filter;
    struct event_page page;
    TRY(read_filter(call, &filter, fault));
    TRY(authority_list_events(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_event(emitter, &page.events[i]);
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void events_list(struct api_call *call)
{
    resource_list(call, list);
}
