/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What resources share that are listed in pages, changed with If-Match, and answered when the
 * change is durable and visible.
 *
 *     void users_patch(struct api_call *call)
 *     {
 *         resource_change(call, update, "no user has this ID");
 *     }
 *     static tkr_error_t update(struct resource_change *change, struct fault *fault)
 *     {
 *         ... json_parse into change->root ... queue, with `change` as the context ...
 *     }
 *     static void done(void *context, const struct change_result *result)
 *     {
 *         struct api_call *call = resource_changed(context, result);
 *         if (call != NULL) {
 *             ... answer ...
 *         }
 *     }
 */
#ifndef API_RESOURCE_H
#define API_RESOURCE_H

#include <jansson.h>

#include "api/call.h"
#include "api/json_emit.h"
#include "engine/tenancy.h"

/* A change on its way to the authority. It may point into the decoded body, which is kept until
 * then and released before the answer, after which the call's memory is gone. */
struct resource_change {
    struct api_call *call;
    json_t *root;        /* NULL: a change without a body */
    const char *missing; /* as resource_fail */
};
/* Runs what queues the change; answers here when it could not be queued. `missing` as below. */
void resource_change(struct api_call *call,
                     tkr_error_t (*queue)(struct resource_change *change, struct fault *fault),
                     const char *missing);
/* Releases the body; returns the call, to be answered. */
struct api_call *resource_change_end(struct resource_change *change);
/* The same when the authority is done with it, for a change_done: NULL when the change failed,
 * and then that is answered. */
struct api_call *resource_changed(struct resource_change *change,
                                  const struct change_result *result);

/* As call_fail, and when NOT_FOUND has no words of its own, with `missing`. */
void resource_fail(struct api_call *call, tkr_error_t error, const struct fault *fault,
                   const char *missing);

void resource_etag(struct api_call *call, uint64_t version);
/* An answer that is one object. `body` is to be released by the caller; between the two, write
 * the members. */
void resource_begin(struct emitter *emitter, struct buffer *body);
void resource_answer(struct api_call *call, unsigned status, uint64_t version,
                     struct emitter *emitter);
/*
 * If-Match: `*` or one strong entity tag that we gave out. A weak one never matches (RFC 9110
 * §13.1.1), and neither does one that is not ours: both are PRECONDITION. 0: no condition.
 */
MUST_USE tkr_error_t resource_if_match(const struct api_call *call, uint64_t *ret_version,
                                       struct fault *fault);

/* For a call with nothing to say in its body: none, or `{}`. Errors: those of json_read. */
MUST_USE tkr_error_t resource_no_body(const struct api_call *call, struct fault *fault);
/* The query arguments `limit` and `cursor`. */
MUST_USE tkr_error_t resource_page(const struct api_call *call, struct page_of *ret_page,
                                   struct fault *fault);
/* Answers with a page: `list` writes the elements of `data` and says what `next_cursor` is. The
 * arena is larger than that of a call. */
typedef tkr_error_t (*resource_lister)(struct api_call *call, struct arena *arena,
                                       struct emitter *emitter, const char **ret_next_cursor,
                                       struct fault *fault);
void resource_list(struct api_call *call, resource_lister list);

#endif
