/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the service manager listens on and passes to us (sd_listen_fds(3)): it can bind
 * what we may not, start us with the first connection, and keep connections waiting while we are
 * restarted. At most one TCP and one Unix socket, told from each other by what they are; a
 * descriptor that is called `http` or `socket` (LISTEN_FDNAMES) must be the one or the other.
 */
#ifndef DAEMON_ACTIVATION_H
#define DAEMON_ACTIVATION_H

#include "base/fault.h"

#define ACTIVATION_TEXT_SIZE 128

struct activation {
    int tcp, local;                    /* 0: none was passed */
    char listen[ACTIVATION_TEXT_SIZE]; /* where, as server.listen would say it; "" */
    char path[ACTIVATION_TEXT_SIZE];   /* of the Unix socket */
};

/*
 * From LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; those of another process are left alone. Each
 * descriptor is closed on exec and does not block from then on. Errors, with words: TKR_INVALID
 * (a descriptor that is no listening stream socket, of neither kind, not what its name says, or
 * one more of a kind).
 */
MUST_USE tkr_error_t activation_take(char *const *environment, struct activation *ret_activation,
                                     struct fault *fault);

#endif
