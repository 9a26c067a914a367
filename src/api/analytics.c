/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted: `requests` and the series are those that were let through, by whatever
 * verifier (of an organisation: by the daemon); `refused` and the shares are what the daemon
 * answered. Counts are as of the last flush, a second ago.
 */
#include "api/analytics.h"

#include <stdio.h>
#include <string.h>

#include "api/json_emit.h"
#include "api/keys.h"
#include "api/routes.h"
#include "base/text.h"

#define DAYS_DEFAULT 30

static const struct {
    const char *name;
    int64_t ms;
} steps[] = {
    {"day", 86400000},
    {"hour", 3600000},
    {"minute", 60000},
};
#define STEPS (sizeof steps / sizeof steps[0])

struct subject {
    enum usage_subject of;
    const char *id, *org_id;
};

tkr_error_t analytics_read_days(const struct api_call *call, int64_t *ret_days, struct fault *fault)
{
    const char *days = call_argument(call, "days");
    uint64_t number = DAYS_DEFAULT;
    if (days != NULL && (text_parse_u64(days, strlen(days), &number) != TKR_OK || number < 1 ||
                         number > USAGE_DAYS_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "days", "must be 1 to %d", USAGE_DAYS_MAX);
    }
    *ret_days = (int64_t)number;
    return TKR_OK;
}

static tkr_error_t read_request(const struct api_call *call, struct usage_request *ret_request,
                                struct fault *fault)
{
    const char *step = call_argument(call, "step");
    int64_t days = 0;
    size_t chosen = 0;
    TRY(analytics_read_days(call, &days, fault));
    while (step != NULL && chosen < STEPS && strcmp(step, steps[chosen].name) != 0) {
        chosen++;
    }
    if (chosen == STEPS) {
        return fault_set(fault, TKR_INVALID, "step", "must be `day`, `hour` or `minute`");
    }
    *ret_request = (struct usage_request){.days = days, .step_ms = steps[chosen].ms};
    return TKR_OK;
}

const char *analytics_step_name(int64_t step_ms)
{
    size_t i = 0;
    while (i + 1 < STEPS && steps[i].ms != step_ms) {
        i++;
    }
    return steps[i].name;
}

/* --- the answer ---------------------------------------------------------------------------- */

static void emit_shares(struct emitter *emitter, const char *name,
                        const struct usage_answer *answer, enum usage_dimension dimension)
{
    emit_open(emitter, name, '[');
    for (size_t i = 0; i < answer->share_counts[dimension]; i++) {
        const struct usage_share *share = &answer->shares[dimension][i];
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "label", share->label);
        emit_count(emitter, "count", share->count);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

void analytics_emit_shares(struct emitter *emitter, const struct usage_answer *answer)
{
    emit_shares(emitter, "by_verdict", answer, USAGE_VERDICT);
    emit_shares(emitter, "by_endpoint", answer, USAGE_ENDPOINT);
    emit_shares(emitter, "by_network", answer, USAGE_NETWORK);
}

/*
 * Of what the daemon answered, how much it let through: 0 to 1 with six digits, cut off so that it
 * is 1 only when nothing was refused. null: it answered nothing (or counts nothing).
 */
static void emit_success_rate(struct emitter *emitter, const struct usage_answer *answer)
{
    const char *valid = tkr_verdict_name(TKR_VERDICT_VALID);
    uint64_t all = 0, let_through = 0;
    for (size_t i = 0; i < answer->share_counts[USAGE_VERDICT]; i++) {
        const struct usage_share *share = &answer->shares[USAGE_VERDICT][i];
        all += share->count;
        let_through += strcmp(share->label, valid) == 0 ? share->count : 0;
    }
    if (all == 0) {
        emit_null(emitter, "success_rate");
        return;
    }
    unsigned millionths = (unsigned)((unsigned __int128)let_through * 1000000 / all);
    char text[16];
    snprintf(text, sizeof text, "%u.%06u", millionths / 1000000, millionths % 1000000);
    emit_json(emitter, "success_rate", text, strlen(text));
}

static void emit_series(struct emitter *emitter, const struct usage_report *report)
{
    emit_open(emitter, "series", '[');
    for (size_t i = 0; i < report->answer.point_count; i++) {
        emit_open(emitter, NULL, '{');
        emit_time(emitter, "at", report->answer.points[i].at_ms);
        emit_count(emitter, "count", report->answer.points[i].count);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

static void emit_versions(struct emitter *emitter, const struct usage_report *report)
{
    emit_open(emitter, "versions", '[');
    for (size_t i = 0; i < report->version_count; i++) {
        const struct usage_version *version = &report->versions[i];
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "token_id", version->token_id);
        emit_bool(emitter, "current", version->current);
        emit_time(emitter, "created_at", version->created_at_ms);
        emit_time(emitter, "last_used_at", version->last_used_at_ms);
        emit_count(emitter, "requests", version->count);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

static void emit_subject(struct emitter *emitter, const struct subject *subject,
                         const struct usage_report *report)
{
    if (subject->of == USAGE_OF_TOKEN) {
        emit_text(emitter, "token_id", report->token.id);
        emit_text(emitter, "lineage_id", report->token.lineage_id);
        emit_text(emitter, "name", report->token.name);
        emit_time(emitter, "last_used_at", report->token.last_used_at_ms);
    } else if (subject->of == USAGE_OF_USER) {
        emit_text(emitter, "user_id", subject->id);
        emit_text(emitter, "org_id", subject->org_id);
    } else {
        emit_text(emitter, "org_id", subject->id);
    }
}

static void emit_report(struct emitter *emitter, const struct subject *subject,
                        const struct usage_request *request, const struct usage_report *report)
{
    emit_open(emitter, NULL, '{');
    emit_subject(emitter, subject, report);
    emit_number(emitter, "days", request->days);
    emit_time(emitter, "from", report->from_ms);
    emit_time(emitter, "until", report->until_ms);
    emit_count(emitter, "requests", report->requests);
    emit_count(emitter, "refused", report->refused);
    emit_success_rate(emitter, &report->answer);
    emit_text(emitter, "step", analytics_step_name(report->step_ms));
    emit_series(emitter, report);
    analytics_emit_shares(emitter, &report->answer);
    if (subject->of == USAGE_OF_TOKEN) {
        emit_versions(emitter, report);
    }
    emit_close(emitter, '}');
}

/* --- the calls ------------------------------------------------------------------------------ */

static tkr_error_t read_usage(struct api_call *call, const struct subject *subject,
                              const struct usage_request *request, struct arena *arena,
                              struct usage_report *ret_report, struct fault *fault)
{
    struct authority *authority = call->api->options.authority;
    const struct principal *by = &call->principal;
    switch (subject->of) {
    case USAGE_OF_TOKEN:
        return authority_token_usage(authority, by, subject->id, request, arena, ret_report, fault);
    case USAGE_OF_USER:
        return authority_user_usage(authority, by, subject->org_id, subject->id, request, arena,
                                    ret_report, fault);
    default:
        return authority_org_usage(authority, by, subject->id, request, arena, ret_report, fault);
    }
}

static tkr_error_t run(struct api_call *call, const struct subject *subject, struct buffer *body,
                       struct fault *fault)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL; /* thousands of points */
    struct usage_request request = {0};
    struct usage_report report = {0};
    struct emitter emitter;
    TRY(read_request(call, &request, fault));
    TRY(arena_new(API_PAGE_BYTES_MAX, &arena));
    TRY(read_usage(call, subject, &request, arena, &report, fault));
    emit_begin(&emitter, body);
    emit_report(&emitter, subject, &request, &report);
    return TKR_OK;
}

static void answer(struct api_call *call, const struct subject *subject, const char *missing)
{
    struct fault fault = {0};
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = run(call, subject, &body, &fault);
    if (error == TKR_NOT_FOUND) {
        fault_set(&fault, error, "", "%s", missing);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}

void analytics_of_token(struct api_call *call, const char *token_id)
{
    const struct subject subject = {.of = USAGE_OF_TOKEN, .id = token_id};
    answer(call, &subject, "no token has this ID");
}

void tokens_analytics_get(struct api_call *call)
{
    analytics_of_token(call, call->parameter);
}

/* The same of a key of one's own. */
void keys_usage_get(struct api_call *call)
{
    struct token token;
    if (keys_find_own(call, &token)) {
        analytics_of_token(call, token.id);
    }
}

void users_analytics_get(struct api_call *call)
{
    const char *org_id = call_argument(call, "org_id");
    const struct subject subject = {.of = USAGE_OF_USER,
                                    .id = call->parameter,
                                    .org_id = org_id != NULL ? org_id : call->principal.org_id};
    answer(call, &subject, "there is no such user");
}

void orgs_analytics_get(struct api_call *call)
{
    const struct subject subject = {.of = USAGE_OF_ORG, .id = call->parameter};
    answer(call, &subject, "there is no such organisation");
}
