/* SPDX-License-Identifier: Apache-2.0 */
/* Usage over days, of a token, a user or an organisation. */
#ifndef API_ANALYTICS_H
#define API_ANALYTICS_H

#include "api/call.h"

/* Answers with the usage of a token that the principal may see, by the query arguments `days`
 * and `step`; whoever lets callers see their own tokens only has looked whose it is before. */
void analytics_of_token(struct api_call *call, const char *token_id);

#endif
