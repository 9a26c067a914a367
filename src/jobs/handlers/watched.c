/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/handlers/watched.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/task.h"

static const char *time_or_null(int64_t unix_ms, char out[TEXT_TIME_SIZE + 2])
{
    char text[TEXT_TIME_SIZE];
    if (unix_ms == 0) {
        return "null";
    }
    snprintf(out, TEXT_TIME_SIZE + 2, "\"%s\"", text_format_time(unix_ms, text));
    return out;
}

tkr_error_t watched_tell(struct job_context *context, const struct watched_token *watched,
                         const struct watched_alert *alert, int64_t now_ms)
{
    const struct token *token = &watched->token;
    bool in_use = watched->used_ms >= now_ms - WATCHED_USED_DAYS * DAY_MS;
    char sentence[ALERT_SUMMARY_BYTES_MAX + 1], details[512];
    char expires[TEXT_TIME_SIZE + 2], used[TEXT_TIME_SIZE + 2];
    snprintf(sentence, sizeof(sentence), "%s; it was %s in the last %d days", alert->sentence,
             in_use ? "used" : "not used", WATCHED_USED_DAYS);
    snprintf(details, sizeof(details),
             "{\"expires_at\":%s,\"last_used_at\":%s,\"in_use\":%s,\"kind\":\"%s\","
             "\"threshold_days\":%" PRId64 "}",
             time_or_null(token->expires_at_ms, expires), time_or_null(watched->used_ms, used),
             in_use ? "true" : "false", token_kind_name(token->kind), alert->days);
    const struct alert one = {
        .severity = alert->severity,
        .type = alert->type,
        .org_id = token->org_id,
        .user_id = token->user_id,
        .token_id = token->id,
        .token_name = token->name,
        .key = alert->key,
        .summary = sentence,
        .details = details,
    };
    size_t raised = 0;
    TRY(authority_alert(context->authority, &one, 1, &raised));
    context->count += raised;
    return TKR_OK;
}

struct marking {
    struct job_context *context;
    const struct alert *alert; /* NULL: none */
    char (*keys)[ALERT_KEY_BYTES_MAX + 1];
    size_t count;
};

static tkr_error_t mark(const struct store_port *store, void *context)
{
    const struct marking *marking = context;
    struct authority *authority = marking->context->authority;
    int64_t now_ms = authority_now_ms(authority);
    bool is_new = false;
    if (marking->alert != NULL) {
        TRY(alert_raise(authority, marking->alert, &is_new));
    }
    for (size_t i = 0; i < marking->count; i++) {
        TRY(store->outbox.put_key(store->store, marking->keys[i], now_ms, &is_new));
    }
    return TKR_OK;
}

tkr_error_t watched_tell_many(struct job_context *context, const struct alert *alert,
                              char (*keys)[ALERT_KEY_BYTES_MAX + 1], size_t count)
{
    struct marking marking = {context, alert, keys, count};
    TRY(authority_run(context->authority, mark, &marking));
    context->count += count;
    return TKR_OK;
}
