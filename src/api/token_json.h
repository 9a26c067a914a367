/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of tokens and tiers: bodies as they are read, objects as they are written. */
#ifndef API_TOKEN_JSON_H
#define API_TOKEN_JSON_H

#include <jansson.h>

#include "api/json_emit.h"
#include "api/json_input.h"
#include "base/arena.h"
#include "engine/lifecycle.h"

/* A window without a limit, where null would be "as the tier says". */
#define LIMIT_UNLIMITED_TEXT "unlimited"

/* The members of a token, into an open object. Never the token itself. */
void emit_token_members(struct emitter *emitter, const struct token *token);
void emit_limits(struct emitter *emitter, const struct limits *limits); /* `limits` */
void emit_limits_as(struct emitter *emitter, const char *name, const struct limits *limits);
void emit_networks(struct emitter *emitter, const char *name, const struct token *token);
/* The member `credits`; null when they are unlimited. */
void emit_credits(struct emitter *emitter, const struct token_credits *credits);
void emit_tier(struct emitter *emitter, const char *name, const struct tier *tier);

/*
 * The bodies of POST and PATCH. Texts point into `root` and `arena`. `now_ms` is what
 * `expires_in` counts from. Errors: those of json_read, TKR_INVALID, TKR_OUT_OF_RANGE,
 * TKR_MEMORY. What needs the store or the policy (does the tier exist, is the lifetime
 * allowed) is the engine's to check.
 */
MUST_USE tkr_error_t token_create_read(const json_t *root, int64_t now_ms, struct arena *arena,
                                       struct token_create *ret_create, struct fault *fault);
/* The body of a key of the caller's own (POST /api/keys); *ret_has_env: it names its env. */
MUST_USE tkr_error_t own_key_read(const json_t *root, int64_t now_ms, struct arena *arena,
                                  struct token_create *ret_create, bool *ret_has_env,
                                  struct fault *fault);
MUST_USE tkr_error_t token_update_read(const json_t *root, int64_t now_ms, struct arena *arena,
                                       struct token_update *ret_update, struct fault *fault);
/* Members that other bodies have too: `limits`, not null; `metadata`, as text in the arena. */
MUST_USE tkr_error_t limits_read(const struct json_given *given, struct limits *ret_limits,
                                 struct fault *fault);
MUST_USE tkr_error_t metadata_read(const struct json_given *given, struct arena *arena,
                                   const char **ret_metadata, struct fault *fault);
/* Likewise `allowed_ips`, and times: one that is missing or null is 0. */
MUST_USE tkr_error_t networks_read(const struct json_given *given, struct arena *arena,
                                   const struct cidr **ret_cidrs, size_t *ret_count,
                                   struct fault *fault);
MUST_USE tkr_error_t time_read(const struct json_given *given, const char *name, int64_t *ret_ms,
                               struct fault *fault);
/* The bodies of rotate and rollback. */
MUST_USE tkr_error_t token_rotate_read(const json_t *root, int64_t now_ms,
                                       struct token_rotate *ret_rotate, struct fault *fault);
MUST_USE tkr_error_t token_rollback_read(const json_t *root, int64_t *ret_grace_ms,
                                         struct fault *fault);
/* The body of PUT …/credits, or (`initial`) the member of a POST, for which only `remaining` and
 * `refill` are known; `path` stands before member names in faults. */
MUST_USE tkr_error_t credits_read(const json_t *object, const char *path, bool initial,
                                  struct credits_asked *ret_asked, struct fault *fault);
MUST_USE tkr_error_t tier_read(const json_t *root, const char *name, struct tier *ret_tier,
                               struct fault *fault);

#endif
