/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording, as bytes that come piece by piece: split into lines, and each read as a request.
 *
 *     recording_init(&recording, &options);
 *     TRY(recording_feed(&recording, bytes, length, fault));   as often as there are some
 *     TRY(recording_end(&recording, fault));
 *
 * Lines end with LF or CRLF, the last one need not; those of white space only are skipped. A
 * bad line is told to `bad` and left out. The first line says which format it is, unless that
 * was told: one that begins with `{` is JSON, anything else the header of CSV.
 *
 * Memory: the struct itself. No I/O.
 */
#ifndef SIMULATE_RECORDING_H
#define SIMULATE_RECORDING_H

#include "simulate/recorded.h"

enum recording_format { RECORDING_ANY, RECORDING_NDJSON, RECORDING_CSV };

struct recording_options {
    enum recording_format format;
    struct recorded_rules rules;
    /* A request, in the order of the lines. An error ends the reading. */
    tkr_error_t (*request)(void *context, uint64_t line, const struct recorded *recorded,
                           struct fault *fault);
    /* A line that is left out, and why. An error ends the reading. */
    tkr_error_t (*bad)(void *context, uint64_t line, const struct fault *why);
    void *context;
};

struct recording {
    struct recording_options options;
    struct recorded_columns columns;
    uint64_t line; /* number of the last one that began */
    bool has_header;
    bool overlong; /* the rest of this line is dropped */
    size_t kept;   /* bytes of a line that has not ended */
    char text[SIMULATE_LINE_BYTES_MAX];
};

void recording_init(struct recording *recording, const struct recording_options *options);
/* Errors: those of the callbacks, and of a header that says nothing (recorded_read_header). When
 * `bad` ended it the detail names the line and says why. */
MUST_USE tkr_error_t recording_feed(struct recording *recording, const char *bytes, size_t length,
                                    struct fault *fault);
MUST_USE tkr_error_t recording_end(struct recording *recording, struct fault *fault);

#endif
