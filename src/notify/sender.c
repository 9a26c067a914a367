/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/sender.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "notify/sender_internal.h"

#define LOOK_MS 5000 /* the outbox is looked into at least so often, were a wake-up lost */

/* --- small things ------------------------------------------------------------------------- */

int64_t sender_now_ms(const struct sender *sender)
{
    return sender->options.port.now_ms(sender->options.port.context);
}

uint64_t sender_draw(const struct sender *sender)
{
    uint64_t number = 0;
    return random_fill(sender->options.random, &number, sizeof(number)) == TKR_OK ? number : 0;
}

static struct letter *find_letter(struct sending_channel *channel, const char *id)
{
    struct letter *found = NULL;
    for (int64_t i = 0; i < channel->config->in_flight; i++) {
        struct letter *letter = &channel->letters[i];
        bool same = id != NULL ? letter->state != LETTER_FREE && strcmp(letter->id, id) == 0
                               : letter->state == LETTER_FREE;
        found = same && found == NULL ? letter : found;
    }
    return found;
}

static bool is_idle(const struct sender *sender)
{
    bool idle = true;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        for (size_t j = 0; j < NOTIFY_IN_FLIGHT_MAX; j++) {
            idle &= sender->channels[i].letters[j].state != LETTER_SENDING;
        }
    }
    return idle;
}

/* --- sending ------------------------------------------------------------------------------ */

void sender_dispatch(struct sender *sender, struct letter *letter,
                     const struct outbox_message *message)
{
    struct sender_port *port = &sender->options.port;
    if (letter->error == TKR_OK && letter->channel->type == NOTIFY_LOG) {
        port->log(port->context, message);
    }
    bool carried =
        letter->error == TKR_OK && letter->transfer != NULL &&
        curl_easy_setopt(letter->transfer->handle, CURLOPT_PRIVATE, letter) == CURLE_OK &&
        curl_multi_add_handle(sender->multi, letter->transfer->handle) == CURLM_OK;
    letter->state = carried ? LETTER_SENDING : LETTER_DONE;
    if (!carried && letter->transfer != NULL && letter->error == TKR_OK) {
        letter->error = TKR_MEMORY;
    }
}

static void send_message(struct sender *sender, struct sending_channel *channel,
                         struct letter *letter, const struct outbox_message *message)
{
    (void)!letter_open(letter, channel->config, message,
                       sender_now_ms(sender)); /* it keeps its error */
    sender_dispatch(sender, letter, message);
}

static size_t count_free(const struct sending_channel *channel)
{
    size_t count = 0;
    for (int64_t i = 0; i < channel->config->in_flight; i++) {
        count += channel->letters[i].state == LETTER_FREE;
    }
    return count;
}

/* While nobody answers, one message at a time finds out whether somebody does again. */
static size_t room_of(const struct sending_channel *channel)
{
    size_t room = count_free(channel);
    bool all_free = room == (size_t)channel->config->in_flight;
    return channel->failures == 0 ? room : all_free;
}

static void fill(struct sender *sender, struct sending_channel *channel, int64_t time_ms)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_message *messages = NULL;
    size_t count = 0, room = room_of(channel);
    int64_t next_ms = INT64_MAX;
    if (room == 0 || time_ms < channel->look_at_ms || time_ms < channel->pause_until) {
        return;
    }
    arena_reset(sender->arena);
    /* Those in flight are still in the outbox, and among the first. */
    tkr_error_t error = port->due(port->context, channel->config->name, time_ms,
                                  NOTIFY_IN_FLIGHT_MAX, sender->arena, &messages, &count, &next_ms);
    if (error != TKR_OK) {
        channel->look_at_ms = time_ms + SENDER_UNTOLD_MS;
        return;
    }
    channel->look_at_ms = next_ms < time_ms + LOOK_MS ? next_ms : time_ms + LOOK_MS;
    for (size_t i = 0; i < count && room > 0; i++) {
        if (find_letter(channel, messages[i].id) == NULL) {
            send_message(sender, channel, find_letter(channel, NULL), &messages[i]);
            room--;
        }
    }
}

/* --- the thread --------------------------------------------------------------------------- */

static void collect(struct sender *sender)
{
    int running = 0, left = 0;
    CURLMsg *message;
    curl_multi_perform(sender->multi, &running);
    while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        struct letter *letter = NULL;
        CURLcode code = message->data.result;
        CURL *handle = message->easy_handle;
        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&letter);
            curl_multi_remove_handle(sender->multi, handle);
            letter_end(letter, code);
        }
    }
}

/* Until something may be due; what curl waits for ends it earlier. */
static int wait_ms(const struct sender *sender)
{
    int64_t time_ms = sender_now_ms(sender), least_ms = LOOK_MS;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        const struct sending_channel *channel = &sender->channels[i];
        int64_t at_ms =
            channel->look_at_ms > channel->pause_until ? channel->look_at_ms : channel->pause_until;
        if (room_of(channel) > 0 && at_ms - time_ms < least_ms) {
            least_ms = at_ms - time_ms;
        }
    }
    int64_t settle_ms = sender->settle_at_ms - time_ms;
    least_ms = sender->settle_at_ms > 0 && settle_ms < least_ms ? settle_ms : least_ms;
    return least_ms > 0 ? (int)least_ms : 0;
}

static void look(struct sender *sender)
{
    int64_t time_ms = sender_now_ms(sender);
    bool woken = atomic_exchange(&sender->woken, false);
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        struct sending_channel *channel = &sender->channels[i];
        channel->look_at_ms = woken ? 0 : channel->look_at_ms;
        fill(sender, channel, time_ms);
    }
}

/* What is in flight may end, and be told. */
static void wind_up(struct sender *sender)
{
    int64_t until_ns = clock_monotonic_ns(sender->options.clock) + NOTIFY_STOP_MS * NS_PER_MS;
    while (!is_idle(sender) && clock_monotonic_ns(sender->options.clock) < until_ns) {
        curl_multi_poll(sender->multi, NULL, 0, 50, NULL);
        collect(sender);
    }
    sender->settle_at_ms = 0;
    sender_settle(sender);
    sender_tests_end(sender);
}

static void *run(void *context)
{
    struct sender *sender = context;
    sender_bury_orphans(sender);
    while (!atomic_load(&sender->stopping)) {
        look(sender);
        sender_tests_run(sender);
        collect(sender);
        sender_settle(sender);
        sender_tests_run(sender);
        if (!atomic_load(&sender->woken) && !atomic_load(&sender->stopping)) {
            curl_multi_poll(sender->multi, NULL, 0, wait_ms(sender), NULL);
        }
    }
    wind_up(sender);
    return NULL;
}

/* --- the whole ---------------------------------------------------------------------------- */

tkr_error_t sender_new(const struct sender_options *options, struct sender **ret_sender)
{
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, TKR_MEMORY);
    struct sender *sender = calloc(1, sizeof(*sender));
    ENSURE(sender != NULL, TKR_MEMORY);
    ASSERT(options->channel_count <= NOTIFY_CHANNELS_MAX);
    sender->options = *options;
    pthread_mutex_init(&sender->tests_mutex, NULL);
    for (size_t i = 0; i < options->channel_count; i++) {
        sender->channels[i].config = options->channels[i];
        ASSERT(options->channels[i]->in_flight >= 1 &&
               options->channels[i]->in_flight <= NOTIFY_IN_FLIGHT_MAX);
    }
    sender->multi = curl_multi_init();
    if (sender->multi == NULL || arena_new(SENDER_ARENA_BYTES, &sender->arena) != TKR_OK) {
        sender_free(sender);
        return TKR_MEMORY;
    }
    *ret_sender = sender;
    return TKR_OK;
}

tkr_error_t sender_start(struct sender *sender)
{
    sigset_t all, before;
    pthread_mutex_lock(&sender->tests_mutex);
    sender->running = true;
    pthread_mutex_unlock(&sender->tests_mutex);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    sender->started = pthread_create(&sender->thread, NULL, run, sender) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sender->started ? TKR_OK : TKR_MEMORY;
}

void sender_wake(struct sender *sender)
{
    atomic_store(&sender->woken, true);
    curl_multi_wakeup(sender->multi);
}

void sender_stop(struct sender *sender)
{
    if (!sender->started) {
        return;
    }
    atomic_store(&sender->stopping, true);
    curl_multi_wakeup(sender->multi);
    pthread_join(sender->thread, NULL);
    sender->started = false;
}

static void free_letters(struct sender *sender)
{
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX; i++) {
        struct letter *letter =
            &sender->channels[i / NOTIFY_IN_FLIGHT_MAX].letters[i % NOTIFY_IN_FLIGHT_MAX];
        if (letter->state == LETTER_SENDING && letter->transfer != NULL) {
            curl_multi_remove_handle(sender->multi, letter->transfer->handle);
        }
        letter_close(letter);
    }
}

void sender_free(struct sender *sender)
{
    if (sender == NULL) {
        return;
    }
    sender_stop(sender);
    free_letters(sender);
    curl_multi_cleanup(sender->multi);
    arena_free(sender->arena);
    pthread_mutex_destroy(&sender->tests_mutex);
    free(sender);
}
