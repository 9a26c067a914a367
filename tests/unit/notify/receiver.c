/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Until `fd` can be read, or the receiver stops, which is false. */
static bool wait_for(const struct receiver *receiver, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = receiver->stop[0], .events = POLLIN}};
    return poll(fds, 2, 30000) > 0 && fds[1].revents == 0;
}

static size_t body_length(const char *request)
{
    const char *header = strcasestr(request, "\r\ncontent-length:");
    return header != NULL ? strtoul(header + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static bool is_whole(const char *request, size_t length)
{
    const char *end = strstr(request, "\r\n\r\n");
    return end != NULL && length >= (size_t)(end + 4 - request) + body_length(request);
}

static bool read_request(struct receiver *receiver, int fd)
{
    size_t length = 0;
    receiver->request[0] = '\0';
    while (!is_whole(receiver->request, length)) {
        if (!wait_for(receiver, fd) || length == sizeof(receiver->request) - 1) {
            return false;
        }
        ssize_t got = read(fd, receiver->request + length, sizeof(receiver->request) - 1 - length);
        if (got <= 0) {
            return false;
        }
        length += (size_t)got;
        receiver->request[length] = '\0';
    }
    return true;
}

static void serve(struct receiver *receiver, int fd)
{
    static const char more[4096] = "x";
    char end;
    if (!read_request(receiver, fd)) {
        return;
    }
    if (receiver->answer != NULL) {
        (void)!send(fd, receiver->answer, strlen(receiver->answer), MSG_NOSIGNAL);
    }
    const char *again = receiver->again != NULL ? receiver->again : more;
    size_t length = receiver->again != NULL ? strlen(again) : sizeof(more);
    while (receiver->endless && send(fd, again, length, MSG_NOSIGNAL) > 0) {
    }
    if (receiver->answer == NULL && wait_for(receiver, fd)) {
        (void)!read(fd, &end, 1); /* the other side gave up */
    }
}

static void *run(void *context)
{
    struct receiver *receiver = context;
    while (wait_for(receiver, receiver->listener)) {
        int fd = accept(receiver->listener, NULL, NULL);
        if (fd >= 0) {
            atomic_fetch_add(&receiver->connections, 1);
            serve(receiver, fd);
            close(fd);
        }
    }
    return NULL;
}

void receiver_start(struct receiver *receiver, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    memset(receiver, 0, sizeof(*receiver));
    receiver->answer = answer;
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(pipe(receiver->stop), 0);
    assert_int_equal(bind(receiver->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(receiver->listener, 16), 0);
    assert_int_equal(getsockname(receiver->listener, (struct sockaddr *)&address, &length), 0);
    receiver->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&receiver->thread, NULL, run, receiver), 0);
}

void receiver_stop(struct receiver *receiver)
{
    close(receiver->stop[1]);
    pthread_join(receiver->thread, NULL);
    close(receiver->stop[0]);
    close(receiver->listener);
}
