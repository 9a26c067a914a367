/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all routes; api_routes() of api.h shows it to the HTTP layer. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/call.h"

/* Our part of the row that has this http_route id. */
const struct api_route *api_route_by_id(int id);
/* Its path, a literal, with {…} as it stands there. */
const char *api_route_path(int id);
/* The same of a row. */
const char *api_path_of(const struct api_route *route);
/* Whether a token with this one scope may call a route that demands one. */
bool api_scope_opens_route(const char *scope);
/* For local calls: finds the row of a method and path; `ret_parameter` gets what stands for
 * {…}, percent-decoded. NULL: no such row, or not one for local calls. */
const struct api_route *api_route_find(enum http_method method, const char *path,
                                       char *ret_parameter, size_t parameter_size);

/* --- the resources, one file each --------------------------------------------------------- */
void auth_handle(void *context, struct http_exchange *exchange); /* an http_handler */
void verify_post(struct api_call *call);
void verify_batch_post(struct api_call *call);
void me_get(struct api_call *call);
void auth_health_get(struct api_call *call);
void system_health_get(struct api_call *call);
void system_status_get(struct api_call *call);
void metrics_get(struct api_call *call);
void tokens_post(struct api_call *call);
void tokens_list(struct api_call *call);
void tokens_get(struct api_call *call);
void tokens_patch(struct api_call *call);
void tokens_delete(struct api_call *call);
void tokens_rotate(struct api_call *call);
void tokens_rollback(struct api_call *call);
void tokens_disable(struct api_call *call);
void tokens_quarantine(struct api_call *call);
void tokens_restore(struct api_call *call);
void revoke_own_post(struct api_call *call);
void emergency_post(struct api_call *call);
void emergency_list(struct api_call *call);
void cleanup_post(struct api_call *call);
void tokens_import_post(struct api_call *call);
void tokens_export_get(struct api_call *call);
void credits_get(struct api_call *call);
void credits_put(struct api_call *call);
void reservations_post(struct api_call *call);
void reservations_settle(struct api_call *call);
void reservations_refund(struct api_call *call);
void tiers_list(struct api_call *call);
void tiers_put(struct api_call *call);
void users_list(struct api_call *call);
void users_post(struct api_call *call);
void users_get(struct api_call *call);
void users_patch(struct api_call *call);
void orgs_list(struct api_call *call);
void orgs_post(struct api_call *call);
void orgs_get(struct api_call *call);
void orgs_patch(struct api_call *call);
void roles_list(struct api_call *call);
void roles_get(struct api_call *call);
void roles_put(struct api_call *call);
void roles_delete(struct api_call *call);
void keys_post(struct api_call *call);
void keys_list(struct api_call *call);
void keys_get(struct api_call *call);
void keys_delete(struct api_call *call);
void tokens_analytics_get(struct api_call *call);
void tokens_blast_get(struct api_call *call);
void keys_usage_get(struct api_call *call);
void users_analytics_get(struct api_call *call);
void orgs_analytics_get(struct api_call *call);
void events_list(struct api_call *call);
void audit_chain_get(struct api_call *call);
void cicd_event_post(struct api_call *call);
void leaks_github_post(struct api_call *call);
void jobs_list(struct api_call *call);
void jobs_run(struct api_call *call);
void monitor_get(struct api_call *call);
void notify_channels_list(struct api_call *call);
void notify_channels_test(struct api_call *call);
void notify_dead_list(struct api_call *call);
void notify_dead_retry(struct api_call *call);
void notify_dead_drop(struct api_call *call);
void rotation_schedule_get(struct api_call *call);
void rotation_schedule_put(struct api_call *call);
void rotation_schedule_delete(struct api_call *call);
void rotation_schedule_run(struct api_call *call);
void rotation_plan_get(struct api_call *call);

#endif
