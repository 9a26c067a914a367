/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structured log. Only daemon/, http/, api/ and jobs/ use it: libraries return errors.
 * One line an event: JSON, or text on a terminal. Thread-safe; a line is one write(2).
 * Values are escaped; a line never contains a token (callers pass display prefixes).
 *
 *     log_event(log, LOG_WARNING, "store_full", LOG_TEXT("path", path), LOG_INT("errno", e));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/check.h"
#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVEL_COUNT };
enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

struct log_field {
    const char *name; /* NULL ends the list */
    const char *text; /* NULL: `number` holds the value */
    int64_t number;
};
/* A text, where NULL reads as "". A function, because compilers warn of `array ? array : ""`. */
static inline struct log_field log_text_field(const char *name, const char *value)
{
    return (struct log_field){name, value != 0 ? value : "", 0};
}
#define LOG_TEXT(name, value) log_text_field((name), (value))
#define LOG_INT(name, value) ((struct log_field){(name), (const char *)0, (int64_t)(value)})

struct log;

/* `fd` stays the caller's. Text is coloured when `fd` is a terminal and NO_COLOR is unset or
 * empty. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t log_new(int fd, enum log_format format, enum log_level least,
                             const struct clock *clock, struct log **ret_log);
void log_free(struct log *log);                   /* NULL is allowed */
const char *log_level_name(enum log_level level); /* "debug", "info", "warning", "error" */
/*
 * Writes one line of at most LOG_LINE_BYTES_MAX bytes. Values that do not fit are cut at a
 * character and the line says `truncated`. Bytes that are not UTF-8 become U+FFFD. A line
 * that cannot be written is dropped: logging never blocks or fails its caller's work.
 */
void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields); /* log NULL: nothing */
#ifdef __cppcheck__ /* version 2.10 does not know __VA_OPT__ and would skip the whole file */
#define log_event(log, level, event, ...) log_fields((log), (level), (event), (void *)0)
#else
#define log_event(log, level, event, ...)                                                          \
    log_fields((log), (level), (event),                                                            \
               (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0, 0, 0}})
#endif

#endif
