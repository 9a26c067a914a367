/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: tokens that end soon, alerts about tokens of the last days, and how the node watches
 * (engine/monitor.h). Alerts are events of the audit log, so who may not read that gets none.
 */
#include "api/monitor.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "api/analytics.h"
#include "api/resource.h"
#include "api/routes.h"
#include "engine/alerts.h"
#include "engine/monitor.h"
#include "jobs/scheduler.h"
#include "policy/scopes.h"

#define DAY_MS INT64_C(86400000)
#define ALERT_DAYS 7
#define ALERTS_MAX 100
#define UNUSED_JOB "unused_tokens"

/* --- GET /api/v1/monitor ------------------------------------------------------------------------
 */

static const char *severity_of(int64_t left_ms)
{
    return left_ms < DAY_MS        ? "critical"
           : left_ms < 7 * DAY_MS  ? "high"
           : left_ms < 14 * DAY_MS ? "medium"
                                   : "low";
}

static void emit_expiring(struct emitter *emitter, const struct expiring_list *list)
{
    emit_open(emitter, "expiring", '{');
    emit_count(emitter, "total", list->all);
    emit_count(emitter, "in_use", list->used);
    emit_open(emitter, "tokens", '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct watched_token *watched = &list->tokens[i];
        const struct token *token = &watched->token;
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "token_id", token->id);
        emit_text(emitter, "name", token->name);
        emit_text(emitter, "org_id", token->org_id);
        emit_text(emitter, "user_id", token->user_id);
        emit_text(emitter, "kind", token_kind_name(token->kind));
        emit_time(emitter, "expires_at", token->expires_at_ms);
        emit_text(emitter, "severity", severity_of(token->expires_at_ms - list->now_ms));
        emit_time(emitter, "last_used_at", watched->used_ms);
        emit_bool(emitter, "in_use",
                  watched->used_ms >= list->now_ms - EXPIRING_USED_DAYS * DAY_MS);
        emit_text(emitter, "replaced_by",
                  token->replaced_by[0] != '\0' ? token->replaced_by : NULL);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

static void emit_member(struct emitter *emitter, const json_t *details, const char *name)
{
    emit_text(emitter, name, json_string_value(json_object_get(details, name)));
}

static void emit_alert(struct emitter *emitter, const struct audit_event *event)
{
    json_t *details = json_loads(event->fields[AUDIT_FIELD_DETAILS], 0, NULL);
    const char *const *fields = event->fields;
    emit_open(emitter, NULL, '{');
    emit_count(emitter, "seq", event->seq);
    emit_time(emitter, "at", event->at_ms);
    emit_text(emitter, "type", fields[AUDIT_FIELD_TYPE] + strlen("alert."));
    emit_member(emitter, details, "severity");
    emit_member(emitter, details, "summary");
    emit_text_or_null(emitter, "token_id", fields[AUDIT_FIELD_TOKEN],
                      strlen(fields[AUDIT_FIELD_TOKEN]));
    emit_close(emitter, '}');
    json_decref(details);
}

static tkr_error_t emit_alerts(struct api_call *call, const struct expiring_list *list,
                               struct arena *arena, struct emitter *emitter, struct fault *fault)
{
    static const char scope[] = "audit:read";
    const char *granted = call->principal.scopes;
    struct event_page page;
    if (!scopes_grant(granted, strlen(granted), scope, strlen(scope))) {
        emit_null(emitter, "alerts");
        return TKR_OK;
    }
    const struct event_filter filter = {
        .org_id = call_argument(call, "org_id"),
        .type = "alert.token.*",
        .from_ms = list->now_ms - ALERT_DAYS * DAY_MS,
        .limit = ALERTS_MAX,
    };
    TRY(authority_list_events(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    emit_open(emitter, "alerts", '[');
    for (size_t i = 0; i < page.count; i++) {
        emit_alert(emitter, &page.events[i].event);
    }
    emit_close(emitter, ']');
    return TKR_OK;
}

static tkr_error_t report(struct api_call *call, struct buffer *body, struct fault *fault)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct expiring_filter filter = {.org_id = call_argument(call, "org_id")};
    struct expiring_list list;
    struct emitter emitter;
    struct page_of page;
    TRY(analytics_read_days(call, &filter.days, fault));
    TRY(resource_page(call, &page, fault));
    filter.limit = page.limit;
    TRY(arena_new(API_PAGE_BYTES_MAX, &arena));
    TRY(authority_list_expiring(call->api->options.authority, &call->principal, &filter, arena,
                                &list, fault));
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "object", "monitor");
    emit_time(&emitter, "now", list.now_ms);
    emit_number(&emitter, "days", filter.days);
    emit_expiring(&emitter, &list);
    TRY(emit_alerts(call, &list, arena, &emitter, fault));
    emit_close(&emitter, '}');
    return TKR_OK;
}

void monitor_get(struct api_call *call)
{
    struct fault fault = {0};
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = report(call, &body, &fault);
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}

/* --- the node -----------------------------------------------------------------------------------
 */

/* What the job found when it last ran to its end; false: it is off, or has not yet. */
static bool unused_of(const struct api *api, uint64_t *ret_count)
{
    struct job_status status[JOBS_MAX];
    struct scheduler *scheduler = api->options.scheduler;
    size_t count = scheduler != NULL ? scheduler_list(scheduler, status) : 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(status[i].job.name, UNUSED_JOB) == 0 && status[i].every_ms > 0 &&
            status[i].job.outcome == JOB_DONE) {
            *ret_count = status[i].job.count;
            return true;
        }
    }
    return false;
}

static void emit_watch(struct emitter *emitter, const struct authority_monitor_stats *stats)
{
    emit_bool(emitter, "watching", stats->on);
    emit_count(emitter, "sketches", stats->sketches);
    emit_count(emitter, "bytes", stats->bytes);
    emit_count(emitter, "evicted", stats->evicted);
    emit_open(emitter, "alarms", '{');
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        emit_count(emitter, monitor_kind_name((enum monitor_kind)kind), stats->alarms[kind]);
    }
    emit_close(emitter, '}');
    emit_count(emitter, "left_out", stats->left_out);
    emit_count(emitter, "throttled", stats->throttled);
    emit_count(emitter, "quarantined", stats->quarantined);
}

void monitor_emit(struct emitter *emitter, const char *name, const struct api *api)
{
    struct authority_monitor_stats stats;
    uint64_t expiring[EXPIRING_STEPS], unused = 0;
    authority_monitor_stats(api->options.authority, &stats);
    authority_count_expiring(api->options.authority, expiring);
    emit_open(emitter, name, '{');
    emit_watch(emitter, &stats);
    emit_open(emitter, "expiring_within_days", '{');
    for (size_t i = 0; i < EXPIRING_STEPS; i++) {
        char days[24];
        snprintf(days, sizeof(days), "%" PRId64, expiring_steps_days[i]);
        emit_count(emitter, days, expiring[i]);
    }
    emit_close(emitter, '}');
    if (unused_of(api, &unused)) {
        emit_count(emitter, "unused", unused);
    } else {
        emit_null(emitter, "unused");
    }
    emit_close(emitter, '}');
}

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buffer *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    family(out, name, type, help);
    buffer_print(out, "%s %" PRIu64 "\n", name, value);
}

static void token_metrics(struct buffer *out, const struct api *api)
{
    uint64_t expiring[EXPIRING_STEPS], unused = 0;
    authority_count_expiring(api->options.authority, expiring);
    family(out, "tokenry_tokens_expiring", "gauge",
           "Tokens that end within so many days; counted every 5 minutes at most.");
    for (size_t i = 0; i < EXPIRING_STEPS; i++) {
        buffer_print(out, "tokenry_tokens_expiring{within_days=\"%" PRId64 "\"} %" PRIu64 "\n",
                     expiring_steps_days[i], expiring[i]);
    }
    family(out, "tokenry_tokens_unused", "gauge",
           "Tokens that were not used for monitor.unused_days, as of the job's last run; NaN: it "
           "has not run, or is off.");
    if (unused_of(api, &unused)) {
        buffer_print(out, "tokenry_tokens_unused %" PRIu64 "\n", unused);
    } else {
        buffer_add_text(out, "tokenry_tokens_unused NaN\n");
    }
}

void monitor_metrics(struct buffer *out, const struct api *api)
{
    struct authority_monitor_stats stats;
    authority_monitor_stats(api->options.authority, &stats);
    token_metrics(out, api);
    single(out, "tokenry_monitor_tokens", "gauge", "Tokens whose use is watched.", stats.sketches);
    single(out, "tokenry_monitor_bytes", "gauge", "Memory of that.", stats.bytes);
    single(out, "tokenry_monitor_evicted_total", "counter",
           "Tokens whose past was forgotten because monitor.tokens_max was reached.",
           stats.evicted);
    family(out, "tokenry_monitor_alarms_total", "counter",
           "Use of tokens that was unlike their past, whatever was done about it.");
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        buffer_print(out, "tokenry_monitor_alarms_total{kind=\"%s\"} %" PRIu64 "\n",
                     monitor_kind_name((enum monitor_kind)kind), stats.alarms[kind]);
    }
    single(out, "tokenry_monitor_alarms_left_out_total", "counter",
           "Alarms that have no alert of their own: there were too many in an hour.",
           stats.left_out);
    family(out, "tokenry_monitor_actions_total", "counter", "Tokens that were acted on by rule.");
    buffer_print(out, "tokenry_monitor_actions_total{action=\"throttle\"} %" PRIu64 "\n",
                 stats.throttled);
    buffer_print(out, "tokenry_monitor_actions_total{action=\"quarantine\"} %" PRIu64 "\n",
                 stats.quarantined);
}
