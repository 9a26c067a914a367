/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a server: options, event threads, stopping. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "http/internal.h"

#define POLL_MS 5 /* while stopping */

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* --- options --------------------------------------------------------------------------------- */

static bool has_tcp(const struct http_options *o)
{
    return o->listen[0] != '\0' || o->passed_tcp > 0;
}

static bool has_local(const struct http_options *o)
{
    return o->socket_path[0] != '\0' || o->passed_local > 0;
}

static tkr_error_t check_options(struct http_options *o, struct fault *fault)
{
    ASSERT(o->listen != NULL && o->socket_path != NULL && o->tls_certificate != NULL &&
           o->tls_key != NULL && o->clock != NULL);
    router_check(o->routes, o->route_count);
    o->event_threads = o->event_threads != 0 ? o->event_threads : 1;
    o->worker_threads = o->worker_threads != 0 ? o->worker_threads : 1;
    o->connections_max = o->connections_max != 0 ? o->connections_max : HTTP_CONNECTIONS_DEFAULT;
    o->idle_s = o->idle_s != 0 ? o->idle_s : HTTP_IDLE_S_DEFAULT;
    o->request_s = o->request_s != 0 ? o->request_s : HTTP_REQUEST_S_DEFAULT;
    o->work_queue_max = o->work_queue_max != 0 ? o->work_queue_max : WORK_QUEUE_MAX;
    o->bodies_bytes_max = o->bodies_bytes_max != 0 ? o->bodies_bytes_max : HTTP_BODIES_BYTES_MAX;
    if (o->event_threads > HTTP_EVENT_THREADS_MAX || o->worker_threads > HTTP_WORKER_THREADS_MAX ||
        o->work_queue_max > WORK_QUEUE_MAX) {
        return fault_set(fault, TKR_INVALID, "threads",
                         "at most %d event threads, %d worker threads, %d waiting",
                         HTTP_EVENT_THREADS_MAX, HTTP_WORKER_THREADS_MAX, WORK_QUEUE_MAX);
    }
    if (!has_tcp(o) && !has_local(o)) {
        return fault_set(fault, TKR_INVALID, "listen", "neither an address nor a socket is given");
    }
    if ((o->tls_certificate[0] == '\0') != (o->tls_key[0] == '\0')) {
        return fault_set(fault, TKR_INVALID, "tls", "a certificate and its key belong together");
    }
    return TKR_OK;
}

/* --- TLS ------------------------------------------------------------------------------------- */

struct pem {
    char *text; /* locked and wiped: it may be a key */
};

static void pem_free(struct pem *pem)
{
    secret_free(pem->text, HTTP_PEM_BYTES_MAX + 1);
}

static tkr_error_t pem_read(const char *path, struct pem *ret_pem, struct fault *fault)
{
    TRY(secret_alloc(HTTP_PEM_BYTES_MAX + 1, (void **)&ret_pem->text));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fault_set(fault, TKR_IO, "tls", "cannot open %s: %s", path, strerror(errno));
    }
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, ret_pem->text + length, HTTP_PEM_BYTES_MAX + 1 - length)) > 0) {
        length += (size_t)got;
    }
    int error = got < 0 ? errno : 0;
    close(fd);
    if (error != 0) {
        return fault_set(fault, TKR_IO, "tls", "cannot read %s: %s", path, strerror(error));
    }
    if (length > HTTP_PEM_BYTES_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "tls", "%s is larger than %d bytes", path,
                         HTTP_PEM_BYTES_MAX);
    }
    ret_pem->text[length] = '\0';
    if (strstr(ret_pem->text, "-----BEGIN") == NULL) {
        return fault_set(fault, TKR_INVALID, "tls", "%s is no PEM file", path);
    }
    return TKR_OK;
}

/* --- event threads --------------------------------------------------------------------------- */

static size_t leave_escaped(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* libmicrohttpd's messages may quote a URL: only those of the start are kept. */
__attribute__((format(printf, 2, 0))) static void keep_message(void *context, const char *format,
                                                               va_list arguments)
{
    struct http_server *server = context;
    if (server->starting && server->start_message[0] == '\0') { /* the first is the cause */
        vsnprintf(server->start_message, sizeof(server->start_message), format, arguments);
        server->start_message[strcspn(server->start_message, "\n")] = '\0';
    }
}

static tkr_error_t start_daemon(struct http_thread *thread, const struct pem *certificate,
                                const struct pem *key, struct fault *fault)
{
    struct http_server *server = thread->server;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate->text},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key->text},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    bool use_tls = !thread->local && certificate->text != NULL;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | (use_tls ? MHD_USE_TLS | MHD_USE_ERROR_LOG : 0);
    thread->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_on_call, thread, MHD_OPTION_EXTERNAL_LOGGER, keep_message,
        server, MHD_OPTION_URI_LOG_CALLBACK, exchange_on_target, thread,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, thread, MHD_OPTION_NOTIFY_CONNECTION,
        connection_on_notify, thread, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, server->options.connections_max + HTTP_ACCEPT_BATCH_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_ARRAY, use_tls ? tls : &tls[3],
        MHD_OPTION_END);
    const char *why = server->start_message[0] != '\0' ? server->start_message : strerror(errno);
    if (thread->daemon == NULL && use_tls) {
        return fault_set(fault, TKR_INVALID, "tls",
                         "cannot use the certificate %s with the key %s: %s",
                         server->options.tls_certificate, server->options.tls_key, why);
    }
    if (thread->daemon == NULL) {
        return fault_set(fault, TKR_IO, "", "cannot start an event thread: %s", why);
    }
    return TKR_OK;
}

static tkr_error_t start_threads(struct http_server *server, struct fault *fault)
{
    const struct http_options *o = &server->options;
    CLEANUP(pem_free) struct pem certificate = {NULL};
    CLEANUP(pem_free) struct pem key = {NULL};
    if (o->tls_certificate[0] != '\0') {
        TRY(pem_read(o->tls_certificate, &certificate, fault));
        TRY(pem_read(o->tls_key, &key, fault));
    }
    unsigned tcp = has_tcp(o) ? o->event_threads : 0;
    unsigned count = tcp + (has_local(o) ? o->event_threads : 0);
    ASSERT(count > 0);
    server->threads = calloc(count, sizeof(server->threads[0]));
    ENSURE(server->threads != NULL, TKR_MEMORY);
    server->starting = true;
    for (unsigned i = 0; i < count; i++) {
        struct http_thread *thread = &server->threads[i];
        *thread = (struct http_thread){.server = server, .index = i, .local = i >= tcp};
        thread->handed_end = &thread->handed;
        thread->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        pthread_mutex_init(&thread->lock, NULL);
        server->thread_count++;
        ENSURE(thread->wake >= 0, fault_set(fault, TKR_IO, "", "eventfd: %s", strerror(errno)));
        TRY(arena_new(HTTP_ARENA_BYTES_MAX, &thread->arena));
        TRY(start_daemon(thread, &certificate, &key, fault));
        TRY(event_loop_start(thread));
    }
    server->starting = false;
    return TKR_OK;
}

/* --- new ------------------------------------------------------------------------------------- */

static tkr_error_t start(struct http_server *server, struct fault *fault)
{
    const struct http_options *o = &server->options;
    uint64_t random;
    TRY(random_fill(random_system(), &random, sizeof(random)));
    text_hex(&random, sizeof(random), server->id_prefix);
    TRY(listener_new(server, &server->listener, fault));
    if (o->connections_per_address_max != 0) {
        TRY(address_table_new(o->connections_per_address_max, o->connections_max,
                              &server->addresses));
    }
    TRY(worker_pool_new(o->worker_threads, o->work_queue_max, &server->workers));
    TRY(start_threads(server, fault));
    return listener_start(server->listener);
}

tkr_error_t http_server_new(const struct http_options *options, struct http_server **ret_server,
                            struct fault *fault)
{
    struct http_server *server = calloc(1, sizeof(*server));
    ENSURE(server != NULL, TKR_MEMORY);
    server->options = *options;
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are the main thread's. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    tkr_error_t error = check_options(&server->options, fault);
    if (error == TKR_OK) {
        error = start(server, fault);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != TKR_OK) {
        http_server_free(server);
        return error;
    }
    *ret_server = server;
    return TKR_OK;
}

unsigned http_server_port(const struct http_server *server)
{
    return listener_port(server->listener);
}

unsigned http_server_threads(const struct http_server *server)
{
    return server->thread_count;
}

void http_server_stats(struct http_server *server, struct http_stats *ret_stats)
{
    *ret_stats = (struct http_stats){
        .connections_open = atomic_load(&server->open),
        .connections_total = atomic_load(&server->accepted),
        .connections_refused = atomic_load(&server->refused),
        .bodies_bytes = atomic_load(&server->bodies_bytes),
        .work_queue_length = worker_length(server->workers),
    };
    for (unsigned i = 0; i < server->thread_count; i++) {
        for (unsigned class = 0; class < 6; class ++) {
            ret_stats->requests[class] += atomic_load(&server->threads[i].requests[class]);
        }
    }
}

bool http_server_pulse(struct http_server *server)
{
    bool moved = listener_pulse(server->listener);
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct http_thread *thread = &server->threads[i];
        uint64_t rounds = atomic_load(&thread->rounds);
        moved = moved && rounds != thread->pulse;
        thread->pulse = rounds;
        (void)eventfd_write(thread->wake, 1);
    }
    return moved;
}

/* --- stopping -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now; /* real time, also under a test's clock: this waits for real threads */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

static uint64_t answered(struct http_server *server)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < server->thread_count; i++) {
        for (unsigned class = 0; class < 6; class ++) {
            sum += atomic_load(&server->threads[i].requests[class]);
        }
    }
    return sum;
}

static unsigned busy(struct http_server *server)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < server->thread_count; i++) {
        sum += connection_busy(&server->threads[i]);
    }
    return sum;
}

/* Every answer now closes its connection, so who is active leaves. What remains are idle
 * connections and those who have half sent a request. */
static void drain(struct http_server *server, int64_t grace_ms)
{
    int64_t start_ms = now_ms(), quiet_since_ms = start_ms;
    uint64_t before = answered(server);
    while (atomic_load(&server->open) > 0 && now_ms() - start_ms < grace_ms) {
        nap();
        uint64_t after = answered(server);
        if (after != before || busy(server) > 0) {
            before = after;
            quiet_since_ms = now_ms();
        } else if (now_ms() - quiet_since_ms >= HTTP_QUIET_MS) {
            return;
        }
    }
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
    if (atomic_exchange(&server->stopped, true)) {
        return;
    }
    atomic_store(&server->draining, true);
    listener_close(server->listener);
    drain(server, grace_ms);
    /* No exchange may wait when libmicrohttpd is stopped. */
    worker_close(server->workers);
    for (unsigned i = 0; i < server->thread_count; i++) {
        connection_abandon(&server->threads[i]);
    }
    for (int64_t start_ms = now_ms(); busy(server) > 0 && now_ms() - start_ms < HTTP_GIVE_UP_MS;) {
        nap();
    }
    worker_end(server->workers);
    listener_end(server->listener);
    for (unsigned i = 0; i < server->thread_count; i++) {
        event_loop_end(&server->threads[i]);
    }
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->listener != NULL && server->workers != NULL) {
        http_server_stop(server, 0);
    }
    worker_pool_free(server->workers);
    listener_free(server->listener);
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct http_thread *thread = &server->threads[i];
        event_loop_end(thread);
        arena_free(thread->arena);
        if (thread->wake >= 0) {
            close(thread->wake);
        }
        pthread_mutex_destroy(&thread->lock);
    }
    free(server->threads);
    address_table_free(server->addresses);
    free(server);
}
