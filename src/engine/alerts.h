/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts: what somebody should know although nobody asked.
 *
 *     const struct alert alert = {.severity = ALERT_HIGH, .type = "token.expiring",
 *                                 .org_id = token->org_id, .token_id = token->id,
 *                                 .token_name = token->name, .key = "expiring/7/tok_…",
 *                                 .summary = "token deploy-bot ends in 6 days"};
 *     TRY(authority_alert(authority, &alert, 1, NULL));
 *
 * An alert is one audit event `alert.TYPE`, and a message in the outbox for each channel that wants
 * it (engine/outbox_port.h), in one transaction. One that has a key is raised once: its key is
 * remembered for ALERT_KEY_TTL_S, also over restarts.
 */
#ifndef ENGINE_ALERTS_H
#define ENGINE_ALERTS_H

#include "engine/lifecycle.h"
#include "engine/outbox_port.h"

struct alert {
    enum alert_severity severity;
    const char *type; /* at most ALERT_TYPE_BYTES_MAX of a-z, 0-9, _ and . */
    const char *org_id, *user_id, *token_id, *token_name; /* NULL: none */
    const char *key;                                      /* once for each; NULL: every time */
    const char *summary; /* one sentence for people; cut at ALERT_SUMMARY_BYTES_MAX */
    const char *details; /* JSON object; beyond ALERT_DETAILS_BYTES_MAX left out. NULL: none */
    const char *but;     /* a channel that does not get it, NULL: none */
};

const char *alert_severity_name(enum alert_severity severity); /* "info", "low", … "critical" */
MUST_USE tkr_error_t alert_severity_parse(const char *text, size_t length,
                                          enum alert_severity *ret_severity);
/* Whether it is one of the types, which may end in `*`: `token.*`. */
bool alert_type_matches(const char *pattern, const char *type);

/* What the authority has to know of a channel; see authority_options. */
struct alert_channel {
    const char *name;
    enum alert_severity least;
    const char *const *types; /* patterns, of which one must match */
    size_t type_count;        /* 0: every type */
};
bool alert_channel_wants(const struct alert_channel *channel, enum alert_severity severity,
                         const char *type);

/*
 * Any thread but the writer's; durable when it returns. All of them or none. *ret_raised (may be
 * NULL): how many were new. Errors: those of authority_run.
 */
MUST_USE tkr_error_t authority_alert(struct authority *authority, const struct alert *alerts,
                                     size_t count, size_t *ret_raised);
/* On the writer thread within a batch. *ret_raised: it was new. An error fails what it is part of.
 */
MUST_USE tkr_error_t alert_raise(struct authority *authority, const struct alert *alert,
                                 bool *ret_raised);

#endif
