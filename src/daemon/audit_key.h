/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the key that seals the audit log: one line, `tokenry-audit-key-1 ` and 64 hexadecimal
 * digits. Whoever can read it can forge the log, so it may be kept apart from the database
 * (`audit.key_file`).
 */
#ifndef DAEMON_AUDIT_KEY_H
#define DAEMON_AUDIT_KEY_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/random.h"
#include "crypto/seal.h"

/*
 * Reads the key. Where there is none, with `random` one is made, with mode 0600 and on disk, under
 * the name PATH.new: it becomes the key when it has sealed the log, so that a log that begins is
 * told from one whose seal somebody took away, wherever a start was interrupted. Errors name the
 * file: TKR_NOT_FOUND, TKR_FORBIDDEN (others may read it), TKR_MALFORMED, TKR_READ_ONLY,
 * TKR_NO_SPACE, TKR_TOO_LARGE (the path), TKR_IO, TKR_MEMORY.
 */
MUST_USE tkr_error_t audit_key_open(const char *path, const struct random_source *random,
                                    struct seal_key **ret_key, bool *ret_is_new,
                                    struct fault *fault);
/* A new one is the key from now on. Errors: those of above. */
MUST_USE tkr_error_t audit_key_keep(const char *path, struct fault *fault);

#endif
