/* SPDX-License-Identifier: Apache-2.0 */
#include "api/evidence.h"

#include <string.h>

#include "api/routes.h"

/* Where a call was for who has no path: the command line on its own data directory. */
#define LOCAL_ENDPOINT "local"

static bool begin(struct api *api, const struct verify_request *request,
                  const struct verify_result *result, char ret_client[IP_TEXT_SIZE])
{
    if (request->dry_run) {
        return false;
    }
    const char *text = ip_format(&request->client, ret_client);
    return authority_try_begin(api->options.authority, result->token_id, result->honeytoken, text,
                               strlen(text));
}

void evidence_of_exchange(struct api *api, struct http_exchange *exchange, const char *endpoint,
                          const struct verify_request *request, const struct verify_result *result)
{
    char client[IP_TEXT_SIZE];
    if (!begin(api, request, result, client)) {
        return;
    }
    struct token_try tried = {
        .token_id = result->token_id,
        .honeytoken = result->honeytoken,
        .verdict = tkr_verdict_name(result->verdict),
        .client = client,
        .user_agent = call_user_agent(exchange, &api->options.prefixes, request->token,
                                      request->token_length),
        .request_id = http_request_id(exchange),
        .endpoint = endpoint,
        .asked_by = "",
    };
    authority_try_note(api->options.authority, &tried);
}

/* The caller's, without a word of the token that it asks about. */
static const char *user_agent(const struct api_call *call, const struct verify_request *request)
{
    const char *known = call->principal.user_agent;
    if (call->exchange == NULL || known == NULL || known[0] == '\0') {
        return "";
    }
    return call_user_agent(call->exchange, &call->api->options.prefixes, request->token,
                           request->token_length);
}

void evidence_of_call(struct api_call *call, const struct verify_request *request,
                      const struct verify_result *result)
{
    struct api *api = call->api;
    char client[IP_TEXT_SIZE];
    if (!begin(api, request, result, client)) {
        return;
    }
    const char *endpoint = LOCAL_ENDPOINT;
    if (call->exchange != NULL) {
        endpoint = api_route_path(http_route_id(call->exchange));
    }
    struct token_try tried = {
        .token_id = result->token_id,
        .honeytoken = result->honeytoken,
        .verdict = tkr_verdict_name(result->verdict),
        .client = client,
        .user_agent = user_agent(call, request),
        .request_id = call->principal.request_id != NULL ? call->principal.request_id : "",
        .endpoint = endpoint,
        .asked_by = call->principal.token_id != NULL ? call->principal.token_id : "",
    };
    authority_try_note(api->options.authority, &tried);
}
