/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file whose sections are things of one kind, each named by its section: notification channels,
 * for example. What a thing is stands in a table of rows like that of tokenry.conf; a row's
 * `section` is unused, and its `flag` says of which types the key is: "email webhook", "" for all.
 * The first row is the type, a CHOICE.
 *
 *     struct record_file *file CLEANUP(record_file_free_p) = NULL;
 *     TRY(record_file_read(&schema, path, complain, context, &file, fault));
 *     for (size_t i = 0; i < record_file_count(file); i++) {
 *         struct channel *channel = record_file_at(file, i);
 *     }
 *
 * Such a file holds secrets, so nobody but its owner and group may read it. Errors read
 * `FILE:LINE: NAME.key: ...`; the reader goes on after one, and `complain` hears them all.
 */
#ifndef DAEMON_RECORD_FILE_H
#define DAEMON_RECORD_FILE_H

#include "daemon/config.h"
#include "daemon/config_rows.h"

struct record_schema {
    const char *what; /* "channel", for people */
    const struct config_row *rows;
    size_t row_count;
    size_t record_size;
    size_t records_max;
};

struct record_file;
/* Errors: those of ini_file_read, and TKR_MALFORMED (a line, a value, a name that is not 1 to
 * RECORD_NAME_BYTES_MAX of a-z, 0-9, _ and -), TKR_UNKNOWN_MEMBER, TKR_CONFLICT (a key twice),
 * TKR_INVALID (a key that the type has not; no type), TKR_OUT_OF_RANGE, TKR_CAPACITY. */
MUST_USE tkr_error_t record_file_read(const struct record_schema *schema, const char *path,
                                      config_complaint complain, void *context,
                                      struct record_file **ret_file, struct fault *fault);
/* The same for text at hand; `name` stands for the file in errors. */
MUST_USE tkr_error_t record_file_read_text(const struct record_schema *schema, const char *text,
                                           size_t length, const char *name,
                                           config_complaint complain, void *context,
                                           struct record_file **ret_file, struct fault *fault);
void record_file_free(struct record_file *file);    /* NULL is allowed */
void record_file_free_p(struct record_file **file); /* for CLEANUP */

size_t record_file_count(const struct record_file *file);
const char *record_file_name(const struct record_file *file, size_t index);
void *record_file_at(const struct record_file *file, size_t index);
/* An error that the table does not show, of a key: `FILE:LINE: NAME.key: ...` with the line of the
 * key, or of the section when the key is not there. Returns `error`. */
tkr_error_t record_file_complain(struct record_file *file, size_t index, const char *key,
                                 struct fault *fault, tkr_error_t error, const char *format, ...)
    PRINTF_LIKE(6, 7);

#endif
