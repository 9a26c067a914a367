/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the log goes: standard error, or a file that can be opened anew while others write to it,
 * so that it can be renamed away (log rotation).
 *
 *     struct log_file file CLEANUP(log_file_close);
 *     TRY(log_file_open(&file, config->log_file, config->user, fault));
 *     TRY(log_new(file.fd, ...));
 *     ... somebody renames the file, and sends SIGHUP ...
 *     TRY(log_file_reopen(&file, fault));
 *
 * The number of the descriptor stays: the new file takes its place in one step (dup3), so that a
 * line goes to the old file or to the new one, and none is lost.
 */
#ifndef DAEMON_LOG_FILE_H
#define DAEMON_LOG_FILE_H

#include "base/fault.h"

struct log_file {
    const char *path; /* ""; it is standard error, which is not closed */
    int fd;
};

/*
 * `path` outlives it. A file that is made has mode 0640, and belongs to `user` ("": whoever we
 * are) when root makes it, so that it can be opened once more without root. It must be a regular
 * file and no link: where others may write its directory, they would choose what root appends to.
 * Errors, with words: TKR_FORBIDDEN, TKR_NOT_FOUND, TKR_NO_SPACE, TKR_READ_ONLY, TKR_IO.
 */
MUST_USE tkr_error_t log_file_open(struct log_file *file, const char *path, const char *user,
                                   struct fault *fault);
/* With a path only. On an error, which are those of above, the file that was open goes on. */
MUST_USE tkr_error_t log_file_reopen(struct log_file *file, struct fault *fault);
void log_file_close(struct log_file *file); /* for CLEANUP; half-built is allowed */

#endif
