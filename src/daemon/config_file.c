/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: `[section]` lines and `key = value` lines, parsed by inih. inih is lenient where
 * a configuration must not be, so the lines pass through a reader of ours first:
 *
 *   - its handler is not told the line: our reader counts, one call a line;
 *   - a line longer than its buffer is silently split in two: we refuse it;
 *   - an indented line continues the value above: switched off, so that indentation is free;
 *   - a key twice means "both": we refuse the second;
 *   - what stands behind the `]` of a section, or behind a NUL, is dropped: refused.
 *
 * What stays of it: `#` and `;` begin a comment, at the start of a line or after a space;
 * `:` may stand for `=`; a UTF-8 byte order mark is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_rows.h"

/* inih wants it writable, and writes nothing. */
static char comment_signs[] = ";#";

struct reading {
    struct config *config;
    const char *name; /* of the file, for errors */
    const char *rest;
    size_t rest_length;
    unsigned line;
    unsigned *set_at; /* by row: the line that set it; 0: none */
    struct fault *fault;
    tkr_error_t first;
};

/* Keeps the first error; the listener of complaints hears all. */
static void note(struct reading *reading, tkr_error_t error)
{
    if (reading->first == TKR_OK) {
        reading->first = error;
    }
}

static struct fault *fault_of(struct reading *reading)
{
    return reading->first == TKR_OK ? reading->fault : NULL;
}

static void complain_line(struct reading *reading, tkr_error_t error, const char *what)
{
    note(reading, config_complain(reading->config, fault_of(reading), error, "", "%s:%u: %s",
                                  reading->name, reading->line, what));
}

/* `[server]`, and behind it nothing but a comment. */
static bool section_acceptable(struct reading *reading, const char *text, size_t length)
{
    const char *end = memchr(text, ']', length);
    if (end == NULL) {
        complain_line(reading, TKR_MALFORMED, "a section without its ]");
        return false;
    }
    size_t rest = length - (size_t)(end + 1 - text);
    for (end++; rest > 0 && (*end == ' ' || *end == '\t' || *end == '\r'); end++) {
        rest--;
    }
    if (rest > 0 && *end != '#' && *end != ';') {
        complain_line(reading, TKR_MALFORMED, "something behind the ] of a section");
        return false;
    }
    return true;
}

/* What inih would misread. Such a line is reported here and given to it as an empty one. */
static bool line_acceptable(struct reading *reading, const char *line, size_t length)
{
    if (length > CONFIG_LINE_BYTES_MAX) {
        complain_line(reading, TKR_TOO_LARGE, "the line is too long");
        return false;
    }
    if (memchr(line, '\0', length) != NULL) {
        complain_line(reading, TKR_MALFORMED, "the line has a NUL byte");
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
    if (value == NULL) {
        complain_line(reading, TKR_MALFORMED, "neither a [section] nor key = value");
        return 1;
    }
    char origin[FAULT_DETAIL_BYTES / 2];
    snprintf(origin, sizeof(origin), "%s:%u", reading->name, reading->line);
    if (section[0] == '\0') {
        note(reading, config_complain(reading->config, fault_of(reading), TKR_MALFORMED, key,
                                      "%s: %.60s: a key before the first [section]", origin, key));
        return 1;
    }
    const struct config_row *row = config_row_find(section, key);
    if (row != NULL && reading->set_at[row - config_rows] != 0) {
        note(reading, config_complain(reading->config, fault_of(reading), TKR_CONFLICT, key,
                                      "%s: %s.%s: set already in line %u", origin, section, key,
                                      reading->set_at[row - config_rows]));
        return 1;
    }
    if (row != NULL) {
        reading->set_at[row - config_rows] = reading->line;
    }
    note(reading, config_assign(reading->config, section, key, value, origin, fault_of(reading)));
    return 1;
}

static void free_lines(unsigned **lines)
{
    free(*lines);
}

tkr_error_t config_read_text(struct config *config, const char *text, size_t length,
                             const char *name, struct fault *fault)
{
    if (length > CONFIG_FILE_BYTES_MAX) {
        return config_complain(config, fault, TKR_TOO_LARGE, "",
                               "%s: %zu bytes are more than the maximum, %d", name, length,
                               CONFIG_FILE_BYTES_MAX);
    }
    unsigned *set_at CLEANUP(free_lines) = calloc(config_row_count, sizeof(*set_at));
    ENSURE(set_at != NULL, TKR_MEMORY);
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    ini_allow_bom = true;
    ini_allow_inline_comments = true;
    ini_inline_comment_prefixes = comment_signs;
    ini_use_stack = false;
    ini_max_line = CONFIG_LINE_BYTES_MAX + 3;
    ini_initial_alloc = CONFIG_LINE_BYTES_MAX + 3;
    ini_stop_on_first_error = false;
    struct reading reading = {.config = config,
                              .name = name,
                              .rest = text,
                              .rest_length = length,
                              .set_at = set_at,
                              .fault = fault};
    int result = ini_parse_stream(next_line, &reading, on_value, &reading);
    if (result == -2) {
        return TKR_MEMORY;
    }
    if (result != 0 && reading.first == TKR_OK) { /* something that inih alone refuses */
        return config_complain(config, fault, TKR_MALFORMED, "", "%s:%d: this line is no setting",
                               name, result);
    }
    return reading.first;
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static tkr_error_t read_all(int fd, char *bytes, size_t size, size_t *ret_length)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(fd, bytes + length, size - length);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got > 0, TKR_IO);
        length += (size_t)got;
    }
    *ret_length = length;
    return TKR_OK;
}

static void free_bytes(char **bytes)
{
    free(*bytes);
}

tkr_error_t config_read_file(struct config *config, const char *path, struct fault *fault)
{
    int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return config_complain(config, fault, errno == ENOENT ? TKR_NOT_FOUND : TKR_IO, "",
                               "%s: %s", path, strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return config_complain(config, fault, TKR_IO, "", "%s: not a regular file", path);
    }
    char *bytes CLEANUP(free_bytes) = malloc(CONFIG_FILE_BYTES_MAX + 1);
    ENSURE(bytes != NULL, TKR_MEMORY);
    size_t length = 0;
    if (read_all(fd, bytes, CONFIG_FILE_BYTES_MAX + 1, &length) != TKR_OK) {
        return config_complain(config, fault, TKR_IO, "", "%s: %s", path, strerror(errno));
    }
    return config_read_text(config, bytes, length, path, fault);
}
