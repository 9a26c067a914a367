/* SPDX-License-Identifier: Apache-2.0 */
#include "store_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct token sample_token(unsigned number)
{
    struct token token = {
        .org_id = "acme",
        .user_id = "alice",
        .name = "token",
        .kind = TOKEN_KIND_USER,
        .env = TOKEN_ENV_LIVE,
        .display_prefix = "sk_live_abcd",
        .tier = "free",
        .scopes = "api:read",
        .metadata = "{}",
        .created_at_ms = SAMPLE_NOW + number,
        .updated_at_ms = SAMPLE_NOW + number,
        .line = SEGMENT_NO_LINE,
    };
    uint8_t id[TOKEN_ID_BYTES] = {0};
    memcpy(id + 8, &number, sizeof(number));
    token_id_format(id, token.id);
    memcpy(token.lineage_id, token.id, sizeof(token.id));
    memset(token.digest, 0x5a, sizeof(token.digest));
    memcpy(token.digest, &number, sizeof(number));
    return token;
}

struct store_event sample_event(const char *type, const struct token *token)
{
    return (struct store_event){
        .at_ms = token->updated_at_ms,
        .type = type,
        .actor_user = "root",
        .org_id = token->org_id,
        .user_id = token->user_id,
        .token_id = token->id,
        .token_name = token->name,
        .client = "192.0.2.1",
        .request_id = "r-1",
        .details = "{\"sample\":true}",
    };
}

tkr_error_t sample_insert(const struct store_port *port, struct token *token)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct store_user user;
    bool created = false;
    struct store_event event = sample_event("token.create", token);
    TRY(arena_new(4096, &arena));
    TRY(port->ensure_user(port->store, token->org_id, token->user_id, false, token->created_at_ms,
                          arena, &user, &created));
    return port->insert_token(port->store, token, &event);
}

struct token sample_store(const struct store_port *port, struct token token)
{
    uint64_t seq = 0;
    if (port->begin(port->store) != TKR_OK || sample_insert(port, &token) != TKR_OK ||
        port->commit(port->store, &seq) != TKR_OK) {
        fprintf(stderr, "a sample could not be stored\n");
        exit(1);
    }
    return token;
}
