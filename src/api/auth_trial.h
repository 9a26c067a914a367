/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dry_run` and `explain` of forward-auth.
 *
 *   dry_run=true   decides the same and leaves nothing: no window, no credit, no count, no
 *                  evidence (an unknown token may be adopted: else it could not decide the same).
 *                  X-Auth-Dry-Run says so in the answer
 *   explain=true   tells every check and how it came out, in X-Auth-Explain (HEAD has no body, and
 *                  auth_request reads none) and in the body: the object of POST /api/v1/verify
 *                  where it lets through, else a member of the problem
 *
 * Who may ask. Which query `/auth` gets is a matter of the proxy's configuration, and one that
 * passes on what its client sent lets that client pass every limit with `dry_run`, and try with
 * `explain` what a token that it found is good for. That the proxy is trusted does not help: it is
 * the way in. So it takes either
 *
 *   - a peer of the Unix socket that speaks for itself (api/access.h), which nobody can through a
 *     proxy, and which may ask POST /api/v1/verify the same; or
 *   - the operator's word (auth.trials) that clients do not reach the query; then the trusted
 *     proxies and whoever is at the socket.
 *
 * Anybody else is refused, by name: a trial that was silently made in earnest would consume, and
 * one silently left out would be taken for an answer.
 *
 * A request that does not ask pays one comparison for it.
 */
#ifndef API_AUTH_TRIAL_H
#define API_AUTH_TRIAL_H

#include "api/call.h"

enum trial_flag { TRIAL_ABSENT, TRIAL_NO, TRIAL_YES };
struct auth_trial {
    enum trial_flag dry_run, explain;
};

static inline bool auth_trial_asked(const struct auth_trial *trial)
{
    return trial->dry_run == TRIAL_YES || trial->explain == TRIAL_YES;
}

/* The value of one of them. INVALID: neither `true` nor `false`, or it stood before. */
MUST_USE tkr_error_t auth_trial_read(enum trial_flag *flag, const struct http_argument *argument,
                                     struct fault *fault);

/* When it was asked for: writes it into the request; every check is then not reached yet. INVALID
 * naming the argument: not by this peer. TKR_MEMORY. `fault` is always set with it. */
MUST_USE tkr_error_t auth_trial_admit(const struct auth_trial *trial, const struct api *api,
                                      struct http_exchange *exchange,
                                      struct verify_request *request, struct fault *fault);

/* The answer: to a trial that passes, and to whatever is refused, a trial or not. */
void auth_trial_answer_valid(struct http_exchange *exchange, const struct verify_request *request,
                             const struct verify_result *result);
void auth_trial_answer_problem(struct http_exchange *exchange, const struct verify_request *request,
                               unsigned status, const char *code, const char *title,
                               const struct fault *fault);

#endif
