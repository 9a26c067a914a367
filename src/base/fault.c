/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/*
 * Replaces every byte that is not part of a printable UTF-8 character by '?': details often
 * quote what a caller sent, and end up in JSON, in a log and on terminals. The cut at the
 * maximum may have split a character; its rest becomes '?' too.
 */
static void make_printable(char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        uint32_t point;
        size_t bytes = text_utf8_next(text + i, length - i, &point);
        if (bytes == 0 || !text_is_printable(point)) {
            text[i] = '?';
            bytes = 1;
        }
        i += bytes;
    }
}

tkr_error_t fault_set(struct fault *fault, tkr_error_t error, const char *field, const char *format,
                      ...)
{
    if (fault == NULL) {
        return error;
    }
    fault->error = error;
    snprintf(fault->field, sizeof(fault->field), "%s", field != NULL ? field : "");
    make_printable(fault->field);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->detail, sizeof(fault->detail), format, arguments);
    va_end(arguments);
    make_printable(fault->detail);
    return error;
}
