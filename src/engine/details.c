/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "engine/authority_internal.h"

void details_init(struct details *details)
{
    buffer_init(&details->text, EVENT_DETAILS_BYTES_MAX - 1);
    details->started = false;
}

void details_deinit(struct details *details)
{
    buffer_deinit(&details->text);
}

/* RFC 8259 §7. The values are valid UTF-8 without control characters (checks.c), so quotation
 * marks and backslashes are all there is to escape; a control character would be left out. */
static void add_string(struct buffer *out, const char *text)
{
    buffer_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buffer_add_char(out, '\\');
        }
        if ((unsigned char)*text >= 0x20) {
            buffer_add_char(out, *text);
        }
    }
    buffer_add_char(out, '"');
}

static void add_name(struct details *details, const char *name)
{
    buffer_add_char(&details->text, details->started ? ',' : '{');
    details->started = true;
    add_string(&details->text, name);
    buffer_add_char(&details->text, ':');
}

void details_text(struct details *details, const char *name, const char *value)
{
    add_name(details, name);
    if (value == NULL) {
        buffer_add_text(&details->text, "null");
    } else {
        add_string(&details->text, value);
    }
}

void details_time(struct details *details, const char *name, int64_t unix_ms)
{
    char text[TEXT_TIME_SIZE];
    details_text(details, name, unix_ms != 0 ? text_format_time(unix_ms, text) : NULL);
}

void details_count(struct details *details, const char *name, uint64_t value)
{
    add_name(details, name);
    buffer_print(&details->text, "%" PRIu64, value);
}

void details_flag(struct details *details, const char *name, bool value)
{
    add_name(details, name);
    buffer_add_text(&details->text, value ? "true" : "false");
}

void details_json(struct details *details, const char *name, const char *json)
{
    add_name(details, name);
    buffer_add_text(&details->text, json);
}

const char *details_finish(struct details *details)
{
    buffer_add_text(&details->text, details->started ? "}" : "{}");
    return buffer_status(&details->text) == TKR_OK ? details->text.data : "{\"truncated\":true}";
}
