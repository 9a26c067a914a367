/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ini_text.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

/* inih wants it writable, and writes nothing. */
static char comment_signs[] = ";#";

struct reading {
    const struct ini_listener *listener;
    const char *rest;
    size_t rest_length;
    unsigned line;
    bool complained;
};

static void complain(struct reading *reading, tkr_error_t error, const char *what)
{
    reading->complained = true;
    reading->listener->complaint(reading->listener->context, reading->line, error, what);
}

/* `[server]`, and behind it nothing but a comment. */
static bool section_acceptable(struct reading *reading, const char *text, size_t length)
{
    const char *end = memchr(text, ']', length);
    if (end == NULL) {
        complain(reading, TKR_MALFORMED, "a section without its ]");
        return false;
    }
    size_t rest = length - (size_t)(end + 1 - text);
    for (end++; rest > 0 && (*end == ' ' || *end == '\t' || *end == '\r'); end++) {
        rest--;
    }
    if (rest > 0 && *end != '#' && *end != ';') {
        complain(reading, TKR_MALFORMED, "something behind the ] of a section");
        return false;
    }
    return true;
}

/* What inih would misread. Such a line is reported here and given to it as an empty one. */
static bool line_acceptable(struct reading *reading, const char *line, size_t length)
{
    if (length > CONFIG_LINE_BYTES_MAX) {
        complain(reading, TKR_TOO_LARGE, "the line is too long");
        return false;
    }
    if (memchr(line, '\0', length) != NULL) {
        complain(reading, TKR_MALFORMED, "the line has a NUL byte");
        return false;
    }
    const char *text = line;
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    return length == 0 || *text != '[' || section_acceptable(reading, text, length);
}

/* inih's idea of fgets: one line a call. */
static char *next_line(char *out, int size, void *context)
{
    struct reading *reading = context;
    if (reading->rest_length == 0) {
        return NULL;
    }
    const char *line = reading->rest;
    const char *end = memchr(line, '\n', reading->rest_length);
    size_t length = end != NULL ? (size_t)(end - line) : reading->rest_length;
    size_t taken = length + (end != NULL);
    reading->rest += taken;
    reading->rest_length -= taken;
    reading->line++;
    if (!line_acceptable(reading, line, length) || length + 2 > (size_t)size) {
        length = 0;
    }
    memcpy(out, line, length);
    out[length] = '\n';
    out[length + 1] = '\0';
    return out;
}

static int on_value(void *context, const char *section, const char *key, const char *value)
{
    struct reading *reading = context;
    const struct ini_listener *listener = reading->listener;
    if (value == NULL) {
        complain(reading, TKR_MALFORMED, "neither a [section] nor key = value");
    } else {
        listener->value(listener->context, reading->line, section, key, value);
    }
    return 1;
}

tkr_error_t ini_text_read(const char *text, size_t length, const struct ini_listener *listener)
{
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    ini_allow_bom = true;
    ini_allow_inline_comments = true;
    ini_inline_comment_prefixes = comment_signs;
    ini_use_stack = false;
    ini_max_line = CONFIG_LINE_BYTES_MAX + 3;
    ini_initial_alloc = CONFIG_LINE_BYTES_MAX + 3;
    ini_stop_on_first_error = false;
    struct reading reading = {.listener = listener, .rest = text, .rest_length = length};
    int result = ini_parse_stream(next_line, &reading, on_value, &reading);
    ENSURE(result != -2, TKR_MEMORY);
    if (result != 0 && !reading.complained) { /* something that inih alone refuses */
        reading.line = (unsigned)result;
        complain(&reading, TKR_MALFORMED, "this line is no setting");
    }
    return TKR_OK;
}

/* --- files -------------------------------------------------------------------------------- */

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static tkr_error_t read_all(int fd, struct buffer *text)
{
    char bytes[4096];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, TKR_IO);
        if (got == 0 || text->overflowed) {
            return buffer_status(text);
        }
        buffer_add(text, bytes, (size_t)got);
    }
}

static tkr_error_t check_status(int fd, enum ini_file_mode mode, const char *path,
                                struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return fault_set(fault, TKR_IO, "", "%s: not a regular file", path);
    }
    if (mode == INI_FILE_PRIVATE && (status.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "%s: it holds secrets, and others may read or change it: chmod 640", path);
    }
    return TKR_OK;
}

tkr_error_t ini_file_read(const char *path, enum ini_file_mode mode, struct buffer *text,
                          struct fault *fault)
{
    int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, errno == ENOENT ? TKR_NOT_FOUND : TKR_IO, "", "%s: %s", path,
                         strerror(errno));
    }
    TRY(check_status(fd, mode, path, fault));
    tkr_error_t error = read_all(fd, text);
    if (error == TKR_TOO_LARGE) {
        return fault_set(fault, error, "", "%s: it has more than the maximum of %zu bytes", path,
                         text->bytes_max);
    }
    return error == TKR_OK ? TKR_OK : fault_set(fault, error, "", "%s: %s", path, strerror(errno));
}
