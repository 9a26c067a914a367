/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revoking a token together with what it made.
 *
 * A token that leaked may have been used to make others, and those to make still others, before
 * anybody noticed. created_by tells which, so that the whole family is found: breadth first, each
 * token once. One that is revoked already is walked through, or a thief would cut the trail by
 * revoking the link between what leaked and what they mean to keep; where one was cleaned away,
 * what it made counts as made by what made it (store/sqlite/cleanup.c). It is one change: either
 * all of them are revoked or none is.
 *
 * A token is all of its versions: whoever rotated a descendant, its successor is one. Of the first
 * one this holds when it is the current version; of an older one that leaked only what it made
 * itself is meant, and not what its successor did since.
 *
 * There may be very many: the token of a program that makes keys for customers has them all as
 * its children. So beyond FAMILY_TOKENS_MAX nothing is done but to say so; who means that many
 * has the emergency revocation.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t prepare(const struct authority *authority, const char *token_id,
                           const char *reason, struct change *change, struct fault *fault)
{
    TRY(change_copy_id(token_id, change));
    return change_copy_reason(authority, reason, change, fault);
}

tkr_error_t authority_revoke_family(struct authority *authority, const struct principal *by,
                                    const char *token_id, const char *reason, uint64_t if_version,
                                    bool own_only, change_done done, void *context,
                                    struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, &change_revoke_family, by, done, context, &change, fault));
    change->own = own_only;
    change->if_version = if_version;
    tkr_error_t error = prepare(authority, token_id, reason, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

typedef tkr_error_t (*list_call)(struct store *store, const char *id, uint32_t most,
                                 char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);

/* Appends what `list` finds of `id`, one more than allowed at most. */
static tkr_error_t add(struct authority *authority, struct change *change, list_call list,
                       const char *id)
{
    char found[FAMILY_TOKENS_MAX + 1][TOKEN_ID_CHARS + 1];
    uint32_t count = 0;
    TRY(list(authority->store->store, id, FAMILY_TOKENS_MAX + 1, found, &count));
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(found[i], change->asked.id) == 0 || change_ids_have(&change->ids, found[i])) {
            continue;
        }
        if (change->ids.count >= FAMILY_TOKENS_MAX) {
            return fault_set(&change->result.fault, TKR_CAPACITY, "children",
                             "more than %d tokens descend from it, and none was revoked",
                             FAMILY_TOKENS_MAX);
        }
        TRY(change_add_id(change, found[i]));
    }
    return TKR_OK;
}

static tkr_error_t add_made(struct authority *authority, struct change *change, const char *id)
{
    return add(authority, change, authority->store->list_made, id);
}

/* Once for a lineage, which may have as many as there may be tokens. */
static tkr_error_t add_versions(struct authority *authority, struct change *change,
                                const struct token *token)
{
    const char *lineage_id = token->lineage_id;
    if (!token->has_version_line || change_ids_have(&change->lineages, lineage_id)) {
        return TKR_OK; /* it was never rotated, or they are there */
    }
    TRY(change_ids_add(&change->lineages, lineage_id));
    return add(authority, change, authority->store->list_versions, lineage_id);
}

/* False: it stays, and so does what it made. */
static bool is_meant(const struct change *change, const struct token *child)
{
    const struct token *first = &change->result.token;
    bool same_user =
        strcmp(child->user_id, first->user_id) == 0 && strcmp(child->org_id, first->org_id) == 0;
    return principal_sees(&change->by, child) && (same_user || !change->own);
}

static tkr_error_t revoke_child(struct authority *authority, struct change *change,
                                const char *token_id, bool *ret_meant)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    CLEANUP(details_deinit) struct details details;
    struct token token;
    details_init(&details);
    *ret_meant = false;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(store->read_token(store->store, token_id, arena, &token));
    *ret_meant = is_meant(change, &token);
    ENSURE(*ret_meant, TKR_OK);
    TRY(add_versions(authority, change, &token));
    if (token.revoked_at_ms != 0) {
        return TKR_OK;
    }
    token.revoked_at_ms = segment_writer_now_ms(authority->segment);
    token.updated_at_ms = token.revoked_at_ms;
    token.revoke_reason = change->reason;
    details_text(&details, "reason", change->reason);
    details_text(&details, "family_of", change->result.token.id);
    struct store_event event = change_event(authority, change, &token, details_finish(&details));
    TRY(store->update_token(store->store, &token, &event));
    change->result.family++;
    return TKR_OK;
}

/* `count` grows while the list is walked; those that are not meant are taken out of it. */
static tkr_error_t revoke_descendants(struct authority *authority, struct change *change)
{
    struct change_ids *ids = &change->ids;
    const struct token *first = &change->result.token;
    if (first->replaced_by[0] == '\0') {
        TRY(add_versions(authority, change, first));
    }
    TRY(add_made(authority, change, first->id));
    for (uint32_t i = 0; i < ids->count;) {
        bool meant = false;
        TRY(revoke_child(authority, change, ids->ids[i], &meant));
        if (meant) {
            TRY(add_made(authority, change, ids->ids[i]));
            i++;
        } else {
            ids->count--;
            memmove(ids->ids[i], ids->ids[ids->count], sizeof(ids->ids[i]));
        }
    }
    return TKR_OK;
}

static tkr_error_t revoke_all(struct authority *authority, struct change *change)
{
    TRY(revoke_with_versions(authority, change));
    return revoke_descendants(authority, change);
}

/* The token may be revoked already, and its children not. */
static tkr_error_t apply_family(struct authority *authority, struct change *change)
{
    tkr_error_t error = change_apply_marked(authority, change, revoke_all);
    change->changed |= change->result.family > 0;
    return error;
}

static tkr_error_t show_family(struct authority *authority, struct change *change)
{
    return change->denies ? show_token(authority, &change->result.token, &change->user) : TKR_OK;
}

const struct change_kind change_revoke_family = {"token.revoke", apply_family, show_family};
