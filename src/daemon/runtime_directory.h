/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the segment lives. It is on a tmpfs, because a page of a mapped file on a disk may
 * have to be read back, and then a verification would wait for the disk.
 *
 * The choice, the first that is given:
 *   1. `server.runtime_directory`;
 *   2. $RUNTIME_DIRECTORY, which systemd makes for a service (the first of its entries);
 *   3. /dev/shm/tokenry-UID-XXXXXXXX, the first eight hexadecimal digits of the
 *      SHA-256 of the data directory's real path.
 *
 * The daemon leaves a symbolic link `runtime` in the data directory, so that a command that
 * works on the directory while no daemon runs takes the same segment, and not a second
 * copy with counts of its own. Another one, `socket`, says where its Unix socket is, so that
 * a command finds the daemon that holds the directory when the socket is not in it.
 *
 * The directory must be a real one (no link, or somebody who can write its parent could lead
 * us astray), owned by us, and writable by nobody else; a missing one is made with 0700.
 */
#ifndef DAEMON_RUNTIME_DIRECTORY_H
#define DAEMON_RUNTIME_DIRECTORY_H

#include <stdbool.h>

#include "base/fault.h"

/*
 * `data` exists. `use_link`: the `runtime` link goes before 2 and 3. *ret_path is the
 * caller's to free. Errors: TKR_FORBIDDEN (not ours, a link, or open to others), TKR_IO,
 * TKR_NO_SPACE, TKR_READ_ONLY, TKR_MEMORY, each with a detail that names the path.
 */
MUST_USE tkr_error_t runtime_directory_open(const char *configured, const char *data,
                                            char *const *environment, bool use_link,
                                            char **ret_path, struct fault *fault);

#define DATA_LINK_RUNTIME "runtime"
#define DATA_LINK_SOCKET "socket"

/* Leaves the link `name` in the data directory; NULL as the target removes it. A failure is no
 * reason to stop, so there is none. */
void data_link(const char *data, const char *name, const char *target);
/* The absolute path that the link leads to, the caller's to free; NULL when nothing is there. */
char *data_link_target(const char *data, const char *name);

/* A directory that must be ours: made with 0700 (and, with `parents`, those above it with
 * 0755) when missing, then checked as above; `what` names it in the fault. */
MUST_USE tkr_error_t private_directory(const char *path, bool parents, const char *what,
                                       struct fault *fault);

#endif
