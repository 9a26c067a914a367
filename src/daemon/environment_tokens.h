/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens in the environment of `tokenry serve`.
 *
 *     API_TOKEN=TOKEN                          one that all share
 *     API_TOKENS=TOKEN,TOKEN                   several, without or
 *     API_TOKENS=admin:TOKEN,viewer:TOKEN      with a label: the user whose token it is
 *
 * White space around entries, labels and tokens does not count. The token of API_TOKEN is of user
 * `shared`, the n-th entry of API_TOKENS without a label of user `env-n`. What is wrong is told by
 * the variable, the position and the label, never by the token:
 *
 *   does not start   an entry that can be no token (its length, its characters), a label without
 *                    a token or a colon without a label, one token for two users, too many.
 *                    Starting all the same would disable the row that the entry means, and lock
 *                    out who has it while all looks well
 *   warns            an empty entry, the same entry twice, a token that can be guessed
 *
 * They are read once, and then wiped from the environment: from the memory that environ(7) points
 * to, which is what /proc/PID/environ shows. What remains is not ours to wipe: the environment of
 * whoever started the daemon, and the file or unit from which it came.
 */
#ifndef DAEMON_ENVIRONMENT_TOKENS_H
#define DAEMON_ENVIRONMENT_TOKENS_H

#include "base/fault.h"
#include "base/log.h"
#include "engine/environment.h"

/* What becomes of the token that all share, as everybody gets one of their own. In the order of
 * `migration.shared_token`. */
enum shared_phase { SHARED_ACCEPT, SHARED_WARN, SHARED_REFUSE };

struct environment_tokens {
    struct environment_token *tokens; /* digests, not texts */
    size_t count;
};

/* `tell` hears of everything that is wrong, `fault` is the first of what is fatal: TKR_INVALID,
 * TKR_CONFLICT (one token, two users), TKR_OUT_OF_RANGE (more than ENVIRONMENT_TOKENS_MAX);
 * TKR_MEMORY. */
typedef void (*environment_complaint)(void *context, enum log_level level, const char *text);
MUST_USE tkr_error_t environment_tokens_read(char *const *environment,
                                             const struct token_prefixes *prefixes,
                                             enum shared_phase phase, environment_complaint tell,
                                             void *context, struct environment_tokens *ret_tokens,
                                             struct fault *fault);
void environment_tokens_free(struct environment_tokens *tokens); /* for CLEANUP */
/* Overwrites the values of both variables where they stand. */
void environment_tokens_wipe(char *const *environment);

#endif
