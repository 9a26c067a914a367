/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "notify/retry.h"
#include "notify/sender_internal.h"
#include "token/token_text.h"

#define TEST_TYPE "notify.test"
#define TEST_S_MAX 15

static void start_test(struct sender *sender, struct test *test)
{
    struct notify_channel *channel = &test->config;
    char summary[ALERT_SUMMARY_BYTES_MAX + 1];
    uint8_t id[TOKEN_ID_BYTES] = {0};
    int64_t time_ms = sender_now_ms(sender);
    *channel = *sender->channels[test->channel].config;
    channel->timeout_s = channel->timeout_s < TEST_S_MAX ? channel->timeout_s : TEST_S_MAX;
    snprintf(summary, sizeof(summary), "a test of the channel %s, asked for by %s", channel->name,
             test->by);
    struct outbox_message message = {
        .channel = channel->name,
        .at_ms = time_ms,
        .severity = ALERT_INFO,
        .type = TEST_TYPE,
        .org_id = "",
        .user_id = "",
        .token_id = "",
        .token_name = "",
        .summary = summary,
        .details = "{}",
        .since_ms = time_ms,
        .error = "",
    };
    (void)!token_id_new(sender->options.random, time_ms, id); /* zeros are an id, too */
    token_id_format(id, message.id);
    memcpy(message.id, "msg_", 4);
    test->started = true;
    test->started_ns = clock_monotonic_ns(sender->options.clock);
    (void)!letter_open(&test->letter, channel, &message, time_ms);
    sender_dispatch(sender, &test->letter, &message);
}

/* `why` NULL: what came of the letter. */
static void end_test(struct sender *sender, struct test *test, const char *why)
{
    char error[OUTBOX_ERROR_BYTES_MAX + 1], answer[NOTIFY_SAID_BYTES_MAX + 1];
    const struct letter *letter = &test->letter;
    const struct retry_try tried = {.error = letter->error, .status = letter->result.status};
    bool delivered = why == NULL && retry_judge(&tried) == OUTBOX_SENT;
    int64_t taken_ns = clock_monotonic_ns(sender->options.clock) - test->started_ns;
    const struct sender_test_result result = {
        .delivered = delivered,
        .status = letter->result.status,
        .error = delivered     ? ""
                 : why != NULL ? why
                               : letter_error(letter, error),
        .answer = letter_answer(letter, answer),
        .duration_ms = test->started ? taken_ns / NS_PER_MS : 0,
    };
    test->done(test->context, &result);
    letter_close(&test->letter);
    pthread_mutex_lock(&sender->tests_mutex);
    test->used = false;
    test->started = false;
    pthread_mutex_unlock(&sender->tests_mutex);
}

static bool is_used(struct sender *sender, const struct test *test)
{
    pthread_mutex_lock(&sender->tests_mutex);
    bool used = test->used;
    pthread_mutex_unlock(&sender->tests_mutex);
    return used;
}

void sender_tests_run(struct sender *sender)
{
    for (size_t i = 0; i < NOTIFY_TESTS_MAX; i++) {
        struct test *test = &sender->tests[i];
        if (!is_used(sender, test)) {
            continue;
        }
        if (!test->started) {
            start_test(sender, test);
        }
        if (test->letter.state == LETTER_DONE) {
            end_test(sender, test, NULL);
        }
    }
}

tkr_error_t sender_test(struct sender *sender, const char *channel, const char *by,
                        sender_test_done done, void *context)
{
    size_t number = 0;
    tkr_error_t error = TKR_BUSY;
    while (number < sender->options.channel_count &&
           strcmp(sender->options.channels[number]->name, channel) != 0) {
        number++;
    }
    ENSURE(number < sender->options.channel_count, TKR_NOT_FOUND);
    pthread_mutex_lock(&sender->tests_mutex);
    for (size_t i = 0; i < NOTIFY_TESTS_MAX && error == TKR_BUSY && sender->running; i++) {
        struct test *test = &sender->tests[i];
        if (!test->used) {
            *test =
                (struct test){.used = true, .channel = number, .done = done, .context = context};
            snprintf(test->by, sizeof(test->by), "%s", by);
            error = TKR_OK;
        }
    }
    error = sender->running ? error : TKR_UNAVAILABLE;
    pthread_mutex_unlock(&sender->tests_mutex);
    TRY(error);
    curl_multi_wakeup(sender->multi);
    return TKR_OK;
}

void sender_tests_end(struct sender *sender)
{
    pthread_mutex_lock(&sender->tests_mutex);
    sender->running = false;
    pthread_mutex_unlock(&sender->tests_mutex);
    for (size_t i = 0; i < NOTIFY_TESTS_MAX; i++) {
        struct test *test = &sender->tests[i];
        if (test->used) {
            bool done = test->letter.state == LETTER_DONE;
            if (!done && test->letter.transfer != NULL) {
                curl_multi_remove_handle(sender->multi, test->letter.transfer->handle);
            }
            end_test(sender, test, done ? NULL : "the daemon stops");
        }
    }
}
