/* SPDX-License-Identifier: Apache-2.0 */
#include "api/token_json.h"

#include <string.h>

/* Windows not set are null; one that is explicitly without a limit is `unlimited`, because a
 * number that means "none" would be mistaken for one. */
void emit_limits_as(struct emitter *emitter, const char *name, const struct limits *limits)
{
    emit_open(emitter, name, '{');
    for (int i = 0; i < WINDOW_COUNT; i++) {
        const char *window = window_name((enum window)i);
        if ((limits->set & (1U << i)) == 0) {
            emit_null(emitter, window);
        } else if (limits->limit[i] == LIMIT_NONE) {
            emit_text(emitter, window, LIMIT_UNLIMITED_TEXT);
        } else {
            emit_count(emitter, window, limits->limit[i]);
        }
    }
    emit_close(emitter, '}');
}

void emit_limits(struct emitter *emitter, const struct limits *limits)
{
    emit_limits_as(emitter, "limits", limits);
}

void emit_networks(struct emitter *emitter, const char *name, const struct token *token)
{
    emit_open(emitter, name, '[');
    for (size_t i = 0; i < token->allowed_ip_count; i++) {
        char text[CIDR_TEXT_SIZE];
        emit_text(emitter, NULL, cidr_format(&token->allowed_ips[i], text));
    }
    emit_close(emitter, ']');
}

void emit_credits(struct emitter *emitter, const struct token_credits *credits)
{
    if (credits->unlimited) {
        emit_null(emitter, "credits");
        return;
    }
    emit_open(emitter, "credits", '{');
    emit_count(emitter, "remaining", credits->remaining);
    if (credits->interval == CREDITS_NO_REFILL) {
        emit_null(emitter, "refill");
    } else {
        emit_open(emitter, "refill", '{');
        emit_text(emitter, "interval", credits_interval_name(credits->interval));
        emit_count(emitter, "amount", credits->refill);
        emit_close(emitter, '}');
    }
    emit_time(emitter, "reset_at", credits->refill_at_ms);
    emit_close(emitter, '}');
}

void emit_token_members(struct emitter *emitter, const struct token *token)
{
    const char *metadata = token->metadata != NULL ? token->metadata : "";
    const char *scopes = token->scopes != NULL ? token->scopes : "";
    const char *own_scopes = token->role != NULL ? token->own_scopes : scopes;
    emit_text(emitter, "id", token->id);
    emit_text(emitter, "object", "token");
    emit_text(emitter, "org_id", token->org_id);
    emit_text(emitter, "user_id", token->user_id);
    emit_text(emitter, "name", token->name);
    emit_text(emitter, "kind", token_kind_name(token->kind));
    emit_text(emitter, "env", token_env_name(token->env));
    emit_text(emitter, "display_prefix", token->display_prefix);
    emit_text(emitter, "tier", token->tier);
    emit_bool(emitter, "tier_inherited", token->tier_inherited);
    emit_text(emitter, "role", token->role);
    emit_words(emitter, "scopes", scopes, strlen(scopes));
    emit_words(emitter, "own_scopes", own_scopes, strlen(own_scopes));
    emit_limits(emitter, &token->overrides);
    emit_credits(emitter, &token->credits);
    emit_networks(emitter, "allowed_ips", token);
    emit_json(emitter, "metadata", metadata, strlen(metadata));
    emit_time(emitter, "not_before", token->not_before_ms);
    emit_time(emitter, "expires_at", token->expires_at_ms);
    emit_time(emitter, "created_at", token->created_at_ms);
    emit_time(emitter, "updated_at", token->updated_at_ms);
    emit_time(emitter, "last_used_at", token->last_used_at_ms);
    emit_count(emitter, "request_count", token->request_count);
    emit_text(emitter, "lineage_id", token->lineage_id);
    emit_text_or_null(emitter, "rotated_from", token->rotated_from, strlen(token->rotated_from));
    emit_text_or_null(emitter, "replaced_by", token->replaced_by, strlen(token->replaced_by));
    emit_time(emitter, "grace_until", token->grace_until_ms);
    emit_text(emitter, "source", token_source_name(token->source));
    emit_text_or_null(emitter, "created_by", token->created_by, strlen(token->created_by));
    emit_bool(emitter, "honeytoken", token->honeytoken);
    emit_time(emitter, "disabled_at", token->disabled_at_ms);
    emit_time(emitter, "quarantined_at", token->quarantined_at_ms);
    emit_time(emitter, "revoked_at", token->revoked_at_ms);
    emit_text(emitter, "revoke_reason", token->revoke_reason);
    emit_text(emitter, "status", token_status_name(token->status));
    emit_count(emitter, "version", token->version);
}

void emit_tier(struct emitter *emitter, const char *name, const struct tier *tier)
{
    emit_open(emitter, name, '{');
    emit_text(emitter, "name", tier->name);
    emit_text(emitter, "object", "tier");
    emit_limits(emitter, &tier->limits);
    emit_text(emitter, "subject", limits_subject_name(tier->subject));
    emit_close(emitter, '}');
}
