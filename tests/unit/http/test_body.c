/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "http/internal.h"

static struct fixture fixture;

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

/* POST with a declared length, whose body is `sent` bytes of `x`. */
static void post(int fd, const char *path, size_t declared, size_t sent)
{
    char head[256];
    char *body = malloc(sent + 1);
    assert_non_null(body);
    memset(body, 'x', sent);
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path,
             declared);
    (void)(try_send(fd, head, strlen(head)) && try_send(fd, body, sent));
    free(body);
}

static void post_chunked(int fd, const char *path, size_t chunks, size_t bytes)
{
    char head[256], size[32];
    char *chunk = malloc(bytes);
    assert_non_null(chunk);
    memset(chunk, 'x', bytes);
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    snprintf(size, sizeof(size), "%zx\r\n", bytes);
    bool open = try_send(fd, head, strlen(head));
    for (size_t i = 0; open && i < chunks; i++) {
        open = try_send(fd, size, strlen(size)) && try_send(fd, chunk, bytes) &&
               try_send(fd, "\r\n", 2);
    }
    (void)(open && try_send(fd, "0\r\n\r\n", 5));
    free(chunk);
}

static void assert_still_open(int fd)
{
    struct answer answer;
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
}

static void test_a_declared_body_over_the_maximum_is_refused(void **state)
{
    static const char *const paths[] = {"/echo", "/worker/echo"};
    for (size_t i = 0; i < 2; i++) {
        int fd = fixture_connect(&fixture);
        struct answer answer;
        post(fd, paths[i], ECHO_BYTES_MAX + 1, ECHO_BYTES_MAX + 1);
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 413);
        assert_non_null(strstr(answer.body, "\"code\":\"too_large\""));
        assert_still_open(fd);
        close(fd);
    }
}

static void test_a_chunked_body_over_the_maximum_is_refused(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    post_chunked(fd, "/echo", 11, 100);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 413);
    assert_still_open(fd);
    close(fd);
}

static void test_a_large_refused_body_is_read_so_that_the_answer_arrives(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    post(fd, "/echo", 1024 * 1024, 1024 * 1024);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 413);
    assert_still_open(fd);
    close(fd);
}

static void test_a_body_that_is_declared_endless_is_refused_at_once(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    post(fd, "/echo", HTTP_DISCARD_BYTES_MAX + 1, 0);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 413);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(is_closed(fd));
    close(fd);
}

static void test_an_endless_chunked_body_is_cut_off(void **state)
{
    int fd = fixture_connect(&fixture);
    post_chunked(fd, "/echo", HTTP_DISCARD_BYTES_MAX / 65536 + 200, 65536);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_a_body_where_none_belongs_is_refused(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 413);
    assert_still_open(fd);
    close(fd);
}

static void test_an_empty_body_is_fine_everywhere(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    post(fd, "/echo", 0, 0);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_length, 0);
    close(fd);
}

static void test_the_body_of_an_unknown_path_is_read_and_the_connection_kept(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    post(fd, "/nothing", 5000, 5000);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 404);
    post(fd, "/hello", 5000, 5000);
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 405);
    assert_still_open(fd);
    close(fd);
}

static void test_a_body_of_the_maximum_is_echoed(void **state)
{
    static const char *const paths[] = {"/echo", "/worker/echo"};
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (size_t i = 0; i < 2; i++) {
        post(fd, paths[i], ECHO_BYTES_MAX, ECHO_BYTES_MAX);
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.body_length, ECHO_BYTES_MAX);
        assert_string_equal(answer_header(&answer, "X-Method"), "POST");
    }
    close(fd);
}

static void test_a_chunked_body_is_put_together(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "abcde");
    post_chunked(fd, "/worker/echo", 10, 100);
    read_answer(fd, &answer);
    assert_int_equal(answer.body_length, 1000);
    assert_still_open(fd);
    close(fd);
}

static void test_a_body_may_hold_any_byte(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
                                  "\0\xff\r\n\0";
    send_bytes(fd, request, sizeof(request) - 1);
    read_answer(fd, &answer);
    assert_int_equal(answer.body_length, 5);
    assert_memory_equal(answer.body, "\0\xff\r\n\0", 5);
    close(fd);
}

static void test_chunks_that_are_none_are_refused(void **state)
{
    static const char *const bodies[] = {"x\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\n\r\n",
                                         "fffffffffffffffff\r\n", ";\r\n"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int fd = fixture_connect(&fixture);
        struct answer answer;
        send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        send_text(fd, bodies[i]);
        read_answer(fd, &answer);
        assert_true(answer.status == 400 || answer.status == 413);
        assert_true(is_closed(fd));
        close(fd);
    }
}

static void test_a_truncated_body_never_reaches_the_handler(void **state)
{
    int fd = fixture_connect(&fixture);
    struct http_stats stats;
    post(fd, "/echo", 100, 50);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(closes_in_time(&fixture, fd, 1000));
    close(fd);
    http_server_stats(fixture.server, &stats);
    uint64_t before = stats.requests[2];
    fd = fixture_connect(&fixture);
    assert_still_open(fd);
    http_server_stats(fixture.server, &stats);
    assert_int_equal(stats.requests[2], before + 1);
    close(fd);
}

static void test_100_continue_is_sent_for_a_body_that_is_wanted(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                  "Expect: 100-continue\r\n\r\n");
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 100);
    send_text(fd, "abc");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "abc");
    close(fd);
}

static void test_100_continue_is_not_sent_for_a_body_that_is_refused(void **state)
{
    static const char *const starts[] = {"/echo HTTP/1.1\r\nContent-Length: 2000",
                                         "/nothing HTTP/1.1\r\nContent-Length: 3",
                                         "/hello HTTP/1.1\r\nTransfer-Encoding: chunked"};
    static const int statuses[] = {413, 404, 405};
    for (size_t i = 0; i < 3; i++) {
        int fd = fixture_connect(&fixture);
        struct answer answer;
        send_text(fd, "POST ");
        send_text(fd, starts[i]);
        send_text(fd, "\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
        read_answer(fd, &answer);
        assert_int_equal(answer.status, statuses[i]);
        assert_true(is_closed(fd));
        close(fd);
    }
}

static void test_headers_survive_the_body_of_another_request(void **state)
{
    int slow = fixture_connect(&fixture), other = fixture_connect(&fixture);
    struct answer answer;
    /* The thread's scratch is used by `other` between head and body of `slow`. */
    send_text(slow, "GET /headers HTTP/1.1\r\nHost: x\r\nX-Test: mine\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    send_text(other, "GET /headers HTTP/1.1\r\nHost: x\r\nX-Test: other\r\n\r\n");
    read_answer(other, &answer);
    assert_string_equal(answer.body, "1 [other]");
    send_text(slow, "\r\n");
    read_answer(slow, &answer);
    assert_string_equal(answer.body, "1 [mine]");
    close(slow);
    close(other);
}

/* What an open, idle connection still has in its buffers. */
static bool holds_nothing(void *context)
{
    struct http_thread *thread = &fixture.server->threads[0];
    struct answer answer;
    bool clean = true;
    ask(&fixture, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", &answer); /* the thread went on */
    pthread_mutex_lock(&thread->lock);
    for (struct http_connection *c = thread->first; c != NULL; c = c->next) {
        const struct kept *const kept[] = {&c->exchange.body, &c->exchange.head,
                                           &c->exchange.answer};
        for (size_t i = 0; i < 3; i++) {
            clean &= kept[i]->capacity == 0 ||
                     memmem(kept[i]->bytes, kept[i]->capacity, "sk_live_", 8) == NULL;
        }
    }
    pthread_mutex_unlock(&thread->lock);
    return clean;
}

static void test_bodies_and_copied_heads_are_wiped(void **state)
{
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nsk_live_secret",
        "POST /worker/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_live_secret\r\n"
        "Content-Length: 2\r\n\r\nok",
        "POST /worker/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "e\r\nsk_live_secret\r\n0\r\n\r\n",
        "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = fixture_connect(&fixture);
        struct answer answer;
        send_text(fd, requests[i]);
        read_answer(fd, &answer);
        assert_int_equal(answer.status / 100, 2);
        eventually(holds_nothing, NULL);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_declared_body_over_the_maximum_is_refused),
        cmocka_unit_test(test_a_chunked_body_over_the_maximum_is_refused),
        cmocka_unit_test(test_a_large_refused_body_is_read_so_that_the_answer_arrives),
        cmocka_unit_test(test_a_body_that_is_declared_endless_is_refused_at_once),
        cmocka_unit_test(test_an_endless_chunked_body_is_cut_off),
        cmocka_unit_test(test_a_body_where_none_belongs_is_refused),
        cmocka_unit_test(test_an_empty_body_is_fine_everywhere),
        cmocka_unit_test(test_the_body_of_an_unknown_path_is_read_and_the_connection_kept),
        cmocka_unit_test(test_a_body_of_the_maximum_is_echoed),
        cmocka_unit_test(test_a_chunked_body_is_put_together),
        cmocka_unit_test(test_a_body_may_hold_any_byte),
        cmocka_unit_test(test_chunks_that_are_none_are_refused),
        cmocka_unit_test(test_a_truncated_body_never_reaches_the_handler),
        cmocka_unit_test(test_100_continue_is_sent_for_a_body_that_is_wanted),
        cmocka_unit_test(test_100_continue_is_not_sent_for_a_body_that_is_refused),
        cmocka_unit_test(test_headers_survive_the_body_of_another_request),
        cmocka_unit_test(test_bodies_and_copied_heads_are_wiped),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
