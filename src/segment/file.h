/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in memory: sparse when it is made, mapped once, its pages claimed before they are
 * touched. On a tmpfs a page that cannot be had is a SIGBUS at the first touch; claiming
 * (MADV_POPULATE_WRITE) turns that into an error code.
 *
 * Mappings begin at a multiple of 2 MiB, and claims of that size ask for huge pages, also of a
 * tmpfs that was mounted without them (MADV_COLLAPSE, Linux 6.1). At 10 million tokens they
 * take a look-up from 810 to 560 ns and claiming 2 GiB from 2.2 to 0.3 s.
 */
#ifndef SEGMENT_FILE_H
#define SEGMENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

struct segment_file {
    int fd;        /* -1: none */
    uint8_t *base; /* NULL: not mapped */
    size_t bytes;  /* mapped */
};
#define SEGMENT_FILE_NONE ((struct segment_file){.fd = -1})

/* Makes `name` anew (a file of that name goes) with `bytes` of nothing, and maps it. Errors:
 * TKR_NO_SPACE, TKR_IO, TKR_MEMORY. */
MUST_USE tkr_error_t segment_file_create(int directory, const char *name, mode_t mode, size_t bytes,
                                         struct segment_file *ret_file);
/* Opens `name` without mapping it. Errors: TKR_NOT_FOUND, TKR_IO. */
MUST_USE tkr_error_t segment_file_open(int directory, const char *name, bool writable,
                                       struct segment_file *ret_file, uint64_t *ret_size);
MUST_USE tkr_error_t segment_file_map(struct segment_file *file, size_t bytes, bool writable);
void segment_file_close(struct segment_file *file);

/* Claims the pages of [begin, end), which lie inside the file. TKR_NO_SPACE: some may be
 * claimed already; the same call again goes on from there. */
MUST_USE tkr_error_t segment_file_claim(struct segment_file *file, uint64_t begin, uint64_t end);

/* The next claim of something that grows: how far to go so that `needed` is inside. Small
 * steps while it is small, so that an empty segment takes little. */
uint64_t segment_claim_step(uint64_t claimed, uint64_t needed, uint64_t maximum);

/* errno as one of ours. */
tkr_error_t segment_errno(void);

#endif
