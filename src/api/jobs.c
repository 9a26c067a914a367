/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authority does by itself: when each job ran and will run, how it went, and running one
 * now. Jobs are the node's and not an organisation's.
 */
#include "api/jobs.h"

#include "api/resource.h"
#include "api/routes.h"
#include "jobs/scheduler.h"

#define MISSING "there is no job of this name"

static size_t list(const struct api *api, struct job_status ret_status[JOBS_MAX])
{
    struct scheduler *scheduler = api->options.scheduler;
    return scheduler != NULL ? scheduler_list(scheduler, ret_status) : 0;
}

/* Members of a job; null is what has not been yet. */
static void emit_members(struct emitter *emitter, const struct job_status *status)
{
    const struct store_job *job = &status->job;
    bool ran = job->outcome != JOB_NEVER;
    emit_text(emitter, "name", job->name);
    emit_text(emitter, "object", "job");
    emit_text(emitter, "description", status->handler->description);
    emit_text(emitter, "state", job_state_name(status->state));
    emit_number(emitter, "every_s", status->every_ms / 1000);
    emit_number(emitter, "deadline_s", status->handler->deadline_ms / 1000);
    emit_time(emitter, "next_run_at", status->every_ms > 0 ? job->due_at_ms : 0);
    emit_time(emitter, "started_at", job->started_at_ms);
    emit_number(emitter, "running_ms", status->running_ms);
    emit_time(emitter, "last_run_at", job->ended_at_ms);
    emit_time(emitter, "last_success_at", job->succeeded_at_ms);
    emit_text(emitter, "last_outcome", ran ? job_outcome_name(job->outcome) : NULL);
    emit_text(emitter, "last_result", ran ? job->result : NULL);
    emit_count(emitter, "last_count", job->count);
    emit_number(emitter, "last_duration_ms", job->duration_ms);
    emit_count(emitter, "runs", job->runs);
    emit_count(emitter, "failures", job->failures);
}

void jobs_emit(struct emitter *emitter, const char *name, const struct api *api)
{
    struct job_status status[JOBS_MAX];
    size_t count = list(api, status);
    emit_open(emitter, name, '[');
    for (size_t i = 0; i < count; i++) {
        emit_open(emitter, NULL, '{');
        emit_members(emitter, &status[i]);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

void jobs_list(struct api_call *call)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    jobs_emit(&emitter, "data", call->api);
    emit_null(&emitter, "next_cursor"); /* there are at most JOBS_MAX: one page */
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

/* 202 while it runs, 200 when it has ended already. */
void jobs_run(struct api_call *call)
{
    struct scheduler *scheduler = call->api->options.scheduler;
    struct job_status status;
    struct fault fault = {0};
    tkr_error_t error = resource_no_body(call, &fault);
    if (error == TKR_OK) {
        error = scheduler != NULL
                    ? scheduler_run(scheduler, &call->principal, call->parameter, &status, &fault)
                    : TKR_NOT_FOUND;
    }
    if (error != TKR_OK) {
        resource_fail(call, error, &fault, MISSING);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_members(&emitter, &status);
    emit_close(&emitter, '}');
    call_answer(call, scheduler_has_thread(scheduler) ? 202 : 200, &body);
}

/* --- metrics -----------------------------------------------------------------------------------
 */

static double last_run(const struct job_status *status)
{
    return (double)status->job.ended_at_ms / 1e3;
}

static double last_success(const struct job_status *status)
{
    return (double)status->job.succeeded_at_ms / 1e3;
}

static double next_run(const struct job_status *status)
{
    return status->every_ms > 0 ? (double)status->job.due_at_ms / 1e3 : 0;
}

static double last_duration(const struct job_status *status)
{
    return (double)status->job.duration_ms / 1e3;
}

static double runs(const struct job_status *status)
{
    return (double)status->job.runs;
}

static double failures(const struct job_status *status)
{
    return (double)status->job.failures;
}

static double hangs(const struct job_status *status)
{
    return status->state == JOB_HANGS ? 1 : 0;
}

static const struct {
    const char *name, *type, *help;
    double (*value)(const struct job_status *status);
} families[] = {
    {"tokenry_job_last_run_timestamp_seconds", "gauge",
     "When the last run of a job ended; 0: it never ran.", last_run},
    {"tokenry_job_last_success_timestamp_seconds", "gauge",
     "When a run of it last succeeded; 0: never.", last_success},
    {"tokenry_job_next_run_timestamp_seconds", "gauge", "When it is due next; 0: it is off.",
     next_run},
    {"tokenry_job_last_duration_seconds", "gauge", "How long its last run took.", last_duration},
    {"tokenry_job_runs_total", "counter", "Its runs that ended.", runs},
    {"tokenry_job_failures_total", "counter", "Those that failed or were interrupted.", failures},
    {"tokenry_job_hanging", "gauge", "1 while it runs beyond its deadline and does not stop.",
     hangs},
};

void jobs_metrics(struct buffer *out, const struct api *api)
{
    struct job_status status[JOBS_MAX];
    size_t count = list(api, status);
    for (size_t i = 0; count > 0 && i < sizeof(families) / sizeof(families[0]); i++) {
        buffer_print(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                     families[i].name, families[i].type);
        for (size_t j = 0; j < count; j++) {
            buffer_print(out, "%s{job=\"%s\"} %.13g\n", families[i].name, status[j].job.name,
                         families[i].value(&status[j]));
        }
    }
}
