/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules of rotation, and the plan that they make. A member that is null is as the server's
 * configuration has it; `effective` tells what then holds.
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"
#include "base/text.h"
#include "engine/schedules.h"
#include "jobs/scheduler.h"

#define JOB "rotation"
#define DAYS_DEFAULT 90
static const char missing[] = "no token has this ID";

/* --- as it is written ----------------------------------------------------------------------- */

static void emit_duration(struct emitter *emitter, const char *name, bool has, int64_t seconds)
{
    char text[LIFETIME_TEXT_SIZE];
    emit_text(emitter, name, has ? lifetime_format(seconds, text) : NULL);
}

/* The overlap is never "never": 0 is none. */
static void emit_overlap(struct emitter *emitter, bool has, int64_t seconds)
{
    if (has && seconds == 0) {
        emit_text(emitter, "overlap", "0s");
    } else {
        emit_duration(emitter, "overlap", has, seconds);
    }
}

static void emit_asked(struct emitter *emitter, const struct schedule *schedule)
{
    emit_duration(emitter, "max_age", schedule->has_max_age, schedule->max_age_s);
    if (schedule->has_uses) {
        emit_count(emitter, "high_use", schedule->uses);
    } else {
        emit_null(emitter, "high_use");
    }
    emit_duration(emitter, "high_use_age", schedule->has_uses_age, schedule->uses_age_s);
    emit_overlap(emitter, schedule->has_overlap, schedule->overlap_s);
    emit_text(emitter, "window", schedule->window);
    emit_text(emitter, "time_zone", schedule->time_zone);
}

static void emit_effective(struct emitter *emitter, const struct schedule_view *view)
{
    emit_open(emitter, "effective", '{');
    emit_duration(emitter, "max_age", true, view->max_age_s);
    emit_count(emitter, "high_use", view->uses);
    emit_duration(emitter, "high_use_age", true, view->uses_age_s);
    emit_overlap(emitter, true, view->overlap_s);
    emit_text(emitter, "window", view->window);
    emit_text(emitter, "time_zone", view->time_zone);
    emit_close(emitter, '}');
}

static void emit_next(struct emitter *emitter, const struct schedule_view *view)
{
    bool due = view->moment.reason != ROTATION_NONE;
    emit_text(emitter, "status", schedule_status_name(view->status));
    emit_text_or_null(emitter, "blocked", view->blocked, strlen(view->blocked));
    emit_text(emitter, "reason", due ? rotation_reason_name(view->moment.reason) : NULL);
    emit_time(emitter, "due_at", due ? view->moment.due_ms : 0);
    emit_time(emitter, "at", view->status == SCHEDULE_WAITS ? view->moment.at_ms : 0);
    emit_bool(emitter, "overdue", view->overdue);
}

static void emit_last(struct emitter *emitter, const struct schedule *schedule)
{
    bool ever = schedule->outcome != SCHEDULE_NEVER;
    emit_open(emitter, "last", '{');
    emit_text(emitter, "outcome", ever ? schedule_outcome_name(schedule->outcome) : NULL);
    emit_time(emitter, "at", schedule->outcome_at_ms);
    emit_text_or_null(emitter, "error", schedule->error, strlen(schedule->error));
    emit_time(emitter, "delivered_at", schedule->delivered_at_ms);
    emit_number(emitter, "failures", schedule->failures);
    emit_number(emitter, "unsure", schedule->unsure);
    emit_close(emitter, '}');
}

static void emit_view(struct emitter *emitter, const struct schedule_view *view)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "object", "rotation_schedule");
    emit_text(emitter, "token_id", view->token.id);
    emit_text(emitter, "token_name", view->token.name);
    emit_text(emitter, "user_id", view->token.user_id);
    emit_text(emitter, "org_id", view->token.org_id);
    emit_text(emitter, "lineage_id", view->schedule.lineage_id);
    emit_text(emitter, "target", view->schedule.target);
    emit_asked(emitter, &view->schedule);
    emit_effective(emitter, view);
    emit_next(emitter, view);
    emit_last(emitter, &view->schedule);
    emit_time(emitter, "created_at", view->schedule.created_at_ms);
    emit_time(emitter, "updated_at", view->schedule.updated_at_ms);
    emit_count(emitter, "version", view->schedule.version);
    emit_close(emitter, '}');
}

static void answer(struct api_call *call, unsigned status, const struct schedule_view *view)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_view(&emitter, view);
    resource_etag(call, view->schedule.version);
    call_answer(call, status, &body);
}

/* --- as it is read -------------------------------------------------------------------------- */

enum {
    MEMBER_TARGET,
    MEMBER_MAX_AGE,
    MEMBER_HIGH_USE,
    MEMBER_HIGH_USE_AGE,
    MEMBER_OVERLAP,
    MEMBER_WINDOW,
    MEMBER_TIME_ZONE,
    MEMBER_COUNT
};
static const struct json_member members[MEMBER_COUNT] = {
    [MEMBER_TARGET] = {"target", JSON_IS_TEXT, .required = true, .least = 1,
                       .most = ROTATION_TARGET_NAME_BYTES_MAX},
    [MEMBER_MAX_AGE] = {"max_age", JSON_IS_DURATION, .nullable = true},
    [MEMBER_HIGH_USE] = {"high_use", JSON_IS_INTEGER, .nullable = true, .most = INT64_C(1) << 53},
    [MEMBER_HIGH_USE_AGE] = {"high_use_age", JSON_IS_DURATION, .nullable = true},
    [MEMBER_OVERLAP] = {"overlap", JSON_IS_DURATION, .nullable = true},
    [MEMBER_WINDOW] = {"window", JSON_IS_TEXT, .nullable = true, .most = CALENDAR_BYTES_MAX},
    [MEMBER_TIME_ZONE] = {"time_zone", JSON_IS_TEXT, .nullable = true, .least = 1,
                          .most = TIME_ZONE_NAME_BYTES_MAX},
};

/* `never` is 0 where an age is meant. */
static tkr_error_t read_duration(const struct json_given *given, const char *name, bool may_never,
                                 int64_t most, bool *ret_has, int64_t *ret_s, struct fault *fault)
{
    *ret_has = given->present && !given->null;
    if (!*ret_has) {
        return TKR_OK;
    }
    const char *text = json_string_value(given->value);
    if (may_never && text != NULL && strcmp(text, "never") == 0) {
        *ret_s = 0;
        return TKR_OK;
    }
    return json_seconds(given, name, 0, most, ret_s, fault);
}

static tkr_error_t read_asked(const json_t *root, struct schedule_asked *asked, struct fault *fault)
{
    struct json_given given[MEMBER_COUNT];
    TRY(json_read(root, "", members, MEMBER_COUNT, given, fault));
    asked->target = given[MEMBER_TARGET].text;
    asked->has_uses = given[MEMBER_HIGH_USE].present && !given[MEMBER_HIGH_USE].null;
    asked->uses = asked->has_uses ? (uint64_t)given[MEMBER_HIGH_USE].integer : 0;
    asked->window = given[MEMBER_WINDOW].text;
    asked->time_zone = given[MEMBER_TIME_ZONE].text;
    TRY(read_duration(&given[MEMBER_MAX_AGE], "max_age", true, LIFETIME_S_MAX, &asked->has_max_age,
                      &asked->max_age_s, fault));
    TRY(read_duration(&given[MEMBER_HIGH_USE_AGE], "high_use_age", true, LIFETIME_S_MAX,
                      &asked->has_uses_age, &asked->uses_age_s, fault));
    return read_duration(&given[MEMBER_OVERLAP], "overlap", false, ROTATION_GRACE_S_MAX,
                         &asked->has_overlap, &asked->overlap_s, fault);
}

/* --- a schedule ------------------------------------------------------------------------------ */

void rotation_schedule_get(struct api_call *call)
{
    struct schedule_view view;
    struct fault fault = {0};
    tkr_error_t error = authority_get_schedule(call->api->options.authority, &call->principal,
                                               call->parameter, call->arena, &view, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, missing);
        return;
    }
    answer(call, 200, &view);
}

static tkr_error_t put(struct api_call *call, struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct schedule_asked asked = {0};
    struct schedule_view view;
    bool created = false;
    TRY(json_parse(call->body, call->body_length, &root, fault));
    TRY(read_asked(root, &asked, fault));
    TRY(resource_if_match(call, &asked.if_version, fault));
    TRY(authority_put_schedule(call->api->options.authority, &call->principal, call->parameter,
                               &asked, call->arena, &view, &created, fault));
    answer(call, created ? 201 : 200, &view);
    return TKR_OK;
}

void rotation_schedule_put(struct api_call *call)
{
    struct fault fault = {0};
    tkr_error_t error = put(call, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, missing);
    }
}

void rotation_schedule_delete(struct api_call *call)
{
    struct fault fault = {0};
    uint64_t if_version = 0;
    tkr_error_t error = resource_if_match(call, &if_version, &fault);
    if (error == TKR_OK) {
        error = authority_remove_schedule(call->api->options.authority, &call->principal,
                                          call->parameter, if_version, &fault);
    }
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, missing);
        return;
    }
    call_answer(call, 204, NULL);
}

/* By the job, at once. Where it is off nothing can be delivered: then there is no target, and so no
 * schedule that is not blocked. */
static tkr_error_t run(struct api_call *call, struct schedule_view *ret_view, struct fault *fault)
{
    struct scheduler *scheduler = call->api->options.scheduler;
    TRY(resource_no_body(call, fault));
    TRY(authority_wish_rotation(call->api->options.authority, &call->principal, call->parameter,
                                call->arena, ret_view, fault));
    return scheduler != NULL ? scheduler_nudge(scheduler, JOB, fault) : TKR_OK;
}

void rotation_schedule_run(struct api_call *call)
{
    struct schedule_view view;
    struct fault fault = {0};
    tkr_error_t error = run(call, &view, &fault);
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, missing);
        return;
    }
    answer(call, 202, &view);
}

/* --- the plan --------------------------------------------------------------------------------- */

static tkr_error_t read_days(const struct api_call *call, int64_t *ret_until_ms,
                             struct fault *fault)
{
    const char *text = call_argument(call, "days");
    uint64_t days = DAYS_DEFAULT;
    if (text != NULL && (text_parse_u64(text, strlen(text), &days) != TKR_OK || days < 1 ||
                         days > USAGE_DAYS_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "days", "must be 1 to %d", USAGE_DAYS_MAX);
    }
    *ret_until_ms =
        authority_now_ms(call->api->options.authority) + (int64_t)days * INT64_C(86400000);
    return TKR_OK;
}

/* What somebody has to look at is shown however far away it is. */
static bool is_shown(const struct schedule_view *view, int64_t until_ms)
{
    return view->status == SCHEDULE_WAITS ? view->moment.at_ms <= until_ms
                                          : view->status != SCHEDULE_NOTHING;
}

static tkr_error_t list_plan(struct api_call *call, struct arena *arena, struct emitter *emitter,
                             const char **ret_next_cursor, struct fault *fault)
{
    struct page_of page;
    struct schedule_view *views = NULL;
    size_t count = 0;
    int64_t until_ms = 0;
    uint8_t id[TOKEN_ID_BYTES];
    TRY(resource_page(call, &page, fault));
    TRY(read_days(call, &until_ms, fault));
    if (page.cursor != NULL && token_id_parse(page.cursor, strlen(page.cursor), id) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "cursor", "this is no cursor of ours");
    }
    const struct schedule_page_of of = {
        .org_id = call_argument(call, "org_id"), .after = page.cursor, .limit = page.limit};
    TRY(authority_list_schedules(call->api->options.authority, &call->principal, &of, arena, &views,
                                 &count, fault));
    for (size_t i = 0; i < count; i++) {
        if (is_shown(&views[i], until_ms)) {
            emit_view(emitter, &views[i]);
        }
    }
    *ret_next_cursor = count == page.limit ? views[count - 1].schedule.lineage_id : NULL;
    return TKR_OK;
}

void rotation_plan_get(struct api_call *call)
{
    resource_list(call, list_plan);
}
