/* SPDX-License-Identifier: Apache-2.0 */
/* What the process may do and have: its user, its file descriptors, its core dumps. */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

/*
 * Becomes `user` with its groups for good, and makes sure that there is no way back.
 * "" does nothing. Not root: fine when we are that user already, else TKR_FORBIDDEN.
 * Errors: TKR_NOT_FOUND (no such user), TKR_FORBIDDEN, TKR_INTERNAL (root could be regained).
 */
MUST_USE tkr_error_t privilege_become(const char *user, struct fault *fault);
/* The same by number, without supplementary groups; for a command that root runs on a
 * directory of somebody else. */
MUST_USE tkr_error_t privilege_become_id(uid_t uid, gid_t gid, struct fault *fault);
/*
 * Makes room for `needed` open files, raising the soft limit, and the hard one when allowed.
 * *ret_limit is what we have now. Errors: TKR_CAPACITY (it is less than needed).
 */
MUST_USE tkr_error_t privilege_raise_files(uint64_t needed, uint64_t *ret_limit);

#endif
