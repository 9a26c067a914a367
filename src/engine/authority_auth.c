/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of verifications, from any thread. See auth_events.h. */
#include <stdlib.h>
#include <string.h>

#include "engine/auth_internal.h"

const char *auth_outcome_name(unsigned outcome)
{
    switch (outcome) {
    case AUTH_NO_TOKEN:
        return "no_token";
    case AUTH_CONFLICT:
        return "conflicting_tokens";
    default:
        return tkr_verdict_name((tkr_verdict_t)outcome);
    }
}

tkr_error_t auth_init(struct authority *authority)
{
    struct auth *auth = aligned_alloc(_Alignof(struct auth), sizeof(*auth));
    ENSURE(auth != NULL, TKR_MEMORY);
    memset(auth, 0, sizeof(*auth));
    authority->auth = auth;
    auth->repeats = calloc(1, sizeof(*auth->repeats));
    ENSURE(auth->repeats != NULL, TKR_MEMORY);
    TRY(random_fill(authority->options.random, &auth->repeats->seed, sizeof(auth->repeats->seed)));
    TRY(auth_seen_new(&auth->seen));
    bool all = authority->options.audit_successes == AUDIT_SUCCESSES_ALL;
    return ring_init(&auth->ring, all ? AUTH_RING_BYTES_ALL : AUTH_RING_BYTES);
}

void auth_deinit(struct authority *authority)
{
    struct auth *auth = authority->auth;
    if (auth == NULL) {
        return;
    }
    ring_deinit(&auth->ring);
    free(auth->seen);
    free(auth->repeats);
    free(auth);
}

bool authority_auth_wanted(struct authority *authority, const struct verify_result *result)
{
    if (result->verdict != TKR_VERDICT_VALID) {
        return true;
    }
    switch (authority->options.audit_successes) {
    case AUDIT_SUCCESSES_ALL:
        return true;
    case AUDIT_SUCCESSES_FIRST_PER_MINUTE:
        return !auth_seen_take(authority->auth->seen, result->token_id, result->now_ms);
    case AUDIT_SUCCESSES_NONE:
        break;
    }
    return false;
}

/* --- into the ring ------------------------------------------------------------------------- */

static enum auth_kind kind_of(const struct auth_event *event)
{
    switch (event->outcome) {
    case TKR_VERDICT_VALID:
        return AUTH_ALLOWED;
    case TKR_VERDICT_REVOKED:
    case TKR_VERDICT_QUARANTINED:
        return AUTH_ENDED;
    default:
        return event->honeytoken         ? AUTH_HONEYTOKEN
               : event->token_id != NULL ? AUTH_REFUSED
                                         : AUTH_ANONYMOUS;
    }
}

/* Nobody else wrote it, so what a NUL in it would hide is cut there. */
static size_t length_of(const struct verify_text *text)
{
    return text->length > 0
               ? strnlen(text->text,
                         text->length < AUTH_TEXT_BYTES_MAX ? text->length : AUTH_TEXT_BYTES_MAX)
               : 0;
}

static void fill(struct auth_record *record, const struct auth_event *event, enum auth_kind kind,
                 int64_t at_ms, const uint8_t lengths[AUTH_TEXTS])
{
    record->at_ms = at_ms;
    record->what = (struct auth_refusal){
        .client = event->client, .outcome = (uint8_t)event->outcome, .kind = (uint8_t)kind};
    record->has_token = event->token_id != NULL;
    record->line = event->line;
    if (record->has_token) {
        memcpy(record->what.token_id, event->token_id, TOKEN_ID_BYTES);
    }
    record->fate = AUTH_UNDECIDED;
    memcpy(record->lengths, lengths, AUTH_TEXTS);
    char *at = record->texts;
    for (size_t i = 0; i < AUTH_TEXTS; i++) {
        if (lengths[i] > 0) {
            at = mempcpy(at, event->texts[i].text, lengths[i]);
        }
        *at++ = '\0';
    }
}

/* Once, until the writer has begun. The mutex is held for a moment by whoever submits a change;
 * when it is, the next note tells. */
static void wake_writer(struct authority *authority)
{
    struct auth *auth = authority->auth;
    if (atomic_load_explicit(&auth->waiting, memory_order_relaxed) ||
        atomic_exchange_explicit(&auth->woken, true, memory_order_relaxed)) {
        return;
    }
    if (pthread_mutex_trylock(&authority->queue_mutex) != 0) {
        atomic_store_explicit(&auth->woken, false, memory_order_relaxed);
        return;
    }
    authority->auth_due = true;
    pthread_cond_signal(&authority->queue_changed);
    pthread_mutex_unlock(&authority->queue_mutex);
}

void authority_auth_note(struct authority *authority, const struct auth_event *event)
{
    static const uint8_t eighths[AUTH_KINDS] = {
        [AUTH_ALLOWED] = 4, [AUTH_ANONYMOUS] = 5,  [AUTH_REFUSED] = 6,
        [AUTH_ENDED] = 7,   [AUTH_HONEYTOKEN] = 8,
    };
    struct auth *auth = authority->auth;
    size_t eighth = auth->ring.size / 8;
    enum auth_kind kind = kind_of(event);
    uint8_t lengths[AUTH_TEXTS];
    size_t bytes = sizeof(struct auth_record);
    for (size_t i = 0; i < AUTH_TEXTS; i++) {
        lengths[i] = (uint8_t)length_of(&event->texts[i]);
        bytes += lengths[i] + 1U;
    }
    atomic_fetch_add_explicit(&auth->noted[kind][event->outcome], 1, memory_order_relaxed);
    struct auth_record *record = ring_reserve(&auth->ring, bytes, eighths[kind] * eighth);
    if (record == NULL) {
        atomic_fetch_add_explicit(&auth->no_room[kind][event->outcome], 1, memory_order_relaxed);
        return;
    }
    int64_t at_ms = event->at_ms != 0 ? event->at_ms : segment_writer_now_ms(authority->segment);
    fill(record, event, kind, at_ms, lengths);
    ring_publish(record);
    if (UNLIKELY(ring_used(&auth->ring) >= eighth)) {
        wake_writer(authority);
    }
}

/* --- figures --------------------------------------------------------------------------------- */

static uint64_t sum(const auth_counts counts, enum auth_kind first, enum auth_kind last)
{
    uint64_t total = 0;
    for (int kind = (int)first; kind <= (int)last; kind++) {
        for (size_t outcome = 0; outcome < AUTH_OUTCOMES; outcome++) {
            total += atomic_load_explicit(&counts[kind][outcome], memory_order_relaxed);
        }
    }
    return total;
}

void authority_auth_stats(struct authority *authority, struct auth_stats *ret_stats)
{
    struct auth *auth = authority->auth;
    *ret_stats = (struct auth_stats){
        .honeytokens = sum(auth->noted, AUTH_HONEYTOKEN, AUTH_HONEYTOKEN),
        .ended = sum(auth->noted, AUTH_ENDED, AUTH_ENDED),
        .tries_left_out = sum(auth->repeated, AUTH_ENDED, AUTH_HONEYTOKEN) +
                          sum(auth->over_maximum, AUTH_ENDED, AUTH_HONEYTOKEN) +
                          sum(auth->no_room, AUTH_ENDED, AUTH_HONEYTOKEN),
        .allowed = sum(auth->stored, AUTH_ALLOWED, AUTH_ALLOWED),
        .refused = sum(auth->stored, AUTH_ANONYMOUS, AUTH_HONEYTOKEN),
        .repeated = sum(auth->repeated, AUTH_ALLOWED, AUTH_HONEYTOKEN),
        .over_maximum = sum(auth->over_maximum, AUTH_ALLOWED, AUTH_HONEYTOKEN),
        .no_room = sum(auth->no_room, AUTH_ALLOWED, AUTH_HONEYTOKEN),
    };
}
