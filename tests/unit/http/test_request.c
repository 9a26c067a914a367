/* SPDX-License-Identifier: Apache-2.0 */
/* What two parsers could read differently is refused, and the connection is closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

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

static struct answer raw(const char *bytes, size_t length, bool *ret_closed)
{
    static struct answer answer;
    int fd = fixture_connect(&fixture);
    send_bytes(fd, bytes, length);
    read_answer(fd, &answer);
    *ret_closed = answer.status == 0 || answer_header(&answer, "Connection") != NULL;
    if (*ret_closed) {
        while (!is_closed(fd)) {
        }
    }
    close(fd);
    return answer;
}

static void assert_refused(const char *bytes, size_t length, int status)
{
    bool closed;
    struct answer answer = raw(bytes, length, &closed);
    assert_int_equal(answer.status, status);
    assert_true(closed);
}
#define ASSERT_REFUSED(text, status) assert_refused(text, sizeof(text) - 1, status)

static void assert_accepted(const char *bytes, size_t length, const char *body)
{
    bool closed;
    struct answer answer = raw(bytes, length, &closed);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, body);
}
#define ASSERT_ACCEPTED(text, body) assert_accepted(text, sizeof(text) - 1, body)

#define START "GET /headers HTTP/1.1\r\nHost: x\r\n"

static void test_a_nul_in_a_header_is_refused(void **state)
{
    ASSERT_REFUSED(START "X-Test: a\0b\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: \0\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: ab\0\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-\0Test: ab\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: a\0b\r\nX-Other: c\r\n\r\n", 400);
    /* What looks like the line end that libmicrohttpd has cut out. */
    ASSERT_REFUSED(START "X-Test: a\0\0X-Other: b\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: a\0\r\n\r\n\r\n", 400);
}

static void test_a_nul_in_the_target_is_refused(void **state)
{
    ASSERT_REFUSED("GET /hello\0/x HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello?a\0b HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
}

static void test_a_nul_in_the_method_is_refused(void **state)
{
    ASSERT_REFUSED("GET\0X /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400);
}

static void test_control_bytes_in_a_header_are_refused(void **state)
{
    ASSERT_REFUSED(START "X-Test: a\rb\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: a\x01"
                         "b\r\n\r\n",
                   400);
    ASSERT_REFUSED(START "X-Test: aaaaaaaaaaaaaaaaaaaaaaaa\x7f\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: aaaaaaaa\x1f"
                         "aaaaaaaaaaaaaaaaaaaa\r\n\r\n",
                   400);
    ASSERT_REFUSED(START "X-Test: \x0b\r\n\r\n", 400);
}

static void test_8_bit_bytes_in_a_value_come_through_as_they_are(void **state)
{
    ASSERT_ACCEPTED(START "X-Test: \xc3\xa9\xff\x80 aaaaaaaaaa\r\n\r\n",
                    "1 [\xc3\xa9\xff\x80 aaaaaaaaaa]");
}

static void test_8_bit_bytes_elsewhere_are_refused(void **state)
{
    ASSERT_REFUSED(START "X-T\xc3\xa9: a\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hell\xc3\xb6 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello?\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400);
}

static void test_a_folded_header_is_refused(void **state)
{
    ASSERT_REFUSED(START "X-Test: a\r\n b\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test: a\r\n\tb\r\n c\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1\r\n Host: x\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test:\r\n b\r\n\r\n", 400);
}

static void test_a_line_that_ends_in_lf_alone_is_refused(void **state)
{
    ASSERT_REFUSED("GET /hello HTTP/1.1\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1\r\nHost: x\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1\r\nHost: x\r\n\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1\nHost: x\n\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.0\n\n", 400);
}

static void test_odd_header_names_are_refused(void **state)
{
    ASSERT_REFUSED(START "X-Test : a\r\n\r\n", 400);
    ASSERT_REFUSED(START "X Test: a\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test\t: a\r\n\r\n", 400);
    ASSERT_REFUSED(START "X(Test): a\r\n\r\n", 400);
    ASSERT_REFUSED(START ": a\r\n\r\n", 400);
    ASSERT_REFUSED(START "X-Test\r\n\r\n", 400);
}

static void test_white_space_around_a_value_is_no_part_of_it(void **state)
{
    ASSERT_ACCEPTED(START "X-Test: \t a b\t \r\n\r\n", "1 [a b]");
    ASSERT_ACCEPTED(START "X-Test:a\r\n\r\n", "1 [a]");
    ASSERT_ACCEPTED(START "X-Test:   \r\n\r\n", "1 []");
    ASSERT_ACCEPTED(START "X-Test:\r\n\r\n", "1 []");
}

static void test_every_line_of_a_header_is_counted_and_the_first_is_given(void **state)
{
    ASSERT_ACCEPTED(START "x-test: a\r\nX-TEST: b\r\nX-Test-2: c\r\n\r\n", "2 [a]");
    ASSERT_ACCEPTED(START "\r\n", "0 []");
}

static void test_a_worker_sees_the_same_headers(void **state)
{
    ASSERT_ACCEPTED("GET /worker/headers HTTP/1.1\r\nX-Test: a\r\nHost: x\r\nx-test: b\r\n\r\n",
                    "2 [a]");
}

static void test_a_request_without_host_is_refused(void **state)
{
    ASSERT_REFUSED("GET /hello HTTP/1.1\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400);
}

static void test_http_1_0_needs_no_host_and_is_closed(void **state)
{
    bool closed;
    static const char text[] = "GET /hello HTTP/1.0\r\n\r\n";
    struct answer answer = raw(text, sizeof(text) - 1, &closed);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "hello");
    assert_true(closed);
}

static void test_http_1_0_may_keep_the_connection(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (int i = 0; i < 2; i++) {
        send_text(fd, "GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        read_answer(fd, &answer);
        assert_string_equal(answer.body, "hello");
    }
    close(fd);
}

static void test_other_versions_of_http_are_refused(void **state)
{
    ASSERT_REFUSED("GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505);
    ASSERT_REFUSED("GET /hello HTTP/0.9\r\nHost: x\r\n\r\n", 505);
    ASSERT_REFUSED("GET /hello HTTP/11\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello http/1.1\r\nHost: x\r\n\r\n", 400);
}

static void test_a_request_line_that_is_none_is_refused(void **state)
{
    ASSERT_REFUSED("GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hel lo HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET /hello#part HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ASSERT_REFUSED("GET\r\n\r\n", 0);
    ASSERT_REFUSED("\x16\x03\x01\x02\r\n\r\n", 0);
}

static void test_two_content_lengths_are_refused(void **state)
{
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4"
                   "\r\n\r\nabcd",
                   400);
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3"
                   "\r\n\r\nabc",
                   400);
}

static void test_content_length_beside_transfer_encoding_is_refused(void **state)
{
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                   400);
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                   "content-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                   400);
}

static void test_another_transfer_coding_is_not_implemented(void **state)
{
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc", 501);
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                   501);
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501);
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   400);
    ASSERT_REFUSED("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

static void test_a_content_length_that_is_no_number_is_refused(void **state)
{
    static const char *const lengths[] = {"-1", "+3", "3x", "0x3", "3,3", "3 3", "", "abc"};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char request[256];
        struct answer answer;
        snprintf(request, sizeof(request),
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\nabc", lengths[i]);
        int fd = fixture_connect(&fixture);
        send_text(fd, request);
        /* libmicrohttpd's own answer; it sends its head twice, then closes. */
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 400);
        assert_string_equal(answer_header(&answer, "Connection"), "close");
        while (!is_closed(fd)) {
        }
        close(fd);
    }
    ASSERT_REFUSED("POST /echo HTTP/1.1\r\nHost: x\r\n"
                   "Content-Length: 99999999999999999999\r\n\r\nabc",
                   413);
}

static void test_64_kib_of_header_are_refused(void **state)
{
    static char request[70000];
    struct answer answer;
    strcpy(request, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Large: ");
    memset(request + strlen(request), 'a', 65536);
    strcat(request, "\r\n\r\n");
    int fd = fixture_connect(&fixture);
    (void)try_send(fd, request, strlen(request)); /* it may close before all is sent */
    read_answer(fd, &answer);
    assert_true(answer.status == 431 || answer.status == 0);
    close(fd);
}

static struct answer with_header_of(size_t bytes)
{
    static struct answer answer;
    static char request[20000];
    memset(request, 0, sizeof(request));
    strcpy(request, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Large: ");
    memset(request + strlen(request), 'a', bytes - strlen(request) - 4);
    strcat(request, "\r\n\r\n");
    assert_int_equal(strlen(request), bytes);
    ask(&fixture, request, &answer);
    return answer;
}

static void test_a_head_of_the_maximum_is_accepted_and_one_more_byte_is_not(void **state)
{
    assert_int_equal(with_header_of(HTTP_HEADER_BYTES_MAX).status, 200);
    struct answer answer = with_header_of(HTTP_HEADER_BYTES_MAX + 1);
    assert_int_equal(answer.status, 431);
    assert_non_null(strstr(answer.body, "\"code\":\"too_large\""));
}

static void test_heads_of_every_size_get_an_answer_or_a_closed_connection(void **state)
{
    for (size_t bytes = 12000; bytes < 17000; bytes += 97) {
        int status = with_header_of(bytes).status;
        assert_true(status == 431 || status == 0);
    }
}

static void test_a_target_of_64_kib_is_refused(void **state)
{
    static char request[70000];
    struct answer answer;
    strcpy(request, "GET /");
    memset(request + strlen(request), 'a', 65536);
    strcat(request, " HTTP/1.1\r\nHost: x\r\n\r\n");
    int fd = fixture_connect(&fixture);
    (void)try_send(fd, request, strlen(request));
    read_answer(fd, &answer);
    assert_true(answer.status == 414 || answer.status == 0);
    close(fd);
}

static void many_lines(char *request, int lines)
{
    strcpy(request, "GET /hello HTTP/1.1\r\nHost: x\r\n");
    for (int i = 1; i < lines; i++) {
        strcat(request, "A: b\r\n");
    }
    strcat(request, "\r\n");
}

static void test_too_many_header_lines_are_refused(void **state)
{
    char request[8192];
    struct answer answer;
    many_lines(request, HTTP_HEADER_LINES_MAX);
    ask(&fixture, request, &answer);
    assert_int_equal(answer.status, 200);
    many_lines(request, HTTP_HEADER_LINES_MAX + 1);
    ask(&fixture, request, &answer);
    assert_int_equal(answer.status, 431);
    many_lines(request, 1000);
    ask(&fixture, request, &answer);
    assert_int_equal(answer.status, 431);
}

static void test_a_large_cookie_is_accepted(void **state)
{
    char request[8192] = "GET /hello HTTP/1.1\r\nHost: x\r\nCookie: a=";
    struct answer answer;
    memset(request + strlen(request), 'c', 4096);
    strcat(request, "\r\n\r\n");
    ask(&fixture, request, &answer);
    assert_int_equal(answer.status, 200);
}

static void test_requests_in_a_row_are_answered_in_order(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "GET /items/1 HTTP/1.1\r\nHost: x\r\n\r\n"
                  "DELETE /items/2 HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                  "GET /items/5 HTTP/1.1\r\nHost: x\r\n\r\n");
    static const char *const bodies[] = {"2:1", "3:2", NULL, "abc", "2:5"};
    for (size_t i = 0; i < 5; i++) {
        read_answer(fd, &answer);
        if (bodies[i] != NULL) {
            assert_string_equal(answer.body, bodies[i]);
        } else {
            assert_int_equal(answer.status, 404);
        }
    }
    close(fd);
}

static void test_a_head_that_comes_byte_by_byte_is_read(void **state)
{
    static const char text[] = START "X-Test: slowly\r\n\r\n";
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        send_bytes(fd, text + i, 1);
    }
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "1 [slowly]");
    close(fd);
}

static void test_blank_lines_before_a_request_are_skipped(void **state)
{
    ASSERT_ACCEPTED("\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "hello");
}

static struct fixture roomy;

static void with_room(struct fixture *f, struct http_options *options)
{
    options->connections_max = 4000; /* none is turned away because others are still open */
}

/* Requests with bytes changed, doubled, cut and swapped; the server must live on. */
static void test_mutated_requests_do_no_harm(void **state)
{
    static const char *const seeds[] = {
        "GET /items/a%20b?x=1&y=%26 HTTP/1.1\r\nHost: x\r\nX-Test: a\r\nCookie: a=b; "
        "c=\"d\"\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /worker/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / "
        "HTTP/1.0\r\n\r\n",
    };
    static const char bytes[] = "\0\r\n\t :;=%&?#/{}\"\x7f\x80\xff"
                                "0af9";
    fixture_start(&roomy, with_room);
    srand(3);
    for (int i = 0; i < 3000; i++) {
        char request[256];
        const char *seed = seeds[i % 3];
        size_t length = strlen(seed);
        memcpy(request, seed, length);
        for (int change = rand() % 4; change >= 0; change--) {
            size_t at = (size_t)rand() % length, to = (size_t)rand() % length;
            switch (rand() % 4) {
            case 0:
                request[at] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
                break;
            case 1:
                request[at] = request[to];
                break;
            case 2:
                memmove(request + at, request + at + 1, length - at - 1);
                length -= length > 2;
                break;
            default:
                request[at] = (char)rand();
            }
        }
        int fd = fixture_connect(&roomy);
        (void)try_send(fd, request, length);
        close(fd);
    }
    struct answer answer;
    struct http_stats stats;
    ask(&roomy, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_string_equal(answer.body, "hello");
    http_server_stats(roomy.server, &stats);
    assert_int_equal(stats.connections_refused, 0);
    fixture_stop(&roomy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_nul_in_a_header_is_refused),
        cmocka_unit_test(test_a_nul_in_the_target_is_refused),
        cmocka_unit_test(test_a_nul_in_the_method_is_refused),
        cmocka_unit_test(test_control_bytes_in_a_header_are_refused),
        cmocka_unit_test(test_8_bit_bytes_in_a_value_come_through_as_they_are),
        cmocka_unit_test(test_8_bit_bytes_elsewhere_are_refused),
        cmocka_unit_test(test_a_folded_header_is_refused),
        cmocka_unit_test(test_a_line_that_ends_in_lf_alone_is_refused),
        cmocka_unit_test(test_odd_header_names_are_refused),
        cmocka_unit_test(test_white_space_around_a_value_is_no_part_of_it),
        cmocka_unit_test(test_every_line_of_a_header_is_counted_and_the_first_is_given),
        cmocka_unit_test(test_a_worker_sees_the_same_headers),
        cmocka_unit_test(test_a_request_without_host_is_refused),
        cmocka_unit_test(test_http_1_0_needs_no_host_and_is_closed),
        cmocka_unit_test(test_http_1_0_may_keep_the_connection),
        cmocka_unit_test(test_other_versions_of_http_are_refused),
        cmocka_unit_test(test_a_request_line_that_is_none_is_refused),
        cmocka_unit_test(test_two_content_lengths_are_refused),
        cmocka_unit_test(test_content_length_beside_transfer_encoding_is_refused),
        cmocka_unit_test(test_another_transfer_coding_is_not_implemented),
        cmocka_unit_test(test_a_content_length_that_is_no_number_is_refused),
        cmocka_unit_test(test_64_kib_of_header_are_refused),
        cmocka_unit_test(test_a_head_of_the_maximum_is_accepted_and_one_more_byte_is_not),
        cmocka_unit_test(test_heads_of_every_size_get_an_answer_or_a_closed_connection),
        cmocka_unit_test(test_a_target_of_64_kib_is_refused),
        cmocka_unit_test(test_too_many_header_lines_are_refused),
        cmocka_unit_test(test_a_large_cookie_is_accepted),
        cmocka_unit_test(test_requests_in_a_row_are_answered_in_order),
        cmocka_unit_test(test_a_head_that_comes_byte_by_byte_is_read),
        cmocka_unit_test(test_blank_lines_before_a_request_are_skipped),
        cmocka_unit_test(test_mutated_requests_do_no_harm),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
