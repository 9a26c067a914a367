/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For handlers that make changes (engine/lifecycle.h), which are answered on another thread:
 *
 *     struct change_wait wait;
 *     change_wait_init(&wait, take, &taken);
 *     tkr_error_t error = change_wait_for(
 *         &wait, authority_rotate_token(authority, by, id, &rotate, change_wait_done, &wait,
 *                                       &wait.fault));
 */
#ifndef JOBS_CHANGE_WAIT_H
#define JOBS_CHANGE_WAIT_H

#include <semaphore.h>

#include "engine/lifecycle.h"

struct change_wait {
    sem_t done;
    tkr_error_t error;
    struct fault fault;
    void (*take)(void *context, const struct change_result *result);
    void *context;
};

/* `take` sees a change that succeeded, on the writer's thread, and copies what it needs: it must
 * not block. NULL: nothing is needed. */
void change_wait_init(struct change_wait *wait,
                      void (*take)(void *context, const struct change_result *result),
                      void *context);
/* To be given as the change's `done`, with the wait as its context. */
void change_wait_done(void *context, const struct change_result *result);
/* `called` is what the call returned. Returns that error or the change's, with words in
 * wait->fault. Ends the wait. */
MUST_USE tkr_error_t change_wait_for(struct change_wait *wait, tkr_error_t called);

#endif
