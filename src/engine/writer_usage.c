/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage from the segment to the store: one scan a flush, written in slices between batches of
 * changes, so that a flush of twenty thousand lines holds up a change for no longer than a
 * thousand take.
 *
 * A scan takes the marks off the lines that it shows. So what was scanned stays here until the
 * store has it: when writing fails (the disk is full), the next flush goes on with the same
 * lines. The store books the difference to what it knew, so nothing counts twice.
 *
 * Then comes what the meter has, see writer_meter.c.
 *
 * Lines are marked in groups, so most that a scan shows have not moved. They are told by four
 * bytes a line, kept here of what was stored: asking the store took 2 µs for each. What is
 * not known yet (after a start) is asked once.
 */
#include "engine/authority_internal.h"

#include <stdlib.h>
#include <string.h>

/* The scan has shown as many lines as one flush takes: the rest keeps its marks. */
#define SCAN_FULL TKR_BUSY

static tkr_error_t collect(void *context, const struct segment_usage *usage)
{
    struct usage_flush *flush = context;
    if (usage->line < flush->stored_count && flush->stored[usage->line] == (uint32_t)usage->total) {
        return TKR_OK;
    }
    ENSURE(flush->count < USAGE_FLUSH_LINES_MAX, SCAN_FULL);
    flush->lines[flush->count++] = *usage;
    return TKR_OK;
}

/* Nothing is scanned while lines of the scan before are left. */
static tkr_error_t scan(struct authority *authority, bool *ret_more)
{
    struct usage_flush *flush = &authority->usage;
    *ret_more = flush->next < flush->count;
    if (*ret_more) {
        return TKR_OK;
    }
    flush->count = 0;
    flush->next = 0;
    tkr_error_t error = segment_writer_scan_usage(authority->segment, collect, flush);
    ENSURE(error == TKR_OK || error == SCAN_FULL, error);
    *ret_more = error == SCAN_FULL;
    return TKR_OK;
}

/* The time of the last use tells the minute: since the last flush it was a second. */
static int64_t minute_of(const struct segment_usage *usage)
{
    return usage->last_used_ms - usage->last_used_ms % 60000;
}

/* New lines come at the end, so this is done for many at once. Without the memory, the store is
 * asked. */
static void make_room(struct usage_flush *flush, uint32_t line)
{
    uint64_t count = (uint64_t)line + line / 2 + 65536;
    count = count < UINT32_MAX ? count : UINT32_MAX;
    uint32_t *longer =
        line < flush->stored_count ? NULL : realloc(flush->stored, (size_t)count * sizeof(*longer));
    if (longer != NULL) {
        memset(longer + flush->stored_count, 0,
               (size_t)(count - flush->stored_count) * sizeof(*longer));
        flush->stored = longer;
        flush->stored_count = (uint32_t)count;
    }
}

static void note_stored(struct usage_flush *flush, const struct segment_usage *usage)
{
    make_room(flush, usage->line);
    if (usage->line < flush->stored_count) {
        flush->stored[usage->line] = (uint32_t)usage->total;
    }
}

tkr_error_t writer_commit_usage(struct authority *authority)
{
    uint64_t seq = 0;
    tkr_error_t error = audit_commit(authority, &seq);
    if (error != TKR_OK && !writer_outcome_known(error)) {
        writer_refuse_changes(authority, error);
    }
    return error;
}

/* The next slice, and the clock; without usage, the clock alone is not worth a write each
 * second. */
static tkr_error_t store_slice(struct authority *authority)
{
    const struct store_port *store = authority->store;
    struct usage_flush *flush = &authority->usage;
    struct store_usage usage[USAGE_FLUSH_SLICE];
    int64_t clock_ms = segment_writer_now_ms(authority->segment);
    size_t count = 0;
    while (count < USAGE_FLUSH_SLICE && flush->next + count < flush->count) {
        const struct segment_usage *line = &flush->lines[flush->next + count];
        usage[count++] = (struct store_usage){line, minute_of(line)};
    }
    if (count == 0 && clock_ms - flush->clock_ms < CLOCK_FLUSH_MS) {
        return TKR_OK;
    }
    TRY(store->begin(store->store));
    tkr_error_t error = store->flush_usage(store->store, usage, count, clock_ms);
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    TRY(writer_commit_usage(authority));
    for (size_t i = 0; i < count; i++) {
        note_stored(flush, usage[i].usage);
    }
    flush->next += count;
    flush->clock_ms = clock_ms;
    return TKR_OK;
}

/* Each state is told once. */
static void note_outcome(struct authority *authority, tkr_error_t error)
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

bool usage_flush_begin(struct authority *authority)
{
    bool more = false;
    if (!atomic_load(&authority->changes_accepted)) {
        return false; /* nothing is written after a commit of unknown outcome */
    }
    tkr_error_t error = scan(authority, &more);
    if (error != TKR_OK) {
        note_outcome(authority, error);
    }
    meter_flush_start(authority);
    return error == TKR_OK;
}

bool usage_flush_slice(struct authority *authority)
{
    struct usage_flush *flush = &authority->usage;
    if (!atomic_load(&authority->changes_accepted)) {
        return false;
    }
    bool more = false;
    tkr_error_t error = store_slice(authority);
    if (error == TKR_OK && flush->next == flush->count) {
        error = meter_flush_slice(authority, &more);
    }
    note_outcome(authority, error);
    return error == TKR_OK && (more || flush->next < flush->count);
}

/* Verifiers may go on counting: once around, not until nothing is left. */
void usage_flush_all(struct authority *authority)
{
    struct segment_stats stats;
    segment_writer_stats(authority->segment, &stats);
    uint64_t flushed = 0;
    bool more = true;
    tkr_error_t error = TKR_OK;
    while (error == TKR_OK && more && flushed <= stats.lines &&
           atomic_load(&authority->changes_accepted)) {
        error = scan(authority, &more);
        size_t left = authority->usage.count - authority->usage.next;
        flushed += left;
        while (error == TKR_OK && authority->usage.next < authority->usage.count) {
            error = store_slice(authority);
        }
    }
    more = true;
    meter_flush_start(authority);
    while (error == TKR_OK && more && atomic_load(&authority->changes_accepted)) {
        error = meter_flush_slice(authority, &more);
    }
    note_outcome(authority, error);
}
