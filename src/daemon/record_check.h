/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of channels and targets do not say of a record and so is checked by hand, above
 * all the files with secrets that it names. Errors are told as record_file_complain does.
 */
#ifndef DAEMON_RECORD_CHECK_H
#define DAEMON_RECORD_CHECK_H

#include "base/buffer.h"
#include "daemon/record_file.h"
#include "notify/signature.h"

/* One record that is being checked. */
struct record_check {
    struct record_file *file;
    size_t index;
    struct fault *fault;
};

/* Returns TKR_INVALID. */
tkr_error_t record_refuse(const struct record_check *check, const char *key, const char *why);
/* The file that the key names, into a buffer of secret memory. INVALID: it names none. */
MUST_USE tkr_error_t record_read_secret(const struct record_check *check, const char *key,
                                        const char *path, struct buffer *text);
/* The keys in that file, in memory of secret_alloc; on an error perhaps, too. */
MUST_USE tkr_error_t record_read_keys(const struct record_check *check, const char *key,
                                      const char *path, struct notify_keys **keys);

/* The rows of a table for a manual page, each with the types that it is for. */
void record_print_manual_rows(const struct config_row *rows, size_t count, FILE *out);

#endif
