/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox: messages for the channels that somebody configured, in the store until their
 * receiver has them.
 *
 *             put                     settle(SENT)
 *   (none) ───────▶ waits, next_at ─────────────────▶ (none)
 *                     │   ▲   │ settle(LATER): next_at moves
 *        settle(DEAD) │   └───┘
 *                     ▼   ▲
 *                    dead │ revive
 *                     └───┘ ... or drop ▶ (none)
 *
 * A row is put in the transaction of what it tells of, and goes in a transaction after its
 * receiver said that it has it: so it is delivered at least once, and whoever gets it twice knows
 * it by its id. Of each channel at most OUTBOX_WAITING_MAX wait and OUTBOX_DEAD_MAX are dead; an
 * eighth of those that wait is kept for each severity above, so that a flood of what matters little
 * does not keep out what matters.
 */
#ifndef ENGINE_OUTBOX_PORT_H
#define ENGINE_OUTBOX_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"

/* Stored as a number: never renumber. */
enum alert_severity {
    ALERT_INFO, /* for machines: nobody has to read it */
    ALERT_LOW,
    ALERT_MEDIUM,
    ALERT_HIGH,
    ALERT_CRITICAL,
    ALERT_SEVERITY_COUNT
};

/* "info", "low", ... "critical" */
static inline const char *outbox_severity_name(enum alert_severity severity)
{
    static const char *const names[ALERT_SEVERITY_COUNT] = {"info", "low", "medium", "high",
                                                            "critical"};
    return names[severity];
}

#define OUTBOX_ID_CHARS TOKEN_ID_CHARS /* "msg_" and 26 characters */

struct outbox_message {
    char id[OUTBOX_ID_CHARS + 1]; /* of this row: the same at each try */
    const char *channel;
    int64_t at_ms; /* of what it tells */
    enum alert_severity severity;
    const char *type;                                     /* "token.expiring" */
    const char *org_id, *user_id, *token_id, *token_name; /* "" for none, as below */
    const char *summary;
    const char *details; /* JSON object text */
    /* What became of it so far. */
    int64_t since_ms; /* when it began to wait: when it was put, or revived */
    int64_t next_at_ms;
    uint32_t tries;
    int64_t dead_at_ms; /* 0: it waits */
    const char *error;  /* of the last try */
};

enum outbox_outcome { OUTBOX_SENT, OUTBOX_LATER, OUTBOX_DEAD };
struct outbox_result {
    const char *id, *channel, *type; /* of the message */
    enum outbox_outcome outcome;
    int64_t at_ms;
    int64_t next_at_ms; /* LATER */
    const char *error;  /* of LATER and DEAD; for people, never a secret */
};

/* A channel in the store. Counts are of all time. */
struct outbox_channel {
    const char *name;
    uint64_t waiting, dead;           /* rows, now */
    uint64_t sent, failed, left_out;  /* delivered; tries that failed; found it full */
    int64_t sent_at_ms, failed_at_ms; /* the last one; 0: never */
    const char *error;                /* of the last failure; "" for none */
};

struct outbox_page_of {
    const char *channel; /* NULL: of all */
    uint32_t limit;      /* 1 to LIST_PAGE_MAX */
    const char *cursor;  /* NULL: from the newest */
};
struct outbox_page {
    struct outbox_message *messages;
    size_t count;
    const char *next_cursor; /* NULL: no more */
};

struct store;
struct store_outbox {
    /* --- the writer thread only --- */
    /* Remembers a key. *ret_new: it was not known. Some that are older than ALERT_KEY_TTL_S go. */
    tkr_error_t (*put_key)(struct store *store, const char *key, int64_t now_ms, bool *ret_new);
    /* *ret_stored false: the channel is full, which is counted. */
    tkr_error_t (*put)(struct store *store, const struct outbox_message *message, bool *ret_stored);
    /* What became of a try. One that was dropped meanwhile is only counted. */
    tkr_error_t (*settle)(struct store *store, const struct outbox_result *result);
    /* Of dead ones, by their id, or all (NULL): they wait again, as new; or go. *ret_count: how
     * many. Those that are not dead are not found. */
    tkr_error_t (*revive)(struct store *store, const char *id, int64_t now_ms, uint64_t *ret_count);
    tkr_error_t (*drop)(struct store *store, const char *id, uint64_t *ret_count);

    /* --- any thread --- */
    /* Those that are due, the longest due first. *ret_next_ms: when the next one of the channel
     * that is not among them is or was due; INT64_MAX: there is none. */
    tkr_error_t (*list_due)(struct store *store, const char *channel, int64_t now_ms,
                            uint32_t limit, struct arena *arena,
                            struct outbox_message **ret_messages, size_t *ret_count,
                            int64_t *ret_next_ms);
    /* The dead ones, the newest first. INVALID: the cursor is none of ours. */
    tkr_error_t (*list_dead)(struct store *store, const struct outbox_page_of *page,
                             struct arena *arena, struct outbox_page *ret_page);
    /* By name. */
    tkr_error_t (*list_channels)(struct store *store, struct arena *arena,
                                 struct outbox_channel **ret_channels, size_t *ret_count);
};

#endif
