/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of a verification: the request as it is read, the result as it is written. */
#ifndef API_VERIFY_JSON_H
#define API_VERIFY_JSON_H

#include <jansson.h>

#include "api/json_emit.h"
#include "base/arena.h"
#include "engine/verify.h"

/* Reads one request. Its texts live as long as `object` and `arena`. `path` stands before the
 * member in faults, e.g. `requests[3].`. Errors: those of json_read, TKR_INVALID (scope, ip),
 * TKR_MEMORY. */
MUST_USE tkr_error_t verify_request_read(const json_t *object, const char *path,
                                         struct arena *arena, struct verify_request *ret_request,
                                         struct fault *fault);

/* An object. All members are always there; null, [] or {} when the token is not known. */
void emit_verify_result(struct emitter *emitter, const char *name,
                        const struct verify_request *request, const struct verify_result *result);
/* The member `explain`, into an open object or alone. */
void emit_explanation(struct emitter *emitter, const struct verify_explanation *explanation);
/* Only the members that say what the token is and what remains, into an open object. */
void emit_verify_members(struct emitter *emitter, const struct verify_result *result);

/* verify_keyed.c: a verification with an Idempotency-Key, answered when it is durable. `root` is
 * released then. */
struct api_call;
void verify_keyed(struct api_call *call, json_t *root, const struct verify_request *request);
struct principal;
bool verify_sees_all_orgs(const struct principal *principal);

#endif
