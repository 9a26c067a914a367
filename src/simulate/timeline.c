/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/timeline.h"

#include <string.h>

/* The next width; each is a multiple of the one before. */
static int64_t wider_ms(int64_t width_ms)
{
    static const int64_t widths_s[] = {1, 5, 15, 60, 300, 900, 3600, 21600, 86400};
    for (size_t i = 0; i < sizeof(widths_s) / sizeof(widths_s[0]); i++) {
        if (widths_s[i] * 1000 > width_ms) {
            return widths_s[i] * 1000;
        }
    }
    return width_ms * 10;
}

static void widen(struct timeline *timeline)
{
    struct timeline old = *timeline;
    memset(timeline, 0, sizeof(*timeline));
    timeline->width_ms = wider_ms(old.width_ms);
    timeline->begins_ms = old.begins_ms / timeline->width_ms * timeline->width_ms;
    for (size_t i = 0; i < old.count; i++) {
        int64_t at_ms = old.begins_ms + (int64_t)i * old.width_ms;
        size_t step = (size_t)((at_ms - timeline->begins_ms) / timeline->width_ms);
        timeline->requests[step] += old.requests[i];
        timeline->refused[step] += old.refused[i];
        timeline->count = step + 1;
    }
}

void timeline_add(struct timeline *timeline, int64_t time_ms, bool refused)
{
    if (timeline->width_ms == 0) {
        timeline->width_ms = wider_ms(0);
        timeline->begins_ms = time_ms / timeline->width_ms * timeline->width_ms;
    }
    while ((time_ms - timeline->begins_ms) / timeline->width_ms >= SIMULATE_STEPS_MAX) {
        widen(timeline);
    }
    size_t step = (size_t)((time_ms - timeline->begins_ms) / timeline->width_ms);
    timeline->requests[step]++;
    timeline->refused[step] += refused;
    timeline->count = step + 1;
}
