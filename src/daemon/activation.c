/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/activation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/environment.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define FDS_MAX 2

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static tkr_error_t refuse(struct fault *fault, int fd, const char *why)
{
    return fault_set(fault, TKR_INVALID, "LISTEN_FDS",
                     "the service manager passed descriptor %d, %s", fd, why);
}

static bool is_listening(int fd)
{
    int type = 0, listening = 0;
    socklen_t length = sizeof(type), listening_length = sizeof(listening);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_length) == 0 &&
           listening != 0;
}

static bool prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static void describe(const union address *address, char out[ACTIVATION_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        snprintf(out, ACTIVATION_TEXT_SIZE, "%s:%u", host, ntohs(address->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(out, ACTIVATION_TEXT_SIZE, "[%s]:%u", host, ntohs(address->v6.sin6_port));
    }
}

static tkr_error_t take(int fd, const char *name, size_t length, struct activation *activation,
                        struct fault *fault)
{
    union address address = {0};
    socklen_t size = sizeof(address);
    bool called_http = length == 4 && memcmp(name, "http", 4) == 0;
    bool called_socket = length == 6 && memcmp(name, "socket", 6) == 0;
    if (!is_listening(fd) || getsockname(fd, &address.any, &size) != 0 || !prepare(fd)) {
        return refuse(fault, fd, "which is no stream socket that listens");
    }
    bool local = address.any.sa_family == AF_UNIX;
    if (!local && address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6) {
        return refuse(fault, fd, "which is neither TCP nor a Unix socket");
    }
    if ((local && called_http) || (!local && called_socket)) {
        return refuse(fault, fd, "which is not what its name says: http is TCP, socket is Unix");
    }
    int *place = local ? &activation->local : &activation->tcp;
    if (*place != 0) {
        return refuse(fault, fd, local ? "a second Unix socket" : "a second TCP socket");
    }
    *place = fd;
    if (!local) {
        describe(&address, activation->listen);
    } else if (address.local.sun_path[0] == '/') {
        snprintf(activation->path, sizeof(activation->path), "%.*s",
                 (int)sizeof(address.local.sun_path), address.local.sun_path);
    }
    return TKR_OK;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
    return text != NULL && text_parse_u64(text, strlen(text), ret_number) == TKR_OK;
}

tkr_error_t activation_take(char *const *environment, struct activation *ret_activation,
                            struct fault *fault)
{
    struct activation activation = {0};
    const char *names = environment_value(environment, "LISTEN_FDNAMES");
    uint64_t pid = 0, count = 0;
    *ret_activation = activation;
    if (!read_number(environment_value(environment, "LISTEN_PID"), &pid) ||
        pid != (uint64_t)getpid() ||
        !read_number(environment_value(environment, "LISTEN_FDS"), &count)) {
        return TKR_OK;
    }
    if (count > FDS_MAX) {
        return refuse(fault, FIRST_FD + FDS_MAX,
                      "and there is use for one TCP and one Unix socket");
    }
    for (int i = 0; i < (int)count; i++) {
        size_t length = names != NULL ? strcspn(names, ":") : 0;
        TRY(take(FIRST_FD + i, names != NULL ? names : "", length, &activation, fault));
        names = names != NULL && names[length] == ':' ? names + length + 1 : NULL;
    }
    *ret_activation = activation;
    return TKR_OK;
}
