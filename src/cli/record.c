/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES_MAX (2 * METADATA_BYTES_MAX)

enum table_colour record_status_colour(const char *status)
{
    static const struct {
        const char *status;
        enum table_colour colour;
    } colours[] = {{"active", TABLE_GOOD},
                   {"revoked", TABLE_BAD},
                   {"quarantined", TABLE_BAD},
                   {"expired", TABLE_FAINT},
                   {"disabled", TABLE_FAINT}};
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcmp(colours[i].status, status) == 0) {
            return colours[i].colour;
        }
    }
    return TABLE_PLAIN;
}

static void list_value(const json_t *list, struct buffer *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        buffer_add_text(out, i > 0 ? ", " : "");
        record_value(json_array_get(list, i), out);
    }
}

/* `minute=60 hour=1000`; members that are null are left out. */
static void object_value(const json_t *object, struct buffer *out)
{
    const char *name;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_null(value)) {
            buffer_print(out, "%s%s=", first ? "" : " ", name);
            record_value(value, out);
            first = false;
        }
    }
}

void record_value(const json_t *value, struct buffer *out)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        buffer_add_text(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        buffer_print(out, "%" PRId64, (int64_t)json_integer_value(value));
        break;
    case JSON_REAL:
        buffer_print(out, "%g", json_real_value(value));
        break;
    case JSON_ARRAY:
        list_value(value, out);
        break;
    case JSON_OBJECT:
        object_value(value, out);
        break;
    case JSON_NULL:
        break;
    default:
        buffer_add_text(out, json_is_true(value) ? "yes" : "no");
        break;
    }
}

void record_print(const struct cli *cli, const json_t *object)
{
    static const char *const headings[] = {"MEMBER", "VALUE"};
    if (cli_json(cli)) {
        answer_print(object);
        return;
    }
    struct table table CLEANUP(table_release);
    table_init(&table, headings, 2, terminal_colour(stdout));
    table.headings_printed = true; /* none: the members name themselves */
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (strcmp(name, "object") == 0) {
            continue; /* whoever typed `show` knows that it is a token */
        }
        struct buffer text CLEANUP(buffer_deinit);
        buffer_init(&text, VALUE_BYTES_MAX);
        record_value(value, &text);
        const char *tier = answer_text(object, "tier");
        if (strcmp(name, "limits") == 0 && text.length == 0 && tier[0] != '\0') {
            buffer_print(&text, "from tier %s", tier);
        }
        table_cell(&table, name, TABLE_FAINT);
        bool status = strcmp(name, "status") == 0 && text.length > 0;
        table_cell(&table, text.data, status ? record_status_colour(text.data) : TABLE_PLAIN);
    }
    table_print(&table, stdout);
}
