/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept when somebody presents a token that nobody should have: one that was revoked or
 * quarantined, or a honeytoken. See authority_try_begin. The answer is not changed by it, and
 * nothing here waits. A trial (`dry_run`) is no try.
 */
#ifndef API_EVIDENCE_H
#define API_EVIDENCE_H

#include "api/call.h"

/* Whether the result is one to keep. */
static inline bool evidence_in(const struct verify_result *result)
{
    return result->verdict == TKR_VERDICT_REVOKED || result->verdict == TKR_VERDICT_QUARANTINED ||
           (result->verdict == TKR_VERDICT_NOT_FOUND && result->honeytoken);
}

/* Of a proxy's question. `endpoint` is a literal. */
void evidence_of_exchange(struct api *api, struct http_exchange *exchange, const char *endpoint,
                          const struct verify_request *request, const struct verify_result *result);
/* Of a call: its own credential, or a token that it asks about; before the next verification. */
void evidence_of_call(struct api_call *call, const struct verify_request *request,
                      const struct verify_result *result);

#endif
