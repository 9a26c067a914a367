/* SPDX-License-Identifier: Apache-2.0 */
/* Usage, as somebody asks for it. */
#include <string.h>

#include "engine/authority_internal.h"

#define MINUTE_MS 60000LL
#define DAY_MS 86400000LL

/* Whole days, of which today is the last; its rest is still to come. */
static tkr_error_t fill_time(struct authority *authority, const struct usage_request *request,
                             struct usage_question *question, struct fault *fault)
{
    if (request->days < 1 || request->days > USAGE_DAYS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "days", "must be 1 to %d", USAGE_DAYS_MAX);
    }
    if (request->days * DAY_MS / request->step_ms > USAGE_POINTS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "step",
                         "makes more than %d points: ask for fewer days", USAGE_POINTS_MAX);
    }
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    question->until_ms = now_ms - now_ms % DAY_MS + DAY_MS;
    question->from_ms = question->until_ms - request->days * DAY_MS;
    question->step_ms = request->step_ms;
    return TKR_OK;
}

static void take_answer(const struct usage_question *question, struct usage_report *report)
{
    report->from_ms = question->from_ms;
    report->until_ms = question->until_ms;
    report->step_ms = question->step_ms;
    for (size_t i = 0; i < report->answer.point_count; i++) {
        report->requests += report->answer.points[i].count;
    }
    for (size_t i = 0; i < report->answer.share_counts[USAGE_VERDICT]; i++) {
        const struct usage_share *share = &report->answer.shares[USAGE_VERDICT][i];
        bool passed = strcmp(share->label, tkr_verdict_name(TKR_VERDICT_VALID)) == 0;
        report->refused += passed ? 0 : share->count;
    }
}

tkr_error_t authority_token_usage(struct authority *authority, const struct principal *by,
                                  const char *token_id, const struct usage_request *request,
                                  struct arena *arena, struct usage_report *ret_report,
                                  struct fault *fault)
{
    const struct store_port *store = authority->store;
    struct usage_report report = {0};
    TRY(authority_get_token(authority, by, token_id, arena, &report.token));
    struct usage_question question = {.of = USAGE_OF_TOKEN, .line = report.token.line};
    TRY(fill_time(authority, request, &question, fault));
    TRY(store->read_usage(store->store, &question, arena, &report.answer));
    TRY(store->read_versions(store->store, report.token.lineage_id, question.from_ms,
                             question.until_ms, arena, &report.versions, &report.version_count));
    take_answer(&question, &report);
    *ret_report = report;
    return TKR_OK;
}

static tkr_error_t choose_org(const struct principal *by, const char *org_id,
                              struct usage_question *question)
{
    question->org_id = org_id != NULL ? org_id : by->org_id;
    /* Another org is not there, for who has no `*`. */
    return strcmp(question->org_id, by->org_id) == 0 || principal_is_global(by) ? TKR_OK
                                                                                : TKR_NOT_FOUND;
}

static tkr_error_t subject_usage(struct authority *authority, struct usage_question *question,
                                 const struct usage_request *request, struct arena *arena,
                                 struct usage_report *ret_report, struct fault *fault)
{
    const struct store_port *store = authority->store;
    struct usage_report report = {0};
    TRY(fill_time(authority, request, question, fault));
    TRY(store->read_usage(store->store, question, arena, &report.answer));
    take_answer(question, &report);
    *ret_report = report;
    return TKR_OK;
}

tkr_error_t authority_user_usage(struct authority *authority, const struct principal *by,
                                 const char *org_id, const char *user_id,
                                 const struct usage_request *request, struct arena *arena,
                                 struct usage_report *ret_report, struct fault *fault)
{
    struct usage_question question = {.of = USAGE_OF_USER, .user_id = user_id};
    TRY(choose_org(by, org_id, &question));
    return subject_usage(authority, &question, request, arena, ret_report, fault);
}

tkr_error_t authority_org_usage(struct authority *authority, const struct principal *by,
                                const char *org_id, const struct usage_request *request,
                                struct arena *arena, struct usage_report *ret_report,
                                struct fault *fault)
{
    struct usage_question question = {.of = USAGE_OF_ORG};
    if (request->step_ms < 60 * MINUTE_MS) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "step", "an organisation's are by hour or day");
    }
    TRY(choose_org(by, org_id, &question));
    return subject_usage(authority, &question, request, arena, ret_report, fault);
}
