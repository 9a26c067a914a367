/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is header lines, `Name: value`, ended by LF. What must hold: a credential that is
 * found stands in some line's value, byte for byte; the order of the lines decides neither
 * whether there is a conflict nor which token is found; saying everything twice changes
 * nothing; a name that no source has says nothing.
 */
#include "fuzz.h"

#include <string.h>
#include <strings.h>

#include "api/credentials.h"

#define LINES_MAX 64

struct lines {
    size_t count;
    struct {
        const char *name, *value;
        size_t name_length, value_length;
    } rows[LINES_MAX];
};

static void split(const char *data, size_t size, struct lines *lines)
{
    while (size > 0 && lines->count < LINES_MAX) {
        const char *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) : size;
        const char *colon = memchr(data, ':', length);
        if (colon != NULL) {
            size_t name_length = (size_t)(colon - data);
            lines->rows[lines->count].name = data;
            lines->rows[lines->count].name_length = name_length;
            lines->rows[lines->count].value = colon + 1;
            lines->rows[lines->count].value_length = length - name_length - 1;
            lines->count++;
        }
        size_t step = length + (end != NULL);
        data += step;
        size -= step;
    }
}

static void offer(const struct credential_sources *sources, struct credential *credential,
                  const struct lines *lines, size_t i)
{
    credential_offer(sources, credential, lines->rows[i].name, lines->rows[i].name_length,
                     lines->rows[i].value, lines->rows[i].value_length);
}

static void assert_same(const struct credential *a, const struct credential *b)
{
    ASSERT(a->state == b->state);
    ASSERT(a->length == b->length);
    ASSERT(a->length == 0 || memcmp(a->text, b->text, a->length) == 0);
}

static bool stands_in(const struct lines *lines, const struct credential *credential)
{
    for (size_t i = 0; i < lines->count; i++) {
        const char *start = lines->rows[i].value;
        const char *end = start + lines->rows[i].value_length;
        if (credential->text >= start && credential->text + credential->length <= end) {
            return true;
        }
    }
    return false;
}

static bool is_source(const struct credential_sources *sources, const char *name, size_t length)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->rows[i].header_length == length &&
            strncasecmp(sources->rows[i].header, name, length) == 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct api_credential_source rows[] = {
        {"Authorization", "Bearer"}, {"X-API-Key", ""}, {"Authorization", "Token"}};
    struct credential_sources sources;
    struct lines lines = {0};
    ASSERT(credential_sources_init(&sources, rows, 3, NULL) == TKR_OK);
    split((const char *)data, size, &lines);

    struct credential forward = {0}, backward = {0}, twice = {0};
    for (size_t i = 0; i < lines.count; i++) {
        struct credential before = forward;
        offer(&sources, &forward, &lines, i);
        ASSERT(is_source(&sources, lines.rows[i].name, lines.rows[i].name_length) ||
               forward.state == before.state);
        offer(&sources, &backward, &lines, lines.count - 1 - i);
        offer(&sources, &twice, &lines, i);
        offer(&sources, &twice, &lines, i);
    }
    assert_same(&forward, &backward);
    assert_same(&forward, &twice);
    if (forward.state == CREDENTIAL_FOUND) {
        ASSERT(stands_in(&lines, &forward));
    } else {
        ASSERT(forward.text == NULL && forward.length == 0);
    }
    return 0;
}
