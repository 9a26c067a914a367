/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. A Unix socket's node is never more open than its mode says: the mode is
 * set on the socket before bind(2) makes the node, and once more behind the umask.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "http/internal.h"

static void close_p(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static int take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* --- TCP ------------------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Splits `host:port`; the host loses its brackets. */
static bool split(const char *listen, char host[INET6_ADDRSTRLEN], uint16_t *ret_port)
{
    const char *colon = strrchr(listen, ':');
    uint64_t port;
    if (colon == NULL || text_parse_u64(colon + 1, strlen(colon + 1), &port) != TKR_OK ||
        port > UINT16_MAX) {
        return false;
    }
    size_t length = (size_t)(colon - listen);
    if (length >= 2 && listen[0] == '[' && colon[-1] == ']') {
        listen++;
        length -= 2;
    } else if (memchr(listen, ':', length) != NULL) {
        return false; /* an IPv6 address needs its brackets */
    }
    if (length >= INET6_ADDRSTRLEN) {
        return false;
    }
    memcpy(host, listen, length);
    host[length] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse(const char *listen, union address *ret_address, socklen_t *ret_length)
{
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    if (!split(listen, host, &port)) {
        return false;
    }
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    memset(ret_address, 0, sizeof(*ret_address));
    if (host[0] == '\0') {
        ret_address->v6.sin6_addr = in6addr_any;
    } else if (inet_pton(AF_INET, numeric, &ret_address->v4.sin_addr) == 1) {
        ret_address->v4.sin_family = AF_INET;
        ret_address->v4.sin_port = htons(port);
        *ret_length = sizeof(ret_address->v4);
        return true;
    } else if (inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) != 1) {
        return false;
    }
    ret_address->v6.sin6_family = AF_INET6;
    ret_address->v6.sin6_port = htons(port);
    *ret_length = sizeof(ret_address->v6);
    return true;
}

static int open_tcp(const union address *address, socklen_t length, bool dual)
{
    CLEANUP(close_p)
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, only_v6 = !dual;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        return -1;
    }
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) != 0) {
        return -1;
    }
    if (bind(fd, &address->any, length) != 0 || listen(fd, HTTP_BACKLOG_MAX) != 0) {
        return -1;
    }
    return take(&fd);
}

tkr_error_t socket_listen_tcp(const char *listen, int *ret_fd, struct fault *fault)
{
    union address address;
    socklen_t length;
    if (!parse(listen, &address, &length)) {
        return fault_set(fault, TKR_INVALID, "listen",
                         "`%s` is no address and port such as 127.0.0.1:8080, [::1]:8080 or :8080",
                         listen);
    }
    bool any = listen[0] == ':';
    int fd = open_tcp(&address, length, any);
    if (fd < 0 && any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        /* A machine without IPv6. */
        in_port_t port = address.v6.sin6_port;
        memset(&address, 0, sizeof(address));
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = port;
        fd = open_tcp(&address, sizeof(address.v4), false);
    }
    if (fd < 0) {
        int error = errno;
        return fault_set(fault, error == EADDRINUSE ? TKR_LOCKED : TKR_IO, "listen",
                         "cannot listen on %s: %s", listen, strerror(error));
    }
    *ret_fd = fd;
    return TKR_OK;
}

/* --- Unix ------------------------------------------------------------------------------------ */

static tkr_error_t no_socket(struct fault *fault, const char *path, int error)
{
    return fault_set(fault, error == EADDRINUSE ? TKR_LOCKED : TKR_IO, "socket",
                     "cannot listen on %s: %s", path, strerror(error));
}

/* A socket that nobody serves is what a killed process leaves behind; it may go. */
static tkr_error_t clear_stale(const struct sockaddr_un *address, struct fault *fault)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? TKR_OK : no_socket(fault, address->sun_path, errno);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fault_set(fault, TKR_INVALID, "socket",
                         "%s exists and is no socket; it is left as it is", address->sun_path);
    }
    CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return no_socket(fault, address->sun_path, errno);
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN) {
        return fault_set(fault, TKR_LOCKED, "socket", "another process listens on %s",
                         address->sun_path);
    }
    if (errno != ECONNREFUSED || unlink(address->sun_path) != 0) {
        return no_socket(fault, address->sun_path, errno);
    }
    return TKR_OK;
}

tkr_error_t socket_listen_unix(const char *path, unsigned mode, int *ret_fd,
                               struct socket_node *ret_node, struct fault *fault)
{
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return fault_set(fault, TKR_INVALID, "socket", "%s is longer than %zu bytes", path,
                         sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    TRY(clear_stale(&address, fault));
    CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fchmod(fd, mode) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return no_socket(fault, path, errno);
    }
    if (chmod(path, mode) != 0 || lstat(path, &status) != 0 || listen(fd, HTTP_BACKLOG_MAX) != 0) {
        int error = errno;
        unlink(path);
        return no_socket(fault, path, error);
    }
    *ret_node = (struct socket_node){status.st_dev, status.st_ino};
    *ret_fd = take(&fd);
    return TKR_OK;
}

void socket_remove_unix(const char *path, const struct socket_node *node)
{
    struct stat status;
    if (lstat(path, &status) == 0 && status.st_dev == node->device &&
        status.st_ino == node->inode) {
        unlink(path);
    }
}
