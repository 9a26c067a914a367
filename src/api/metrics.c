/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text (exposition format 0.0.4). A family is a row of HELP and TYPE and then its
 * samples; base units (seconds, bytes), counters end in `_total`. Labels have a bounded set
 * of values that come from tables: never a user, a token or a path that a caller chose.
 */
#include <stdio.h>
#include <string.h>

#include "api/adoption.h"
#include "api/jobs.h"
#include "api/monitor.h"
#include "api/notify.h"
#include "api/routes.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define NS_PER_S 1e9

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buffer *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    family(out, name, type, help);
    buffer_print(out, "%s %llu\n", name, (unsigned long long)value);
}

/* `labels` is "" or `endpoint="auth",`, with the comma. The histogram is copied first, so that
 * its buckets and its count agree. */
static void histogram_samples(struct buffer *out, const char *name, const char *labels,
                              const struct histogram *histogram)
{
    unsigned long long below = 0;
    for (size_t i = 0; i < histogram->bound_count; i++) {
        below += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        buffer_print(out, "%s_bucket{%sle=\"%.9g\"} %llu\n", name, labels,
                     (double)histogram->bounds_ns[i] / NS_PER_S, below);
    }
    below += atomic_load_explicit(&histogram->counts[histogram->bound_count], memory_order_relaxed);
    double sum_s =
        (double)atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed) / NS_PER_S;
    size_t length = strlen(labels);
    buffer_print(out, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, labels, below);
    if (length == 0) {
        buffer_print(out, "%s_sum %.9g\n%s_count %llu\n", name, sum_s, name, below);
        return;
    }
    int shown = (int)length - 1;
    buffer_print(out, "%s_sum{%.*s} %.9g\n%s_count{%.*s} %llu\n", name, shown, labels, sum_s, name,
                 shown, labels, below);
}

static void verifications(struct buffer *out, struct api *api)
{
    struct api_thread_totals totals;
    api_threads_sum(api->threads, &totals);
    family(out, "tokenry_verifications_total", "counter", "Verifications by what they came to.");
    for (unsigned i = 0; i < OUTCOME_KINDS; i++) {
        unsigned long long times = 0;
        for (int j = 0; j < ENDPOINT_COUNT; j++) {
            times += totals.outcomes[j][i];
        }
        buffer_print(out, "tokenry_verifications_total{verdict=\"%s\"} %llu\n", api_outcome_name(i),
                     times);
    }
    single(out, "tokenry_shared_token_uses_total", "counter",
           "Valid verifications of the shared token since it is warned of.", totals.warned);
    family(out, "tokenry_verify_duration_seconds", "histogram",
           "Time to decide, and for auth to answer; for batch, to decide all of it.");
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        char labels[48];
        snprintf(labels, sizeof labels, "endpoint=\"%s\",",
                 api_endpoint_name((enum api_endpoint)i));
        histogram_samples(out, "tokenry_verify_duration_seconds", labels, &totals.latency[i]);
    }
}

static void adoption(struct buffer *out, struct api *api)
{
    static const char *const names[ADOPT_OUTCOME_COUNT] = {
        [ADOPT_SETTLED] = "adopted", [ADOPT_REFUSED] = "refused", [ADOPT_UNDECIDED] = "undecided"};
    struct adopter_stats stats;
    if (api->adoption == NULL) {
        return;
    }
    adoption_stats(api->adoption, &stats);
    family(out, "tokenry_adopt_questions_total", "counter",
           "Unknown tokens that the old endpoint was asked about, by what came of it.");
    for (int i = 0; i < ADOPT_OUTCOME_COUNT; i++) {
        buffer_print(out, "tokenry_adopt_questions_total{outcome=\"%s\"} %llu\n", names[i],
                     (unsigned long long)stats.outcomes[i]);
    }
    single(out, "tokenry_adopt_spared_total", "counter",
           "Requests whose token was refused there a moment before.", stats.spared);
    single(out, "tokenry_adopt_busy_total", "counter",
           "Requests that found a maximum reached, and were answered unavailable.", stats.busy);
    single(out, "tokenry_adopt_waiting", "gauge", "Requests that wait for the old endpoint.",
           stats.waiting);
}

static void auth_events(struct buffer *out, struct api *api)
{
    struct auth_stats stats;
    authority_auth_stats(api->options.authority, &stats);
    single(out, "tokenry_honeytoken_tries_total", "counter",
           "Honeytokens that somebody presented. Each is worth an alert.", stats.honeytokens);
    single(out, "tokenry_ended_token_tries_total", "counter",
           "Revoked and quarantined tokens that somebody presented.", stats.ended);
    single(out, "tokenry_tries_left_out_total", "counter",
           "Of both, those that have no audit event of their own.", stats.tries_left_out);
    family(out, "tokenry_auth_events_total", "counter",
           "Verifications that are events of the audit log.");
    buffer_print(out, "tokenry_auth_events_total{outcome=\"allowed\"} %llu\n",
                 (unsigned long long)stats.allowed);
    buffer_print(out, "tokenry_auth_events_total{outcome=\"refused\"} %llu\n",
                 (unsigned long long)stats.refused);
    family(out, "tokenry_auth_events_left_out_total", "counter",
           "Verifications that are only counted in the audit log, by reason.");
    buffer_print(out, "tokenry_auth_events_left_out_total{reason=\"repeated\"} %llu\n",
                 (unsigned long long)stats.repeated);
    buffer_print(out, "tokenry_auth_events_left_out_total{reason=\"over_maximum\"} %llu\n",
                 (unsigned long long)stats.over_maximum);
    buffer_print(out, "tokenry_auth_events_left_out_total{reason=\"no_room\"} %llu\n",
                 (unsigned long long)stats.no_room);
}

static void tokens(struct buffer *out, const struct authority_status *status)
{
    family(out, "tokenry_tokens", "gauge",
           "Tokens in the store by status; counted every 10 seconds at most.");
    for (int i = 0; i < TOKEN_STATUS_COUNT; i++) {
        buffer_print(out, "tokenry_tokens{status=\"%s\"} %llu\n",
                     token_status_name((enum token_status)i),
                     (unsigned long long)status->tokens_by_status[i]);
    }
}

static void store(struct buffer *out, struct authority *authority,
                  const struct authority_status *status)
{
    single(out, "tokenry_store_commits_total", "counter", "Transactions that are durable.",
           status->commits);
    single(out, "tokenry_store_changes_total", "counter", "Changes in those transactions.",
           status->changes);
    single(out, "tokenry_store_commit_failures_total", "counter", "Transactions that failed.",
           status->commit_failures);
    single(out, "tokenry_store_queue_length", "gauge", "Changes that wait for a transaction.",
           status->queue_length);
    single(out, "tokenry_store_changes_accepted", "gauge",
           "1, or 0 after a transaction of unknown outcome: restart to recover.",
           status->changes_accepted ? 1 : 0);
    struct histogram copy;
    const struct histogram *latency = authority_commit_latency(authority);
    histogram_init(&copy, latency->bounds_ns, latency->bound_count);
    histogram_add(&copy, latency);
    family(out, "tokenry_store_commit_duration_seconds", "histogram",
           "Time of a commit, fsync included.");
    histogram_samples(out, "tokenry_store_commit_duration_seconds", "", &copy);
}

static void segment(struct buffer *out, const struct segment_stats *stats)
{
    single(out, "tokenry_segment_generation", "gauge", "Grows each time the table is rebuilt.",
           stats->generation);
    single(out, "tokenry_segment_tokens", "gauge", "Token records in the table.", stats->tokens);
    single(out, "tokenry_segment_users", "gauge", "Users in the table.", stats->users);
    single(out, "tokenry_segment_usage_lines", "gauge", "Usage lines.", stats->lines);
    family(out, "tokenry_segment_bytes", "gauge", "Memory of the segment by file.");
    buffer_print(out, "tokenry_segment_bytes{file=\"keys\"} %llu\n",
                 (unsigned long long)stats->keys_bytes);
    buffer_print(out, "tokenry_segment_bytes{file=\"usage\"} %llu\n",
                 (unsigned long long)stats->usage_bytes);
    single(out, "tokenry_segment_text_waste_bytes", "gauge",
           "Text left behind by changes; it goes at the next generation.", stats->text_bytes_waste);
}

static void http(struct buffer *out, struct api *api)
{
    struct http_server *server = atomic_load_explicit(&api->server, memory_order_acquire);
    if (server == NULL) {
        return;
    }
    struct http_stats stats;
    http_server_stats(server, &stats);
    single(out, "tokenry_http_connections_open", "gauge", "Connections that are open.",
           stats.connections_open);
    single(out, "tokenry_http_connections_total", "counter", "Connections accepted.",
           stats.connections_total);
    single(out, "tokenry_http_connections_refused_total", "counter",
           "Connections closed at once because a maximum was reached.", stats.connections_refused);
    single(out, "tokenry_http_work_queue_length", "gauge",
           "Management requests that wait for a worker.", stats.work_queue_length);
    family(out, "tokenry_http_requests_total", "counter", "Requests answered by status class.");
    for (int i = 2; i <= 5; i++) {
        buffer_print(out, "tokenry_http_requests_total{class=\"%dxx\"} %llu\n", i,
                     (unsigned long long)stats.requests[i]);
    }
}

void metrics_get(struct api_call *call)
{
    struct api *api = call->api;
    struct authority_status status;
    authority_status(api->options.authority, &status);
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_METRICS_BYTES_MAX);
    family(&body, "tokenry_build_info", "gauge", "Always 1; the version is a label.");
    buffer_print(&body, "tokenry_build_info{version=\"%s\"} 1\n", api->options.version);
    family(&body, "tokenry_start_time_seconds", "gauge", "Unix time of the start.");
    buffer_print(&body, "tokenry_start_time_seconds %.3f\n", (double)status.started_at_ms / 1e3);
    family(&body, "tokenry_clock_behind_seconds", "gauge",
           "How far the wall clock is behind the logical clock, after it was set back.");
    buffer_print(&body, "tokenry_clock_behind_seconds %.3f\n",
                 (double)status.clock_behind_ms / 1e3);
    verifications(&body, api);
    tokens(&body, &status);
    store(&body, api->options.authority, &status);
    segment(&body, &status.segment);
    http(&body, api);
    adoption(&body, api);
    auth_events(&body, api);
    monitor_metrics(&body, api);
    jobs_metrics(&body, api);
    notify_metrics(&body, api);
    call_answer_text(call, 200, METRICS_TYPE, &body);
}
