/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines that trickling does not move, and how many connections there may be. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture fixture;

static void short_deadlines(struct fixture *f, struct http_options *options)
{
    options->idle_s = 60;
    options->request_s = 5;
    options->connections_max = 8;
    options->socket_path = f->socket_path;
}

static int start(void **state)
{
    fixture_start(&fixture, short_deadlines);
    return 0;
}

static int stop(void **state)
{
    if (fixture.server != NULL) {
        fixture_stop(&fixture);
    }
    return 0;
}

static void assert_hello(int fd)
{
    struct answer answer;
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
}

static uint64_t open_connections(void)
{
    struct http_stats stats;
    http_server_stats(fixture.server, &stats);
    return stats.connections_open;
}

static bool are_open(void *context)
{
    return open_connections() == *(uint64_t *)context;
}

/* Moves the clock on until all are closed; as closes_in_time. */
static bool none_is_open(void *context)
{
    virtual_clock_advance(&fixture.time, 61000);
    return open_connections() == 0;
}

static void wait_for_open(uint64_t count)
{
    eventually(are_open, &count);
}

/* A byte a second, by the server's clock: no inactivity timeout would end it. Returns how
 * many seconds it took; 0: it was not ended. */
static int trickle(int fd)
{
    for (int seconds = 1; seconds < WAIT_MS / 2; seconds++) {
        struct pollfd polled = {fd, POLLIN, 0};
        virtual_clock_advance(&fixture.time, 1000);
        if (!try_send(fd, "x", 1) || poll(&polled, 1, 2) == 1) {
            return seconds;
        }
    }
    return 0;
}

static void test_headers_that_trickle_are_cut_off(void **state)
{
    int fd = fixture_connect(&fixture);
    assert_hello(fd);
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: ");
    assert_true(trickle(fd) >= 5);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_a_body_that_trickles_is_cut_off(void **state)
{
    int fd = fixture_connect(&fixture);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e7\r\n");
    assert_true(trickle(fd) >= 5);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_a_request_line_that_trickles_is_cut_off(void **state)
{
    int fd = fixture_connect(&fixture);
    assert_true(trickle(fd) >= 60);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_an_answer_that_is_not_taken_is_given_up(void **state)
{
    int fd = fixture_connect(&fixture);
    struct http_stats stats;
    send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    do { /* until it is being sent */
        http_server_stats(fixture.server, &stats);
    } while (stats.requests[2] == 0);
    assert_int_equal(open_connections(), 1);
    eventually(none_is_open, NULL);
    close(fd);
}

static void test_an_idle_connection_is_closed(void **state)
{
    int fd = fixture_connect(&fixture);
    assert_hello(fd);
    assert_true(closes_in_time(&fixture, fd, 61000));
    close(fd);
}

static void test_a_connection_that_never_says_anything_is_closed(void **state)
{
    int fd = fixture_connect(&fixture);
    assert_true(closes_in_time(&fixture, fd, 61000));
    close(fd);
}

static void test_a_connection_in_use_is_not_closed(void **state)
{
    int fd = fixture_connect(&fixture);
    for (int i = 0; i < 5; i++) {
        assert_hello(fd);
        virtual_clock_advance(&fixture.time, 40000);
    }
    assert_hello(fd);
    close(fd);
}

/* Nobody out there may lock the operator out. */
static void test_the_unix_socket_answers_when_the_network_has_taken_every_connection(void **state)
{
    int crowd[8];
    for (int i = 0; i < 8; i++) {
        crowd[i] = fixture_connect(&fixture);
    }
    wait_for_open(8);
    int refused = fixture_connect(&fixture);
    assert_true(is_closed(refused));
    int local = fixture_connect_unix(&fixture);
    assert_hello(local);
    close(local);
    close(refused);
    for (int i = 0; i < 8; i++) {
        close(crowd[i]);
    }
}

static void test_connections_over_the_maximum_are_closed_at_once(void **state)
{
    int clients[8];
    for (int i = 0; i < 8; i++) {
        clients[i] = fixture_connect(&fixture);
        assert_hello(clients[i]);
    }
    int over = fixture_connect(&fixture);
    assert_true(is_closed(over));
    close(over);
    struct http_stats stats;
    http_server_stats(fixture.server, &stats);
    assert_int_equal(stats.connections_open, 8);
    assert_int_equal(stats.connections_refused, 1);
    assert_hello(clients[7]); /* those who are in stay in */
    close(clients[0]);
    wait_for_open(7);
    over = fixture_connect(&fixture);
    assert_hello(over);
    close(over);
    for (int i = 1; i < 8; i++) {
        close(clients[i]);
    }
}

static void two_an_address(struct fixture *f, struct http_options *options)
{
    options->connections_per_address_max = 2;
}

static void test_connections_of_one_address_have_a_maximum_of_their_own(void **state)
{
    fixture_start(&fixture, two_an_address);
    int one = fixture_connect(&fixture), two = fixture_connect(&fixture);
    assert_hello(one);
    assert_hello(two);
    int over = fixture_connect(&fixture);
    assert_true(is_closed(over));
    close(over);
    close(one);
    wait_for_open(1);
    over = fixture_connect(&fixture);
    assert_hello(over);
    close(over);
    close(two);
}

static void many_connections(struct fixture *f, struct http_options *options)
{
    options->connections_max = 1100;
    options->event_threads = 2;
}

static void many_connections_of_one_thread(struct fixture *f, struct http_options *options)
{
    options->connections_max = 200;
}

static void test_a_thousand_idle_connections_do_no_harm(void **state)
{
    enum { COUNT = 1000 };
    static int clients[COUNT];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_true(files.rlim_cur > 2 * COUNT + 100);
    fixture_start(&fixture, many_connections);
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
    }
    wait_for_open(COUNT);
    int fd = fixture_connect(&fixture);
    for (int i = 0; i < 100; i++) {
        assert_hello(fd);
    }
    assert_hello(clients[0]);
    assert_hello(clients[COUNT - 1]);
    eventually(none_is_open, NULL);
    for (int i = 0; i < COUNT; i++) {
        close(clients[i]);
    }
    close(fd);
}

/* libmicrohttpd's own event loop sleeps when it has collected exactly 128 events. */
static void test_exactly_128_requests_at_once_are_answered(void **state)
{
    enum { COUNT = 128 };
    int clients[COUNT];
    struct answer answer;
    fixture_start(&fixture, many_connections_of_one_thread);
    for (int i = 0; i < COUNT; i++) {
        clients[i] = fixture_connect(&fixture);
        assert_hello(clients[i]);
    }
    int holder = fixture_connect(&fixture);
    send_text(holder, "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    gate_wait(&fixture, 1);
    for (int i = 0; i < COUNT; i++) {
        send_text(clients[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    gate_open(&fixture);
    for (int i = 0; i < COUNT; i++) {
        read_answer(clients[i], &answer);
        assert_string_equal(answer.body, "hello");
        close(clients[i]);
    }
    close(holder);
}

static void four_threads(struct fixture *f, struct http_options *options)
{
    options->event_threads = 4;
}

static void test_connections_are_spread_evenly_over_the_threads(void **state)
{
    fixture_start(&fixture, four_threads);
    assert_int_equal(http_server_threads(fixture.server), 4);
    unsigned seen[4] = {0};
    int clients[16];
    for (int i = 0; i < 16; i++) {
        struct answer answer;
        clients[i] = fixture_connect(&fixture);
        send_text(clients[i], "GET /thread HTTP/1.1\r\nHost: x\r\n\r\n");
        read_answer(clients[i], &answer);
        seen[atoi(answer.body)]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen[i], 4);
    }
    for (int i = 0; i < 16; i++) {
        close(clients[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_headers_that_trickle_are_cut_off, start, stop),
        cmocka_unit_test_setup_teardown(test_a_body_that_trickles_is_cut_off, start, stop),
        cmocka_unit_test_setup_teardown(test_a_request_line_that_trickles_is_cut_off, start, stop),
        cmocka_unit_test_setup_teardown(test_an_answer_that_is_not_taken_is_given_up, start, stop),
        cmocka_unit_test_setup_teardown(test_an_idle_connection_is_closed, start, stop),
        cmocka_unit_test_setup_teardown(test_a_connection_that_never_says_anything_is_closed, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_connection_in_use_is_not_closed, start, stop),
        cmocka_unit_test_setup_teardown(
            test_the_unix_socket_answers_when_the_network_has_taken_every_connection, start, stop),
        cmocka_unit_test_setup_teardown(test_connections_over_the_maximum_are_closed_at_once, start,
                                        stop),
        cmocka_unit_test_teardown(test_connections_of_one_address_have_a_maximum_of_their_own,
                                  stop),
        cmocka_unit_test_teardown(test_a_thousand_idle_connections_do_no_harm, stop),
        cmocka_unit_test_teardown(test_exactly_128_requests_at_once_are_answered, stop),
        cmocka_unit_test_teardown(test_connections_are_spread_evenly_over_the_threads, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
