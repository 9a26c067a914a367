/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the notes of verifications, on the writer thread.
 *
 * A pass has two steps. Judging goes over what has come and gives each record its fate, tells the
 * alert of a honeytoken, and counts what has no event of its own. It needs no store and is done
 * once for each record, so that a full disk silences no alert and counts nothing twice. Storing
 * then writes from the tail of the ring on, in slices between batches of changes, and releases what
 * is committed; what cannot be stored stays in the ring as it was judged.
 */
#include <stdio.h>
#include <string.h>

#include "engine/auth_internal.h"
#include "engine/monitor_feed.h"

#define MS_PER_S 1000

static void count(auth_counts counts, const struct auth_refusal *what, uint64_t times)
{
    atomic_fetch_add_explicit(&counts[what->kind][what->outcome], times, memory_order_relaxed);
}

/* --- judging ------------------------------------------------------------------------------- */

/* Whether the second of a record has room for one more. Records of several threads may be a little
 * out of order: a second that is over does not begin again. */
static bool room_in(struct auth_second *second, int64_t at_ms, uint32_t most)
{
    int64_t now = at_ms / MS_PER_S;
    if (now > second->second) {
        *second = (struct auth_second){.second = now};
    }
    if (second->count >= most) {
        return false;
    }
    second->count++;
    return true;
}

static bool has_room(struct authority *authority, const struct auth_record *record)
{
    uint32_t refusals = authority->options.audit_refusals_per_second;
    const uint32_t most[AUTH_KINDS] = {
        [AUTH_ANONYMOUS] = (refusals + 1) / 2,
        [AUTH_REFUSED] = refusals,
        [AUTH_ENDED] = AUTH_TRIES_PER_SECOND / 2,
        [AUTH_HONEYTOKEN] = AUTH_TRIES_PER_SECOND,
    };
    enum auth_kind kind = (enum auth_kind)record->what.kind;
    return room_in(&authority->auth->seconds[kind >= AUTH_ENDED], record->at_ms, most[kind]);
}

static const char *text_of(const struct auth_record *record, enum auth_text which)
{
    const char *text = record->texts;
    for (int i = 0; i < (int)which; i++) {
        text += record->lengths[i] + 1;
    }
    return text;
}

static void alert(struct authority *authority, const struct auth_record *record)
{
    char id[TOKEN_ID_CHARS + 1], client[IP_TEXT_SIZE];
    token_id_format(record->what.token_id, id);
    ip_format(&record->what.client, client);
    authority_report(authority, LOG_WARNING, "honeytoken_tried",
                     "somebody presented honeytoken %s: from %s at %s, request %s", id,
                     client[0] != '\0' ? client : "an address that is not told",
                     text_of(record, AUTH_ENDPOINT), text_of(record, AUTH_REQUEST));
}

static enum auth_fate judge(struct authority *authority, const struct auth_record *record)
{
    struct auth *auth = authority->auth;
    if (record->what.kind == AUTH_ALLOWED) {
        return AUTH_STORED;
    }
    if (auth_repeats_take(auth->repeats, &record->what, record->at_ms)) {
        count(auth->repeated, &record->what, 1);
        return AUTH_PASSED_OVER;
    }
    if (!has_room(authority, record)) {
        count(auth->over_maximum, &record->what, 1);
        return AUTH_PASSED_OVER;
    }
    auth_repeats_add(auth->repeats, &record->what, record->at_ms);
    if (record->what.kind == AUTH_HONEYTOKEN) {
        alert(authority, record);
    }
    return AUTH_STORED;
}

static void judge_all(struct authority *authority)
{
    struct auth *auth = authority->auth;
    struct auth_record *record;
    uint64_t end = ring_head(&auth->ring);
    while ((record = ring_next(&auth->ring, &auth->judged, end)) != NULL) {
        record->fate = (uint8_t)judge(authority, record);
    }
}

/* --- a slice -----------------------------------------------------------------------------------
 */

static const char *const reasons[] = {"no_room", "over_maximum"};
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

struct left_out {
    uint64_t counts[AUTH_OUTCOMES], total; /* since it was told last */
};

struct slice {
    size_t events;
    uint64_t position; /* records before it are done with */
    struct auth_repeat *repeats[AUTH_SLICE_EVENTS];
    size_t repeat_count, due;
    struct left_out left_out[REASONS];
    bool last; /* nothing is left of this pass */
};

/* --- one event ------------------------------------------------------------------------------- */

static const char *type_of(enum auth_kind kind)
{
    static const char *const types[AUTH_KINDS] = {
        [AUTH_ALLOWED] = EVENT_ALLOWED,
        [AUTH_ANONYMOUS] = EVENT_REFUSED,
        [AUTH_REFUSED] = EVENT_REFUSED,
        [AUTH_ENDED] = EVENT_TRIED,
        [AUTH_HONEYTOKEN] = EVENT_HONEYTOKEN_TRIED,
    };
    return types[kind];
}

/* Of a token whose texts did not come along. Not found: it was cleaned away since. */
static tkr_error_t add_token(struct authority *authority, struct arena *arena,
                             struct store_event *event)
{
    const struct store_port *store = authority->store;
    struct token token;
    tkr_error_t error = store->read_token(store->store, event->token_id, arena, &token);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        event->org_id = token.org_id;
        event->user_id = token.user_id;
        event->token_name = token.name;
    }
    return TKR_OK;
}

/* What an event and the number of its repeats have in common; its texts are the caller's. */
struct event_texts {
    char token_id[TOKEN_ID_CHARS + 1], client[IP_TEXT_SIZE];
};
static void describe(const struct auth_refusal *what, bool has_token, struct event_texts *texts,
                     struct store_event *event)
{
    event->verdict = auth_outcome_name(what->outcome);
    event->client = ip_format(&what->client, texts->client);
    if (has_token) {
        token_id_format(what->token_id, texts->token_id);
        event->token_id = texts->token_id;
    }
}

/* An event of the slice; the first one begins its transaction. */
static tkr_error_t note(struct authority *authority, struct slice *slice, struct store_event *event,
                        bool find_token)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    if (slice->events == 0) {
        TRY(store->begin(store->store));
    }
    slice->events++;
    if (find_token) {
        TRY(arena_new(CHANGE_BYTES_MAX, &arena));
        TRY(add_token(authority, arena, event));
    }
    TRY(store->note_event(store->store, event));
    return monitor_alert_tried(authority, event);
}

static tkr_error_t store_record(struct authority *authority, struct slice *slice,
                                const struct auth_record *record)
{
    struct event_texts texts;
    const char *asked_by = text_of(record, AUTH_ASKED_BY);
    char details[sizeof("{\"asked_by\":\"\"}") + TOKEN_ID_CHARS];
    struct store_event event = {
        .at_ms = record->at_ms,
        .type = type_of((enum auth_kind)record->what.kind),
        .org_id = text_of(record, AUTH_ORG),
        .user_id = text_of(record, AUTH_USER),
        .token_name = text_of(record, AUTH_NAME),
        .method = text_of(record, AUTH_METHOD),
        .endpoint = text_of(record, AUTH_ENDPOINT),
        .user_agent = text_of(record, AUTH_USER_AGENT),
        .request_id = text_of(record, AUTH_REQUEST),
        .ray_id = text_of(record, AUTH_RAY),
    };
    if (asked_by[0] != '\0') { /* letters and digits */
        snprintf(details, sizeof(details), "{\"asked_by\":\"%s\"}", asked_by);
        event.details = details;
    }
    describe(&record->what, record->has_token, &texts, &event);
    return note(authority, slice, &event, record->what.kind == AUTH_HONEYTOKEN);
}

static tkr_error_t store_repeat(struct authority *authority, struct slice *slice,
                                const struct auth_repeat *repeat)
{
    static const uint8_t none[TOKEN_ID_BYTES];
    struct event_texts texts;
    bool has_token = memcmp(repeat->refusal.token_id, none, sizeof(none)) != 0;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "of", type_of((enum auth_kind)repeat->refusal.kind));
    details_count(&details, "count", repeat->count);
    details_time(&details, "first_at", repeat->first_ms);
    details_time(&details, "last_at", repeat->last_ms);
    struct store_event event = {
        .at_ms = segment_writer_now_ms(authority->segment),
        .type = EVENT_REPEATED,
        .details = details_finish(&details),
    };
    describe(&repeat->refusal, has_token, &texts, &event);
    return note(authority, slice, &event, has_token);
}

/* --- what has no event of its own ------------------------------------------------------------ */

static struct left_out left_out_for(struct auth *auth, size_t reason)
{
    auth_counts *counts = reason == 0 ? &auth->no_room : &auth->over_maximum;
    struct left_out left_out = {0};
    for (size_t i = 0; i < AUTH_OUTCOMES; i++) {
        uint64_t all = 0;
        for (size_t kind = 0; kind < AUTH_KINDS; kind++) {
            all += atomic_load_explicit(&(*counts)[kind][i], memory_order_relaxed);
        }
        left_out.counts[i] = all - auth->told[reason][i];
        left_out.total += left_out.counts[i];
    }
    return left_out;
}

static tkr_error_t store_left_out(struct authority *authority, struct slice *slice, size_t reason,
                                  const struct left_out *left_out)
{
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "reason", reasons[reason]);
    details_count(&details, "count", left_out->total);
    for (unsigned i = 0; i < AUTH_OUTCOMES; i++) {
        if (left_out->counts[i] > 0) {
            details_count(&details, auth_outcome_name(i), left_out->counts[i]);
        }
    }
    struct store_event event = {
        .at_ms = segment_writer_now_ms(authority->segment),
        .type = EVENT_LEFT_OUT,
        .details = details_finish(&details),
    };
    return note(authority, slice, &event, false);
}

static void tell_left_out(struct authority *authority, size_t reason,
                          const struct left_out *left_out)
{
    for (size_t i = 0; i < AUTH_OUTCOMES; i++) {
        authority->auth->told[reason][i] += left_out->counts[i];
    }
    if (left_out->total > 0) {
        authority_report(authority, reason == 0 ? LOG_WARNING : LOG_INFO, "auth_events_left_out",
                         "%llu verifications have no event of their own: %s",
                         (unsigned long long)left_out->total,
                         reason == 0 ? "there were more than could be stored"
                                     : "more than audit.refusals_per_second");
    }
}

/* --- storing -----------------------------------------------------------------------------------
 */

/* A disk that is slow to sync is the faster for larger transactions. */
static bool has_room_for_more(struct authority *authority, const struct slice *slice)
{
    bool whole = slice->events > 0 && slice->events % AUTH_SLICE_EVENTS == 0;
    return !whole || (slice->events < AUTH_BATCH_EVENTS && !writer_is_awaited(authority));
}

static tkr_error_t store_records(struct authority *authority, struct slice *slice)
{
    struct auth *auth = authority->auth;
    const struct auth_record *record;
    while (has_room_for_more(authority, slice) &&
           (record = ring_next(&auth->ring, &slice->position, auth->judged)) != NULL) {
        if (record->fate == AUTH_STORED) {
            TRY(store_record(authority, slice, record));
        }
    }
    return TKR_OK;
}

static tkr_error_t store_repeats(struct authority *authority, struct slice *slice)
{
    struct auth *auth = authority->auth;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    while (slice->repeat_count < AUTH_SLICE_EVENTS) {
        struct auth_repeat *repeat =
            auth_repeats_due(auth->repeats, now_ms, auth->ending, &slice->due);
        if (repeat == NULL) {
            slice->last = true;
            return TKR_OK;
        }
        TRY(store_repeat(authority, slice, repeat));
        slice->repeats[slice->repeat_count++] = repeat;
    }
    return TKR_OK;
}

static tkr_error_t store_counts(struct authority *authority, struct slice *slice)
{
    for (size_t i = 0; i < REASONS; i++) {
        slice->left_out[i] = left_out_for(authority->auth, i);
        if (slice->left_out[i].total > 0) {
            TRY(store_left_out(authority, slice, i, &slice->left_out[i]));
        }
    }
    return TKR_OK;
}

static tkr_error_t store_all(struct authority *authority, struct slice *slice)
{
    const struct auth *auth = authority->auth;
    TRY(store_records(authority, slice));
    if (slice->position < auth->judged || !auth->telling) {
        slice->last = slice->position == auth->judged;
        return TKR_OK;
    }
    TRY(store_repeats(authority, slice));
    return slice->last ? store_counts(authority, slice) : TKR_OK;
}

static tkr_error_t store_slice(struct authority *authority, struct slice *slice)
{
    const struct store_port *store = authority->store;
    ENSURE(atomic_load(&authority->changes_accepted), TKR_UNAVAILABLE);
    tkr_error_t error = store_all(authority, slice);
    if (error != TKR_OK && slice->events > 0) {
        store->rollback(store->store);
    }
    TRY(error);
    return slice->events > 0 ? writer_commit_usage(authority) : TKR_OK;
}

/* The monitor sees the program that a token is used with, unless that is a service which asked us
 * about it. */
static void feed_monitor(struct authority *authority, const struct auth_record *record)
{
    if (record->has_token && text_of(record, AUTH_ASKED_BY)[0] == '\0') {
        monitor_feed_agent(authority, record->line, record->what.outcome, record->at_ms,
                           text_of(record, AUTH_USER_AGENT));
    }
}

/* The slice is durable. */
static void settle(struct authority *authority, struct slice *slice)
{
    struct auth *auth = authority->auth;
    uint64_t position = ring_tail(&auth->ring);
    const struct auth_record *record;
    while ((record = ring_next(&auth->ring, &position, slice->position)) != NULL) {
        if (record->fate == AUTH_STORED) {
            count(auth->stored, &record->what, 1);
            feed_monitor(authority, record);
        }
    }
    ring_release(&auth->ring, slice->position);
    for (size_t i = 0; i < slice->repeat_count; i++) {
        slice->repeats[i]->count = 0;
    }
    auth->due = slice->due;
    for (size_t i = 0; i < REASONS; i++) {
        tell_left_out(authority, i, &slice->left_out[i]);
    }
}

/* Each state is told once. */
static void note_outcome(struct authority *authority, tkr_error_t error)
{
    struct auth *auth = authority->auth;
    bool waited = atomic_exchange_explicit(&auth->waiting, error != TKR_OK, memory_order_relaxed);
    if (error != TKR_OK && !waited) {
        authority_report(authority, LOG_WARNING, "auth_events_wait",
                         "%s: events of verifications wait in memory until it works, and are "
                         "counted when that is full; verification goes on",
                         tkr_error_name(error));
    } else if (error == TKR_OK && waited) {
        authority_report(authority, LOG_INFO, "auth_events_recovered",
                         "events of verifications are stored again");
    }
}

bool auth_flush_begin(struct authority *authority, bool telling, bool ending)
{
    struct auth *auth = authority->auth;
    atomic_store_explicit(&auth->woken, false, memory_order_relaxed);
    judge_all(authority);
    auth->telling |= telling;
    auth->ending |= ending;
    auth->due = telling ? 0 : auth->due;
    return atomic_load(&authority->changes_accepted);
}

bool auth_flush_slice(struct authority *authority)
{
    struct auth *auth = authority->auth;
    struct slice slice;
    slice.events = slice.repeat_count = 0;
    slice.position = ring_tail(&auth->ring);
    slice.due = auth->due;
    memset(slice.left_out, 0, sizeof(slice.left_out));
    slice.last = false;
    tkr_error_t error = store_slice(authority, &slice);
    note_outcome(authority, error);
    if (error != TKR_OK) {
        return false;
    }
    settle(authority, &slice);
    auth->telling &= !slice.last;
    return !slice.last;
}
