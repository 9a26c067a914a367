/* SPDX-License-Identifier: Apache-2.0 */
/* From our errors and verdicts to HTTP: the only place where a status code is chosen. */
#ifndef API_STATUS_H
#define API_STATUS_H

#include <stdbool.h>

#include "tokenry/error.h"
#include "tokenry/verdict.h"

/* The HTTP status of an error; 200 for TKR_OK. */
unsigned status_of_error(tkr_error_t error);
/* Whether the same request may succeed a little later: then Retry-After goes with it. */
bool status_retryable(unsigned status);

struct verdict_status {
    unsigned status;
    const char *bearer_error; /* `error` of WWW-Authenticate (RFC 6750 §3.1); NULL: no challenge */
};
/* What `/auth` answers. */
struct verdict_status status_of_verdict(tkr_verdict_t verdict);

#endif
