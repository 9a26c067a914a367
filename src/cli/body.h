/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options into the JSON of a call. Values are given to the API as they are: it is the API that
 * checks them, so that there is one truth about ranges. Only the form that the command line
 * adds (`minute=60`, `key=value`) is checked here.
 */
#ifndef CLI_BODY_H
#define CLI_BODY_H

#include <jansson.h>

#include "cli/command.h"

void body_decref_p(json_t **body); /* for CLEANUP */

/* The option's value as the member; nothing when it was not given. */
void body_text(json_t *body, const char *member, const struct cli *cli, const char *option);
/* All values of a repeatable option as an array; nothing when there is none. */
void body_list(json_t *body, const char *member, const struct cli *cli, const char *option);
/* `--limit minute=60` to {"minute": 60}; `none` is unlimited. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t body_limits(json_t *body, const struct cli *cli, struct fault *fault);
/* `--meta key=value` to {"key": "value"}. Errors: TKR_MALFORMED, TKR_CONFLICT. */
MUST_USE tkr_error_t body_metadata(json_t *body, const struct cli *cli, struct fault *fault);
/* The option's whole number as the member; nothing when it was not given. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t body_number(json_t *body, const char *member, const struct cli *cli,
                                 const char *option, struct fault *fault);
/* `--refill daily=1000` to "refill": {...}; `none` is null. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t body_refill(json_t *body, const struct cli *cli, struct fault *fault);
/* `--credits` and `--refill` as the member `credits`; nothing when neither was given. Errors:
 * TKR_MALFORMED. */
MUST_USE tkr_error_t body_credits(json_t *body, const struct cli *cli, struct fault *fault);
/* `--expires-in` (`never` is null) and `--expires-at`. */
void body_lifetime(json_t *body, const struct cli *cli);

/* `--idempotency-key` into *ret_key; NULL: it was not given. CLI_USAGE: it is none, and was told.
 */
enum cli_exit body_key(const struct cli *cli, const char **ret_key);

#endif
