/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notification channels, testing one, and the messages that could not be delivered. Channels are
 * the node's, and messages are about all organisations: who has not every scope sees counts only.
 */
#include "api/notify.h"

#include <string.h>

#include "api/resource.h"
#include "api/routes.h"
#include "engine/alerts.h"
#include "engine/outbox.h"
#include "notify/channel.h"

#define ARENA_BYTES (256 * 1024)
#define NO_CHANNEL "there is no channel of this name"

/* --- channels ----------------------------------------------------------------------------- */

/* A channel: of the configuration, of the store, or of both. */
struct seen {
    const struct notify_channel *config; /* NULL: it is not configured any more */
    struct outbox_channel state;
};

static size_t merge(const struct api_notify *notify, const struct outbox_channel *stored,
                    size_t stored_count, struct seen *ret_seen)
{
    size_t count = notify->channel_count;
    for (size_t i = 0; i < count; i++) {
        ret_seen[i] =
            (struct seen){notify->channels[i], {.name = notify->channels[i]->name, .error = ""}};
    }
    for (size_t i = 0; i < stored_count; i++) {
        size_t at = 0;
        while (at < notify->channel_count && strcmp(ret_seen[at].state.name, stored[i].name) != 0) {
            at++;
        }
        bool former = at == notify->channel_count;
        if (former && stored[i].waiting + stored[i].dead == 0) {
            continue; /* it left nothing behind */
        }
        at = former ? count++ : at;
        ret_seen[at] = (struct seen){former ? NULL : notify->channels[at], stored[i]};
    }
    return count;
}

#define SEEN_MAX (NOTIFY_CHANNELS_MAX + OUTBOX_CHANNELS_MAX)

/* Texts are in the arena. */
static tkr_error_t look(const struct api *api, struct arena *arena, struct seen ret_seen[SEEN_MAX],
                        size_t *ret_count)
{
    struct outbox_channel *stored = NULL;
    size_t count = 0;
    TRY(authority_outbox_channels(api->options.authority, arena, &stored, &count));
    *ret_count = merge(&api->options.notify, stored, count, ret_seen);
    return TKR_OK;
}

static void emit_seen(struct emitter *emitter, const struct seen *seen)
{
    const struct notify_channel *config = seen->config;
    const struct outbox_channel *state = &seen->state;
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "name", state->name);
    emit_text(emitter, "object", "notify_channel");
    emit_text(emitter, "type",
              config != NULL ? notify_type_name((enum notify_type)config->type) : NULL);
    emit_text(emitter, "where", config != NULL && config->where[0] != '\0' ? config->where : NULL);
    emit_text(emitter, "severity",
              config != NULL ? alert_severity_name((enum alert_severity)config->severity) : NULL);
    emit_text(emitter, "types", config != NULL ? config->types : NULL);
    emit_bool(emitter, "configured", config != NULL);
    emit_count(emitter, "waiting", state->waiting);
    emit_count(emitter, "dead", state->dead);
    emit_count(emitter, "sent", state->sent);
    emit_count(emitter, "failed", state->failed);
    emit_count(emitter, "left_out", state->left_out);
    emit_time(emitter, "last_success_at", state->sent_at_ms);
    emit_time(emitter, "last_failure_at", state->failed_at_ms);
    emit_text(emitter, "last_error", state->error[0] != '\0' ? state->error : NULL);
    emit_close(emitter, '}');
}

void notify_emit(struct emitter *emitter, const char *name, const struct api *api)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct seen seen[SEEN_MAX];
    size_t count = 0;
    if (arena_new(ARENA_BYTES, &arena) != TKR_OK || look(api, arena, seen, &count) != TKR_OK) {
        emit_null(emitter, name);
        return;
    }
    emit_open(emitter, name, '[');
    for (size_t i = 0; i < count; i++) {
        emit_seen(emitter, &seen[i]);
    }
    emit_close(emitter, ']');
}

void notify_channels_list(struct api_call *call)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    notify_emit(&emitter, "data", call->api);
    emit_null(&emitter, "next_cursor"); /* there are at most SEEN_MAX: one page */
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

/* --- testing one -------------------------------------------------------------------------- */

static void tested(void *context, const struct sender_test_result *result)
{
    struct api_call *call = context;
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "channel", call->parameter);
    emit_text(&emitter, "object", "notify_test");
    emit_bool(&emitter, "delivered", result->delivered);
    if (result->status != 0) {
        emit_number(&emitter, "status", result->status);
    } else {
        emit_null(&emitter, "status");
    }
    emit_text(&emitter, "error", result->error[0] != '\0' ? result->error : NULL);
    emit_text(&emitter, "answer", result->answer[0] != '\0' ? result->answer : NULL);
    emit_number(&emitter, "duration_ms", result->duration_ms);
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

static tkr_error_t start_test(struct api_call *call, struct fault *fault)
{
    const struct api_notify *notify = &call->api->options.notify;
    TRY(resource_no_body(call, fault));
    tkr_error_t error = notify->test != NULL ? notify->test(notify->context, call->parameter,
                                                            call->principal.user_id, tested, call)
                                             : TKR_NOT_FOUND;
    return error == TKR_UNAVAILABLE
               ? fault_set(fault, error, "", "only a daemon sends messages, and none is running")
               : error;
}

void notify_channels_test(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = start_test(call, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, NO_CHANNEL);
    }
}

/* --- dead letters ------------------------------------------------------------------------- */

static void emit_or_null(struct emitter *emitter, const char *name, const char *text)
{
    emit_text_or_null(emitter, name, text, strlen(text));
}

static void emit_dead(struct emitter *emitter, const struct outbox_message *message)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "id", message->id);
    emit_text(emitter, "object", "notify_message");
    emit_text(emitter, "channel", message->channel);
    emit_text(emitter, "type", message->type);
    emit_text(emitter, "severity", alert_severity_name(message->severity));
    emit_time(emitter, "created_at", message->at_ms);
    emit_text(emitter, "summary", message->summary);
    emit_or_null(emitter, "org_id", message->org_id);
    emit_or_null(emitter, "user_id", message->user_id);
    emit_or_null(emitter, "token_id", message->token_id);
    emit_or_null(emitter, "token_name", message->token_name);
    emit_json(emitter, "details", message->details, strlen(message->details));
    emit_count(emitter, "tries", message->tries);
    emit_time(emitter, "dead_at", message->dead_at_ms);
    emit_or_null(emitter, "error", message->error);
    emit_close(emitter, '}');
}

static tkr_error_t list_dead(struct api_call *call, struct arena *arena, struct emitter *emitter,
                             const char **ret_next_cursor, struct fault *fault)
{
    struct page_of of;
    struct outbox_page page;
    TRY(resource_page(call, &of, fault));
    const struct outbox_page_of question = {call_argument(call, "channel"), of.limit, of.cursor};
    TRY(authority_outbox_dead(call->api->options.authority, &call->principal, &question, arena,
                              &page, fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_dead(emitter, &page.messages[i]);
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void notify_dead_list(struct api_call *call)
{
    resource_list(call, list_dead);
}

typedef tkr_error_t (*dead_act)(struct authority *authority, const struct principal *by,
                                const char *id, uint64_t *ret_count, struct fault *fault);

/* call->parameter NULL: all of them. */
static void act_on_dead(struct api_call *call, dead_act act)
{
    struct fault fault = {0};
    uint64_t count = 0;
    tkr_error_t error = resource_no_body(call, &fault);
    if (error == TKR_OK) {
        error =
            act(call->api->options.authority, &call->principal, call->parameter, &count, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_count(&emitter, "count", count);
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

void notify_dead_retry(struct api_call *call)
{
    act_on_dead(call, authority_outbox_retry);
}

void notify_dead_drop(struct api_call *call)
{
    act_on_dead(call, authority_outbox_drop);
}

/* --- metrics ------------------------------------------------------------------------------ */

static uint64_t waiting(const struct outbox_channel *channel)
{
    return channel->waiting;
}

static uint64_t dead(const struct outbox_channel *channel)
{
    return channel->dead;
}

static uint64_t sent(const struct outbox_channel *channel)
{
    return channel->sent;
}

static uint64_t failed(const struct outbox_channel *channel)
{
    return channel->failed;
}

static uint64_t left_out(const struct outbox_channel *channel)
{
    return channel->left_out;
}

static const struct {
    const char *name, *type, *help;
    uint64_t (*value)(const struct outbox_channel *channel);
} families[] = {
    {"tokenry_notify_waiting", "gauge", "Messages that wait for their receiver.", waiting},
    {"tokenry_notify_dead", "gauge", "Messages that could not be delivered.", dead},
    {"tokenry_notify_sent_total", "counter", "Messages that a receiver has taken.", sent},
    {"tokenry_notify_failed_total", "counter", "Tries to deliver one that failed.", failed},
    {"tokenry_notify_left_out_total", "counter",
     "Messages that found their channel full; they are in the audit log only.", left_out},
};

/* Labels are names of the configuration: there are at most NOTIFY_CHANNELS_MAX. */
void notify_metrics(struct buffer *out, const struct api *api)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct seen seen[SEEN_MAX];
    size_t count = 0;
    if (arena_new(ARENA_BYTES, &arena) != TKR_OK || look(api, arena, seen, &count) != TKR_OK) {
        return;
    }
    for (size_t i = 0; count > 0 && i < sizeof(families) / sizeof(families[0]); i++) {
        buffer_print(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                     families[i].name, families[i].type);
        for (size_t j = 0; j < count; j++) {
            buffer_print(out, "%s{channel=\"%s\"} %llu\n", families[i].name, seen[j].state.name,
                         (unsigned long long)families[i].value(&seen[j].state));
        }
    }
}
