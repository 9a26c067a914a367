/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that stand in the environment of the daemon (API_TOKEN, API_TOKENS). They are rows like
 * others, so that they are verified, limited, counted and listed like others, but the
 * environment is their master: at each start the rows are made to say what it says.
 *
 *   in the environment, no row         inserted, never expiring
 *   in the environment, row disabled   enabled (or disabled, when it is to be refused), unless
 *                                      somebody disabled it by hand
 *   in the environment, row revoked    stays revoked: revocation is sticky
 *   row, no longer in the environment  disabled
 *
 * A row is found by the token's digest. What is stored already from elsewhere stays as it is.
 */
#ifndef ENGINE_ENVIRONMENT_H
#define ENGINE_ENVIRONMENT_H

#include "engine/lifecycle.h"

struct environment_token {
    char origin[FAULT_FIELD_BYTES + 32]; /* for people: `API_TOKENS, entry 2 (viewer)` */
    char user_id[USER_ID_BYTES_MAX + 1]; /* and its name */
    bool labelled; /* else the user is only a number, and a row keeps its own */
    uint8_t digest[TOKEN_DIGEST_BYTES];
    char display_prefix[TOKEN_DISPLAY_BYTES_MAX + 1];
    bool warned, refused;
};

struct environment_sync {
    const struct environment_token *tokens;
    size_t count; /* at most ENVIRONMENT_TOKENS_MAX */
    const char *org_id;
    const char *tier; /* NULL: no limits */
};

/*
 * One change for all, and waits for it. Tells by report (event `environment_token`) which tokens
 * stay revoked or are none of the environment's. Errors: CONFLICT (a label names another user than
 * the row has), NOT_FOUND (tier), OUT_OF_RANGE and INVALID (a label that is no user), and those of
 * any change; then nothing was changed.
 */
MUST_USE tkr_error_t authority_sync_environment(struct authority *authority,
                                                const struct environment_sync *sync,
                                                struct fault *fault);

#endif
