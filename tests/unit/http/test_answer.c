/* SPDX-License-Identifier: Apache-2.0 */
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

static void get(int fd, const char *target, struct answer *answer)
{
    char request[512];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    send_text(fd, request);
    read_answer(fd, answer);
}

static void test_a_value_with_a_line_end_is_replaced(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (int i = 0; i < 2; i++) { /* the second time the answer is the altered first */
        get(fd, "/inject", &answer);
        assert_string_equal(answer_header(&answer, "X-Split"), "-");
        assert_string_equal(answer_header(&answer, "X-Line"), "-");
        assert_string_equal(answer_header(&answer, "X-Empty"), "-");
        assert_string_equal(answer_header(&answer, "X-Good"), "fine");
        assert_null(answer_header(&answer, "Set-Cookie"));
    }
    close(fd);
}

static void test_a_problem_has_every_member(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    get(fd, "/refuse", &answer);
    assert_int_equal(answer.status, 422);
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/problem+json");
    assert_string_equal(answer_header(&answer, "X-Reason"), "because");
    char expected[512];
    snprintf(expected, sizeof(expected),
             "{\"type\":\"about:blank\",\"title\":\"Bad \\\"name\\\"\",\"status\":422,"
             "\"detail\":\"not \\\\ ? ? good\",\"code\":\"bad_name\","
             "\"member\":\"na\\\"me\",\"request_id\":\"%s\"}",
             answer_header(&answer, "X-Request-Id"));
    assert_string_equal(answer.body, expected);
    close(fd);
}

static void with_type(struct fixture *f, struct http_options *options)
{
    options->problem_type = "urn:toy:";
}

static void test_the_type_of_a_problem_may_have_a_prefix(void **state)
{
    struct fixture other;
    struct answer answer;
    fixture_start(&other, with_type);
    ask(&other, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_non_null(strstr(answer.body, "{\"type\":\"urn:toy:not_found\","));
    fixture_stop(&other);
}

static void test_the_connection_is_kept_after_errors_with_bodies(void **state)
{
    static const char *const targets[] = {"/nothing", "/refuse", "/query?a=%", "/hello"};
    static const int statuses[] = {404, 422, 400, 200};
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (int i = 0; i < 40; i++) {
        get(fd, targets[i % 4], &answer);
        assert_int_equal(answer.status, statuses[i % 4]);
        assert_null(answer_header(&answer, "Connection"));
    }
    close(fd);
}

/* Headers that come, go and change must never be left over from an answer before. */
static void test_each_answer_has_exactly_its_headers(void **state)
{
    static const char *const names[] = {"X-0", "X-1", "X-2", "X-3", "X-4", "X-5"};
    int fd = fixture_connect(&fixture);
    struct answer answer;
    char last[32] = "";
    srand(1);
    for (int i = 0; i < 500; i++) {
        unsigned n = (unsigned)(rand() % 7);
        char target[32];
        snprintf(target, sizeof(target), "/count?n=%u", n);
        get(fd, rand() % 5 == 0 ? "/refuse" : target, &answer);
        if (answer.status == 422) {
            assert_int_equal(answer_header_count(&answer, "X-Reason"), 1);
            assert_int_equal(answer_header_count(&answer, "X-0"), 0);
            assert_int_equal(answer_header_count(&answer, "X-Serial"), 0);
            continue;
        }
        assert_int_equal(answer_header_count(&answer, "X-Reason"), 0);
        assert_int_equal(answer_header_count(&answer, "Date"), 1);
        assert_int_equal(answer_header_count(&answer, "Server"), 1);
        assert_int_equal(answer_header_count(&answer, "X-Serial"), 1);
        char serial[32];
        snprintf(serial, sizeof(serial), "%s", answer_header(&answer, "X-Serial"));
        assert_string_not_equal(serial, last);
        strcpy(last, serial);
        for (unsigned h = 0; h < 6; h++) {
            assert_int_equal(answer_header_count(&answer, names[h]), h < n);
            if (h < n && h % 2 == 0) {
                assert_string_equal(answer_header(&answer, names[h]), "same");
            } else if (h < n) {
                assert_int_equal(strtoul(answer_header(&answer, names[h]), NULL, 10),
                                 strtoul(serial, NULL, 10));
            }
        }
    }
    close(fd);
}

static void test_two_headers_of_one_name_keep_their_values_apart(void **state)
{
    static const char *const values[] = {"aa", "bb", "cc", "dddd"};
    int fd = fixture_connect(&fixture);
    struct answer answer;
    srand(2);
    for (int i = 0; i < 300; i++) {
        const char *one = values[rand() % 4], *two = values[rand() % 4];
        char target[64], line[64];
        snprintf(target, sizeof(target), "/twice?a=%s&b=%s", one, two);
        get(fd, target, &answer);
        assert_int_equal(answer_header_count(&answer, "X-Twice"), 2);
        snprintf(line, sizeof(line), "\r\nX-Twice: %s\r\n", one);
        assert_non_null(strstr(answer.head, line));
        snprintf(line, sizeof(line), "\r\nx-twice: %s\r\n", two);
        assert_non_null(strstr(answer.head, line));
    }
    close(fd);
}

static void test_connections_do_not_see_each_others_headers(void **state)
{
    int one = fixture_connect(&fixture), two = fixture_connect(&fixture);
    struct answer first, second;
    for (int i = 0; i < 20; i++) {
        send_text(one, "GET /count?n=6 HTTP/1.1\r\nHost: x\r\n\r\n");
        send_text(two, "GET /count?n=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        read_answer(one, &first);
        read_answer(two, &second);
        assert_int_equal(answer_header_count(&first, "X-5"), 1);
        assert_int_equal(answer_header_count(&second, "X-5"), 0);
    }
    close(one);
    close(two);
}

static bool date_is(void *context)
{
    struct answer answer;
    ask(&fixture, "GET /count HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    const char *date = answer_header(&answer, "Date");
    return date != NULL && strcmp(date, context) == 0;
}

static void test_the_date_is_the_clocks(void **state)
{
    char before[] = "Thu, 01 Jan 2026 00:00:00 GMT", after[] = "Thu, 01 Jan 2026 01:01:01 GMT";
    int fd = fixture_connect(&fixture);
    struct answer answer;
    get(fd, "/count", &answer);
    assert_true(date_is(before));
    virtual_clock_set_wall(&fixture.time, 1767225600000 + 3661000);
    eventually(date_is, after);
    get(fd, "/count", &answer); /* also where the answer is altered */
    assert_string_equal(answer_header(&answer, "Date"), after);
    assert_int_equal(answer_header_count(&answer, "Date"), 1);
    get(fd, "/hello", &answer);
    assert_string_equal(answer_header(&answer, "Date"), after);
    virtual_clock_set_wall(&fixture.time, 1767225600000);
    close(fd);
}

static void test_a_good_request_id_is_taken_over(void **state)
{
    struct answer answer;
    ask(&fixture, "GET /id HTTP/1.1\r\nHost: x\r\nX-Request-Id: aZ0._-\r\n\r\n", &answer);
    assert_string_equal(answer.body, "aZ0._-");
    assert_string_equal(answer_header(&answer, "X-Request-Id"), "aZ0._-");
}

static void test_an_odd_request_id_is_replaced(void **state)
{
    char long_id[HTTP_REQUEST_ID_BYTES_MAX + 2];
    memset(long_id, 'a', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    const char *const ids[] = {"a b", "a\"", "", "\xc3\xa9", long_id};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char request[256];
        struct answer answer;
        snprintf(request, sizeof(request),
                 "GET /id HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n\r\n", ids[i]);
        ask(&fixture, request, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_not_equal(answer.body, ids[i]);
        assert_true(answer.body_length > 16);
    }
}

static void test_request_ids_differ(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    char before[128];
    get(fd, "/id", &answer);
    strcpy(before, answer.body);
    get(fd, "/id", &answer);
    assert_string_not_equal(answer.body, before);
    close(fd);
}

static void test_a_worker_answers_with_a_request_id(void **state)
{
    struct answer answer;
    ask(&fixture, "POST /worker/echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n", &answer);
    assert_string_equal(answer_header(&answer, "X-Request-Id"), "mine");
}

static void test_a_secret_body_arrives(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    for (int i = 0; i < 3; i++) {
        get(fd, "/secret", &answer);
        assert_int_equal(answer.status, 201);
        assert_string_equal(answer.body, "sk_live_secret");
    }
    close(fd);
}

static void test_answers_are_counted_by_class(void **state)
{
    struct http_stats before, after;
    struct answer answer;
    http_server_stats(fixture.server, &before);
    ask(&fixture, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    ask(&fixture, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    ask(&fixture, "GET /hello HTTP/3.0\r\nHost: x\r\n\r\n", &answer); /* libmicrohttpd's own */
    ask(&fixture, "POST /worker/echo HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    http_server_stats(fixture.server, &after);
    assert_int_equal(after.requests[2], before.requests[2] + 2);
    assert_int_equal(after.requests[4], before.requests[4] + 1);
    assert_true(after.connections_total >= before.connections_total + 4);
}

static int log_pipe[2];

static void with_log(struct fixture *f, struct http_options *options)
{
    options->access_log = true;
    assert_int_equal(
        log_new(log_pipe[1], LOG_FORMAT_JSON, LOG_DEBUG, options->clock, &options->log), TKR_OK);
    f->log = options->log;
}

static void test_an_access_line_names_the_route_and_not_the_path(void **state)
{
    struct fixture other;
    struct answer answer;
    char lines[4096] = "";
    assert_int_equal(pipe(log_pipe), 0);
    fixture_start(&other, with_log);
    ask(&other,
        "GET /items/sk_live_secret?a=sk_live_secret HTTP/1.1\r\nHost: x\r\n"
        "X-Request-Id: mine\r\n\r\n",
        &answer);
    assert_string_equal(answer_header(&answer, "X-Request-Id"), "mine");
    ask(&other, "GET /sk_live_secret HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    struct log *log = other.log;
    fixture_stop(&other);
    assert_true(read(log_pipe[0], lines, sizeof(lines) - 1) > 0);
    assert_non_null(strstr(lines, "\"route\":\"/items/{id}\""));
    assert_non_null(strstr(lines, "\"request_id\":\"mine\""));
    assert_non_null(strstr(lines, "\"status\":404"));
    assert_null(strstr(lines, "sk_live_"));
    log_free(log);
    close(log_pipe[0]);
    close(log_pipe[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_with_a_line_end_is_replaced),
        cmocka_unit_test(test_a_problem_has_every_member),
        cmocka_unit_test(test_the_type_of_a_problem_may_have_a_prefix),
        cmocka_unit_test(test_the_connection_is_kept_after_errors_with_bodies),
        cmocka_unit_test(test_each_answer_has_exactly_its_headers),
        cmocka_unit_test(test_two_headers_of_one_name_keep_their_values_apart),
        cmocka_unit_test(test_connections_do_not_see_each_others_headers),
        cmocka_unit_test(test_the_date_is_the_clocks),
        cmocka_unit_test(test_a_good_request_id_is_taken_over),
        cmocka_unit_test(test_an_odd_request_id_is_replaced),
        cmocka_unit_test(test_request_ids_differ),
        cmocka_unit_test(test_a_worker_answers_with_a_request_id),
        cmocka_unit_test(test_a_secret_body_arrives),
        cmocka_unit_test(test_answers_are_counted_by_class),
        cmocka_unit_test(test_an_access_line_names_the_route_and_not_the_path),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
