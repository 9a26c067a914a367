/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting a decided request by verdict, endpoint and network (meter/meter.h). What was not
 * decided (no token, a wrong query) and what was asked dry is not counted. It comes before the
 * answer, so whatever was answered has been counted, also when we are killed next.
 */
#ifndef API_METERING_H
#define API_METERING_H

#include "api/call.h"

/* The label of `endpoint=` or of the member; NULL: none. The thread's own; it takes its seat at
 * its first request. */
void metering_count(struct api *api, struct api_thread *thread,
                    const struct verify_request *request, const struct verify_result *result);

#endif
