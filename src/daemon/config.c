/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/config_rows.h"
#include "daemon/config_table.h"
#include "daemon/suggest.h"

const struct config_row config_rows[] = {
#define CONFIG_ROW(section, key, type, member, least, most, fallback, unit, flag, description)     \
    {#section, #key, CONFIG_##type, offsetof(struct config, member), least, most, fallback,        \
     unit,     flag, description},
    CONFIG_TABLE(CONFIG_ROW)
#undef CONFIG_ROW
};
const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);

const struct config_section config_sections[] = {
#define CONFIG_SECTION_ROW(name, description) {#name, description},
    CONFIG_SECTIONS(CONFIG_SECTION_ROW)
#undef CONFIG_SECTION_ROW
};
const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

const struct config_row *config_row_find(const char *section, const char *key)
{
    for (size_t i = 0; i < config_row_count; i++) {
        if (strcmp(config_rows[i].section, section) == 0 && strcmp(config_rows[i].key, key) == 0) {
            return &config_rows[i];
        }
    }
    return NULL;
}

bool config_key_at(size_t index, struct config_key *ret_key)
{
    if (index >= config_row_count) {
        return false;
    }
    const struct config_row *row = &config_rows[index];
    *ret_key = (struct config_key){row->section, row->key, row->flag, row->description,
                                   row->type == CONFIG_CHOICE ? row->unit : ""};
    return true;
}

tkr_error_t config_new(struct config **ret_config)
{
    struct config *config CLEANUP(config_free_p) = calloc(1, sizeof(*config));
    ENSURE(config != NULL, TKR_MEMORY);
    struct buffer reason CLEANUP(buffer_deinit);
    buffer_init(&reason, FAULT_DETAIL_BYTES);
    for (size_t i = 0; i < config_row_count; i++) {
        tkr_error_t error =
            config_value_read(config, &config_rows[i], config_rows[i].fallback, &reason);
        ASSERT(error == TKR_OK || error == TKR_MEMORY); /* a default that its own row refuses */
        TRY(error);
    }
    *ret_config = config;
    config = NULL;
    return TKR_OK;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config_row_count; i++) {
        config_value_free(config, &config_rows[i]);
    }
    free(config);
}

void config_free_p(struct config **config)
{
    config_free(*config);
}

void config_on_complaint(struct config *config, config_complaint complain, void *context)
{
    config->complain = complain;
    config->complain_context = context;
}

tkr_error_t config_complain(const struct config *config, struct fault *fault, tkr_error_t error,
                            const char *field, const char *format, ...)
{
    char detail[FAULT_DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    struct fault complaint = {0};
    fault_set(&complaint, error, field, "%s", detail);
    if (config->complain != NULL) {
        config->complain(config->complain_context, &complaint);
    }
    if (fault != NULL) {
        *fault = complaint;
    }
    return error;
}

static tkr_error_t unknown_key(struct config *config, const char *section, const char *key,
                               const char *origin, struct fault *fault)
{
    char typed[2 * SUGGEST_WORD_BYTES_MAX + 2];
    snprintf(typed, sizeof(typed), "%s.%s", section, key);
    struct suggestion suggestion = {.word = typed};
    char known[sizeof(typed)], nearest[sizeof(typed)] = "";
    for (size_t i = 0; i < config_row_count; i++) {
        suggestion.best = nearest[0] != '\0' ? nearest : NULL;
        snprintf(known, sizeof(known), "%s.%s", config_rows[i].section, config_rows[i].key);
        suggest_offer(&suggestion, known);
        if (suggestion.best == known) {
            memcpy(nearest, known, sizeof(nearest));
        }
    }
    if (nearest[0] == '\0') { /* the right key in the wrong section? */
        for (size_t i = 0; i < config_row_count && nearest[0] == '\0'; i++) {
            if (strcmp(config_rows[i].key, key) == 0) {
                snprintf(nearest, sizeof(nearest), "%s.%s", config_rows[i].section, key);
            }
        }
    }
    if (nearest[0] == '\0') {
        return config_complain(config, fault, TKR_UNKNOWN_MEMBER, typed, "%s: %s: unknown key",
                               origin, typed);
    }
    return config_complain(config, fault, TKR_UNKNOWN_MEMBER, typed,
                           "%s: %s: unknown key; did you mean %s?", origin, typed, nearest);
}

tkr_error_t config_assign(struct config *config, const char *section, const char *key,
                          const char *value, const char *origin, struct fault *fault)
{
    const struct config_row *row = config_row_find(section, key);
    if (row == NULL) {
        return unknown_key(config, section, key, origin, fault);
    }
    struct buffer reason CLEANUP(buffer_deinit);
    buffer_init(&reason, FAULT_DETAIL_BYTES);
    tkr_error_t error = config_value_read(config, row, value, &reason);
    if (error == TKR_OK) {
        return TKR_OK;
    }
    char name[FAULT_FIELD_BYTES];
    snprintf(name, sizeof(name), "%s.%s", section, key);
    return config_complain(config, fault, error, name, "%s: %s: %s", origin, name,
                           reason.data != NULL ? reason.data : tkr_error_text(error));
}

tkr_error_t config_set(struct config *config, const char *name, const char *value,
                       const char *origin, struct fault *fault)
{
    const char *dot = strchr(name, '.');
    char section[SUGGEST_WORD_BYTES_MAX];
    if (dot == NULL || (size_t)(dot - name) >= sizeof(section)) {
        return config_complain(config, fault, TKR_MALFORMED, name,
                               "%s: %.60s: not of the form section.key", origin, name);
    }
    memcpy(section, name, (size_t)(dot - name));
    section[dot - name] = '\0';
    return config_assign(config, section, dot + 1, value, origin, fault);
}

/* --- the environment ---------------------------------------------------------------------- */

static const char environment_prefix[] = "TOKENRY_";

/* `SERVER_IDLE_S` with section `server` gives `idle_s`; false when it is of another section. */
static bool environment_key(const char *name, size_t length, const char *section, char *ret_key,
                            size_t key_size)
{
    size_t section_length = strlen(section);
    if (length <= section_length + 1 || length - section_length > key_size ||
        strncasecmp(name, section, section_length) != 0 || name[section_length] != '_') {
        return false;
    }
    size_t count = 0;
    for (size_t i = section_length + 1; i < length; i++) {
        if (islower((unsigned char)name[i])) {
            return false;
        }
        ret_key[count++] = (char)tolower((unsigned char)name[i]);
    }
    ret_key[count] = '\0';
    return true;
}

static tkr_error_t read_variable(struct config *config, const char *name, size_t length,
                                 const char *value, struct fault *fault)
{
    char origin[sizeof(environment_prefix) + SUGGEST_WORD_BYTES_MAX];
    snprintf(origin, sizeof(origin), "%s%.*s", environment_prefix,
             (int)(length < SUGGEST_WORD_BYTES_MAX ? length : SUGGEST_WORD_BYTES_MAX), name);
    if (length == 4 && memcmp(name, "DATA", 4) == 0) {
        return config_assign(config, "server", "data", value, origin, fault);
    }
    for (size_t i = 0; i < config_section_count; i++) {
        char key[SUGGEST_WORD_BYTES_MAX];
        if (environment_key(name, length, config_sections[i].name, key, sizeof(key))) {
            return config_assign(config, config_sections[i].name, key, value, origin, fault);
        }
    }
    return TKR_OK;
}

tkr_error_t config_read_environment(struct config *config, char *const *environment,
                                    struct fault *fault)
{
    tkr_error_t first = TKR_OK;
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        const char *variable = environment[i];
        const char *equals = strchr(variable, '=');
        size_t prefix_length = sizeof(environment_prefix) - 1;
        if (equals == NULL || strncmp(variable, environment_prefix, prefix_length) != 0) {
            continue;
        }
        const char *name = variable + prefix_length;
        if (name > equals) {
            continue;
        }
        tkr_error_t error = read_variable(config, name, (size_t)(equals - name), equals + 1,
                                          first == TKR_OK ? fault : NULL);
        first = first == TKR_OK ? error : first;
    }
    return first;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0;
}

bool config_is_exposed(const struct config *config)
{
    return config->listen[0] != '\0' && !is_loopback(config->listen) &&
           config->tls_certificate[0] == '\0';
}

bool config_has_socket(const struct config *config)
{
    return strcmp(config->socket, CONFIG_NO_SOCKET) != 0;
}

tkr_error_t config_check_serve(const struct config *config, struct fault *fault)
{
    if ((config->tls_certificate[0] == '\0') != (config->tls_key[0] == '\0')) {
        return config_complain(config, fault, TKR_INVALID, "server.tls_key",
                               "server.tls_certificate and server.tls_key: give both or neither");
    }
    if (config->tls_certificate[0] != '\0' && config->listen[0] == '\0') {
        return config_complain(
            config, fault, TKR_INVALID, "server.tls_certificate",
            "server.tls_certificate: TLS is for TCP, and server.listen is empty");
    }
    if (config->listen[0] == '\0' && !config_has_socket(config)) {
        return config_complain(config, fault, TKR_INVALID, "server.listen",
                               "server.listen is empty and server.socket is none: nobody could "
                               "reach Tokenry");
    }
    return TKR_OK;
}

/* Counts become coarser with age, not finer. */
static tkr_error_t check_usage(const struct config *config, struct fault *fault)
{
    if (config->usage_minutes_days > config->usage_hours_days) {
        return config_complain(config, fault, TKR_INVALID, "usage.minutes_days",
                               "usage.minutes_days is longer than usage.hours_days");
    }
    if (config->usage_days_days != 0 && config->usage_hours_days > config->usage_days_days) {
        return config_complain(config, fault, TKR_INVALID, "usage.hours_days",
                               "usage.hours_days is longer than usage.days_days");
    }
    return TKR_OK;
}

/* Nobody shall lose events by forgetting one line. */
static tkr_error_t check_audit(const struct config *config, struct fault *fault)
{
    if (config->audit_keep_days > 0 && config->audit_archive_directory[0] == '\0') {
        return config_complain(
            config, fault, TKR_INVALID, "audit.archive_directory",
            "audit.keep_days needs audit.archive_directory, where old events go; "
            "none lets them go for good");
    }
    return TKR_OK;
}

tkr_error_t config_check(const struct config *config, struct fault *fault)
{
    if (strcmp(config->prefix_live, config->prefix_test) == 0) {
        return config_complain(config, fault, TKR_INVALID, "token.prefix_test",
                               "token.prefix_live and token.prefix_test: they must differ");
    }
    static const char *const kinds[] = {
        [TOKEN_KIND_USER] = "user", [TOKEN_KIND_SERVICE] = "service", [TOKEN_KIND_ADMIN] = "admin"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int64_t most = config->lifetime_max_s[i];
        int64_t usual = config->lifetime_default_s[i];
        if (most != 0 && (usual == 0 || usual > most)) {
            return config_complain(config, fault, TKR_INVALID, "lifetime",
                                   "lifetime.%s_default is longer than lifetime.%s_max", kinds[i],
                                   kinds[i]);
        }
    }
    TRY(check_audit(config, fault));
    return check_usage(config, fault);
}

static const char *variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            return environment[i] + length + 1;
        }
    }
    return "";
}

/* Where the data is when nobody said so; see config.h. */
static char *data_fallback(char *const *environment)
{
    struct stat status;
    char *path = NULL;
    const char *data_home = variable(environment, "XDG_DATA_HOME");
    const char *home = variable(environment, "HOME");
    int printed = -1;
    if (geteuid() == 0 || stat(CONFIG_DATA_DEFAULT, &status) == 0) {
        return strdup(CONFIG_DATA_DEFAULT);
    }
    if (data_home[0] == '/') {
        printed = asprintf(&path, "%s/tokenry", data_home);
    } else if (home[0] == '/') {
        printed = asprintf(&path, "%s/.local/share/tokenry", home);
    } else {
        return strdup(CONFIG_DATA_DEFAULT);
    }
    return printed < 0 ? NULL : path;
}

/* A path that was left empty is that of `name` in the data directory. */
static tkr_error_t in_data(const struct config *config, const char *name, char **path)
{
    char *whole = NULL;
    if ((*path)[0] != '\0') {
        return TKR_OK;
    }
    ENSURE(asprintf(&whole, "%s/%s", config->data, name) >= 0, TKR_MEMORY);
    free(*path);
    *path = whole;
    return TKR_OK;
}

tkr_error_t config_resolve(struct config *config, char *const *environment, struct fault *fault)
{
    if (config->data[0] == '\0') {
        char *data = data_fallback(environment);
        ENSURE(data != NULL, TKR_MEMORY);
        free(config->data);
        config->data = data;
    }
    TRY(in_data(config, CONFIG_SOCKET_NAME, &config->socket));
    TRY(in_data(config, CONFIG_AUDIT_KEY_NAME, &config->audit_key_file));
    if (strlen(config->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return config_complain(config, fault, TKR_OUT_OF_RANGE, "server.socket",
                               "server.socket: %s is longer than the 107 bytes that a Unix "
                               "socket's name can have; set a shorter one, or none",
                               config->socket);
    }
    return TKR_OK;
}
