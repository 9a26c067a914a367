/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bookkeeping from other threads: what a job, the outbox or a watch has to remember in the store.
 * It joins the writer's next batch like any change, and is durable when the call returns.
 *
 *     static tkr_error_t remember(const struct store_port *store, void *context)
 *     {
 *         return store->jobs.put(store->store, context);
 *     }
 *     TRY(authority_run(authority, remember, &job));
 *
 * It changes nothing that verifiers see: tokens, users and tiers have calls of their own
 * (engine/lifecycle.h).
 */
#ifndef ENGINE_TASK_H
#define ENGINE_TASK_H

#include "engine/lifecycle.h"
#include "engine/store_port.h"

/*
 * Runs `apply` on the writer thread, within a batch, and waits until that is committed. Any thread
 * but the writer's. An error of `apply` undoes what it did and is returned; if it is neither of
 * the caller's kind nor a refusal, all that share the batch fail with it. Errors of the queue and
 * the commit: TKR_BUSY, TKR_UNAVAILABLE (stopping, or changes are not accepted), TKR_MEMORY, and
 * those of the store's commit.
 */
MUST_USE tkr_error_t authority_run(struct authority *authority,
                                   tkr_error_t (*apply)(const struct store_port *store,
                                                        void *context),
                                   void *context);

#endif
