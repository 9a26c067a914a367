/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the main thread does while others work: it waits for signals, tells the service manager
 * how things are (sd_notify(3)), and feeds its watchdog.
 *
 * The watchdog is fed only when the threads that verification stands on have moved since the last
 * time: the beat thread, whose segment everybody else would take for abandoned, and each event
 * thread and the one that accepts, which are called upon to go round once. A timer of its own
 * would say nothing but that timers work. The writer thread is not asked: it may wait for a disk
 * that is slow, and a restart would not make that faster, but would take verification away.
 */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include "base/log.h"
#include "daemon/log_file.h"
#include "engine/lifecycle.h"
#include "http/server.h"

struct watch {
    char *const *environment; /* NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID */
    struct authority *authority;
    struct http_server *server;
    struct log_file *log_file; /* is opened anew at SIGHUP */
    struct log *log;
};

/* Blocks the signals that watch_until_stop waits for, before any thread exists; SIGPIPE is
 * ignored. */
void watch_take_signals(void);
/* Says that the service is ready, and watches until SIGTERM or SIGINT, whose name it returns. From
 * then on a second SIGINT kills. */
const char *watch_until_stop(const struct watch *watch);
/* `state` as sd_notify(3) has it, to $NOTIFY_SOCKET. */
void watch_notify(char *const *environment, const char *state);

#endif
