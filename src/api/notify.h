/* SPDX-License-Identifier: Apache-2.0 */
/* Notification channels as they stand, as JSON and as metrics. */
#ifndef API_NOTIFY_H
#define API_NOTIFY_H

#include "api/call.h"
#include "api/json_emit.h"

/* The array of them; null when the store cannot be read. */
void notify_emit(struct emitter *emitter, const char *name, const struct api *api);
void notify_metrics(struct buffer *out, const struct api *api);

#endif
