/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"

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

tkr_error_t change_new(struct authority *authority, const struct change_kind *kind,
                       const struct principal *by, change_done done, void *context,
                       struct change **ret_change, struct fault *fault)
{
    if (!atomic_load(&authority->changes_accepted)) {
        return fault_set(fault, TKR_UNAVAILABLE, "",
                         "no changes are accepted since a commit had an unknown outcome");
    }
    struct change *change = calloc(1, sizeof(*change));
    ENSURE(change != NULL, TKR_MEMORY);
    if (arena_new(CHANGE_BYTES_MAX, &change->arena) != TKR_OK) {
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

void change_free(struct authority *authority, struct change *change)
{
    if (change == NULL) {
        return;
    }
    plaintexts_return(&authority->plaintexts, change->plaintext);
    arena_free(change->arena);
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
