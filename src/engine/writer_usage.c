/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage from the segment to the store, in slices between batches of changes, so that a flush
 * of twenty thousand lines holds up a change for no longer than a thousand.
 *
 * A scan takes the marks off the lines that it shows. So what was scanned stays here until the
 * store has it: a flush that fails (the disk is full) begins with the same lines next time.
 * The store books the difference to what it knew, so nothing counts twice.
 */
#include "engine/authority_internal.h"

/* The slice is full: the rest keeps its marks. Any error would do. */
#define SLICE_FULL TKR_BUSY

static tkr_error_t collect(void *context, const struct segment_usage *usage)
{
    struct usage_flush *flush = context;
    ENSURE(flush->count < USAGE_FLUSH_SLICE, SLICE_FULL);
    flush->lines[flush->count++] = *usage;
    return TKR_OK;
}

/* What was used in a minute is booked on it: since the last flush is a second, so the time of
 * the last use tells. */
static int64_t minute_of(const struct segment_usage *usage)
{
    return usage->last_used_ms - usage->last_used_ms % 60000;
}

static tkr_error_t store_lines(struct authority *authority, int64_t clock_ms)
{
    const struct store_port *store = authority->store;
    struct usage_flush *flush = &authority->usage;
    struct store_usage usage[USAGE_FLUSH_SLICE];
    uint64_t seq = 0;
    for (size_t i = 0; i < flush->count; i++) {
        usage[i] = (struct store_usage){&flush->lines[i], minute_of(&flush->lines[i])};
    }
    TRY(store->begin(store->store));
    tkr_error_t error = store->flush_usage(store->store, usage, flush->count, clock_ms);
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    error = store->commit(store->store, &seq);
    if (error != TKR_OK && !writer_outcome_known(error)) {
        writer_refuse_changes(authority, error);
    }
    return error;
}

static void note_failure(struct authority *authority, tkr_error_t error)
{
    struct usage_flush *flush = &authority->usage;
    if (error != TKR_OK && !flush->failed) {
        authority_report(authority, LOG_WARNING, "usage_flush_failed",
                         "%s: counts stay in the segment until it works", tkr_error_name(error));
    } else if (error == TKR_OK && flush->failed) {
        authority_report(authority, LOG_INFO, "usage_flush_recovered", "counts are stored again");
    }
    flush->failed = error != TKR_OK;
}

/* *ret_more: the scan was stopped by a full slice. */
static tkr_error_t flush_slice(struct authority *authority, bool *ret_more)
{
    struct usage_flush *flush = &authority->usage;
    tkr_error_t scanned = TKR_OK;
    int64_t clock_ms = segment_writer_now_ms(authority->segment);
    if (flush->count == 0) {
        scanned = segment_writer_scan_usage(authority->segment, collect, flush);
        ENSURE(scanned == TKR_OK || scanned == SLICE_FULL, scanned);
    }
    /* Without usage the clock alone is not worth a write each second. */
    if (flush->count > 0 || clock_ms - flush->clock_ms >= CLOCK_FLUSH_MS) {
        TRY(store_lines(authority, clock_ms));
        flush->clock_ms = clock_ms;
    }
    flush->flushed += flush->count;
    flush->count = 0;
    *ret_more = scanned == SLICE_FULL;
    return TKR_OK;
}

bool usage_flush_slice(struct authority *authority)
{
    bool more = false;
    if (!atomic_load(&authority->changes_accepted)) {
        return false; /* nothing is written after a commit of unknown outcome */
    }
    tkr_error_t error = flush_slice(authority, &more);
    note_failure(authority, error);
    return error == TKR_OK && more && authority->usage.flushed < USAGE_FLUSH_LINES_MAX;
}

void usage_flush_all(struct authority *authority)
{
    struct segment_stats stats;
    segment_writer_stats(authority->segment, &stats);
    bool more = true;
    tkr_error_t error = TKR_OK;
    /* Verifiers may go on counting: once around, not until nothing is left. */
    authority->usage.flushed = 0;
    while (more && error == TKR_OK && atomic_load(&authority->changes_accepted) &&
           authority->usage.flushed <= stats.lines) {
        error = flush_slice(authority, &more);
    }
    note_failure(authority, error);
}
