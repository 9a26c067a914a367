/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the sender. All of it is the sender's thread's, but where it says otherwise.
 *
 *   sender.c         the thread: what is due goes out, what curl says is collected
 *   sender_settle.c  what became of letters, and of channels that are not there any more
 *   sender_tests.c   tests that somebody waits for
 *   sender_letter.c  one message on its way
 */
#ifndef NOTIFY_SENDER_INTERNAL_H
#define NOTIFY_SENDER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "notify/sender.h"
#include "notify/sender_letter.h"

#define SENDER_ARENA_BYTES (256 * 1024)
#define SENDER_UNTOLD_MS 1000 /* what could not be settled or read is tried again then */
#define SENDER_BY_BYTES 64
#define NS_PER_MS INT64_C(1000000)

/* A test that somebody waits for. */
struct test {
    bool used, started;
    size_t channel;
    char by[SENDER_BY_BYTES];
    sender_test_done done;
    void *context;
    struct notify_channel config; /* the channel's, with less time: somebody waits */
    struct letter letter;
    int64_t started_ns;
};

struct sending_channel {
    const struct notify_channel *config;
    struct letter letters[NOTIFY_IN_FLIGHT_MAX];
    int64_t look_at_ms;  /* when something may be due */
    int64_t pause_until; /* nothing is started before */
    uint32_t failures;   /* tries in a row that found nobody */
    bool failing;        /* told, until a message arrives */
};

struct sender {
    struct sender_options options;
    struct sending_channel channels[NOTIFY_CHANNELS_MAX];
    CURLM *multi;
    struct arena *arena; /* for what is read of the outbox */
    pthread_t thread;
    bool started;
    _Atomic bool woken, stopping;
    pthread_mutex_t tests_mutex; /* guards `used` and `running` */
    struct test tests[NOTIFY_TESTS_MAX];
    bool running;
    int64_t settle_at_ms; /* what could not be settled waits until then */
    bool untold;          /* told, until it works again */
};

int64_t sender_now_ms(const struct sender *sender);
/* Where randomness fails there is no jitter, and messages go out all the same. */
uint64_t sender_draw(const struct sender *sender);
/* A letter that is open goes to curl; one that needs no curl, or could not be built, is done. */
void sender_dispatch(struct sender *sender, struct letter *letter,
                     const struct outbox_message *message);

/* Tells the outbox of all letters that are done, and frees their slots. */
void sender_settle(struct sender *sender);
/* Channels that somebody took out of the configuration: what waits for them waits in vain. */
void sender_bury_orphans(struct sender *sender);

void sender_tests_run(struct sender *sender);
/* Whoever still waits is told, and nobody is taken any more. */
void sender_tests_end(struct sender *sender);

#endif
