/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log in the store. The store gives each event the next number and chains it
 * (audit/chain.h) in the transaction that it is part of; what the engine adds to a commit is the
 * seal, because the key is not the store's.
 */
#ifndef ENGINE_AUDIT_PORT_H
#define ENGINE_AUDIT_PORT_H

#include <stdbool.h>

#include "audit/checkpoint.h"
#include "base/arena.h"

/* Where the chain begins, its newest event, and the newest checkpoint. */
struct store_head {
    uint64_t first_seq;               /* of the chain */
    uint8_t base[AUDIT_DIGEST_BYTES]; /* the digest before that one */
    uint64_t seq;                     /* first_seq - 1: it has none yet */
    uint8_t digest[AUDIT_DIGEST_BYTES];
    uint64_t checkpoint_seq; /* 0: there is none */
    int64_t checkpoint_at_ms;
};

struct store_seal {
    uint8_t mac[SEAL_MAC_BYTES]; /* of the head */
    bool has_checkpoint;
    struct audit_checkpoint checkpoint; /* of the head */
};

/* Called within each commit that adds events, on the writer thread. An error fails the commit.
 * `head` has the checkpoint of before; the one that is made becomes part of what is sealed. */
struct store_sealer {
    tkr_error_t (*seal)(void *context, const struct store_head *head, struct store_seal *ret_seal);
    void *context;
};

/* The log as it stands at one moment. What somebody made unreadable is 0. */
struct store_log {
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    struct store_head head;
    int64_t oldest, newest; /* numbers of events that are there; 1 and 0: none is */
    bool has_mac;
    uint8_t mac[SEAL_MAC_BYTES];
};

struct store_log_event {
    struct audit_event event; /* its texts live until `visit` returns, or in the arena */
    bool has_digest; /* false: it is of before the chain, or what stands there is not an event's */
    uint8_t digest[AUDIT_DIGEST_BYTES];
};

/* NULL and 0: any. */
struct event_filter {
    const char *org_id;
    const char *type; /* exact, or with `.*` at its end: all that begin so */
    const char *actor_token, *token_id, *user_id, *verdict, *client;
    int64_t from_ms, until_ms; /* from <= time < until */
    bool oldest_first;
    uint32_t limit;     /* 1 to LIST_PAGE_MAX */
    uint32_t scan_max;  /* rows that are looked at; 0: AUDIT_SCAN_EVENTS */
    const char *cursor; /* NULL: from the newest, or the oldest */
};
/* It may be short, or empty, and have a cursor. With the oldest first it always has one, behind
 * which later events will be. */
struct event_page {
    struct store_log_event *events;
    size_t count;
    const char *next_cursor;
};

struct store;
struct store_audit {
    void (*set_sealer)(struct store *store, const struct store_sealer *sealer);
    /* The batch that has begun seals the head although it adds no event. */
    void (*seal_now)(struct store *store);
    /* Of the event that was written last, in this batch or before it. The writer thread only. */
    uint64_t (*newest_seq)(struct store *store);
    /* Deletes the oldest events of the chain, up to `until_seq` but at most `most` of them, and
     * their checkpoints: the chain begins behind them from now on, *ret_first_seq, and the batch
     * seals that. The writer thread only. TKR_OUT_OF_RANGE: the chain does not reach there;
     * TKR_CORRUPT: there is no digest to begin behind. */
    tkr_error_t (*drop_events)(struct store *store, uint64_t until_seq, uint32_t most,
                               uint64_t *ret_first_seq);
    tkr_error_t (*read_log)(struct store *store, struct store_log *ret_log);
    /* Events from `from_seq` on by their number, in slices of their own, whatever the chain says;
     * an error of `visit` stops and is returned. */
    tkr_error_t (*each_event)(struct store *store, uint64_t from_seq, uint64_t until_seq,
                              tkr_error_t (*visit)(void *context,
                                                   const struct store_log_event *event),
                              void *context);
    tkr_error_t (*each_checkpoint)(struct store *store, uint64_t from_seq,
                                   tkr_error_t (*visit)(void *context,
                                                        const struct audit_checkpoint *checkpoint),
                                   void *context);
    /* INVALID: the cursor is none of ours. */
    tkr_error_t (*list_events)(struct store *store, const struct event_filter *filter,
                               struct arena *arena, struct event_page *ret_page);
};

#endif
