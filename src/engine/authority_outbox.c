/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outbox.h"

#include <stdio.h>
#include <string.h>

#include "engine/authority_internal.h"
#include "engine/task.h"

#define HOUR_MS INT64_C(3600000)
#define DEAD_LETTER "notify.dead_letter"

/* --- for who delivers --------------------------------------------------------------------- */

tkr_error_t authority_outbox_due(struct authority *authority, const char *channel, int64_t by_ms,
                                 uint32_t limit, struct arena *arena,
                                 struct outbox_message **ret_messages, size_t *ret_count,
                                 int64_t *ret_next_ms)
{
    const struct store_port *store = authority->store;
    return store->outbox.list_due(store->store, channel, by_ms, limit, arena, ret_messages,
                                  ret_count, ret_next_ms);
}

struct settling {
    struct authority *authority;
    const struct outbox_result *results;
    size_t count;
};

static tkr_error_t tell_death(struct authority *authority, const struct outbox_result *result)
{
    char summary[ALERT_SUMMARY_BYTES_MAX], key[ALERT_KEY_BYTES_MAX];
    CLEANUP(details_deinit) struct details details;
    bool raised = false;
    details_init(&details);
    details_text(&details, "channel", result->channel);
    details_text(&details, "message", result->id);
    details_text(&details, "error", result->error);
    snprintf(summary, sizeof(summary), "messages for the channel %s could not be delivered",
             result->channel);
    snprintf(key, sizeof(key), DEAD_LETTER "/%s/%lld", result->channel,
             (long long)(result->at_ms / HOUR_MS));
    const struct alert alert = {
        .severity = ALERT_HIGH,
        .type = DEAD_LETTER,
        .key = key,
        .summary = summary,
        .details = details_finish(&details),
        .but = result->channel,
    };
    return alert_raise(authority, &alert, &raised);
}

static tkr_error_t settle_all(const struct store_port *store, void *context)
{
    const struct settling *settling = context;
    for (size_t i = 0; i < settling->count; i++) {
        const struct outbox_result *result = &settling->results[i];
        TRY(store->outbox.settle(store->store, result));
        if (result->outcome == OUTBOX_DEAD && strcmp(result->type, DEAD_LETTER) != 0) {
            TRY(tell_death(settling->authority, result));
        }
    }
    return TKR_OK;
}

tkr_error_t authority_outbox_settle(struct authority *authority,
                                    const struct outbox_result *results, size_t count)
{
    struct settling settling = {authority, results, count};
    return count > 0 ? authority_run(authority, settle_all, &settling) : TKR_OK;
}

/* --- for people --------------------------------------------------------------------------- */

static tkr_error_t check_global(const struct principal *by, struct fault *fault)
{
    return principal_is_global(by)
               ? TKR_OK
               : fault_set(fault, TKR_FORBIDDEN, "",
                           "scope * is needed: messages are about all organisations");
}

tkr_error_t authority_outbox_channels(struct authority *authority, struct arena *arena,
                                      struct outbox_channel **ret_channels, size_t *ret_count)
{
    const struct store_port *store = authority->store;
    return store->outbox.list_channels(store->store, arena, ret_channels, ret_count);
}

tkr_error_t authority_outbox_dead(struct authority *authority, const struct principal *by,
                                  const struct outbox_page_of *page, struct arena *arena,
                                  struct outbox_page *ret_page, struct fault *fault)
{
    const struct store_port *store = authority->store;
    const struct page_of limits = {page->limit, page->cursor};
    TRY(check_global(by, fault));
    TRY(check_page(&limits, fault));
    tkr_error_t error = store->outbox.list_dead(store->store, page, arena, ret_page);
    return error == TKR_INVALID
               ? fault_set(fault, error, "cursor", "is not one that was given out here")
               : error;
}

struct act {
    struct authority *authority;
    const struct principal *by;
    const char *id, *type; /* type: of the event */
    tkr_error_t (*apply)(const struct act *act, uint64_t *ret_count);
    uint64_t count;
};

static tkr_error_t revive(const struct act *act, uint64_t *ret_count)
{
    const struct store_port *store = act->authority->store;
    return store->outbox.revive(store->store, act->id,
                                segment_writer_now_ms(act->authority->segment), ret_count);
}

static tkr_error_t drop(const struct act *act, uint64_t *ret_count)
{
    const struct store_port *store = act->authority->store;
    return store->outbox.drop(store->store, act->id, ret_count);
}

static tkr_error_t note_act(const struct act *act)
{
    const struct store_port *store = act->authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "message", act->id);
    details_count(&details, "count", act->count);
    const struct store_event event = {
        .at_ms = segment_writer_now_ms(act->authority->segment),
        .type = act->type,
        .actor_user = act->by->user_id,
        .actor_token = act->by->token_id,
        .org_id = act->by->org_id,
        .client = act->by->client,
        .user_agent = act->by->user_agent,
        .request_id = act->by->request_id,
        .details = details_finish(&details),
    };
    return store->note_event(store->store, &event);
}

static tkr_error_t apply_act(const struct store_port *store, void *context)
{
    struct act *act = context;
    TRY(act->apply(act, &act->count));
    ENSURE(act->count > 0 || act->id == NULL, TKR_NOT_FOUND);
    act->authority->outbox_grew |= act->apply == revive && act->count > 0;
    return act->count > 0 ? note_act(act) : TKR_OK;
}

static tkr_error_t run_act(struct act *act, uint64_t *ret_count, struct fault *fault)
{
    TRY(check_global(act->by, fault));
    tkr_error_t error = authority_run(act->authority, apply_act, act);
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, error, "", "no dead letter has this ID");
    }
    TRY(error);
    *ret_count = act->count;
    return TKR_OK;
}

tkr_error_t authority_outbox_retry(struct authority *authority, const struct principal *by,
                                   const char *id, uint64_t *ret_count, struct fault *fault)
{
    struct act act = {authority, by, id, "notify.retry", revive, 0};
    return run_act(&act, ret_count, fault);
}

tkr_error_t authority_outbox_drop(struct authority *authority, const struct principal *by,
                                  const char *id, uint64_t *ret_count, struct fault *fault)
{
    struct act act = {authority, by, id, "notify.drop", drop, 0};
    return run_act(&act, ret_count, fault);
}
