/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "notify/retry.h"
#include "notify/sender_internal.h"

#define ORPHANS_SLICE 50
#define ORPHANS_BYTES (1024 * 1024) /* of a slice */

static void report(const struct sender *sender, enum log_level level, const char *event,
                   const char *channel, const char *what)
{
    char detail[FAULT_DETAIL_BYTES];
    snprintf(detail, sizeof(detail), "channel %s: %s", channel, what);
    sender->options.port.report(sender->options.port.context, level, event, detail);
}

static void note_outcome(struct sender *sender, struct sending_channel *channel,
                         const struct letter *letter, const char *error)
{
    bool sent = letter->outcome == OUTBOX_SENT;
    const char *name = channel->config->name;
    channel->failures = sent || letter->result.status != 0 ? 0 : channel->failures + 1;
    int64_t pause_ms = retry_pause_ms(channel->failures, sender_draw(sender));
    if (!sent && letter->result.retry_after_s > 0) {
        pause_ms = letter->next_at_ms - sender_now_ms(sender);
    }
    channel->pause_until = pause_ms > 0 ? sender_now_ms(sender) + pause_ms : 0;
    channel->look_at_ms = 0;
    if (sent && channel->failing) {
        report(sender, LOG_INFO, "notify_recovered", name, "messages arrive again");
    } else if (!sent && !channel->failing) {
        report(sender, LOG_WARNING, "notify_failed", name, error);
    }
    channel->failing = !sent;
}

/* Decides once; settling may be tried several times. */
static void judge(struct sender *sender, struct sending_channel *channel, struct letter *letter)
{
    char error[OUTBOX_ERROR_BYTES_MAX + 1];
    int64_t time_ms = sender_now_ms(sender);
    const struct retry_try tried = {
        .error = letter->error,
        .status = letter->result.status,
        .retry_after_s = letter->result.retry_after_s,
        .tries = letter->tries + 1,
        .age_ms = time_ms - letter->since_ms,
        .give_up_ms = channel->config->give_up_s * 1000,
    };
    letter->outcome = retry_judge(&tried);
    letter->next_at_ms = time_ms + retry_delay_ms(&tried, sender_draw(sender));
    letter->judged = true;
    note_outcome(sender, channel, letter, letter_error(letter, error));
}

struct settling {
    struct outbox_result results[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX];
    char errors[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX][OUTBOX_ERROR_BYTES_MAX + 1];
    struct letter *letters[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX];
    size_t count;
};

static void gather(struct sender *sender, struct settling *settling)
{
    for (size_t i = 0; i < sender->options.channel_count * NOTIFY_IN_FLIGHT_MAX; i++) {
        struct sending_channel *channel = &sender->channels[i / NOTIFY_IN_FLIGHT_MAX];
        struct letter *letter = &channel->letters[i % NOTIFY_IN_FLIGHT_MAX];
        if (letter->state != LETTER_DONE) {
            continue;
        }
        if (!letter->judged) {
            judge(sender, channel, letter);
        }
        size_t at = settling->count++;
        settling->letters[at] = letter;
        settling->results[at] = (struct outbox_result){
            .id = letter->id,
            .channel = channel->config->name,
            .type = letter->type,
            .outcome = letter->outcome,
            .at_ms = sender_now_ms(sender),
            .next_at_ms = letter->next_at_ms,
            .error = letter_error(letter, settling->errors[at]),
        };
    }
}

void sender_settle(struct sender *sender)
{
    struct sender_port *port = &sender->options.port;
    struct settling settling;
    settling.count = 0;
    if (sender_now_ms(sender) < sender->settle_at_ms) {
        return;
    }
    gather(sender, &settling);
    if (settling.count == 0) {
        return;
    }
    tkr_error_t error = port->settle(port->context, settling.results, settling.count);
    if (error != TKR_OK) {
        sender->settle_at_ms = sender_now_ms(sender) + SENDER_UNTOLD_MS;
        if (!sender->untold) {
            port->report(port->context, LOG_WARNING, "notify_not_stored",
                         "what became of messages cannot be stored: their channels wait");
        }
        sender->untold = true;
        return;
    }
    sender->settle_at_ms = 0;
    sender->untold = false;
    for (size_t i = 0; i < settling.count; i++) {
        letter_close(settling.letters[i]);
    }
}

/* All that waits for it. */
static void bury_orphans(struct sender *sender, const char *channel)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_result results[ORPHANS_SLICE];
    struct outbox_message *messages = NULL;
    size_t count = ORPHANS_SLICE;
    while (count == ORPHANS_SLICE && !atomic_load(&sender->stopping)) {
        int64_t next_ms = 0;
        struct arena *arena CLEANUP(arena_free_p) = NULL;
        if (arena_new(ORPHANS_BYTES, &arena) != TKR_OK ||
            port->due(port->context, channel, INT64_MAX, ORPHANS_SLICE, arena, &messages, &count,
                      &next_ms) != TKR_OK) {
            return;
        }
        for (size_t i = 0; i < count; i++) {
            results[i] = (struct outbox_result){
                .id = messages[i].id,
                .channel = channel,
                .type = messages[i].type,
                .outcome = OUTBOX_DEAD,
                .at_ms = sender_now_ms(sender),
                .error = "this channel is not configured any more",
            };
        }
        if (count > 0 && port->settle(port->context, results, count) != TKR_OK) {
            return; /* the next start tries again */
        }
    }
}

static bool is_configured(const struct sender *sender, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        found |= strcmp(sender->options.channels[i]->name, name) == 0;
    }
    return found;
}

void sender_bury_orphans(struct sender *sender)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_channel *channels = NULL;
    size_t count = 0;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    if (arena_new(SENDER_ARENA_BYTES, &arena) != TKR_OK ||
        port->channels(port->context, arena, &channels, &count) != TKR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (channels[i].waiting > 0 && !is_configured(sender, channels[i].name)) {
            bury_orphans(sender, channels[i].name);
        }
    }
}
