/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line.h"

static const uint8_t digest[AUDIT_DIGEST_BYTES] = {0xab, 0xcd};

static struct audit_event sample(void)
{
    struct audit_event event = {.seq = 7, .at_ms = INT64_C(1767225600000) + 5};
    event.fields[AUDIT_FIELD_TYPE] = "token.create";
    event.fields[AUDIT_FIELD_USER] = "al\"ice\\ \x01\x7f ä";
    event.fields[AUDIT_FIELD_DETAILS] = "{\"a\":[1.10,{\"digest\":\"x\"}]}";
    return event;
}

static char *written(const struct audit_event *event, const uint8_t *of, bool object)
{
    struct buffer out;
    buffer_init(&out, AUDIT_LINE_BYTES_MAX);
    audit_line_put_event(&out, event, of, object);
    assert_int_equal(buffer_status(&out), TKR_OK);
    return out.data; /* the test's */
}

static tkr_error_t read_text(const char *text, struct audit_line *line)
{
    return audit_line_read(text, strlen(text), line);
}

static struct audit_line line;

static void test_an_event_is_written_as_the_api_answers_it(void **state)
{
    struct audit_event event = sample();
    char *text = written(&event, digest, true);
    assert_string_equal(
        text,
        "{\"seq\":7,\"object\":\"event\",\"at\":\"2026-01-01T00:00:00.005Z\","
        "\"type\":\"token.create\",\"org_id\":null,\"actor_user\":null,\"actor_token\":null,"
        "\"user_id\":\"al\\\"ice\\\\ \\u0001\\u007f ä\",\"token_id\":null,\"token_name\":null,"
        "\"verdict\":null,\"client\":null,\"user_agent\":null,\"method\":null,\"endpoint\":null,"
        "\"request_id\":null,\"ray_id\":null,\"details\":{\"a\":[1.10,{\"digest\":\"x\"}]},"
        "\"digest\":\"abcd000000000000000000000000000000000000000000000000000000000000\"}");
    free(text);
}

static void assert_comes_back(const struct audit_event *event, const uint8_t *of, bool object)
{
    char *text = written(event, of, object);
    assert_int_equal(read_text(text, &line), TKR_OK);
    assert_int_equal(line.kind, AUDIT_LINE_EVENT);
    assert_int_equal(line.event.seq, event->seq);
    assert_int_equal(line.event.at_ms, event->at_ms);
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        assert_string_equal(line.event.fields[i], event->fields[i] != NULL ? event->fields[i] : "");
    }
    assert_int_equal(line.has_digest, of != NULL);
    free(text);
}

static void test_every_text_comes_back_as_it_was(void **state)
{
    struct audit_event event = sample();
    assert_comes_back(&event, digest, true);
    assert_comes_back(&event, NULL, true);
    event.fields[AUDIT_FIELD_DETAILS] = "no \"json";
    assert_comes_back(&event, digest, false);
    event.fields[AUDIT_FIELD_DETAILS] = NULL;
    event.at_ms = 0;
    assert_comes_back(&event, digest, true);
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        event.fields[i] = "x";
    }
    assert_comes_back(&event, digest, false);
}

static void test_no_byte_can_be_changed_without_a_change_of_what_is_read(void **state)
{
    struct audit_event event = sample();
    char *text = written(&event, digest, true);
    static struct audit_line other;
    size_t length = strlen(text);
    assert_int_equal(read_text(text, &line), TKR_OK);
    for (size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1 << bit);
            memset(&other, 0, sizeof(other));
            if (audit_line_read(text, length, &other) == TKR_OK) {
                bool same = other.event.seq == line.event.seq &&
                            other.event.at_ms == line.event.at_ms &&
                            memcmp(other.digest, line.digest, sizeof(line.digest)) == 0;
                for (int j = 0; j < AUDIT_FIELDS; j++) {
                    same &= strcmp(other.event.fields[j], line.event.fields[j]) == 0;
                }
                assert_false(same);
            }
            text[i] ^= (char)(1 << bit);
        }
        assert_int_not_equal(audit_line_read(text, i, &other), TKR_OK); /* cut */
    }
    free(text);
}

static void test_another_spelling_is_no_line_of_ours(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "{\"object\":\"audit_log\",\"format\":2,\"store_id\":\"00\",\"first_seq\":1,\"base\":\"\"}",
        "{\"object\":\"audit_checkpoint\",\"checkpoint\":\"tokenry-checkpoint-1\"}",
        "{\"seq\":9007199254740993,\"object\":\"event\",\"at\":null,\"type\":null",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_text(wrong[i], &line), TKR_MALFORMED);
    }
    struct audit_event event = sample();
    char *text = written(&event, digest, true);
    char spaced[4096];
    snprintf(spaced, sizeof(spaced), "%s ", text);
    assert_int_equal(read_text(spaced, &line), TKR_MALFORMED);
    snprintf(spaced, sizeof(spaced), "{ %s", text + 1);
    assert_int_equal(read_text(spaced, &line), TKR_MALFORMED);
    /* The same time, elsewhere. */
    char *zone = strstr(text, "00:00.005Z");
    assert_non_null(zone);
    snprintf(spaced, sizeof(spaced), "%.*s00:00.005+00:00%s", (int)(zone - text), text,
             zone + strlen("00:00.005Z"));
    assert_int_equal(read_text(spaced, &line), TKR_MALFORMED);
    free(text);
}

static void test_a_line_that_is_too_long_is_refused(void **state)
{
    static char text[AUDIT_LINE_BYTES_MAX + 2];
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(read_text(text, &line), TKR_TOO_LARGE);
}

static void test_a_beginning_and_a_checkpoint_come_back(void **state)
{
    static const uint8_t seed[SEAL_SEED_BYTES] = {1};
    const struct audit_begin begin = {.store_id = {1, 2}, .first_seq = 42, .base = {3, 4}};
    struct audit_checkpoint checkpoint = {.store_id = {1, 2}, .seq = 9, .at_ms = 1000};
    struct seal_key *key = NULL;
    struct buffer out CLEANUP(buffer_deinit);
    buffer_init(&out, 4096);
    audit_line_put_begin(&out, &begin);
    assert_int_equal(read_text(out.data, &line), TKR_OK);
    assert_int_equal(line.kind, AUDIT_LINE_BEGIN);
    assert_memory_equal(&line.begin, &begin, sizeof(begin));
    assert_int_equal(seal_key_new(seed, &key), TKR_OK);
    assert_int_equal(audit_checkpoint_sign(key, &checkpoint), TKR_OK);
    seal_key_free(key);
    buffer_clear(&out);
    audit_line_put_checkpoint(&out, &checkpoint);
    assert_int_equal(read_text(out.data, &line), TKR_OK);
    assert_int_equal(line.kind, AUDIT_LINE_CHECKPOINT);
    assert_int_equal(line.checkpoint.seq, 9);
    assert_int_equal(audit_checkpoint_verify(&line.checkpoint), TKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_is_written_as_the_api_answers_it),
        cmocka_unit_test(test_every_text_comes_back_as_it_was),
        cmocka_unit_test(test_no_byte_can_be_changed_without_a_change_of_what_is_read),
        cmocka_unit_test(test_another_spelling_is_no_line_of_ours),
        cmocka_unit_test(test_a_line_that_is_too_long_is_refused),
        cmocka_unit_test(test_a_beginning_and_a_checkpoint_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
