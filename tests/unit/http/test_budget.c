/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies of all connections together may hold, and when it is given back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define BUDGET 100000 /* one upload, and not two */

static struct fixture fixture;

static void small_budget(struct fixture *f, struct http_options *options)
{
    options->bodies_bytes_max = BUDGET;
    options->idle_s = 60;
    options->request_s = 5;
}

static int start(void **state)
{
    fixture_start(&fixture, small_budget);
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

static uint64_t booked(void)
{
    struct http_stats stats;
    http_server_stats(fixture.server, &stats);
    return stats.bodies_bytes;
}

static bool is_booked(void *context)
{
    return booked() >= *(uint64_t *)context;
}

static bool nothing_is_booked(void *context)
{
    return booked() == 0;
}

static void wait_for_booked(uint64_t bytes)
{
    eventually(is_booked, &bytes);
}

static void send_filler(int fd, size_t bytes)
{
    static char filler[UPLOAD_BYTES_MAX];
    memset(filler, 'x', sizeof(filler));
    assert_true(bytes <= sizeof(filler));
    send_bytes(fd, filler, bytes);
}

/* The head of an upload and the first `sent` bytes of its body. */
static int begin_upload(const char *path, size_t declared, size_t sent)
{
    char head[256];
    int fd = fixture_connect(&fixture);
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path,
             declared);
    send_text(fd, head);
    send_filler(fd, sent);
    return fd;
}

static int begin_chunked(const char *path, size_t chunk)
{
    char head[256];
    int fd = fixture_connect(&fixture);
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", path,
             chunk);
    send_text(fd, head);
    send_filler(fd, chunk);
    send_text(fd, "\r\n");
    return fd;
}

static void assert_status(int fd, int status)
{
    struct answer answer;
    read_answer(fd, &answer);
    assert_int_equal(answer.status, status);
}

static void assert_uploads(const char *path)
{
    int fd = begin_upload(path, UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX);
    struct answer answer;
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_length, UPLOAD_BYTES_MAX);
    close(fd);
    eventually(nothing_is_booked, NULL);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void test_beyond_the_budget_a_body_is_answered_503(void **state)
{
    static const char *const paths[] = {"/upload", "/worker/upload"};
    int holder = begin_upload("/upload", UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX - 1);
    wait_for_booked(UPLOAD_BYTES_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        int fd = begin_upload(paths[i], UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX);
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 503);
        assert_string_equal(answer_header(&answer, "Retry-After"), "1");
        assert_non_null(strstr(answer.body, "\"code\":\"busy\""));
        send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* it was read to its end */
        assert_status(fd, 200);
        close(fd);
        assert_true(booked() <= UPLOAD_BYTES_MAX + 1); /* what is refused holds nothing */
    }
    send_filler(holder, 1);
    assert_status(holder, 200);
    close(holder);
    eventually(nothing_is_booked, NULL);
}

static void test_a_chunked_body_counts_too(void **state)
{
    int holder = begin_chunked("/upload", 60000);
    wait_for_booked(60000);
    int fd = begin_chunked("/upload", 60000);
    send_text(fd, "0\r\n\r\n");
    assert_status(fd, 503);
    close(fd);
    close(holder);
    eventually(nothing_is_booked, NULL);
}

/* --- what is not ----------------------------------------------------------------------------- */

static void test_small_bodies_do_not_count(void **state)
{
    int holder = begin_upload("/upload", UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX - 1);
    wait_for_booked(UPLOAD_BYTES_MAX);
    uint64_t before = booked();
    int fds[32];
    for (size_t i = 0; i < 32; i++) {
        fds[i] = i % 2 == 0 ? begin_upload("/upload", HTTP_BODY_UNBOOKED_BYTES_MAX,
                                           HTTP_BODY_UNBOOKED_BYTES_MAX - 1)
                            : begin_chunked("/upload", HTTP_BODY_UNBOOKED_BYTES_MAX);
    }
    for (size_t i = 0; i < 32; i++) {
        send_text(fds[i], i % 2 == 0 ? "x" : "0\r\n\r\n");
        assert_status(fds[i], 200);
        close(fds[i]);
    }
    assert_int_equal(booked(), before);
    close(holder);
    eventually(nothing_is_booked, NULL);
}

static void test_a_length_that_is_only_announced_does_not_count(void **state)
{
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = begin_upload("/upload", UPLOAD_BYTES_MAX, 100);
    }
    assert_uploads("/upload");
    for (size_t i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

/* --- giving it back -------------------------------------------------------------------------- */

static void test_an_answered_upload_gives_its_bytes_back(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        assert_uploads("/upload");
        assert_uploads("/worker/upload");
    }
}

static void test_a_client_that_goes_away_gives_its_bytes_back(void **state)
{
    int fd = begin_upload("/upload", UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX - 1);
    wait_for_booked(UPLOAD_BYTES_MAX);
    close(fd);
    eventually(nothing_is_booked, NULL);
    assert_uploads("/upload");
}

static void test_a_client_that_is_too_slow_gives_its_bytes_back(void **state)
{
    int fd = begin_upload("/upload", UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX - 1);
    wait_for_booked(UPLOAD_BYTES_MAX);
    assert_true(closes_in_time(&fixture, fd, 6000));
    eventually(nothing_is_booked, NULL);
    close(fd);
    assert_uploads("/upload");
}

static void test_a_body_over_its_maximum_gives_its_bytes_back_at_once(void **state)
{
    int fd = begin_chunked("/upload", UPLOAD_BYTES_MAX);
    wait_for_booked(UPLOAD_BYTES_MAX);
    send_text(fd, "1\r\nx\r\n"); /* the body goes on */
    eventually(nothing_is_booked, NULL);
    send_text(fd, "0\r\n\r\n");
    assert_status(fd, 413);
    close(fd);
}

static void test_an_exchange_that_is_abandoned_gives_its_bytes_back(void **state)
{
    int fd = begin_upload("/worker/upload/later", UPLOAD_BYTES_MAX, UPLOAD_BYTES_MAX);
    struct http_exchange *exchange = parked_wait(&fixture);
    assert_true(booked() >= UPLOAD_BYTES_MAX);
    http_server_stop(fixture.server, 0);
    assert_int_equal(booked(), 0);
    close(fd);
    http_answer(exchange, 200, NULL, NULL, 0, false);
    assert_int_equal(booked(), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_beyond_the_budget_a_body_is_answered_503),
        TEST(test_a_chunked_body_counts_too),
        TEST(test_small_bodies_do_not_count),
        TEST(test_a_length_that_is_only_announced_does_not_count),
        TEST(test_an_answered_upload_gives_its_bytes_back),
        TEST(test_a_client_that_goes_away_gives_its_bytes_back),
        TEST(test_a_client_that_is_too_slow_gives_its_bytes_back),
        TEST(test_a_body_over_its_maximum_gives_its_bytes_back_at_once),
        TEST(test_an_exchange_that_is_abandoned_gives_its_bytes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
