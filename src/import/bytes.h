/* SPDX-License-Identifier: Apache-2.0 */
/* A file read once from front to back, some bytes at a time, through wiped memory: what passes
 * may be a token. */
#ifndef IMPORT_BYTES_H
#define IMPORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct bytes {
    int fd;
    char *memory; /* IMPORT_READ_BYTES of secret memory; NULL: a text of the caller's */
    const char *data;
    size_t at, length;
    uint64_t passed; /* bytes before `data` */
    uint64_t line;   /* of the next byte, from 1 */
    bool ended, failed;
};

/* `path` `-` is standard input. A byte order mark is passed over. Errors: TKR_NOT_FOUND, TKR_IO,
 * TKR_FORBIDDEN, TKR_MEMORY, with the path in `fault`. */
MUST_USE tkr_error_t bytes_open(struct bytes *bytes, const char *path, struct fault *fault);
/* A text in memory, which must outlive it. */
void bytes_open_text(struct bytes *bytes, const char *text, size_t length);
void bytes_close(struct bytes *bytes); /* also what was never opened (zeros) */

#define BYTES_END (-1)
/* The next byte, or BYTES_END; peeking leaves it there. */
int bytes_peek(struct bytes *bytes);
int bytes_next(struct bytes *bytes);
/* How long the file is; 0 when that is not known (a pipe). */
uint64_t bytes_total(const struct bytes *bytes);
/* Where the next byte stands, from 0. */
uint64_t bytes_offset(const struct bytes *bytes);
/* TKR_IO when the end is one of reading only. */
MUST_USE tkr_error_t bytes_status(const struct bytes *bytes, struct fault *fault);

#endif
