/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The things that management creates, lists and changes. Texts are NUL-terminated and
 * belong to the arena that came with the call. Times are Unix milliseconds; 0 is "none"
 * in memory only, null at the edges.
 */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "policy/cidr.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"

enum token_status {
    TOKEN_ACTIVE,
    TOKEN_DISABLED,
    TOKEN_QUARANTINED,
    TOKEN_NOT_YET_VALID,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    TOKEN_STATUS_COUNT
};
const char *token_status_name(enum token_status status); /* "active", "disabled", ... */
MUST_USE tkr_error_t token_status_parse(const char *text, size_t length,
                                        enum token_status *ret_status);

/* The store keeps kind and env as the numbers of their enums: never renumber them. */
struct token {
    char id[TOKEN_ID_CHARS + 1];
    const char *org_id, *user_id, *name;
    enum token_kind kind;
    enum token_env env;
    uint8_t digest[TOKEN_DIGEST_BYTES]; /* never leaves the authority */
    const char *display_prefix;
    const char *tier;
    const char *scopes; /* canonical text */
    struct limits overrides;
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    const char *metadata; /* JSON object text; "{}" for none */
    int64_t not_before_ms, expires_at_ms, created_at_ms, updated_at_ms, last_used_at_ms;
    uint64_t request_count;
    char lineage_id[TOKEN_ID_CHARS + 1];
    char rotated_from[TOKEN_ID_CHARS + 1]; /* "" for none */
    int64_t disabled_at_ms, quarantined_at_ms, revoked_at_ms;
    const char *revoke_reason; /* NULL for none */
    uint32_t line;             /* usage line of the lineage */
    uint64_t version;          /* counts the changes: the ETag */
    enum token_status status;  /* computed at reading: token_status_at */
};

/* What a token is at `now_ms`; the order is that of the checks of verification. */
static inline enum token_status token_status_at(const struct token *token, int64_t now_ms)
{
    if (token->revoked_at_ms != 0) {
        return TOKEN_REVOKED;
    }
    if (token->disabled_at_ms != 0) {
        return TOKEN_DISABLED;
    }
    if (token->quarantined_at_ms != 0) {
        return TOKEN_QUARANTINED;
    }
    if (token->not_before_ms > now_ms) {
        return TOKEN_NOT_YET_VALID;
    }
    if (token->expires_at_ms != 0 && token->expires_at_ms <= now_ms) {
        return TOKEN_EXPIRED;
    }
    return TOKEN_ACTIVE;
}

/* Who does something. Built by api/ from a verified token, or from the Unix socket's
 * peer, or by the command line that holds the data directory itself. */
enum principal_via { VIA_TOKEN, VIA_SOCKET, VIA_LOCAL };
struct principal {
    enum principal_via via;
    const char *org_id, *user_id;
    const char *token_id; /* "" when not VIA_TOKEN */
    const char *scopes;   /* canonical text */
    const char *client;   /* address for the audit event; "" unknown */
    const char *request_id;
    const char *user_agent; /* "" unknown; cut at 255 bytes */
};

#endif
