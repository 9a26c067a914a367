/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of the audit log: files of lines (audit/line.h), each of one range of events.
 *
 *     audit-5f3a9c01-0000000000000001-0000000000001000.ndjson
 *           the store   the first event      the last one
 *
 * A file says what its events follow and ends with the signed checkpoint of its last one. It is
 * written as NAME.new, with mode 0600, put on disk, read back from there and held against the
 * chain, and only then gets its name: so one that has its name is whole.
 */
#ifndef JOBS_ARCHIVE_H
#define JOBS_ARCHIVE_H

#include "audit/checkpoint.h"
#include "base/fault.h"
#include "engine/store_port.h"

#define ARCHIVE_NAME_SIZE 64

struct archive {
    const char *directory;
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    const uint8_t *public_key; /* whose checkpoints are trusted */
};

struct archive_range {
    uint64_t first_seq, last_seq;
};

/* Returns `out`. */
const char *archive_name(const struct archive *archive, const struct archive_range *range,
                         char out[ARCHIVE_NAME_SIZE]);
/* Of its file: one says where it begins, and one is the checkpoint. */
uint64_t archive_lines(const struct archive_range *range);
/* Whether it is such a name, of this store. */
bool archive_name_read(const struct archive *archive, const char *name,
                       struct archive_range *ret_range);
/* The file that has this event, if there is one: the range with the lowest end. Errors:
 * TKR_NOT_FOUND (no such file), with words those of opening the directory. */
MUST_USE tkr_error_t archive_find(const struct archive *archive, uint64_t seq,
                                  struct archive_range *ret_range, struct fault *fault);

/*
 * Writes the events from the head's first up to the checkpoint's, and checks them as below.
 * `stop`, asked now and then, gives it up: TKR_UNAVAILABLE. Errors, with words: TKR_CORRUPT (the
 * log is not as it was written: nothing of it may go), TKR_NO_SPACE, TKR_NOT_FOUND, TKR_READ_ONLY,
 * TKR_IO, those of the store.
 */
MUST_USE tkr_error_t archive_write(const struct archive *archive, const struct store_port *store,
                                   const struct store_head *head,
                                   const struct audit_checkpoint *checkpoint,
                                   bool (*stop)(void *context), void *context, struct fault *fault);
/* Whether a file that is there has its whole range, and what the log begins behind (the head's
 * base) is in it; *ret_digest is that of its last event. TKR_CORRUPT with words: it does not. */
MUST_USE tkr_error_t archive_check(const struct archive *archive, const struct archive_range *range,
                                   const struct store_head *head,
                                   uint8_t ret_digest[AUDIT_DIGEST_BYTES], struct fault *fault);
/* Holds the events of the log from the head's first up to `last_seq` against the chain; *ret_digest
 * is that of the last one. TKR_CORRUPT with words: they do not hold. */
MUST_USE tkr_error_t archive_check_log(const struct archive *archive,
                                       const struct store_port *store,
                                       const struct store_head *head, uint64_t last_seq,
                                       uint8_t ret_digest[AUDIT_DIGEST_BYTES], struct fault *fault);

#endif
