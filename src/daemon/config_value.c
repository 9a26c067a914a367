/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, writing and freeing one value, by the type of its row: a table of three functions
 * a type. A reader leaves the member alone when it fails, so that a bad line changes nothing.
 */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config_rows.h"

/* How much of a value an error shows. */
#define SHOWN_BYTES 60

static void *member_of(void *record, const struct config_row *row)
{
    return (char *)record + row->offset;
}

static const void *member_of_const(const void *record, const struct config_row *row)
{
    return (const char *)record + row->offset;
}

/* Quotes what was given, cut and without what a terminal would act upon. */
static void show_value(struct buffer *reason, const char *value)
{
    buffer_add_char(reason, '"');
    for (size_t i = 0; i < SHOWN_BYTES && value[i] != '\0'; i++) {
        buffer_add_char(reason, isprint((unsigned char)value[i]) ? value[i] : '?');
    }
    buffer_add_text(reason, strlen(value) > SHOWN_BYTES ? "...\"" : "\"");
}

tkr_error_t config_refuse(struct buffer *reason, tkr_error_t error, const char *value,
                          const char *why)
{
    show_value(reason, value);
    buffer_print(reason, " %s", why);
    return error;
}

/* --- texts -------------------------------------------------------------------------------- */

static tkr_error_t keep_text(void *record, const struct config_row *row, const char *value)
{
    char **member = member_of(record, row);
    char *copy = strdup(value);
    ENSURE(copy != NULL, TKR_MEMORY);
    free(*member);
    *member = copy;
    return TKR_OK;
}

static tkr_error_t read_text(void *record, const struct config_row *row, const char *value,
                             struct buffer *reason)
{
    size_t length = strlen(value);
    if (!text_is_printable_utf8(value, length)) {
        return config_refuse(reason, TKR_MALFORMED, value, "is not printable UTF-8");
    }
    if ((int64_t)length < row->least || (int64_t)length > row->most) {
        buffer_print(reason, "%zu bytes are outside %" PRId64 "..%" PRId64, length, row->least,
                     row->most);
        return TKR_OUT_OF_RANGE;
    }
    return keep_text(record, row, value);
}

static tkr_error_t read_prefix(void *record, const struct config_row *row, const char *value,
                               struct buffer *reason)
{
    if (!token_prefix_valid(value)) {
        return config_refuse(reason, TKR_MALFORMED, value,
                             "is not 2 to 32 of a-z, 0-9 and _ with a _ at the end");
    }
    return keep_text(record, row, value);
}

static bool address_valid(const char *value)
{
    const char *colon = strrchr(value, ':');
    uint64_t port = 0;
    if (colon == NULL || text_parse_u64(colon + 1, strlen(colon + 1), &port) != TKR_OK ||
        port > UINT16_MAX) {
        return false;
    }
    size_t length = (size_t)(colon - value);
    struct ip_address address;
    if (length == 0) {
        return true;
    }
    if (value[0] == '[') {
        return length > 2 && value[length - 1] == ']' &&
               ip_parse(value + 1, length - 2, &address) == TKR_OK;
    }
    return memchr(value, ':', length) == NULL && ip_parse(value, length, &address) == TKR_OK;
}

static tkr_error_t read_address(void *record, const struct config_row *row, const char *value,
                                struct buffer *reason)
{
    if (value[0] != '\0' && !address_valid(value)) {
        return config_refuse(reason, TKR_MALFORMED, value,
                             "is not ADDRESS:PORT like 127.0.0.1:8080, [::1]:8080 or :8080");
    }
    return read_text(record, row, value, reason);
}

static void write_text(const void *record, const struct config_row *row, struct buffer *out)
{
    buffer_add_text(out, *(char *const *)member_of_const(record, row));
}

static void free_text(void *record, const struct config_row *row)
{
    char **member = member_of(record, row);
    free(*member);
    *member = NULL;
}

/* --- numbers ------------------------------------------------------------------------------ */

static tkr_error_t keep_number(void *record, const struct config_row *row, int64_t number)
{
    *(int64_t *)member_of(record, row) = number;
    return TKR_OK;
}

/* For texts made of digits and letters only. */
static tkr_error_t out_of_range(const struct config_row *row, const char *value,
                                struct buffer *reason)
{
    char range[CONFIG_RANGE_SIZE];
    buffer_print(reason, "%.40s is outside %s", value, config_bounds(row, range));
    return TKR_OUT_OF_RANGE;
}

static tkr_error_t read_integer(void *record, const struct config_row *row, const char *value,
                                struct buffer *reason)
{
    uint64_t number = 0;
    tkr_error_t error = text_parse_u64(value, strlen(value), &number);
    if (error == TKR_MALFORMED) {
        return config_refuse(reason, error, value, "is not a whole number");
    }
    if (error != TKR_OK || number > INT64_MAX || (int64_t)number < row->least ||
        (int64_t)number > row->most) {
        return out_of_range(row, value, reason);
    }
    return keep_number(record, row, (int64_t)number);
}

static void write_integer(const void *record, const struct config_row *row, struct buffer *out)
{
    buffer_print(out, "%" PRId64, *(const int64_t *)member_of_const(record, row));
}

static tkr_error_t read_octal(void *record, const struct config_row *row, const char *value,
                              struct buffer *reason)
{
    size_t length = strlen(value);
    if (length == 0 || strspn(value, "01234567") != length) {
        return config_refuse(reason, TKR_MALFORMED, value, "is not an octal number like 0660");
    }
    unsigned long number = length > 10 ? ULONG_MAX : strtoul(value, NULL, 8);
    if (number > (unsigned long)row->most) {
        return out_of_range(row, value, reason);
    }
    return keep_number(record, row, (int64_t)number);
}

static void write_octal(const void *record, const struct config_row *row, struct buffer *out)
{
    buffer_print(out, "%04" PRIo64, *(const int64_t *)member_of_const(record, row));
}

static tkr_error_t read_seconds(void *record, const struct config_row *row, const char *value,
                                struct buffer *reason)
{
    int64_t seconds = 0;
    tkr_error_t error = text_parse_duration_s(value, strlen(value), &seconds);
    if (error == TKR_MALFORMED) {
        return config_refuse(reason, error, value,
                             "is not a duration like 90, 90s, 15m, 24h or 30d");
    }
    if (error != TKR_OK || seconds < row->least || seconds > row->most) {
        return out_of_range(row, value, reason);
    }
    return keep_number(record, row, seconds);
}

static tkr_error_t read_lifetime(void *record, const struct config_row *row, const char *value,
                                 struct buffer *reason)
{
    if (strcmp(value, "never") == 0) {
        return keep_number(record, row, 0);
    }
    return read_seconds(record, row, value, reason);
}

static void write_lifetime(const void *record, const struct config_row *row, struct buffer *out)
{
    int64_t seconds = *(const int64_t *)member_of_const(record, row);
    if (seconds == 0) {
        buffer_add_text(out, "never");
    } else if (seconds % 86400 == 0) {
        buffer_print(out, "%" PRId64 "d", seconds / 86400);
    } else {
        buffer_print(out, "%" PRId64 "s", seconds);
    }
}

static tkr_error_t read_choice(void *record, const struct config_row *row, const char *value,
                               struct buffer *reason)
{
    size_t length = strlen(value);
    int64_t number = 0;
    for (const char *word = row->unit;; number++) {
        size_t word_length = strcspn(word, ",");
        if (word_length == length && memcmp(word, value, length) == 0) {
            return keep_number(record, row, number);
        }
        if (word[word_length] == '\0') {
            break;
        }
        word += word_length + 1;
    }
    char range[CONFIG_RANGE_SIZE];
    show_value(reason, value);
    buffer_print(reason, " is not %s", config_bounds(row, range));
    return TKR_OUT_OF_RANGE;
}

static void write_choice(const void *record, const struct config_row *row, struct buffer *out)
{
    const char *word = row->unit;
    for (int64_t n = *(const int64_t *)member_of_const(record, row); n > 0; n--) {
        word += strcspn(word, ",") + 1;
    }
    buffer_add(out, word, strcspn(word, ","));
}

static void free_number(void *record, const struct config_row *row)
{
    *(int64_t *)member_of(record, row) = 0;
}

/* --- by type ------------------------------------------------------------------------------ */

static const struct {
    tkr_error_t (*read)(void *record, const struct config_row *row, const char *value,
                        struct buffer *reason);
    void (*write)(const void *record, const struct config_row *row, struct buffer *out);
    void (*free)(void *record, const struct config_row *row);
} types[CONFIG_TYPE_COUNT] = {
    [CONFIG_TEXT] = {read_text, write_text, free_text},
    [CONFIG_PATH] = {read_text, write_text, free_text},
    [CONFIG_ADDRESS] = {read_address, write_text, free_text},
    [CONFIG_PREFIX] = {read_prefix, write_text, free_text},
    [CONFIG_INTEGER] = {read_integer, write_integer, free_number},
    [CONFIG_OCTAL] = {read_octal, write_octal, free_number},
    [CONFIG_SECONDS] = {read_seconds, write_integer, free_number},
    [CONFIG_LIFETIME] = {read_lifetime, write_lifetime, free_number},
    [CONFIG_CHOICE] = {read_choice, write_choice, free_number},
    [CONFIG_NETWORKS] = {config_networks_read, config_networks_write, config_networks_free},
    [CONFIG_SOURCES] = {config_sources_read, config_sources_write, config_sources_free},
    [CONFIG_DAYS] = {config_days_read, config_days_write, free_number},
};

tkr_error_t config_value_read(void *record, const struct config_row *row, const char *value,
                              struct buffer *reason)
{
    if (strlen(value) > CONFIG_VALUE_BYTES_MAX) {
        buffer_print(reason, "%zu bytes are more than a value may have (%d)", strlen(value),
                     CONFIG_VALUE_BYTES_MAX);
        return TKR_OUT_OF_RANGE;
    }
    return types[row->type].read(record, row, value, reason);
}

void config_value_write(const void *record, const struct config_row *row, struct buffer *out)
{
    types[row->type].write(record, row, out);
}

void config_value_free(void *record, const struct config_row *row)
{
    types[row->type].free(record, row);
}

/* `fixed,sliding` becomes `one of fixed, sliding`. */
static void format_choices(const char *words, char out[CONFIG_RANGE_SIZE])
{
    size_t length = (size_t)snprintf(out, CONFIG_RANGE_SIZE, "one of ");
    for (; *words != '\0' && length + 3 < CONFIG_RANGE_SIZE; words++) {
        out[length++] = *words;
        if (*words == ',') {
            out[length++] = ' ';
        }
    }
    out[length] = '\0';
}

const char *config_bounds(const struct config_row *row, char out[CONFIG_RANGE_SIZE])
{
    switch (row->type) {
    case CONFIG_OCTAL:
        snprintf(out, CONFIG_RANGE_SIZE, "%04" PRIo64 "..%04" PRIo64, row->least, row->most);
        break;
    case CONFIG_INTEGER:
    case CONFIG_SECONDS:
    case CONFIG_LIFETIME:
        snprintf(out, CONFIG_RANGE_SIZE, "%" PRId64 "..%" PRId64, row->least, row->most);
        break;
    case CONFIG_CHOICE:
        format_choices(row->unit, out);
        break;
    default:
        out[0] = '\0';
        break;
    }
    return out;
}
