/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of errors for the whole product.
 *
 *     tkr_error_t error = store_open(...);
 *     if (error != TKR_OK) {
 *         fprintf(stderr, "%s\n", tkr_error_text(error));
 *     }
 *
 * A row is X(CODE, name, category, text). `name` is stable: it stands in logs, in
 * problem+json `code` members and in `--json` output. The API layer maps a category
 * (and a few single codes) to an HTTP status in one place, src/api/status.c.
 */
#ifndef TOKENRY_ERROR_H
#define TOKENRY_ERROR_H

#include "tokenry/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tkr_error_category {
    TKR_CATEGORY_NONE,      /* no error */
    TKR_CATEGORY_CALLER,    /* the caller sent something wrong: the same again fails again */
    TKR_CATEGORY_DENIED,    /* understood, and refused */
    TKR_CATEGORY_RETRYABLE, /* nothing was changed; the same again may succeed */
    TKR_CATEGORY_INTERNAL,  /* our machine or our bug */
} tkr_error_category_t;

/* clang-format off */
#define TKR_ERROR_TABLE(X) \
    X(OK,                 "ok",                   NONE,      "done") \
    X(INVALID,            "invalid_request",      CALLER,    "a value is not acceptable") \
    X(MALFORMED,          "malformed",            CALLER,    "the input cannot be parsed") \
    X(UNKNOWN_MEMBER,     "unknown_member",       CALLER,    "a member is not known here") \
    X(OUT_OF_RANGE,       "out_of_range",         CALLER,    "a value is outside its range") \
    X(TOO_LARGE,          "too_large",            CALLER,    "the input is larger than the maximum") \
    X(NOT_FOUND,          "not_found",            CALLER,    "there is no such thing") \
    X(CONFLICT,           "conflict",             CALLER,    "it exists already, or its state forbids this") \
    X(PRECONDITION,       "precondition_failed",  CALLER,    "it was changed since it was read") \
    X(IDEMPOTENCY,        "idempotency_mismatch", CALLER,    "this Idempotency-Key was used for another request") \
    X(CAPACITY,           "capacity",             CALLER,    "a stated maximum is reached") \
    X(UNAUTHENTICATED,    "unauthenticated",      DENIED,    "a valid token is needed") \
    X(FORBIDDEN,          "forbidden",            DENIED,    "this caller may not do that") \
    X(BUSY,               "busy",                 RETRYABLE, "too much work is waiting") \
    X(UNAVAILABLE,        "unavailable",          RETRYABLE, "it cannot be decided right now") \
    X(LOCKED,             "locked",               RETRYABLE, "another process holds it") \
    X(NO_SPACE,           "no_space",             RETRYABLE, "no space is left on the device") \
    X(TIMEOUT,            "timeout",              RETRYABLE, "it took longer than allowed") \
    X(MEMORY,             "out_of_memory",        INTERNAL,  "memory could not be had") \
    X(IO,                 "io_error",             INTERNAL,  "reading or writing failed") \
    X(READ_ONLY,          "read_only",            INTERNAL,  "the medium cannot be written") \
    X(CORRUPT,            "corrupt",              INTERNAL,  "stored data is damaged") \
    X(VERSION_NEWER,      "newer_version",        INTERNAL,  "it was written by a newer version") \
    X(INTERNAL,           "internal",             INTERNAL,  "a defect in this program") \
    X(QUOTA,              "quota_exceeded",       DENIED,    "too few credits are left")
/* clang-format on */

typedef enum tkr_error {
#define TKR_ERROR_ENUM(code, name, category, text) TKR_##code,
    TKR_ERROR_TABLE(TKR_ERROR_ENUM)
#undef TKR_ERROR_ENUM
        TKR_ERROR_COUNT
} tkr_error_t;

/* The stable name of an error, e.g. "not_found". Never NULL. */
TKR_API const char *tkr_error_name(tkr_error_t error);
/* One sentence for people, without a full stop. Never NULL. */
TKR_API const char *tkr_error_text(tkr_error_t error);
/* Whose fault it is, and so what a caller may do about it. */
TKR_API tkr_error_category_t tkr_error_category(tkr_error_t error);

#ifdef __cplusplus
}
#endif
#endif
