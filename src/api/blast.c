/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report on a token, for an incident: what it could reach and what it did.
 *
 * What it may do with Tokenry itself is derived from the table of routes, so a route that is
 * added is in the report. What it may do elsewhere is for the owner of the scopes to say.
 */
#include <string.h>

#include "api/analytics.h"
#include "api/blast_advice.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "engine/blast.h"
#include "policy/scopes.h"

#define CALL_SIZE 128

/* --- what it could reach ---------------------------------------------------------------------- */

/* Self-service may be turned off, and then its routes answer nobody. */
static bool is_open(const struct api_call *call, size_t number)
{
    return call->api->options.self_service ||
           strncmp(api_route_path((int)number), "/api/keys", strlen("/api/keys")) != 0;
}

static bool is_granted(const struct api_call *call, size_t number, const char *scopes)
{
    const struct api_route *route = api_route_by_id((int)number);
    if (route->access == ACCESS_TOKEN) {
        return is_open(call, number);
    }
    return route->access == ACCESS_SCOPE &&
           scopes_grant(scopes, strlen(scopes), route->scope, strlen(route->scope));
}

static bool same_demand(size_t a, size_t b)
{
    const struct api_route *x = api_route_by_id((int)a), *y = api_route_by_id((int)b);
    return x->access == y->access &&
           (x->scope == NULL || y->scope == NULL || strcmp(x->scope, y->scope) == 0);
}

static void emit_calls(struct emitter *emitter, const struct http_route *route)
{
    for (unsigned method = 1; method != 0 && method <= route->methods; method <<= 1) {
        if ((route->methods & method) != 0) {
            char text[CALL_SIZE];
            snprintf(text, sizeof text, "%s %s", http_method_name((enum http_method)method),
                     route->path);
            emit_text(emitter, NULL, text);
        }
    }
}

/* The routes that demand the same as the first of them. */
static void emit_ability(struct emitter *emitter, const struct api_call *call,
                         const struct http_route *routes, size_t count, size_t first)
{
    const char *scope = api_route_by_id((int)first)->scope;
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "scope", scope); /* null: any token may */
    emit_open(emitter, "calls", '[');
    for (size_t i = first; i < count; i++) {
        if (same_demand(first, i) && is_open(call, i)) {
            emit_calls(emitter, &routes[i]);
        }
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

static void emit_abilities(struct emitter *emitter, const struct api_call *call, const char *scopes)
{
    size_t count = 0;
    const struct http_route *routes = api_routes(&count);
    emit_open(emitter, "abilities", '[');
    for (size_t i = 0; i < count; i++) {
        bool is_first = is_granted(call, i, scopes);
        for (size_t j = 0; j < i && is_first; j++) {
            is_first = !same_demand(i, j) || !is_granted(call, j, scopes);
        }
        if (is_first) {
            emit_ability(emitter, call, routes, count, i);
        }
    }
    emit_close(emitter, ']');
}

static void emit_reach(struct emitter *emitter, const struct api_call *call,
                       const struct blast_report *report)
{
    const struct token *token = &report->usage.token;
    const char *own = token->role != NULL ? token->own_scopes : token->scopes;
    emit_open(emitter, "reach", '{');
    emit_bool(emitter, "everything",
              scopes_grant(token->scopes, strlen(token->scopes), "*", strlen("*")));
    emit_words(emitter, "scopes", token->scopes, strlen(token->scopes));
    emit_words(emitter, "own_scopes", own, strlen(own));
    emit_text(emitter, "role", token->role);
    emit_abilities(emitter, call, token->scopes);
    emit_limits_as(emitter, "limits", &report->token_limits);
    emit_limits_as(emitter, "user_limits", &report->user_limits);
    emit_credits(emitter, &token->credits);
    emit_networks(emitter, "networks", token);
    emit_close(emitter, '}');
}

/* --- its kin ---------------------------------------------------------------------------------- */

static int64_t end_of(const struct token *token)
{
    return token->revoked_at_ms != 0 ? token->revoked_at_ms : token->expires_at_ms;
}

/* What versions and descendants have in common, into an open object. */
static void emit_relative(struct emitter *emitter, const struct blast_relative *relative)
{
    const struct token *token = &relative->token;
    emit_text(emitter, "token_id", token->id);
    emit_text(emitter, "status", token_status_name(token->status));
    emit_text(emitter, "answer", tkr_verdict_name(relative->answer));
    emit_bool(emitter, "live", relative->answer == TKR_VERDICT_VALID);
    emit_time(emitter, "created_at", token->created_at_ms);
    emit_time(emitter, "ends_at", end_of(token));
    emit_time(emitter, "last_used_at", token->last_used_at_ms);
}

static void emit_version(struct emitter *emitter, const struct blast_relative *version)
{
    emit_open(emitter, NULL, '{');
    emit_relative(emitter, version);
    emit_bool(emitter, "current", version->token.replaced_by[0] == '\0');
    emit_count(emitter, "requests", version->requests);
    emit_close(emitter, '}');
}

static void emit_versions(struct emitter *emitter, const struct blast_report *report)
{
    emit_open(emitter, "versions", '{');
    emit_bool(emitter, "complete", report->versions.complete);
    emit_open(emitter, "data", '[');
    for (size_t i = 0; i < report->versions.count; i++) {
        emit_version(emitter, &report->versions.items[i]);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

static void emit_descendant(struct emitter *emitter, const struct blast_relative *relative)
{
    static const struct {
        enum blast_excess excess;
        const char *name;
    } excesses[] = {
        {BLAST_MORE_SCOPES, "scopes"},
        {BLAST_MORE_NETWORKS, "networks"},
        {BLAST_LATER_END, "expires_at"},
    };
    const struct token *token = &relative->token;
    emit_open(emitter, NULL, '{');
    emit_relative(emitter, relative);
    emit_open(emitter, "exceeds", '[');
    for (size_t i = 0; i < sizeof excesses / sizeof excesses[0]; i++) {
        if ((relative->excess & excesses[i].excess) != 0) {
            emit_text(emitter, NULL, excesses[i].name);
        }
    }
    emit_close(emitter, ']');
    emit_text(emitter, "name", token->name);
    emit_text(emitter, "kind", token_kind_name(token->kind));
    emit_text(emitter, "org_id", token->org_id);
    emit_text(emitter, "user_id", token->user_id);
    emit_words(emitter, "scopes", token->scopes, strlen(token->scopes));
    emit_networks(emitter, "networks", token);
    emit_text_or_null(emitter, "created_by", token->created_by, strlen(token->created_by));
    emit_text_or_null(emitter, "rotated_from", token->rotated_from, strlen(token->rotated_from));
    emit_count(emitter, "request_count", token->request_count);
    emit_close(emitter, '}');
}

static void emit_family(struct emitter *emitter, const struct blast_report *report)
{
    emit_open(emitter, "family", '{');
    emit_count(emitter, "found", report->family_found);
    emit_count(emitter, "live", report->family_live);
    emit_count(emitter, "reaching_more", report->family_reaching_more);
    emit_bool(emitter, "complete", report->family.complete);
    emit_open(emitter, "data", '[');
    for (size_t i = 0; i < report->family.count; i++) {
        emit_descendant(emitter, &report->family.items[i]);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

/* --- what it did ------------------------------------------------------------------------------ */

static void emit_event(struct emitter *emitter, const struct store_event *event)
{
    emit_open(emitter, NULL, '{');
    emit_time(emitter, "at", event->at_ms);
    emit_text(emitter, "type", event->type);
    emit_text(emitter, "actor_user", event->actor_user);
    emit_text(emitter, "actor_token", event->actor_token);
    emit_text(emitter, "org_id", event->org_id);
    emit_text(emitter, "user_id", event->user_id);
    emit_text(emitter, "token_id", event->token_id);
    emit_text(emitter, "token_name", event->token_name);
    emit_text(emitter, "verdict", event->verdict);
    emit_text(emitter, "method", event->method);
    emit_text(emitter, "endpoint", event->endpoint);
    emit_text(emitter, "client", event->client);
    emit_text(emitter, "user_agent", event->user_agent);
    emit_text(emitter, "request_id", event->request_id);
    emit_text(emitter, "ray_id", event->ray_id);
    emit_json(emitter, "details", event->details,
              event->details != NULL ? strlen(event->details) : 0);
    emit_close(emitter, '}');
}

/* Whose address it was, and what else an event has, is for who may read events. */
static bool reads_events(const struct api_call *call)
{
    static const char scope[] = "audit:read";
    const char *granted = call->principal.scopes;
    return scopes_grant(granted, strlen(granted), scope, strlen(scope));
}

static void emit_events(struct emitter *emitter, const struct api_call *call, const char *name,
                        const struct event_answer *events)
{
    size_t told = reads_events(call) ? events->newest_count : 0;
    emit_open(emitter, name, '{');
    emit_count(emitter, "count", events->count);
    emit_time(emitter, "first_at", events->first_ms);
    emit_time(emitter, "last_at", events->last_ms);
    emit_bool(emitter, "complete", events->complete);
    emit_open(emitter, "by_type", '[');
    for (size_t i = 0; i < events->type_count; i++) {
        emit_open(emitter, NULL, '{');
        emit_text(emitter, "label", events->types[i].type);
        emit_count(emitter, "count", events->types[i].count);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
    emit_open(emitter, "newest", '[');
    for (size_t i = 0; i < told; i++) {
        emit_event(emitter, &events->newest[i]);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

/* Of all versions. */
static int64_t last_use(const struct blast_report *report)
{
    int64_t last_ms = report->usage.token.last_used_at_ms;
    for (size_t i = 0; i < report->versions.count; i++) {
        int64_t used_ms = report->versions.items[i].token.last_used_at_ms;
        last_ms = used_ms > last_ms ? used_ms : last_ms;
    }
    return last_ms;
}

static void emit_did(struct emitter *emitter, const struct api_call *call,
                     const struct blast_report *report)
{
    const struct usage_report *usage = &report->usage;
    bool used = usage->answer.point_count > 0;
    emit_open(emitter, "did", '{');
    emit_count(emitter, "requests", usage->requests);
    emit_count(emitter, "unattributed", blast_unattributed(report));
    emit_count(emitter, "refused", usage->refused);
    emit_time(emitter, "first_use", used ? usage->answer.points[0].at_ms : 0);
    emit_text(emitter, "first_use_within", used ? analytics_step_name(usage->step_ms) : NULL);
    emit_time(emitter, "last_use", last_use(report));
    analytics_emit_shares(emitter, &usage->answer);
    emit_events(emitter, call, "verifications", &report->seen);
    emit_events(emitter, call, "tries", &report->tries);
    emit_events(emitter, call, "changes", &report->acts);
    emit_close(emitter, '}');
}

/* --- the report ------------------------------------------------------------------------------- */

static void emit_made(struct emitter *emitter, const struct api_call *call,
                      const struct blast_report *report)
{
    if (report->born.newest_count == 0) {
        emit_null(emitter, "made"); /* imported, or the event is of a time before there were any */
        return;
    }
    const struct store_event *event = &report->born.newest[0];
    emit_open(emitter, "made", '{');
    emit_time(emitter, "at", event->at_ms);
    emit_text(emitter, "type", event->type);
    emit_text(emitter, "by_user", event->actor_user);
    emit_text(emitter, "by_token", event->actor_token);
    emit_text(emitter, "client", reads_events(call) ? event->client : NULL);
    emit_close(emitter, '}');
}

static void emit_report(struct emitter *emitter, const struct api_call *call, int64_t days,
                        const struct blast_report *report)
{
    const struct token *token = &report->usage.token;
    bool live = report->answer == TKR_VERDICT_VALID;
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "object", "blast_radius");
    emit_text(emitter, "answer", tkr_verdict_name(report->answer));
    emit_bool(emitter, "live", live);
    emit_time(emitter, "live_until", live ? token->expires_at_ms : 0);
    emit_open(emitter, "token", '{');
    emit_token_members(emitter, token);
    emit_close(emitter, '}');
    emit_made(emitter, call, report);
    emit_reach(emitter, call, report);
    emit_versions(emitter, report);
    emit_family(emitter, report);
    emit_number(emitter, "days", days);
    emit_time(emitter, "from", report->usage.from_ms);
    emit_time(emitter, "until", report->usage.until_ms);
    emit_did(emitter, call, report);
    emit_events(emitter, call, "history", &report->about);
    emit_blast_actions(emitter, report);
    emit_blast_unknown(emitter, report, reads_events(call));
    emit_close(emitter, '}');
}

static tkr_error_t run(struct api_call *call, struct buffer *body, struct fault *fault)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL; /* a family may be large */
    struct blast_report report;
    struct emitter emitter;
    int64_t days = 0;
    TRY(analytics_read_days(call, &days, fault));
    TRY(arena_new(API_PAGE_BYTES_MAX, &arena));
    TRY(authority_blast_radius(call->api->options.authority, &call->principal, call->parameter,
                               days, arena, &report, fault));
    emit_begin(&emitter, body);
    emit_report(&emitter, call, days, &report);
    return TKR_OK;
}

void tokens_blast_get(struct api_call *call)
{
    struct fault fault = {0};
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = run(call, &body, &fault);
    if (error == TKR_NOT_FOUND) {
        fault_set(&fault, error, "", "no token has this ID");
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}
