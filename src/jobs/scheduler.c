/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/scheduler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "engine/task.h"
#include "jobs/scheduler_internal.h"

const char *job_state_name(enum job_state state)
{
    static const char *const names[JOB_STATES] = {
        [JOB_OFF] = "off", [JOB_IDLE] = "idle", [JOB_RUNNING] = "running", [JOB_HANGS] = "hangs"};
    ASSERT(state < JOB_STATES);
    return names[state];
}

const char *job_outcome_name(enum job_outcome outcome)
{
    static const char *const names[JOB_OUTCOMES] = {[JOB_NEVER] = "never",
                                                    [JOB_DONE] = "done",
                                                    [JOB_FAILED] = "failed",
                                                    [JOB_INTERRUPTED] = "interrupted"};
    ASSERT(outcome < JOB_OUTCOMES);
    return names[outcome];
}

/* --- a look at all of them -------------------------------------------------------------------- */

static enum job_phase phase_of(struct job *job)
{
    pthread_mutex_lock(&job->scheduler->mutex);
    enum job_phase phase = job->phase;
    pthread_mutex_unlock(&job->scheduler->mutex);
    return phase;
}

static void look_at(struct job *job, int64_t now_ms)
{
    enum job_phase phase = phase_of(job);
    if (phase == PHASE_ENDED) {
        job_collect(job);
    } else if (phase == PHASE_RUNNING) {
        job_renew(job);
    } else if (atomic_load(&job->scheduler->stopping)) {
        return;
    } else if (job_is_due(job, now_ms)) {
        if (job_claim(job)) {
            job_start(job);
        }
    } else if (job->unsaved) {
        job_save(job);
    }
}

/* What hangs is told before anything waits for the store, which may be why it hangs. */
void scheduler_tick(struct scheduler *scheduler)
{
    int64_t now_ms = authority_now_ms(scheduler->options.authority);
    for (size_t i = 0; i < scheduler->count; i++) {
        if (phase_of(&scheduler->jobs[i]) == PHASE_RUNNING) {
            job_watch(&scheduler->jobs[i]);
        }
    }
    for (size_t i = 0; i < scheduler->count; i++) {
        look_at(&scheduler->jobs[i], now_ms);
    }
}

/* The mutex is held. */
static bool any_in(const struct scheduler *scheduler, enum job_phase phase)
{
    for (size_t i = 0; i < scheduler->count; i++) {
        if (scheduler->jobs[i].phase == phase) {
            return true;
        }
    }
    return false;
}

static bool any_asked(const struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->count; i++) {
        if (scheduler->jobs[i].asked && scheduler->jobs[i].phase == PHASE_IDLE) {
            return true;
        }
    }
    return false;
}

static void collect_all(struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->count; i++) {
        if (phase_of(&scheduler->jobs[i]) == PHASE_ENDED) {
            job_collect(&scheduler->jobs[i]);
        }
    }
}

void scheduler_settle(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->mutex);
    while (any_in(scheduler, PHASE_RUNNING)) {
        pthread_cond_wait(&scheduler->changed, &scheduler->mutex);
    }
    pthread_mutex_unlock(&scheduler->mutex);
    collect_all(scheduler);
}

/* --- the thread ------------------------------------------------------------------------------- */

static struct timespec after_ms(int64_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    int64_t ns = time.tv_nsec + ms % 1000 * 1000000;
    time.tv_sec += ms / 1000 + ns / 1000000000;
    time.tv_nsec = ns % 1000000000;
    return time;
}

static void wait_for_work(struct scheduler *scheduler)
{
    struct timespec until = after_ms(JOBS_TICK_MS);
    pthread_mutex_lock(&scheduler->mutex);
    int waited = 0;
    while (waited == 0 && !atomic_load(&scheduler->stopping) && !any_in(scheduler, PHASE_ENDED) &&
           !any_asked(scheduler)) {
        waited = pthread_cond_timedwait(&scheduler->changed, &scheduler->mutex, &until);
    }
    pthread_mutex_unlock(&scheduler->mutex);
}

static void *run_scheduler(void *context)
{
    struct scheduler *scheduler = context;
    while (!atomic_load(&scheduler->stopping)) {
        scheduler_tick(scheduler);
        wait_for_work(scheduler);
    }
    return NULL;
}

tkr_error_t scheduler_start(struct scheduler *scheduler)
{
    ENSURE(pthread_create(&scheduler->thread, NULL, run_scheduler, scheduler) == 0, TKR_MEMORY);
    scheduler->started = true;
    return TKR_OK;
}

static bool is_over(const struct timespec *until)
{
    struct timespec now = after_ms(0);
    return now.tv_sec > until->tv_sec ||
           (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* By the clock, not by what a wait says: one that came back early would have a run that ends in a
 * moment taken for one that hangs. */
static bool wait_for_runs(struct scheduler *scheduler)
{
    struct timespec until = after_ms(JOB_STOP_MS);
    pthread_mutex_lock(&scheduler->mutex);
    while (any_in(scheduler, PHASE_RUNNING) && !is_over(&until)) {
        (void)pthread_cond_timedwait(&scheduler->changed, &scheduler->mutex, &until);
    }
    bool ended = !any_in(scheduler, PHASE_RUNNING);
    pthread_mutex_unlock(&scheduler->mutex);
    return ended;
}

tkr_error_t scheduler_stop(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->mutex);
    atomic_store(&scheduler->stopping, true);
    pthread_cond_broadcast(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->mutex);
    if (scheduler->started) {
        pthread_join(scheduler->thread, NULL);
        scheduler->started = false;
    }
    scheduler->abandoned = !wait_for_runs(scheduler);
    collect_all(scheduler);
    for (size_t i = 0; scheduler->abandoned && i < scheduler->count; i++) {
        if (phase_of(&scheduler->jobs[i]) == PHASE_RUNNING) {
            scheduler_report(scheduler, LOG_ERROR, "job_hangs", "%s: it does not stop",
                             scheduler->jobs[i].handler->name);
        }
    }
    return scheduler->abandoned ? TKR_TIMEOUT : TKR_OK;
}

/* --- making one ------------------------------------------------------------------------------- */

static tkr_error_t remember(void *context, const struct store_job *row)
{
    struct scheduler *scheduler = context;
    for (size_t i = 0; i < scheduler->count; i++) {
        if (strcmp(scheduler->jobs[i].handler->name, row->name) == 0) {
            scheduler->jobs[i].row = *row;
        }
    }
    return TKR_OK;
}

/* One that never ran is due at once. */
static void init_jobs(struct scheduler *scheduler)
{
    const struct scheduler_options *options = &scheduler->options;
    int64_t now_ms = authority_now_ms(options->authority);
    for (size_t i = 0; i < options->handler_count; i++) {
        struct job *job = &scheduler->jobs[scheduler->count++];
        job->scheduler = scheduler;
        job->handler = options->handlers[i];
        job->every_ms = job->handler->every_ms(options->settings);
        ASSERT(strlen(job->handler->name) <= JOB_NAME_BYTES_MAX);
        snprintf(job->row.name, sizeof(job->row.name), "%s", job->handler->name);
        job->row.due_at_ms = now_ms;
    }
}

static tkr_error_t init(struct scheduler *scheduler, const struct scheduler_options *options)
{
    uint8_t id[JOB_HOLDER_BYTES_MAX / 2];
    pthread_condattr_t attributes;
    ASSERT(options->handler_count <= JOBS_MAX);
    scheduler->options = *options;
    pthread_mutex_init(&scheduler->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&scheduler->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    TRY(random_fill(options->random, id, sizeof(id)));
    text_hex(id, sizeof(id), scheduler->holder);
    init_jobs(scheduler);
    return options->store->jobs.each(options->store->store, remember, scheduler);
}

tkr_error_t scheduler_new(const struct scheduler_options *options, struct scheduler **ret_scheduler,
                          struct fault *fault)
{
    struct scheduler *scheduler = calloc(1, sizeof(*scheduler));
    ENSURE(scheduler != NULL, TKR_MEMORY);
    tkr_error_t error = init(scheduler, options);
    if (error != TKR_OK) {
        scheduler_free(scheduler);
        return fault_set(fault, error, "", "reading the jobs: %s", tkr_error_text(error));
    }
    *ret_scheduler = scheduler;
    return TKR_OK;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (scheduler == NULL || scheduler->abandoned) {
        return;
    }
    ASSERT(!scheduler->started);
    pthread_cond_destroy(&scheduler->changed);
    pthread_mutex_destroy(&scheduler->mutex);
    free(scheduler);
}

bool scheduler_has_thread(const struct scheduler *scheduler)
{
    return scheduler->options.has_thread;
}

/* --- for others ------------------------------------------------------------------------------- */

/* The mutex is held. */
static struct job_status status_of(const struct job *job)
{
    struct job_status status = {
        .handler = job->handler, .state = JOB_IDLE, .every_ms = job->every_ms, .job = job->row};
    if (job->phase == PHASE_RUNNING) {
        int64_t now_ns = clock_monotonic_ns(job->scheduler->options.clock);
        status.state = job_hangs_now(job) ? JOB_HANGS : JOB_RUNNING;
        status.running_ms = (now_ns - atomic_load(&job->begun_ns)) / 1000000;
    } else if (job->every_ms == 0) {
        status.state = JOB_OFF;
    }
    return status;
}

size_t scheduler_list(struct scheduler *scheduler, struct job_status ret_status[JOBS_MAX])
{
    pthread_mutex_lock(&scheduler->mutex);
    for (size_t i = 0; i < scheduler->count; i++) {
        ret_status[i] = status_of(&scheduler->jobs[i]);
    }
    pthread_mutex_unlock(&scheduler->mutex);
    return scheduler->count;
}

struct wish {
    const struct principal *by;
    const char *name;
    int64_t now_ms;
};

static tkr_error_t note_wish(const struct store_port *store, void *context)
{
    const struct wish *wish = context;
    const struct principal *by = wish->by;
    char details[JOB_NAME_BYTES_MAX + 16];
    snprintf(details, sizeof(details), "{\"job\":\"%s\"}", wish->name);
    const struct store_event event = {
        .at_ms = wish->now_ms,
        .type = "job.run",
        .org_id = by->org_id,
        .actor_user = by->user_id,
        .actor_token = by->token_id,
        .client = by->client,
        .user_agent = by->user_agent,
        .request_id = by->request_id,
        .details = details,
    };
    return store->note_event(store->store, &event);
}

static tkr_error_t check(struct job *job, struct fault *fault)
{
    if (job->every_ms == 0) {
        return fault_set(fault, TKR_CONFLICT, "", "%s is off: set %s", job->handler->name,
                         job->handler->switch_key != NULL ? job->handler->switch_key : "it");
    }
    if (phase_of(job) != PHASE_IDLE) {
        return fault_set(fault, TKR_CONFLICT, "", "%s is running", job->handler->name);
    }
    return TKR_OK;
}

static void ask(struct scheduler *scheduler, struct job *job, struct job_status *ret_status)
{
    pthread_mutex_lock(&scheduler->mutex);
    job->asked = true;
    *ret_status = status_of(job);
    pthread_cond_broadcast(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->mutex);
}

/* Where there is no thread for it, this one does it. */
static tkr_error_t run_here(struct job *job, struct fault *fault)
{
    if (!job_claim(job)) {
        return fault_set(fault, TKR_CONFLICT, "",
                         "%s is running elsewhere, or did until a moment ago", job->handler->name);
    }
    job_execute(job);
    job_collect(job);
    return TKR_OK;
}

static struct job *find(struct scheduler *scheduler, const char *name)
{
    for (size_t i = 0; i < scheduler->count; i++) {
        if (strcmp(scheduler->jobs[i].handler->name, name) == 0) {
            return &scheduler->jobs[i];
        }
    }
    return NULL;
}

tkr_error_t scheduler_run(struct scheduler *scheduler, const struct principal *by, const char *name,
                          struct job_status *ret_status, struct fault *fault)
{
    struct job *job = find(scheduler, name);
    if (job == NULL) {
        return fault_set(fault, TKR_NOT_FOUND, "", "there is no job of this name");
    }
    TRY(check(job, fault));
    struct wish wish = {by, job->handler->name, authority_now_ms(scheduler->options.authority)};
    TRY(authority_run(scheduler->options.authority, note_wish, &wish));
    struct job_status status; /* before the run: so its end can be waited for */
    ask(scheduler, job, &status);
    if (!scheduler->options.has_thread) {
        TRY(run_here(job, fault));
        status = status_of(job);
    }
    *ret_status = status;
    return TKR_OK;
}

tkr_error_t scheduler_nudge(struct scheduler *scheduler, const char *name, struct fault *fault)
{
    struct job *job = find(scheduler, name);
    struct job_status before;
    if (job == NULL || job->every_ms == 0) {
        return fault_set(fault, job == NULL ? TKR_NOT_FOUND : TKR_CONFLICT, "",
                         "there is no such job, or it is off");
    }
    ask(scheduler, job, &before);
    return scheduler->options.has_thread ? TKR_OK : run_here(job, fault);
}
