/* SPDX-License-Identifier: Apache-2.0 */
/* What tests ask with: requests over TCP and the Unix socket, and the texts of their answers. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define TEXTS_KEPT 256
#define WAIT_MS 10000
#define NOBODY 65534
#define CLAIM "Connection: " API_PEER_OPTION "\r\n"

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
    return ask_socket_unclaimed(fixture, request, printed(CLAIM "%s", headers), body);
}

struct answer ask_socket_unclaimed(struct fixture *fixture, const char *request,
                                   const char *headers, const char *body)
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
    headers = printed(CLAIM "%s", headers);
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
