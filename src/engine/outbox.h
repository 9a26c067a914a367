/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox as the authority gives it to who delivers (notify/), and to people. Any thread but the
 * writer's. Errors of writing are those of authority_run; of reading, those of the store.
 */
#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include "engine/lifecycle.h"
#include "engine/outbox_port.h"

/* --- for who delivers --------------------------------------------------------------------- */

/* See store_outbox.list_due; times are measured against authority_now_ms. */
MUST_USE tkr_error_t authority_outbox_due(struct authority *authority, const char *channel,
                                          int64_t by_ms, uint32_t limit, struct arena *arena,
                                          struct outbox_message **ret_messages, size_t *ret_count,
                                          int64_t *ret_next_ms);
/*
 * What became of tries, in one transaction. A message that dies raises the alert
 * notify.dead_letter, at most once an hour for each channel and never to that channel; the death
 * of such an alert raises none, so two channels that are both gone do not feed each other.
 */
MUST_USE tkr_error_t authority_outbox_settle(struct authority *authority,
                                             const struct outbox_result *results, size_t count);

/* --- for people --------------------------------------------------------------------------- */

MUST_USE tkr_error_t authority_outbox_channels(struct authority *authority, struct arena *arena,
                                               struct outbox_channel **ret_channels,
                                               size_t *ret_count);
/* These are about all organisations. FORBIDDEN: the principal has not `*`. */
MUST_USE tkr_error_t authority_outbox_dead(struct authority *authority, const struct principal *by,
                                           const struct outbox_page_of *page, struct arena *arena,
                                           struct outbox_page *ret_page, struct fault *fault);
/* A dead letter, or all of them (`id` NULL), is tried again, or dropped; with an audit event
 * notify.retry or notify.drop. NOT_FOUND: no dead letter has this id. */
MUST_USE tkr_error_t authority_outbox_retry(struct authority *authority, const struct principal *by,
                                            const char *id, uint64_t *ret_count,
                                            struct fault *fault);
MUST_USE tkr_error_t authority_outbox_drop(struct authority *authority, const struct principal *by,
                                           const char *id, uint64_t *ret_count,
                                           struct fault *fault);

#endif
