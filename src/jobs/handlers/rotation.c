/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotates what is due by its schedule, one token after the other, and brings each to its receiver.
 * What is certain after a crash, and why nothing is lost, stands in engine/authority_rotation.c.
 *
 * A receiver that failed once in a run gets nothing more in it: the other tokens that go there keep
 * their versions, and a dead receiver costs one time-out a run.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "engine/alerts.h"
#include "engine/schedules.h"
#include "engine/task.h"
#include "jobs/change_wait.h"
#include "jobs/deliver_port.h"
#include "jobs/handlers/handlers.h"

#define PAGE_TOKENS 200
#define PAGE_BYTES_MAX (16 * 1024 * 1024)
#define VIEW_BYTES_MAX (256 * 1024)

/* A successor on its way. In secret memory as a whole: it has the plaintext. */
struct parcel {
    char token[TOKEN_TEXT_BYTES_MAX + 1];
    char token_id[TOKEN_ID_CHARS + 1];
    int64_t expires_at_ms;
};

struct rounds {
    struct job_context *context;
    struct parcel *parcel;
    char failed[ROTATION_TARGETS_MAX]
               [ROTATION_TARGET_NAME_BYTES_MAX + 1]; /* targets, in this run */
    size_t failed_count;
    uint64_t delivered, undelivered, interrupted;
};

static int64_t every_ms(const struct job_settings *settings)
{
    return settings->deliver != NULL ? ROTATION_EVERY_MS : 0;
}

/* --- one token -------------------------------------------------------------------------------- */

static void take_parcel(void *context, const struct change_result *result)
{
    struct parcel *parcel = context;
    size_t length = strnlen(result->plaintext, TOKEN_TEXT_BYTES_MAX);
    memcpy(parcel->token, result->plaintext, length);
    parcel->token[length] = '\0';
    memcpy(parcel->token_id, result->token.id, sizeof(parcel->token_id));
    parcel->expires_at_ms = result->token.expires_at_ms;
}

/* A minute, and twice as long after each failure. */
static int64_t wait_after_ms(uint32_t failures)
{
    int64_t wait_ms = ROTATION_RETRY_MS;
    for (uint32_t i = 0; i < failures && wait_ms < ROTATION_RETRY_MS_MAX; i++) {
        wait_ms *= 2;
    }
    return wait_ms < ROTATION_RETRY_MS_MAX ? wait_ms : ROTATION_RETRY_MS_MAX;
}

static tkr_error_t end(struct rounds *rounds, const struct schedule *schedule,
                       const char *rotating_id, enum schedule_outcome outcome, const char *error)
{
    struct authority *authority = rounds->context->authority;
    struct change_wait wait;
    const struct rotation_end end = {
        .lineage_id = schedule->lineage_id,
        .rotating_id = rotating_id,
        .outcome = outcome,
        .error = error,
        .next_at_ms = authority_now_ms(authority) + wait_after_ms(schedule->failures),
    };
    change_wait_init(&wait, NULL, NULL);
    return change_wait_for(
        &wait, authority_end_rotation(authority, &end, change_wait_done, &wait, &wait.fault));
}

static void note_failed_target(struct rounds *rounds, const char *target)
{
    if (rounds->failed_count < ROTATION_TARGETS_MAX) {
        char *place = rounds->failed[rounds->failed_count++];
        size_t length = strnlen(target, ROTATION_TARGET_NAME_BYTES_MAX);
        memcpy(place, target, length);
        place[length] = '\0';
    }
}

static bool target_failed(const struct rounds *rounds, const char *target)
{
    for (size_t i = 0; i < rounds->failed_count; i++) {
        if (strcmp(rounds->failed[i], target) == 0) {
            return true;
        }
    }
    return false;
}

static tkr_error_t deliver(struct rounds *rounds, const struct schedule_view *view)
{
    static const enum schedule_outcome outcomes[] = {
        [DELIVERY_DONE] = SCHEDULE_DELIVERED,
        [DELIVERY_FAILED] = SCHEDULE_FAILED,
        [DELIVERY_UNSURE] = SCHEDULE_UNSURE,
    };
    const struct deliver_port *port = rounds->context->settings->deliver;
    const struct parcel *parcel = rounds->parcel;
    char error[ROTATION_ERROR_BYTES_MAX + 1] = "";
    const struct delivery delivery = {
        .target = view->schedule.target,
        .org_id = view->token.org_id,
        .user_id = view->token.user_id,
        .token_id = parcel->token_id,
        .token_name = view->token.name,
        .predecessor_id = view->token.id,
        .at_ms = authority_now_ms(rounds->context->authority),
        .expires_at_ms = parcel->expires_at_ms,
        .token = parcel->token,
    };
    enum delivery_outcome outcome = port->deliver(port->context, &delivery, error);
    rounds->delivered += outcome == DELIVERY_DONE;
    if (outcome != DELIVERY_DONE) {
        rounds->undelivered++;
        note_failed_target(rounds, view->schedule.target);
    }
    return end(rounds, &view->schedule, parcel->token_id, outcomes[outcome], error);
}

/* Once for each version. */
static tkr_error_t warn(struct rounds *rounds, const struct schedule_view *view, const char *type,
                        const char *why)
{
    char key[ALERT_KEY_BYTES_MAX + 1], summary[ALERT_SUMMARY_BYTES_MAX + 1];
    snprintf(key, sizeof(key), "%s/%s", type, view->token.id);
    snprintf(summary, sizeof(summary), "token %s %s", view->token.name, why);
    const struct alert alert = {
        .severity = ALERT_HIGH,
        .type = type,
        .org_id = view->token.org_id,
        .user_id = view->token.user_id,
        .token_id = view->token.id,
        .token_name = view->token.name,
        .key = key,
        .summary = summary,
    };
    return authority_alert(rounds->context->authority, &alert, 1, NULL);
}

/* What was changed by hand since it was looked at is looked at again in the next run. Anything else
 * that forbids it stays so until somebody does something, and the token comes to its end. */
static tkr_error_t tell_refusal(struct rounds *rounds, const struct schedule_view *view,
                                tkr_error_t error, const char *detail)
{
    char why[FAULT_DETAIL_BYTES + 32];
    job_report(rounds->context, LOG_WARNING, "not_rotated", "%s: %s", view->token.id, detail);
    if (error == TKR_CONFLICT || error == TKR_NOT_FOUND) {
        return TKR_OK;
    }
    snprintf(why, sizeof(why), "cannot be rotated: %s", detail);
    return warn(rounds, view, "rotation.failed", why);
}

static tkr_error_t rotate(struct rounds *rounds, const struct schedule_view *view)
{
    struct job_context *context = rounds->context;
    struct change_wait wait;
    change_wait_init(&wait, take_parcel, rounds->parcel);
    tkr_error_t error = change_wait_for(
        &wait, authority_begin_rotation(context->authority, view->token.id, view->schedule.version,
                                        change_wait_done, &wait, &wait.fault));
    if (tkr_error_category(error) == TKR_CATEGORY_CALLER) {
        return tell_refusal(rounds, view, error, wait.fault.detail);
    }
    TRY(error);
    context->count++;
    error = deliver(rounds, view);
    secret_wipe(rounds->parcel->token, sizeof(rounds->parcel->token));
    return error;
}

static bool is_due(const struct rounds *rounds, const struct schedule_view *view)
{
    return view->status == SCHEDULE_WAITS &&
           view->moment.at_ms <= authority_now_ms(rounds->context->authority) &&
           !target_failed(rounds, view->schedule.target);
}

/* What was listed may be as old as all deliveries since: its window may be over, and its target
 * another. */
static tkr_error_t rotate_if_still_due(struct rounds *rounds, const struct schedule_view *listed)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct schedule_view view;
    TRY(arena_new(VIEW_BYTES_MAX, &arena));
    TRY(authority_get_schedule(rounds->context->authority, &principal_system, listed->token.id,
                               arena, &view, NULL));
    return is_due(rounds, &view) ? rotate(rounds, &view) : TKR_OK;
}

static tkr_error_t look_at(struct rounds *rounds, const struct schedule_view *view)
{
    if (view->status == SCHEDULE_ROTATING) { /* nobody else delivers: it was cut off */
        rounds->interrupted++;
        return end(rounds, &view->schedule, view->schedule.rotating_id, SCHEDULE_UNSURE,
                   "it was interrupted");
    }
    if (view->status == SCHEDULE_TOO_LATE) {
        return warn(rounds, view, "rotation.late",
                    "ends before the window opens in which it is to be rotated");
    }
    return is_due(rounds, view) ? rotate_if_still_due(rounds, view) : TKR_OK;
}

/* --- all of them --------------------------------------------------------------------------------
 */

static tkr_error_t look_at_page(struct rounds *rounds, char after[TOKEN_ID_CHARS + 1],
                                bool *ret_more)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct job_context *context = rounds->context;
    struct schedule_view *views = NULL;
    size_t count = 0;
    const struct schedule_page_of page = {.org_id = "*", .after = after, .limit = PAGE_TOKENS};
    TRY(arena_new(PAGE_BYTES_MAX, &arena));
    TRY(authority_list_schedules(context->authority, &principal_system, &page, arena, &views,
                                 &count, NULL));
    for (size_t i = 0; i < count && !job_should_stop(context); i++) {
        tkr_error_t error = look_at(rounds, &views[i]);
        if (tkr_error_category(error) == TKR_CATEGORY_CALLER) { /* it is this one's alone */
            job_report(context, LOG_WARNING, "not_rotated", "%s: %s", views[i].schedule.lineage_id,
                       tkr_error_text(error));
            error = TKR_OK;
        }
        TRY(error);
        memcpy(after, views[i].schedule.lineage_id, TOKEN_ID_CHARS + 1);
    }
    *ret_more = count == PAGE_TOKENS;
    return TKR_OK;
}

static tkr_error_t drop_orphans(const struct store_port *store, void *context)
{
    return store->schedules.drop_orphans(store->store, context);
}

static tkr_error_t look_at_all(struct rounds *rounds)
{
    char after[TOKEN_ID_CHARS + 1] = "";
    uint64_t orphans = 0;
    bool more = true;
    TRY(authority_run(rounds->context->authority, drop_orphans, &orphans));
    while (more && !job_should_stop(rounds->context)) {
        TRY(look_at_page(rounds, after, &more));
    }
    return TKR_OK;
}

static tkr_error_t run(struct job_context *context)
{
    struct rounds rounds = {.context = context};
    void *parcel = NULL;
    TRY(secret_alloc(sizeof(*rounds.parcel), &parcel));
    rounds.parcel = parcel;
    tkr_error_t error = look_at_all(&rounds);
    secret_free(parcel, sizeof(*rounds.parcel));
    if (error == TKR_OK) {
        job_say(context, "%llu delivered, %llu not, %llu had been interrupted",
                (unsigned long long)rounds.delivered, (unsigned long long)rounds.undelivered,
                (unsigned long long)rounds.interrupted);
    }
    return error;
}

const struct job_handler job_rotation = {
    .name = "rotation",
    .description = "Rotates tokens by their schedules and delivers them.",
    .every_ms = every_ms,
    .switch_key = "rotation.targets_file",
    .deadline_ms = 600000,
    .run = run,
};
