/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "limiter/local/limiter_local.h"
#include "store/sqlite/store_sqlite.h"

#define TEXTS_KEPT 256
#define WAIT_MS 10000
#define NOBODY 65534

/* Texts that live for a while: the last TEXTS_KEPT of them. */
static char *keep(char *text)
{
    static char *kept[TEXTS_KEPT];
    static size_t next;
    free(kept[next]);
    kept[next] = text;
    next = (next + 1) % TEXTS_KEPT;
    assert_non_null(text);
    return text;
}

const char *printed(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return keep(text);
}

const char *bearer(const char *text)
{
    return printed("Authorization: Bearer %s\r\n", text);
}

/* --- connections ---------------------------------------------------------------------------- */

static int connect_tcp(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_socket(const struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->socket_path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* refused before it was read; the answer says why */
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

/* Reads until the server closes. NULL when it takes too long. */
static char *receive_all(int fd, size_t *ret_length)
{
    char *bytes = malloc(ANSWER_BYTES_MAX + 1);
    size_t length = 0;
    while (bytes != NULL && length < ANSWER_BYTES_MAX) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, WAIT_MS) != 1) {
            free(bytes);
            return NULL;
        }
        ssize_t got = recv(fd, bytes + length, ANSWER_BYTES_MAX - length, 0);
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    if (bytes != NULL) {
        bytes[length] = '\0';
        *ret_length = length;
    }
    return bytes;
}

static char *exchange(int fd, const char *request, const char *headers, const void *body,
                      size_t body_length, size_t *ret_length)
{
    char length_line[64] = "";
    char *head = NULL;
    if (body != NULL) {
        snprintf(length_line, sizeof length_line, "Content-Length: %zu\r\n", body_length);
    }
    int head_length = asprintf(&head, "%s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n%s%s\r\n",
                               request, headers, length_line);
    if (head_length < 0) {
        return NULL;
    }
    send_all(fd, head, (size_t)head_length);
    free(head);
    if (body != NULL) {
        send_all(fd, body, body_length);
    }
    return receive_all(fd, ret_length);
}

/* --- answers -------------------------------------------------------------------------------- */

static struct answer parse(struct fixture *fixture, char *bytes, size_t length)
{
    struct answer answer = {0};
    assert_non_null(bytes);
    assert_true(length > 12 && strncmp(bytes, "HTTP/1.1 ", 9) == 0);
    char *end = strstr(bytes, "\r\n\r\n");
    assert_non_null(end);
    answer.status = (unsigned)strtoul(bytes + 9, NULL, 10);
    answer.head = bytes;
    answer.body = end + 4;
    answer.body_length = length - (size_t)(answer.body - bytes);
    for (size_t i = 0; i < fixture->secret_count; i++) {
        assert_null(memmem(bytes, length, fixture->secrets[i], strlen(fixture->secrets[i])));
    }
    end[2] = '\0';
    keep(bytes);
    return answer;
}

struct answer ask_bytes(struct fixture *fixture, const char *request, const char *headers,
                        const void *body, size_t body_length)
{
    size_t length = 0;
    int fd = connect_tcp(fixture);
    char *bytes = exchange(fd, request, headers, body, body_length, &length);
    close(fd);
    return parse(fixture, bytes, length);
}

struct answer ask(struct fixture *fixture, const char *request, const char *headers,
                  const char *body)
{
    return ask_bytes(fixture, request, headers, body, body != NULL ? strlen(body) : 0);
}

struct answer ask_socket(struct fixture *fixture, const char *request, const char *headers,
                         const char *body)
{
    size_t length = 0;
    int fd = connect_socket(fixture);
    assert_true(fd >= 0);
    char *bytes = exchange(fd, request, headers, body, body != NULL ? strlen(body) : 0, &length);
    close(fd);
    return parse(fixture, bytes, length);
}

/* In the child: the status, as far as the exit status can carry it. */
static int nobody_asks(const struct fixture *fixture, const char *request, const char *headers,
                       const char *body)
{
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return 0;
    }
    size_t length = 0;
    int fd = connect_socket(fixture);
    char *bytes =
        fd < 0 ? NULL
               : exchange(fd, request, headers, body, body != NULL ? strlen(body) : 0, &length);
    return bytes != NULL && length > 12 ? (int)strtoul(bytes + 9, NULL, 10) - 199 : 0;
}

unsigned ask_socket_as_nobody(struct fixture *fixture, const char *request, const char *headers,
                              const char *body)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(nobody_asks(fixture, request, headers, body));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    return (unsigned)WEXITSTATUS(status) + 199; /* 200 to 454 */
}

struct answer manage(struct fixture *fixture, const char *request, const char *body)
{
    return ask(fixture, request, bearer(fixture->admin.text), body);
}

const char *header_of(const struct answer *answer, const char *name)
{
    const char *value = NULL;
    size_t name_length = strlen(name);
    for (const char *line = answer->head; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
            assert_null(value);
            const char *start = line + name_length + 1;
            start += strspn(start, " ");
            value = printed("%.*s", (int)(end - start), start);
        }
        line = end != NULL ? end + 2 : NULL;
    }
    return value;
}

json_t *json_of(const struct answer *answer)
{
    json_error_t error;
    json_t *root = json_loadb(answer->body, answer->body_length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s: %s", error.text, answer->body);
    }
    return root;
}

const char *text_of(const struct answer *answer, const char *member)
{
    json_t *root = json_of(answer);
    const char *text = json_string_value(json_object_get(root, member));
    const char *copy = printed("%s", text != NULL ? text : "");
    json_decref(root);
    return copy;
}

int64_t number_of(const struct answer *answer, const char *member)
{
    json_t *root = json_of(answer);
    const json_t *number = json_object_get(root, member);
    assert_true(json_is_integer(number));
    int64_t value = json_integer_value(number);
    json_decref(root);
    return value;
}

/* --- tokens --------------------------------------------------------------------------------- */

void fixture_secret(struct fixture *fixture, const char *text)
{
    assert_true(fixture->secret_count < MADE_MAX);
    snprintf(fixture->secrets[fixture->secret_count++], TOKEN_TEXT_BYTES_MAX + 1, "%s", text);
}

static struct made made_from(struct fixture *fixture, const json_t *root)
{
    struct made made = {0};
    const char *text = json_string_value(json_object_get(root, "token"));
    const char *id = json_string_value(json_object_get(root, "id"));
    assert_non_null(text);
    assert_non_null(id);
    snprintf(made.text, sizeof made.text, "%s", text);
    snprintf(made.id, sizeof made.id, "%s", id);
    fixture_secret(fixture, made.text);
    return made;
}

struct made fixture_make(struct fixture *fixture, const char *body)
{
    struct answer answer = manage(fixture, "POST " TOKENS, body);
    if (answer.status != 201) {
        fail_msg("%u %s", answer.status, answer.body);
    }
    json_t *root = json_of(&answer);
    struct made made = made_from(fixture, root);
    json_decref(root);
    return made;
}

static void make_admin(struct fixture *fixture)
{
    unsigned status = 0;
    struct buffer body;
    buffer_init_secret(&body, 64 * 1024);
    assert_int_equal(api_call_local(fixture->api, API_ORG_DEFAULT, HTTP_POST, TOKENS, NULL,
                                    "{\"user_id\":\"root\",\"name\":\"admin\",\"kind\":\"admin\","
                                    "\"tier\":\"enterprise\",\"scopes\":[\"*\"]}",
                                    NULL, &status, &body),
                     TKR_OK);
    assert_int_equal(status, 201);
    json_t *root = json_loadb(body.data, body.length, 0, NULL);
    fixture->admin = made_from(fixture, root);
    json_decref(root);
    buffer_deinit(&body);
}

/* --- the whole ------------------------------------------------------------------------------ */

void fixture_advance(struct fixture *fixture, int64_t ms)
{
    virtual_clock_advance(&fixture->time, ms);
    for (int i = 0; i < 1000; i++) {
        struct answer answer = ask(fixture, "GET /api/v1/auth/health", "", NULL);
        if (answer.status == 200) {
            return;
        }
        struct timespec pause = {.tv_nsec = 10000000};
        nanosleep(&pause, NULL);
    }
    fail_msg("the heartbeat does not follow");
}

static void start_authority(struct fixture *fixture)
{
    struct fault fault = {0};
    struct store_sqlite_options store = {
        .directory = fixture->folder, .clock = &fixture->time.clock, .random = random_system()};
    if (store_sqlite_open(&store, &fixture->store, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
    struct authority_options options = {
        .store = &fixture->store,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .random = random_system(),
        .prefixes = token_prefixes_default,
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .usage_flush_ms = 1000,
    };
    for (size_t i = 0; i < COUNT_OF(options.lifetimes); i++) {
        options.lifetimes[i] = (struct lifetime_policy){
            .default_s = 90 * 86400, .max_s = 365 * 86400, .on_exceed = ON_EXCEED_CLAMP};
    }
    if (authority_new(&options, &fixture->authority, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
}

static void start_api(struct fixture *fixture, uid_t admin_uid)
{
    struct fault fault = {0};
    assert_int_equal(cidr_parse("127.0.0.2", 9, &fixture->proxies[0]), TKR_OK);
    struct api_options options = {
        .authority = fixture->authority,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .limiter = &limiter_local,
        .stale_s = SEGMENT_STALE_S_DEFAULT,
        .prefixes = token_prefixes_default,
        .sources = {{"Authorization", "Bearer"}, {"X-API-Key", ""}},
        .source_count = 2,
        .trusted_proxies = fixture->proxies,
        .trusted_proxy_count = 1,
        .realm = "test",
        .socket_admin_uid = admin_uid,
        .log = fixture->log,
        .version = "1.2.3",
    };
    if (api_new(&options, &fixture->api, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
}

static void start_server(struct fixture *fixture)
{
    struct fault fault = {0};
    struct http_options options = {
        .listen = "127.0.0.1:0",
        .socket_path = fixture->socket_path,
        .socket_mode = 0666,
        .tls_certificate = "",
        .tls_key = "",
        .event_threads = 2,
        .worker_threads = 2,
        .connections_max = 64,
        .idle_s = 20,
        .access_log = true,
        .context = fixture->api,
        .clock = clock_system(),
        .log = fixture->log,
        .server_name = "",
    };
    options.routes = api_routes(&options.route_count);
    if (http_server_new(&options, &fixture->server, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
    api_set_server(fixture->api, fixture->server);
}

static int setup(void **state, uid_t admin_uid)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/tokenry-api-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0); /* `nobody` reaches the socket */
    snprintf(fixture->runtime, sizeof fixture->runtime, "%s/run", fixture->folder);
    snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s/s", fixture->folder);
    snprintf(fixture->log_path, sizeof fixture->log_path, "%s/log", fixture->folder);
    fixture->log_fd = open(fixture->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fixture->log_fd >= 0);
    virtual_clock_init(&fixture->time, FIXTURE_START_MS);
    assert_int_equal(
        log_new(fixture->log_fd, LOG_FORMAT_JSON, LOG_DEBUG, clock_system(), &fixture->log),
        TKR_OK);
    start_authority(fixture);
    start_api(fixture, admin_uid);
    start_server(fixture);
    make_admin(fixture);
    *state = fixture;
    return 0;
}

int fixture_setup(void **state)
{
    return setup(state, geteuid());
}

int fixture_setup_other_uid(void **state)
{
    return setup(state, geteuid() + 1);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

static const struct fixture *searched; /* nftw has no context */

/* Log, database, write-ahead log, segment: no file may hold a token. */
static int search_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    if (kind != FTW_F || !S_ISREG(status->st_mode) || status->st_size == 0) {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t bytes = (size_t)status->st_size;
    void *content = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(content != MAP_FAILED);
    for (size_t i = 0; i < searched->secret_count; i++) {
        const char *secret = searched->secrets[i];
        if (memmem(content, bytes, secret, strlen(secret)) != NULL) {
            fail_msg("%s holds a token", path);
        }
    }
    munmap(content, bytes);
    close(fd);
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server, 1000);
    api_set_server(fixture->api, NULL);
    http_server_free(fixture->server);
    api_free(fixture->api);
    authority_free(fixture->authority);
    store_sqlite_close(&fixture->store);
    log_free(fixture->log);
    close(fixture->log_fd);
    searched = fixture;
    nftw(fixture->folder, search_one, 16, FTW_PHYS);
    nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}
