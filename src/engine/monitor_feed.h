/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor is fed with beside the meter (engine/monitor.h): on the writer thread, by what
 * stores events of verifications.
 */
#ifndef ENGINE_MONITOR_FEED_H
#define ENGINE_MONITOR_FEED_H

#include "engine/lifecycle.h"

/* A request of a known token is on record. `line`: its usage line; `outcome`: its verdict;
 * `user_agent`: "" when it told none. After the commit. */
void monitor_feed_agent(struct authority *authority, uint32_t line, unsigned outcome, int64_t at_ms,
                        const char *user_agent);
/*
 * Within the batch that stores an event. Of `token.tried` and `honeytoken.tried` there is an alert,
 * once a day for each token: token.revoked_in_use (high), token.honeytoken (critical).
 */
MUST_USE tkr_error_t monitor_alert_tried(struct authority *authority,
                                         const struct store_event *tried);

#endif
