/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the monitor: alarms between the sketch and their alert. */
#ifndef ENGINE_MONITOR_INTERNAL_H
#define ENGINE_MONITOR_INTERNAL_H

#include "engine/alerts.h"
#include "engine/authority_internal.h"
#include "engine/monitor.h"
#include "monitor/table.h"

enum alarm_state {
    ALARM_FREE,
    ALARM_NEW,    /* nothing was done yet */
    ALARM_ACTING, /* the change is queued */
    ALARM_READY,  /* to be told */
};

struct alarm {
    enum alarm_state state;
    uint32_t line;
    int64_t at_ms;
    uint64_t network;
    char user_agent[USER_AGENT_BYTES_MAX + 1];
    struct monitor_alarms seen;
    /* What was done. */
    enum monitor_action action; /* ALERT: nothing */
    const char *why_not;        /* a stronger action was not taken; NULL: none was asked for */
    uint32_t hour_limit;        /* throttle */
    char limits_before[LIMITS_TEXT_SIZE];
};

struct watch {
    struct monitor_table *table;
    uint64_t seed;
    struct alarm alarms[MONITOR_ALARMS_MAX];
    int64_t hour; /* of the budget */
    uint32_t told, acted;
    uint64_t left_out[MONITOR_KINDS]; /* not told yet */
    bool failed, no_memory;           /* told, until it works again */

    /* Saving. */
    bool saving;
    uint32_t cursor;
    int64_t saved_at_ns; /* when the last pass began; 0: none did */

    /* Read by all. */
    _Atomic uint64_t sketches, evicted, bytes;
    _Atomic uint64_t alarmed[MONITOR_KINDS], throttled, quarantined, all_left_out;
};

/* Does by the rules what is to be done about new alarms. `ending`: nothing but telling. */
void monitor_act(struct authority *authority, bool ending);
/* Within a batch: tells what is ready; frees nothing yet. */
MUST_USE tkr_error_t monitor_tell(struct authority *authority, struct alarm *alarm);
MUST_USE tkr_error_t monitor_tell_left_out(struct authority *authority);
/* An alarm that has no room, or is beyond the maximum of the hour. */
void monitor_leave_out(struct watch *watch, uint8_t kinds);

#endif
