/* SPDX-License-Identifier: Apache-2.0 */
/* The table as rows, and the reading and writing of one value. For the readers of tables. */
#ifndef DAEMON_CONFIG_ROWS_H
#define DAEMON_CONFIG_ROWS_H

#include "base/buffer.h"
#include "daemon/config.h"

enum config_type {
    CONFIG_TEXT,     /* printable UTF-8 */
    CONFIG_PATH,     /* the same; `~` is not expanded */
    CONFIG_ADDRESS,  /* HOST:PORT, HOST an address, [address], or empty */
    CONFIG_PREFIX,   /* see token_prefix_valid */
    CONFIG_INTEGER,  /* decimal */
    CONFIG_OCTAL,    /* octal */
    CONFIG_SECONDS,  /* seconds, or with a unit: 90s, 15m, 24h */
    CONFIG_LIFETIME, /* like seconds; `never` is kept as 0 */
    CONFIG_CHOICE,   /* the number of the word in `unit` */
    CONFIG_NETWORKS, /* trusted_proxies */
    CONFIG_SOURCES,  /* credential_sources */
    CONFIG_DAYS,     /* monitor_expiry_days */
    CONFIG_TYPE_COUNT
};

struct config_row {
    const char *section, *key;
    enum config_type type;
    size_t offset; /* of the member in struct config, or another record with a table */
    int64_t least, most;
    const char *fallback; /* the default */
    const char *unit, *flag, *description;
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

struct config_section {
    const char *name, *description;
};
extern const struct config_section config_sections[];
extern const size_t config_section_count;

/* NULL when the table has no such key. */
const struct config_row *config_row_find(const char *section, const char *key);

/*
 * Reads `value` into the member of the record that the row is about (struct config, of the rows of
 * this table). On an error `reason` gets why, e.g. `0 is outside 1..86400`,
 * and the member keeps its value. Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE, TKR_MEMORY.
 */
MUST_USE tkr_error_t config_value_read(void *record, const struct config_row *row,
                                       const char *value, struct buffer *reason);
/* The text that config_value_read would read back. */
void config_value_write(const void *record, const struct config_row *row, struct buffer *out);
/* The range for people: `1..86400`, `one of fixed, sliding`, or "". Returns `out`. */
const char *config_bounds(const struct config_row *row, char out[CONFIG_RANGE_SIZE]);
/* Frees what the member owns. */
void config_value_free(void *record, const struct config_row *row);

/* `"VALUE" WHY` as the reason, VALUE cut and without what a terminal would act upon; returns
 * `error`. */
tkr_error_t config_refuse(struct buffer *reason, tkr_error_t error, const char *value,
                          const char *why);

/* The three functions of a type, for lists (config_list.c); as config_value_read, _write and
 * _free. */
MUST_USE tkr_error_t config_networks_read(void *record, const struct config_row *row,
                                          const char *value, struct buffer *reason);
void config_networks_write(const void *record, const struct config_row *row, struct buffer *out);
void config_networks_free(void *record, const struct config_row *row);
MUST_USE tkr_error_t config_sources_read(void *record, const struct config_row *row,
                                         const char *value, struct buffer *reason);
void config_sources_write(const void *record, const struct config_row *row, struct buffer *out);
void config_sources_free(void *record, const struct config_row *row);
MUST_USE tkr_error_t config_days_read(void *record, const struct config_row *row, const char *value,
                                      struct buffer *reason);
void config_days_write(const void *record, const struct config_row *row, struct buffer *out);

/*
 * Sets a key from anywhere: looks up the row, reads the value, and reports a failure as
 * `ORIGIN: section.key: reason` to `fault` (which keeps the first) and to the complaint's
 * listener.
 */
MUST_USE tkr_error_t config_assign(struct config *config, const char *section, const char *key,
                                   const char *value, const char *origin, struct fault *fault);
/* Reports an error that is not of one value; returns `error`. */
tkr_error_t config_complain(const struct config *config, struct fault *fault, tkr_error_t error,
                            const char *field, const char *format, ...) PRINTF_LIKE(5, 6);

/* --- config_print.c: for the texts that are made of tables ----------------------------------- */

/* Text wrapped at `width` columns, each line after `lead`. */
void config_print_wrapped(FILE *out, const char *lead, const char *text, size_t width);
/* A row of an example file, commented out; and of a manual page. */
void config_print_example_row(const struct config_row *row, FILE *out);
void config_print_manual_row(const struct config_row *row, FILE *out);

#endif
