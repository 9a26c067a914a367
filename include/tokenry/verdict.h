/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verification can say. The order of the rows is the order of the checks, and
 * so, when several things are wrong, the one that is reported.
 *
 * Each verification starts from TKR_VERDICT_UNAVAILABLE and only a completed
 * evaluation says TKR_VERDICT_VALID.
 */
#ifndef TOKENRY_VERDICT_H
#define TOKENRY_VERDICT_H

#include "tokenry/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(CODE, name, text) */
/* clang-format off */
#define TKR_VERDICT_TABLE(X) \
    X(UNAVAILABLE,        "unavailable",        "it cannot be decided right now") \
    X(MALFORMED,          "malformed",          "this is not a token") \
    X(NOT_FOUND,          "not_found",          "no such token") \
    X(REVOKED,            "revoked",            "the token was revoked") \
    X(DISABLED,           "disabled",           "the token is disabled") \
    X(QUARANTINED,        "quarantined",        "the token is quarantined") \
    X(NOT_YET_VALID,      "not_yet_valid",      "the token is not valid yet") \
    X(EXPIRED,            "expired",            "the token has expired") \
    X(USER_SUSPENDED,     "user_suspended",     "the token's user is suspended") \
    X(USER_MISMATCH,      "user_mismatch",      "the token belongs to another user") \
    X(IP_NOT_ALLOWED,     "ip_not_allowed",     "the token may not be used from this address") \
    X(INSUFFICIENT_SCOPE, "insufficient_scope", "the token lacks a needed scope") \
    X(RATE_LIMITED,       "rate_limited",       "too many requests in a short time") \
    X(QUOTA_EXCEEDED,     "quota_exceeded",     "the quota is used up") \
    X(VALID,              "valid",              "the token is valid")
/* clang-format on */

typedef enum tkr_verdict {
#define TKR_VERDICT_ENUM(code, name, text) TKR_VERDICT_##code,
    TKR_VERDICT_TABLE(TKR_VERDICT_ENUM)
#undef TKR_VERDICT_ENUM
        TKR_VERDICT_COUNT
} tkr_verdict_t;

/* The stable name, e.g. "rate_limited". Never NULL. */
TKR_API const char *tkr_verdict_name(tkr_verdict_t verdict);
/* One sentence for people. Never NULL. */
TKR_API const char *tkr_verdict_text(tkr_verdict_t verdict);

#ifdef __cplusplus
}
#endif
#endif
