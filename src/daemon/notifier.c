/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notifier.h"

#include <stdlib.h>

#include "daemon/channels_file.h"
#include "engine/outbox.h"
#include "notify/sender.h"

struct notifier {
    struct channels *channels;
    struct authority *authority;
    struct log *log;
    struct sender *sender;
};

/* --- the sender's port -------------------------------------------------------------------------
 */

static tkr_error_t due(void *context, const char *channel, int64_t by_ms, uint32_t limit,
                       struct arena *arena, struct outbox_message **ret_messages, size_t *ret_count,
                       int64_t *ret_next_ms)
{
    const struct notifier *notifier = context;
    return authority_outbox_due(notifier->authority, channel, by_ms, limit, arena, ret_messages,
                                ret_count, ret_next_ms);
}

static tkr_error_t list_channels(void *context, struct arena *arena,
                                 struct outbox_channel **ret_channels, size_t *ret_count)
{
    const struct notifier *notifier = context;
    return authority_outbox_channels(notifier->authority, arena, ret_channels, ret_count);
}

static tkr_error_t settle(void *context, const struct outbox_result *results, size_t count)
{
    const struct notifier *notifier = context;
    return authority_outbox_settle(notifier->authority, results, count);
}

static int64_t now_ms(void *context)
{
    const struct notifier *notifier = context;
    return authority_now_ms(notifier->authority);
}

static void log_message(void *context, const struct outbox_message *message)
{
    static const enum log_level levels[ALERT_SEVERITY_COUNT] = {
        [ALERT_INFO] = LOG_INFO,  [ALERT_LOW] = LOG_WARNING,    [ALERT_MEDIUM] = LOG_WARNING,
        [ALERT_HIGH] = LOG_ERROR, [ALERT_CRITICAL] = LOG_ERROR,
    };
    const struct notifier *notifier = context;
    log_event(notifier->log, levels[message->severity], "alert", LOG_TEXT("type", message->type),
              LOG_TEXT("severity", outbox_severity_name(message->severity)),
              LOG_TEXT("summary", message->summary), LOG_TEXT("id", message->id),
              LOG_TEXT("org_id", message->org_id), LOG_TEXT("user_id", message->user_id),
              LOG_TEXT("token_id", message->token_id), LOG_TEXT("token_name", message->token_name),
              LOG_TEXT("details", message->details));
}

static void report(void *context, enum log_level level, const char *event, const char *detail)
{
    const struct notifier *notifier = context;
    log_event(notifier->log, level, event, LOG_TEXT("detail", detail));
}

/* --- the whole ---------------------------------------------------------------------------------
 */

tkr_error_t notifier_new(const struct config *config, const struct clock *clock, struct log *log,
                         struct notifier **ret_notifier, struct fault *fault)
{
    struct notifier *notifier = calloc(1, sizeof(*notifier));
    ENSURE(notifier != NULL, TKR_MEMORY);
    struct sender_options options = {
        .port = {notifier, due, list_channels, settle, now_ms, log_message, report},
        .clock = clock,
        .random = random_system(),
    };
    notifier->log = log;
    tkr_error_t error =
        channels_read(config->channels_file, NULL, NULL, &notifier->channels, fault);
    if (error == TKR_OK) {
        options.channels = channels_list(notifier->channels, &options.channel_count);
        error = sender_new(&options, &notifier->sender);
    }
    if (error != TKR_OK) {
        notifier_free(notifier);
        return error;
    }
    *ret_notifier = notifier;
    return TKR_OK;
}

static void grew(void *context)
{
    struct notifier *notifier = context;
    sender_wake(notifier->sender);
}

void notifier_options(struct notifier *notifier, struct authority_options *options)
{
    options->channels = channels_alerts(notifier->channels, &options->channel_count);
    options->outbox_grew = grew;
    options->outbox_context = notifier;
}

void notifier_attach(struct notifier *notifier, struct authority *authority)
{
    notifier->authority = authority;
}

static tkr_error_t test(void *context, const char *channel, const char *by, sender_test_done done,
                        void *done_context)
{
    struct notifier *notifier = context;
    return sender_test(notifier->sender, channel, by, done, done_context);
}

struct api_notify notifier_api(struct notifier *notifier)
{
    struct api_notify api = {.test = test, .context = notifier};
    api.channels = channels_list(notifier->channels, &api.channel_count);
    return api;
}

tkr_error_t notifier_start(struct notifier *notifier)
{
    return sender_start(notifier->sender);
}

void notifier_stop(struct notifier *notifier)
{
    if (notifier != NULL) {
        sender_stop(notifier->sender);
    }
}

void notifier_free(struct notifier *notifier)
{
    if (notifier == NULL) {
        return;
    }
    sender_free(notifier->sender);
    channels_free(notifier->channels);
    free(notifier);
}
