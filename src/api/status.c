/* SPDX-License-Identifier: Apache-2.0 */
#include "api/status.h"

#include <stddef.h>

#include "base/check.h"

static const unsigned short error_status[TKR_ERROR_COUNT] = {
    [TKR_OK] = 200,
    [TKR_INVALID] = 400,
    [TKR_MALFORMED] = 400,
    [TKR_UNKNOWN_MEMBER] = 400,
    [TKR_OUT_OF_RANGE] = 400,
    [TKR_TOO_LARGE] = 413,
    [TKR_NOT_FOUND] = 404,
    [TKR_CONFLICT] = 409,
    [TKR_PRECONDITION] = 412,
    [TKR_IDEMPOTENCY] = 422, /* draft-ietf-httpapi-idempotency-key-header §2.7 */
    [TKR_CAPACITY] = 409,
    [TKR_UNAUTHENTICATED] = 401,
    [TKR_FORBIDDEN] = 403,
    [TKR_BUSY] = 503,
    [TKR_UNAVAILABLE] = 503,
    [TKR_LOCKED] = 503,
    [TKR_NO_SPACE] = 503,
    [TKR_TIMEOUT] = 503,
    [TKR_QUOTA] = 429,
    [TKR_READ_ONLY] = 503, /* a medium that is remounted heals, as a full one does */
};

unsigned status_of_error(tkr_error_t error)
{
    ASSERT(error < TKR_ERROR_COUNT);
    return error_status[error] != 0 ? error_status[error] : 500;
}

bool status_retryable(unsigned status)
{
    return status == 503;
}

/* 429 and 503 carry no challenge: the credential is not what is wrong. */
static const struct verdict_status verdict_status[TKR_VERDICT_COUNT] = {
    [TKR_VERDICT_UNAVAILABLE] = {503, NULL},
    [TKR_VERDICT_MALFORMED] = {401, "invalid_token"},
    [TKR_VERDICT_NOT_FOUND] = {401, "invalid_token"},
    [TKR_VERDICT_REVOKED] = {401, "invalid_token"},
    [TKR_VERDICT_DISABLED] = {401, "invalid_token"},
    [TKR_VERDICT_QUARANTINED] = {401, "invalid_token"},
    [TKR_VERDICT_NOT_YET_VALID] = {401, "invalid_token"},
    [TKR_VERDICT_EXPIRED] = {401, "invalid_token"},
    [TKR_VERDICT_USER_SUSPENDED] = {403, NULL},
    [TKR_VERDICT_USER_MISMATCH] = {403, NULL},
    [TKR_VERDICT_IP_NOT_ALLOWED] = {403, NULL},
    [TKR_VERDICT_INSUFFICIENT_SCOPE] = {403, "insufficient_scope"},
    [TKR_VERDICT_RATE_LIMITED] = {429, NULL},
    [TKR_VERDICT_QUOTA_EXCEEDED] = {429, NULL},
    [TKR_VERDICT_VALID] = {200, NULL},
};

struct verdict_status status_of_verdict(tkr_verdict_t verdict)
{
    ASSERT(verdict < TKR_VERDICT_COUNT && verdict_status[verdict].status != 0);
    return verdict_status[verdict];
}
