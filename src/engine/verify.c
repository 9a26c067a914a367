/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier's life, one token, a batch, and the names of checks. */
#include "engine/verify.h"

#include <stdlib.h>

#include "engine/verify_path.h"

/* Tokens whose cache misses overlap. Each holds a few line-fill buffers, and there are about
 * 20; 8 to 32 measured alike. */
#define GROUP 16

tkr_error_t verifier_new(const struct verifier_options *options, struct verifier **ret_verifier,
                         struct fault *fault)
{
    struct verifier *verifier = calloc(1, sizeof *verifier);
    ENSURE(verifier != NULL, TKR_MEMORY);
    verifier->limiter = options->limiter;
    tkr_error_t error = segment_reader_open(options->directory, options->clock, options->stale_s,
                                            &verifier->reader, fault);
    if (error != TKR_OK) {
        free(verifier);
        return error;
    }
    *ret_verifier = verifier;
    return TKR_OK;
}

void verifier_free(struct verifier *verifier)
{
    if (verifier != NULL) {
        segment_reader_close(verifier->reader);
        free(verifier);
    }
}

bool verifier_healthy(struct verifier *verifier)
{
    int64_t now_ms;
    return segment_reader_begin(verifier->reader, &now_ms);
}

/* False when the usage file grew meanwhile and the token's line lies in the new part. */
static inline bool verify_once(struct verifier *verifier, const struct verify_request *request,
                               struct verify_result *ret_result)
{
    int64_t now_ms;
    if (UNLIKELY(!segment_reader_begin(verifier->reader, &now_ms))) {
        verify_undecided_request(request, ret_result);
        return true;
    }
    struct verify_step step;
    verify_locate(segment_reader_view(verifier->reader), request, &step);
    verify_find(verifier->reader, &step);
    verify_decide(verifier, request, &step, now_ms, ret_result);
    return LIKELY(ret_result->verdict != TKR_VERDICT_UNAVAILABLE) ||
           !segment_reader_outgrown(verifier->reader);
}

tkr_verdict_t verify_token(struct verifier *verifier, const struct verify_request *request,
                           struct verify_result *ret_result)
{
    if (UNLIKELY(!verify_once(verifier, request, ret_result))) {
        (void)verify_once(verifier, request, ret_result);
    }
    return ret_result->verdict;
}

static void verify_group(struct verifier *verifier, const struct verify_request *requests,
                         size_t count, int64_t now_ms, struct verify_result *ret_results)
{
    struct verify_step steps[GROUP];
    for (size_t i = 0; i < count; i++) {
        verify_locate(segment_reader_view(verifier->reader), &requests[i], &steps[i]);
    }
    for (size_t i = 0; i < count; i++) {
        verify_find(verifier->reader, &steps[i]);
    }
    for (size_t i = 0; i < count; i++) {
        verify_decide(verifier, &requests[i], &steps[i], now_ms, &ret_results[i]);
    }
}

struct verify_moment verify_batch_begin(struct verifier *verifier)
{
    struct verify_moment moment = {0};
    moment.decidable = segment_reader_begin(verifier->reader, &moment.now_ms);
    return moment;
}

void verify_batch_part(struct verifier *verifier, struct verify_moment moment,
                       const struct verify_request *requests, size_t count,
                       struct verify_result *ret_results)
{
    if (!moment.decidable) {
        for (size_t i = 0; i < count; i++) {
            verify_undecided_request(&requests[i], &ret_results[i]);
        }
        return;
    }
    for (size_t i = 0; i < count; i += GROUP) {
        size_t length = count - i < GROUP ? count - i : GROUP;
        verify_group(verifier, requests + i, length, moment.now_ms, ret_results + i);
    }
}

void verify_batch(struct verifier *verifier, const struct verify_request *requests, size_t count,
                  struct verify_result *ret_results)
{
    /* One moment for all of them: the results point into one mapping. */
    verify_batch_part(verifier, verify_batch_begin(verifier), requests, count, ret_results);
}

const char *verify_check_name(enum verify_check check)
{
    static const char *const names[CHECK_COUNT] = {
        [CHECK_SHAPE] = "shape",
        [CHECK_KNOWN] = "known",
        [CHECK_REVOKED] = "revoked",
        [CHECK_DISABLED] = "disabled",
        [CHECK_NOT_BEFORE] = "not_before",
        [CHECK_EXPIRY] = "expiry",
        [CHECK_USER_ACTIVE] = "user_active",
        [CHECK_USER_BINDING] = "user_binding",
        [CHECK_NETWORK] = "network",
        [CHECK_SCOPES] = "scopes",
        [CHECK_LIMITS] = "limits",
        [CHECK_CREDITS] = "credits",
    };
    return (unsigned)check < CHECK_COUNT ? names[check] : "unknown";
}

const char *verify_outcome_name(enum verify_outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_NOT_REACHED] = "not_reached",
        [OUTCOME_PASSED] = "passed",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_NOT_ASKED] = "not_asked",
    };
    return (unsigned)outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}
