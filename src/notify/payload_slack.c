/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slack's incoming webhooks: blocks, and a text for where no blocks are shown. All texts of blocks
 * are plain_text, which has no markup; in the other one `&`, `<` and `>` are what makes links and
 * mentions, and are escaped. A header has at most 150 characters, a field 2000, a section 10
 * fields.
 */
#include "notify/payload.h"

#define FIELDS_MAX 10

static void escape(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escaped = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : "&gt;";
        if (*text == '&' || *text == '<' || *text == '>') {
            buffer_add_text(out, escaped);
        } else {
            buffer_add_char(out, *text);
        }
    }
}

static json_t *plain(const char *text)
{
    return json_pack("{s:s,s:s,s:b}", "type", "plain_text", "text", text, "emoji", 0);
}

static json_t *fields(const struct outbox_message *message)
{
    struct fact facts[NOTIFY_FACTS_MAX];
    size_t count = facts_of(message, facts);
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < FIELDS_MAX; i++) {
        json_array_append_new(list, json_pack("{s:s,s:s++,s:b}", "type", "plain_text", "text",
                                              facts[i].name, ": ", facts[i].value, "emoji", 0));
    }
    return list;
}

tkr_error_t payload_slack(const struct outbox_message *message, struct buffer *out)
{
    char title[FACTS_TITLE_SIZE];
    struct buffer text CLEANUP(buffer_deinit);
    buffer_init(&text, NOTIFY_PAYLOAD_BYTES_MAX);
    escape(&text, facts_title(message, title));
    buffer_add_text(&text, ": ");
    escape(&text, message->summary);
    TRY(buffer_status(&text));
    return payload_write(json_pack("{s:s,s:[{s:s,s:o},{s:s,s:o},{s:s,s:o}]}", "text", text.data,
                                   "blocks", "type", "header", "text", plain(title), "type",
                                   "section", "text", plain(message->summary), "type", "section",
                                   "fields", fields(message)),
                         out);
}
