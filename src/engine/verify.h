/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification: token text to verdict, without allocation, without a lock, without a system
 * call (the clock is vdso). One wait there is: a writer that the scheduler stops in the ten
 * nanoseconds of changing this very token is waited for, at most 10 ms; then: unavailable.
 *
 *     struct verify_request request = {.token = text, .token_length = length, .cost = 1};
 *     struct verify_result result;
 *     if (verify_token(verifier, &request, &result) == TKR_VERDICT_VALID) { ... }
 *
 * The result points into the segment: it is good until the next call with the same
 * verifier. A verifier belongs to one thread.
 *
 * Which limits apply. A tier says of whom its limits are: of each token, of the user across
 * tokens, or of both. Overrides of a token beat the tier's limits for the token, overrides of
 * a user for the user; where the tier does not speak of that subject at all, the windows that
 * are overridden still limit it. A user that must be limited and has no usage line cannot be
 * decided: unavailable.
 */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/limiter_port.h"
#include "policy/cidr.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"
#include "tokenry/verdict.h"

struct verifier;

struct verifier_options {
    const char *directory; /* the runtime directory with `keys` and `usage` */
    const struct clock *clock;
    int64_t stale_s;                    /* heartbeat older: unavailable */
    const struct limiter_port *limiter; /* limiter/local */
};

/* Errors: TKR_NOT_FOUND (no segment), TKR_VERSION_NEWER, TKR_IO, TKR_MEMORY. */
MUST_USE tkr_error_t verifier_new(const struct verifier_options *options,
                                  struct verifier **ret_verifier, struct fault *fault);
void verifier_free(struct verifier *verifier); /* NULL is allowed */

struct verify_text {
    const char *text; /* not NUL-terminated */
    size_t length;
};

/* The checks in their order; `explain` reports each. */
enum verify_check {
    CHECK_SHAPE,
    CHECK_KNOWN,
    CHECK_REVOKED,
    CHECK_DISABLED, /* disabled or quarantined */
    CHECK_NOT_BEFORE,
    CHECK_EXPIRY,
    CHECK_USER_ACTIVE,
    CHECK_USER_BINDING,
    CHECK_NETWORK,
    CHECK_SCOPES,
    CHECK_LIMITS,
    CHECK_CREDITS,
    CHECK_COUNT
};
const char *verify_check_name(enum verify_check check);
enum verify_outcome { OUTCOME_NOT_REACHED, OUTCOME_PASSED, OUTCOME_FAILED, OUTCOME_NOT_ASKED };
const char *verify_outcome_name(enum verify_outcome outcome);

struct verify_explanation {
    enum verify_outcome outcome[CHECK_COUNT];
};

struct verify_request {
    const char *token;
    size_t token_length;
    const char *user; /* NULL: no binding is asked for */
    size_t user_length;
    const struct verify_text *scopes; /* all of them are needed */
    size_t scope_count;
    const char *endpoint; /* a label, NULL: none; for who meters, nothing is decided by it */
    size_t endpoint_length;
    struct ip_address client; /* family 0: unknown; a token with networks is then refused */
    uint32_t cost;            /* 0 to VERIFY_COST_MAX; 0 asks for room for 1, takes nothing, and
                                 still counts as one use */
    bool dry_run;             /* decides the same, consumes nothing, counts nothing */
    bool no_limits;           /* management calls: do not touch windows or counts */
    bool no_credits;          /* the caller charges the credits: only `credit_line` is told */
    struct verify_explanation *explain; /* NULL: not wanted; then all checks stop at the first
                                           failure, else later ones are reported too */
};

struct verify_result {
    tkr_verdict_t verdict;
    /* From here on meaningful when the token is known (every verdict after not_found). */
    bool known;
    const uint8_t *token_id; /* TOKEN_ID_BYTES, in the segment */
    enum token_kind kind;
    enum token_env env;
    struct verify_text user, org, name, tier, scopes, metadata; /* length 0: none */
    uint32_t line, user_number, org_number;                     /* in the segment */
    int64_t not_before_ms, expires_at_ms;                       /* 0: none */
    uint32_t window_count;
    struct verify_window windows[VERIFY_WINDOWS_MAX]; /* see limiter_port.h */
    int64_t retry_after_ms; /* rate_limited, quota_exceeded: when it may pass, 0: never */
    bool has_credits;       /* else they are unlimited, or were not looked at */
    struct verify_credits credits;
    uint32_t credit_line;      /* UINT32_MAX: none, or limits were not looked at */
    const char *missing_scope; /* insufficient_scope: points into the request */
    size_t missing_scope_length;
    int64_t now_ms; /* the logical time of the decision */
    bool warned;    /* it works, and whoever sends it shall be warned of it */
    /* A honeytoken: nobody uses it rightly. Outwardly it is unknown (not_found, `known` false), so
     * that nobody learns that they were noticed; token_id, line, user_number and org_number are
     * filled all the same. */
    bool honeytoken;
};

/* Never fails: what cannot be decided is TKR_VERDICT_UNAVAILABLE. Returns ret->verdict. */
tkr_verdict_t verify_token(struct verifier *verifier, const struct verify_request *request,
                           struct verify_result *ret_result);
/* The same for many, with the memory accesses of a batch overlapped. */
void verify_batch(struct verifier *verifier, const struct verify_request *requests, size_t count,
                  struct verify_result *ret_results);

/* The same in parts: the results of all parts are good until the next call that is not
 * verify_batch_part with this moment. */
struct verify_moment {
    bool decidable;
    int64_t now_ms;
};
struct verify_moment verify_batch_begin(struct verifier *verifier);
void verify_batch_part(struct verifier *verifier, struct verify_moment moment,
                       const struct verify_request *requests, size_t count,
                       struct verify_result *ret_results);
/* Makes it as if the token did not exist, for the explanation too. */
void verify_hide(const struct verify_request *request, struct verify_result *result);
/* The result of what could not be decided. */
void verify_undecided(struct verify_result *ret_result);

/* Whether the segment is there and its heartbeat fresh. For health checks. */
bool verifier_healthy(struct verifier *verifier);

#endif
