/* SPDX-License-Identifier: Apache-2.0 */
/* Who delivers, over an outbox in memory and receivers on the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message.h"
#include "notify/sender.h"
#include "receiver.h"

#define ROWS_MAX 64
#define WAIT_S 20
#define ACCEPTS "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
#define BREAKS "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

struct row {
    char id[OUTBOX_ID_CHARS + 1], channel[40];
    int64_t next_at_ms, since_ms;
    uint32_t tries;
    enum { ROW_FREE, ROW_WAITS, ROW_SENT, ROW_DEAD } state;
    unsigned failures;
    char error[OUTBOX_ERROR_BYTES_MAX + 1];
};

struct outbox {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct row rows[ROWS_MAX];
    unsigned logged, reports, settle_failures; /* settle_failures: how many are still to come */
    char reported[8][64];
    int64_t now_ms;
    struct sender *sender;
    struct notify_channel channels[3];
    const struct notify_channel *list[3];
    size_t channel_count;
    struct notify_keys keys;
};

/* --- the port ----------------------------------------------------------------------------- */

static tkr_error_t due(void *context, const char *channel, int64_t by_ms, uint32_t limit,
                       struct arena *arena, struct outbox_message **ret_messages, size_t *ret_count,
                       int64_t *ret_next_ms)
{
    struct outbox *outbox = context;
    struct outbox_message *messages = arena_alloc(arena, limit * sizeof(*messages));
    size_t count = 0;
    *ret_next_ms = INT64_MAX;
    pthread_mutex_lock(&outbox->mutex);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        struct row *row = &outbox->rows[i];
        if (row->state != ROW_WAITS || strcmp(row->channel, channel) != 0) {
            continue;
        }
        if (count == limit || row->next_at_ms > by_ms) {
            *ret_next_ms = row->next_at_ms < *ret_next_ms ? row->next_at_ms : *ret_next_ms;
            continue;
        }
        messages[count] = message_full();
        memcpy(messages[count].id, row->id, sizeof(row->id));
        messages[count].tries = row->tries;
        messages[count].since_ms = row->since_ms;
        count++;
    }
    pthread_mutex_unlock(&outbox->mutex);
    *ret_messages = messages;
    *ret_count = count;
    return TKR_OK;
}

static tkr_error_t channels(void *context, struct arena *arena,
                            struct outbox_channel **ret_channels, size_t *ret_count)
{
    struct outbox *outbox = context;
    struct outbox_channel *list = arena_alloc(arena, ROWS_MAX * sizeof(*list));
    size_t count = 0;
    pthread_mutex_lock(&outbox->mutex);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        if (outbox->rows[i].state == ROW_WAITS) {
            list[count].name = outbox->rows[i].channel;
            list[count++].waiting = 1;
        }
    }
    pthread_mutex_unlock(&outbox->mutex);
    *ret_channels = list;
    *ret_count = count;
    return TKR_OK;
}

static void settle_one(struct outbox *outbox, const struct outbox_result *result)
{
    for (size_t i = 0; i < ROWS_MAX; i++) {
        struct row *row = &outbox->rows[i];
        if (row->state == ROW_WAITS && strcmp(row->id, result->id) == 0) {
            row->state = result->outcome == OUTBOX_SENT   ? ROW_SENT
                         : result->outcome == OUTBOX_DEAD ? ROW_DEAD
                                                          : ROW_WAITS;
            row->tries++;
            row->failures += result->outcome != OUTBOX_SENT;
            row->next_at_ms = result->next_at_ms;
            snprintf(row->error, sizeof(row->error), "%s", result->error);
        }
    }
}

static tkr_error_t settle(void *context, const struct outbox_result *results, size_t count)
{
    struct outbox *outbox = context;
    pthread_mutex_lock(&outbox->mutex);
    bool fails = outbox->settle_failures > 0;
    outbox->settle_failures -= fails;
    for (size_t i = 0; i < count && !fails; i++) {
        settle_one(outbox, &results[i]);
    }
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->mutex);
    return fails ? TKR_NO_SPACE : TKR_OK;
}

static int64_t now_ms(void *context)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return MESSAGE_AT + now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void log_message(void *context, const struct outbox_message *message)
{
    struct outbox *outbox = context;
    pthread_mutex_lock(&outbox->mutex);
    outbox->logged++;
    pthread_mutex_unlock(&outbox->mutex);
}

static void report(void *context, enum log_level level, const char *event, const char *detail)
{
    struct outbox *outbox = context;
    pthread_mutex_lock(&outbox->mutex);
    snprintf(outbox->reported[outbox->reports++ % 8], 64, "%s", event);
    pthread_mutex_unlock(&outbox->mutex);
}

/* --- steps -------------------------------------------------------------------------------- */

static char empty[] = "";

static void outbox_init(struct outbox *outbox)
{
    memset(outbox, 0, sizeof(*outbox));
    pthread_mutex_init(&outbox->mutex, NULL);
    pthread_cond_init(&outbox->changed, NULL);
    outbox->keys.count = 1;
    outbox->keys.lengths[0] = 32;
}

static struct notify_channel *add_channel(struct outbox *outbox, const char *name, int64_t type,
                                          char *url)
{
    struct notify_channel *channel = &outbox->channels[outbox->channel_count];
    *channel = (struct notify_channel){
        .name = name,
        .type = type,
        .url = url,
        .ca_file = empty,
        .allow_private = 1,
        .timeout_s = 60,
        .give_up_s = 86400,
        .in_flight = 2,
        .keys = &outbox->keys,
    };
    outbox->list[outbox->channel_count++] = channel;
    return channel;
}

static void start(struct outbox *outbox)
{
    const struct sender_options options = {
        .channels = outbox->list,
        .channel_count = outbox->channel_count,
        .port = {outbox, due, channels, settle, now_ms, log_message, report},
        .clock = clock_system(),
        .random = random_system(),
    };
    assert_int_equal(sender_new(&options, &outbox->sender), TKR_OK);
    assert_int_equal(sender_start(outbox->sender), TKR_OK);
}

static void put(struct outbox *outbox, unsigned number, const char *channel)
{
    struct row *row = &outbox->rows[number];
    pthread_mutex_lock(&outbox->mutex);
    *row = (struct row){.state = ROW_WAITS, .since_ms = now_ms(NULL)};
    snprintf(row->id, sizeof(row->id), "msg_%026u", number);
    snprintf(row->channel, sizeof(row->channel), "%s", channel);
    pthread_mutex_unlock(&outbox->mutex);
    if (outbox->sender != NULL) {
        sender_wake(outbox->sender);
    }
}

/* Until the row is as it should be; a failure when that takes too long. */
static void wait_for(struct outbox *outbox, unsigned number, int state, unsigned failures)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    int failed = 0;
    pthread_mutex_lock(&outbox->mutex);
    const struct row *row = &outbox->rows[number];
    while (failed == 0 && ((int)row->state != state || row->failures < failures)) {
        failed = pthread_cond_timedwait(&outbox->changed, &outbox->mutex, &until);
    }
    pthread_mutex_unlock(&outbox->mutex);
    assert_int_equal(failed, 0);
}

static void stop(struct outbox *outbox)
{
    sender_free(outbox->sender);
    pthread_mutex_destroy(&outbox->mutex);
    pthread_cond_destroy(&outbox->changed);
}

static char *url_of(const struct receiver *receiver, char out[64])
{
    snprintf(out, 64, "http://127.0.0.1:%u/hook", receiver->port);
    return out;
}

/* --- delivering --------------------------------------------------------------------------- */

static void test_a_message_arrives_signed_and_is_settled(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, ACCEPTS);
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_SENT, 0);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_non_null(strstr(receiver.request, "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(receiver.request, "\r\nwebhook-id: msg_00000000000000000000000001\r\n"));
    assert_non_null(strstr(receiver.request, "\r\nwebhook-signature: v1,"));
    assert_non_null(strstr(receiver.request, "\r\n\r\n{\"type\":\"token.expiring\""));
    assert_int_equal(receiver.connections, 1);
}

static void test_a_receiver_that_hangs_holds_up_only_its_own_channel(void **state)
{
    struct outbox outbox;
    struct receiver dead, alive;
    char dead_url[64], url[64];
    outbox_init(&outbox);
    receiver_start(&dead, NULL);
    receiver_start(&alive, ACCEPTS);
    add_channel(&outbox, "dead", NOTIFY_SLACK, url_of(&dead, dead_url));
    add_channel(&outbox, "alive", NOTIFY_SLACK, url_of(&alive, url));
    start(&outbox);
    for (unsigned i = 1; i <= 10; i++) {
        put(&outbox, i, "dead");
    }
    for (unsigned i = 11; i <= 30; i++) {
        put(&outbox, i, "alive");
    }
    for (unsigned i = 11; i <= 30; i++) {
        wait_for(&outbox, i, ROW_SENT, 0);
    }
    stop(&outbox);
    receiver_stop(&dead);
    receiver_stop(&alive);
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(outbox.rows[i].failures, 0); /* they have a minute, and hung to the end */
    }
}

static void test_who_never_answers_fails_after_the_timeout(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, NULL);
    add_channel(&outbox, "slow", NOTIFY_TEAMS, url_of(&receiver, url))->timeout_s = 1;
    start(&outbox);
    put(&outbox, 1, "slow");
    wait_for(&outbox, 1, ROW_WAITS, 1);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_non_null(strstr(outbox.rows[1].error, "Timeout"));
    assert_string_equal(outbox.reported[0], "notify_failed");
}

static void test_an_answer_of_500_is_tried_again_with_the_same_id(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, BREAKS);
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_WAITS, 1);
    assert_string_equal(outbox.rows[1].error, "it answered 500");
    assert_true(outbox.rows[1].next_at_ms >= now_ms(NULL) - 5000);
    receiver.answer = ACCEPTS;
    wait_for(&outbox, 1, ROW_SENT, 1);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_true(receiver.connections >= 2);
    assert_non_null(strstr(receiver.request, "\r\nwebhook-id: msg_00000000000000000000000001\r\n"));
    assert_string_equal(outbox.reported[1], "notify_recovered");
}

static void test_an_endless_answer_to_a_message_that_was_taken_is_no_failure(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, "HTTP/1.1 200 OK\r\n\r\n");
    receiver.endless = true;
    add_channel(&outbox, "hook", NOTIFY_DISCORD, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_SENT, 0);
    stop(&outbox);
    receiver_stop(&receiver);
}

static void test_410_makes_a_dead_letter_at_once(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_DEAD, 1);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 1);
}

static void test_a_redirect_is_a_failure_and_says_so(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n"
                              "Content-Length: 0\r\n\r\n");
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_WAITS, 1);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_string_equal(outbox.rows[1].error, "it answered 302, and redirects are not followed");
}

static void test_a_private_address_is_refused_unless_allowed(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, ACCEPTS);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", receiver.port);
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url)->allow_private = 0;
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_WAITS, 1);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_non_null(strstr(outbox.rows[1].error, "not public"));
    assert_int_equal(receiver.connections, 0);
}

static void test_what_cannot_be_settled_is_not_sent_again(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, ACCEPTS);
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    outbox.settle_failures = 2;
    start(&outbox);
    put(&outbox, 1, "hook");
    wait_for(&outbox, 1, ROW_SENT, 0);
    stop(&outbox);
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 1);
    assert_string_equal(outbox.reported[0], "notify_not_stored");
}

static void test_messages_of_a_channel_that_is_gone_die(void **state)
{
    struct outbox outbox;
    outbox_init(&outbox);
    add_channel(&outbox, "log", NOTIFY_LOG, empty);
    put(&outbox, 1, "former");
    put(&outbox, 2, "log");
    start(&outbox);
    wait_for(&outbox, 1, ROW_DEAD, 1);
    wait_for(&outbox, 2, ROW_SENT, 0);
    stop(&outbox);
    assert_int_equal(outbox.logged, 1);
    assert_non_null(strstr(outbox.rows[1].error, "not configured"));
}

static void test_what_is_in_flight_at_the_stop_may_end(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, NULL);
    add_channel(&outbox, "hook", NOTIFY_WEBHOOK, url_of(&receiver, url));
    start(&outbox);
    put(&outbox, 1, "hook");
    while (atomic_load(&receiver.connections) == 0) {
        sched_yield();
    }
    stop(&outbox); /* gives up after NOTIFY_STOP_MS, and leaves it to the next start */
    receiver_stop(&receiver);
    assert_int_equal(outbox.rows[1].state, ROW_WAITS);
    assert_int_equal(outbox.rows[1].failures, 0);
}

/* --- tests of a channel ------------------------------------------------------------------- */

struct heard {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned times;
    bool delivered;
    long status;
    char error[256], answer[256];
};

static void hear(void *context, const struct sender_test_result *result)
{
    struct heard *heard = context;
    pthread_mutex_lock(&heard->mutex);
    heard->times++;
    heard->delivered = result->delivered;
    heard->status = result->status;
    snprintf(heard->error, sizeof(heard->error), "%s", result->error);
    snprintf(heard->answer, sizeof(heard->answer), "%s", result->answer);
    pthread_cond_signal(&heard->changed);
    pthread_mutex_unlock(&heard->mutex);
}

static struct heard try_out(struct outbox *outbox, const char *channel)
{
    struct heard heard = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(sender_test(outbox->sender, channel, "root", hear, &heard), TKR_OK);
    pthread_mutex_lock(&heard.mutex);
    while (heard.times == 0) {
        pthread_cond_wait(&heard.changed, &heard.mutex);
    }
    pthread_mutex_unlock(&heard.mutex);
    return heard;
}

static void test_a_test_tells_what_the_receiver_said(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, "HTTP/1.1 403 No\r\nContent-Length: 15\r\n\r\ninvalid\x1b[31m\r\n!");
    add_channel(&outbox, "hook", NOTIFY_SLACK, url_of(&receiver, url));
    start(&outbox);
    assert_int_equal(sender_test(outbox.sender, "other", "root", hear, NULL), TKR_NOT_FOUND);
    struct heard heard = try_out(&outbox, "hook");
    assert_false(heard.delivered);
    assert_int_equal(heard.status, 403);
    assert_string_equal(heard.error, "it answered 403");
    assert_string_equal(heard.answer, "invalid [31m  !");
    receiver.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    heard = try_out(&outbox, "hook");
    assert_true(heard.delivered);
    assert_string_equal(heard.answer, "ok");
    stop(&outbox);
    receiver_stop(&receiver);
    assert_non_null(strstr(receiver.request, "asked for by root"));
}

static void test_who_waits_for_a_test_is_told_at_the_stop(void **state)
{
    struct outbox outbox;
    struct receiver receiver;
    struct heard heard = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    char url[64];
    outbox_init(&outbox);
    receiver_start(&receiver, NULL);
    add_channel(&outbox, "hook", NOTIFY_SLACK, url_of(&receiver, url));
    start(&outbox);
    for (int i = 0; i < NOTIFY_TESTS_MAX; i++) {
        assert_int_equal(sender_test(outbox.sender, "hook", "root", hear, &heard), TKR_OK);
    }
    assert_int_equal(sender_test(outbox.sender, "hook", "root", hear, &heard), TKR_BUSY);
    sender_stop(outbox.sender);
    assert_int_equal(heard.times, NOTIFY_TESTS_MAX);
    assert_false(heard.delivered);
    assert_int_equal(sender_test(outbox.sender, "hook", "root", hear, &heard), TKR_UNAVAILABLE);
    stop(&outbox);
    receiver_stop(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_arrives_signed_and_is_settled),
        cmocka_unit_test(test_a_receiver_that_hangs_holds_up_only_its_own_channel),
        cmocka_unit_test(test_who_never_answers_fails_after_the_timeout),
        cmocka_unit_test(test_an_answer_of_500_is_tried_again_with_the_same_id),
        cmocka_unit_test(test_an_endless_answer_to_a_message_that_was_taken_is_no_failure),
        cmocka_unit_test(test_410_makes_a_dead_letter_at_once),
        cmocka_unit_test(test_a_redirect_is_a_failure_and_says_so),
        cmocka_unit_test(test_a_private_address_is_refused_unless_allowed),
        cmocka_unit_test(test_what_cannot_be_settled_is_not_sent_again),
        cmocka_unit_test(test_messages_of_a_channel_that_is_gone_die),
        cmocka_unit_test(test_what_is_in_flight_at_the_stop_may_end),
        cmocka_unit_test(test_a_test_tells_what_the_receiver_said),
        cmocka_unit_test(test_who_waits_for_a_test_is_told_at_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
