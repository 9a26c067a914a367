/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify/http_send.h"
#include "receiver.h"

#define SECRET "s3cr3t-in-the-header"

struct sending {
    char url[200];
    struct http_send_request request;
    struct http_send_answer answer;
    struct fault fault;
};

static const struct http_send_header headers[] = {{"Authorization", "Bearer " SECRET},
                                                  {"Content-Type", "application/json"}};

static void prepare(struct sending *sending, const struct receiver *receiver)
{
    memset(sending, 0, sizeof(*sending));
    snprintf(sending->url, sizeof(sending->url), "http://127.0.0.1:%u/hook/secret-path",
             receiver->port);
    sending->request = (struct http_send_request){
        .url = sending->url,
        .method = "POST",
        .headers = headers,
        .header_count = 2,
        .body = "{\"a\":1}",
        .body_length = 7,
        .ca_file = "",
        .allow_private = true,
        .timeout_ms = 20000,
        .answer_bytes_max = 4096,
    };
}

static tkr_error_t send_it(struct sending *sending)
{
    tkr_error_t error = http_send(&sending->request, &sending->answer, &sending->fault);
    assert_null(strstr(sending->fault.detail, SECRET));
    assert_null(strstr(sending->fault.detail, "secret-path"));
    return error;
}

/* --- where it may go ---------------------------------------------------------------------- */

static void test_a_url_must_be_https_without_a_user(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "ftp://example.com/",
        "http://example.com/",
        "https://u:p@example.com/",
        "https://u@example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://",
    };
    char host[HTTP_SEND_HOST_SIZE];
    struct fault fault;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(http_send_check_url(bad[i], false, host, &fault), TKR_INVALID);
        assert_string_equal(fault.field, "url");
    }
    assert_int_equal(http_send_check_url("https://example.com:8443/x?y", false, host, &fault),
                     TKR_OK);
    assert_string_equal(host, "example.com");
    assert_int_equal(http_send_check_url("http://example.com/", true, host, &fault), TKR_OK);
}

static void test_a_name_that_means_the_loopback_is_not_reached(void **state)
{
    struct receiver receiver;
    struct sending sending;
    char resolve[100];
    receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
    prepare(&sending, &receiver);
    snprintf(sending.url, sizeof(sending.url), "https://hooks.example.com:%u/x", receiver.port);
    snprintf(resolve, sizeof(resolve), "hooks.example.com:%u:127.0.0.1", receiver.port);
    sending.request.resolve = resolve;
    sending.request.allow_private = false;
    assert_int_equal(send_it(&sending), TKR_FORBIDDEN);
    assert_non_null(strstr(sending.fault.detail, "not public"));
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 0);
    http_send_answer_deinit(&sending.answer);
}

/* The resolver's first answer was fine, and the next one is not: each connection is judged. */
static void test_a_name_is_judged_anew_with_each_connection(void **state)
{
    struct receiver receiver;
    struct sending sending;
    char resolve[100];
    receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
    prepare(&sending, &receiver);
    snprintf(sending.url, sizeof(sending.url), "http://hooks.example.com:%u/x", receiver.port);
    snprintf(resolve, sizeof(resolve), "hooks.example.com:%u:127.0.0.1", receiver.port);
    sending.request.resolve = resolve;
    assert_int_equal(send_it(&sending), TKR_OK);
    http_send_answer_deinit(&sending.answer);
    snprintf(sending.url, sizeof(sending.url), "https://hooks.example.com:%u/x", receiver.port);
    sending.request.allow_private = false;
    assert_int_equal(send_it(&sending), TKR_FORBIDDEN);
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 1);
}

static void test_an_address_in_other_words_is_judged_all_the_same(void **state)
{
    static const char *const hosts[] = {
        "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"};
    struct receiver receiver;
    receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sending sending;
        prepare(&sending, &receiver);
        snprintf(sending.url, sizeof(sending.url), "https://%s:%u/", hosts[i], receiver.port);
        sending.request.allow_private = false;
        assert_int_equal(send_it(&sending), TKR_FORBIDDEN);
    }
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 0);
}

static void test_a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct receiver receiver, target;
    struct sending sending;
    char answer[200];
    receiver_start(&target, "HTTP/1.1 204 No Content\r\n\r\n");
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%u/\r\nContent-Length: 0\r\n\r\n",
             target.port);
    receiver_start(&receiver, answer);
    prepare(&sending, &receiver);
    assert_int_equal(send_it(&sending), TKR_OK);
    assert_int_equal(sending.answer.status, 307);
    receiver_stop(&receiver);
    receiver_stop(&target);
    assert_int_equal(target.connections, 0);
    http_send_answer_deinit(&sending.answer);
}

static void test_the_environment_names_no_proxy_for_us(void **state)
{
    struct receiver receiver, proxy;
    struct sending sending;
    char url[100];
    receiver_start(&proxy, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
    setenv("http_proxy", url, 1);
    setenv("ALL_PROXY", url, 1);
    prepare(&sending, &receiver);
    assert_int_equal(send_it(&sending), TKR_OK);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(sending.answer.status, 204);
    receiver_stop(&receiver);
    receiver_stop(&proxy);
    assert_int_equal(proxy.connections, 0);
    http_send_answer_deinit(&sending.answer);
}

/* --- what comes back ---------------------------------------------------------------------- */

static void test_who_never_answers_takes_no_longer_than_the_timeout(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, NULL);
    prepare(&sending, &receiver);
    sending.request.timeout_ms = 300;
    assert_int_equal(send_it(&sending), TKR_TIMEOUT);
    assert_int_equal(sending.answer.status, 0);
    receiver_stop(&receiver);
    http_send_answer_deinit(&sending.answer);
}

static void test_an_endless_answer_is_read_to_the_maximum(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, "HTTP/1.1 200 OK\r\n\r\n");
    receiver.endless = true;
    prepare(&sending, &receiver);
    assert_int_equal(send_it(&sending), TKR_TOO_LARGE);
    assert_int_equal(sending.answer.status, 200);
    assert_true(sending.answer.body.length <= 4096);
    receiver_stop(&receiver);
    http_send_answer_deinit(&sending.answer);
}

/* Lines of headers are kept by curl, and those behind a body it does not count. */
static void test_endless_trailers_are_read_to_a_maximum(void **state)
{
    struct receiver receiver;
    struct sending sending;
    char line[2001];
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "X-A: ", 5);
    strcpy(line + sizeof(line) - 3, "\r\n");
    receiver_start(&receiver, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    receiver.again = line;
    receiver.endless = true;
    prepare(&sending, &receiver);
    assert_int_equal(send_it(&sending), TKR_TOO_LARGE);
    assert_int_equal(sending.answer.status, 200);
    receiver_stop(&receiver);
    http_send_answer_deinit(&sending.answer);
}

static void test_nobody_there_is_unavailable(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, NULL);
    prepare(&sending, &receiver);
    receiver_stop(&receiver);
    assert_int_equal(send_it(&sending), TKR_UNAVAILABLE);
}

static void test_what_is_no_http_is_unavailable(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, "220 mail.example.com ESMTP\r\n");
    prepare(&sending, &receiver);
    assert_int_equal(send_it(&sending), TKR_UNAVAILABLE);
    receiver_stop(&receiver);
    http_send_answer_deinit(&sending.answer);
}

static void test_the_answer_comes_back_whole(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 5\r\n\r\n"
                              "later");
    prepare(&sending, &receiver);
    sending.request.method = "PUT";
    assert_int_equal(send_it(&sending), TKR_OK);
    receiver_stop(&receiver);
    assert_int_equal(sending.answer.status, 429);
    assert_int_equal(sending.answer.retry_after_s, 17);
    assert_string_equal(sending.answer.body.data, "later");
    assert_non_null(strstr(receiver.request, "PUT /hook/secret-path HTTP/1.1\r\n"));
    assert_non_null(strstr(receiver.request, "Authorization: Bearer " SECRET "\r\n"));
    assert_non_null(strstr(receiver.request, "\r\n\r\n{\"a\":1}"));
    assert_null(strcasestr(receiver.request, "expect:"));
    http_send_answer_deinit(&sending.answer);
}

static void test_get_has_no_body(void **state)
{
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    prepare(&sending, &receiver);
    sending.request.method = "GET";
    assert_int_equal(send_it(&sending), TKR_OK);
    receiver_stop(&receiver);
    assert_non_null(strstr(receiver.request, "GET /hook"));
    assert_null(strcasestr(receiver.request, "content-length:"));
    http_send_answer_deinit(&sending.answer);
}

static void test_a_header_with_a_line_feed_is_refused(void **state)
{
    static const struct http_send_header bad[] = {
        {"X-A", "a\r\nX-B: b"}, {"X:A", "a"}, {"X\nA", "a"}, {"", "a"}};
    struct receiver receiver;
    struct sending sending;
    receiver_start(&receiver, "HTTP/1.1 204 No Content\r\n\r\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        prepare(&sending, &receiver);
        sending.request.headers = &bad[i];
        sending.request.header_count = 1;
        assert_int_equal(send_it(&sending), TKR_INVALID);
    }
    receiver_stop(&receiver);
    assert_int_equal(receiver.connections, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_must_be_https_without_a_user),
        cmocka_unit_test(test_a_name_that_means_the_loopback_is_not_reached),
        cmocka_unit_test(test_a_name_is_judged_anew_with_each_connection),
        cmocka_unit_test(test_an_address_in_other_words_is_judged_all_the_same),
        cmocka_unit_test(test_a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(test_the_environment_names_no_proxy_for_us),
        cmocka_unit_test(test_who_never_answers_takes_no_longer_than_the_timeout),
        cmocka_unit_test(test_an_endless_answer_is_read_to_the_maximum),
        cmocka_unit_test(test_endless_trailers_are_read_to_a_maximum),
        cmocka_unit_test(test_nobody_there_is_unavailable),
        cmocka_unit_test(test_what_is_no_http_is_unavailable),
        cmocka_unit_test(test_the_answer_comes_back_whole),
        cmocka_unit_test(test_get_has_no_body),
        cmocka_unit_test(test_a_header_with_a_line_feed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
