/* SPDX-License-Identifier: Apache-2.0 */
/* The file: its lines (daemon/ini_text.h) as keys of the table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_rows.h"
#include "daemon/ini_text.h"

struct reading {
    struct config *config;
    const char *name; /* of the file, for errors */
    unsigned *set_at; /* by row: the line that set it; 0: none */
    struct fault *fault;
    tkr_error_t first;
};

/* Keeps the first error; the listener of complaints hears all. */
static void note(struct reading *reading, tkr_error_t error)
{
    if (reading->first == TKR_OK) {
        reading->first = error;
    }
}

static struct fault *fault_of(struct reading *reading)
{
    return reading->first == TKR_OK ? reading->fault : NULL;
}

static void on_complaint(void *context, unsigned line, tkr_error_t error, const char *what)
{
    struct reading *reading = context;
    note(reading, config_complain(reading->config, fault_of(reading), error, "", "%s:%u: %s",
                                  reading->name, line, what));
}

static void on_value(void *context, unsigned line, const char *section, const char *key,
                     const char *value)
{
    struct reading *reading = context;
    char origin[FAULT_DETAIL_BYTES / 2];
    snprintf(origin, sizeof(origin), "%s:%u", reading->name, line);
    if (section[0] == '\0') {
        note(reading, config_complain(reading->config, fault_of(reading), TKR_MALFORMED, key,
                                      "%s: %.60s: a key before the first [section]", origin, key));
        return;
    }
    const struct config_row *row = config_row_find(section, key);
    if (row != NULL && reading->set_at[row - config_rows] != 0) {
        note(reading, config_complain(reading->config, fault_of(reading), TKR_CONFLICT, key,
                                      "%s: %s.%s: set already in line %u", origin, section, key,
                                      reading->set_at[row - config_rows]));
        return;
    }
    if (row != NULL) {
        reading->set_at[row - config_rows] = line;
    }
    note(reading, config_assign(reading->config, section, key, value, origin, fault_of(reading)));
}

static void free_lines(unsigned **lines)
{
    free(*lines);
}

tkr_error_t config_read_text(struct config *config, const char *text, size_t length,
                             const char *name, struct fault *fault)
{
    if (length > CONFIG_FILE_BYTES_MAX) {
        return config_complain(config, fault, TKR_TOO_LARGE, "",
                               "%s: %zu bytes are more than the maximum, %d", name, length,
                               CONFIG_FILE_BYTES_MAX);
    }
    unsigned *set_at CLEANUP(free_lines) = calloc(config_row_count, sizeof(*set_at));
    ENSURE(set_at != NULL, TKR_MEMORY);
    struct reading reading = {config, name, set_at, fault, TKR_OK};
    const struct ini_listener listener = {on_value, on_complaint, &reading};
    TRY(ini_text_read(text, length, &listener));
    return reading.first;
}

tkr_error_t config_read_file(struct config *config, const char *path, struct fault *fault)
{
    struct buffer text CLEANUP(buffer_deinit);
    struct fault reason = {0};
    buffer_init(&text, CONFIG_FILE_BYTES_MAX + 1);
    tkr_error_t error = ini_file_read(path, INI_FILE_ANY_MODE, &text, &reason);
    if (error != TKR_OK) {
        return error == TKR_MEMORY ? error
                                   : config_complain(config, fault, error, "", "%s", reason.detail);
    }
    return config_read_text(config, text.data != NULL ? text.data : "", text.length, path, fault);
}
