/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture fixture;

static void small_queue(struct fixture *f, struct http_options *options)
{
    options->work_queue_max = 2;
}

static int start(void **state)
{
    fixture_start(&fixture, small_queue);
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

#define GATE "GET /worker/gate HTTP/1.1\r\nHost: x\r\n\r\n"
#define LATER "GET /worker/later HTTP/1.1\r\nHost: x\r\n\r\n"

static void assert_hello(int fd)
{
    struct answer answer;
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
}

static bool queue_has_two(void *context)
{
    struct http_stats stats;
    http_server_stats(fixture.server, &stats);
    return stats.work_queue_length == 2;
}

static void test_a_full_queue_is_503_with_retry_after(void **state)
{
    int clients[3];
    struct answer answer;
    for (int i = 0; i < 3; i++) {
        clients[i] = fixture_connect(&fixture);
        send_text(clients[i], GATE);
        gate_wait(&fixture, 1); /* one is at work, two wait */
    }
    eventually(queue_has_two, NULL);
    int fd = fixture_connect(&fixture);
    send_text(fd, GATE);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "1");
    assert_non_null(strstr(answer.body, "\"code\":\"busy\""));
    assert_hello(fd); /* and the connection is kept */
    gate_open(&fixture);
    for (int i = 0; i < 3; i++) {
        read_answer(clients[i], &answer);
        assert_int_equal(answer.status, 200);
        close(clients[i]);
    }
    close(fd);
}

static void test_a_waiting_worker_does_not_delay_others(void **state)
{
    int waiting = fixture_connect(&fixture), other = fixture_connect(&fixture);
    struct answer answer;
    send_text(waiting, GATE);
    gate_wait(&fixture, 1);
    for (int i = 0; i < 10; i++) {
        assert_hello(other);
    }
    gate_open(&fixture);
    read_answer(waiting, &answer);
    assert_string_equal(answer.body, "/worker/gate");
    close(waiting);
    close(other);
}

static void test_the_connection_is_kept_after_a_workers_answer(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (int i = 0; i < 20; i++) {
        send_text(fd, "POST /worker/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        read_answer(fd, &answer);
        assert_string_equal(answer.body, "hi");
        assert_null(answer_header(&answer, "Connection"));
        assert_hello(fd);
    }
    close(fd);
}

static void test_a_request_behind_a_waiting_one_is_answered_after_it(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, GATE "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    gate_wait(&fixture, 1);
    gate_open(&fixture);
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "/worker/gate");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
    close(fd);
}

static void test_an_answer_may_come_later_from_any_thread(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, LATER);
    struct http_exchange *exchange = parked_wait(&fixture);
    assert_hello(fixture_connect(&fixture)); /* the worker is free again */
    http_set_header(exchange, "X-Late", "yes");
    http_answer(exchange, 202, "text/plain", "late", 4, false);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 202);
    assert_string_equal(answer_header(&answer, "X-Late"), "yes");
    assert_string_equal(answer.body, "late");
    assert_hello(fd);
    close(fd);
}

static void test_a_client_that_leaves_while_a_worker_works_does_no_harm(void **state)
{
    int fd = fixture_connect(&fixture);
    send_text(fd, LATER);
    struct http_exchange *exchange = parked_wait(&fixture);
    close(fd);
    const char *value;
    size_t length;
    assert_int_equal(http_header(exchange, "Host", &value, &length), 1);
    http_answer(exchange, 200, "text/plain", "nobody", 6, true);
    assert_hello(fixture_connect(&fixture));
}

static void test_a_waiting_exchange_has_no_deadline(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, LATER);
    struct http_exchange *exchange = parked_wait(&fixture);
    virtual_clock_advance(&fixture.time, 3600 * 1000);
    struct http_stats stats;
    int other = fixture_connect(&fixture); /* the listener has looked at the clock since */
    assert_hello(other);
    http_answer(exchange, 200, NULL, NULL, 0, false);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    http_server_stats(fixture.server, &stats);
    assert_true(stats.connections_open >= 2);
    close(fd);
    close(other);
}

#define DEFER                                                                                      \
    "POST /defer/a%20b?x=1&y=%26 HTTP/1.1\r\nHost: x\r\nX-Test: kept\r\n"                          \
    "Content-Length: 4\r\n\r\nbody"

static void test_an_inline_handler_that_has_to_wait_gives_its_exchange_away(void **state)
{
    struct answer answer;
    const struct http_argument *arguments;
    size_t length = 0;
    const char *value = NULL;
    int fd = fixture_connect(&fixture);
    send_text(fd, DEFER);
    struct http_exchange *exchange = parked_wait(&fixture);
    for (int i = 0; i < 20; i++) { /* its event thread works on, with its scratch */
        assert_hello(fixture_connect(&fixture));
    }
    assert_string_equal(http_body(exchange, &length), "body");
    assert_int_equal(http_header(exchange, "X-Test", &value, &length), 1);
    assert_memory_equal(value, "kept", 4);
    assert_string_equal(http_path_argument(exchange, "id"), "a b");
    assert_int_equal(http_arguments(exchange, &arguments, &length), TKR_OK);
    assert_int_equal(length, 2);
    assert_string_equal(arguments[1].value, "&");
    http_set_header(exchange, "X-Late", "yes");
    http_answer(exchange, 202, "text/plain", "late", 4, false);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 202);
    assert_string_equal(answer_header(&answer, "X-Late"), "yes");
    assert_null(answer_header(&answer, "X-Before"));
    assert_string_equal(answer.body, "late");
    assert_hello(fd);
    close(fd);
}

static void test_a_workers_exchange_is_given_away_already(void **state)
{
    struct answer answer;
    int fd = fixture_connect(&fixture);
    send_text(fd, "POST /worker/defer HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    http_answer(parked_wait(&fixture), 202, "text/plain", "later", 5, false);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 202);
    close(fd);
}

static void test_a_client_that_leaves_a_deferred_exchange_does_no_harm(void **state)
{
    const char *value;
    size_t length;
    int fd = fixture_connect(&fixture);
    send_text(fd, DEFER);
    struct http_exchange *exchange = parked_wait(&fixture);
    close(fd);
    assert_int_equal(http_header(exchange, "Host", &value, &length), 1);
    http_answer(exchange, 200, NULL, NULL, 0, false);
    assert_hello(fixture_connect(&fixture));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_full_queue_is_503_with_retry_after, start, stop),
        cmocka_unit_test_setup_teardown(test_a_waiting_worker_does_not_delay_others, start, stop),
        cmocka_unit_test_setup_teardown(test_the_connection_is_kept_after_a_workers_answer, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_request_behind_a_waiting_one_is_answered_after_it,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_an_answer_may_come_later_from_any_thread, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_while_a_worker_works_does_no_harm,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_a_waiting_exchange_has_no_deadline, start, stop),
        cmocka_unit_test_setup_teardown(
            test_an_inline_handler_that_has_to_wait_gives_its_exchange_away, start, stop),
        cmocka_unit_test_setup_teardown(test_a_workers_exchange_is_given_away_already, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_a_deferred_exchange_does_no_harm,
                                        start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
