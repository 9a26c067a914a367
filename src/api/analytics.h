/* SPDX-License-Identifier: Apache-2.0 */
/* Usage over days, of a token, a user or an organisation. */
#ifndef API_ANALYTICS_H
#define API_ANALYTICS_H

#include "api/call.h"
#include "api/json_emit.h"

/* Answers with the usage of a token that the principal may see, by the query arguments `days`
 * and `step`; whoever lets callers see their own tokens only has looked whose it is before. */
void analytics_of_token(struct api_call *call, const char *token_id);

/* The query argument `days`, 30 without it. OUT_OF_RANGE. */
MUST_USE tkr_error_t analytics_read_days(const struct api_call *call, int64_t *ret_days,
                                         struct fault *fault);
/* `by_verdict`, `by_endpoint` and `by_network`, into an open object. */
void analytics_emit_shares(struct emitter *emitter, const struct usage_answer *answer);
const char *analytics_step_name(int64_t step_ms); /* "day", "hour", "minute" */

#endif
