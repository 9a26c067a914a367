/* SPDX-License-Identifier: Apache-2.0 */
/* Tells systemd how the service is, see sd_notify(3): one datagram to $NOTIFY_SOCKET. Our
 * own thirty lines, so that libsystemd is no dependency. */
#ifndef DAEMON_SERVICE_NOTIFY_H
#define DAEMON_SERVICE_NOTIFY_H

#include <stdbool.h>

/* `state` is e.g. "READY=1". True when it was sent; false when `socket_path` (the value of
 * NOTIFY_SOCKET, `/path` or `@abstract`) is NULL, empty, too long or nobody listens. */
bool service_notify(const char *socket_path, const char *state);

#endif
