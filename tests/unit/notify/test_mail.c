/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "message.h"
#include "notify/http_send.h"
#include "notify/mail_send.h"
#include "notify/payload.h"

static const char *const recipients[] = {"ops@example.com", "oncall@example.org"};

static struct buffer build(const struct outbox_message *message)
{
    const struct mail_head head = {"tokenry@example.com", recipients, 2, MESSAGE_AT};
    struct buffer out;
    buffer_init(&out, NOTIFY_PAYLOAD_BYTES_MAX);
    assert_int_equal(payload_mail(&head, message, &out), TKR_OK);
    return out;
}

/* Each line ends in CRLF, is ASCII, and has at most 78 characters (RFC 5322 §2.1.1). */
static void assert_lines(const struct buffer *mail)
{
    size_t column = 0;
    for (size_t i = 0; i < mail->length; i++) {
        char c = mail->data[i];
        assert_true(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f));
        if (c == '\n') {
            assert_int_equal(mail->data[i - 1], '\r');
            column = 0;
        } else if (c == '\r') {
            assert_int_equal(mail->data[i + 1], '\n');
        } else {
            assert_true(++column <= 78);
        }
    }
    assert_int_equal(column, 0);
}

/* The headers, one a line, unfolded. */
static size_t count_headers(const struct buffer *mail)
{
    size_t count = 0;
    const char *line = mail->data;
    while (strncmp(line, "\r\n", 2) != 0) {
        count += line[0] != ' ';
        line = strstr(line, "\r\n") + 2;
    }
    return count;
}

static char *decode_body(const struct buffer *mail)
{
    const char *text = strstr(mail->data, "\r\n\r\n") + 4;
    char *joined = calloc(1, mail->length), *body = calloc(1, mail->length);
    size_t length = 0, bytes = 0;
    for (; *text != '\0'; text++) {
        if (*text != '\r' && *text != '\n') {
            joined[length++] = *text;
        }
    }
    assert_int_equal(base64_decode(joined, length, (uint8_t *)body, mail->length, &bytes), TKR_OK);
    free(joined);
    return body;
}

static void test_a_mail_says_what_happened(void **state)
{
    struct outbox_message message = message_full();
    struct buffer mail = build(&message);
    assert_lines(&mail);
    assert_non_null(strstr(mail.data, "Date: Fri, 2 Jan 2026 03:04:05 +0000\r\n"));
    assert_non_null(strstr(mail.data, "From: <tokenry@example.com>\r\n"));
    assert_non_null(strstr(mail.data, "To: <ops@example.com>,\r\n <oncall@example.org>\r\n"));
    assert_non_null(
        strstr(mail.data, "Message-ID: <msg_00000000000000000000000001@example.com>\r\n"));
    assert_non_null(strstr(mail.data, "Auto-Submitted: auto-generated\r\n"));
    char *body = decode_body(&mail);
    assert_non_null(strstr(body, "token ci ends in 6 days\r\n\r\nToken: ci\r\n"));
    assert_non_null(strstr(body, "\r\nDays: 6\r\n"));
    assert_non_null(strstr(body, "\r\nOf: [1,2]\r\n"));
    assert_null(strstr(body, "None:"));
    free(body);
    buffer_deinit(&mail);
}

static void test_a_short_plain_subject_stands_as_it_is(void **state)
{
    struct outbox_message message = message_full();
    message.summary = "soon";
    struct buffer mail = build(&message);
    assert_non_null(strstr(mail.data, "\r\nSubject: [tokenry] High: token.expiring: soon\r\n"));
    buffer_deinit(&mail);
}

static void test_a_summary_cannot_begin_another_header(void **state)
{
    struct outbox_message message = message_full();
    struct buffer plain = build(&message);
    size_t headers = count_headers(&plain);
    static const char *const summaries[] = {
        "x\r\nBcc: eve@evil.example\r\n\r\nhello",
        "x\nBcc: eve@evil.example",
        "x\rBcc: eve@evil.example",
        "=?UTF-8?B?DQpCY2M6IGV2ZQ==?=",
        "\xc3\xbcmlaut\r\nBcc: eve@evil.example",
    };
    for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++) {
        message.summary = summaries[i];
        struct buffer mail = build(&message);
        assert_lines(&mail);
        assert_int_equal(count_headers(&mail), headers);
        assert_null(strstr(mail.data, "\nBcc"));
        assert_null(strstr(mail.data, "Subject: =?UTF-8?B?DQpCY2M6IGV2ZQ==?="));
        buffer_deinit(&mail);
    }
    buffer_deinit(&plain);
}

static void test_a_long_subject_is_folded_into_words_of_whole_characters(void **state)
{
    struct outbox_message message = message_full();
    char summary[ALERT_SUMMARY_BYTES_MAX + 1] = "";
    for (int i = 0; i < 60; i++) {
        strcat(summary, "\xf0\x9f\x94\x91");
    }
    message.summary = summary;
    struct buffer mail = build(&message);
    assert_lines(&mail);
    char joined[1024] = "";
    for (const char *word = strstr(mail.data, "=?UTF-8?B?"); word != NULL;
         word = strstr(word, "=?UTF-8?B?")) {
        uint8_t bytes[64] = {0};
        size_t length = 0;
        word += strlen("=?UTF-8?B?");
        const char *end = strstr(word, "?=");
        assert_true(end - word + 12 <= 75);
        assert_int_equal(
            base64_decode(word, (size_t)(end - word), bytes, sizeof(bytes) - 1, &length), TKR_OK);
        assert_true((bytes[0] & 0xc0) != 0x80); /* begins with a whole one */
        strcat(joined, (const char *)bytes);
    }
    assert_non_null(strstr(joined, summary));
    buffer_deinit(&mail);
}

static void test_addresses_and_servers_are_checked(void **state)
{
    static const char *const bad[] = {
        "",      "x",         "@x",      "x@",      "a@b@c", "a b@c",         "a@b>",
        "<a@b>", "a@b\r\nX:", "a@b,c@d", "\"a\"@b", "a@b\n", "a\xc3\xbc@b.de"};
    static const char *const bad_servers[] = {"",
                                              "mail.example.com",
                                              "http://mail.example.com",
                                              "smtp://u:p@mail.example.com",
                                              "smtp://mail.example.com/x",
                                              "smtp://mail.example.com:0x",
                                              "smtp://a b",
                                              "smtp://\n"};
    char host[HTTP_SEND_HOST_SIZE];
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(mail_address_valid(bad[i]));
    }
    assert_true(mail_address_valid("first.last+tag@mail-1.example.com"));
    for (size_t i = 0; i < sizeof(bad_servers) / sizeof(bad_servers[0]); i++) {
        assert_int_equal(mail_send_check_server(bad_servers[i], host, &fault), TKR_INVALID);
    }
    assert_int_equal(mail_send_check_server("smtp://mail.example.com:587", host, &fault), TKR_OK);
    assert_string_equal(host, "mail.example.com");
    assert_int_equal(mail_send_check_server("smtps://mail.example.com", host, &fault), TKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mail_says_what_happened),
        cmocka_unit_test(test_a_short_plain_subject_stands_as_it_is),
        cmocka_unit_test(test_a_summary_cannot_begin_another_header),
        cmocka_unit_test(test_a_long_subject_is_folded_into_words_of_whole_characters),
        cmocka_unit_test(test_addresses_and_servers_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
