/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many lines of one kind the log takes: what anybody can cause as often as they like must
 * not fill the disk, nor hide the other lines. So many a second, the rest is counted, and the
 * count is told with the next one that is taken.
 *
 *     uint64_t left_out = 0;
 *     if (log_budget_take(&budget, clock_monotonic_ns(clock), &left_out)) {
 *         if (left_out > 0) log_event(log, LOG_INFO, "denied_left_out", LOG_INT("count",
 * left_out)); log_event(log, LOG_INFO, "denied", ...);
 *     }
 */
#ifndef BASE_LOG_BUDGET_H
#define BASE_LOG_BUDGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct log_budget {
    pthread_mutex_t mutex;
    unsigned per_second, taken;
    int64_t second;
    uint64_t left_out;
};

void log_budget_init(struct log_budget *budget, unsigned per_second);
void log_budget_deinit(struct log_budget *budget);
/* Whether a line may be written at this time, of any one clock. Then *ret_left_out is how many
 * could not since the last that could. Thread-safe. */
bool log_budget_take(struct log_budget *budget, int64_t now_ns, uint64_t *ret_left_out);
/* How many were left out and not told yet; they count as told. */
uint64_t log_budget_rest(struct log_budget *budget);

#endif
