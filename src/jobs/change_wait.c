/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/change_wait.h"

#include <string.h>

void change_wait_init(struct change_wait *wait,
                      void (*take)(void *context, const struct change_result *result),
                      void *context)
{
    memset(wait, 0, sizeof(*wait));
    sem_init(&wait->done, 0, 0);
    wait->take = take;
    wait->context = context;
}

void change_wait_done(void *context, const struct change_result *result)
{
    struct change_wait *wait = context;
    wait->error = result->error;
    if (result->error != TKR_OK) {
        wait->fault = result->fault;
    } else if (wait->take != NULL) {
        wait->take(wait->context, result);
    }
    sem_post(&wait->done);
}

tkr_error_t change_wait_for(struct change_wait *wait, tkr_error_t called)
{
    while (called == TKR_OK && sem_wait(&wait->done) != 0) {
    }
    sem_destroy(&wait->done);
    return called != TKR_OK ? called : wait->error;
}
