/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is built on the caller's stack and written at once, so threads need no lock and a
 * pipe or an O_APPEND file never sees two lines mixed (a line is at most PIPE_BUF bytes).
 *
 *     {"time":"2026-01-02T03:04:05.678Z","level":"info","event":"started","port":8080}
 *     2026-01-02T03:04:05.678Z INFO    started port=8080
 *
 * Room for the end of the line is kept back while fields are added, so that a line that is
 * too long is still a whole object.
 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"

#define TAIL_BYTES 32 /* `","truncated":true}` and the newline; in text ` truncated=true` */

#define PLAIN_BYTES_MAX 128

struct log {
    int fd;
    enum log_format format;
    enum log_level least;
    bool colour;
    const struct clock *clock;
};

static const struct {
    const char *name, *padded, *colour;
} levels[LOG_LEVEL_COUNT] = {
    [LOG_DEBUG] = {"debug", "DEBUG  ", "\x1b[2m"},
    [LOG_INFO] = {"info", "INFO   ", "\x1b[32m"},
    [LOG_WARNING] = {"warning", "WARNING", "\x1b[33m"},
    [LOG_ERROR] = {"error", "ERROR  ", "\x1b[31m"},
};

struct line {
    char bytes[LOG_LINE_BYTES_MAX];
    size_t length;
    bool truncated;
};

tkr_error_t log_new(int fd, enum log_format format, enum log_level least, const struct clock *clock,
                    struct log **ret_log)
{
    struct log *log = calloc(1, sizeof(*log));
    ENSURE(log != NULL, TKR_MEMORY);
    const char *no_color = getenv("NO_COLOR");
    bool colour_refused = no_color != NULL && no_color[0] != '\0';
    log->fd = fd;
    log->format = format;
    log->least = least;
    log->clock = clock;
    log->colour = format == LOG_FORMAT_TEXT && !colour_refused && isatty(fd) == 1;
    *ret_log = log;
    return TKR_OK;
}

void log_free(struct log *log)
{
    free(log);
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

/* All or nothing, so that no escape and no character is cut in its middle. */
static bool add(struct line *line, const char *text, size_t length)
{
    if (line->truncated || length > sizeof(line->bytes) - TAIL_BYTES - line->length) {
        line->truncated = true;
        return false;
    }
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
    return true;
}

static bool add_text(struct line *line, const char *text)
{
    return add(line, text, strlen(text));
}

/* The end of a line goes into the room that was kept back. */
static void add_tail(struct line *line, const char *text)
{
    size_t length = strlen(text);
    ASSERT(length <= sizeof(line->bytes) - line->length);
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

/* One character as JSON writes it (RFC 8259 §7); DEL and C1 too, since terminals obey them. */
static bool add_escaped_point(struct line *line, const char *raw, size_t bytes, uint32_t point)
{
    static const char shorthand[128] = {['"'] = '"',  ['\\'] = '\\', ['\n'] = 'n', ['\t'] = 't',
                                        ['\r'] = 'r', ['\b'] = 'b',  ['\f'] = 'f'};
    if (point < sizeof(shorthand) && shorthand[point] != '\0') {
        return add(line, (char[]){'\\', shorthand[point]}, 2);
    }
    if (text_is_control(point)) {
        char escape[8];
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)point);
        return add(line, escape, 6);
    }
    return add(line, raw, bytes);
}

/* A quoted value. The closing quote may use the room kept back: TAIL_BYTES counts it. */
static void add_quoted(struct line *line, const char *text)
{
    if (!add(line, "\"", 1)) {
        return;
    }
    size_t length = strlen(text);
    bool fits = true;
    for (size_t i = 0; i < length && fits;) {
        uint32_t point;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        if (bytes == 0) {
            fits = add_text(line, "\xEF\xBF\xBD"); /* U+FFFD, the replacement character */
            bytes = 1;
        } else {
            fits = add_escaped_point(line, text + i, bytes, point);
        }
        i += bytes;
    }
    line->bytes[line->length++] = '"';
}

/* Whether a value of the text format needs no quotes. A long one gets them: a quoted value can
 * be cut, a plain one is all or nothing. */
static bool is_plain(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= PLAIN_BYTES_MAX && text_is_visible_ascii(text, length) &&
           strpbrk(text, "\"\\=") == NULL;
}

static void add_number(struct line *line, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    add_text(line, digits);
}

/* Adds a whole field or, when not even its name fits, nothing. */
static void add_field(struct line *line, enum log_format format, const struct log_field *field)
{
    size_t before = line->length;
    if (format == LOG_FORMAT_JSON) {
        add(line, ",", 1);
        if (!line->truncated) {
            add_quoted(line, field->name);
        }
        add(line, ":", 1);
    } else {
        add(line, " ", 1);
        add_text(line, field->name);
        add(line, "=", 1);
    }
    size_t value_at = line->length;
    if (field->text == NULL) {
        add_number(line, field->number);
    } else if (format == LOG_FORMAT_TEXT && is_plain(field->text)) {
        add_text(line, field->text);
    } else {
        add_quoted(line, field->text);
    }
    if (line->truncated && line->length == value_at) {
        line->length = before;
    }
}

static void build_json(struct line *line, const char *time, enum log_level level, const char *event,
                       const struct log_field *fields)
{
    add_text(line, "{\"time\":\"");
    add_text(line, time);
    add_text(line, "\",\"level\":\"");
    add_text(line, levels[level].name);
    add_text(line, "\",\"event\":");
    add_quoted(line, event);
    for (; fields->name != NULL && !line->truncated; fields++) {
        add_field(line, LOG_FORMAT_JSON, fields);
    }
    add_tail(line, line->truncated ? ",\"truncated\":true}\n" : "}\n");
}

static void build_text(struct line *line, bool colour, const char *time, enum log_level level,
                       const char *event, const struct log_field *fields)
{
    add_text(line, time);
    add_text(line, " ");
    add_text(line, colour ? levels[level].colour : "");
    add_text(line, levels[level].padded);
    add_text(line, colour ? "\x1b[0m " : " ");
    if (is_plain(event)) {
        add_text(line, event);
    } else {
        add_quoted(line, event);
    }
    for (; fields->name != NULL && !line->truncated; fields++) {
        add_field(line, LOG_FORMAT_TEXT, fields);
    }
    add_tail(line, line->truncated ? " truncated=true\n" : "\n");
}

void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields)
{
    if (log == NULL || level < log->least) {
        return;
    }
    char time[TEXT_TIME_SIZE];
    text_format_time_ms(clock_wall_ms(log->clock), time);
    struct line line;
    line.length = 0;
    line.truncated = false;
    if (log->format == LOG_FORMAT_JSON) {
        build_json(&line, time, level, event, fields);
    } else {
        build_text(&line, log->colour, time, level, event, fields);
    }
    int saved = errno; /* callers log between a failure and looking at errno */
    ssize_t written;
    do {
        written = write(log->fd, line.bytes, line.length);
    } while (written < 0 && errno == EINTR);
    errno = saved;
}
