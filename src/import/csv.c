/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 4180 with a header: commas, lines that end with CRLF or LF, fields in double quotes where
 * they hold one of these, a quote in them written twice. The first line names the columns. A field
 * without characters is null.
 *
 * A quote that never ends would take the rest of the file with it, so it ends the stream, with the
 * line it stands on. Everything else that is wrong with a line is that line's own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "import/bytes.h"
#include "import/row.h"

struct field {
    size_t start, length;
};

struct record {
    struct buffer text; /* secret: all fields, each with a NUL behind it */
    struct field fields[IMPORT_COLUMNS_MAX];
    size_t count;
    uint64_t line;      /* on which it begins */
    const char *reason; /* why it is none; NULL */
};

struct csv {
    struct bytes bytes;
    struct record record;
    size_t column_count;
    size_t chosen[IMPORT_MEMBER_COUNT];
    const char *names[IMPORT_COLUMNS_MAX]; /* in header */
    struct buffer header;
};

static void add_byte(struct record *record, int byte)
{
    if (byte == '\0') {
        record->reason = "it has a NUL";
    }
    buffer_add_char(&record->text, (char)byte);
}

static void end_field(struct record *record, size_t start)
{
    if (record->count == IMPORT_COLUMNS_MAX) {
        record->reason = "it has too many fields";
        return;
    }
    record->fields[record->count++] = (struct field){start, record->text.length - start};
    buffer_add_char(&record->text, '\0');
}

/* Behind the opening quote, up to the closing one. Errors: TKR_MALFORMED at the end of the file. */
static tkr_error_t read_quoted(struct bytes *bytes, struct record *record)
{
    for (;;) {
        int byte = bytes_next(bytes);
        ENSURE(byte != BYTES_END, TKR_MALFORMED);
        if (byte == '"') {
            if (bytes_peek(bytes) != '"') {
                return TKR_OK;
            }
            (void)bytes_next(bytes);
        }
        add_byte(record, byte);
    }
}

static bool ends_field(struct bytes *bytes)
{
    int byte = bytes_peek(bytes);
    return byte == ',' || byte == '\n' || byte == BYTES_END;
}

static void read_plain(struct bytes *bytes, struct record *record)
{
    while (!ends_field(bytes)) {
        int byte = bytes_next(bytes);
        if (byte == '\r' && (bytes_peek(bytes) == '\n' || bytes_peek(bytes) == BYTES_END)) {
            continue;
        }
        if (byte == '"') {
            record->reason = "a quote stands within a field";
        }
        add_byte(record, byte);
    }
}

/* One line, which several may be. */
static tkr_error_t read_record(struct bytes *bytes, struct record *record, bool *ret_end)
{
    buffer_clear(&record->text);
    record->count = 0;
    record->reason = NULL;
    record->line = bytes->line;
    *ret_end = bytes_peek(bytes) == BYTES_END;
    for (bool more = !*ret_end; more;) {
        size_t start = record->text.length;
        if (bytes_peek(bytes) == '"') {
            (void)bytes_next(bytes);
            TRY(read_quoted(bytes, record));
            size_t end = record->text.length;
            read_plain(bytes, record); /* nothing, but for the CR of a line's end */
            if (record->text.length != end) {
                record->reason = "something follows a closing quote";
            }
        } else {
            read_plain(bytes, record);
        }
        end_field(record, start);
        more = bytes_next(bytes) == ',';
    }
    if (record->text.overflowed) {
        record->reason = "it is too long";
    }
    return TKR_OK;
}

static bool is_blank_line(const struct record *record)
{
    return record->count == 1 && record->fields[0].length == 0;
}

static tkr_error_t next_record(struct csv *csv, bool *ret_end, struct fault *fault)
{
    do {
        if (read_record(&csv->bytes, &csv->record, ret_end) != TKR_OK) {
            return fault_set(fault, TKR_MALFORMED, "", "a quote of line %llu does not end",
                             (unsigned long long)csv->record.line);
        }
    } while (!*ret_end && is_blank_line(&csv->record));
    return bytes_status(&csv->bytes, fault);
}

static tkr_error_t read_header(struct import_source *source, struct csv *csv, struct fault *fault)
{
    bool end = false;
    TRY(next_record(csv, &end, fault));
    if (end) {
        return fault_set(fault, TKR_MALFORMED, "",
                         "it is empty: the first line must name the "
                         "columns");
    }
    if (csv->record.reason != NULL) {
        return fault_set(fault, TKR_MALFORMED, "", "the first line: %s", csv->record.reason);
    }
    buffer_add(&csv->header, csv->record.text.data, csv->record.text.length);
    TRY(buffer_status(&csv->header));
    csv->column_count = csv->record.count;
    for (size_t i = 0; i < csv->column_count; i++) {
        csv->names[i] = csv->header.data + csv->record.fields[i].start;
    }
    return columns_choose_all(&source->columns, source->options, csv->names, csv->column_count,
                              csv->chosen, fault);
}

static tkr_error_t csv_open(struct import_source *source, const char *where, struct fault *fault)
{
    struct csv *csv = calloc(1, sizeof(*csv));
    ENSURE(csv != NULL, TKR_MEMORY);
    source->state = csv;
    buffer_init_secret(&csv->record.text, IMPORT_ENTRY_BYTES_MAX);
    buffer_init_secret(&csv->header, IMPORT_ENTRY_BYTES_MAX);
    TRY(bytes_open(&csv->bytes, where != NULL ? where : "-", fault));
    source->bytes = &csv->bytes;
    source->total = bytes_total(&csv->bytes);
    return read_header(source, csv, fault);
}

static void csv_close(struct import_source *source)
{
    struct csv *csv = source->state;
    if (csv != NULL) {
        bytes_close(&csv->bytes);
        buffer_deinit(&csv->record.text);
        buffer_deinit(&csv->header);
        free(csv);
    }
}

static tkr_error_t csv_next(struct import_source *source, bool *ret_end, struct fault *fault)
{
    struct csv *csv = source->state;
    struct row *row = source->row;
    const struct record *record = &csv->record;
    TRY(next_record(csv, ret_end, fault));
    row->out.number = record->line;
    if (*ret_end) {
        return TKR_OK;
    }
    if (record->reason != NULL) {
        row_bad(row, "", "%s", record->reason);
        return TKR_OK;
    }
    if (record->count != csv->column_count) {
        row_bad(row, "", "it has %zu fields, and the first line %zu", record->count,
                csv->column_count);
        return TKR_OK;
    }
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        size_t column = csv->chosen[member];
        if (column != SIZE_MAX) {
            const struct field *field = &record->fields[column];
            const char *text = record->text.data + field->start;
            row_set(row, (enum import_member)member, csv->names[column],
                    field->length > 0 ? text : NULL, field->length);
        }
    }
    return TKR_OK;
}

const struct import_reader import_csv = {"csv", csv_open, csv_next, csv_close};
