/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of tokens in the environment: engine/environment.h. */
#include "engine/environment.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"

/*
 * A row that is disabled because of the environment says so in its metadata, which nobody else can
 * change. Somebody may also have disabled it by hand: that is no less than a revocation for a
 * while, and no start takes it back.
 */
static const char metadata_none[] = "{}";
static const char metadata_absent[] = "{\"environment\":\"absent\"}";
static const char metadata_refused[] = "{\"environment\":\"refused\"}";

/* More rows than that are never enabled at once: each was in an environment. */
#define ROWS_MAX (4 * ENVIRONMENT_TOKENS_MAX)

struct sync {
    struct authority *authority;
    struct change *change;
    const struct environment_sync *asked;
    int64_t now_ms;
    struct arena *arena; /* of one row */
};

/* --- one row ------------------------------------------------------------------------------- */

static struct store_event event_of(const struct sync *sync, const char *type,
                                   const struct token *token, struct details *details)
{
    struct store_event event = change_event(sync->authority, sync->change, token, NULL);
    details_text(details, "source", token_source_name(token->source));
    details_flag(details, "disabled", token->disabled_at_ms != 0);
    details_flag(details, "warned", token->warned);
    event.type = type;
    event.details = details_finish(details);
    return event;
}

static void remember(struct sync *sync, const struct token *token)
{
    struct change_ids *ids = &sync->change->ids;
    ASSERT(ids->count < ROWS_MAX);
    memcpy(ids->ids[ids->count++], token->id, sizeof(token->id));
    if (token->line >= sync->change->lines_end) {
        sync->change->lines_end = token->line + 1;
    }
}

static tkr_error_t write_row(struct sync *sync, struct token *token)
{
    const struct store_port *store = sync->authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    token->updated_at_ms = sync->now_ms;
    struct store_event event = event_of(sync, "token.update", token, &details);
    TRY(store->update_token(store->store, token, &event));
    remember(sync, token);
    return TKR_OK;
}

static tkr_error_t ensure_user(struct sync *sync, const struct token *token)
{
    const struct store_port *store = sync->authority->store;
    struct known_tier tier;
    struct store_user user;
    bool created = false;
    TRY(tiers_find(sync->authority, token->tier, &tier));
    bool want_line =
        (tier.tier.subject & LIMITS_OF_USER) != 0 || sync->authority->batch_wants_lines;
    TRY(store->ensure_user(store->store, token->org_id, token->user_id, want_line, sync->now_ms,
                           sync->arena, &user, &created));
    if (user.line != SEGMENT_NO_LINE && user.line >= sync->change->lines_end) {
        sync->change->lines_end = user.line + 1;
    }
    return TKR_OK;
}

static tkr_error_t insert_row(struct sync *sync, const struct environment_token *asked)
{
    struct authority *authority = sync->authority;
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    struct token token = {
        .org_id = sync->asked->org_id,
        .user_id = asked->user_id,
        .name = asked->user_id,
        .display_prefix = asked->display_prefix,
        .tier = sync->asked->tier != NULL ? sync->asked->tier : tiers_shipped[0].name,
        .scopes = "",
        .metadata = asked->refused ? metadata_refused : metadata_none,
        .source = TOKEN_SOURCE_ENVIRONMENT,
        .warned = asked->warned,
        .disabled_at_ms = asked->refused ? sync->now_ms : 0,
        .line = SEGMENT_NO_LINE,
    };
    details_init(&details);
    for (size_t i = 0; sync->asked->tier == NULL && i < WINDOW_COUNT; i++) {
        token.overrides.set |= 1U << i;
        token.overrides.limit[i] = LIMIT_NONE;
    }
    memcpy(token.digest, asked->digest, sizeof(token.digest));
    TRY(token_give_birth(authority, sync->now_ms, &token));
    memcpy(token.lineage_id, token.id, sizeof(token.id));
    TRY(ensure_user(sync, &token));
    struct store_event event = event_of(sync, "token.create", &token, &details);
    tkr_error_t error = store->insert_token(store->store, &token, &event);
    if (error == TKR_CONFLICT) { /* a tombstone */
        authority_report(authority, LOG_WARNING, "environment_token",
                         "%s: it was revoked, and stays so", asked->origin);
        return TKR_OK;
    }
    TRY(error);
    remember(sync, &token);
    return TKR_OK;
}

static tkr_error_t update_row(struct sync *sync, const struct environment_token *asked,
                              struct token *token)
{
    bool disabled = token->disabled_at_ms != 0;
    if (token->source != TOKEN_SOURCE_ENVIRONMENT) {
        authority_report(sync->authority, LOG_WARNING, "environment_token",
                         "%s: it is %s already, and the environment has no say over that",
                         asked->origin, token->id);
        return TKR_OK;
    }
    if (asked->labelled && strcmp(token->user_id, asked->user_id) != 0) {
        return fault_set(&sync->change->result.fault, TKR_CONFLICT, "",
                         "%s: this token is of another user already (%s): give this one a new "
                         "token",
                         asked->origin, token->id);
    }
    if (token->revoked_at_ms != 0) {
        authority_report(sync->authority, LOG_WARNING, "environment_token",
                         "%s: it was revoked (%s), and stays so", asked->origin, token->id);
        return TKR_OK;
    }
    if (disabled && strcmp(token->metadata, metadata_none) == 0) {
        authority_report(sync->authority, LOG_WARNING, "environment_token",
                         "%s: somebody has disabled it (%s); restore it to let it in",
                         asked->origin, token->id);
        return TKR_OK;
    }
    const char *metadata = asked->refused ? metadata_refused : metadata_none;
    if (disabled == asked->refused && token->warned == asked->warned &&
        strcmp(token->metadata, metadata) == 0) {
        return TKR_OK;
    }
    token->warned = asked->warned;
    token->metadata = metadata;
    token->disabled_at_ms = asked->refused ? sync->now_ms : 0;
    return write_row(sync, token);
}

static tkr_error_t sync_row(struct sync *sync, const struct environment_token *asked)
{
    const struct store_port *store = sync->authority->store;
    struct token token;
    arena_reset(sync->arena);
    tkr_error_t error = store->read_digest(store->store, asked->digest, sync->arena, &token);
    if (error == TKR_NOT_FOUND) {
        return insert_row(sync, asked);
    }
    TRY(error);
    return update_row(sync, asked, &token);
}

/* --- all ----------------------------------------------------------------------------------- */

static bool is_asked(const struct environment_sync *asked, const struct token *token)
{
    bool found = false;
    for (size_t i = 0; i < asked->count && !found; i++) {
        found = memcmp(asked->tokens[i].digest, token->digest, sizeof(token->digest)) == 0;
    }
    return found;
}

static tkr_error_t disable_absent(struct sync *sync, const char *token_id)
{
    const struct store_port *store = sync->authority->store;
    struct token token;
    arena_reset(sync->arena);
    TRY(store->read_token(store->store, token_id, sync->arena, &token));
    if (is_asked(sync->asked, &token)) {
        return TKR_OK;
    }
    token.disabled_at_ms = sync->now_ms;
    token.metadata = metadata_absent;
    return write_row(sync, &token);
}

static tkr_error_t sync_rows(struct sync *sync)
{
    const struct store_port *store = sync->authority->store;
    char(*ids)[TOKEN_ID_CHARS + 1] = sync->change->ids.ids + ROWS_MAX; /* its second half */
    uint32_t count = 0;
    TRY(store->list_environment(store->store, ROWS_MAX / 2, ids, &count));
    for (size_t i = 0; i < sync->asked->count; i++) {
        TRY(sync_row(sync, &sync->asked->tokens[i]));
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(disable_absent(sync, ids[i]));
    }
    return TKR_OK;
}

static tkr_error_t apply_sync(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    struct sync sync = {
        .authority = authority,
        .change = change,
        .asked = change->environment,
        .now_ms = segment_writer_now_ms(authority->segment),
        .arena = arena,
    };
    TRY(store->mark(store->store));
    tkr_error_t error = sync_rows(&sync);
    tkr_error_t released = store->release(store->store, error != TKR_OK);
    if (error != TKR_OK) {
        change->ids.count = 0;
    }
    change->changed = change->ids.count > 0;
    return released != TKR_OK ? released : error;
}

static tkr_error_t show_sync(struct authority *authority, struct change *change)
{
    return TKR_OK; /* show_ids does it */
}

static const struct change_kind change_environment = {"environment.sync", apply_sync, show_sync};

/* --- on the caller's thread ---------------------------------------------------------------- */

struct waiting {
    sem_t done;
    tkr_error_t error;
    struct fault *fault;
};

static void sync_done(void *context, const struct change_result *result)
{
    struct waiting *waiting = context;
    waiting->error = result->error;
    if (waiting->fault != NULL) {
        *waiting->fault = result->fault;
    }
    sem_post(&waiting->done);
}

static tkr_error_t check_sync(struct authority *authority, const struct environment_sync *sync,
                              struct fault *fault)
{
    struct known_tier tier;
    ASSERT(sync->count <= ENVIRONMENT_TOKENS_MAX);
    if (sync->tier != NULL && tiers_find(authority, sync->tier, &tier) != TKR_OK) {
        return fault_set(fault, TKR_NOT_FOUND, "environment.tier",
                         "environment.tier: there is no tier %s", sync->tier);
    }
    for (size_t i = 0; i < sync->count; i++) {
        struct fault label = {0};
        tkr_error_t error =
            check_text(authority, "label", sync->tokens[i].user_id, USER_ID_BYTES_MAX, &label);
        if (error != TKR_OK) {
            return fault_set(fault, error, "", "%s: the label %s", sync->tokens[i].origin,
                             label.detail);
        }
    }
    return TKR_OK;
}

tkr_error_t authority_sync_environment(struct authority *authority,
                                       const struct environment_sync *sync, struct fault *fault)
{
    static const struct principal environment = {
        .via = VIA_LOCAL,
        .org_id = "",
        .user_id = "environment",
        .token_id = "",
        .scopes = "*",
        .client = "",
        .request_id = "",
        .user_agent = "",
    };
    struct waiting waiting = {.fault = fault};
    struct change *change = NULL;
    TRY(check_sync(authority, sync, fault));
    sem_init(&waiting.done, 0, 0);
    TRY(change_new(authority, &change_environment, &environment, sync_done, &waiting, &change,
                   fault));
    change->environment = sync;
    change->ids.ids = calloc(2 * ROWS_MAX, sizeof(change->ids.ids[0]));
    if (change->ids.ids == NULL) {
        change_free(authority, change);
        return TKR_MEMORY;
    }
    TRY(writer_submit(authority, change, fault));
    while (sem_wait(&waiting.done) != 0) {
    }
    sem_destroy(&waiting.done);
    return waiting.error;
}
