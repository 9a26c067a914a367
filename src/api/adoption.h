/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lazy migration: a token that is unknown here is asked of the old endpoint once, and adopted.
 *
 *   verdict not_found ──▶ adoption_take ──▶ the request waits, off its event thread
 *                            │                 │  the old endpoint is asked  (adopt/adopter.h)
 *                            │                 │  it vouches: the token is stored and shown
 *                            ▼                 ▼
 *                       refused before,     the request is verified again, from its beginning,
 *                       or undecided        and answered
 *
 * Nothing of it is on the path of a token that is known. Whatever keeps the old endpoint from
 * answering makes the request undecided: `unavailable`, never a refusal and never a pass.
 *
 * What the old endpoint says is bounded: no scope that opens this API, whatever it claims, or
 * whoever got hold of it could make themselves its administrator; kind, organisation and, where its
 * tier is none of ours, the tier are the operator's.
 */
#ifndef API_ADOPTION_H
#define API_ADOPTION_H

#include "adopt/adopter.h"
#include "api/api.h"

struct adoption;

/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t adoption_new(struct api *api, const struct api_adoption *options,
                                  struct adoption **ret_adoption);
void adoption_stop(struct adoption *adoption);
void adoption_free(struct adoption *adoption); /* NULL is allowed */
void adoption_stats(struct adoption *adoption, struct adopter_stats *ret_stats);

/* A request again, with what became of its question: `context` is the api, `request` the
 * exchange. */
typedef void (*adoption_resume)(void *context, void *request, enum adopt_outcome outcome);
/*
 * For a token whose verdict is not_found. True: the exchange is given away and must not be touched
 * any more. False: *verdict is what to answer, not_found or unavailable.
 */
bool adoption_take(struct adoption *adoption, struct http_exchange *exchange, const char *token,
                   size_t length, adoption_resume resume, tkr_verdict_t *verdict);

#endif
