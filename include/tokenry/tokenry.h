/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtokenry: the verification of Tokenry inside another process. A daemon (`tokenry serve`)
 * on the same host issues and revokes; this library reads its shared segment and decides
 * without asking it: no system call, no allocation, no lock. What is counted here and there
 * is counted together.
 *
 *     tkr_verifier_t *verifier = NULL;
 *     char reason[256];
 *     tkr_options_t options = {.directory = "/run/tokenry"};
 *     tkr_error_t error = tkr_verifier_open(&options, &verifier, reason, sizeof reason);
 *     if (error != TKR_OK) {
 *         fprintf(stderr, "%s: %s\n", tkr_error_text(error), reason);
 *         return 1;
 *     }
 *     tkr_request_t request = {.token = text, .token_length = strlen(text), .cost = 1};
 *     tkr_result_t result;
 *     switch (tkr_verify(verifier, &request, &result)) {
 *     case TKR_VERDICT_VALID:
 *         printf("hello %.*s\n", (int)result.user.length, result.user.text);
 *         break;
 *     case TKR_VERDICT_UNAVAILABLE:
 *         puts("try again");                      never let it through, never call it invalid
 *         break;
 *     default:
 *         printf("refused: %s\n", tkr_verdict_name(result.verdict));
 *     }
 *     tkr_verifier_close(verifier);
 *
 * Compile with `-ltokenry`. Structs that a caller fills must begin as zeros (`= {0}` or a
 * designated initialiser), so that members which later versions add have their default.
 *
 * Threads: a verifier belongs to one thread at a time; open one for each. They share one
 * mapping of the segment. After fork, the child opens its own.
 */
#ifndef TOKENRY_TOKENRY_H
#define TOKENRY_TOKENRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tokenry/error.h"
#include "tokenry/export.h"
#include "tokenry/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tkr_verifier tkr_verifier_t;

/* Text in a buffer of the caller, or in the segment; not NUL-terminated. */
typedef struct tkr_text {
    const char *text; /* never NULL in a result */
    size_t length;
} tkr_text_t;

typedef struct tkr_options {
    const char *directory; /* the daemon's runtime directory */
    uint32_t stale_s;      /* heartbeat older than that: unavailable; 0: 5 s */
    uint64_t reserved[6];  /* zeros */
} tkr_options_t;

/*
 * Opens the segment. The process must be allowed to read `keys` and to read and write `usage`
 * in the directory. `reason` (may be NULL) gets a sentence when it fails. Errors:
 * TKR_NOT_FOUND (no daemon has been there), TKR_VERSION_NEWER, TKR_CORRUPT, TKR_UNAVAILABLE
 * (try again), TKR_IO, TKR_MEMORY, TKR_INVALID (no directory, reserved members in use).
 */
TKR_API tkr_error_t tkr_verifier_open(const tkr_options_t *options, tkr_verifier_t **ret_verifier,
                                      char *reason, size_t reason_bytes);
/* NULL is allowed. Results that point into the segment end here. */
TKR_API void tkr_verifier_close(tkr_verifier_t *verifier);
/* Whether the segment is there and its daemon alive. */
TKR_API bool tkr_verifier_healthy(tkr_verifier_t *verifier);

typedef struct tkr_address {
    uint8_t family;    /* 0: unknown, 4 or 6 */
    uint8_t bytes[16]; /* in network order; an IPv4 address in the first 4, the rest zero */
} tkr_address_t;
/* Text such as `192.0.2.1` or `2001:db8::1`; an IPv4-mapped IPv6 address is the IPv4 one.
 * Errors: TKR_MALFORMED. */
TKR_API tkr_error_t tkr_address_parse(const char *text, size_t length, tkr_address_t *ret_address);

typedef struct tkr_request {
    const char *token; /* not NUL-terminated */
    size_t token_length;
    const char *user; /* the token must be this user's; NULL: any */
    size_t user_length;
    const tkr_text_t *scopes; /* all of them are needed */
    size_t scope_count;
    tkr_address_t client; /* a token that has networks is refused when it is unknown */
    uint32_t cost;        /* 0 to 1,000,000; 0 asks for room for 1 and takes nothing */
    bool dry_run;         /* decides the same, counts nothing */
    uint64_t reserved[4]; /* zeros */
} tkr_request_t;

typedef enum tkr_kind { TKR_KIND_USER, TKR_KIND_SERVICE, TKR_KIND_ADMIN } tkr_kind_t;
typedef enum tkr_env { TKR_ENV_LIVE, TKR_ENV_TEST } tkr_env_t;
typedef enum tkr_window { TKR_WINDOW_MINUTE, TKR_WINDOW_HOUR, TKR_WINDOW_DAY } tkr_window_t;
typedef enum tkr_subject { TKR_SUBJECT_TOKEN = 1, TKR_SUBJECT_USER = 2 } tkr_subject_t;

/* One limit that applies, as it stands after the request. */
typedef struct tkr_limit {
    tkr_window_t window;
    tkr_subject_t subject;
    uint32_t limit, remaining;
    int64_t reset_at_ms; /* Unix milliseconds */
} tkr_limit_t;

#define TKR_TOKEN_ID_BYTES 16
#define TKR_TOKEN_ID_SIZE 31 /* "tok_", 26 characters and a NUL */
#define TKR_LIMITS_MAX 6

typedef struct tkr_result {
    tkr_verdict_t verdict;
    bool known; /* false for malformed, not_found and unavailable: what follows is then empty */
    tkr_kind_t kind;
    tkr_env_t env;
    const uint8_t *token_id; /* TKR_TOKEN_ID_BYTES; see tkr_token_id_format */
    tkr_text_t user, org, name, tier, scopes, metadata;
    int64_t not_before_ms, expires_at_ms; /* Unix milliseconds; 0: none */
    int64_t retry_after_ms;               /* rate_limited: when it may pass; 0: never, or unknown */
    int64_t now_ms;                       /* the time of the decision */
    tkr_text_t missing_scope;             /* insufficient_scope: in the request */
    uint32_t limit_count;
    tkr_limit_t limits[TKR_LIMITS_MAX];
} tkr_result_t;

/*
 * Decides, and counts when it is valid. Never fails: what cannot be decided is
 * TKR_VERDICT_UNAVAILABLE, which is neither valid nor invalid. Returns ret_result->verdict.
 * The result points into the segment until the next call with this verifier.
 */
TKR_API tkr_verdict_t tkr_verify(tkr_verifier_t *verifier, const tkr_request_t *request,
                                 tkr_result_t *ret_result);
/* The same for many, with their waits for memory overlapped: for ten million tokens about
 * half the time of single calls. */
TKR_API void tkr_verify_batch(tkr_verifier_t *verifier, const tkr_request_t *requests, size_t count,
                              tkr_result_t *ret_results);

/* The identifier as text, e.g. "tok_01hv…". Returns `ret_text`. */
TKR_API const char *tkr_token_id_format(const uint8_t token_id[TKR_TOKEN_ID_BYTES],
                                        char ret_text[TKR_TOKEN_ID_SIZE]);

/* The version of the library, e.g. "0.1.0". */
TKR_API const char *tkr_version(void);

#ifdef __cplusplus
}
#endif
#endif
