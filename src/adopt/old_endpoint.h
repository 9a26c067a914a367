/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old endpoint: asked over HTTP whether it knows a token. GET with the token in a header;
 * the status says whether, the body (a JSON object, see adopt/answer.h) whose it is.
 *
 * The operator configured where it is, so it may be anywhere, also on the loopback. The token
 * goes there and nowhere else: no redirects, no proxy of the environment, https verified. What
 * comes back is bounded in size and time.
 */
#ifndef ADOPT_OLD_ENDPOINT_H
#define ADOPT_OLD_ENDPOINT_H

#include "adopt/answer.h"
#include "base/fault.h"

#define ADOPT_STATUSES_MAX 8

struct adopt_statuses {
    unsigned statuses[ADOPT_STATUSES_MAX];
    size_t count;
};
/* `200,204`: 1 to 8 of 200 to 599. TKR_MALFORMED, TKR_OUT_OF_RANGE. */
MUST_USE tkr_error_t adopt_statuses_parse(const char *text, struct adopt_statuses *ret_statuses);

struct old_endpoint_options {
    const char *url;             /* http or https, without a user */
    const char *header, *scheme; /* "Authorization", "Bearer"; scheme "" for the bare token */
    const char *ca_file;         /* "": the system's */
    struct adopt_statuses accepted, refused;
    struct adopt_members members;
    unsigned in_flight; /* questions at once */
};

struct old_endpoint;
/* Errors: TKR_INVALID (the address), TKR_MEMORY. The strings of the options must outlive it. */
MUST_USE tkr_error_t old_endpoint_new(const struct old_endpoint_options *options,
                                      struct old_endpoint **ret_endpoint, struct fault *fault);
void old_endpoint_free(struct old_endpoint *endpoint); /* nobody asks any more; NULL is allowed */
/* Whether tokens go over the network in the clear. */
bool old_endpoint_exposes(const char *url);

/*
 * Asks. TKR_OK: it knows the token. TKR_NOT_FOUND: it refuses it. Anything else is undecided, with
 * words in `fault` and nothing of the token: TKR_TIMEOUT, TKR_UNAVAILABLE (no answer, another
 * status), TKR_TOO_LARGE, TKR_MALFORMED and those of adopt_answer_read, TKR_MEMORY.
 * `cancelled` is looked at now and then; NULL: never.
 */
MUST_USE tkr_error_t old_endpoint_ask(struct old_endpoint *endpoint, const char *token,
                                      size_t length, int64_t timeout_ms,
                                      bool (*cancelled)(void *context), void *context,
                                      struct adopt_answer *ret_answer, struct fault *fault);

#endif
