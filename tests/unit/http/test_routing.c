/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
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

static struct answer get(const char *method, const char *target)
{
    static struct answer answer;
    char request[1024];
    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, target);
    ask(&fixture, request, &answer);
    return answer;
}

static void assert_not_found(const char *target)
{
    struct answer answer = get("GET", target);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/problem+json");
    assert_non_null(strstr(answer.body, "\"code\":\"not_found\""));
}

static void test_an_unknown_path_is_not_found(void **state)
{
    assert_not_found("/nothing");
    assert_not_found("/");
    assert_not_found("/hell");
    assert_not_found("/hello/there");
}

static void test_a_path_that_only_looks_like_a_route_is_not_found(void **state)
{
    assert_not_found("/hello/");
    assert_not_found("//hello");
    assert_not_found("/./hello");
    assert_not_found("/x/../hello");
    assert_not_found("/%68ello");
    assert_not_found("/HELLO");
    assert_not_found("/hello;x=1");
}

static void test_a_path_argument_may_not_be_empty(void **state)
{
    assert_not_found("/items/");
    assert_not_found("/items//copy");
}

static void test_a_known_path_with_another_method_is_405_with_allow(void **state)
{
    struct answer answer = get("PUT", "/hello");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD");
    answer = get("POST", "/items/special");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, PATCH, DELETE");
}

static void test_a_method_that_nobody_knows_is_405_where_the_path_is_known(void **state)
{
    assert_int_equal(get("BREW", "/hello").status, 405);
    assert_int_equal(get("get", "/hello").status, 405);
    assert_int_equal(get("OPTIONS", "/hello").status, 405);
    assert_int_equal(get("BREW", "/nothing").status, 404);
}

static void test_the_same_path_may_have_rows_of_its_own_for_each_method(void **state)
{
    struct answer answer = get("GET", "/items/7");
    assert_string_equal(answer.body, "2:7");
    answer = get("DELETE", "/items/7");
    assert_string_equal(answer.body, "3:7");
}

static void test_the_first_row_that_fits_wins(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "GET /items/special HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "2:special");
    close(fd);
}

static void test_head_is_answered_like_get_without_the_body(void **state)
{
    int fd = fixture_connect(&fixture);
    struct answer answer;
    send_text(fd, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer_to_head(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Content-Length"), "5");
    read_answer(fd, &answer); /* no body came between */
    assert_string_equal(answer.body, "hello");
    close(fd);
}

static void test_a_path_argument_is_decoded(void **state)
{
    assert_string_equal(get("GET", "/items/a%20b").body, "2:a b");
    assert_string_equal(get("GET", "/items/a%2Fb").body, "2:a/b");
    assert_string_equal(get("GET", "/items/a+b").body, "2:a+b");
    assert_string_equal(get("GET", "/items/%c3%a9").body, "2:\xc3\xa9");
}

static void test_a_path_argument_with_nul_or_bad_bytes_is_null(void **state)
{
    assert_string_equal(get("GET", "/items/a%00b").body, "2:(null)");
    assert_string_equal(get("GET", "/items/%ff").body, "2:(null)");
    assert_string_equal(get("GET", "/items/a%2").body, "2:(null)");
    assert_string_equal(get("GET", "/items/a%zz").body, "2:(null)");
    assert_string_equal(get("GET", "/items/a%0d%0ab").body, "2:(null)");
}

static void test_the_query_is_no_part_of_the_path(void **state)
{
    assert_string_equal(get("GET", "/hello?a=/nothing").body, "hello");
    assert_string_equal(get("GET", "/hello?").body, "hello");
}

static void test_query_arguments_come_decoded_and_in_order(void **state)
{
    assert_string_equal(get("GET", "/query?b=2&a=1&b=%26%3d&c&=d&&e=x+y").body,
                        "b=2;a=1;b=&=;c=;=d;e=x y;");
    assert_string_equal(get("GET", "/worker/query?b=2&a=1").body, "b=2;a=1;");
}

static void test_a_malformed_query_is_refused(void **state)
{
    const char *const targets[] = {"/query?a=%",   "/query?a=%1",  "/query?a=%gg",
                                   "/query?%00=a", "/query?a=%00", "/worker/query?a=%00"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer answer = get("GET", targets[i]);
        assert_int_equal(answer.status, 400);
        assert_non_null(strstr(answer.body, "\"code\":\"malformed\""));
    }
}

static void test_too_many_query_arguments_are_refused(void **state)
{
    char target[512] = "/query?";
    for (int i = 0; i < 64; i++) {
        strcat(target, "a&");
    }
    assert_int_equal(get("GET", target).status, 200);
    strcat(target, "a");
    struct answer answer = get("GET", target);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "\"code\":\"out_of_range\""));
}

static void test_the_absolute_form_of_a_target_is_accepted(void **state)
{
    assert_string_equal(get("GET", "http://x/hello?a").body, "hello");
    assert_int_equal(get("GET", "https://x:1/hello").status, 200);
}

static void test_a_target_that_is_no_path_is_malformed(void **state)
{
    assert_int_equal(get("OPTIONS", "*").status, 400);
    assert_int_equal(get("CONNECT", "x:80").status, 400);
    assert_int_equal(get("GET", "hello").status, 400);
    assert_int_equal(get("GET", "ftp://x/hello").status, 400);
    assert_int_equal(get("GET", "http://x").status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unknown_path_is_not_found),
        cmocka_unit_test(test_a_path_that_only_looks_like_a_route_is_not_found),
        cmocka_unit_test(test_a_path_argument_may_not_be_empty),
        cmocka_unit_test(test_a_known_path_with_another_method_is_405_with_allow),
        cmocka_unit_test(test_a_method_that_nobody_knows_is_405_where_the_path_is_known),
        cmocka_unit_test(test_the_same_path_may_have_rows_of_its_own_for_each_method),
        cmocka_unit_test(test_the_first_row_that_fits_wins),
        cmocka_unit_test(test_head_is_answered_like_get_without_the_body),
        cmocka_unit_test(test_a_path_argument_is_decoded),
        cmocka_unit_test(test_a_path_argument_with_nul_or_bad_bytes_is_null),
        cmocka_unit_test(test_the_query_is_no_part_of_the_path),
        cmocka_unit_test(test_query_arguments_come_decoded_and_in_order),
        cmocka_unit_test(test_a_malformed_query_is_refused),
        cmocka_unit_test(test_too_many_query_arguments_are_refused),
        cmocka_unit_test(test_the_absolute_form_of_a_target_is_accepted),
        cmocka_unit_test(test_a_target_that_is_no_path_is_malformed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
