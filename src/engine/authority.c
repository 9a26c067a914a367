/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/authority_internal.h"

static const uint64_t commit_bounds_ns[] = {
    250000,   500000,   1000000,   2500000,   5000000,    10000000,
    25000000, 50000000, 100000000, 250000000, 1000000000, 5000000000,
};

void authority_report(struct authority *authority, enum log_level level, const char *event,
                      const char *format, ...)
{
    char detail[FAULT_DETAIL_BYTES];
    if (authority->options.report == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    authority->options.report(authority->options.report_context, level, event, detail);
}

static tkr_error_t init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    ENSURE(pthread_condattr_init(&attributes) == 0, TKR_MEMORY);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed == 0 ? TKR_OK : TKR_MEMORY;
}

static tkr_error_t init(struct authority *authority, const struct authority_options *options)
{
    authority->options = *options;
    authority->store = options->store;
    authority->queue.end = &authority->queue.first;
    authority->imports.end = &authority->imports.first;
    pthread_mutex_init(&authority->queue_mutex, NULL);
    pthread_mutex_init(&authority->beat_mutex, NULL);
    pthread_mutex_init(&authority->tiers_mutex, NULL);
    pthread_mutex_init(&authority->counts_mutex, NULL);
    pthread_mutex_init(&authority->epochs.mutex, NULL);
    pthread_mutex_init(&authority->zones.mutex, NULL);
    TRY(init_condition(&authority->queue_changed));
    TRY(init_condition(&authority->flush_done));
    TRY(init_condition(&authority->beat_stop_changed));
    histogram_init(&authority->commit_latency, commit_bounds_ns,
                   sizeof(commit_bounds_ns) / sizeof(commit_bounds_ns[0]));
    atomic_init(&authority->changes_accepted, true);
    authority->started_at_ms = clock_wall_ms(options->clock);
    authority->runtime_directory = strdup(options->runtime_directory);
    ENSURE(authority->runtime_directory != NULL, TKR_MEMORY);
    authority->options.runtime_directory = authority->runtime_directory;
    TRY(auth_init(authority));
    return plaintexts_init(&authority->plaintexts);
}

tkr_error_t authority_new(const struct authority_options *options, struct authority **ret_authority,
                          struct fault *fault)
{
    struct authority *authority = calloc(1, sizeof(*authority));
    ENSURE(authority != NULL, TKR_MEMORY);
    tkr_error_t error = init(authority, options);
    if (error == TKR_OK) {
        error = audit_start(authority);
    }
    if (error == TKR_OK) {
        error = authority_build(authority, fault);
    }
    if (error == TKR_OK) {
        error = rotation_check_options(authority, fault);
    }
    if (error == TKR_OK) {
        segment_writer_beat(authority->segment, NULL); /* fresh before anybody asks */
        error = writer_start(authority);
    }
    if (error == TKR_OK) {
        error = beat_start(authority);
    }
    if (error != TKR_OK) {
        authority_free(authority);
        return error;
    }
    *ret_authority = authority;
    return TKR_OK;
}

/* The beat goes on while the writer finishes, so that verification does too. */
void authority_free(struct authority *authority)
{
    if (authority == NULL) {
        return;
    }
    writer_stop(authority);
    beat_stop(authority);
    monitor_stop(authority);
    meter_stop(authority);
    segment_writer_close(authority->segment);
    plaintexts_deinit(&authority->plaintexts);
    pthread_cond_destroy(&authority->queue_changed);
    pthread_cond_destroy(&authority->flush_done);
    pthread_cond_destroy(&authority->beat_stop_changed);
    pthread_mutex_destroy(&authority->queue_mutex);
    pthread_mutex_destroy(&authority->beat_mutex);
    pthread_mutex_destroy(&authority->tiers_mutex);
    pthread_mutex_destroy(&authority->counts_mutex);
    pthread_mutex_destroy(&authority->epochs.mutex);
    pthread_mutex_destroy(&authority->zones.mutex);
    zones_free(&authority->zones);
    free(authority->runtime_directory);
    free(authority->usage.stored);
    free(authority->quiet);
    auth_deinit(authority);
    free(authority);
}

int64_t authority_now_ms(struct authority *authority)
{
    return segment_writer_now_ms(authority->segment);
}

const struct histogram *authority_commit_latency(const struct authority *authority)
{
    return &authority->commit_latency;
}

/* Who comes while another counts gets the numbers from before. */
static void read_counts(struct authority *authority, uint64_t ret_counts[TOKEN_STATUS_COUNT])
{
    uint64_t counts[TOKEN_STATUS_COUNT];
    int64_t now_ns = clock_monotonic_ns(authority->options.clock);
    pthread_mutex_lock(&authority->counts_mutex);
    bool due = authority->counted_at_ns == 0 ||
               now_ns - authority->counted_at_ns >= (int64_t)STATUS_COUNTS_MS * 1000000;
    if (due) {
        authority->counted_at_ns = now_ns;
    }
    memcpy(ret_counts, authority->counts, sizeof(authority->counts));
    pthread_mutex_unlock(&authority->counts_mutex);
    if (!due || authority->store->count_tokens(authority->store->store,
                                               segment_writer_now_ms(authority->segment),
                                               counts) != TKR_OK) {
        return;
    }
    pthread_mutex_lock(&authority->counts_mutex);
    memcpy(authority->counts, counts, sizeof(counts));
    pthread_mutex_unlock(&authority->counts_mutex);
    memcpy(ret_counts, counts, sizeof(counts));
}

void authority_status(struct authority *authority, struct authority_status *ret_status)
{
    struct authority_status status = {
        .commits = atomic_load(&authority->commits),
        .changes = atomic_load(&authority->changes),
        .commit_failures = atomic_load(&authority->commit_failures),
        .started_at_ms = authority->started_at_ms,
        .clock_behind_ms = atomic_load(&authority->clock_behind_ms),
        .attached = authority->attached,
        .load_ms = authority->load_ms,
        .changes_accepted = atomic_load(&authority->changes_accepted),
        .last_commit = (tkr_error_t)atomic_load(&authority->last_commit),
    };
    segment_writer_stats(authority->segment, &status.segment);
    read_counts(authority, status.tokens_by_status);
    pthread_mutex_lock(&authority->queue_mutex);
    status.queue_length = authority->queue_length;
    pthread_mutex_unlock(&authority->queue_mutex);
    *ret_status = status;
}
