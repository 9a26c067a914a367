/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/secret.h"
#include "daemon/activation.h"
#include "daemon/environment_tokens.h"
#include "daemon/log_file.h"
#include "daemon/privilege.h"
#include "daemon/runtime_directory.h"
#include "daemon/watch.h"
#include "daemon/wire.h"
#include "http/server.h"

/* Beside connections: our own files, and connections that are accepted to be refused. */
#define FILES_SPARE (DAEMON_FILES_SPARE + HTTP_ACCEPT_BATCH_MAX + HTTP_CONNECTIONS_LOCAL)

static_assert((int)LOG_DEBUG == 0 && (int)LOG_ERROR == 3, "log.level lists them in this order");
static_assert((int)WINDOW_FIXED == 0 && (int)WINDOW_SLIDING == 1, "limits.* lists them so");
static_assert((int)ON_EXCEED_CLAMP == 0, "lifetime.on_exceed lists them so");
static_assert((int)SHARED_ACCEPT == 0 && (int)SHARED_REFUSE == 2, "migration.shared_token too");

static void free_log(struct log **log)
{
    log_free(*log);
}

static tkr_error_t open_log(const struct config *config, int fd, struct log **ret_log)
{
    bool text = config->log_format == CONFIG_LOG_TEXT ||
                (config->log_format == CONFIG_LOG_AUTO && isatty(fd));
    return log_new(fd, text ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON, (enum log_level)config->log_level,
                   clock_system(), ret_log);
}

/* --- before anything is opened ------------------------------------------------------------ */

/* Fewer files than connections: serve as many as there is room for, and say so. */
static tkr_error_t fit_connections(struct config *config, struct log *log, struct fault *fault)
{
    uint64_t limit = 0, least = DAEMON_CONNECTIONS_LEAST + FILES_SPARE;
    if (privilege_raise_files((uint64_t)config->connections + FILES_SPARE, &limit) == TKR_OK) {
        return TKR_OK;
    }
    if (limit < least) {
        return fault_set(fault, TKR_CAPACITY, "server.connections",
                         "only %llu files may be open at once (ulimit -n); %llu are the least",
                         (unsigned long long)limit, (unsigned long long)least);
    }
    int64_t possible = (int64_t)(limit - FILES_SPARE);
    log_event(log, LOG_WARNING, "connections_reduced",
              LOG_TEXT("detail", "the limit of open files is too low for server.connections"),
              LOG_INT("configured", config->connections), LOG_INT("connections", possible),
              LOG_INT("open_files", (int64_t)limit));
    config->connections = possible;
    return TKR_OK;
}

static void warn_exposed(const struct config *config, struct log *log)
{
    if (config_is_exposed(config)) {
        log_event(log, LOG_WARNING, "tokens_in_clear",
                  LOG_TEXT("detail", "other hosts can connect without TLS: whoever sees the "
                                     "network sees tokens; set server.tls_certificate"),
                  LOG_TEXT("listen", config->listen));
    }
}

/* --- tokens in the environment ------------------------------------------------------------ */

static void tell_of_token(void *context, enum log_level level, const char *text)
{
    log_event(context, level, "environment_token", LOG_TEXT("detail", text));
}

/* Before anything else: from then on they are nowhere in this process. */
static tkr_error_t take_environment(const struct daemon_options *options, struct log *log,
                                    struct environment_tokens *ret_tokens, struct fault *fault)
{
    struct token_prefixes prefixes = wire_prefixes(options->config);
    tkr_error_t error = environment_tokens_read(options->environment, &prefixes,
                                                (enum shared_phase)options->config->shared_token,
                                                tell_of_token, log, ret_tokens, fault);
    environment_tokens_wipe(options->environment);
    return error;
}

static tkr_error_t sync_environment(const struct config *config, struct wire *wire,
                                    const struct environment_tokens *tokens, struct fault *fault)
{
    struct environment_sync sync = {
        .tokens = tokens->tokens,
        .count = tokens->count,
        .org_id = API_ORG_DEFAULT,
        .tier = config->environment_tier[0] != '\0' ? config->environment_tier : NULL,
    };
    return authority_sync_environment(wire_authority(wire), &sync, fault);
}

/* --- HTTP --------------------------------------------------------------------------------- */

static tkr_error_t open_server(const struct config *config, struct wire *wire, struct log *log,
                               const struct activation *passed, struct http_server **ret_server,
                               struct fault *fault)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct http_options options = {
        .listen = config->listen,
        .socket_path = config_has_socket(config) ? config->socket : "",
        .socket_mode = (unsigned)config->socket_mode,
        .passed_tcp = passed->tcp,
        .passed_local = passed->local,
        .tls_certificate = config->tls_certificate,
        .tls_key = config->tls_key,
        .event_threads = (unsigned)config->event_threads,
        .worker_threads = (unsigned)config->worker_threads,
        .connections_max = (unsigned)config->connections,
        .connections_per_address_max = (unsigned)config->connections_per_address,
        .idle_s = (unsigned)config->idle_s,
        .request_s = (unsigned)config->request_s,
        .access_log = config->log_level == LOG_DEBUG,
        .context = wire_api(wire),
        .clock = clock_system(),
        .log = log,
        .server_name = "",
    };
    if (options.event_threads == 0) {
        options.event_threads = processors > 0 ? (unsigned)processors : 1;
    }
    options.routes = api_routes(&options.route_count);
    TRY(http_server_new(&options, ret_server, fault));
    api_set_server(wire_api(wire), *ret_server);
    return TKR_OK;
}

/* The configured address, with the port that the system chose for `:0`. */
static const char *address_of(const struct config *config, const struct http_server *server,
                              char *out, size_t size)
{
    if (config->listen[0] == '\0') {
        return "";
    }
    const char *colon = strrchr(config->listen, ':');
    snprintf(out, size, "%s://%.*s:%u", config->tls_certificate[0] != '\0' ? "https" : "http",
             (int)(colon - config->listen), config->listen, http_server_port(server));
    return out;
}

/* A page of a file on a disk may have to be read back, and then a verification waits. */
static void warn_slow_segment(const char *directory, struct log *log)
{
    struct statfs status;
    bool in_memory = statfs(directory, &status) != 0 || status.f_type == TMPFS_MAGIC ||
                     status.f_type == RAMFS_MAGIC || status.f_type == HUGETLBFS_MAGIC;
    if (!in_memory) {
        log_event(log, LOG_WARNING, "segment_on_disk",
                  LOG_TEXT("detail", "the runtime directory is not on a tmpfs: verifications may "
                                     "wait for the disk; see server.runtime_directory"),
                  LOG_TEXT("runtime", directory));
    }
}

static void free_text(char **text)
{
    free(*text);
}

/* So that a command on this data directory finds us, wherever the socket is. */
static void link_socket(const struct config *config, const struct activation *passed)
{
    CLEANUP(free_text) char *path = NULL;
    if (passed->local > 0 ? passed->path[0] != '\0' : config_has_socket(config)) {
        path = realpath(passed->local > 0 ? passed->path : config->socket, NULL);
    }
    data_link(config->data, DATA_LINK_SOCKET, path);
}

static void announce(const struct config *config, struct wire *wire,
                     const struct http_server *server, struct log *log)
{
    struct authority_status status;
    char address[160];
    authority_status(wire_authority(wire), &status);
    log_event(log, LOG_INFO, "ready",
              LOG_TEXT("listen", address_of(config, server, address, sizeof(address))),
              LOG_TEXT("socket", config_has_socket(config) ? config->socket : ""),
              LOG_TEXT("runtime", wire_runtime_directory(wire)),
              LOG_INT("tokens", status.segment.tokens),
              LOG_TEXT("segment", status.attached ? "attached" : "built"),
              LOG_INT("load_ms", status.load_ms));
}

/* --- its life ---------------------------------------------------------------------------- */

/* What the service manager passed is where we listen, whatever is configured. */
static tkr_error_t take_sockets(const struct daemon_options *options, struct activation *ret_passed,
                                struct fault *fault)
{
    TRY(activation_take(options->environment, ret_passed, fault));
    return ret_passed->listen[0] != '\0' ? config_set(options->config, "server.listen",
                                                      ret_passed->listen, "LISTEN_FDS", fault)
                                         : TKR_OK;
}

static void free_server(struct http_server **server)
{
    http_server_free(*server);
}

/* A job that does not stop uses what would be freed now. What is answered is durable, and counts
 * are in the segment: it is left as kill -9 leaves it. */
static void stop_jobs(struct wire *wire, struct log *log)
{
    if (wire_stop_jobs(wire) != TKR_OK) {
        log_event(log, LOG_ERROR, "stopped_hard", LOG_TEXT("detail", "a job did not stop"));
        _exit(EXIT_FAILURE);
    }
}

static tkr_error_t serve(const struct daemon_options *options, struct log *log,
                         struct log_file *log_file, const struct environment_tokens *tokens,
                         struct fault *fault)
{
    const struct config *config = options->config;
    struct wire_options wiring = {
        .config = config,
        .environment = options->environment,
        .clock = clock_system(),
        .log = log,
        .serves = true,
        .create = true,
        .reset_clock = options->reset_clock,
    };
    struct wire *wire CLEANUP(wire_close_p) = NULL;
    struct http_server *server CLEANUP(free_server) = NULL; /* goes before the wire */
    struct activation passed;
    TRY(take_sockets(options, &passed, fault));
    warn_exposed(config, log);
    watch_notify(options->environment, "STATUS=loading");
    TRY(wire_open(&wiring, &wire, fault));
    TRY(sync_environment(config, wire, tokens, fault));
    warn_slow_segment(wire_runtime_directory(wire), log);
    TRY(open_server(config, wire, log, &passed, &server, fault));
    TRY(wire_start_notifying(wire));
    TRY(wire_start_jobs(wire));
    link_socket(config, &passed);
    announce(config, wire, server, log);
    const struct watch watch = {options->environment, wire_authority(wire), server, log_file, log};
    const char *why = watch_until_stop(&watch);
    log_event(log, LOG_INFO, "stopping", LOG_TEXT("signal", why));
    watch_notify(options->environment, "STOPPING=1\nSTATUS=answering what is in flight");
    api_stop_waiting(wire_api(wire));
    wire_stop_notifying(wire);
    http_server_stop(server, config->stop_grace_s * 1000);
    stop_jobs(wire, log);
    return TKR_OK;
}

tkr_error_t daemon_run(const struct daemon_options *options, struct fault *fault)
{
    const struct config *config = options->config;
    struct log_file log_file CLEANUP(log_file_close) = {0};
    struct log *log CLEANUP(free_log) = NULL;
    struct environment_tokens tokens CLEANUP(environment_tokens_free) = {0};
    TRY(log_file_open(&log_file, config->log_file, config->user, fault));
    TRY(open_log(config, log_file.fd, &log));
    TRY(take_environment(options, log, &tokens, fault));
    log_event(log, LOG_INFO, "starting", LOG_TEXT("version", TOKENRY_VERSION),
              LOG_INT("pid", getpid()), LOG_TEXT("data", config->data));
    watch_take_signals();
    umask(077);
    TRY(privilege_become(config->user, fault));
    secret_harden_process(); /* after the change of user, which resets it */
    TRY(fit_connections(options->config, log, fault));
    TRY(serve(options, log, &log_file, &tokens, fault));
    log_event(log, LOG_INFO, "stopped");
    return TKR_OK;
}
