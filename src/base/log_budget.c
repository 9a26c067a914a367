/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_budget.h"

void log_budget_init(struct log_budget *budget, unsigned per_second)
{
    *budget = (struct log_budget){.per_second = per_second, .second = INT64_MIN};
    pthread_mutex_init(&budget->mutex, NULL);
}

void log_budget_deinit(struct log_budget *budget)
{
    pthread_mutex_destroy(&budget->mutex);
}

static uint64_t tell(struct log_budget *budget)
{
    uint64_t left_out = budget->left_out;
    budget->left_out = 0;
    return left_out;
}

bool log_budget_take(struct log_budget *budget, int64_t now_ns, uint64_t *ret_left_out)
{
    int64_t second = now_ns / 1000000000;
    pthread_mutex_lock(&budget->mutex);
    if (second != budget->second) {
        budget->second = second;
        budget->taken = 0;
    }
    bool room = budget->taken < budget->per_second;
    if (room) {
        budget->taken++;
        *ret_left_out = tell(budget);
    } else {
        budget->left_out++;
    }
    pthread_mutex_unlock(&budget->mutex);
    return room;
}

uint64_t log_budget_rest(struct log_budget *budget)
{
    pthread_mutex_lock(&budget->mutex);
    uint64_t left_out = tell(budget);
    pthread_mutex_unlock(&budget->mutex);
    return left_out;
}
