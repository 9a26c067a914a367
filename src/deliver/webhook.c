/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POST of the token, signed as the Standard Webhooks have it. The identifier is the token's, so a
 * receiver that gets one twice knows it.
 *
 *     {"type":"token.rotated","timestamp":"2026-01-02T03:04:05Z","data":{"target":"deploy",
 *      "org_id":"acme","user_id":"alice","token_id":"tok_…","token_name":"ci",
 *      "predecessor_id":"tok_…","expires_at":"…" or null,"token":"sk_live_…"}}
 *
 * It is written by hand: jansson would leave copies of the token in memory that nobody wipes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "deliver/deliver.h"
#include "notify/http_send.h"
#include "notify/signature.h"

/* RFC 8259 §7. */
static void add_string(struct buffer *out, const char *text)
{
    buffer_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20) {
            buffer_print(out, "\\u%04x", (unsigned)*text);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            buffer_add_char(out, '\\');
        }
        buffer_add_char(out, *text);
    }
    buffer_add_char(out, '"');
}

static void add_member(struct buffer *out, const char *name, const char *value)
{
    buffer_print(out, "\"%s\":", name);
    if (value != NULL) {
        add_string(out, value);
    } else {
        buffer_add_text(out, "null");
    }
}

static tkr_error_t write_body(const struct delivery *delivery, struct buffer *out)
{
    char now[TEXT_TIME_SIZE], expires[TEXT_TIME_SIZE];
    const struct {
        const char *name, *value;
    } rows[] = {
        {"target", delivery->target},
        {"org_id", delivery->org_id},
        {"user_id", delivery->user_id},
        {"token_id", delivery->token_id},
        {"token_name", delivery->token_name},
        {"predecessor_id", delivery->predecessor_id},
        {"expires_at",
         delivery->expires_at_ms != 0 ? text_format_time(delivery->expires_at_ms, expires) : NULL},
        {"token", delivery->token},
    };
    buffer_print(out, "{\"type\":\"token.rotated\",\"timestamp\":\"%s\",\"data\":{",
                 text_format_time(delivery->at_ms, now));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buffer_add_text(out, i > 0 ? "," : "");
        add_member(out, rows[i].name, rows[i].value);
    }
    buffer_add_text(out, "}}");
    return buffer_status(out);
}

static enum delivery_outcome post(const struct deliver_target *target,
                                  const struct delivery *delivery, const struct buffer *body,
                                  char error[DELIVER_ERROR_SIZE])
{
    char signature[SIGNATURE_SIZE], timestamp[24];
    int64_t now_s = delivery->at_ms / 1000;
    if (signature_make(target->keys, delivery->token_id, now_s, body->data, body->length,
                       signature) != TKR_OK) {
        return deliver_failed(DELIVERY_FAILED, error, "it could not be signed");
    }
    snprintf(timestamp, sizeof(timestamp), "%" PRId64, now_s);
    const struct http_send_header headers[] = {
        {"Content-Type", "application/json"},
        {"webhook-id", delivery->token_id},
        {"webhook-timestamp", timestamp},
        {"webhook-signature", signature},
    };
    const struct http_send_request request = {
        .url = target->url,
        .method = "POST",
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
        .body = body->data,
        .body_length = body->length,
        .ca_file = target->ca_file,
        .allow_private = target->allow_private != 0,
        .timeout_ms = target->timeout_s * 1000,
        .answer_bytes_max = DELIVER_ANSWER_BYTES_MAX,
    };
    return deliver_by_http(&request, error);
}

enum delivery_outcome deliver_to_webhook(const struct deliver_target *target,
                                         const struct delivery *delivery,
                                         char ret_error[DELIVER_ERROR_SIZE])
{
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init_secret(&body, DELIVER_BODY_BYTES_MAX);
    if (write_body(delivery, &body) != TKR_OK) {
        return deliver_failed(DELIVERY_FAILED, ret_error, "the message is too large");
    }
    return post(target, delivery, &body, ret_error);
}
