/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: events, the newest first, or with `order=oldest` as they were committed, which is
 * how a collector follows it: the last `next_cursor` is where it goes on. An event has its digest,
 * so that a copy can be verified by itself (audit/chain.h). And the chain that they are in.
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "audit/line.h"
#include "base/text.h"
#include "policy/scopes.h"

#include <jansson.h>

/* What somebody put there by hand instead of a JSON object may not become a part of the answer. */
static void emit_event(struct emitter *emitter, const struct store_log_event *logged)
{
    struct buffer line CLEANUP(buffer_deinit);
    json_t *object CLEANUP(json_decref_p) =
        json_loads(logged->event.fields[AUDIT_FIELD_DETAILS], JSON_REJECT_DUPLICATES, NULL);
    buffer_init(&line, AUDIT_LINE_BYTES_MAX);
    audit_line_put_event(&line, &logged->event, logged->has_digest ? logged->digest : NULL,
                         json_is_object(object));
    emit_json(emitter, NULL, line.data, line.length);
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

/* --- the chain -------------------------------------------------------------------------------- */

static void emit_hex(struct emitter *emitter, const char *name, const uint8_t *bytes, size_t length)
{
    char digits[2 * AUDIT_DIGEST_BYTES + 1];
    text_hex(bytes, length, digits);
    emit_text(emitter, name, digits);
}

static void emit_chain(struct emitter *emitter, const struct audit_chain *chain, bool whole)
{
    const struct store_head *head = &chain->log.head;
    char text[AUDIT_CHECKPOINT_SIZE];
    emit_text(emitter, "object", "audit_chain");
    emit_hex(emitter, "store_id", chain->log.store_id, sizeof chain->log.store_id);
    emit_count(emitter, "first_seq", head->first_seq);
    emit_hex(emitter, "base", head->base, sizeof head->base);
    emit_count(emitter, "head_seq", head->seq);
    emit_hex(emitter, "head_digest", head->digest, sizeof head->digest);
    emit_text(emitter, "checkpoint",
              chain->has_checkpoint ? audit_checkpoint_format(&chain->checkpoint, text) : NULL);
    emit_bool(emitter, "whole", whole);
}

void audit_chain_get(struct api_call *call)
{
    const char *scopes = call->principal.scopes;
    struct audit_chain chain;
    tkr_error_t error = authority_read_chain(call->api->options.authority, &chain);
    if (error != TKR_OK) {
        call_fail(call, error, NULL);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_chain(&emitter, &chain, scopes_grant(scopes, strlen(scopes), "*", 1));
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}
