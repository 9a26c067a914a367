/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API_TOKEN, one token that all share, and API_TOKENS, a list with commas between, each with a
 * label and a colon before it or without (document 000). A label is the user and the name. What
 * has none belongs to the user `shared` and is called after its place in the list. The colon
 * counts from the left, as the old code splits: a token without label may have none.
 *
 * Of a .env file only the lines of these two are read; other lines may be anything. As with those
 * who read such files, the last of several lines of one name counts. In double quotes a backslash
 * keeps the next character.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "import/bytes.h"
#include "import/row.h"

#define SHARED_USER "shared"

static const char *const variables[] = {"API_TOKEN", "API_TOKENS"};
#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

struct env {
    struct buffer values[VARIABLE_COUNT]; /* secret */
    size_t variable, at;                  /* of the next entry */
    size_t entry;                         /* within its variable, from 1 */
};

/* --- a .env file ----------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && is_blank((*text)[*length - 1])) {
        (*length)--;
    }
}

/* An unquoted value ends before ` #`. */
static void add_plain(const char *text, size_t length, struct buffer *value)
{
    for (size_t i = 1; i < length; i++) {
        if (text[i] == '#' && is_blank(text[i - 1])) {
            length = i;
        }
    }
    if (length > 0 && text[0] == '#') {
        length = 0;
    }
    trim(&text, &length);
    buffer_add(value, text, length);
}

/* False when the quote does not end on this line, or more than a comment follows. */
static bool add_quoted(const char *text, size_t length, struct buffer *value)
{
    size_t i = 1;
    while (i < length && text[i] != text[0]) {
        i += text[0] == '"' && text[i] == '\\' && i + 1 < length ? 1 : 0;
        buffer_add_char(value, text[i++]);
    }
    if (i >= length) {
        return false;
    }
    text += i + 1;
    length -= i + 1;
    trim(&text, &length);
    return length == 0 || text[0] == '#';
}

static tkr_error_t read_line(struct env *env, const char *line, size_t length, uint64_t number,
                             struct fault *fault)
{
    static const char export_word[] = "export ";
    trim(&line, &length);
    if (length >= sizeof(export_word) && memcmp(line, export_word, sizeof(export_word) - 1) == 0) {
        line += sizeof(export_word) - 1;
        length -= sizeof(export_word) - 1;
    }
    const char *equals = memchr(line, '=', length);
    if (equals == NULL) {
        return TKR_OK;
    }
    const char *name = line, *text = equals + 1;
    size_t name_length = (size_t)(equals - line), text_length = length - name_length - 1;
    trim(&name, &name_length);
    trim(&text, &text_length);
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strlen(variables[i]) != name_length || memcmp(variables[i], name, name_length) != 0) {
            continue;
        }
        buffer_clear(&env->values[i]);
        if (text_length == 0 || (text[0] != '"' && text[0] != '\'')) {
            add_plain(text, text_length, &env->values[i]);
        } else if (!add_quoted(text, text_length, &env->values[i])) {
            return fault_set(fault, TKR_MALFORMED, variables[i],
                             "line %llu: the quotes of %s do not end, or something follows them",
                             (unsigned long long)number, variables[i]);
        }
        ENSURE(!env->values[i].overflowed, TKR_MEMORY);
    }
    return TKR_OK;
}

static tkr_error_t read_file(struct env *env, const char *path, struct fault *fault)
{
    struct bytes bytes CLEANUP(bytes_close) = {.fd = -1};
    struct buffer line CLEANUP(buffer_deinit);
    buffer_init_secret(&line, IMPORT_ENV_BYTES_MAX);
    TRY(bytes_open(&bytes, path, fault));
    for (;;) {
        uint64_t number = bytes.line;
        int byte = bytes_next(&bytes);
        if (byte != '\n' && byte != BYTES_END) {
            buffer_add_char(&line, (char)byte);
            continue;
        }
        if (line.overflowed || bytes_offset(&bytes) > IMPORT_ENV_BYTES_MAX) {
            return fault_set(fault, TKR_TOO_LARGE, "", "%s has more than %d bytes", path,
                             IMPORT_ENV_BYTES_MAX);
        }
        if (line.length > 0) {
            TRY(read_line(env, line.data, line.length, number, fault));
        }
        buffer_clear(&line);
        if (byte == BYTES_END) {
            return bytes_status(&bytes, fault);
        }
    }
}

static tkr_error_t read_environment(struct env *env, char *const *environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        for (size_t k = 0; k < VARIABLE_COUNT; k++) {
            size_t length = strlen(variables[k]);
            if (strncmp(environment[i], variables[k], length) == 0 &&
                environment[i][length] == '=') {
                buffer_add_text(&env->values[k], environment[i] + length + 1);
                ENSURE(!env->values[k].overflowed, TKR_MEMORY);
            }
        }
    }
    return TKR_OK;
}

/* --- the stream ------------------------------------------------------------------------------ */

static void env_close(struct import_source *source)
{
    struct env *env = source->state;
    for (size_t i = 0; env != NULL && i < VARIABLE_COUNT; i++) {
        buffer_deinit(&env->values[i]);
    }
    free(env);
}

static tkr_error_t env_open(struct import_source *source, const char *where, struct fault *fault)
{
    struct env *env = calloc(1, sizeof(*env));
    ENSURE(env != NULL, TKR_MEMORY);
    source->state = env;
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        buffer_init_secret(&env->values[i], IMPORT_ENV_BYTES_MAX);
    }
    if (where != NULL) {
        TRY(read_file(env, where, fault));
    } else {
        TRY(read_environment(env, source->options->environment));
    }
    if (env->values[0].length == 0 && env->values[1].length == 0) {
        return fault_set(fault, TKR_NOT_FOUND, "", "there is neither %s nor %s in %s", variables[0],
                         variables[1], where != NULL ? where : "the environment");
    }
    return TKR_OK;
}

static void read_entry(const struct env *env, const char *entry, size_t length, struct row *row)
{
    const char *variable = variables[env->variable];
    bool list = env->variable == 1;
    const char *colon = list ? memchr(entry, ':', length) : NULL;
    char name[48];
    if (colon != NULL) {
        const char *label = entry;
        size_t label_length = (size_t)(colon - entry);
        length -= label_length + 1;
        entry = colon + 1;
        trim(&label, &label_length);
        trim(&entry, &length);
        row_set(row, IMPORT_USER_ID, variable, label, label_length);
        row_set(row, IMPORT_NAME, variable, label, label_length);
    } else {
        const char *user = row->source->options->default_user;
        snprintf(name, sizeof(name), list ? "%s #%zu" : "%s", variable, env->entry);
        row_set(row, IMPORT_NAME, variable, name, strlen(name));
        row_set(row, IMPORT_USER_ID, variable, user != NULL ? user : SHARED_USER,
                strlen(user != NULL ? user : SHARED_USER));
    }
    row_set(row, IMPORT_TOKEN, variable, entry, length);
}

static tkr_error_t env_next(struct import_source *source, bool *ret_end, struct fault *fault)
{
    struct env *env = source->state;
    while (env->variable < VARIABLE_COUNT) {
        const struct buffer *value = &env->values[env->variable];
        if (env->at >= value->length) {
            env->variable++;
            env->at = env->entry = 0;
            continue;
        }
        const char *entry = value->data + env->at;
        size_t rest = value->length - env->at;
        const char *comma = env->variable == 1 ? memchr(entry, ',', rest) : NULL;
        size_t length = comma != NULL ? (size_t)(comma - entry) : rest;
        env->at += length + 1;
        env->entry++;
        trim(&entry, &length);
        if (length > 0) { /* a comma at the end makes no token */
            read_entry(env, entry, length, source->row);
            return TKR_OK;
        }
    }
    *ret_end = true;
    return TKR_OK;
}

const struct import_reader import_env = {"env", env_open, env_next, env_close};
