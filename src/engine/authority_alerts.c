/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "engine/authority_internal.h"
#include "engine/task.h"

/* --- severities, types, channels ---------------------------------------------------------- */

const char *alert_severity_name(enum alert_severity severity)
{
    ASSERT((unsigned)severity < ALERT_SEVERITY_COUNT);
    return outbox_severity_name(severity);
}

tkr_error_t alert_severity_parse(const char *text, size_t length, enum alert_severity *ret_severity)
{
    for (unsigned i = 0; i < ALERT_SEVERITY_COUNT; i++) {
        const char *name = outbox_severity_name((enum alert_severity)i);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            *ret_severity = (enum alert_severity)i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

bool alert_type_matches(const char *pattern, const char *type)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*') {
        return strncmp(pattern, type, length - 1) == 0;
    }
    return strcmp(pattern, type) == 0;
}

bool alert_channel_wants(const struct alert_channel *channel, enum alert_severity severity,
                         const char *type)
{
    bool wanted = channel->type_count == 0;
    for (size_t i = 0; i < channel->type_count && !wanted; i++) {
        wanted = alert_type_matches(channel->types[i], type);
    }
    return wanted && severity >= channel->least;
}

/* --- messages ----------------------------------------------------------------------------- */

#define ID_PREFIX "msg_"

static const char *given(const char *text)
{
    return text != NULL ? text : "";
}

static const char *details_of(const struct alert *alert)
{
    const char *details = alert->details != NULL ? alert->details : "{}";
    return strlen(details) <= ALERT_DETAILS_BYTES_MAX ? details : "{\"truncated\":true}";
}

/* Cut at the maximum, and not within a character. */
static const char *summary_of(const struct alert *alert, char out[ALERT_SUMMARY_BYTES_MAX + 1])
{
    size_t length = strnlen(alert->summary, ALERT_SUMMARY_BYTES_MAX + 1);
    if (length > ALERT_SUMMARY_BYTES_MAX) {
        length = ALERT_SUMMARY_BYTES_MAX;
        while (length > 0 && ((unsigned char)alert->summary[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    memcpy(out, alert->summary, length);
    out[length] = '\0';
    return out;
}

static tkr_error_t post(struct authority *authority, const struct alert *alert, const char *channel,
                        int64_t now_ms)
{
    const struct store_port *store = authority->store;
    char summary[ALERT_SUMMARY_BYTES_MAX + 1];
    uint8_t id[TOKEN_ID_BYTES];
    bool stored = false;
    struct outbox_message message = {
        .channel = channel,
        .at_ms = now_ms,
        .severity = alert->severity,
        .type = alert->type,
        .org_id = given(alert->org_id),
        .user_id = given(alert->user_id),
        .token_id = given(alert->token_id),
        .token_name = given(alert->token_name),
        .summary = summary_of(alert, summary),
        .details = details_of(alert),
        .since_ms = now_ms,
        .next_at_ms = now_ms,
        .error = "",
    };
    TRY(token_id_new(authority->options.random, now_ms, id));
    token_id_format(id, message.id);
    memcpy(message.id, ID_PREFIX, sizeof(ID_PREFIX) - 1);
    TRY(store->outbox.put(store->store, &message, &stored));
    authority->outbox_grew |= stored;
    return TKR_OK;
}

tkr_error_t alert_post(struct authority *authority, const struct alert *alert, int64_t now_ms)
{
    for (size_t i = 0; i < authority->options.channel_count; i++) {
        const struct alert_channel *channel = &authority->options.channels[i];
        bool spared = alert->but != NULL && strcmp(alert->but, channel->name) == 0;
        if (!spared && alert_channel_wants(channel, alert->severity, alert->type)) {
            TRY(post(authority, alert, channel->name, now_ms));
        }
    }
    return TKR_OK;
}

void alert_committed(struct authority *authority)
{
    if (authority->outbox_grew && authority->options.outbox_grew != NULL) {
        authority->options.outbox_grew(authority->options.outbox_context);
    }
    authority->outbox_grew = false;
}

/* --- alerts ------------------------------------------------------------------------------- */

static tkr_error_t note(struct authority *authority, const struct alert *alert, int64_t now_ms)
{
    const struct store_port *store = authority->store;
    char type[sizeof("alert.") + ALERT_TYPE_BYTES_MAX], summary[ALERT_SUMMARY_BYTES_MAX + 1];
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    snprintf(type, sizeof(type), "alert.%s", alert->type);
    details_text(&details, "severity", alert_severity_name(alert->severity));
    details_text(&details, "summary", summary_of(alert, summary));
    if (alert->key != NULL) {
        details_text(&details, "key", alert->key);
    }
    details_json(&details, "details", details_of(alert));
    const struct store_event event = {
        .at_ms = now_ms,
        .type = type,
        .actor_user = principal_system.user_id,
        .org_id = alert->org_id,
        .user_id = alert->user_id,
        .token_id = alert->token_id,
        .token_name = alert->token_name,
        .details = details_finish(&details),
    };
    return store->note_event(store->store, &event);
}

tkr_error_t alert_raise(struct authority *authority, const struct alert *alert, bool *ret_raised)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    bool is_new = true;
    ASSERT(strnlen(alert->type, ALERT_TYPE_BYTES_MAX + 1) <= ALERT_TYPE_BYTES_MAX);
    if (alert->key != NULL) {
        ASSERT(strnlen(alert->key, ALERT_KEY_BYTES_MAX + 1) <= ALERT_KEY_BYTES_MAX);
        TRY(store->outbox.put_key(store->store, alert->key, now_ms, &is_new));
    }
    if (is_new) {
        TRY(note(authority, alert, now_ms));
        TRY(alert_post(authority, alert, now_ms));
    }
    *ret_raised = is_new;
    return TKR_OK;
}

struct raising {
    struct authority *authority;
    const struct alert *alerts;
    size_t count, raised;
};

static tkr_error_t raise_all(const struct store_port *store, void *context)
{
    struct raising *raising = context;
    for (size_t i = 0; i < raising->count; i++) {
        bool raised = false;
        TRY(alert_raise(raising->authority, &raising->alerts[i], &raised));
        raising->raised += raised;
    }
    return TKR_OK;
}

tkr_error_t authority_alert(struct authority *authority, const struct alert *alerts, size_t count,
                            size_t *ret_raised)
{
    struct raising raising = {authority, alerts, count, 0};
    if (count > 0) {
        TRY(authority_run(authority, raise_all, &raising));
    }
    if (ret_raised != NULL) {
        *ret_raised = raising.raised;
    }
    return TKR_OK;
}
