/* SPDX-License-Identifier: Apache-2.0 */
/* What is watched, as JSON and as metrics. */
#ifndef API_MONITOR_H
#define API_MONITOR_H

#include "api/call.h"
#include "api/json_emit.h"

void monitor_emit(struct emitter *emitter, const char *name, const struct api *api);
void monitor_metrics(struct buffer *out, const struct api *api);

#endif
