/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/sender_letter.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "notify/http_send.h"
#include "notify/mail_send.h"
#include "notify/payload.h"
#include "notify/signature.h"

/* --- by type ------------------------------------------------------------------------------ */

static tkr_error_t post(struct letter *letter, const struct http_send_header *headers, size_t count)
{
    const struct notify_channel *channel = letter->channel;
    const struct http_send_request request = {
        .url = channel->url,
        .method = "POST",
        .headers = headers,
        .header_count = count,
        .body = letter->body.data,
        .body_length = letter->body.length,
        .ca_file = channel->ca_file,
        .allow_private = channel->allow_private != 0,
        .timeout_ms = channel->timeout_s * 1000,
        .answer_bytes_max = NOTIFY_ANSWER_BYTES_MAX,
    };
    return http_transfer_new(&request, &letter->transfer, &letter->fault);
}

static tkr_error_t open_webhook(struct letter *letter, const struct outbox_message *message,
                                int64_t now_ms)
{
    char timestamp[24], signature[SIGNATURE_SIZE];
    TRY(payload_webhook(message, &letter->body));
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(now_ms / 1000));
    TRY(signature_make(letter->channel->keys, message->id, now_ms / 1000, letter->body.data,
                       letter->body.length, signature));
    const struct http_send_header headers[] = {
        {"Content-Type", "application/json"},
        {"webhook-id", message->id},
        {"webhook-timestamp", timestamp},
        {"webhook-signature", signature},
    };
    return post(letter, headers, sizeof(headers) / sizeof(headers[0]));
}

static tkr_error_t post_json(struct letter *letter)
{
    static const struct http_send_header headers[] = {{"Content-Type", "application/json"}};
    return post(letter, headers, 1);
}

static tkr_error_t open_slack(struct letter *letter, const struct outbox_message *message,
                              int64_t now_ms)
{
    TRY(payload_slack(message, &letter->body));
    return post_json(letter);
}

static tkr_error_t open_teams(struct letter *letter, const struct outbox_message *message,
                              int64_t now_ms)
{
    TRY(payload_teams(message, &letter->body));
    return post_json(letter);
}

static tkr_error_t open_discord(struct letter *letter, const struct outbox_message *message,
                                int64_t now_ms)
{
    TRY(payload_discord(message, &letter->body));
    return post_json(letter);
}

static tkr_error_t open_mail(struct letter *letter, const struct outbox_message *message,
                             int64_t now_ms)
{
    const struct notify_channel *channel = letter->channel;
    const struct mail_head head = {channel->from, (const char *const *)channel->recipients,
                                   channel->recipient_count, now_ms};
    TRY(payload_mail(&head, message, &letter->body));
    return mail_transfer_new(channel, letter->body.data, letter->body.length, &letter->transfer);
}

static tkr_error_t open_nothing(struct letter *letter, const struct outbox_message *message,
                                int64_t now_ms)
{
    return TKR_OK;
}

static tkr_error_t (*const openers[NOTIFY_TYPE_COUNT])(struct letter *letter,
                                                       const struct outbox_message *message,
                                                       int64_t now_ms) = {
    [NOTIFY_LOG] = open_nothing, [NOTIFY_WEBHOOK] = open_webhook, [NOTIFY_EMAIL] = open_mail,
    [NOTIFY_SLACK] = open_slack, [NOTIFY_TEAMS] = open_teams,     [NOTIFY_DISCORD] = open_discord,
};

/* --- the letter --------------------------------------------------------------------------- */

tkr_error_t letter_open(struct letter *letter, const struct notify_channel *channel,
                        const struct outbox_message *message, int64_t now_ms)
{
    *letter = (struct letter){
        .state = LETTER_SENDING,
        .channel = channel,
        .tries = message->tries,
        .since_ms = message->since_ms,
    };
    snprintf(letter->id, sizeof(letter->id), "%s", message->id);
    snprintf(letter->type, sizeof(letter->type), "%s", message->type);
    buffer_init(&letter->body, NOTIFY_PAYLOAD_BYTES_MAX);
    letter->error = openers[channel->type](letter, message, now_ms);
    return letter->error;
}

void letter_end(struct letter *letter, CURLcode code)
{
    letter->error = transfer_end(letter->transfer, code, &letter->result, &letter->fault);
    letter->state = LETTER_DONE;
}

void letter_close(struct letter *letter)
{
    transfer_free(letter->transfer);
    buffer_deinit(&letter->body);
    *letter = (struct letter){.state = LETTER_FREE};
}

const char *letter_error(const struct letter *letter, char out[OUTBOX_ERROR_BYTES_MAX + 1])
{
    if (letter->error != TKR_OK && letter->result.status == 0) {
        const char *detail = letter->fault.detail;
        snprintf(out, OUTBOX_ERROR_BYTES_MAX + 1, "%.*s", OUTBOX_ERROR_BYTES_MAX,
                 detail[0] != '\0' ? detail : tkr_error_text(letter->error));
    } else if (letter->result.status >= 300 && letter->result.status < 400) {
        snprintf(out, OUTBOX_ERROR_BYTES_MAX + 1, "it answered %ld, and redirects are not followed",
                 letter->result.status);
    } else {
        snprintf(out, OUTBOX_ERROR_BYTES_MAX + 1, "it answered %ld", letter->result.status);
    }
    return out;
}

const char *letter_answer(const struct letter *letter, char out[NOTIFY_SAID_BYTES_MAX + 1])
{
    const struct buffer *answer = letter->transfer != NULL ? &letter->transfer->answer : NULL;
    size_t left = answer != NULL ? answer->length : 0, length = 0;
    const char *text = left > 0 ? answer->data : "";
    while (left > 0) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text, left, &point);
        bool shown = bytes > 0 && text_is_printable(point);
        size_t kept = shown ? bytes : 1;
        if (length + kept > NOTIFY_SAID_BYTES_MAX) {
            break;
        }
        memcpy(out + length, shown ? text : " ", kept);
        length += kept;
        bytes = bytes > 0 ? bytes : 1;
        text += bytes;
        left -= bytes;
    }
    out[length] = '\0';
    return out;
}
