/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/old_endpoint.h"
#include "base/text.h"
#include "daemon/audit_key.h"
#include "daemon/notifier.h"
#include "daemon/runtime_directory.h"
#include "daemon/targets_file.h"
#include "daemon/zone_files.h"
#include "deliver/deliver.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler.h"
#include "limiter/local/limiter_local.h"
#include "store/sqlite/store_sqlite.h"

#define DAY_MS 86400000LL

struct wire {
    char *runtime_directory;
    struct log *log;
    struct store_port store;
    struct authority *authority;
    struct seal_key *audit_key;
    bool audit_key_is_new;
    struct old_endpoint *old_endpoint; /* NULL: none */
    struct adopt_port adopt_port;
    char *leak_keys;
    size_t leak_keys_length;
    struct targets *targets;
    struct deliver_targets deliver_targets;
    struct deliver_port deliver_port;
    struct job_settings jobs;
    struct scheduler *scheduler;
    struct notifier *notifier;
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

/* Random, and another at each start of the machine. Zeros where the kernel does not tell. */
static void read_boot_id(uint8_t ret_id[METER_BOOT_ID_BYTES])
{
    char text[37] = "", digits[33] = "";
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : -1;
    if (file >= 0) {
        (void)close(file);
    }
    size_t count = 0;
    for (ssize_t i = 0; i < length && count < sizeof(digits) - 1; i++) {
        if (text[i] != '-') {
            digits[count++] = text[i];
        }
    }
    if (count != sizeof(digits) - 1 || text_unhex(digits, count, ret_id) != TKR_OK) {
        memset(ret_id, 0, METER_BOOT_ID_BYTES);
    }
}

static struct rotation_options rotation_of(const struct wire *wire, const struct config *config)
{
    struct rotation_options rotation = {
        .max_age_s = config->rotation_max_age_s,
        .uses = (uint64_t)config->rotation_high_use,
        .uses_age_s = config->rotation_high_use_age_s,
        .window = config->rotation_window,
        .time_zone = config->rotation_time_zone,
        .zones = zone_files(),
    };
    rotation.targets = targets_rotation(wire->targets, &rotation.target_count);
    return rotation;
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
        .one_active_per_user = config->one_active_per_user != 0,
        .prefixes = wire_prefixes(config),
        .usage_flush_ms = config->usage_flush_ms,
        .rotation_grace_ms = config->rotation_grace_s * 1000,
        .rotation_quiet_ms = config->rotation_quiet_s * 1000,
        .metering = config->usage_metering == CONFIG_ON,
        .usage_retention = {config->usage_minutes_days * DAY_MS, config->usage_hours_days * DAY_MS,
                            config->usage_days_days * DAY_MS},
        .reset_clock = options->reset_clock,
        .own_keys_max = (uint32_t)config->own_keys_max,
        .monitor.tokens_max = (uint32_t)config->monitor_tokens_max,
        .audit_key = wire->audit_key,
        .audit_key_is_new = wire->audit_key_is_new,
        .audit_successes = (enum audit_successes)config->audit_successes,
        .audit_refusals_per_second = (uint32_t)config->audit_refusals_per_second,
        .report = report,
        .report_context = wire->log,
    };
    for (size_t i = 0; i < MONITOR_KINDS; i++) {
        authority.monitor.actions[i] = (enum monitor_action)config->monitor_actions[i];
    }
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
    authority.rotation = rotation_of(wire, config);
    read_boot_id(authority.boot_id);
    notifier_options(wire->notifier, &authority);
    TRY(authority_new(&authority, &wire->authority, fault));
    notifier_attach(wire->notifier, wire->authority);
    return TKR_OK;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static tkr_error_t open_scheduler(struct wire *wire, const struct wire_options *options,
                                  struct fault *fault)
{
    const struct config *config = options->config;
    size_t targets = 0;
    wire->deliver_targets.list = targets_list(wire->targets, &targets);
    wire->deliver_targets.count = targets;
    wire->deliver_port = deliver_port_of(&wire->deliver_targets);
    wire->jobs = (struct job_settings){
        .deliver = targets > 0 ? &wire->deliver_port : NULL,
        .cleanup_after_ms = config->cleanup_after_days * DAY_MS,
        .data = config->data,
        .runtime = wire->runtime_directory,
        .tls_certificate = config->tls_certificate,
        .audit_keep_ms = config->audit_keep_days * DAY_MS,
        .audit_archive_directory =
            config->audit_keep_days > 0 &&
                    strcmp(config->audit_archive_directory, CONFIG_NO_ARCHIVE) != 0
                ? config->audit_archive_directory
                : NULL,
        .audit_public_key = seal_key_public(wire->audit_key),
        .expiry_count = config->monitor_expiry_count,
        .unused_days = config->monitor_unused_days,
    };
    memcpy(wire->jobs.expiry_days, config->monitor_expiry_days, sizeof(wire->jobs.expiry_days));
    const struct scheduler_options scheduler = {
        .authority = wire->authority,
        .store = &wire->store,
        .clock = options->clock,
        .random = random_system(),
        .settings = &wire->jobs,
        .handlers = job_handlers,
        .handler_count = job_handler_count,
        .has_thread = options->serves,
        .report = report,
        .report_context = wire->log,
    };
    return scheduler_new(&scheduler, &wire->scheduler, fault);
}

tkr_error_t wire_start_jobs(struct wire *wire)
{
    return scheduler_start(wire->scheduler);
}

tkr_error_t wire_stop_jobs(struct wire *wire)
{
    return scheduler_stop(wire->scheduler);
}

/* --- notifications --------------------------------------------------------------------------- */

tkr_error_t wire_start_notifying(struct wire *wire)
{
    return notifier_start(wire->notifier);
}

void wire_stop_notifying(struct wire *wire)
{
    notifier_stop(wire->notifier);
}

/* --- the old endpoint ---------------------------------------------------------------------- */

static tkr_error_t ask_old_endpoint(void *context, const char *token, size_t length,
                                    int64_t timeout_ms, bool (*cancelled)(void *of), void *of,
                                    struct adopt_answer *ret_answer, struct fault *fault)
{
    return old_endpoint_ask(context, token, length, timeout_ms, cancelled, of, ret_answer, fault);
}

static tkr_error_t read_statuses(const char *key, const char *text,
                                 struct adopt_statuses *ret_statuses, struct fault *fault)
{
    tkr_error_t error = adopt_statuses_parse(text, ret_statuses);
    return error == TKR_OK ? TKR_OK
                           : fault_set(fault, TKR_INVALID, key,
                                       "%s: must be 1 to %d statuses of 200 to 599, with commas",
                                       key, ADOPT_STATUSES_MAX);
}

static tkr_error_t check_header(const struct config *config, struct fault *fault)
{
    bool fine = text_is_visible_ascii(config->adopt_header, strlen(config->adopt_header)) &&
                strchr(config->adopt_header, ':') == NULL &&
                (config->adopt_scheme[0] == '\0' ||
                 text_is_visible_ascii(config->adopt_scheme, strlen(config->adopt_scheme)));
    return fine ? TKR_OK
                : fault_set(fault, TKR_INVALID, "adopt.header",
                            "adopt.header, adopt.scheme: must be one word of ASCII");
}

static tkr_error_t open_old_endpoint(struct wire *wire, const struct config *config,
                                     struct fault *fault)
{
    struct old_endpoint_options options = {
        .url = config->adopt_url,
        .header = config->adopt_header,
        .scheme = config->adopt_scheme,
        .ca_file = config->adopt_ca_file,
        .members = {.user = config->adopt_user_member,
                    .name = config->adopt_name_member,
                    .tier = config->adopt_tier_member,
                    .scopes = config->adopt_scopes_member,
                    .expires = config->adopt_expires_member},
        .in_flight = (unsigned)config->adopt_in_flight,
    };
    TRY(check_header(config, fault));
    TRY(read_statuses("adopt.accept", config->adopt_accept, &options.accepted, fault));
    TRY(read_statuses("adopt.refuse", config->adopt_refuse, &options.refused, fault));
    TRY(old_endpoint_new(&options, &wire->old_endpoint, fault));
    if (old_endpoint_exposes(config->adopt_url)) {
        report(wire->log, LOG_WARNING, "tokens_in_clear",
               "adopt.url is http to another host: whoever sees the network sees tokens");
    }
    wire->adopt_port = (struct adopt_port){ask_old_endpoint, wire->old_endpoint};
    return TKR_OK;
}

static struct api_adoption adoption_of(const struct wire *wire, const struct config *config)
{
    static_assert((int)TOKEN_KIND_USER == 0 && (int)TOKEN_KIND_SERVICE == 1, "adopt.kind so");
    return (struct api_adoption){
        .port = wire->old_endpoint != NULL ? &wire->adopt_port : NULL,
        .in_flight = (unsigned)config->adopt_in_flight,
        .timeout_ms = config->adopt_timeout_ms,
        .refused_ms = config->adopt_refused_s * 1000,
        .per_second = (uint32_t)config->adopt_per_second,
        .refused_entries = (uint32_t)config->adopt_refused_tokens,
        .org_id = config->adopt_org,
        .tier = config->adopt_tier,
        .user_id = config->adopt_user,
        .kind = (enum token_kind)config->adopt_kind,
    };
}

/* --- reports of leaks ----------------------------------------------------------------------- */

static void close_file(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

static tkr_error_t read_leak_keys(const char *path, char **ret_document, size_t *ret_length,
                                  struct fault *fault)
{
    FILE *file CLEANUP(close_file) = fopen(path, "re");
    if (file == NULL) {
        return fault_set(fault, TKR_NOT_FOUND, "leaks.github_keys", "leaks.github_keys: %s: %s",
                         path, strerror(errno));
    }
    char *document = malloc(LEAK_KEYS_BYTES_MAX + 1); /* one more is found to be too large */
    ENSURE(document != NULL, TKR_MEMORY);
    *ret_length = fread(document, 1, LEAK_KEYS_BYTES_MAX + 1, file);
    *ret_document = document;
    return ferror(file) ? fault_set(fault, TKR_IO, "leaks.github_keys",
                                    "leaks.github_keys: %s: cannot be read", path)
                        : TKR_OK;
}

static tkr_error_t open_api(struct wire *wire, const struct wire_options *options,
                            struct fault *fault)
{
    const struct config *config = options->config;
    if (options->serves && config->adopt_url[0] != '\0') {
        TRY(open_old_endpoint(wire, config, fault));
    }
    if (options->serves && config->leaks_github_keys[0] != '\0') {
        TRY(read_leak_keys(config->leaks_github_keys, &wire->leak_keys, &wire->leak_keys_length,
                           fault));
    }
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
        .attempt_header = config->attempt_header,
        .trials = config->auth_trials != 0,
        .socket_admin_uid = geteuid(),
        .self_service = config->self_service != 0,
        .adoption = adoption_of(wire, config),
        .leaks = {wire->leak_keys, wire->leak_keys_length, config->leaks_revoke != 0},
        .scheduler = wire->scheduler,
        .notify = notifier_api(wire->notifier),
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
    TRY(audit_key_open(config->audit_key_file, random_system(), &wire->audit_key,
                       &wire->audit_key_is_new, fault));
    TRY(notifier_new(config, options->clock, options->log, &wire->notifier, fault));
    TRY(targets_read(config->rotation_targets_file, NULL, NULL, &wire->targets, fault));
    TRY(open_authority(wire, options, fault));
    if (wire->audit_key_is_new) {
        TRY(audit_key_keep(config->audit_key_file, fault));
    }
    data_link(config->data, DATA_LINK_RUNTIME, wire->runtime_directory);
    TRY(open_scheduler(wire, options, fault));
    TRY(open_api(wire, options, fault));
    *ret_wire = wire;
    wire = NULL;
    return TKR_OK;
}

tkr_error_t wire_open_store_to_read(const char *data, struct store_port *ret_store,
                                    struct fault *fault)
{
    struct store_sqlite_options store = {
        .directory = data, .read_only = true, .clock = clock_system(), .random = random_system()};
    return store_sqlite_open(&store, ret_store, fault);
}

tkr_error_t wire_look_at_store(const char *data, int64_t check_bytes_max,
                               struct store_look *ret_look, struct fault *fault)
{
    return store_sqlite_look(data, check_bytes_max, ret_look, fault);
}

void wire_close_store(struct store_port *store)
{
    store_sqlite_close(store);
}

void wire_close(struct wire *wire)
{
    if (wire == NULL) {
        return;
    }
    api_free(wire->api);
    old_endpoint_free(wire->old_endpoint);
    scheduler_free(wire->scheduler);
    notifier_stop(wire->notifier);
    authority_free(wire->authority);
    notifier_free(wire->notifier);
    targets_free(wire->targets);
    store_sqlite_close(&wire->store);
    seal_key_free(wire->audit_key);
    free(wire->runtime_directory);
    free(wire->leak_keys);
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
