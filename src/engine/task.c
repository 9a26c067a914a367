/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/task.h"

#include <semaphore.h>

#include "engine/authority_internal.h"

struct authority_task {
    tkr_error_t (*apply)(const struct store_port *store, void *context);
    void *context;
};

static tkr_error_t run_task(struct authority *authority, struct change *change)
{
    return change->task->apply(authority->store, change->task->context);
}

static tkr_error_t apply_task(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, run_task);
}

static tkr_error_t show_task(struct authority *authority, struct change *change)
{
    (void)authority;
    (void)change;
    return TKR_OK; /* there is nothing to see */
}

const struct change_kind change_task = {"", apply_task, show_task};

struct waiting {
    sem_t done;
    tkr_error_t error;
};

static void task_done(void *context, const struct change_result *result)
{
    struct waiting *waiting = context;
    waiting->error = result->error;
    sem_post(&waiting->done);
}

static tkr_error_t run_and_wait(struct authority *authority, const struct authority_task *task,
                                struct waiting *waiting)
{
    struct change *change = NULL;
    TRY(change_new(authority, &change_task, &principal_system, task_done, waiting, &change, NULL));
    change->task = task;
    TRY(writer_submit(authority, change, NULL));
    while (sem_wait(&waiting->done) != 0) {
    }
    return waiting->error;
}

tkr_error_t authority_run(struct authority *authority,
                          tkr_error_t (*apply)(const struct store_port *store, void *context),
                          void *context)
{
    const struct authority_task task = {apply, context};
    struct waiting waiting = {0};
    ASSERT(!pthread_equal(pthread_self(), authority->writer_thread)); /* it would wait for itself */
    sem_init(&waiting.done, 0, 0);
    tkr_error_t error = run_and_wait(authority, &task, &waiting);
    sem_destroy(&waiting.done);
    return error;
}
