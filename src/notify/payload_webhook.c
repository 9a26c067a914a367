/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook's body, as the Standard Webhooks advise:
 *
 *     {"type":"token.expiring","timestamp":"2026-01-02T03:04:05Z","data":{"id":"msg_…",
 *      "severity":"high","summary":"…","org_id":"acme","user_id":"alice","token_id":"tok_…",
 *      "token_name":"ci","details":{…}}}
 *
 * Members are added, never renamed or taken away; what there is none of is null.
 */
#include "base/text.h"
#include "notify/payload.h"

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

tkr_error_t payload_webhook(const struct outbox_message *message, struct buffer *out)
{
    char time[TEXT_TIME_SIZE];
    json_t *details = json_loads(message->details, 0, NULL);
    return payload_write(
        json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o}}", "type", message->type,
                  "timestamp", text_format_time(message->at_ms, time), "data", "id", message->id,
                  "severity", outbox_severity_name(message->severity), "summary", message->summary,
                  "org_id", text_or_null(message->org_id), "user_id",
                  text_or_null(message->user_id), "token_id", text_or_null(message->token_id),
                  "token_name", text_or_null(message->token_name), "details",
                  details != NULL ? details : json_object()),
        out);
}
