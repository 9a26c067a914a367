/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/recording.h"

#include <inttypes.h>
#include <string.h>

/* What some programs write before the first character of UTF-8. */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

void recording_init(struct recording *recording, const struct recording_options *options)
{
    recording->options = *options;
    recording->columns.count = 0;
    recording->line = 0;
    recording->has_header = recording->overlong = false;
    recording->kept = 0;
}

static tkr_error_t report(struct recording *recording, const struct fault *why, struct fault *fault)
{
    const struct recording_options *options = &recording->options;
    tkr_error_t error = options->bad(options->context, recording->line, why);
    return error == TKR_OK ? TKR_OK
                           : fault_set(fault, error, why->field, "line %" PRIu64 ": %s",
                                       recording->line, why->detail);
}

static tkr_error_t read_header(struct recording *recording, const char *line, size_t length,
                               struct fault *fault)
{
    recording->has_header = true;
    return recorded_read_header(&recording->options.rules, line, length, &recording->columns,
                                fault);
}

static tkr_error_t read_request(struct recording *recording, const char *line, size_t length,
                                struct fault *fault)
{
    const struct recording_options *options = &recording->options;
    struct recorded recorded;
    struct fault why = {0};
    tkr_error_t error =
        options->format == RECORDING_CSV
            ? recorded_read_csv(&options->rules, &recording->columns, line, length, &recorded, &why)
            : recorded_read_json(&options->rules, line, length, &recorded, &why);
    if (error == TKR_MEMORY) {
        return error;
    }
    return error == TKR_OK ? options->request(options->context, recording->line, &recorded, fault)
                           : report(recording, &why, fault);
}

static size_t skip_mark(const struct recording *recording, const char *line, size_t length)
{
    size_t mark = sizeof(BYTE_ORDER_MARK) - 1;
    bool marked =
        recording->line == 1 && length >= mark && memcmp(line, BYTE_ORDER_MARK, mark) == 0;
    return marked ? mark : 0;
}

/* A whole line. */
static tkr_error_t take_line(struct recording *recording, const char *line, size_t length,
                             struct fault *fault)
{
    size_t mark = skip_mark(recording, line, length);
    line += mark;
    length -= mark;
    length -= length > 0 && line[length - 1] == '\r';
    size_t first = 0;
    while (first < length && (line[first] == ' ' || line[first] == '\t')) {
        first++;
    }
    if (first == length) {
        return TKR_OK;
    }
    struct recording_options *options = &recording->options;
    if (options->format == RECORDING_ANY) {
        options->format = line[first] == '{' ? RECORDING_NDJSON : RECORDING_CSV;
    }
    if (options->format == RECORDING_CSV && !recording->has_header) {
        return read_header(recording, line, length, fault);
    }
    return read_request(recording, line, length, fault);
}

static tkr_error_t end_line(struct recording *recording, struct fault *fault)
{
    size_t length = recording->kept;
    recording->kept = 0;
    if (!recording->overlong) {
        return take_line(recording, recording->text, length, fault);
    }
    recording->overlong = false;
    struct fault why = {0};
    tkr_error_t error =
        fault_set(&why, TKR_TOO_LARGE, "", "longer than %d bytes", SIMULATE_LINE_BYTES_MAX);
    ENSURE(recording->options.format != RECORDING_CSV || recording->has_header,
           fault_set(fault, error, "", "the header is %s", why.detail));
    return report(recording, &why, fault);
}

static void keep(struct recording *recording, const char *bytes, size_t length)
{
    if (recording->overlong || length > sizeof(recording->text) - recording->kept) {
        recording->overlong = true;
        return;
    }
    memcpy(recording->text + recording->kept, bytes, length);
    recording->kept += length;
}

tkr_error_t recording_feed(struct recording *recording, const char *bytes, size_t length,
                           struct fault *fault)
{
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t part = end != NULL ? (size_t)(end - bytes) : length;
        bool begins = recording->kept == 0 && !recording->overlong;
        recording->line += begins;
        if (begins && end != NULL && part <= sizeof(recording->text)) {
            TRY(take_line(recording, bytes, part, fault)); /* whole: no copy */
        } else {
            keep(recording, bytes, part);
            if (end != NULL) {
                TRY(end_line(recording, fault));
            }
        }
        size_t used = part + (end != NULL);
        bytes += used;
        length -= used;
    }
    return TKR_OK;
}

tkr_error_t recording_end(struct recording *recording, struct fault *fault)
{
    bool open = recording->kept > 0 || recording->overlong;
    return open ? end_line(recording, fault) : TKR_OK;
}
