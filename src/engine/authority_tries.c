/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries of tokens that nobody should present any more.
 *
 * Verifiers put them into slots; the writer thread takes them out with each flush. A slot is taken
 * by one exchange of a word, so no verifier waits for another or for the store, and what finds its
 * slot taken is only counted. Slots are left again after the commit: while the store cannot write,
 * the oldest tries are kept and told once the disk has room.
 *
 * What comes in is chosen by whoever tries. Three things bound it: a token from an address is known
 * for the minute (a client that goes on with its revoked token is one event, not sixty thousand),
 * a second has room for TRIES_PER_SECOND, of which half is kept for honeytokens (so that nobody
 * covers those with a revoked token), and the slots are TRIES_QUEUE_MAX. A pair that is forgotten
 * because another took its place is one event more, nothing worse.
 *
 * kill -9 loses the tries since the last flush (`usage.flush_ms`, a second unless configured).
 */
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"

#define NS_PER_S INT64_C(1000000000)
#define S_PER_MINUTE 60

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_READY };

struct slot {
    _Atomic int state;
    bool told; /* in the log; the writer thread's */
    bool honeytoken;
    int64_t at_ms;
    const char *verdict;
    char token_id[TOKEN_ID_CHARS + 1], asked_by[TOKEN_ID_CHARS + 1];
    char client[IP_TEXT_SIZE], user_agent[USER_AGENT_BYTES_MAX + 1];
    char request_id[HTTP_REQUEST_ID_BYTES_MAX + 1], endpoint[TRY_ENDPOINT_BYTES_MAX + 1];
};

struct tries {
    struct slot slots[TRIES_QUEUE_MAX];
    _Atomic uint32_t next;                 /* slot */
    _Atomic uint64_t second;               /* {second:32 | tries in it:32} */
    _Atomic uint64_t seen[TRIES_SEEN_MAX]; /* {hash of token and client:32 | minute:32} */
    _Atomic uint64_t honeytokens, ended, left_out;
    uint64_t told_left_out; /* the writer thread's, like all below */
    bool failed;
};

tkr_error_t tries_init(struct authority *authority)
{
    authority->tries = calloc(1, sizeof(*authority->tries));
    return authority->tries != NULL ? TKR_OK : TKR_MEMORY;
}

/* --- any thread --------------------------------------------------------------------------- */

/* FNV-1a. Whoever makes two pairs collide hides the second of their own tries, which is counted. */
static uint64_t hash(uint64_t start, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        start = (start ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return start;
}

static bool seen_this_minute(struct tries *tries, uint64_t pair, uint32_t minute)
{
    _Atomic uint64_t *place = &tries->seen[(pair >> 32) % TRIES_SEEN_MAX];
    uint64_t now = (pair & UINT32_MAX) << 32 | minute;
    return atomic_exchange_explicit(place, now, memory_order_relaxed) == now;
}

static bool room_this_second(struct tries *tries, uint32_t second, uint32_t most)
{
    uint64_t was = atomic_load_explicit(&tries->second, memory_order_relaxed);
    uint64_t becomes;
    do {
        uint32_t count = was >> 32 == second ? (uint32_t)was : 0;
        if (count >= most) {
            return false;
        }
        becomes = (uint64_t)second << 32 | (count + 1);
    } while (!atomic_compare_exchange_weak_explicit(&tries->second, &was, becomes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool authority_try_begin(struct authority *authority, const uint8_t *token_id, bool honeytoken,
                         const void *client, size_t client_bytes)
{
    struct tries *tries = authority->tries;
    int64_t now_s = clock_monotonic_ns(authority->options.clock) / NS_PER_S;
    uint64_t pair =
        hash(hash(UINT64_C(0xcbf29ce484222325), token_id, TOKEN_ID_BYTES), client, client_bytes);
    uint32_t most = honeytoken ? TRIES_PER_SECOND : TRIES_PER_SECOND / 2;
    atomic_fetch_add_explicit(honeytoken ? &tries->honeytokens : &tries->ended, 1,
                              memory_order_relaxed);
    if (!seen_this_minute(tries, pair, (uint32_t)(now_s / S_PER_MINUTE) + 1) &&
        room_this_second(tries, (uint32_t)now_s, most)) {
        return true;
    }
    atomic_fetch_add_explicit(&tries->left_out, 1, memory_order_relaxed);
    return false;
}

static void copy(char *to, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);
    memcpy(to, text, length);
    to[length] = '\0';
}

void authority_try_note(struct authority *authority, const struct token_try *tried)
{
    struct tries *tries = authority->tries;
    uint32_t next = atomic_fetch_add_explicit(&tries->next, 1, memory_order_relaxed);
    struct slot *slot = &tries->slots[next % TRIES_QUEUE_MAX];
    int expected = SLOT_FREE;
    if (!atomic_compare_exchange_strong_explicit(&slot->state, &expected, SLOT_TAKEN,
                                                 memory_order_acquire, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&tries->left_out, 1, memory_order_relaxed);
        return;
    }
    slot->told = false;
    slot->honeytoken = tried->honeytoken;
    slot->at_ms = segment_writer_now_ms(authority->segment);
    slot->verdict = tried->verdict;
    token_id_format(tried->token_id, slot->token_id);
    copy(slot->asked_by, sizeof(slot->asked_by), tried->asked_by);
    copy(slot->client, sizeof(slot->client), tried->client);
    copy(slot->user_agent, sizeof(slot->user_agent), tried->user_agent);
    copy(slot->request_id, sizeof(slot->request_id), tried->request_id);
    copy(slot->endpoint, sizeof(slot->endpoint), tried->endpoint);
    atomic_store_explicit(&slot->state, SLOT_READY, memory_order_release);
}

void authority_tries(struct authority *authority, struct tries_stats *ret_stats)
{
    struct tries *tries = authority->tries;
    *ret_stats = (struct tries_stats){
        .honeytokens = atomic_load_explicit(&tries->honeytokens, memory_order_relaxed),
        .ended = atomic_load_explicit(&tries->ended, memory_order_relaxed),
        .left_out = atomic_load_explicit(&tries->left_out, memory_order_relaxed),
    };
}

/* --- on the writer thread ----------------------------------------------------------------- */

/* Before it is stored, so that a full disk does not silence the alert. */
static void tell(struct authority *authority, struct slot *slot)
{
    if (slot->honeytoken && !slot->told) {
        authority_report(authority, LOG_WARNING, "honeytoken_tried",
                         "somebody presented honeytoken %s: from %s at %s, request %s",
                         slot->token_id,
                         slot->client[0] != '\0' ? slot->client : "an address that is not told",
                         slot->endpoint, slot->request_id);
    }
    slot->told = true;
}

static tkr_error_t store_slot(struct authority *authority, const struct slot *slot)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    CLEANUP(details_deinit) struct details details;
    struct token token;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    details_init(&details);
    if (slot->asked_by[0] != '\0') {
        details_text(&details, "asked_by", slot->asked_by);
    }
    struct store_event event = {
        .at_ms = slot->at_ms,
        .type = slot->honeytoken ? EVENT_HONEYTOKEN_TRIED : EVENT_TRIED,
        .token_id = slot->token_id,
        .verdict = slot->verdict,
        .endpoint = slot->endpoint,
        .client = slot->client,
        .user_agent = slot->user_agent,
        .request_id = slot->request_id,
        .details = details_finish(&details),
    };
    tkr_error_t error = store->read_token(store->store, slot->token_id, arena, &token);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error); /* not found: cleaned away since */
    if (error == TKR_OK) {
        event.org_id = token.org_id;
        event.user_id = token.user_id;
        event.token_name = token.name;
    }
    return store->note_event(store->store, &event);
}

static tkr_error_t store_left_out(struct authority *authority, uint64_t count)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_count(&details, "count", count);
    struct store_event event = {
        .at_ms = segment_writer_now_ms(authority->segment),
        .type = "token.tries_left_out",
        .details = details_finish(&details),
    };
    return store->note_event(store->store, &event);
}

static tkr_error_t store_all(struct authority *authority, struct slot *const *slots, size_t count,
                             uint64_t left_out)
{
    const struct store_port *store = authority->store;
    TRY(store->begin(store->store));
    tkr_error_t error = left_out > 0 ? store_left_out(authority, left_out) : TKR_OK;
    for (size_t i = 0; i < count && error == TKR_OK; i++) {
        error = store_slot(authority, slots[i]);
    }
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return writer_commit_usage(authority);
}

/* Each state is told once. */
static void note_outcome(struct authority *authority, tkr_error_t error)
{
    struct tries *tries = authority->tries;
    if (error != TKR_OK && !tries->failed) {
        authority_report(authority, LOG_WARNING, "tries_not_stored",
                         "%s: up to %d tries of ended tokens wait until it works",
                         tkr_error_name(error), TRIES_QUEUE_MAX);
    }
    tries->failed = error != TKR_OK;
}

void tries_flush(struct authority *authority)
{
    struct tries *tries = authority->tries;
    struct slot *ready[TRIES_QUEUE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < TRIES_QUEUE_MAX; i++) {
        struct slot *slot = &tries->slots[i];
        if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_READY) {
            tell(authority, slot);
            ready[count++] = slot;
        }
    }
    uint64_t left_out = atomic_load_explicit(&tries->left_out, memory_order_relaxed);
    uint64_t untold = left_out - tries->told_left_out;
    if ((count == 0 && untold == 0) || !atomic_load(&authority->changes_accepted)) {
        return;
    }
    tkr_error_t error = store_all(authority, ready, count, untold);
    note_outcome(authority, error);
    if (error != TKR_OK) {
        return;
    }
    if (untold > 0) {
        authority_report(authority, LOG_INFO, "tries_left_out",
                         "%llu more tries of ended tokens have no event of their own",
                         (unsigned long long)untold);
    }
    tries->told_left_out = left_out;
    for (size_t i = 0; i < count; i++) {
        atomic_store_explicit(&ready[i]->state, SLOT_FREE, memory_order_release);
    }
}
