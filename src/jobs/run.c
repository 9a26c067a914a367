/* SPDX-License-Identifier: Apache-2.0 */
/* One job: its lease, its run, and what came of that. See scheduler.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/alerts.h"
#include "engine/task.h"
#include "jobs/scheduler_internal.h"

#define NS_PER_MS 1000000

/* --- for handlers ----------------------------------------------------------------------------- */

static int64_t running_ms(const struct job *job)
{
    int64_t now_ns = clock_monotonic_ns(job->scheduler->options.clock);
    return (now_ns - atomic_load(&job->begun_ns)) / NS_PER_MS;
}

bool job_should_stop(const struct job_context *context)
{
    const struct job *job = context->job;
    return atomic_load(&job->scheduler->stopping) || atomic_load(&job->lost) ||
           running_ms(job) >= job->handler->deadline_ms;
}

void job_say(struct job_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->result, sizeof(context->result), format, arguments);
    va_end(arguments);
}

static void report(struct scheduler *scheduler, enum log_level level, const char *event,
                   const char *format, va_list arguments)
{
    char detail[FAULT_DETAIL_BYTES];
    if (scheduler->options.report != NULL) {
        vsnprintf(detail, sizeof(detail), format, arguments);
        scheduler->options.report(scheduler->options.report_context, level, event, detail);
    }
}

void job_report(struct job_context *context, enum log_level level, const char *event,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(context->job->scheduler, level, event, format, arguments);
    va_end(arguments);
}

void scheduler_report(struct scheduler *scheduler, enum log_level level, const char *event,
                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(scheduler, level, event, format, arguments);
    va_end(arguments);
}

/* Each has its line of the log before, so one that cannot be raised is not lost. */
static void raise_alert(struct job *job, enum alert_severity severity, const char *type,
                        const char *summary)
{
    char details[JOB_NAME_BYTES_MAX + 16];
    snprintf(details, sizeof(details), "{\"job\":\"%s\"}", job->handler->name);
    const struct alert alert = {
        .severity = severity, .type = type, .summary = summary, .details = details};
    (void)!authority_alert(job->scheduler->options.authority, &alert, 1, NULL);
}

/* --- when ------------------------------------------------------------------------------------- */

int64_t job_next_due(int64_t due_ms, int64_t every_ms, int64_t now_ms)
{
    if (due_ms <= 0 || due_ms > now_ms + every_ms) { /* it never had one, or one of another clock */
        return now_ms + every_ms;
    }
    return due_ms > now_ms ? due_ms : due_ms + every_ms * ((now_ms - due_ms) / every_ms + 1);
}

/* Of a row that was written when the clock was ahead the next run is one period away. */
bool job_is_due(struct job *job, int64_t now_ms)
{
    pthread_mutex_lock(&job->scheduler->mutex);
    bool asked = job->asked;
    if (job->every_ms > 0 && job->row.due_at_ms > now_ms + job->every_ms) {
        job->row.due_at_ms = now_ms + job->every_ms;
    }
    pthread_mutex_unlock(&job->scheduler->mutex);
    return asked ||
           (job->every_ms > 0 && job->row.due_at_ms <= now_ms && job->held_off_until_ms <= now_ms);
}

/* --- the lease -------------------------------------------------------------------------------- */

struct lease {
    struct store_job row; /* ours, and then the one that is stored */
    const char *holder;
    int64_t now_ms;
    int64_t every_ms;
    bool asked;
    bool ours; /* what came of it */
    bool interrupted;
};

/* One that ends later than any lease can was written by another clock. */
static bool is_held(const struct store_job *row, const struct lease *lease)
{
    return row->holder[0] != '\0' && strcmp(row->holder, lease->holder) != 0 &&
           row->lease_until_ms > lease->now_ms &&
           row->lease_until_ms <= lease->now_ms + JOB_LEASE_MS;
}

static void note_interrupted(struct store_job *row, struct lease *lease)
{
    row->outcome = JOB_INTERRUPTED;
    row->ended_at_ms = lease->now_ms;
    row->duration_ms = 0;
    row->count = 0;
    row->runs++;
    row->failures++;
    snprintf(row->result, sizeof(row->result), "whoever ran it was gone before it ended");
    lease->interrupted = true;
}

static tkr_error_t claim(const struct store_port *store, void *context)
{
    struct lease *lease = context;
    struct store_job row = lease->row;
    tkr_error_t error = store->jobs.read(store->store, lease->row.name, &row);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (strcmp(row.holder, lease->holder) == 0) {
        row = lease->row; /* the end of our own last run could not be stored */
    }
    bool due = row.due_at_ms <= lease->now_ms || row.due_at_ms > lease->now_ms + lease->every_ms;
    lease->ours = !is_held(&row, lease) && (lease->asked || due);
    lease->interrupted = false;
    if (lease->ours) {
        if (row.holder[0] != '\0' && strcmp(row.holder, lease->holder) != 0) {
            note_interrupted(&row, lease);
        }
        snprintf(row.holder, sizeof(row.holder), "%s", lease->holder);
        row.lease_until_ms = lease->now_ms + JOB_LEASE_MS;
        row.started_at_ms = lease->now_ms;
        TRY(store->jobs.put(store->store, &row));
    }
    lease->row = row;
    return TKR_OK;
}

/* Writes our row while the lease is ours; else there is another one, which is taken. */
static tkr_error_t keep(const struct store_port *store, void *context)
{
    struct lease *lease = context;
    struct store_job row = {0};
    tkr_error_t error = store->jobs.read(store->store, lease->row.name, &row);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    lease->ours = error == TKR_NOT_FOUND || strcmp(row.holder, lease->holder) == 0;
    if (lease->ours) {
        return store->jobs.put(store->store, &lease->row);
    }
    lease->row = row;
    return TKR_OK;
}

static void set_row(struct job *job, const struct store_job *row)
{
    pthread_mutex_lock(&job->scheduler->mutex);
    job->row = *row;
    pthread_mutex_unlock(&job->scheduler->mutex);
}

static struct lease lease_of(struct job *job)
{
    return (struct lease){
        .row = job->row,
        .holder = job->scheduler->holder,
        .now_ms = authority_now_ms(job->scheduler->options.authority),
        .every_ms = job->every_ms,
    };
}

static bool take_asked(struct job *job)
{
    pthread_mutex_lock(&job->scheduler->mutex);
    bool asked = job->asked;
    job->asked = false;
    pthread_mutex_unlock(&job->scheduler->mutex);
    return asked;
}

/* A lease that cannot be written is tried again soon; that is told once. */
static bool claim_failed(struct job *job, const struct lease *lease, tkr_error_t error)
{
    job->held_off_until_ms = lease->now_ms + JOB_CLAIM_RETRY_MS;
    if (!job->told_unclaimed) {
        scheduler_report(job->scheduler, LOG_WARNING, "job_not_started", "%s: %s: %s",
                         job->handler->name, tkr_error_name(error), tkr_error_text(error));
    }
    job->told_unclaimed = true;
    return false;
}

bool job_claim(struct job *job)
{
    struct lease lease = lease_of(job);
    lease.asked = take_asked(job);
    tkr_error_t error = authority_run(job->scheduler->options.authority, claim, &lease);
    if (error != TKR_OK) {
        return claim_failed(job, &lease, error);
    }
    job->told_unclaimed = false;
    job->unsaved = false;
    set_row(job, &lease.row);
    if (!lease.ours) { /* looked at again when it may have run out */
        job->held_off_until_ms = lease.now_ms + JOB_CLAIM_RETRY_MS;
        return false;
    }
    if (lease.interrupted) {
        scheduler_report(job->scheduler, LOG_WARNING, "job_interrupted", "%s: %s",
                         job->handler->name, lease.row.result);
    }
    return true;
}

void job_renew(struct job *job)
{
    struct lease lease = lease_of(job);
    if (job->row.lease_until_ms - lease.now_ms > JOB_LEASE_MS * 2 / 3 || atomic_load(&job->lost)) {
        return;
    }
    lease.row.lease_until_ms = lease.now_ms + JOB_LEASE_MS;
    if (authority_run(job->scheduler->options.authority, keep, &lease) != TKR_OK) {
        return; /* the next look tries again */
    }
    if (lease.ours) {
        set_row(job, &lease.row);
        return;
    }
    atomic_store(&job->lost, true);
    scheduler_report(job->scheduler, LOG_WARNING, "job_lost",
                     "%s: another authority runs it; this run is asked to stop",
                     job->handler->name);
}

void job_save(struct job *job)
{
    struct lease lease = lease_of(job);
    if (authority_run(job->scheduler->options.authority, keep, &lease) == TKR_OK) {
        job->unsaved = false;
        set_row(job, &lease.row);
    }
}

/* --- the run ---------------------------------------------------------------------------------- */

static void set_phase(struct job *job, enum job_phase phase)
{
    pthread_mutex_lock(&job->scheduler->mutex);
    job->phase = phase;
    pthread_cond_broadcast(&job->scheduler->changed);
    pthread_mutex_unlock(&job->scheduler->mutex);
}

static void prepare(struct job *job)
{
    const struct scheduler_options *options = &job->scheduler->options;
    job->context = (struct job_context){
        .authority = options->authority,
        .store = options->store,
        .clock = options->clock,
        .random = options->random,
        .settings = options->settings,
        .job = job,
    };
    atomic_store(&job->lost, false);
    atomic_store(&job->begun_ns, clock_monotonic_ns(options->clock));
    job->told_hang = false;
    set_phase(job, PHASE_RUNNING);
}

static void *run_handler(void *context)
{
    struct job *job = context;
    job->outcome = job->handler->run(&job->context);
    set_phase(job, PHASE_ENDED);
    return NULL;
}

void job_execute(struct job *job)
{
    prepare(job);
    run_handler(job);
}

/* Without a thread the run has failed, like any other. */
void job_start(struct job *job)
{
    prepare(job);
    job->has_thread = pthread_create(&job->thread, NULL, run_handler, job) == 0;
    if (!job->has_thread) {
        job->outcome = TKR_MEMORY;
        set_phase(job, PHASE_ENDED);
    }
}

bool job_hangs_now(const struct job *job)
{
    return running_ms(job) >= job->handler->deadline_ms + JOB_STOP_MS;
}

void job_watch(struct job *job)
{
    char summary[ALERT_SUMMARY_BYTES_MAX];
    if (job->told_hang || !job_hangs_now(job)) {
        return;
    }
    job->told_hang = true;
    snprintf(summary, sizeof(summary),
             "the job %s has been running for %lld s, and %lld s is all that it may",
             job->handler->name, (long long)running_ms(job) / 1000,
             (long long)job->handler->deadline_ms / 1000);
    scheduler_report(job->scheduler, LOG_ERROR, "job_hangs", "%s", summary);
    raise_alert(job, ALERT_HIGH, "job.hangs", summary);
}

/* --- afterwards ------------------------------------------------------------------------------- */

static void tell_failure(struct job *job, const struct store_job *row)
{
    char summary[ALERT_SUMMARY_BYTES_MAX + JOB_RESULT_BYTES_MAX];
    snprintf(summary, sizeof(summary), "the job %s failed: %s: %s", job->handler->name,
             tkr_error_name(job->outcome), row->result);
    scheduler_report(job->scheduler, LOG_WARNING, "job_failed", "%s", summary);
    raise_alert(job, ALERT_MEDIUM, "job.failed", summary);
}

/* Each state is told once: that it fails, and that it works again. */
static void tell_outcome(struct job *job, const struct store_job *row)
{
    struct scheduler *scheduler = job->scheduler;
    const char *name = job->handler->name;
    bool failed = job->outcome != TKR_OK;
    if (job->told_hang) {
        scheduler_report(scheduler, LOG_WARNING, "job_ended_late", "%s: after %lld s", name,
                         (long long)row->duration_ms / 1000);
    }
    if (failed && !job->told_failed) {
        tell_failure(job, row);
    } else if (!failed && job->told_failed) {
        scheduler_report(scheduler, LOG_INFO, "job_recovered", "%s: %s", name, row->result);
    } else if (!failed) {
        scheduler_report(scheduler, LOG_DEBUG, "job_done", "%s: %s", name, row->result);
    }
    job->told_failed = failed;
}

static int64_t due_after(const struct job *job, int64_t now_ms)
{
    if (job->every_ms == 0) {
        return job->row.due_at_ms;
    }
    if (job->context.more && job->outcome == TKR_OK) {
        return now_ms;
    }
    int64_t due_ms = job_next_due(job->row.due_at_ms, job->every_ms, now_ms);
    bool sooner = job->outcome != TKR_OK && due_ms > now_ms + JOB_RETRY_MS;
    return sooner ? now_ms + JOB_RETRY_MS : due_ms;
}

void job_collect(struct job *job)
{
    if (job->has_thread) {
        pthread_join(job->thread, NULL);
        job->has_thread = false;
    }
    struct store_job row = job->row;
    int64_t now_ms = authority_now_ms(job->scheduler->options.authority);
    bool failed = job->outcome != TKR_OK;
    row.due_at_ms = due_after(job, now_ms);
    row.ended_at_ms = now_ms;
    row.succeeded_at_ms = failed ? row.succeeded_at_ms : now_ms;
    row.duration_ms = running_ms(job);
    row.outcome = failed ? JOB_FAILED : JOB_DONE;
    row.count = job->context.count;
    row.runs++;
    row.failures += failed ? 1 : 0;
    snprintf(row.result, sizeof(row.result), "%s",
             job->context.result[0] != '\0' || !failed ? job->context.result
                                                       : tkr_error_text(job->outcome));
    tell_outcome(job, &row);
    row.holder[0] = '\0';
    row.lease_until_ms = 0;
    set_row(job, &row);
    job->unsaved = true;
    job_save(job);
    set_phase(job, PHASE_IDLE);
}
