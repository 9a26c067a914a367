/* SPDX-License-Identifier: Apache-2.0 */
/* The state of this node for operators, as one object. */
#include "api/jobs.h"
#include "api/json_emit.h"
#include "api/monitor.h"
#include "api/notify.h"
#include "api/routes.h"

static void emit_tokens(struct emitter *emitter, const struct authority_status *status)
{
    emit_open(emitter, "tokens", '{');
    for (int i = 0; i < TOKEN_STATUS_COUNT; i++) {
        emit_count(emitter, token_status_name((enum token_status)i), status->tokens_by_status[i]);
    }
    emit_close(emitter, '}');
}

static void emit_segment(struct emitter *emitter, const struct authority_status *status)
{
    const struct segment_stats *segment = &status->segment;
    emit_open(emitter, "segment", '{');
    emit_count(emitter, "generation", segment->generation);
    emit_count(emitter, "tokens", segment->tokens);
    emit_count(emitter, "users", segment->users);
    emit_count(emitter, "tiers", segment->tiers);
    emit_count(emitter, "orgs", segment->orgs);
    emit_count(emitter, "lines", segment->lines);
    emit_count(emitter, "keys_bytes", segment->keys_bytes);
    emit_count(emitter, "usage_bytes", segment->usage_bytes);
    emit_count(emitter, "text_bytes_used", segment->text_bytes_used);
    emit_count(emitter, "text_bytes_waste", segment->text_bytes_waste);
    emit_bool(emitter, "attached", status->attached);
    emit_number(emitter, "load_ms", status->load_ms);
    emit_close(emitter, '}');
}

static void emit_store(struct emitter *emitter, const struct authority_status *status)
{
    emit_open(emitter, "store", '{');
    emit_bool(emitter, "changes_accepted", status->changes_accepted);
    emit_text(emitter, "last_commit", tkr_error_name(status->last_commit));
    emit_count(emitter, "commits", status->commits);
    emit_count(emitter, "changes", status->changes);
    emit_count(emitter, "commit_failures", status->commit_failures);
    emit_count(emitter, "queue_length", status->queue_length);
    emit_close(emitter, '}');
}

static void emit_http(struct emitter *emitter, struct api *api)
{
    struct http_server *server = atomic_load_explicit(&api->server, memory_order_acquire);
    if (server == NULL) {
        emit_null(emitter, "http"); /* a local call: nothing is served */
        return;
    }
    struct http_stats stats;
    http_server_stats(server, &stats);
    emit_open(emitter, "http", '{');
    emit_count(emitter, "connections_open", stats.connections_open);
    emit_count(emitter, "connections_total", stats.connections_total);
    emit_count(emitter, "connections_refused", stats.connections_refused);
    emit_count(emitter, "work_queue_length", stats.work_queue_length);
    emit_close(emitter, '}');
}

void system_status_get(struct api_call *call)
{
    struct api *api = call->api;
    struct authority_status status;
    authority_status(api->options.authority, &status);
    int64_t now_ms = authority_now_ms(api->options.authority);
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "version", api->options.version);
    emit_time(&emitter, "started_at", status.started_at_ms);
    emit_number(&emitter, "uptime_s", (now_ms - status.started_at_ms) / 1000);
    emit_time(&emitter, "now", now_ms);
    emit_number(&emitter, "clock_behind_ms", status.clock_behind_ms);
    emit_tokens(&emitter, &status);
    emit_segment(&emitter, &status);
    emit_store(&emitter, &status);
    emit_http(&emitter, api);
    monitor_emit(&emitter, "monitor", api);
    jobs_emit(&emitter, "jobs", api);
    notify_emit(&emitter, "notify", api);
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}
