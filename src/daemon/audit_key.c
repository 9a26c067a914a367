/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

#define BEGIN "tokenry-audit-key-1 "
#define PATH_BYTES 4096
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK) /* not to wait for a pipe */
#define LINE_BYTES (sizeof(BEGIN) - 1 + 2 * SEAL_SEED_BYTES + 1)

/* In secret memory. */
struct line {
    char text[LINE_BYTES + 1];
    uint8_t seed[SEAL_SEED_BYTES];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static void free_line(struct line **line)
{
    secret_free(*line, sizeof(**line));
}

static tkr_error_t fail(struct fault *fault, const char *path)
{
    int number = errno;
    tkr_error_t error = number == ENOENT                      ? TKR_NOT_FOUND
                        : number == EACCES || number == EROFS ? TKR_READ_ONLY
                        : number == ENOSPC                    ? TKR_NO_SPACE
                                                              : TKR_IO;
    return fault_set(fault, error, "audit.key_file", "%s: %s", path, strerror(number));
}

static tkr_error_t check_mode(int fd, const char *path, struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(fault, path);
    }
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0) {
        return fault_set(fault, TKR_FORBIDDEN, "audit.key_file",
                         "%s: others may read it, and could forge the audit log: chmod 600", path);
    }
    return TKR_OK;
}

static tkr_error_t read_line(int fd, const char *path, struct line *line, struct fault *fault)
{
    TRY(check_mode(fd, path, fault));
    ssize_t length = pread(fd, line->text, sizeof(line->text), 0);
    if (length < 0) {
        return fail(fault, path);
    }
    if ((size_t)length != LINE_BYTES || memcmp(line->text, BEGIN, sizeof(BEGIN) - 1) != 0 ||
        line->text[LINE_BYTES - 1] != '\n' ||
        text_unhex(line->text + sizeof(BEGIN) - 1, sizeof(line->seed) * 2, line->seed) != TKR_OK) {
        return fault_set(fault, TKR_MALFORMED, "audit.key_file",
                         "%s: this is no key of an audit log", path);
    }
    return TKR_OK;
}

static tkr_error_t sync_parent(const char *path)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL
                     ? snprintf(parent, sizeof(parent), ".")
                     : snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);
    ENSURE(length > 0 && (size_t)length < sizeof(parent), TKR_TOO_LARGE);
    int fd CLEANUP(close_fd) = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0 && fsync(fd) == 0, TKR_IO);
    return TKR_OK;
}

static tkr_error_t fresh_path(const char *path, char ret_path[static PATH_BYTES],
                              struct fault *fault)
{
    int length = snprintf(ret_path, PATH_BYTES, "%s.new", path);
    if (length < 0 || (size_t)length >= PATH_BYTES) {
        return fault_set(fault, TKR_TOO_LARGE, "audit.key_file", "%s: the path is too long", path);
    }
    return TKR_OK;
}

static tkr_error_t make(const char *path, const struct random_source *random, struct line *line,
                        struct fault *fault)
{
    TRY(random_fill(random, line->seed, sizeof(line->seed)));
    memcpy(line->text, BEGIN, sizeof(BEGIN) - 1);
    text_hex(line->seed, sizeof(line->seed), line->text + sizeof(BEGIN) - 1);
    line->text[LINE_BYTES - 1] = '\n';
    (void)unlink(path);
    int fd CLEANUP(close_fd) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line->text, LINE_BYTES) != (ssize_t)LINE_BYTES || fsync(fd) != 0) {
        tkr_error_t error = fail(fault, path);
        (void)unlink(path);
        return error;
    }
    return TKR_OK;
}

/* The one that was made before and never became the key, or another; a half-written one is none. */
static tkr_error_t take_fresh(const char *path, const struct random_source *random,
                              struct line *line, struct fault *fault)
{
    char fresh[PATH_BYTES];
    TRY(fresh_path(path, fresh, fault));
    int fd CLEANUP(close_fd) = open(fresh, OPEN_FLAGS);
    if (fd >= 0 && read_line(fd, fresh, line, NULL) == TKR_OK) {
        return TKR_OK;
    }
    return make(fresh, random, line, fault);
}

tkr_error_t audit_key_open(const char *path, const struct random_source *random,
                           struct seal_key **ret_key, bool *ret_is_new, struct fault *fault)
{
    void *memory = NULL;
    bool is_new = false;
    TRY(secret_alloc(sizeof(struct line), &memory));
    struct line *line CLEANUP(free_line) = memory;
    int fd CLEANUP(close_fd) = open(path, OPEN_FLAGS);
    if (fd >= 0) {
        TRY(read_line(fd, path, line, fault));
    } else if (errno == ENOENT && random != NULL) {
        TRY(take_fresh(path, random, line, fault));
        is_new = true;
    } else {
        return fail(fault, path);
    }
    TRY(seal_key_new(line->seed, ret_key));
    *ret_is_new = is_new;
    return TKR_OK;
}

tkr_error_t audit_key_keep(const char *path, struct fault *fault)
{
    char fresh[PATH_BYTES];
    TRY(fresh_path(path, fresh, fault));
    if (rename(fresh, path) != 0) {
        return fail(fault, path);
    }
    return sync_parent(path);
}
