/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text with `[section]` lines and `key = value` lines, parsed by inih. inih is lenient where
 * a configuration must not be, so the lines pass through a reader of ours first:
 *
 *   - its handler is not told the line: our reader counts, one call a line;
 *   - a line longer than its buffer is silently split in two: we refuse it;
 *   - an indented line continues the value above: switched off, so that indentation is free;
 *   - what stands behind the `]` of a section, or behind a NUL, is dropped: refused.
 *
 * What stays of it: `#` and `;` begin a comment, at the start of a line or after a space;
 * `:` may stand for `=`; a UTF-8 byte order mark is skipped. A key twice is the listener's matter.
 */
#ifndef DAEMON_INI_TEXT_H
#define DAEMON_INI_TEXT_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/fault.h"

struct ini_listener {
    /* `section` is "" before the first one. */
    void (*value)(void *context, unsigned line, const char *section, const char *key,
                  const char *value);
    void (*complaint)(void *context, unsigned line, tkr_error_t error, const char *what);
    void *context;
};

/* Goes on after a complaint. Errors: TKR_MEMORY. Not thread-safe: inih keeps its settings in
 * globals. */
MUST_USE tkr_error_t ini_text_read(const char *text, size_t length,
                                   const struct ini_listener *listener);

enum ini_file_mode {
    INI_FILE_ANY_MODE,
    INI_FILE_PRIVATE, /* it holds secrets: nobody but its owner and group may read it, and nobody
                         but its owner write it */
};
/* The whole of a regular file, up to the maximum of `text`. Errors, which name the file:
 * TKR_NOT_FOUND, TKR_IO, TKR_FORBIDDEN (its mode), TKR_TOO_LARGE, TKR_MEMORY. */
MUST_USE tkr_error_t ini_file_read(const char *path, enum ini_file_mode mode, struct buffer *text,
                                   struct fault *fault);

#endif
