/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter from the authority's side: opened at start, drained with each flush, one
 * transaction a drain with its number, so that nothing is booked twice (meter/meter.h).
 *
 * Without a meter (it could not be had, or is switched off) requests are counted by their
 * totals alone.
 *
 * Orgs stand in the meter by their number in the segment. Those numbers outlive a restart: both
 * the store and the segment give them out in the order in which orgs come to be.
 */
#include "engine/authority_internal.h"

#include <stdlib.h>
#include <string.h>

/* What a drain becomes for the store; its texts. */
struct meter_texts {
    char org[ORG_ID_BYTES_MAX + 1];
    char endpoint[METER_LABEL_SIZE];
    char network[CIDR_TEXT_SIZE];
};
struct meter_flush {
    struct meter_drain drain;
    struct usage_metered metered[METER_DRAIN_MAX];
    struct meter_texts texts[METER_DRAIN_MAX];
};

static tkr_error_t recover(struct authority *authority)
{
    const struct store_port *store = authority->store;
    uint64_t number = 0;
    TRY(store->metered_number(store->store, meter_id(authority->meter), &number));
    meter_recover(authority->meter, number);
    authority->meter_flush = calloc(1, sizeof(*authority->meter_flush));
    return authority->meter_flush != NULL ? TKR_OK : TKR_MEMORY;
}

tkr_error_t meter_start(struct authority *authority, const uint8_t store_id[METER_STORE_ID_BYTES])
{
    if (!authority->options.metering) {
        return TKR_OK;
    }
    struct meter_options options = {.directory = authority->runtime_directory,
                                    .random = authority->options.random};
    struct fault report;
    memcpy(options.store_id, store_id, sizeof(options.store_id));
    memcpy(options.boot_id, authority->options.boot_id, sizeof(options.boot_id));
    tkr_error_t error = meter_open(&options, &authority->meter, &report);
    if (error == TKR_OK && report.error != TKR_OK) {
        authority_report(authority, LOG_WARNING, "meter_begun_anew",
                         "%s: what requests were in the last second before is not known",
                         report.detail);
    }
    if (error == TKR_NO_SPACE || error == TKR_MEMORY) {
        authority_report(authority, LOG_WARNING, "meter_off",
                         "%s: requests are counted without verdict, endpoint and network",
                         tkr_error_name(error));
        return TKR_OK;
    }
    TRY(error);
    return recover(authority);
}

void meter_stop(struct authority *authority)
{
    meter_close(authority->meter);
    free(authority->meter_flush);
}

struct meter *authority_meter(struct authority *authority)
{
    return authority->meter;
}

/* --- drains -------------------------------------------------------------------------------- */

static void describe(struct authority *authority, const struct meter_entry *entry,
                     struct meter_texts *texts, struct usage_metered *metered)
{
    *metered = (struct usage_metered){
        .line = entry->line,
        .labels[USAGE_VERDICT] = tkr_verdict_name((tkr_verdict_t)entry->verdict),
        .hour_ms = entry->hour_ms,
        .count = entry->count,
    };
    if (entry->org != METER_NO_ORG &&
        segment_writer_org_id(authority->segment, entry->org, texts->org) == TKR_OK) {
        metered->org = texts->org;
    }
    if (entry->label != METER_LABEL_NONE) {
        metered->labels[USAGE_ENDPOINT] =
            meter_label_text(authority->meter, entry->label, texts->endpoint);
    }
    if (entry->network != METER_NETWORK_NONE) {
        metered->labels[USAGE_NETWORK] = meter_network_format(entry->network, texts->network);
    }
}

static tkr_error_t book(struct authority *authority)
{
    struct meter_flush *flush = authority->meter_flush;
    const struct store_port *store = authority->store;
    for (size_t i = 0; i < flush->drain.count; i++) {
        describe(authority, &flush->drain.entries[i], &flush->texts[i], &flush->metered[i]);
    }
    TRY(store->begin(store->store));
    tkr_error_t error =
        store->book_metered(store->store, meter_id(authority->meter), flush->drain.number,
                            flush->metered, flush->drain.count);
    if (error != TKR_OK) {
        store->rollback(store->store);
    }
    return error;
}

/* A commit of unknown outcome leaves the drain as it is: the next process asks the store. */
tkr_error_t meter_flush_slice(struct authority *authority, bool *ret_more)
{
    *ret_more = false;
    if (authority->meter == NULL ||
        !meter_drain_next(authority->meter, &authority->meter_flush->drain)) {
        return TKR_OK;
    }
    tkr_error_t error = book(authority);
    bool known = true;
    if (error == TKR_OK) {
        error = writer_commit_usage(authority);
        known = error == TKR_OK || writer_outcome_known(error);
    }
    if (known) {
        meter_drain_end(authority->meter, error == TKR_OK);
    }
    if (error == TKR_OK) {
        monitor_feed_drain(authority, &authority->meter_flush->drain);
    }
    *ret_more = error == TKR_OK;
    return error;
}

void meter_flush_start(struct authority *authority)
{
    if (authority->meter != NULL) {
        meter_drain_start(authority->meter);
    }
}

/* --- making old counts coarser ---------------------------------------------------------------- */

static bool sweep_is_due(const struct authority *authority, int64_t now_ns)
{
    return authority->swept_at_ns == 0 ||
           now_ns - authority->swept_at_ns >= USAGE_SWEEP_S * 1000000000LL;
}

void usage_sweep_start(struct authority *authority)
{
    int64_t now_ns = clock_monotonic_ns(authority->options.clock);
    if (!authority->sweeping && sweep_is_due(authority, now_ns)) {
        authority->swept_at_ns = now_ns;
        authority->sweep.now_ms = segment_writer_now_ms(authority->segment);
        authority->sweeping = true;
    }
}

/* Between two slices changes have their turn. What fails is tried again in an hour. */
void usage_sweep_slice(struct authority *authority)
{
    const struct store_port *store = authority->store;
    authority->sweeping = false;
    if (!atomic_load(&authority->changes_accepted) || store->begin(store->store) != TKR_OK) {
        return;
    }
    tkr_error_t error =
        store->sweep_usage(store->store, &authority->options.usage_retention, &authority->sweep);
    if (error != TKR_OK && error != TKR_NOT_FOUND) {
        store->rollback(store->store);
        authority->sweep = (struct usage_sweep){.folded_ms = authority->sweep.folded_ms};
        return;
    }
    authority->sweeping = writer_commit_usage(authority) == TKR_OK && error == TKR_OK;
}
