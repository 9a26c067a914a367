/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Microsoft Teams: what a webhook of Workflows ("When a Teams webhook request is received") takes,
 * a message with an Adaptive Card as its only attachment; the older MessageCard it does not take.
 * The whole may have 28 KB. A TextBlock and a FactSet read Markdown, and the runs of a
 * RichTextBlock do not, so all texts of somebody's choice are in those.
 */
#include "notify/payload.h"

static const char *colour(enum alert_severity severity)
{
    static const char *const colours[ALERT_SEVERITY_COUNT] = {
        [ALERT_INFO] = "default", [ALERT_LOW] = "accent",         [ALERT_MEDIUM] = "warning",
        [ALERT_HIGH] = "warning", [ALERT_CRITICAL] = "attention",
    };
    return colours[severity];
}

static json_t *line(const char *name, const char *value)
{
    return json_pack("{s:s,s:[{s:s,s:s,s:s+},{s:s,s:s}]}", "type", "RichTextBlock", "inlines",
                     "type", "TextRun", "weight", "bolder", "text", name, ": ", "type", "TextRun",
                     "text", value);
}

static json_t *body(const struct outbox_message *message)
{
    struct fact facts[NOTIFY_FACTS_MAX];
    char title[FACTS_TITLE_SIZE];
    size_t count = facts_of(message, facts);
    json_t *list =
        json_pack("[{s:s,s:[{s:s,s:s,s:s,s:s,s:s}]},{s:s,s:[{s:s,s:s}]}]", "type", "RichTextBlock",
                  "inlines", "type", "TextRun", "size", "large", "weight", "bolder", "color",
                  colour(message->severity), "text", facts_title(message, title), "type",
                  "RichTextBlock", "inlines", "type", "TextRun", "text", message->summary);
    for (size_t i = 0; i < count && list != NULL; i++) {
        json_array_append_new(list, line(facts[i].name, facts[i].value));
    }
    return list;
}

tkr_error_t payload_teams(const struct outbox_message *message, struct buffer *out)
{
    return payload_write(
        json_pack("{s:s,s:[{s:s,s:n,s:{s:s,s:s,s:s,s:o}}]}", "type", "message", "attachments",
                  "contentType", "application/vnd.microsoft.card.adaptive", "contentUrl", "content",
                  "$schema", "http://adaptivecards.io/schemas/adaptive-card.json", "type",
                  "AdaptiveCard", "version", "1.4", "body", body(message)),
        out);
}
