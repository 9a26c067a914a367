/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discord's webhooks: one embed. Its texts are Markdown, so what would be markup is escaped, and
 * nobody is mentioned whatever the texts say. A title has at most 256 characters, a description
 * 4096, a field 256 and 1024, the whole 25 fields and 6000 characters.
 */
#include <string.h>

#include "base/text.h"
#include "notify/payload.h"

#define FIELDS_MAX                                                                                 \
    10 /* escaped, a value may become twice as long: 10 * 640 bytes, and 6000 in all */
#define VALUE_BYTES_MAX 400

static int colour(enum alert_severity severity)
{
    static const int colours[ALERT_SEVERITY_COUNT] = {
        [ALERT_INFO] = 0x95a5a6, [ALERT_LOW] = 0x3498db,      [ALERT_MEDIUM] = 0xf1c40f,
        [ALERT_HIGH] = 0xe67e22, [ALERT_CRITICAL] = 0xe74c3c,
    };
    return colours[severity];
}

/* Into `out`, cut where there is no more room, and not within a character or an escape. */
static const char *escape(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (size_t left = strlen(text); left > 0;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text, left, &point);
        bytes = bytes > 0 ? bytes : 1;
        bool marked = strchr("\\*_~`|>#[]()<@:-", *text) != NULL;
        if (length + bytes + marked >= size) {
            break;
        }
        if (marked) {
            out[length++] = '\\';
        }
        memcpy(out + length, text, bytes);
        length += bytes;
        text += bytes;
        left -= bytes;
    }
    out[length] = '\0';
    return out;
}

static json_t *fields(const struct outbox_message *message)
{
    struct fact facts[NOTIFY_FACTS_MAX];
    char value[VALUE_BYTES_MAX];
    size_t count = facts_of(message, facts);
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < FIELDS_MAX; i++) {
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:b}", "name", facts[i].name, "value",
                                        escape(facts[i].value, value, sizeof(value)), "inline", 1));
    }
    return list;
}

tkr_error_t payload_discord(const struct outbox_message *message, struct buffer *out)
{
    char title[FACTS_TITLE_SIZE], summary[2 * ALERT_SUMMARY_BYTES_MAX + 1], time[TEXT_TIME_SIZE];
    return payload_write(json_pack("{s:[{s:s,s:s,s:i,s:s,s:o}],s:{s:[]}}", "embeds", "title",
                                   facts_title(message, title), "description",
                                   escape(message->summary, summary, sizeof(summary)), "color",
                                   colour(message->severity), "timestamp",
                                   text_format_time(message->at_ms, time), "fields",
                                   fields(message), "allowed_mentions", "parse"),
                         out);
}
