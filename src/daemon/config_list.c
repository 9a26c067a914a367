/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are lists: `a, b, c`. A list that is read takes the place of the former as a
 * whole, or, when one entry is wrong, not at all. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/config_rows.h"

/* Next entry of `a, b, c`, without the spaces around it; false at the end. */
static bool next_entry(const char **rest, char ret_entry[CONFIG_VALUE_BYTES_MAX + 1])
{
    if (*rest == NULL) {
        return false;
    }
    const char *start = *rest + strspn(*rest, " \t");
    size_t length = strcspn(start, ",");
    *rest = start[length] == ',' ? start + length + 1 : NULL;
    while (length > 0 && (start[length - 1] == ' ' || start[length - 1] == '\t')) {
        length--;
    }
    memcpy(ret_entry, start, length);
    ret_entry[length] = '\0';
    return true;
}

static size_t count_entries(const char *value)
{
    size_t count = value[0] != '\0' ? 1 : 0;
    for (; *value != '\0'; value++) {
        count += *value == ',';
    }
    return count;
}

static tkr_error_t check_count(const struct config_row *row, size_t count, struct buffer *reason)
{
    if ((int64_t)count < row->least || (int64_t)count > row->most) {
        buffer_print(reason, "%zu entries are outside %" PRId64 "..%" PRId64, count, row->least,
                     row->most);
        return TKR_OUT_OF_RANGE;
    }
    return TKR_OK;
}

static void free_cidrs(struct cidr **networks)
{
    free(*networks);
}

tkr_error_t config_networks_read(void *record, const struct config_row *row, const char *value,
                                 struct buffer *reason)
{
    struct config *config = record;
    size_t count = count_entries(value);
    TRY(check_count(row, count, reason));
    struct cidr *networks CLEANUP(free_cidrs) = calloc(count + 1, sizeof(struct cidr));
    ENSURE(networks != NULL, TKR_MEMORY);
    char entry[CONFIG_VALUE_BYTES_MAX + 1] = "";
    const char *rest = value;
    for (size_t i = 0; i < count && next_entry(&rest, entry); i++) {
        if (cidr_parse(entry, strlen(entry), &networks[i]) != TKR_OK) {
            return config_refuse(
                reason, TKR_MALFORMED, entry,
                "is not an address or a network like 10.0.0.0/8 without host bits");
        }
    }
    free(config->trusted_proxies);
    config->trusted_proxies = networks;
    config->trusted_proxy_count = count;
    networks = NULL;
    return TKR_OK;
}

void config_networks_write(const void *record, const struct config_row *row, struct buffer *out)
{
    const struct config *config = record;
    char text[CIDR_TEXT_SIZE];
    for (size_t i = 0; i < config->trusted_proxy_count; i++) {
        buffer_print(out, "%s%s", i > 0 ? ", " : "",
                     cidr_format(&config->trusted_proxies[i], text));
    }
}

void config_networks_free(void *record, const struct config_row *row)
{
    struct config *config = record;
    free(config->trusted_proxies);
    config->trusted_proxies = NULL;
    config->trusted_proxy_count = 0;
}

void config_sources_free(void *record, const struct config_row *row)
{
    struct config *config = record;
    for (size_t i = 0; i < config->credential_source_count; i++) {
        free(config->credential_sources[i].header);
        free(config->credential_sources[i].scheme);
    }
    free(config->credential_sources);
    config->credential_sources = NULL;
    config->credential_source_count = 0;
}

static void config_sources_release(struct config *parsed)
{
    config_sources_free(parsed, NULL);
}

/* RFC 9110 §5.6.2 `token`, without the odd signs that no such header has. */
static bool is_header_word(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_') {
            return false;
        }
    }
    return length > 0 && length <= 64;
}

/* `Authorization: Bearer` or `X-API-Key`. */
static tkr_error_t read_source(const char *entry, struct config_source *ret_source,
                               struct buffer *reason)
{
    size_t header_length = strcspn(entry, ": ");
    const char *scheme = entry + header_length;
    scheme += scheme[0] == ':';
    scheme += strspn(scheme, " ");
    size_t scheme_length = strlen(scheme);
    bool colon = entry[header_length] == ':';
    if (!is_header_word(entry, header_length) || colon != (scheme_length > 0) ||
        (colon && !is_header_word(scheme, scheme_length))) {
        return config_refuse(reason, TKR_MALFORMED, entry,
                             "is not a header like X-API-Key or Authorization: Bearer");
    }
    ret_source->header = strndup(entry, header_length);
    ret_source->scheme = strdup(scheme);
    return ret_source->header != NULL && ret_source->scheme != NULL ? TKR_OK : TKR_MEMORY;
}

tkr_error_t config_sources_read(void *record, const struct config_row *row, const char *value,
                                struct buffer *reason)
{
    struct config *config = record;
    size_t count = count_entries(value);
    TRY(check_count(row, count, reason));
    struct config parsed CLEANUP(config_sources_release) = {0};
    parsed.credential_sources = calloc(count + 1, sizeof(struct config_source));
    ENSURE(parsed.credential_sources != NULL, TKR_MEMORY);
    char entry[CONFIG_VALUE_BYTES_MAX + 1] = "";
    const char *rest = value;
    while (parsed.credential_source_count < count && next_entry(&rest, entry)) {
        struct config_source *source = &parsed.credential_sources[parsed.credential_source_count++];
        TRY(read_source(entry, source, reason));
    }
    config_sources_free(config, row);
    config->credential_sources = parsed.credential_sources;
    config->credential_source_count = parsed.credential_source_count;
    parsed.credential_sources = NULL;
    parsed.credential_source_count = 0;
    return TKR_OK;
}

void config_sources_write(const void *record, const struct config_row *row, struct buffer *out)
{
    const struct config *config = record;
    for (size_t i = 0; i < config->credential_source_count; i++) {
        const struct config_source *source = &config->credential_sources[i];
        buffer_print(out, "%s%s%s%s", i > 0 ? ", " : "", source->header,
                     source->scheme[0] != '\0' ? ": " : "", source->scheme);
    }
}

/* --- days ------------------------------------------------------------------------------------ */

/* Into their place, the most first. False: it is there already. */
static bool insert_day(int64_t *days, size_t count, int64_t day)
{
    size_t place = count;
    for (size_t i = 0; i < count; i++) {
        if (days[i] == day) {
            return false;
        }
    }
    while (place > 0 && days[place - 1] < day) {
        days[place] = days[place - 1];
        place--;
    }
    days[place] = day;
    return true;
}

tkr_error_t config_days_read(void *record, const struct config_row *row, const char *value,
                             struct buffer *reason)
{
    struct config *config = record;
    size_t count = count_entries(value);
    int64_t days[MONITOR_EXPIRY_MAX] = {0};
    char entry[CONFIG_VALUE_BYTES_MAX + 1] = "";
    const char *rest = value;
    TRY(check_count(row, count, reason));
    for (size_t i = 0; i < count && next_entry(&rest, entry); i++) {
        uint64_t day = 0;
        if (text_parse_u64(entry, strlen(entry), &day) != TKR_OK || day < 1 ||
            day > MONITOR_EXPIRY_DAYS_MAX) {
            return config_refuse(reason, TKR_MALFORMED, entry,
                                 "is not a number of days, 1 to 3650");
        }
        if (!insert_day(days, i, (int64_t)day)) {
            return config_refuse(reason, TKR_MALFORMED, entry, "is there twice");
        }
    }
    memcpy(config->monitor_expiry_days, days, sizeof(days));
    config->monitor_expiry_count = count;
    return TKR_OK;
}

void config_days_write(const void *record, const struct config_row *row, struct buffer *out)
{
    const struct config *config = record;
    for (size_t i = 0; i < config->monitor_expiry_count; i++) {
        buffer_print(out, "%s%" PRId64, i > 0 ? ", " : "", config->monitor_expiry_days[i]);
    }
}
