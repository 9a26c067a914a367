/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of receiver gets, and that texts of somebody's choice stay texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "notify/payload.h"

typedef tkr_error_t (*builder)(const struct outbox_message *message, struct buffer *out);
static const builder builders[] = {payload_webhook, payload_slack, payload_teams, payload_discord};

static json_t *build(builder make, const struct outbox_message *message)
{
    struct buffer out;
    buffer_init(&out, NOTIFY_PAYLOAD_BYTES_MAX);
    assert_int_equal(make(message, &out), TKR_OK);
    json_t *value = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    buffer_deinit(&out);
    return value;
}

static json_t *at(json_t *value, size_t index)
{
    return json_array_get(value, index);
}

static const char *text(json_t *value, const char *name)
{
    const char *found = json_string_value(json_object_get(value, name));
    assert_non_null(found);
    return found;
}

/* --- webhook ------------------------------------------------------------------------------ */

static void test_a_webhook_has_every_member(void **state)
{
    struct outbox_message message = message_full();
    json_t *root = build(payload_webhook, &message);
    json_t *data = json_object_get(root, "data");
    assert_string_equal(text(root, "type"), "token.expiring");
    assert_string_equal(text(root, "timestamp"), "2026-01-02T03:04:05Z");
    assert_string_equal(text(data, "id"), message.id);
    assert_string_equal(text(data, "severity"), "high");
    assert_string_equal(text(data, "summary"), message.summary);
    assert_string_equal(text(data, "org_id"), "acme");
    assert_string_equal(text(data, "user_id"), "alice");
    assert_string_equal(text(data, "token_id"), message.token_id);
    assert_string_equal(text(data, "token_name"), "ci");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(data, "details"), "days")),
                     6);
    json_decref(root);
}

static void test_what_there_is_none_of_is_null(void **state)
{
    struct outbox_message message = message_full();
    message.org_id = message.user_id = message.token_id = message.token_name = "";
    message.details = "{}";
    json_t *root = build(payload_webhook, &message);
    json_t *data = json_object_get(root, "data");
    assert_true(json_is_null(json_object_get(data, "org_id")));
    assert_true(json_is_null(json_object_get(data, "token_name")));
    assert_int_equal(json_object_size(json_object_get(data, "details")), 0);
    json_decref(root);
}

/* --- people's ----------------------------------------------------------------------------- */

static void test_slack_gets_blocks_of_plain_text(void **state)
{
    struct outbox_message message = message_full();
    message.summary = "<!channel> *bold* & <https://evil.example|click>";
    json_t *root = build(payload_slack, &message);
    json_t *blocks = json_object_get(root, "blocks");
    assert_string_equal(
        text(root, "text"),
        "High: token.expiring: &lt;!channel&gt; *bold* &amp; &lt;https://evil.example|click&gt;");
    assert_string_equal(text(json_object_get(at(blocks, 0), "text"), "text"),
                        "High: token.expiring");
    json_t *section = json_object_get(at(blocks, 1), "text");
    assert_string_equal(text(section, "type"), "plain_text");
    assert_string_equal(text(section, "text"), message.summary);
    json_t *fields = json_object_get(at(blocks, 2), "fields");
    assert_true(json_array_size(fields) >= 5 && json_array_size(fields) <= 10);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        assert_string_equal(text(at(fields, i), "type"), "plain_text");
    }
    assert_string_equal(text(at(fields, 0), "text"), "Token: ci");
    json_decref(root);
}

static void test_teams_gets_a_card_of_runs_without_markdown(void **state)
{
    struct outbox_message message = message_full();
    message.token_name = "[click](https://evil.example)";
    json_t *root = build(payload_teams, &message);
    json_t *attachment = at(json_object_get(root, "attachments"), 0);
    json_t *card = json_object_get(attachment, "content");
    assert_string_equal(text(root, "type"), "message");
    assert_string_equal(text(attachment, "contentType"), "application/vnd.microsoft.card.adaptive");
    assert_string_equal(text(card, "type"), "AdaptiveCard");
    json_t *body = json_object_get(card, "body");
    for (size_t i = 0; i < json_array_size(body); i++) {
        assert_string_equal(text(at(body, i), "type"), "RichTextBlock");
        json_t *inlines = json_object_get(at(body, i), "inlines");
        for (size_t j = 0; j < json_array_size(inlines); j++) {
            assert_string_equal(text(at(inlines, j), "type"), "TextRun");
        }
    }
    assert_string_equal(text(at(json_object_get(at(body, 2), "inlines"), 1), "text"),
                        message.token_name);
    json_decref(root);
}

static void test_discord_gets_an_embed_that_mentions_nobody(void **state)
{
    struct outbox_message message = message_full();
    message.summary = "@everyone [click](https://evil.example) <@1>";
    json_t *root = build(payload_discord, &message);
    json_t *embed = at(json_object_get(root, "embeds"), 0);
    json_t *parse = json_object_get(json_object_get(root, "allowed_mentions"), "parse");
    assert_true(json_is_array(parse) && json_array_size(parse) == 0);
    assert_string_equal(text(embed, "description"),
                        "\\@everyone \\[click\\]\\(https\\://evil.example\\) \\<\\@1\\>");
    assert_string_equal(text(embed, "timestamp"), "2026-01-02T03:04:05Z");
    json_decref(root);
}

/* --- all ---------------------------------------------------------------------------------- */

/* As long as everything may be, and each character such that it becomes longer. */
static void fill(char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = "\"\\*<"[i % 4];
    }
    out[bytes] = '\0';
}

static void test_the_largest_message_fits_all_receivers(void **state)
{
    char summary[ALERT_SUMMARY_BYTES_MAX + 1], name[TOKEN_NAME_BYTES_MAX + 1],
        type[ALERT_TYPE_BYTES_MAX + 1], details[ALERT_DETAILS_BYTES_MAX + 1];
    struct outbox_message message = message_full();
    fill(summary, sizeof(summary) - 1);
    fill(name, sizeof(name) - 1);
    memset(type, 'x', sizeof(type) - 1);
    type[sizeof(type) - 1] = '\0';
    size_t length = 0;
    for (int i = 0; length + 150 < sizeof(details); i++) {
        length += (size_t)snprintf(details + length, sizeof(details) - length,
                                   "%s\"member_%d\":\"%0*d\"", i > 0 ? "," : "{", i, 120, 0);
    }
    snprintf(details + length, sizeof(details) - length, "}");
    message.summary = summary;
    message.token_name = message.user_id = message.org_id = name;
    message.type = type;
    message.details = details;
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++) {
        json_t *root = build(builders[i], &message);
        char *dumped = json_dumps(root, JSON_COMPACT);
        assert_true(strlen(dumped) < 24 * 1024);
        assert_true(builders[i] != payload_discord || strlen(dumped) < 6000 + 2000);
        free(dumped);
        json_decref(root);
    }
}

static void test_what_is_too_large_is_said_so(void **state)
{
    struct outbox_message message = message_full();
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++) {
        struct buffer out;
        buffer_init(&out, 100);
        assert_int_equal(builders[i](&message, &out), TKR_TOO_LARGE);
        buffer_deinit(&out);
    }
}

static void test_facts_have_no_control_characters_and_an_end(void **state)
{
    struct outbox_message message = message_full();
    struct fact facts[NOTIFY_FACTS_MAX];
    char name[600], details[2000] = "{\"a\":\"x\\r\\nBcc: eve\"";
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    message.token_name = name;
    for (int i = 0; i < 40; i++) {
        snprintf(details + strlen(details), sizeof(details) - strlen(details), ",\"m%d\":%d", i, i);
    }
    strcat(details, "}");
    message.details = details;
    assert_int_equal(facts_of(&message, facts), NOTIFY_FACTS_MAX);
    assert_int_equal(strlen(facts[0].value), NOTIFY_FACT_BYTES_MAX);
    assert_string_equal(facts[5].value, "x  Bcc: eve");
}

/* Discord refuses the whole message for a value that it takes for none. */
static void test_a_blank_name_does_not_cost_the_message(void **state)
{
    static const char *const blanks[] = {" ", "   ", "\xc2\xa0", "\xe3\x80\x80 \xe2\x80\x83"};
    struct outbox_message message = message_full();
    for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++) {
        struct fact facts[NOTIFY_FACTS_MAX];
        message.token_name = blanks[i];
        facts_of(&message, facts);
        assert_string_equal(facts[0].name, "Token");
        assert_string_equal(facts[0].value, "(blank)");
    }
    message.token_name = " ci ";
    json_t *root = build(payload_discord, &message);
    json_t *fields = json_object_get(at(json_object_get(root, "embeds"), 0), "fields");
    assert_string_equal(text(at(fields, 0), "value"), " ci ");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_webhook_has_every_member),
        cmocka_unit_test(test_what_there_is_none_of_is_null),
        cmocka_unit_test(test_slack_gets_blocks_of_plain_text),
        cmocka_unit_test(test_teams_gets_a_card_of_runs_without_markdown),
        cmocka_unit_test(test_discord_gets_an_embed_that_mentions_nobody),
        cmocka_unit_test(test_the_largest_message_fits_all_receivers),
        cmocka_unit_test(test_what_is_too_large_is_said_so),
        cmocka_unit_test(test_facts_have_no_control_characters_and_an_end),
        cmocka_unit_test(test_a_blank_name_does_not_cost_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
