/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture fixture;

#define GATE "GET /worker/gate HTTP/1.1\r\nHost: x\r\n\r\n"
#define LATER "GET /worker/later HTTP/1.1\r\nHost: x\r\n\r\n"
#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

static int start(void **state)
{
    fixture_start(&fixture, NULL);
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

struct stopping {
    pthread_t thread;
    int64_t grace_ms;
    _Atomic bool done;
};

static void *stop_server(void *context)
{
    struct stopping *stopping = context;
    http_server_stop(fixture.server, stopping->grace_ms);
    atomic_store(&stopping->done, true);
    return NULL;
}

static void stop_in_background(struct stopping *stopping, int64_t grace_ms)
{
    *stopping = (struct stopping){.grace_ms = grace_ms};
    assert_int_equal(pthread_create(&stopping->thread, NULL, stop_server, stopping), 0);
}

static bool refuses(void *context)
{
    int fd = connect_port(*(unsigned *)context);
    if (fd >= 0) {
        close(fd);
    }
    return fd < 0;
}

static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_a_request_in_flight_is_answered(void **state)
{
    unsigned port = http_server_port(fixture.server);
    int fd = fixture_connect(&fixture);
    struct stopping stopping;
    struct answer answer;
    send_text(fd, GATE);
    gate_wait(&fixture, 1);
    stop_in_background(&stopping, WAIT_MS);
    eventually(refuses, &port); /* nobody new comes in */
    assert_false(atomic_load(&stopping.done));
    gate_open(&fixture);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "/worker/gate");
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(is_closed(fd));
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    close(fd);
}

static void test_an_open_connection_gets_one_more_answer_and_is_closed(void **state)
{
    unsigned port = http_server_port(fixture.server);
    int held = fixture_connect(&fixture), fd = fixture_connect(&fixture);
    struct stopping stopping;
    struct answer answer;
    send_text(fd, HELLO);
    read_answer(fd, &answer);
    assert_null(answer_header(&answer, "Connection"));
    send_text(held, GATE);
    gate_wait(&fixture, 1);
    stop_in_background(&stopping, WAIT_MS);
    eventually(refuses, &port);
    send_text(fd, HELLO);
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(is_closed(fd));
    gate_open(&fixture);
    read_answer(held, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    close(held);
    close(fd);
}

static void test_idle_connections_do_not_hold_the_stop_up(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, HELLO);
    read_answer(fd, &answer);
    int64_t before = real_ms();
    http_server_stop(fixture.server, WAIT_MS);
    assert_true(real_ms() - before < WAIT_MS / 2);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_half_a_request_holds_the_stop_up_no_longer_than_the_grace(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, HELLO "POST /echo HTTP/1.1\r\n");
    read_answer(fd, &answer);
    int64_t before = real_ms();
    http_server_stop(fixture.server, 50);
    assert_true(real_ms() - before < WAIT_MS / 2);
    close(fd);
}

static void test_who_waits_longer_than_the_grace_is_told(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, LATER);
    struct http_exchange *exchange = parked_wait(&fixture);
    http_server_stop(fixture.server, 20);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "1");
    assert_true(is_closed(fd));
    /* The answer that comes too late is thrown away, also when the server is gone. */
    http_server_free(fixture.server);
    fixture.server = NULL;
    http_set_header(exchange, "X-Late", "yes");
    http_answer_problem(exchange, 500, "late", "Too late", NULL);
    close(fd);
}

static void test_what_waits_in_the_queue_is_told_too(void **state)
{
    int held = fixture_connect(&fixture), queued = fixture_connect(&fixture);
    struct stopping stopping;
    struct answer answer;
    send_text(held, GATE);
    gate_wait(&fixture, 1);
    send_text(queued, GATE);
    stop_in_background(&stopping, 50);
    read_answer(queued, &answer);
    assert_int_equal(answer.status, 503);
    read_answer(held, &answer);
    assert_int_equal(answer.status, 503);
    gate_open(&fixture); /* the handler ends, and nobody hears it */
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    close(held);
    close(queued);
}

static void test_stopping_twice_and_freeing_nothing_are_fine(void **state)
{
    http_server_stop(fixture.server, 0);
    http_server_stop(fixture.server, 0);
    assert_int_equal(http_server_threads(fixture.server), 1);
    http_server_free(NULL);
}

/* Clients that keep asking while the server stops: each request that could be sent whole on a
 * fresh or a kept connection is answered whole, or the connection ends before its answer
 * begins. read_answer fails the test on half an answer. */
struct client {
    pthread_t thread;
    unsigned port, answered;
};

static void *keep_asking(void *context)
{
    struct client *client = context;
    int fd;
    while ((fd = connect_port(client->port)) >= 0) {
        struct answer answer = {0};
        while (try_send(fd, HELLO, strlen(HELLO))) {
            read_answer(fd, &answer);
            if (answer.status != 200) {
                break;
            }
            client->answered++;
            if (answer_header(&answer, "Connection") != NULL) {
                break;
            }
        }
        close(fd);
    }
    return NULL;
}

static void test_stopping_under_load_answers_whole(void **state)
{
    enum { CLIENTS = 4 };
    struct client clients[CLIENTS] = {0};
    struct http_stats stats;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].port = http_server_port(fixture.server);
        assert_int_equal(pthread_create(&clients[i].thread, NULL, keep_asking, &clients[i]), 0);
    }
    do {
        http_server_stats(fixture.server, &stats);
    } while (stats.requests[2] < 2000);
    http_server_stop(fixture.server, WAIT_MS);
    uint64_t answered = 0;
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        answered += clients[i].answered;
    }
    http_server_stats(fixture.server, &stats);
    assert_int_equal(answered, stats.requests[2]); /* each answer arrived */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_request_in_flight_is_answered, start, stop),
        cmocka_unit_test_setup_teardown(test_an_open_connection_gets_one_more_answer_and_is_closed,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_idle_connections_do_not_hold_the_stop_up, start, stop),
        cmocka_unit_test_setup_teardown(
            test_half_a_request_holds_the_stop_up_no_longer_than_the_grace, start, stop),
        cmocka_unit_test_setup_teardown(test_who_waits_longer_than_the_grace_is_told, start, stop),
        cmocka_unit_test_setup_teardown(test_what_waits_in_the_queue_is_told_too, start, stop),
        cmocka_unit_test_setup_teardown(test_stopping_twice_and_freeing_nothing_are_fine, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_stopping_under_load_answers_whole, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
