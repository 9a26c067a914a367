/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who delivers: one thread that takes messages out of the outbox and sends them, over libcurl's
 * multi interface.
 *
 *   outbox ── due ──▶ letters in flight, some for each channel ──▶ receivers
 *      ▲                          │
 *      └───────── settle ─────────┘   sent: it goes · later: another try · dead
 *
 * Each channel has slots of its own, so a receiver that is slow or gone holds up nobody but itself;
 * while nobody answers at all, its channel pauses. What was sent is told to the outbox afterwards:
 * killed in between, the same message is sent once more, with the same id. What cannot be told (a
 * full disk) keeps its slot until it can, so that nobody is sent the same over and over.
 *
 * The thread waits for receivers, the store and nothing else; nobody waits for it but who asked for
 * a test.
 */
#ifndef NOTIFY_SENDER_H
#define NOTIFY_SENDER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/outbox_port.h"
#include "notify/channel.h"

/* The outbox and whom to tell, as who uses this gives them. Called on the sender's thread. */
struct sender_port {
    void *context;
    /* See store_outbox.list_due, list_channels. */
    tkr_error_t (*due)(void *context, const char *channel, int64_t by_ms, uint32_t limit,
                       struct arena *arena, struct outbox_message **ret_messages, size_t *ret_count,
                       int64_t *ret_next_ms);
    tkr_error_t (*channels)(void *context, struct arena *arena,
                            struct outbox_channel **ret_channels, size_t *ret_count);
    /* Durable when it returns. */
    tkr_error_t (*settle)(void *context, const struct outbox_result *results, size_t count);
    int64_t (*now_ms)(void *context); /* what times in the outbox are measured against */
    /* A message of a channel of type log. */
    void (*log)(void *context, const struct outbox_message *message);
    /* What somebody should know, each state once. Never a secret. */
    void (*report)(void *context, enum log_level level, const char *event, const char *detail);
};

struct sender_options {
    const struct notify_channel *const *channels; /* at most NOTIFY_CHANNELS_MAX; the caller's */
    size_t channel_count;
    struct sender_port port;
    const struct clock *clock; /* for how long a test took */
    const struct random_source *random;
};

struct sender;
/* Errors: TKR_MEMORY. Nothing is sent before sender_start. */
MUST_USE tkr_error_t sender_new(const struct sender_options *options, struct sender **ret_sender);
/* Messages of channels that are not configured any more become dead letters. TKR_MEMORY. */
MUST_USE tkr_error_t sender_start(struct sender *sender);
/* There is something new in the outbox. Any thread, never blocks; also before the start. */
void sender_wake(struct sender *sender);
/* Starts nothing more, gives what is in flight NOTIFY_STOP_MS, and ends the thread; who waits for a
 * test is told. Twice is fine. */
void sender_stop(struct sender *sender);
void sender_free(struct sender *sender); /* stops; NULL is allowed */

struct sender_test_result {
    bool delivered;
    long status;        /* of HTTP; 0: there was none */
    const char *error;  /* why not; "" when it was delivered */
    const char *answer; /* the beginning of what the receiver said, printable; "" for nothing */
    int64_t duration_ms;
};
typedef void (*sender_test_done)(void *context, const struct sender_test_result *result);
/*
 * Sends a message of the type notify.test over a channel, as any other but for the outbox: at once,
 * and without another try. `done` is called once, on the sender's thread; not when the call itself
 * fails: TKR_NOT_FOUND (no such channel), TKR_BUSY (NOTIFY_TESTS_MAX wait), TKR_UNAVAILABLE (it is
 * not running). `by` is who asks, for the text.
 */
MUST_USE tkr_error_t sender_test(struct sender *sender, const char *channel, const char *by,
                                 sender_test_done done, void *context);

#endif
