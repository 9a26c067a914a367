/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"
#include "policy/scopes.h"

/* Cut at the maximum, and not within a character. */
static const char *copied(struct arena *arena, const char *text, size_t bytes_max)
{
    if (text == NULL) {
        return "";
    }
    size_t length = strnlen(text, bytes_max + 1);
    if (length > bytes_max) {
        length = bytes_max;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    return arena_copy(arena, text, length);
}

const struct principal principal_system = {
    .via = VIA_LOCAL,
    .org_id = "*",
    .user_id = "tokenry",
    .token_id = "",
    .scopes = "*",
};

tkr_error_t change_new_sized(struct authority *authority, const struct change_kind *kind,
                             const struct principal *by, size_t bytes_max, change_done done,
                             void *context, struct change **ret_change, struct fault *fault)
{
    if (!atomic_load(&authority->changes_accepted)) {
        return fault_set(fault, TKR_UNAVAILABLE, "",
                         "no changes are accepted since a commit had an unknown outcome");
    }
    struct change *change = calloc(1, sizeof(*change));
    ENSURE(change != NULL, TKR_MEMORY);
    if (arena_new(bytes_max, &change->arena) != TKR_OK) {
        free(change);
        return TKR_MEMORY;
    }
    change->kind = kind;
    change->done = done;
    change->context = context;
    change->by = (struct principal){
        .via = by->via,
        .org_id = copied(change->arena, by->org_id, ORG_ID_BYTES_MAX),
        .user_id = copied(change->arena, by->user_id, USER_ID_BYTES_MAX),
        .token_id = copied(change->arena, by->token_id, TOKEN_ID_CHARS),
        .scopes = copied(change->arena, by->scopes, SCOPES_TEXT_BYTES_MAX),
        .client = copied(change->arena, by->client, IP_TEXT_SIZE),
        .request_id = copied(change->arena, by->request_id, HTTP_REQUEST_ID_BYTES_MAX),
        .user_agent = copied(change->arena, by->user_agent, USER_AGENT_BYTES_MAX),
    };
    *ret_change = change;
    if (arena_overflowed(change->arena)) {
        change_free(authority, change);
        return TKR_MEMORY;
    }
    return TKR_OK;
}

tkr_error_t change_new(struct authority *authority, const struct change_kind *kind,
                       const struct principal *by, change_done done, void *context,
                       struct change **ret_change, struct fault *fault)
{
    return change_new_sized(authority, kind, by, CHANGE_BYTES_MAX, done, context, ret_change,
                            fault);
}

void change_free(struct authority *authority, struct change *change)
{
    if (change == NULL) {
        return;
    }
    plaintexts_return(&authority->plaintexts, change->plaintext);
    arena_free(change->arena);
    free(change->ids.ids);
    free(change->lineages.ids);
    free(change);
}

struct store_event change_event(const struct authority *authority, const struct change *change,
                                const struct token *token, const char *details)
{
    struct store_event event = {
        .at_ms = segment_writer_now_ms(authority->segment),
        .type = change->kind->event,
        .actor_user = change->by.user_id,
        .actor_token = change->by.token_id,
        .org_id = change->by.org_id,
        .client = change->by.client,
        .user_agent = change->by.user_agent,
        .request_id = change->by.request_id,
        .details = details,
    };
    if (token != NULL) {
        event.org_id = token->org_id;
        event.user_id = token->user_id;
        event.token_id = token->id;
        event.token_name = token->name;
    }
    return event;
}

/* --- shared by the kinds ------------------------------------------------------------------- */

/* What is no identifier names no token. */
tkr_error_t change_copy_id(const char *token_id, struct change *change)
{
    uint8_t id[TOKEN_ID_BYTES];
    ENSURE(token_id_parse(token_id, strlen(token_id), id) == TKR_OK, TKR_NOT_FOUND);
    token_id_format(id, change->asked.id);
    return TKR_OK;
}

tkr_error_t change_copy_reason(const struct authority *authority, const char *reason,
                               struct change *change, struct fault *fault)
{
    if (reason == NULL || reason[0] == '\0') {
        return TKR_OK;
    }
    TRY(check_text(authority, "reason", reason, REVOKE_REASON_BYTES_MAX, fault));
    change->reason = arena_copy(change->arena, reason, strlen(reason));
    ENSURE(change->reason != NULL, TKR_MEMORY);
    return TKR_OK;
}

tkr_error_t change_ids_add(struct change_ids *ids, const char *token_id)
{
    if (ids->count == ids->room) {
        uint32_t room = ids->room > 0 ? 2 * ids->room : 16;
        void *grown = reallocarray(ids->ids, room, sizeof(ids->ids[0]));
        ENSURE(grown != NULL, TKR_MEMORY);
        ids->ids = grown;
        ids->room = room;
    }
    memcpy(ids->ids[ids->count++], token_id, TOKEN_ID_CHARS + 1);
    return TKR_OK;
}

bool change_ids_have(const struct change_ids *ids, const char *token_id)
{
    for (uint32_t i = 0; i < ids->count; i++) {
        if (strcmp(ids->ids[i], token_id) == 0) {
            return true;
        }
    }
    return false;
}

tkr_error_t change_add_id(struct change *change, const char *token_id)
{
    return change_ids_add(&change->ids, token_id);
}

void change_copy_key(struct change *change, const char *key,
                     const uint8_t request_digest[TOKEN_DIGEST_BYTES])
{
    if (key != NULL) {
        change->idempotency_key = arena_print(change->arena, "%s\n%s", change->by.user_id, key);
        memcpy(change->request_digest, request_digest, sizeof(change->request_digest));
    }
}

tkr_error_t change_replay(struct authority *authority, struct change *change, bool *ret_replayed)
{
    const struct store_port *store = authority->store;
    struct change_result *result = &change->result;
    char token_id[TOKEN_ID_CHARS + 1];
    uint8_t digest[TOKEN_DIGEST_BYTES];
    *ret_replayed = false;
    if (change->idempotency_key == NULL) {
        return TKR_OK;
    }
    tkr_error_t error =
        store->find_idempotency(store->store, change->by.org_id, change->idempotency_key,
                                segment_writer_now_ms(authority->segment), token_id, digest);
    ENSURE(error != TKR_NOT_FOUND, TKR_OK);
    TRY(error);
    if (memcmp(digest, change->request_digest, TOKEN_DIGEST_BYTES) != 0) {
        return fault_set(&result->fault, TKR_IDEMPOTENCY, "Idempotency-Key",
                         "this key came with another request before");
    }
    TRY(store->read_token(store->store, token_id, change->arena, &result->token));
    ENSURE(principal_sees(&change->by, &result->token), TKR_NOT_FOUND);
    epochs_overlay(authority, &result->token);
    plaintexts_return(&authority->plaintexts, change->plaintext);
    change->plaintext = NULL;
    result->replayed = true;
    result->clamped = false;
    result->weak = false;
    *ret_replayed = true;
    return TKR_OK;
}

tkr_error_t change_put_key(struct authority *authority, const struct change *change,
                           const char *token_id)
{
    const struct store_port *store = authority->store;
    if (change->idempotency_key == NULL) {
        return TKR_OK;
    }
    return store->put_idempotency(store->store, change->by.org_id, change->idempotency_key,
                                  change->request_digest, token_id,
                                  segment_writer_now_ms(authority->segment));
}

tkr_error_t change_apply_marked(struct authority *authority, struct change *change,
                                tkr_error_t (*apply)(struct authority *, struct change *))
{
    const struct store_port *store = authority->store;
    TRY(store->mark(store->store));
    tkr_error_t error = apply(authority, change);
    tkr_error_t released = store->release(store->store, error != TKR_OK);
    if (error == TKR_CONFLICT && change->chosen && change->result.fault.error != error) {
        fault_set(&change->result.fault, error, "token", "this token exists already");
    }
    return released != TKR_OK ? released : error;
}

tkr_error_t change_read_current(struct authority *authority, const struct change *change,
                                const char *token_id, struct token *ret_token)
{
    const struct store_port *store = authority->store;
    struct token token;
    TRY(store->read_token(store->store, token_id, change->arena, &token));
    ENSURE(principal_sees(&change->by, &token), TKR_NOT_FOUND);
    epochs_overlay(authority, &token);
    *ret_token = token;
    return TKR_OK;
}

tkr_error_t change_check_reach(struct change *change, const struct token *token)
{
    const struct principal *by = &change->by;
    bool covered =
        scopes_cover(by->scopes, strlen(by->scopes), token->scopes, strlen(token->scopes)) &&
        (token->kind != TOKEN_KIND_ADMIN || principal_is_global(by));
    if (!covered) {
        return fault_set(&change->result.fault, TKR_FORBIDDEN, "",
                         "nobody can change a token that has more scope than they have");
    }
    return TKR_OK;
}

tkr_error_t change_check_version(struct change *change, const struct token *token)
{
    if (change->if_version != 0 && change->if_version != token->version) {
        return fault_set(&change->result.fault, TKR_PRECONDITION, "If-Match",
                         "the token is at version %llu", (unsigned long long)token->version);
    }
    return TKR_OK;
}

/* All versions have one configuration (authority_lineage.c), and keys of one's own use the credits
 * of what made them: so whoever changes one of them changes the others. */
static bool binds_both(enum bound bound, const struct token *token, const struct token *own)
{
    bool one_account =
        token->has_credit_line && own->has_credit_line && token->credit_line == own->credit_line;
    return strcmp(token->lineage_id, own->lineage_id) == 0 ||
           (bound == BOUND_BY_CREDITS && one_account);
}

tkr_error_t change_check_bound(struct authority *authority, struct change *change,
                               const struct token *token, enum bound bound, const char *member)
{
    const struct store_port *store = authority->store;
    const struct principal *by = &change->by;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token own;
    if (by->token_id[0] == '\0' || principal_is_global(by)) {
        return TKR_OK;
    }
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    tkr_error_t error = store->read_token(store->store, by->token_id, arena, &own);
    ENSURE(error != TKR_NOT_FOUND, TKR_OK); /* it was cleaned away meanwhile */
    TRY(error);
    if (binds_both(bound, token, &own)) {
        return fault_set(&change->result.fault, TKR_FORBIDDEN, member,
                         "a token cannot change its own bounds");
    }
    return TKR_OK;
}

tkr_error_t change_check_source(struct change *change, const struct token *token)
{
    if (token->source == TOKEN_SOURCE_ENVIRONMENT) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "",
                         "the token comes from the environment of the daemon (API_TOKENS): change "
                         "it there");
    }
    return TKR_OK;
}

/* Drawn for many identifiers at once: each call of the kernel takes a microsecond or two. */
static tkr_error_t draw(void *context, void *bytes, size_t length)
{
    struct authority *authority = context;
    if (authority->births_left < length) {
        TRY(random_fill(authority->options.random, authority->births, sizeof(authority->births)));
        authority->births_left = sizeof(authority->births);
    }
    memcpy(bytes, authority->births + sizeof(authority->births) - authority->births_left, length);
    authority->births_left -= length;
    return TKR_OK;
}

tkr_error_t token_give_birth(struct authority *authority, int64_t now_ms, struct token *token)
{
    const struct random_source random = {draw, authority};
    uint8_t id[TOKEN_ID_BYTES];
    int64_t epoch_ms = epochs_newest_ms(authority);
    int64_t born_ms = now_ms > epoch_ms ? now_ms : epoch_ms + 1;
    TRY(token_id_new(&random, born_ms, id));
    token_id_format(id, token->id);
    token->created_at_ms = now_ms;
    token->updated_at_ms = now_ms;
    return TKR_OK;
}
