/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts over time in at most SIMULATE_STEPS_MAX steps, whatever time passes: when it does not
 * fit any more, several steps become one. Their widths are those that people count in (1 s, 5 s,
 * 15 s, 1 min … 1 day, 10 days …), and a step begins at a multiple of its width in UTC.
 */
#ifndef SIMULATE_TIMELINE_H
#define SIMULATE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct timeline {
    int64_t begins_ms, width_ms; /* width 0: nothing was counted */
    size_t count;                /* steps up to the last one that counted */
    uint64_t requests[SIMULATE_STEPS_MAX], refused[SIMULATE_STEPS_MAX];
};

/* `time_ms` is not before that of the call before. A timeline begins as zeros. */
void timeline_add(struct timeline *timeline, int64_t time_ms, bool refused);

#endif
