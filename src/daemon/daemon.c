/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/secret.h"
#include "daemon/environment_tokens.h"
#include "daemon/privilege.h"
#include "daemon/runtime_directory.h"
#include "daemon/service_notify.h"
#include "daemon/wire.h"
#include "http/server.h"

/* Beside connections: our own files, and connections that are accepted to be refused. */
#define FILES_SPARE (DAEMON_FILES_SPARE + HTTP_ACCEPT_BATCH_MAX + HTTP_CONNECTIONS_LOCAL)

static_assert((int)LOG_DEBUG == 0 && (int)LOG_ERROR == 3, "log.level lists them in this order");
static_assert((int)WINDOW_FIXED == 0 && (int)WINDOW_SLIDING == 1, "limits.* lists them so");
static_assert((int)ON_EXCEED_CLAMP == 0, "lifetime.on_exceed lists them so");
static_assert((int)SHARED_ACCEPT == 0 && (int)SHARED_REFUSE == 2, "migration.shared_token too");

static const char *environment_value(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            return environment[i] + length + 1;
        }
    }
    return NULL;
}

static void free_log(struct log **log)
{
    log_free(*log);
}

static tkr_error_t open_log(const struct config *config, struct log **ret_log)
{
    bool text = config->log_format == CONFIG_LOG_TEXT ||
                (config->log_format == CONFIG_LOG_AUTO && isatty(STDERR_FILENO));
    return log_new(STDERR_FILENO, text ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON,
                   (enum log_level)config->log_level, clock_system(), ret_log);
}

/* --- before anything is opened ------------------------------------------------------------ */

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

static void take_signals(void)
{
    sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

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
                               struct http_server **ret_server, struct fault *fault)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct http_options options = {
        .listen = config->listen,
        .socket_path = config_has_socket(config) ? config->socket : "",
        .socket_mode = (unsigned)config->socket_mode,
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
static void link_socket(const struct config *config)
{
    CLEANUP(free_text)
    char *path = config_has_socket(config) ? realpath(config->socket, NULL) : NULL;
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

/* --- until somebody says stop ------------------------------------------------------------- */

static const char *wait_for_stop(struct log *log)
{
    sigset_t set = stop_signals();
    for (;;) {
        int number = 0;
        if (sigwait(&set, &number) != 0) {
            continue;
        }
        if (number == SIGHUP) {
            log_event(log, LOG_INFO, "hangup_ignored",
                      LOG_TEXT("detail", "the configuration is read at start only; restart"));
            continue;
        }
        return number == SIGINT ? "SIGINT" : "SIGTERM";
    }
}

/* Somebody at a terminal who presses Ctrl-C twice does not want to wait. */
static void let_second_interrupt_kill(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void free_server(struct http_server **server)
{
    http_server_free(*server);
}

/* A job that does not stop uses what would be freed now. What is answered is durable, and counts are
 * in the segment: it is left as kill -9 leaves it. */
static void stop_jobs(struct wire *wire, struct log *log)
{
    if (wire_stop_jobs(wire) != TKR_OK) {
        log_event(log, LOG_ERROR, "stopped_hard", LOG_TEXT("detail", "a job did not stop"));
        _exit(EXIT_FAILURE);
    }
}

static tkr_error_t serve(const struct daemon_options *options, struct log *log,
                         const struct environment_tokens *tokens, struct fault *fault)
{
    const struct config *config = options->config;
    const char *notify = environment_value(options->environment, "NOTIFY_SOCKET");
    struct wire_options wiring = {
        .config = config,
        .environment = options->environment,
        .clock = clock_system(),
        .log = log,
        .adopt = true,
        .create = true,
        .reset_clock = options->reset_clock,
    };
    struct wire *wire CLEANUP(wire_close_p) = NULL;
    struct http_server *server CLEANUP(free_server) = NULL; /* goes before the wire */
    TRY(wire_open(&wiring, &wire, fault));
    TRY(sync_environment(config, wire, tokens, fault));
    warn_slow_segment(wire_runtime_directory(wire), log);
    TRY(open_server(config, wire, log, &server, fault));
    TRY(wire_start_jobs(wire));
    link_socket(config);
    announce(config, wire, server, log);
    service_notify(notify, "READY=1");
    const char *why = wait_for_stop(log);
    let_second_interrupt_kill();
    log_event(log, LOG_INFO, "stopping", LOG_TEXT("signal", why));
    service_notify(notify, "STOPPING=1");
    api_stop_waiting(wire_api(wire));
    http_server_stop(server, config->stop_grace_s * 1000);
    stop_jobs(wire, log);
    return TKR_OK;
}

tkr_error_t daemon_run(const struct daemon_options *options, struct fault *fault)
{
    struct log *log CLEANUP(free_log) = NULL;
    struct environment_tokens tokens CLEANUP(environment_tokens_free) = {0};
    TRY(open_log(options->config, &log));
    TRY(take_environment(options, log, &tokens, fault));
    log_event(log, LOG_INFO, "starting", LOG_TEXT("version", TOKENRY_VERSION),
              LOG_INT("pid", getpid()), LOG_TEXT("data", options->config->data));
    take_signals();
    umask(077);
    TRY(privilege_become(options->config->user, fault));
    secret_harden_process(); /* after the change of user, which resets it */
    TRY(fit_connections(options->config, log, fault));
    warn_exposed(options->config, log);
    TRY(serve(options, log, &tokens, fault));
    log_event(log, LOG_INFO, "stopped");
    return TKR_OK;
}
