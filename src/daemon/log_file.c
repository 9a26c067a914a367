/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0640
/* O_NONBLOCK: a FIFO without a reader is refused, and not waited for. */
#define FLAGS (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

static tkr_error_t error_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return TKR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return TKR_NO_SPACE;
    case EROFS:
        return TKR_READ_ONLY;
    case EACCES:
    case EPERM:
    case ELOOP:
        return TKR_FORBIDDEN;
    default:
        return TKR_IO;
    }
}

static tkr_error_t refuse(struct fault *fault, const char *path, int number)
{
    return fault_set(fault, error_of(number), "log.file", "log.file: %s: %s", path,
                     number == ELOOP ? "it is a symbolic link" : strerror(number));
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Takes it out of the reach of a cleanup. */
static int keep_fd(int *fd)
{
    int kept = *fd;
    *fd = -1;
    return kept;
}

/* Of a file that root has just made. */
static int give_to(int fd, const char *user)
{
    const struct passwd *entry = geteuid() == 0 && user[0] != '\0' ? getpwnam(user) : NULL;
    return entry != NULL ? fchown(fd, entry->pw_uid, entry->pw_gid) : 0;
}

static tkr_error_t open_file(const char *path, const char *user, int *ret_fd, struct fault *fault)
{
    struct stat status;
    CLEANUP(close_fd) int fd = open(path, FLAGS | O_CREAT | O_EXCL, MODE);
    /* Whatever the umask is by then. */
    if (fd >= 0 && (fchmod(fd, MODE) != 0 || give_to(fd, user) != 0)) {
        return refuse(fault, path, errno);
    }
    if (fd < 0 && errno == EEXIST) {
        fd = open(path, FLAGS);
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        return refuse(fault, path, errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return fault_set(fault, TKR_FORBIDDEN, "log.file", "log.file: %s is not a regular file",
                         path);
    }
    *ret_fd = keep_fd(&fd);
    return TKR_OK;
}

tkr_error_t log_file_open(struct log_file *file, const char *path, const char *user,
                          struct fault *fault)
{
    *file = (struct log_file){.path = path, .fd = STDERR_FILENO};
    return path[0] != '\0' ? open_file(path, user, &file->fd, fault) : TKR_OK;
}

tkr_error_t log_file_reopen(struct log_file *file, struct fault *fault)
{
    CLEANUP(close_fd) int fd = -1;
    ASSERT(file->path[0] != '\0');
    TRY(open_file(file->path, "", &fd, fault));
    return dup3(fd, file->fd, O_CLOEXEC) >= 0 ? TKR_OK : refuse(fault, file->path, errno);
}

void log_file_close(struct log_file *file)
{
    if (file->path != NULL && file->path[0] != '\0' && file->fd != STDERR_FILENO) {
        close(file->fd);
    }
}
