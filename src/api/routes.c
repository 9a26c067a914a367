/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/scopes.h"

#define PATH_TOKENS "/api/v1/auth/tokens"
#define PATH_TOKEN "/api/v1/auth/tokens/{id}"
#define PATH_NOTIFY "/api/v1/notify"
#define PATH_EMERGENCY "/api/v1/auth/emergency-revoke"
#define PATH_USERS "/api/v1/users"
#define PATH_ORGS "/api/v1/orgs"
#define PATH_ROLES "/api/v1/roles"
#define LIST_ARGUMENTS "user_id name status tier kind role include_inactive org_id limit cursor"
#define PATH_KEYS "/api/keys"
#define PATH_KEY "/api/keys/{key_id}"

/*
 * A row: id, methods, path, handler, place, largest body; then who may call, with which scope,
 * whether any local process may, the query arguments, the parameter, the resource.
 *
 * What decides from the segment alone is answered inline; whatever may touch the store or its
 * locks goes to a worker thread.
 */
/* clang-format off */
#define ROUTE_TABLE(X) \
    X(AUTH,          HTTP_GET | HTTP_HEAD | HTTP_POST, "/auth", auth_handle, HTTP_INLINE, 0, \
      ACCESS_PUBLIC, NULL, false, NULL, NULL, NULL) \
    X(VERIFY,        HTTP_POST, "/api/v1/verify", call_keyed, HTTP_KEYED, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:verify", true, NULL, NULL, verify_post) \
    X(VERIFY_BATCH,  HTTP_POST, "/api/v1/verify/batch", call_inline, HTTP_INLINE, \
      HTTP_BATCH_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:verify", true, NULL, NULL, verify_batch_post) \
    X(ME,            HTTP_GET, "/api/v1/auth/me", call_inline, HTTP_INLINE, 0, \
      ACCESS_TOKEN, NULL, false, NULL, NULL, me_get) \
    X(AUTH_HEALTH,   HTTP_GET, "/api/v1/auth/health", call_inline, HTTP_INLINE, 0, \
      ACCESS_PUBLIC, NULL, false, NULL, NULL, auth_health_get) \
    X(SYSTEM_HEALTH, HTTP_GET, "/api/v1/system/health", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_PUBLIC, NULL, false, NULL, NULL, system_health_get) \
    X(SYSTEM_STATUS, HTTP_GET, "/api/v1/system/status", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "system:read", false, NULL, NULL, system_status_get) \
    X(NOTIFY_CHANNELS, HTTP_GET, PATH_NOTIFY "/channels", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "system:read", false, NULL, NULL, notify_channels_list) \
    X(NOTIFY_TEST,   HTTP_POST, PATH_NOTIFY "/channels/{name}/test", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "*", false, NULL, "name", notify_channels_test) \
    X(NOTIFY_DEAD,   HTTP_GET, PATH_NOTIFY "/dead", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "*", false, "channel limit cursor", NULL, notify_dead_list) \
    X(NOTIFY_DROP_ALL, HTTP_DELETE, PATH_NOTIFY "/dead", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "*", false, NULL, NULL, notify_dead_drop) \
    X(NOTIFY_RETRY_ALL, HTTP_POST, PATH_NOTIFY "/dead/retry", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "*", false, NULL, NULL, notify_dead_retry) \
    X(NOTIFY_RETRY,  HTTP_POST, PATH_NOTIFY "/dead/{id}/retry", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "*", false, NULL, "id", notify_dead_retry) \
    X(NOTIFY_DROP,   HTTP_DELETE, PATH_NOTIFY "/dead/{id}", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "*", false, NULL, "id", notify_dead_drop) \
    X(JOBS_LIST,     HTTP_GET, "/api/v1/system/jobs", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "system:read", false, NULL, NULL, jobs_list) \
    X(JOBS_RUN,      HTTP_POST, "/api/v1/system/jobs/{name}/run", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "system:write", false, NULL, "name", jobs_run) \
    X(MONITOR_GET,   HTTP_GET, "/api/v1/monitor", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days limit org_id", NULL, monitor_get) \
    X(METRICS,       HTTP_GET, "/metrics", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "system:read", true, NULL, NULL, metrics_get) \
    X(TOKENS_POST,   HTTP_POST, PATH_TOKENS, call_on_worker, HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, NULL, tokens_post) \
    X(TOKENS_LIST,   HTTP_GET, PATH_TOKENS, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, LIST_ARGUMENTS, NULL, tokens_list) \
    X(TOKENS_EXPORT, HTTP_GET, PATH_TOKENS "/export", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:export", false, "org_id user_id limit cursor", NULL, \
      tokens_export_get) \
    X(TOKENS_IMPORT, HTTP_POST, PATH_TOKENS "/import", call_on_worker, HTTP_WORKER, \
      HTTP_IMPORT_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, NULL, tokens_import_post) \
    X(TOKENS_GET,    HTTP_GET, PATH_TOKEN, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, NULL, "id", tokens_get) \
    X(TOKENS_PATCH,  HTTP_PATCH, PATH_TOKEN, call_on_worker, HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_patch) \
    X(TOKENS_DELETE, HTTP_DELETE, PATH_TOKEN, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:write", false, "reason children", "id", tokens_delete) \
    X(TOKENS_ROTATE, HTTP_POST, PATH_TOKEN "/rotate", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_rotate) \
    X(TOKENS_ROLLBACK, HTTP_POST, PATH_TOKEN "/rollback", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_rollback) \
    X(TOKENS_DISABLE, HTTP_POST, PATH_TOKEN "/disable", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_disable) \
    X(TOKENS_QUARANTINE, HTTP_POST, PATH_TOKEN "/quarantine", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_quarantine) \
    X(TOKENS_RESTORE, HTTP_POST, PATH_TOKEN "/restore", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", tokens_restore) \
    X(ROTATION_GET,  HTTP_GET, PATH_TOKEN "/rotation-schedule", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, NULL, "id", rotation_schedule_get) \
    X(ROTATION_PUT,  HTTP_PUT, PATH_TOKEN "/rotation-schedule", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", rotation_schedule_put) \
    X(ROTATION_DELETE, HTTP_DELETE, PATH_TOKEN "/rotation-schedule", call_on_worker, HTTP_WORKER, \
      0, ACCESS_SCOPE, "tokens:write", false, NULL, "id", rotation_schedule_delete) \
    X(ROTATION_RUN,  HTTP_POST, PATH_TOKEN "/rotation-schedule/run", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:write", false, NULL, "id", rotation_schedule_run) \
    X(ROTATION_PLAN, HTTP_GET, "/api/v1/rotation/plan", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days org_id limit cursor", NULL, rotation_plan_get) \
    X(REVOKE_OWN,    HTTP_POST, "/api/v1/auth/revoke", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_POSSESSION, NULL, false, NULL, NULL, revoke_own_post) \
    X(EMERGENCY_POST, HTTP_POST, PATH_EMERGENCY, call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tokens:emergency", false, NULL, NULL, emergency_post) \
    X(EMERGENCY_LIST, HTTP_GET, PATH_EMERGENCY, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, NULL, NULL, emergency_list) \
    X(CLEANUP_POST,  HTTP_POST, "/api/v1/auth/cleanup", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "*", false, NULL, NULL, cleanup_post) \
    X(TIERS_LIST,    HTTP_GET, "/api/v1/tiers", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tiers:read", false, NULL, NULL, tiers_list) \
    X(TIERS_PUT,     HTTP_PUT, "/api/v1/tiers/{name}", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "tiers:write", false, NULL, "name", tiers_put) \
    X(USERS_LIST,    HTTP_GET, PATH_USERS, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "users:read", false, "status tier org_id limit cursor", NULL, users_list) \
    X(USERS_POST,    HTTP_POST, PATH_USERS, call_on_worker, HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "users:write", false, NULL, NULL, users_post) \
    X(USERS_GET,     HTTP_GET, PATH_USERS "/{id}", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "users:read", false, "org_id", "id", users_get) \
    X(USERS_PATCH,   HTTP_PATCH, PATH_USERS "/{id}", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "users:write", false, "org_id", "id", users_patch) \
    X(ORGS_LIST,     HTTP_GET, PATH_ORGS, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "orgs:read", false, "limit cursor", NULL, orgs_list) \
    X(ORGS_POST,     HTTP_POST, PATH_ORGS, call_on_worker, HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "orgs:write", false, NULL, NULL, orgs_post) \
    X(ORGS_GET,      HTTP_GET, PATH_ORGS "/{id}", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "orgs:read", false, NULL, "id", orgs_get) \
    X(ORGS_PATCH,    HTTP_PATCH, PATH_ORGS "/{id}", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "orgs:write", false, NULL, "id", orgs_patch) \
    X(ROLES_LIST,    HTTP_GET, PATH_ROLES, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "roles:read", false, "org_id limit cursor", NULL, roles_list) \
    X(ROLES_GET,     HTTP_GET, PATH_ROLES "/{name}", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "roles:read", false, "org_id", "name", roles_get) \
    X(ROLES_PUT,     HTTP_PUT, PATH_ROLES "/{name}", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "roles:write", false, "org_id", "name", roles_put) \
    X(ROLES_DELETE,  HTTP_DELETE, PATH_ROLES "/{name}", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "roles:write", false, "org_id", "name", roles_delete) \
    X(KEYS_POST,     HTTP_POST, PATH_KEYS, call_on_worker, HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_TOKEN, NULL, false, NULL, NULL, keys_post) \
    X(KEYS_LIST,     HTTP_GET, PATH_KEYS, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_TOKEN, NULL, false, "include_inactive limit cursor", NULL, keys_list) \
    X(KEYS_GET,      HTTP_GET, PATH_KEY, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_TOKEN, NULL, false, NULL, "key_id", keys_get) \
    X(KEYS_DELETE,   HTTP_DELETE, PATH_KEY, call_on_worker, HTTP_WORKER, 0, \
      ACCESS_TOKEN, NULL, false, "reason children", "key_id", keys_delete) \
    X(TOKENS_ANALYTICS, HTTP_GET, PATH_TOKEN "/analytics", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days step", "id", tokens_analytics_get) \
    X(TOKENS_BLAST, HTTP_GET, PATH_TOKEN "/blast-radius", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days", "id", tokens_blast_get) \
    X(KEYS_USAGE,    HTTP_GET, PATH_KEY "/usage", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_TOKEN, NULL, false, "days step", "key_id", keys_usage_get) \
    X(USERS_ANALYTICS, HTTP_GET, PATH_USERS "/{id}/analytics", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days step org_id", "id", users_analytics_get) \
    X(ORGS_ANALYTICS, HTTP_GET, PATH_ORGS "/{id}/analytics", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, "days step", "id", orgs_analytics_get) \
    X(CREDITS_GET,   HTTP_GET, PATH_TOKEN "/credits", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "tokens:read", false, NULL, "id", credits_get) \
    X(CREDITS_PUT,   HTTP_PUT, PATH_TOKEN "/credits", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "credits:write", false, NULL, "id", credits_put) \
    X(RESERVE,       HTTP_POST, "/api/v1/credits/reserve", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "credits:write", false, NULL, NULL, reservations_post) \
    X(SETTLE,        HTTP_POST, "/api/v1/credits/{reservation}/settle", call_on_worker, \
      HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "credits:write", false, NULL, "reservation", reservations_settle) \
    X(REFUND,        HTTP_POST, "/api/v1/credits/{reservation}/refund", call_on_worker, \
      HTTP_WORKER, HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "credits:write", false, NULL, "reservation", reservations_refund) \
    X(EVENTS_LIST,   HTTP_GET, "/api/v1/audit/events", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "audit:read", false, \
      "type org_id actor_token token_id user_id verdict client from until order limit cursor", \
      NULL, events_list) \
    X(CHAIN_GET,     HTTP_GET, "/api/v1/audit/chain", call_on_worker, HTTP_WORKER, 0, \
      ACCESS_SCOPE, "audit:read", false, NULL, NULL, audit_chain_get) \
    X(CICD_POST,     HTTP_POST, "/api/v1/audit/cicd-event", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_SCOPE, "audit:write", false, NULL, NULL, cicd_event_post) \
    X(LEAKS_GITHUB,  HTTP_POST, "/api/v1/leaks/github", call_on_worker, HTTP_WORKER, \
      HTTP_BODY_BYTES_MAX, \
      ACCESS_PUBLIC, NULL, false, NULL, NULL, leaks_github_post)
/* clang-format on */

enum {
#define ROUTE_ENUM(id, methods, path, handler, place, body, access, scope, peers, arguments,       \
                   parameter, resource)                                                            \
    ROUTE_##id,
    ROUTE_TABLE(ROUTE_ENUM) ROUTE_COUNT
};

static const struct http_route http_rows[ROUTE_COUNT] = {
#define ROUTE_HTTP(id, methods, path, handler, place, body, access, scope, peers, arguments,       \
                   parameter, resource)                                                            \
    [ROUTE_##id] = {(methods), (path), (handler), (place), (body), ROUTE_##id},
    ROUTE_TABLE(ROUTE_HTTP)};

static const struct api_route api_rows[ROUTE_COUNT] = {
#define ROUTE_API(id, methods, path, handler, place, body, access, scope, peers, arguments,        \
                  parameter, resource)                                                             \
    [ROUTE_##id] = {(access), (scope), (peers), (arguments), (parameter), (resource)},
    ROUTE_TABLE(ROUTE_API)};

const struct http_route *api_routes(size_t *ret_count)
{
    *ret_count = ROUTE_COUNT;
    return http_rows;
}

const struct api_route *api_route_by_id(int id)
{
    ASSERT(id >= 0 && id < ROUTE_COUNT);
    return &api_rows[id];
}

const char *api_route_path(int id)
{
    ASSERT(id >= 0 && id < ROUTE_COUNT);
    return http_rows[id].path;
}

const char *api_path_of(const struct api_route *route)
{
    return api_route_path((int)(route - api_rows));
}

bool api_scope_opens_route(const char *scope)
{
    bool opens = false;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const char *demanded = api_rows[i].scope;
        opens = opens || (demanded != NULL &&
                          scopes_grant(scope, strlen(scope), demanded, strlen(demanded)));
    }
    return opens;
}

/* --- local calls ---------------------------------------------------------------------------- */

/* Percent-decodes one path segment. False: not decodable, empty, or too long. */
static bool decode_segment(const char *text, size_t length, char *out, size_t size)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= length || text_unhex(text + i + 1, 2, &c) != TKR_OK || c == '\0') {
                return false;
            }
            i += 2;
        }
        if (written + 1 >= size) {
            return false;
        }
        out[written++] = c;
    }
    out[written] = '\0';
    return written > 0;
}

/* Our paths have one parameter, a whole segment. */
static bool path_matches(const struct http_route *row, const char *path, char *ret_parameter,
                         size_t parameter_size)
{
    const char *brace = strchr(row->path, '{');
    if (brace == NULL) {
        return strcmp(row->path, path) == 0;
    }
    size_t fixed = (size_t)(brace - row->path);
    if (strncmp(row->path, path, fixed) != 0) {
        return false;
    }
    size_t length = strcspn(path + fixed, "/");
    return strcmp(strchr(brace, '}') + 1, path + fixed + length) == 0 &&
           decode_segment(path + fixed, length, ret_parameter, parameter_size);
}

const struct api_route *api_route_find(enum http_method method, const char *path,
                                       char *ret_parameter, size_t parameter_size)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if ((http_rows[i].methods & method) != 0 && api_rows[i].resource != NULL &&
            path_matches(&http_rows[i], path, ret_parameter, parameter_size)) {
            return &api_rows[i];
        }
    }
    return NULL;
}
