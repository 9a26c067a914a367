/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail (RFC 5322) that says what happened in plain text. The subject holds texts of somebody's
 * choice: control characters become spaces, so that none begins another header, and what is not
 * plain ASCII becomes encoded words (RFC 2047 §2: lines of at most 76, whole characters in each,
 * folded between them). The body is base64 (RFC 2045 §6.8) in lines of 76. A machine's mail says
 * so (RFC 3834 §5), lest somebody's holiday answers.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/text.h"
#include "notify/payload.h"

#define WORD_BYTES 39 /* become 52 characters: with `Subject: =?UTF-8?B?` and `?=` a line of 73 */
#define LINE_BYTES 57 /* become 76 */
#define SUBJECT_BYTES_MAX (FACTS_TITLE_SIZE + ALERT_SUMMARY_BYTES_MAX + 32)
#define PLAIN_BYTES_MAX 60

static void add_date(struct buffer *out, int64_t date_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(date_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buffer_print(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool is_plain(const char *text)
{
    bool plain = strlen(text) <= PLAIN_BYTES_MAX && strstr(text, "=?") == NULL;
    for (; *text != '\0'; text++) {
        plain &= *text >= 0x20 && *text <= 0x7e;
    }
    return plain;
}

/* How many bytes make a word: whole characters. */
static size_t word_of(const char *text, size_t length)
{
    size_t bytes = 0;
    while (bytes < length) {
        uint32_t point = 0;
        size_t next = text_utf8_next(text + bytes, length - bytes, &point);
        next = next > 0 ? next : 1;
        if (bytes + next > WORD_BYTES) {
            break;
        }
        bytes += next;
    }
    return bytes;
}

static void add_subject(struct buffer *out, const char *subject)
{
    char word[BASE64_CHARS(WORD_BYTES) + 1];
    buffer_add_text(out, "Subject: ");
    if (is_plain(subject)) {
        buffer_add_text(out, subject);
    }
    for (size_t left = is_plain(subject) ? 0 : strlen(subject), first = 1; left > 0; first = 0) {
        size_t bytes = word_of(subject, left);
        buffer_print(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ",
                     base64_encode(subject, bytes, word));
        subject += bytes;
        left -= bytes;
    }
    buffer_add_text(out, "\r\n");
}

/* `[tokenry] High: token.expiring: token ci ends in 6 days`, without control characters. */
static void make_subject(const struct outbox_message *message, char out[SUBJECT_BYTES_MAX])
{
    char title[FACTS_TITLE_SIZE];
    snprintf(out, SUBJECT_BYTES_MAX, "[tokenry] %s: %s", facts_title(message, title),
             message->summary);
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
}

static void add_body(struct buffer *out, const struct outbox_message *message)
{
    struct fact facts[NOTIFY_FACTS_MAX];
    char line[BASE64_CHARS(LINE_BYTES) + 1];
    struct buffer text CLEANUP(buffer_deinit);
    size_t count = facts_of(message, facts);
    buffer_init(&text, NOTIFY_PAYLOAD_BYTES_MAX);
    buffer_print(&text, "%s\r\n\r\n", message->summary);
    for (size_t i = 0; i < count; i++) {
        buffer_print(&text, "%s: %s\r\n", facts[i].name, facts[i].value);
    }
    buffer_print(&text, "\r\nSeverity: %s\r\nType: %s\r\nMessage: %s\r\n",
                 outbox_severity_name(message->severity), message->type, message->id);
    out->overflowed |= text.overflowed;
    for (size_t at = 0; at < text.length; at += LINE_BYTES) {
        size_t bytes = text.length - at < LINE_BYTES ? text.length - at : LINE_BYTES;
        buffer_print(out, "%s\r\n", base64_encode(text.data + at, bytes, line));
    }
}

tkr_error_t payload_mail(const struct mail_head *head, const struct outbox_message *message,
                         struct buffer *out)
{
    char subject[SUBJECT_BYTES_MAX];
    const char *domain = strrchr(head->from, '@');
    make_subject(message, subject);
    add_date(out, head->date_ms);
    buffer_print(out, "From: <%s>\r\nTo: ", head->from);
    for (size_t i = 0; i < head->to_count; i++) {
        buffer_print(out, "%s<%s>", i > 0 ? ",\r\n " : "", head->to[i]);
    }
    buffer_add_text(out, "\r\n");
    add_subject(out, subject);
    buffer_print(out, "Message-ID: <%s@%s>\r\n", message->id,
                 domain != NULL ? domain + 1 : "localhost");
    buffer_add_text(out, "Auto-Submitted: auto-generated\r\n"
                         "MIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: base64\r\n\r\n");
    add_body(out, message);
    return buffer_status(out);
}
