/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/record_file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ini_text.h"
#include "daemon/suggest.h"

#define ROWS_MAX 32

struct entry {
    char name[RECORD_NAME_BYTES_MAX + 1];
    unsigned line;             /* of its first key */
    unsigned set_at[ROWS_MAX]; /* by row; 0: not set */
    void *record;
};

struct record_file {
    const struct record_schema *schema;
    char *path;
    struct entry *entries; /* schema->records_max */
    size_t count;
    config_complaint complain;
    void *context;
    /* While it is read. */
    struct fault *fault;
    tkr_error_t first;
};

/* --- complaints --------------------------------------------------------------------------- */

static tkr_error_t complain(struct record_file *file, struct fault *fault, tkr_error_t error,
                            const char *field, const char *format, ...) PRINTF_LIKE(5, 6);
static tkr_error_t complain(struct record_file *file, struct fault *fault, tkr_error_t error,
                            const char *field, const char *format, ...)
{
    char detail[FAULT_DETAIL_BYTES];
    struct fault complaint = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    fault_set(&complaint, error, field, "%s", detail);
    if (file->complain != NULL) {
        file->complain(file->context, &complaint);
    }
    if (fault != NULL && fault->error == TKR_OK) {
        *fault = complaint;
    }
    return error;
}

static void note(struct record_file *file, tkr_error_t error)
{
    file->first = file->first == TKR_OK ? error : file->first;
}

tkr_error_t record_file_complain(struct record_file *file, size_t index, const char *key,
                                 struct fault *fault, tkr_error_t error, const char *format, ...)
{
    const struct entry *entry = &file->entries[index];
    unsigned line = entry->line;
    char why[FAULT_DETAIL_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < file->schema->row_count; i++) {
        if (strcmp(file->schema->rows[i].key, key) == 0 && entry->set_at[i] != 0) {
            line = entry->set_at[i];
        }
    }
    return complain(file, fault, error, key, "%.200s:%u: %s.%s: %s", file->path, line, entry->name,
                    key, why);
}

static void on_complaint(void *context, unsigned line, tkr_error_t error, const char *what)
{
    struct record_file *file = context;
    note(file, complain(file, file->fault, error, "", "%.200s:%u: %s", file->path, line, what));
}

/* --- entries ------------------------------------------------------------------------------ */

static bool name_valid(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= RECORD_NAME_BYTES_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static tkr_error_t set_defaults(const struct record_schema *schema, void *record)
{
    struct buffer reason CLEANUP(buffer_deinit);
    buffer_init(&reason, FAULT_DETAIL_BYTES);
    for (size_t i = 0; i < schema->row_count; i++) {
        tkr_error_t error =
            config_value_read(record, &schema->rows[i], schema->rows[i].fallback, &reason);
        ASSERT(error == TKR_OK || error == TKR_MEMORY); /* a default that its own row refuses */
        TRY(error);
    }
    return TKR_OK;
}

static tkr_error_t find_entry(struct record_file *file, const char *name, unsigned line,
                              struct entry **ret_entry)
{
    const struct record_schema *schema = file->schema;
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->entries[i].name, name) == 0) {
            *ret_entry = &file->entries[i];
            return TKR_OK;
        }
    }
    if (!name_valid(name)) {
        return complain(file, file->fault, TKR_MALFORMED, "",
                        "%.200s:%u: [%.60s]: the name of a %s is 1 to %d of a-z, 0-9, _ and -",
                        file->path, line, name, schema->what, RECORD_NAME_BYTES_MAX);
    }
    if (file->count == schema->records_max) {
        return complain(file, file->fault, TKR_CAPACITY, "",
                        "%.200s:%u: [%s]: there are more than %zu %ss", file->path, line, name,
                        schema->records_max, schema->what);
    }
    struct entry *entry = &file->entries[file->count];
    entry->record = calloc(1, schema->record_size);
    ENSURE(entry->record != NULL, TKR_MEMORY);
    file->count++;
    entry->line = line;
    memcpy(entry->name, name, strlen(name) + 1);
    *ret_entry = entry;
    return set_defaults(schema, entry->record);
}

static tkr_error_t unknown_key(struct record_file *file, const struct entry *entry, unsigned line,
                               const char *key)
{
    struct suggestion suggestion = {.word = key};
    for (size_t i = 0; i < file->schema->row_count; i++) {
        suggest_offer(&suggestion, file->schema->rows[i].key);
    }
    return complain(
        file, file->fault, TKR_UNKNOWN_MEMBER, key, "%.200s:%u: %s.%.60s: unknown key%s%s%s",
        file->path, line, entry->name, key, suggestion.best != NULL ? "; did you mean " : "",
        suggestion.best != NULL ? suggestion.best : "", suggestion.best != NULL ? "?" : "");
}

static tkr_error_t assign(struct record_file *file, struct entry *entry, unsigned line,
                          const char *key, const char *value)
{
    const struct record_schema *schema = file->schema;
    size_t row = 0;
    while (row < schema->row_count && strcmp(schema->rows[row].key, key) != 0) {
        row++;
    }
    if (row == schema->row_count) {
        return unknown_key(file, entry, line, key);
    }
    if (entry->set_at[row] != 0) {
        return complain(file, file->fault, TKR_CONFLICT, key,
                        "%.200s:%u: %s.%s: set already in line %u", file->path, line, entry->name,
                        key, entry->set_at[row]);
    }
    entry->set_at[row] = line;
    struct buffer reason CLEANUP(buffer_deinit);
    buffer_init(&reason, FAULT_DETAIL_BYTES);
    tkr_error_t error = config_value_read(entry->record, &schema->rows[row], value, &reason);
    ENSURE(error != TKR_OK && error != TKR_MEMORY, error);
    return complain(file, file->fault, error, key, "%.200s:%u: %s.%s: %s", file->path, line,
                    entry->name, key, reason.data != NULL ? reason.data : tkr_error_text(error));
}

static void on_value(void *context, unsigned line, const char *section, const char *key,
                     const char *value)
{
    struct record_file *file = context;
    struct entry *entry = NULL;
    if (section[0] == '\0') {
        note(file, complain(file, file->fault, TKR_MALFORMED, key,
                            "%.200s:%u: %.60s: a key before the first [%s]", file->path, line, key,
                            file->schema->what));
        return;
    }
    tkr_error_t error = find_entry(file, section, line, &entry);
    if (error == TKR_OK && entry != NULL) {
        error = assign(file, entry, line, key, value);
    }
    note(file, error);
}

/* --- types -------------------------------------------------------------------------------- */

/* Whether `words`, with spaces, has the word. */
static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t found = strcspn(at, " ");
        if (found == length && memcmp(at, word, length) == 0) {
            return true;
        }
        at += found;
    }
    return false;
}

static tkr_error_t check_type(struct record_file *file, size_t index)
{
    const struct config_row *rows = file->schema->rows;
    const struct entry *entry = &file->entries[index];
    struct buffer type CLEANUP(buffer_deinit);
    tkr_error_t first = TKR_OK;
    buffer_init(&type, CONFIG_VALUE_BYTES_MAX);
    if (entry->set_at[0] == 0) {
        return record_file_complain(file, index, rows[0].key, file->fault, TKR_INVALID,
                                    "it must be given: one of %s", rows[0].unit);
    }
    config_value_write(entry->record, &rows[0], &type);
    TRY(buffer_status(&type));
    for (size_t i = 1; i < file->schema->row_count; i++) {
        if (entry->set_at[i] != 0 && rows[i].flag[0] != '\0' &&
            !has_word(rows[i].flag, type.data, type.length)) {
            tkr_error_t error = record_file_complain(file, index, rows[i].key, file->fault,
                                                     TKR_INVALID, "a %s of type %s has no such key",
                                                     file->schema->what, type.data);
            first = first == TKR_OK ? error : first;
        }
    }
    return first;
}

/* --- the whole ---------------------------------------------------------------------------- */

static tkr_error_t file_new(const struct record_schema *schema, const char *name,
                            struct record_file **ret_file)
{
    struct record_file *file CLEANUP(record_file_free_p) = calloc(1, sizeof(*file));
    ENSURE(file != NULL, TKR_MEMORY);
    ASSERT(schema->row_count <= ROWS_MAX);
    file->schema = schema;
    file->path = strdup(name);
    file->entries = calloc(schema->records_max, sizeof(*file->entries));
    ENSURE(file->path != NULL && file->entries != NULL, TKR_MEMORY);
    *ret_file = file;
    file = NULL;
    return TKR_OK;
}

tkr_error_t record_file_read_text(const struct record_schema *schema, const char *text,
                                  size_t length, const char *name, config_complaint complaint,
                                  void *context, struct record_file **ret_file, struct fault *fault)
{
    struct record_file *file CLEANUP(record_file_free_p) = NULL;
    struct fault first = {0};
    TRY(file_new(schema, name, &file));
    file->complain = complaint;
    file->context = context;
    file->fault = &first;
    const struct ini_listener listener = {on_value, on_complaint, file};
    TRY(ini_text_read(text, length, &listener));
    for (size_t i = 0; i < file->count; i++) {
        note(file, check_type(file, i));
    }
    file->fault = NULL;
    if (file->first != TKR_OK) {
        if (fault != NULL) {
            *fault = first;
        }
        return file->first;
    }
    *ret_file = file;
    file = NULL;
    return TKR_OK;
}

tkr_error_t record_file_read(const struct record_schema *schema, const char *path,
                             config_complaint complaint, void *context,
                             struct record_file **ret_file, struct fault *fault)
{
    struct buffer text CLEANUP(buffer_deinit);
    struct fault reason = {0};
    buffer_init_secret(&text, CONFIG_FILE_BYTES_MAX);
    tkr_error_t error = ini_file_read(path, INI_FILE_PRIVATE, &text, &reason);
    if (error != TKR_OK) {
        if (complaint != NULL && reason.error != TKR_OK) {
            complaint(context, &reason);
        }
        if (fault != NULL) {
            *fault = reason;
        }
        return error;
    }
    return record_file_read_text(schema, text.data != NULL ? text.data : "", text.length, path,
                                 complaint, context, ret_file, fault);
}

void record_file_free(struct record_file *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < file->count; i++) {
        for (size_t j = 0; j < file->schema->row_count; j++) {
            config_value_free(file->entries[i].record, &file->schema->rows[j]);
        }
        free(file->entries[i].record);
    }
    free(file->entries);
    free(file->path);
    free(file);
}

void record_file_free_p(struct record_file **file)
{
    record_file_free(*file);
}

size_t record_file_count(const struct record_file *file)
{
    return file->count;
}

const char *record_file_name(const struct record_file *file, size_t index)
{
    return file->entries[index].name;
}

void *record_file_at(const struct record_file *file, size_t index)
{
    return file->entries[index].record;
}
