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
#include "policy/credits.h"
#include "policy/lifetimes.h"
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

/* Where a token comes from. Stored as a number: never renumber. */
enum token_source {
    TOKEN_SOURCE_MADE,        /* here, at random */
    TOKEN_SOURCE_CHOSEN,      /* somebody brought it along */
    TOKEN_SOURCE_ENVIRONMENT, /* API_TOKEN, API_TOKENS: the environment is its master */
    TOKEN_SOURCE_IMPORTED,    /* from another store, by its digest */
    TOKEN_SOURCE_ADOPTED,     /* asked of an old endpoint when it was first seen */
    TOKEN_SOURCE_COUNT
};
const char *token_source_name(enum token_source source); /* "made", "chosen", "env", ... */

/* The credits of a lineage at a moment; see policy/credits.h. */
struct token_credits {
    bool unlimited;           /* then the rest is 0 */
    uint64_t remaining, used; /* in this period */
    uint64_t refill;
    enum credits_interval interval;
    int64_t refill_at_ms; /* when the next refill is due; 0: never */
};

/*
 * The store keeps kind, env and source as the numbers of their enums: never renumber them.
 *
 * Rotation makes versions of one lineage: they share lineage_id and the usage line, and so
 * limits, counters and credits. One version is current; those before it may live on until
 * grace_until. A version of a rotated lineage also has a line of its own, which tells when it
 * was last used.
 */
struct token {
    char id[TOKEN_ID_CHARS + 1];
    const char *org_id, *user_id, *name;
    enum token_kind kind;
    enum token_env env;
    uint8_t digest[TOKEN_DIGEST_BYTES]; /* never leaves the authority */
    const char *display_prefix;
    const char *tier;
    bool tier_inherited;    /* it follows the user's */
    const char *scopes;     /* canonical text: what is granted, the role's included */
    const char *role;       /* NULL for none */
    const char *own_scopes; /* with a role: what the token has beside it; else NULL */
    struct limits overrides;
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    const char *metadata; /* JSON object text; "{}" for none */
    int64_t not_before_ms, expires_at_ms, created_at_ms, updated_at_ms, last_used_at_ms;
    uint64_t request_count;
    char lineage_id[TOKEN_ID_CHARS + 1];
    char rotated_from[TOKEN_ID_CHARS + 1]; /* "" for none */
    char replaced_by[TOKEN_ID_CHARS + 1];  /* the version that is current instead; "": it is */
    char created_by[TOKEN_ID_CHARS + 1];   /* the token that made it; "" for none */
    int64_t grace_until_ms;                /* it was replaced, and lives until then; 0: none */
    int64_t expires_ungraced_ms;           /* with a grace: expires_at_ms without it; 0: never */
    enum token_source source;
    bool honeytoken;       /* never works, and tells when it is tried */
    bool warned;           /* works, and every answer warns of it */
    int64_t spared_at_ms;  /* the emergency revocation that spared it counts it as born then */
    bool has_version_line; /* see above */
    bool has_credit_line;
    uint32_t version_line, credit_line;
    struct token_credits credits; /* only where the segment was asked */
    uint64_t version_count;       /* requests of this version alone, as far as it has a line */
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

/* Whoever tokens are of. Made by hand, or with its first token. */
struct user {
    const char *org_id, *id;
    const char *tier;        /* of its tokens that were given none; NULL: TIER_DEFAULT */
    const char *email;       /* NULL: none */
    const char *metadata;    /* JSON object text; "{}" for none */
    struct limits overrides; /* across its tokens */
    int64_t suspended_at_ms; /* 0: active */
    int64_t created_at_ms, updated_at_ms;
    uint64_t version; /* the ETag */
};
#define TIER_DEFAULT "free"

/* An organisation, and what it says about its tokens where it differs from the server. */
enum choice { CHOICE_OF_SERVER, CHOICE_NO, CHOICE_YES };
struct org {
    const char *id;
    struct lifetimes lifetimes;
    enum choice one_active_per_user;
    int64_t created_at_ms, updated_at_ms;
    uint64_t version;
};

/* A named set of scopes, of one organisation or of all. */
struct role {
    const char *org_id; /* NULL: of all */
    const char *name;
    const char *scopes; /* canonical text */
    int64_t created_at_ms, updated_at_ms;
    uint64_t version;
};

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
