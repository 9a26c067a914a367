/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs as they stand, as JSON and as metrics. Without a scheduler there are none. */
#ifndef API_JOBS_H
#define API_JOBS_H

#include "api/call.h"
#include "api/json_emit.h"

/* The array of them. */
void jobs_emit(struct emitter *emitter, const char *name, const struct api *api);
void jobs_metrics(struct buffer *out, const struct api *api);

#endif
