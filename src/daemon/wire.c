/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/runtime_directory.h"
#include "limiter/local/limiter_local.h"
#include "store/sqlite/store_sqlite.h"

struct wire {
    char *runtime_directory;
    struct log *log;
    struct store_port store;
    struct authority *authority;
    struct api *api;
};

static void report(void *context, enum log_level level, const char *event, const char *detail)
{
    struct log *log = context;
    log_event(log, level, event, LOG_TEXT("detail", detail));
}

struct token_prefixes wire_prefixes(const struct config *config)
{
    struct token_prefixes prefixes = {0};
    memcpy(prefixes.live, config->prefix_live, strlen(config->prefix_live)); /* checked: fits */
    memcpy(prefixes.test, config->prefix_test, strlen(config->prefix_test));
    return prefixes;
}

static tkr_error_t open_authority(struct wire *wire, const struct wire_options *options,
                                  struct fault *fault)
{
    const struct config *config = options->config;
    struct authority_options authority = {
        .store = &wire->store,
        .runtime_directory = wire->runtime_directory,
        .clock = options->clock,
        .random = random_system(),
        .prefixes = prefixes_of(config),
        .one_active_per_user = config->one_active_per_user != 0,
        .prefixes = wire_prefixes(config),
        .usage_flush_ms = config->usage_flush_ms,
        .rotation_grace_ms = config->rotation_grace_s * 1000,
        .rotation_quiet_ms = config->rotation_quiet_s * 1000,
        .cleanup_after_ms = config->cleanup_after_days * INT64_C(86400000),
        .reset_clock = options->reset_clock,
        .own_keys_max = (uint32_t)config->own_keys_max,
        .report = report,
        .report_context = wire->log,
    };
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        authority.window_kinds[i] = (enum window_kind)config->window_kinds[i];
    }
    for (size_t i = 0; i < sizeof(authority.lifetimes) / sizeof(authority.lifetimes[0]); i++) {
        authority.lifetimes[i] = (struct lifetime_policy){
            .default_s = config->lifetime_default_s[i],
            .max_s = config->lifetime_max_s[i],
            .on_exceed = (enum on_exceed)config->lifetime_on_exceed,
        };
    }
    return authority_new(&authority, &wire->authority, fault);
}

static tkr_error_t open_api(struct wire *wire, const struct wire_options *options,
                            struct fault *fault)
{
    const struct config *config = options->config;
    struct api_options api = {
        .authority = wire->authority,
        .runtime_directory = wire->runtime_directory,
        .clock = options->clock,
        .limiter = &limiter_local,
        .stale_s = config->stale_s,
        .prefixes = wire_prefixes(config),
        .trusted_proxies = config->trusted_proxies,
        .trusted_proxy_count = config->trusted_proxy_count,
        .realm = config->realm,
        .socket_admin_uid = geteuid(),
        .self_service = config->self_service != 0,
        .log = wire->log,
        .version = TOKENRY_VERSION,
    };
    static_assert(CONFIG_SOURCES_MAX == API_CREDENTIAL_SOURCES_MAX, "the table's range");
    for (size_t i = 0; i < config->credential_source_count; i++) {
        api.sources[i].header = config->credential_sources[i].header;
        api.sources[i].scheme = config->credential_sources[i].scheme;
    }
    api.source_count = config->credential_source_count;
    return api_new(&api, &wire->api, fault);
}

static tkr_error_t open_data(struct wire *wire, const struct wire_options *options,
                             struct fault *fault)
{
    const struct config *config = options->config;
    if (!options->create && access(config->data, F_OK) != 0) {
        return fault_set(fault, errno == EACCES ? TKR_FORBIDDEN : TKR_NOT_FOUND, "server.data",
                         "data directory: %s: %s", config->data, strerror(errno));
    }
    TRY(private_directory(config->data, true, "data directory", fault));
    struct store_sqlite_options store = {.directory = config->data,
                                         .must_exist = !options->create,
                                         .clock = options->clock,
                                         .random = random_system()};
    return store_sqlite_open(&store, &wire->store, fault);
}

tkr_error_t wire_open(const struct wire_options *options, struct wire **ret_wire,
                      struct fault *fault)
{
    struct wire *wire CLEANUP(wire_close_p) = calloc(1, sizeof(*wire));
    ENSURE(wire != NULL, TKR_MEMORY);
    wire->log = options->log;
    const struct config *config = options->config;
    TRY(open_data(wire, options, fault)); /* first: whoever is refused here leaves no trace */
    TRY(runtime_directory_open(config->runtime_directory, config->data, options->environment,
                               options->follow_link, &wire->runtime_directory, fault));
    TRY(open_authority(wire, options, fault));
    data_link(config->data, DATA_LINK_RUNTIME, wire->runtime_directory);
    TRY(open_api(wire, options, fault));
    *ret_wire = wire;
    wire = NULL;
    return TKR_OK;
}

void wire_close(struct wire *wire)
{
    if (wire == NULL) {
        return;
    }
    api_free(wire->api);
    authority_free(wire->authority);
    store_sqlite_close(&wire->store);
    free(wire->runtime_directory);
    free(wire);
}

void wire_close_p(struct wire **wire)
{
    wire_close(*wire);
}

struct api *wire_api(struct wire *wire)
{
    return wire->api;
}

struct authority *wire_authority(struct wire *wire)
{
    return wire->authority;
}

const char *wire_runtime_directory(const struct wire *wire)
{
    return wire->runtime_directory;
}

const struct limiter_port *wire_limiter(void)
{
    return &limiter_local;
}
