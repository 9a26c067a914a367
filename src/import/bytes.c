/* SPDX-License-Identifier: Apache-2.0 */
#include "import/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"

static void skip_mark(struct bytes *bytes)
{
    static const char mark[] = "\xEF\xBB\xBF";
    (void)bytes_peek(bytes);
    if (bytes->length - bytes->at >= 3 && memcmp(bytes->data + bytes->at, mark, 3) == 0) {
        bytes->at += 3;
    }
}

tkr_error_t bytes_open(struct bytes *bytes, const char *path, struct fault *fault)
{
    *bytes = (struct bytes){.fd = -1, .line = 1};
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        int number = errno;
        tkr_error_t error = number == ENOENT   ? TKR_NOT_FOUND
                            : number == EACCES ? TKR_FORBIDDEN
                                               : TKR_IO;
        return fault_set(fault, error, "", "%s: %s", path, strerror(number));
    }
    bytes->fd = fd;
    void *memory = NULL;
    if (secret_alloc(IMPORT_READ_BYTES, &memory) != TKR_OK) {
        bytes_close(bytes);
        return TKR_MEMORY;
    }
    bytes->memory = memory;
    bytes->data = memory;
    skip_mark(bytes);
    return bytes_status(bytes, fault);
}

void bytes_open_text(struct bytes *bytes, const char *text, size_t length)
{
    *bytes = (struct bytes){.fd = -1, .line = 1, .data = text, .length = length, .ended = true};
    skip_mark(bytes);
}

void bytes_close(struct bytes *bytes)
{
    if (bytes->memory != NULL) {
        secret_free(bytes->memory, IMPORT_READ_BYTES);
    }
    if (bytes->fd > STDERR_FILENO) {
        close(bytes->fd);
    }
    *bytes = (struct bytes){.fd = -1};
}

static void fill(struct bytes *bytes)
{
    if (bytes->ended || bytes->memory == NULL) {
        return;
    }
    ssize_t count;
    do {
        count = read(bytes->fd, bytes->memory, IMPORT_READ_BYTES);
    } while (count < 0 && errno == EINTR);
    bytes->passed += bytes->length;
    bytes->at = 0;
    bytes->length = count > 0 ? (size_t)count : 0;
    bytes->ended = count <= 0;
    bytes->failed = count < 0;
}

int bytes_peek(struct bytes *bytes)
{
    if (bytes->at == bytes->length) {
        fill(bytes);
    }
    return bytes->at < bytes->length ? (unsigned char)bytes->data[bytes->at] : BYTES_END;
}

int bytes_next(struct bytes *bytes)
{
    int byte = bytes_peek(bytes);
    if (byte != BYTES_END) {
        bytes->at++;
        bytes->line += byte == '\n';
    }
    return byte;
}

uint64_t bytes_total(const struct bytes *bytes)
{
    struct stat status;
    bool known = fstat(bytes->fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
    return known ? (uint64_t)status.st_size : 0;
}

uint64_t bytes_offset(const struct bytes *bytes)
{
    return bytes->passed + bytes->at;
}

tkr_error_t bytes_status(const struct bytes *bytes, struct fault *fault)
{
    return bytes->failed ? fault_set(fault, TKR_IO, "", "the file cannot be read to its end")
                         : TKR_OK;
}
