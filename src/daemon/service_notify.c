/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service_notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool service_notify(const char *socket_path, const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (socket_path == NULL || (socket_path[0] != '/' && socket_path[0] != '@') ||
        socket_path[1] == '\0' || strlen(socket_path) >= sizeof(address.sun_path)) {
        return false;
    }
    size_t length = strlen(socket_path);
    memcpy(address.sun_path, socket_path, length);
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0'; /* unix(7), abstract: the name has no NUL at its end */
    } else {
        length++;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
    return sent == (ssize_t)strlen(state);
}
