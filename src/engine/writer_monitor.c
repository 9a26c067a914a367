/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding the sketches, and keeping them. See engine/monitor.h. */
#include <stdlib.h>
#include <string.h>

#include "engine/monitor_feed.h"
#include "engine/monitor_internal.h"

/* --- start and end ------------------------------------------------------------------------- */

struct loading {
    struct authority *authority;
    uint64_t strange;
};

/* What does not fit stays in the store, and is forgotten there in its time. */
static tkr_error_t load_one(void *context, uint32_t line, const void *image, size_t bytes)
{
    struct loading *loading = context;
    tkr_error_t error = monitor_table_load(loading->authority->watch->table, line, image, bytes);
    loading->strange += error == TKR_CORRUPT;
    return error == TKR_MEMORY ? TKR_MEMORY : TKR_OK;
}

static void publish(struct watch *watch)
{
    struct monitor_stats stats;
    monitor_table_stats(watch->table, &stats);
    atomic_store_explicit(&watch->sketches, stats.sketches, memory_order_relaxed);
    atomic_store_explicit(&watch->evicted, stats.evicted, memory_order_relaxed);
    atomic_store_explicit(&watch->bytes, stats.sketch_bytes + stats.index_bytes,
                          memory_order_relaxed);
}

static tkr_error_t load(struct authority *authority)
{
    const struct store_port *store = authority->store;
    struct loading loading = {authority, 0};
    TRY(store->sketches.each(store->store, authority->options.monitor.tokens_max, load_one,
                             &loading));
    if (loading.strange > 0) {
        authority_report(authority, LOG_WARNING, "sketches_begun_anew",
                         "%llu sketches are damaged or of another version: the use of these tokens "
                         "is learned anew",
                         (unsigned long long)loading.strange);
    }
    publish(authority->watch);
    return TKR_OK;
}

/* By the store's clock: one that is wrong today forgets nothing. */
static tkr_error_t forget_old(struct authority *authority, int64_t clock_ms)
{
    const struct store_port *store = authority->store;
    int64_t before = clock_ms / 3600000 - MONITOR_FORGET_HOURS;
    TRY(store->begin(store->store));
    tkr_error_t error =
        before > 0 ? store->sketches.forget(store->store, (uint32_t)before) : TKR_OK;
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return writer_commit_usage(authority);
}

tkr_error_t monitor_start(struct authority *authority, const struct store_identity *identity)
{
    uint32_t most = authority->options.monitor.tokens_max;
    if (most == 0 || authority->meter == NULL) {
        return TKR_OK;
    }
    ENSURE(most <= MONITOR_SKETCHES_MAX, TKR_OUT_OF_RANGE);
    authority->watch = calloc(1, sizeof(*authority->watch));
    ENSURE(authority->watch != NULL, TKR_MEMORY);
    memcpy(&authority->watch->seed, identity->store_id, sizeof(authority->watch->seed));
    TRY(monitor_table_new(most, &authority->watch->table));
    TRY(forget_old(authority, identity->clock_ms));
    return load(authority);
}

void monitor_stop(struct authority *authority)
{
    if (authority->watch != NULL) {
        monitor_table_free(authority->watch->table);
        free(authority->watch);
    }
}

/* --- feeding ------------------------------------------------------------------------------- */

/* What a verdict says about the use of a token; nothing: it has ended, is held, or is none. */
enum use { USE_NONE, USE_ACCEPTED, USE_REFUSED };

static enum use use_of(unsigned verdict)
{
    static const enum use uses[TKR_VERDICT_COUNT] = {
        [TKR_VERDICT_VALID] = USE_ACCEPTED,         [TKR_VERDICT_USER_MISMATCH] = USE_REFUSED,
        [TKR_VERDICT_IP_NOT_ALLOWED] = USE_REFUSED, [TKR_VERDICT_INSUFFICIENT_SCOPE] = USE_REFUSED,
        [TKR_VERDICT_RATE_LIMITED] = USE_REFUSED,   [TKR_VERDICT_QUOTA_EXCEEDED] = USE_REFUSED,
    };
    return verdict < TKR_VERDICT_COUNT ? uses[verdict] : USE_NONE;
}

void monitor_leave_out(struct watch *watch, uint8_t kinds)
{
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        watch->left_out[kind] += kinds >> kind & 1;
    }
    atomic_fetch_add_explicit(&watch->all_left_out, 1, memory_order_relaxed);
}

/* The kinds that somebody wants to know of. */
static uint8_t wanted(struct authority *authority, uint8_t kinds)
{
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        if ((kinds >> kind & 1) == 0) {
            continue;
        }
        atomic_fetch_add_explicit(&authority->watch->alarmed[kind], 1, memory_order_relaxed);
        if (authority->options.monitor.actions[kind] == MONITOR_IGNORE) {
            kinds &= (uint8_t) ~(1U << kind);
        }
    }
    return kinds;
}

static struct alarm *free_alarm(struct watch *watch)
{
    for (size_t i = 0; i < MONITOR_ALARMS_MAX; i++) {
        if (watch->alarms[i].state == ALARM_FREE) {
            return &watch->alarms[i];
        }
    }
    return NULL;
}

static void note_alarm(struct authority *authority, uint32_t line,
                       const struct monitor_observation *observation, const char *user_agent,
                       const struct monitor_alarms *seen)
{
    uint8_t kinds = wanted(authority, seen->kinds);
    struct alarm *alarm = kinds != 0 ? free_alarm(authority->watch) : NULL;
    if (alarm == NULL) {
        if (kinds != 0) {
            monitor_leave_out(authority->watch, kinds);
        }
        return;
    }
    *alarm = (struct alarm){
        .state = ALARM_NEW,
        .line = line,
        .at_ms = observation->at_ms,
        .network = observation->network,
        .seen = *seen,
        .action = MONITOR_ALERT,
    };
    alarm->seen.kinds = kinds;
    strncpy(alarm->user_agent, user_agent, USER_AGENT_BYTES_MAX);
}

static void observe(struct authority *authority, uint32_t line,
                    const struct monitor_observation *observation, const char *user_agent)
{
    struct watch *watch = authority->watch;
    struct monitor_sketch *sketch;
    struct monitor_alarms alarms;
    tkr_error_t error = monitor_table_touch(watch->table, line, observation->at_ms, &sketch);
    if (error != TKR_OK) {
        if (!watch->no_memory) {
            authority_report(authority, LOG_WARNING, "monitor_no_memory",
                             "tokens that come new are not watched");
        }
        watch->no_memory = true;
        return;
    }
    monitor_sketch_observe(sketch, watch->seed, observation, &alarms);
    if (UNLIKELY(alarms.kinds != 0)) {
        note_alarm(authority, line, observation, user_agent, &alarms);
    }
}

static bool is_watched(const struct meter_entry *entry)
{
    return entry->line != METER_NO_LINE && use_of(entry->verdict) != USE_NONE;
}

static void observe_entry(struct authority *authority, const struct meter_entry *entry)
{
    struct monitor_observation observation = {
        .at_ms = entry->hour_ms,
        .network = entry->network == METER_NETWORK_OTHER ? METER_NETWORK_NONE : entry->network,
        .count = entry->count < UINT32_MAX ? (uint32_t)entry->count : UINT32_MAX,
        .refused = use_of(entry->verdict) == USE_REFUSED,
    };
    if (is_watched(entry)) {
        observe(authority, entry->line, &observation, "");
    }
}

void monitor_feed_drain(struct authority *authority, const struct meter_drain *drain)
{
    if (authority->watch == NULL) {
        return;
    }
    for (size_t first = 0; first < drain->count; first += MONITOR_PREFETCH_MAX) {
        size_t left = drain->count - first;
        size_t count = left < MONITOR_PREFETCH_MAX ? left : MONITOR_PREFETCH_MAX;
        uint32_t lines[MONITOR_PREFETCH_MAX];
        for (size_t i = 0; i < count; i++) {
            lines[i] = drain->entries[first + i].line;
        }
        monitor_table_prefetch(authority->watch->table, lines, count);
        for (size_t i = 0; i < count; i++) {
            observe_entry(authority, &drain->entries[first + i]);
        }
    }
}

void monitor_feed_agent(struct authority *authority, uint32_t line, unsigned outcome, int64_t at_ms,
                        const char *user_agent)
{
    if (authority->watch == NULL || use_of(outcome) == USE_NONE || user_agent[0] == '\0') {
        return;
    }
    const struct monitor_observation observation = {
        .at_ms = at_ms, .agent = monitor_agent(user_agent, strlen(user_agent))};
    observe(authority, line, &observation, user_agent);
}

/* --- keeping --------------------------------------------------------------------------------- */

static tkr_error_t put(struct authority *authority, uint32_t line,
                       const struct monitor_sketch *sketch)
{
    const struct store_port *store = authority->store;
    return store->sketches.put(store->store, line, sketch->hour, sketch, sizeof(*sketch));
}

static tkr_error_t put_all(struct authority *authority, const struct monitor_saved *saved,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(put(authority, saved[i].line, saved[i].sketch));
    }
    return TKR_OK;
}

static tkr_error_t save_batch(struct authority *authority, const struct monitor_saved *saved,
                              size_t count)
{
    const struct store_port *store = authority->store;
    TRY(store->begin(store->store));
    tkr_error_t error = put_all(authority, saved, count);
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return writer_commit_usage(authority);
}

/* *ret_more: the pass is not at its end. */
static tkr_error_t save_slice(struct authority *authority, bool *ret_more)
{
    struct watch *watch = authority->watch;
    struct monitor_saved saved[MONITOR_SAVE_SLICE];
    uint32_t cursor = watch->cursor;
    size_t count = monitor_table_changed(watch->table, &cursor, saved, MONITOR_SAVE_SLICE);
    *ret_more = count == MONITOR_SAVE_SLICE;
    if (count > 0) {
        TRY(save_batch(authority, saved, count));
    }
    monitor_table_saved(watch->table, saved, count);
    watch->cursor = cursor;
    return TKR_OK;
}

/* A slice a flush, so that keeping the sketches of a hundred thousand tokens holds up nothing. */
static tkr_error_t save_when_due(struct authority *authority)
{
    struct watch *watch = authority->watch;
    int64_t now_ns = clock_monotonic_ns(authority->options.clock);
    if (watch->saved_at_ns == 0) {
        watch->saved_at_ns = now_ns;
    }
    if (!watch->saving && now_ns - watch->saved_at_ns >= MONITOR_SAVE_MS * INT64_C(1000000)) {
        watch->saving = true;
        watch->saved_at_ns = now_ns;
        watch->cursor = 0;
    }
    return watch->saving ? save_slice(authority, &watch->saving) : TKR_OK;
}

/* --- telling --------------------------------------------------------------------------------- */

/* With its sketch: what was told is known to be told. */
static tkr_error_t tell_ready(struct authority *authority)
{
    struct watch *watch = authority->watch;
    for (size_t i = 0; i < MONITOR_ALARMS_MAX; i++) {
        struct alarm *alarm = &watch->alarms[i];
        if (alarm->state != ALARM_READY) {
            continue;
        }
        const struct monitor_sketch *sketch = monitor_table_find(watch->table, alarm->line);
        TRY(monitor_tell(authority, alarm));
        if (sketch != NULL) {
            TRY(put(authority, alarm->line, sketch));
        }
    }
    return TKR_OK;
}

static bool anything_to_tell(const struct watch *watch, bool hour_is_over)
{
    bool found = false;
    for (size_t i = 0; i < MONITOR_ALARMS_MAX && !found; i++) {
        found = watch->alarms[i].state == ALARM_READY;
    }
    for (unsigned kind = 0; kind < MONITOR_KINDS && hour_is_over && !found; kind++) {
        found = watch->left_out[kind] > 0;
    }
    return found;
}

static tkr_error_t tell_batch(struct authority *authority, bool hour_is_over)
{
    const struct store_port *store = authority->store;
    TRY(store->begin(store->store));
    tkr_error_t error = tell_ready(authority);
    if (error == TKR_OK && hour_is_over) {
        error = monitor_tell_left_out(authority);
    }
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return writer_commit_usage(authority);
}

static void settle(struct watch *watch, bool hour_is_over)
{
    for (size_t i = 0; i < MONITOR_ALARMS_MAX; i++) {
        if (watch->alarms[i].state == ALARM_READY) {
            watch->alarms[i].state = ALARM_FREE;
        }
    }
    if (hour_is_over) {
        memset(watch->left_out, 0, sizeof(watch->left_out));
    }
}

/* What cannot be stored waits, as long as there is room. */
static tkr_error_t tell(struct authority *authority, bool ending)
{
    struct watch *watch = authority->watch;
    int64_t hour = segment_writer_now_ms(authority->segment) / 3600000;
    bool hour_is_over = hour != watch->hour || ending;
    if (anything_to_tell(watch, hour_is_over)) {
        TRY(tell_batch(authority, hour_is_over));
        settle(watch, hour_is_over);
    }
    if (hour != watch->hour) {
        watch->hour = hour;
        watch->told = watch->acted = 0;
    }
    return TKR_OK;
}

/* Each state is told once. */
static void note_outcome(struct authority *authority, tkr_error_t error)
{
    struct watch *watch = authority->watch;
    if (error != TKR_OK && !watch->failed) {
        authority_report(authority, LOG_WARNING, "monitor_not_stored",
                         "%s: up to %d alarms wait until it works", tkr_error_name(error),
                         MONITOR_ALARMS_MAX);
    }
    watch->failed = error != TKR_OK;
}

void monitor_flush(struct authority *authority, bool ending)
{
    struct watch *watch = authority->watch;
    if (watch == NULL || !atomic_load(&authority->changes_accepted)) {
        return;
    }
    monitor_act(authority, ending);
    tkr_error_t error = tell(authority, ending);
    if (error == TKR_OK) {
        error = save_when_due(authority);
    }
    bool more = ending;
    watch->cursor = ending ? 0 : watch->cursor;
    while (error == TKR_OK && more && atomic_load(&authority->changes_accepted)) {
        error = save_slice(authority, &more);
    }
    note_outcome(authority, error);
    publish(watch);
}

/* --- figures ---------------------------------------------------------------------------------- */

void authority_monitor_stats(struct authority *authority, struct authority_monitor_stats *ret_stats)
{
    struct watch *watch = authority->watch;
    *ret_stats = (struct authority_monitor_stats){.on = watch != NULL};
    if (watch == NULL) {
        return;
    }
    ret_stats->sketches = atomic_load_explicit(&watch->sketches, memory_order_relaxed);
    ret_stats->evicted = atomic_load_explicit(&watch->evicted, memory_order_relaxed);
    ret_stats->bytes = atomic_load_explicit(&watch->bytes, memory_order_relaxed);
    ret_stats->throttled = atomic_load_explicit(&watch->throttled, memory_order_relaxed);
    ret_stats->quarantined = atomic_load_explicit(&watch->quarantined, memory_order_relaxed);
    ret_stats->left_out = atomic_load_explicit(&watch->all_left_out, memory_order_relaxed);
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        ret_stats->alarms[kind] = atomic_load_explicit(&watch->alarmed[kind], memory_order_relaxed);
    }
}
