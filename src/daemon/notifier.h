/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications put together: the channels of their file, the authority's outbox, and who delivers.
 *
 *     notifier_new ─▶ authority_new (with notifier_options) ─▶ notifier_attach ─▶ notifier_start
 *
 * Only a daemon starts: a command that works on a data directory by itself leaves what it raises
 * in the outbox.
 */
#ifndef DAEMON_NOTIFIER_H
#define DAEMON_NOTIFIER_H

#include "api/api.h"
#include "base/log.h"
#include "daemon/config.h"
#include "engine/lifecycle.h"

struct notifier;
/* Reads the channels. Errors: those of channels_read. `log` NULL: silent. */
MUST_USE tkr_error_t notifier_new(const struct config *config, const struct clock *clock,
                                  struct log *log, struct notifier **ret_notifier,
                                  struct fault *fault);
/* What the authority has to know of it. */
void notifier_options(struct notifier *notifier, struct authority_options *options);
void notifier_attach(struct notifier *notifier, struct authority *authority);
struct api_notify notifier_api(struct notifier *notifier);
MUST_USE tkr_error_t notifier_start(struct notifier *notifier);
/* Who waits for a test is told; what is in flight has a moment. Before the authority goes. */
void notifier_stop(struct notifier *notifier); /* NULL is allowed, and twice */
void notifier_free(struct notifier *notifier); /* after the authority; NULL is allowed */

#endif
