/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/adoption.h"
#include "api/call.h"
#include "api/json_input.h"
#include "api/leak_report.h"
#include "api/status.h"
#include "base/text.h"

/*
 * The challenges, made once: an unauthenticated flood costs no formatting. `error_description`
 * says what is wrong with the token, because behind nginx WWW-Authenticate is all that
 * reaches the client; who can name a revoked token has held it. RFC 6750 §3: the
 * description has no `"` and no `\`.
 */
static char *challenge(const char *realm, const char *error, const char *description)
{
    char *text = NULL;
    int length =
        error == NULL
            ? asprintf(&text, "Bearer realm=\"%s\"", realm)
            : asprintf(&text, "Bearer realm=\"%s\", error=\"%s\", error_description=\"%s\"", realm,
                       error, description);
    return length >= 0 ? text : NULL;
}

static tkr_error_t make_challenges(struct api *api)
{
    const char *realm = api->options.realm;
    api->challenge_bare = challenge(realm, NULL, NULL);
    api->challenge_conflict =
        challenge(realm, "invalid_request", "the request carries two different tokens");
    bool complete = api->challenge_bare != NULL && api->challenge_conflict != NULL;
    for (tkr_verdict_t i = 0; i < TKR_VERDICT_COUNT; i++) {
        const char *error = status_of_verdict(i).bearer_error;
        if (error != NULL) {
            api->challenges[i] = challenge(realm, error, tkr_verdict_text(i));
            complete = complete && api->challenges[i] != NULL;
        }
    }
    return complete ? TKR_OK : TKR_MEMORY;
}

static bool realm_is_safe(const char *realm)
{
    for (; *realm != '\0'; realm++) {
        if (*realm < 0x20 || *realm > 0x7e || *realm == '"' || *realm == '\\') {
            return false;
        }
    }
    return true;
}

static tkr_error_t prepare_attempts(struct api *api, struct fault *fault)
{
    const char *header = api->options.attempt_header;
    if (header == NULL || header[0] == '\0') {
        return TKR_OK;
    }
    api->attempt_header_length = strlen(header);
    if (api->attempt_header_length > CREDENTIAL_NAME_BYTES_MAX || !header_name_valid(header)) {
        return fault_set(fault, TKR_INVALID, "attempt_header", "is not the name of a header");
    }
    return attempts_new(&api->attempts);
}

static tkr_error_t prepare(struct api *api, struct fault *fault)
{
    const struct api_options *options = &api->options;
    if (!realm_is_safe(options->realm)) {
        return fault_set(fault, TKR_INVALID, "realm", "must be ASCII without quotes");
    }
    TRY(credential_sources_init(&api->sources, options->sources, options->source_count, fault));
    TRY(client_trust_init(&api->trust, options->trusted_proxies, options->trusted_proxy_count));
    TRY(make_challenges(api));
    TRY(prepare_attempts(api, fault));
    struct verifier_options verifier = {
        .directory = options->runtime_directory,
        .clock = options->clock,
        .stale_s = options->stale_s,
        .limiter = options->limiter,
    };
    api->meter = authority_meter(options->authority);
    return api_threads_new(&verifier, api->meter, &api->threads);
}

tkr_error_t api_new(const struct api_options *options, struct api **ret_api, struct fault *fault)
{
    json_input_prepare();
    struct api *api = calloc(1, sizeof *api);
    ENSURE(api != NULL, TKR_MEMORY);
    api->options = *options;
    log_budget_init(&api->denied, LOG_DENIED_PER_SECOND);
    log_budget_init(&api->leak_reports, LEAK_REPORTS_PER_SECOND);
    tkr_error_t error = prepare(api, fault);
    if (error == TKR_OK && options->adoption.port != NULL) {
        error = adoption_new(api, &options->adoption, &api->adoption);
    }
    if (error == TKR_OK && options->leaks.github_keys != NULL) {
        error = leak_keys_read(options->leaks.github_keys, options->leaks.github_keys_length,
                               &api->leak_keys, fault);
    }
    if (error != TKR_OK) {
        api_free(api);
        return error;
    }
    *ret_api = api;
    return TKR_OK;
}

void api_free(struct api *api)
{
    if (api == NULL) {
        return;
    }
    adoption_free(api->adoption);
    access_log_rest(api);
    log_budget_deinit(&api->denied);
    log_budget_deinit(&api->leak_reports);
    leak_keys_free(api->leak_keys);
    api_threads_free(api->threads);
    client_trust_deinit(&api->trust);
    attempts_free(api->attempts);
    free(api->challenge_bare);
    free(api->challenge_conflict);
    for (size_t i = 0; i < TKR_VERDICT_COUNT; i++) {
        free(api->challenges[i]);
    }
    free(api);
}

void api_stop_waiting(struct api *api)
{
    if (api->adoption != NULL) {
        adoption_stop(api->adoption);
    }
}

void api_set_server(struct api *api, struct http_server *server)
{
    atomic_store_explicit(&api->server, server, memory_order_release);
}
